//! The audit trail: who logged in, from where, and who was refused.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request};
use serde_json::{Value, json};
use store::{NewToken, Scope, Scopes};

use crate::log;
use crate::login::{PASSWORD, account, with};
use crate::test_api::{TestApi, now, problem};

/// A request that a proxy at 10.0.0.1 passes on for 203.0.113.9.
async fn behind_proxy(api: &TestApi, request: axum::http::request::Builder, body: String) -> u16 {
    let peer = ConnectInfo(SocketAddr::from(([10, 0, 0, 1], 5000)));
    let request = request.header("x-forwarded-for", "198.51.100.1, 203.0.113.9").extension(peer);
    api.send(request.body(Body::from(body)).unwrap()).await.status.as_u16()
}

async fn token(api: &TestApi, scope: Scope, person: Option<i64>, random: u8) -> String {
    let scopes = Scopes::new(vec![scope]);
    let new = NewToken { name: scope.to_string(), person, scopes, expires_at: None };
    api.store.create_token(&new, [random; 32], now()).await.unwrap()
}

async fn entries(api: &TestApi, admin: &str, query: &str) -> Value {
    api.store_audit().await;
    let answer = with(api, Method::GET, &format!("/api/v1/admin/audit{query}"), admin).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    answer.json()
}

#[tokio::test]
async fn audit_trail_has_log_ins_first_uses_exports_and_refusals_with_the_clients_address() {
    let api = TestApi::edged(
        |settings| {
            settings.proxies.trusted = vec!["10.0.0.0/8".parse().unwrap()];
            settings.log_ins_per_minute = std::num::NonZeroU32::new(3);
        },
        api::Anonymous::Refused,
    )
    .await;
    api.person("me").await;
    account(&api, 1, "ann", None).await;
    let admin = token(&api, Scope::Admin, None, 1).await;
    let jobs = token(&api, Scope::Jobs, None, 2).await;
    let log_in = async |name: &str, password: &str| {
        let body = json!({"name": name, "password": password}).to_string();
        behind_proxy(&api, Request::post("/api/v1/auth/login"), body).await
    };
    assert_eq!(log_in("ann", "wrong horse battery").await, 401);
    assert_eq!(log_in("correct horse battery", "ann").await, 401);
    assert_eq!(log_in("ann", PASSWORD).await, 200);
    // Cheaper to refuse than a password is to check, so the limit is reached however slow this machine is.
    let tries = async || behind_proxy(&api, Request::post("/api/v1/auth/login"), String::new()).await;
    let mut limited = 0;
    for _ in 0..1000 {
        limited += u32::from(tries().await == 429);
    }
    assert!(limited > 1, "{limited}");
    let refused = Request::get("/api/v1/people").header("authorization", format!("Bearer {jobs}"));
    assert_eq!(behind_proxy(&api, refused, String::new()).await, 403);
    assert_eq!(with(&api, Method::GET, "/api/v1/export?format=csv", &jobs).await.status, 403);

    let found = entries(&api, &admin, "").await;
    assert_eq!(found["truncated"], false);
    let mut found: Vec<String> = found["entries"].as_array().unwrap().iter().map(line).collect();
    found.sort();
    let mut expected = [
        "log-in refused - 203.0.113.9 /api/v1/auth/login account ann",
        "log-in refused - 203.0.113.9 /api/v1/auth/login an unknown account",
        "log-in accepted account ann 203.0.113.9 /api/v1/auth/login -",
        "log-in limited - 203.0.113.9 /api/v1/auth/login -",
        "token-first-use accepted token 2 (jobs) 203.0.113.9 /api/v1/people -",
        "access refused token 2 (jobs) 203.0.113.9 /api/v1/people -",
        "access refused token 2 (jobs) - /api/v1/export -",
    ];
    expected.sort_unstable();
    assert_eq!(found, expected);
    let log = log::text();
    assert!(log.contains("203.0.113.9") && log.contains("account ann"), "{log}");
    for secret in [PASSWORD, "wrong horse", "correct horse", "mh_"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }

    // Reading the trail is in it, and the range and the action narrow it.
    let log_ins = entries(&api, &admin, "?action=log-in&limit=2").await;
    assert_eq!((log_ins["entries"].as_array().unwrap().len(), &log_ins["truncated"]), (2, &json!(true)));
    assert_eq!(entries(&api, &admin, "?to=2026-03-28").await["entries"], json!([]));
    let first_uses = entries(&api, &admin, "?action=token-first-use&from=2026-03-29&to=2026-03-29").await;
    assert_eq!(first_uses["entries"].as_array().unwrap().len(), 2);
}

fn line(entry: &Value) -> String {
    let word = |name: &str| entry[name].as_str().unwrap_or("-");
    let words = ["action", "outcome", "principal", "client", "route", "subject"];
    words.map(word).join(" ")
}

#[tokio::test]
async fn audit_trail_needs_the_admin_scope_without_a_person() {
    let api = TestApi::edged(|_| (), api::Anonymous::Allowed).await;
    let me = api.person("me").await.id;
    problem(&api.ask(Method::GET, "/api/v1/admin/audit").await, 401, "anonymous");
    for (token, status) in
        [(token(&api, Scope::Admin, Some(me), 1).await, 403), (token(&api, Scope::Rest, None, 2).await, 403)]
    {
        problem(&with(&api, Method::GET, "/api/v1/admin/audit", &token).await, status, "not an operator");
    }
    let admin = token(&api, Scope::Admin, None, 3).await;
    problem(&with(&api, Method::GET, "/api/v1/people", &admin).await, 403, "no health data");
    for (query, words) in [
        ("?action=everything", "log-in"),
        ("?from=yesterday", "YYYY-MM-DD"),
        ("?from=2026-03-02&to=2026-03-01", "swap"),
        ("?limit=1001", "1 to 1000"),
        ("?person=me", "person"),
    ] {
        let answer = with(&api, Method::GET, &format!("/api/v1/admin/audit{query}"), &admin).await;
        let detail = problem(&answer, 400, query);
        assert!(detail.contains(words), "{query}: {detail}");
    }
}
