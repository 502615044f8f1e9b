//! People log in by name and password.

use axum::body::Body;
use axum::http::{Method, Request};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::{NewUserAccount, Scope, Scopes};

use crate::log;
use crate::test_api::{Answer, TestApi, now, problem};

pub(crate) const PASSWORD: &str = "correct horse battery staple";

pub(crate) async fn account(api: &TestApi, id: i64, name: &str, person: Option<i64>) {
    account_with(api, (id, name), person, Scopes::of_account(Vec::new()), None).await;
}

pub(crate) async fn account_with(
    api: &TestApi,
    (id, name): (i64, &str),
    person: Option<i64>,
    scopes: Scopes,
    expires_at: Option<Timestamp>,
) {
    let password = api::login::password::keep(&PASSWORD.to_owned().into()).unwrap();
    let new = NewUserAccount { id, name: name.to_owned(), person, scopes, expires_at, password };
    assert!(api.store.create_account(&new, now()).await.unwrap());
}

async fn try_to(api: &TestApi, body: Value) -> Answer {
    let request = Request::post("/api/v1/auth/login").header("content-type", "application/json");
    api.send(request.body(Body::from(body.to_string())).unwrap()).await
}

pub(crate) async fn log_in(api: &TestApi, name: &str) -> String {
    let answer = try_to(api, json!({"name": name, "password": PASSWORD})).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

pub(crate) async fn with(api: &TestApi, method: Method, path: &str, token: &str) -> Answer {
    let request =
        Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
    api.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn session_grants_access_to_one_person_for_a_day() {
    let api = TestApi::edged(|_| (), api::Anonymous::WithoutTokens).await;
    let me = api.person("me").await.id;
    api.person("other").await;
    assert_eq!(api.ask(Method::GET, "/api/v1/people").await.status, 200, "there is no credential yet");
    account(&api, 1, "ann", Some(me)).await;
    let answer = try_to(&api, json!({"name": "ann", "password": PASSWORD})).await;
    let said = answer.json();
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!((&said["token_type"], &said["expires_in"]), (&json!("Bearer"), &json!(86_400)));
    assert_eq!(said["expires_at"], "2026-03-30T10:00:00Z");
    let token = said["access_token"].as_str().unwrap();
    let people = with(&api, Method::GET, "/api/v1/people", token).await;
    assert_eq!(people.json()["people"].as_array().unwrap().len(), 1);
    problem(&with(&api, Method::GET, "/api/v1/sleep?person=other", token).await, 404, "another's");
    assert_eq!(api.counted("api_log_ins_total{outcome=\"accepted\"}"), 1);

    *api.clock.lock().unwrap() = "2026-03-30T10:00:00Z".parse().unwrap();
    problem(&with(&api, Method::GET, "/api/v1/people", token).await, 401, "the day is over");
}

#[tokio::test]
async fn sessions_end_with_new_password_log_out_and_removal() {
    let api = TestApi::edged(|_| (), api::Anonymous::Refused).await;
    for (id, how) in [(1, "password"), (2, "log-out"), (3, "removal")] {
        account(&api, id, how, None).await;
        let (token, elsewhere) = (log_in(&api, how).await, log_in(&api, how).await);
        assert_eq!(with(&api, Method::GET, "/api/v1/people", &elsewhere).await.status, 200);
        match how {
            "password" => assert!(api.store.set_password(how, &"x".to_owned().into(), now()).await.unwrap()),
            "removal" => assert!(api.store.remove_account(how).await.unwrap()),
            _ => {
                let answer = with(&api, Method::POST, "/api/v1/auth/logout", &token).await;
                assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
            }
        }
        for token in [token, elsewhere] {
            problem(&with(&api, Method::GET, "/api/v1/people", &token).await, 401, how);
        }
    }
}

#[tokio::test]
async fn log_in_with_wrong_name_or_password_gets_the_same_error() {
    let api = TestApi::edged(|_| (), api::Anonymous::Refused).await;
    account(&api, 1, "ann", None).await;
    let wrong = try_to(&api, json!({"name": "ann", "password": "wrong horse battery"})).await;
    let unknown = try_to(&api, json!({"name": "eve", "password": PASSWORD})).await;
    let (one, other) = (problem(&wrong, 401, "password"), problem(&unknown, 401, "name"));
    assert_eq!((one.as_str(), wrong.body), (other.as_str(), unknown.body));
    assert_eq!(api.counted("api_log_ins_total{outcome=\"refused\"}"), 2);
    let log = log::text();
    assert!(log.contains("account ann") && log.contains("an unknown account"), "{log}");
    for secret in [PASSWORD, "wrong horse", "eve"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

#[tokio::test]
async fn account_with_an_end_logs_in_until_then_and_its_sessions_end_with_it() {
    let api = TestApi::edged(|_| (), api::Anonymous::Refused).await;
    let end = "2026-03-29T12:00:00Z".parse().unwrap();
    account_with(&api, (1, "ann"), None, Scopes::of_account(Vec::new()), Some(end)).await;
    let token = log_in(&api, "ann").await;
    assert_eq!(with(&api, Method::GET, "/api/v1/people", &token).await.status, 200);
    *api.clock.lock().unwrap() = end;
    problem(&with(&api, Method::GET, "/api/v1/people", &token).await, 401, "it has ended");
    problem(&try_to(&api, json!({"name": "ann", "password": PASSWORD})).await, 401, "it has ended");
}

#[tokio::test]
async fn account_opens_its_scopes_only_and_may_always_log_out() {
    let api = TestApi::edged(|_| (), api::Anonymous::Refused).await;
    api.person("me").await;
    let scopes = Scopes::of_account(vec![Scope::Read(domain::Theme::Sleep)]);
    account_with(&api, (1, "ann"), None, scopes, None).await;
    let token = log_in(&api, "ann").await;
    assert_eq!(with(&api, Method::GET, "/api/v1/sleep", &token).await.status, 200);
    for (method, path) in [(Method::GET, "/api/v1/activity"), (Method::GET, "/api/v1/jobs")] {
        problem(&with(&api, method, path, &token).await, 403, path);
    }
    assert_eq!(with(&api, Method::POST, "/api/v1/auth/logout", &token).await.status, 204);
}

#[tokio::test]
async fn log_in_without_any_account_is_refused() {
    let api = TestApi::edged(|_| (), api::Anonymous::Refused).await;
    let answer = try_to(&api, json!({"name": "ann", "password": PASSWORD})).await;
    let detail = problem(&answer, 403, "closed");
    assert!(detail.contains("myhealth account add"), "{detail}");
}

#[tokio::test]
async fn log_in_with_malformed_body_is_refused_without_echo() {
    let api = TestApi::edged(|_| (), api::Anonymous::Refused).await;
    account(&api, 1, "ann", None).await;
    for body in [
        json!({}),
        json!([]),
        json!({"name": "ann"}),
        json!({"name": "ann", "password": 17}),
        json!({"name": "ann", "password": "swordfish", "more": 1}),
        json!({"name": "", "password": "swordfish"}),
        json!({"name": "a".repeat(65), "password": "swordfish"}),
        json!({"name": "ann", "password": ""}),
        json!({"name": "ann", "password": "swordfish".repeat(29)}),
    ] {
        let detail = problem(&try_to(&api, body.clone()).await, 400, &body.to_string());
        assert!(!detail.contains("swordfish"), "{detail}");
    }
}

#[tokio::test]
async fn log_out_with_a_token_is_refused() {
    let api = TestApi::empty().await;
    problem(&api.ask(Method::POST, "/api/v1/auth/logout").await, 403, "anonymous");
}
