//! What operators do by the API: the same as by the command line, and in the audit trail.

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};
use store::{DeclaredAccess, DeclaredAccount, NewToken, Role, Scopes};

use crate::documents::score;
use crate::log;
use crate::login::{PASSWORD, log_in, with};
use crate::test_api::{Answer, TestApi, now, problem};

struct Operator {
    api: TestApi,
    token: String,
}

impl Operator {
    async fn new() -> Self {
        let api = TestApi::edged(|_| (), api::Anonymous::Refused).await;
        let new = NewToken {
            name: "operator".into(),
            person: None,
            scopes: Role::Admin.scopes(),
            expires_at: None,
        };
        let token = api.store.create_token(&new, [7; 32], now()).await.unwrap();
        Self { api, token }
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> Answer {
        let request = Request::builder().method(method).uri(format!("/api/v1/admin{path}"));
        let request = request.header("authorization", format!("Bearer {}", self.token));
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.api.send(request.body(body).unwrap()).await
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.send(Method::GET, path, Value::Null).await;
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    async fn must(&self, method: Method, path: &str, body: Value, status: u16) -> Answer {
        let what = format!("{method} {path} {body}");
        let answer = self.send(method, path, body).await;
        assert_eq!(answer.status.as_u16(), status, "{what}: {}", String::from_utf8_lossy(&answer.body));
        answer
    }
}

#[tokio::test]
async fn operator_adds_and_erases_a_person_with_their_access() {
    let operator = Operator::new().await;
    let api = &operator.api;
    operator.must(Method::POST, "/people", json!({"name": "ann", "time_zone": "Europe/Berlin"}), 201).await;
    let (collection, document) = score("2026-03-29", 82);
    api.put("ann", collection, vec![document]).await;
    let account = json!({"name": "ann@home", "person": "ann", "role": "reader", "password": PASSWORD});
    operator.must(Method::POST, "/accounts", account, 204).await;
    let session = log_in(api, "ann@home").await;
    assert_eq!(with(api, Method::GET, "/api/v1/activity", &session).await.status, 200);
    problem(&with(api, Method::GET, "/api/v1/jobs", &session).await, 403, "a reader asks for no jobs");
    let token =
        json!({"name": "grafana", "person": "ann", "scopes": ["read:sleep"], "expires": "2199-12-30"});
    let created = operator.must(Method::POST, "/tokens", token, 201).await.json();
    let token = created["token"].as_str().unwrap().to_owned();
    assert_eq!(with(api, Method::GET, "/api/v1/sleep", &token).await.status, 200);

    let accounts = operator.get("/accounts").await;
    let [listed] = &accounts["accounts"].as_array().unwrap()[..] else { panic!("{accounts}") };
    assert_eq!(
        (&listed["name"], &listed["person"], &listed["scopes"]),
        (&json!("ann@home"), &json!("ann"), &json!("rest"))
    );
    let tokens = operator.get("/tokens").await;
    assert_eq!(tokens["tokens"][1]["number"], created["number"]);
    assert_eq!(tokens["tokens"][1]["expires_at"], "2199-12-31T00:00:00Z");
    assert!(!tokens.to_string().contains("mh_") && !accounts.to_string().contains("argon2"));

    let password = json!({"password": "another password of today"});
    operator.must(Method::PUT, "/accounts/ann@home/password", password, 204).await;
    problem(&with(api, Method::GET, "/api/v1/people", &session).await, 401, "the old password's log-in");
    operator.must(Method::DELETE, &format!("/tokens/{}", created["number"]), Value::Null, 204).await;
    problem(&with(api, Method::GET, "/api/v1/people", &token).await, 401, "revoked");
    operator.must(Method::DELETE, "/accounts/ann@home", Value::Null, 204).await;
    operator.must(Method::DELETE, "/people/ann", Value::Null, 400).await;
    operator.must(Method::DELETE, "/people/ann?confirm=bob", Value::Null, 400).await;
    assert!(api.store.person("ann").await.unwrap().is_some(), "nothing happens without the name");
    operator.must(Method::DELETE, "/people/ann?confirm=ann", Value::Null, 204).await;
    assert!(api.store.person("ann").await.unwrap().is_none());

    api.store_audit().await;
    let audit = operator.get("/audit").await;
    let mut found: Vec<String> = audit["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["principal"] == "token 1 (operator)" && entry["action"] != "token-first-use")
        .map(|entry| format!("{} {} {}", entry["action"], entry["route"], entry["subject"]).replace('"', ""))
        .collect();
    found.sort();
    let expected = [
        "account-create /api/v1/admin/accounts account ann@home",
        "account-remove /api/v1/admin/accounts/{name} account ann@home",
        "password-change /api/v1/admin/accounts/{name}/password account ann@home",
        "person-add /api/v1/admin/people person ann",
        "person-remove /api/v1/admin/people/{name} person ann",
        "token-create /api/v1/admin/tokens token 2 (grafana)",
        "token-revoke /api/v1/admin/tokens/{number} token 2",
    ];
    assert_eq!(found, expected);
    let log = log::text();
    for secret in [PASSWORD, "another password", "mh_1", "mh_2", "argon2"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

#[tokio::test]
async fn operator_gets_a_reason_for_every_refusal_and_nothing_is_half_done() {
    let operator = Operator::new().await;
    let person = |name: &str, zone: &str| json!({"name": name, "time_zone": zone});
    operator.must(Method::POST, "/people", person("ann", "UTC"), 201).await;
    let account = |change: Value| {
        let mut body = json!({"name": "ann", "person": "ann", "password": PASSWORD});
        for (key, value) in change.as_object().unwrap() {
            body[key] = value.clone();
        }
        body
    };
    operator.must(Method::POST, "/accounts", account(json!({})), 204).await;
    let before = (operator.get("/accounts").await, operator.get("/tokens").await);
    let token = |change: Value| {
        let mut body = json!({"name": "grafana"});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body
    };
    for (method, path, body, status, words) in [
        (Method::POST, "/people", person("ann", "UTC"), 409, "a person"),
        (Method::POST, "/people", person("a@b.c", "UTC"), 400, "name"),
        (Method::POST, "/people", person("bob", "Mars/Olympus"), 400, "Europe/Berlin"),
        (Method::POST, "/people", json!({"name": "bob"}), 400, "line 1"),
        (Method::DELETE, "/people/bob?confirm=bob", Value::Null, 404, "bob"),
        (Method::POST, "/accounts", account(json!({})), 409, "an account"),
        (Method::POST, "/accounts", account(json!({"name": "bob", "person": "bob"})), 404, "bob"),
        (Method::POST, "/accounts", account(json!({"name": ""})), 400, "1 to 64"),
        (Method::POST, "/accounts", account(json!({"name": "a\u{0}b"})), 400, "1 to 64"),
        (
            Method::POST,
            "/accounts",
            account(json!({"name": "bob", "everyone": true})),
            400,
            "either a person",
        ),
        (Method::POST, "/accounts", account(json!({"name": "bob", "person": null})), 400, "either a person"),
        (
            Method::POST,
            "/accounts",
            account(json!({"name": "bob", "role": "owner"})),
            400,
            "reader, user and admin",
        ),
        (
            Method::POST,
            "/accounts",
            account(json!({"name": "bob", "role": "user", "scopes": ["rest"]})),
            400,
            "either a role",
        ),
        (
            Method::POST,
            "/accounts",
            account(json!({"name": "bob", "scopes": ["everything"]})),
            400,
            "no scope",
        ),
        (
            Method::POST,
            "/accounts",
            account(json!({"name": "bob", "password": "hunter2"})),
            400,
            "12 characters",
        ),
        (Method::POST, "/accounts", account(json!({"name": "bob", "password": 17})), 400, "line 1"),
        (Method::POST, "/accounts", account(json!({"name": "bob", "pasword": "hunter2"})), 400, "line 1"),
        (
            Method::POST,
            "/accounts",
            account(json!({"name": "bob", "expires": "2026-03-28"})),
            400,
            "that day is over",
        ),
        (Method::PUT, "/accounts/bob/password", json!({"password": PASSWORD}), 404, "bob"),
        (Method::PUT, "/accounts/ann/password", json!({"password": "hunter2"}), 400, "12 characters"),
        (Method::DELETE, "/accounts/bob", Value::Null, 404, "bob"),
        (Method::POST, "/tokens", token(json!({"name": "a\nb"})), 400, "control"),
        (Method::POST, "/tokens", token(json!({"person": "bob"})), 404, "bob"),
        (Method::POST, "/tokens", token(json!({"expires": "tomorrow"})), 400, "YYYY-MM-DD"),
        (Method::DELETE, "/tokens/99", Value::Null, 404, "99"),
        (Method::DELETE, "/tokens/x", Value::Null, 400, "whole number"),
    ] {
        let what = format!("{method} {path} {body}");
        let detail = problem(&operator.send(method, path, body).await, status, &what);
        assert!(detail.contains(words) && !detail.contains("hunter2"), "{what}: {detail}");
    }
    assert_eq!((operator.get("/accounts").await, operator.get("/tokens").await), before);
}

#[tokio::test]
async fn declared_account_is_changed_in_its_file_only() {
    let operator = Operator::new().await;
    let password = api::login::password::keep(&PASSWORD.to_owned().into()).unwrap();
    let (name, scopes) = ("ann".to_owned(), Scopes::of_account(Vec::new()));
    let accounts = vec![DeclaredAccount { id: 5, name, person: None, password, scopes, expires_at: None }];
    let declared = DeclaredAccess { accounts, ..DeclaredAccess::default() };
    operator.api.store.reconcile_access(&declared, now()).await.unwrap();
    for (method, path, body) in [
        (Method::DELETE, "/accounts/ann", Value::Null),
        (Method::PUT, "/accounts/ann/password", json!({"password": PASSWORD})),
    ] {
        let detail = problem(&operator.send(method, path, body).await, 409, path);
        assert!(detail.contains("configuration file"), "{detail}");
    }
    log_in(&operator.api, "ann").await;
}
