//! PostgreSQL's text holds every character but NUL, and clients can write it in many places. It is refused in all of
//! them, on both databases alike, and never a failure of the server.

use axum::body::Body;
use axum::http::{Method, Request};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use domain::{Collection, Day, DayRange};
use serde_json::json;
use store::{NewToken, Scope, Scopes};

use crate::documents::score;
use crate::login::account;
use crate::test_api::{DESCRIPTION, TestApi, now, problem};

/// The service on both databases, with a person, an account and a token that opens everything.
async fn services() -> Vec<(TestApi, String)> {
    let (embedded, folder) = store::testing::sqlite().await;
    let server = store::testing::postgres().await;
    let mut services = Vec::new();
    for (store, folder) in [(embedded, folder), (server, tempfile::tempdir().unwrap())] {
        let api = TestApi::on(store, folder, |_| (), api::Anonymous::WithoutTokens);
        let (collection, document) = score("2026-03-29", 82);
        api.put("me", collection, vec![document]).await;
        account(&api, 1, "ann", None).await;
        let scopes = Scopes::new(vec![Scope::Rest, Scope::RemoteRead, Scope::Ingest, Scope::Jobs]);
        let new = NewToken { name: "all".into(), person: None, scopes, expires_at: None };
        let token = api.store.create_token(&new, [7; 32], now()).await.unwrap();
        services.push((api, token));
    }
    services
}

async fn send(api: &TestApi, token: &str, method: Method, uri: &str, body: impl Into<Body>) -> u16 {
    let request = Request::builder().method(method).uri(uri).header("content-type", "application/json");
    let request = request.header("authorization", format!("Bearer {token}"));
    let answer = api.send(request.body(body.into()).unwrap()).await;
    let status = answer.status.as_u16();
    problem(&answer, status, uri);
    status
}

#[tokio::test]
async fn nul_in_any_documented_parameter_is_a_bad_request() {
    for (api, token) in services().await {
        let mut tried = 0;
        for (path, item) in DESCRIPTION["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let parameters: Vec<_> = operation["parameters"].as_array().into_iter().flatten().collect();
                for nul in &parameters {
                    let (mut uri, mut query) = (path.clone(), Vec::new());
                    for parameter in &parameters {
                        let name = parameter["name"].as_str().unwrap();
                        let example = parameter["example"].to_string();
                        let value = if parameter == nul { "a%00b" } else { example.trim_matches('"') };
                        match parameter["in"].as_str() {
                            Some("path") => uri = uri.replace(&format!("{{{name}}}"), value),
                            Some("query") if parameter == nul || parameter["required"] == true => {
                                query.push(format!("{name}={value}"));
                            }
                            _ => {}
                        }
                    }
                    if nul["in"] == "header" {
                        continue;
                    }
                    let uri = format!("{uri}?{}", query.join("&"));
                    let method = method.to_uppercase().parse().unwrap();
                    assert_eq!(send(&api, &token, method, &uri, Body::empty()).await, 400, "{uri}");
                    tried += 1;
                }
            }
        }
        assert!(tried > 50, "{tried}");
    }
}

#[tokio::test]
async fn nul_in_a_cursor_is_a_bad_request() {
    let cursors = [["2026-03-29", "a\0b"].join("\n"), "\0".to_owned(), ["a\0", "b", "c"].join("\n")];
    for (api, token) in services().await {
        for cursor in &cursors {
            let cursor = BASE64URL_NOPAD.encode(cursor.as_bytes());
            for path in ["workouts", "tags", "points/heart_rate", "sessions"] {
                let uri = format!("/api/v1/{path}?person=me&after={cursor}");
                let status = send(&api, &token, Method::GET, &uri, Body::empty()).await;
                assert!(matches!(status, 400 | 404), "{uri}: {status}");
            }
        }
    }
}

#[tokio::test]
async fn nul_in_a_body_is_refused() {
    let day = "2026-03-28";
    for (api, token) in services().await {
        for (path, body, status) in [
            ("/api/v1/auth/login", json!({"name": "a\0nn", "password": "x"}), 400),
            ("/api/v1/auth/login", json!({"name": "ann", "password": "x\0"}), 401),
            ("/api/v1/ingest", json!({"person": "m\0e", "collection": "sleep", "documents": []}), 404),
            ("/api/v1/ingest", json!({"person": "me", "collection": "sl\0eep", "documents": []}), 400),
            ("/api/v1/jobs", json!({"kind": "export", "person": "m\0e", "format": "csv"}), 404),
            ("/api/v1/jobs", json!({"kind": "export", "person": "me", "format": "c\0sv"}), 400),
            ("/api/v1/jobs", json!({"kind": "report", "person": "me", "period": "we\0ek"}), 400),
            ("/api/v1/jobs", json!({"kind": "backfill", "person": "me", "from": "\0", "to": day}), 400),
        ] {
            assert_eq!(
                send(&api, &token, Method::POST, path, body.to_string()).await,
                status,
                "{path} {body}"
            );
        }
    }
}

#[tokio::test]
async fn document_with_nul_is_stored_or_quarantined_and_spoils_no_other() {
    for (api, token) in services().await {
        let documents = json!([
            {"id": "a\0b", "day": "2026-03-28", "score": 1, "contributors": {}},
            {"id": "c", "day": "2026-03-\0", "score": 1, "contributors": {}},
            {"id": "d", "day": "2026-03-28", "score": 2, "contributors": {}, "n\0ew": "x\0y"},
        ]);
        let body = json!({"person": "me", "collection": "daily_sleep", "documents": documents}).to_string();
        let request = Request::post("/api/v1/ingest").header("content-type", "application/json");
        let request = request.header("authorization", format!("Bearer {token}"));
        let answer = api.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status, 200);
        assert_eq!((&answer.json()["new"], &answer.json()["rejected"]), (&json!(1), &json!(2)));
        let me = api.person("me").await.id;
        let day: Day = "2026-03-28".parse().unwrap();
        let range = DayRange::new(day, day).unwrap();
        let kept = api.store.documents_of(me, &[Collection::DailySleep], range).await.unwrap();
        assert!(kept.iter().any(|document| document.body.contains("\\u0000")), "as it was sent");
    }
}

#[tokio::test]
async fn nul_in_a_credential_is_unauthorized() {
    for (api, token) in services().await {
        for credentials in [format!("x:{token}\0"), "x:mh_1_\0".to_owned(), "\0:\0".to_owned()] {
            let basic = format!("Basic {}", BASE64.encode(credentials.as_bytes()));
            let request = Request::get("/api/v1/people").header("authorization", basic);
            let answer = api.send(request.body(Body::empty()).unwrap()).await;
            problem(&answer, 401, &credentials);
        }
    }
}
