//! People log in with a browser, which keeps a cookie, or with their password in every request.

use std::num::NonZeroU32;

use axum::body::Body;
use axum::http::request::Builder;
use axum::http::{Method, Request};
use data_encoding::BASE64;
use serde_json::{Value, json};
use store::NewToken;

use crate::log;
use crate::login::{PASSWORD, account};
use crate::test_api::{Answer, TestApi, now, problem};

async fn send(api: &TestApi, request: Builder) -> Answer {
    api.send(request.header("host", "health.lan").body(Body::empty()).unwrap()).await
}

fn request(method: Method, path: &str, cookie: &str) -> Builder {
    Request::builder().method(method).uri(path).header("cookie", cookie)
}

/// The cookie that a log-in from a page with this address sets, and the header that set it.
async fn log_in(api: &TestApi, name: &str, origin: &str) -> (String, String) {
    let body = json!({"name": name, "password": PASSWORD}).to_string();
    let request = Request::post("/api/v1/auth/session").header("origin", origin).header("host", "health.lan");
    let answer = api.send(request.body(Body::from(body)).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0), "no script sees the log-in");
    let header = answer.header("set-cookie").unwrap().to_owned();
    (header.split(';').next().unwrap().to_owned(), header)
}

fn basic(path: &str, name: &str, password: &str) -> Builder {
    let credentials = BASE64.encode(format!("{name}:{password}").as_bytes());
    Request::get(path).header("authorization", format!("Basic {credentials}"))
}

const PAGE: &str = "http://health.lan";

#[tokio::test]
async fn browser_session_opens_what_the_account_opens_until_log_out() {
    let api = TestApi::edged(|_| (), api::Anonymous::Refused).await;
    let me = api.person("me").await.id;
    account(&api, 1, "ann", Some(me)).await;
    assert_eq!(api.get("/api/v1/auth/methods").await, json!({"password": true}));
    let (cookie, header) = log_in(&api, "ann", PAGE).await;
    let (elsewhere, _) = log_in(&api, "ann", PAGE).await;
    assert!(header.contains("; Path=/; Max-Age=86400; HttpOnly; SameSite=Strict"), "{header}");
    assert!(!header.contains("Secure") && header.starts_with("myhealth-session="), "{header}");
    let answer = send(&api, request(Method::GET, "/api/v1/auth/session", &cookie)).await;
    let expected = json!({
        "account": "ann", "person": "me", "scopes": "rest remote-read jobs",
        "expires_at": "2026-03-30T10:00:00Z", "cookie": true,
    });
    assert_eq!(answer.json(), expected);
    assert_eq!(send(&api, request(Method::GET, "/api/v1/people", &cookie)).await.status, 200);

    let logout = || request(Method::DELETE, "/api/v1/auth/session", &cookie);
    problem(&send(&api, logout()).await, 403, "no browser leaves out where the page is from");
    for other in ["http://health.lan:8080", "https://evil.example", "null"] {
        problem(&send(&api, logout().header("origin", other)).await, 403, other);
    }
    let answer = send(&api, logout().header("origin", PAGE)).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
    assert_eq!(answer.header("clear-site-data"), Some("\"cache\""));
    let forgotten: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert!(forgotten.len() == 2 && forgotten.iter().all(|it| it.to_str().unwrap().contains("Max-Age=0")));
    for cookie in [&cookie, &elsewhere] {
        let answer = send(&api, request(Method::GET, "/api/v1/people", cookie)).await;
        assert!(problem(&answer, 401, "over").contains("log in again"));
    }
    let log = log::text();
    assert!(log.contains("log-in") && log.contains("log-out") && log.contains("account ann"), "{log}");
    let secret = cookie.split_once('=').unwrap().1;
    assert!(!log.contains(secret) && !log.contains(PASSWORD), "{log}");
}

#[tokio::test]
async fn browser_session_is_secure_where_the_page_came_by_tls() {
    let api = TestApi::edged(|settings| settings.origins = vec![], api::Anonymous::Refused).await;
    account(&api, 1, "ann", None).await;
    let (cookie, header) = log_in(&api, "ann", "https://health.lan").await;
    assert!(header.starts_with("__Host-myhealth-session=") && header.ends_with("; Secure"), "{header}");
    assert_eq!(send(&api, request(Method::GET, "/api/v1/people", &cookie)).await.status, 200);
}

#[tokio::test]
async fn cookie_changes_nothing_from_a_page_of_another_origin_that_may_send_requests() {
    let grafana = "http://health.lan:3000";
    let set = |settings: &mut api::guards::Settings| settings.origins = vec![grafana.parse().unwrap()];
    let api = TestApi::edged(set, api::Anonymous::Refused).await;
    account(&api, 1, "ann", None).await;
    let (cookie, _) = log_in(&api, "ann", PAGE).await;
    let answer = send(&api, request(Method::POST, "/api/v1/jobs", &cookie).header("origin", grafana)).await;
    problem(&answer, 403, "a token may come from there, a cookie not");
    let answer = send(&api, request(Method::GET, "/api/v1/people", &cookie).header("origin", grafana)).await;
    assert_eq!(answer.header("access-control-allow-credentials"), None, "that page cannot read it");
}

#[tokio::test]
async fn ended_cookie_asks_for_nothing_where_nothing_is_needed() {
    let api = TestApi::empty().await;
    let answer = send(&api, request(Method::GET, "/api/v1/people", "myhealth-session=a.b.c")).await;
    assert_eq!(answer.status, 200);
    let answer = send(&api, request(Method::GET, "/api/v1/auth/session", "myhealth-session=a.b.c")).await;
    assert_eq!(answer.json(), json!({"cookie": false}));
    assert_eq!(api.get("/api/v1/auth/methods").await, json!({"password": false}));
}

#[tokio::test]
async fn page_is_not_interrupted_by_the_prompt_of_the_browser() {
    let api = TestApi::edged(|_| (), api::Anonymous::Refused).await;
    account(&api, 1, "ann", None).await;
    let plain = send(&api, Request::get("/api/v1/people")).await;
    assert!(plain.header("www-authenticate").unwrap().contains("Basic"));
    let page = send(&api, Request::get("/api/v1/people").header("x-requested-with", "fetch")).await;
    problem(&page, 401, "page");
    assert_eq!(page.header("www-authenticate"), Some("Bearer realm=\"myhealth\""));
}

#[tokio::test]
async fn account_password_is_accepted_by_basic_authentication_until_it_changes() {
    let api = TestApi::edged(|_| (), api::Anonymous::Refused).await;
    let me = api.person("me").await.id;
    api.person("other").await;
    account(&api, 1, "ann", Some(me)).await;
    let ask = async |name: &str, password: &str| send(&api, basic("/api/v1/people", name, password)).await;
    for _ in 0..3 {
        let answer = ask("ann", PASSWORD).await;
        assert_eq!(answer.json()["people"].as_array().unwrap().len(), 1, "her own");
        // A write in this process: the second for which credentials are good is over.
        api.store.revoke_sessions(1).await.unwrap();
    }
    assert_eq!(api.counted("api_log_ins_total{outcome=\"accepted\"}"), 1, "checked once");
    let session = send(&api, basic("/api/v1/auth/session", "ann", PASSWORD)).await.json();
    assert_eq!(
        (&session["account"], &session["cookie"], &session["expires_at"]),
        (&json!("ann"), &json!(false), &Value::Null)
    );

    let (wrong, unknown) = (ask("ann", "wrong horse battery").await, ask("eve", PASSWORD).await);
    let details = (problem(&wrong, 401, "password"), problem(&unknown, 401, "name"));
    assert_eq!((&details.0, &wrong.body), (&details.1, &unknown.body));
    let new = api::login::password::keep(&"a password of today".to_owned().into()).unwrap();
    assert!(api.store.set_password("ann", &new, now()).await.unwrap());
    problem(&ask("ann", PASSWORD).await, 401, "the old one");
    assert_eq!(ask("ann", "a password of today").await.status, 200);
    let log = log::text();
    for secret in [PASSWORD, "wrong horse", "a password of today", "eve"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

#[tokio::test]
async fn passwords_by_basic_authentication_count_as_attempts_to_log_in() {
    let set = |settings: &mut api::guards::Settings| settings.log_ins_per_minute = NonZeroU32::new(2);
    let api = TestApi::edged(set, api::Anonymous::Refused).await;
    account(&api, 1, "ann", None).await;
    let guess = async |password: &str| send(&api, basic("/api/v1/people", "ann", password)).await;
    assert_eq!(guess(PASSWORD).await.status, 200);
    problem(&guess("wrong horse battery").await, 401, "the second attempt");
    for n in 0..20 {
        let answer = guess(&format!("wrong horse {n}")).await;
        problem(&answer, 429, "one too many");
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(guess(PASSWORD).await.status, 200, "what was right a while ago is no attempt");
    // A token that is not in force is no password.
    let new =
        NewToken { name: "x".into(), person: None, scopes: store::Scopes::new(vec![]), expires_at: None };
    let token = api.store.create_token(&new, [1; 32], now()).await.unwrap();
    assert_eq!(guess(&token).await.status, 200);
    assert!(api.store.revoke_token(1, now()).await.unwrap());
    problem(&guess(&token).await, 401, "revoked");
    api.store_audit().await;
    let entries = api.store.audit(
        now() - jiff::SignedDuration::from_hours(1),
        now() + jiff::SignedDuration::from_hours(1),
        None,
        100,
    );
    let entries = entries.await.unwrap();
    let count = |outcome| entries.iter().filter(|it| it.outcome == outcome).count();
    assert_eq!(
        (count(store::AuditOutcome::Refused), count(store::AuditOutcome::Limited)),
        (1, 1),
        "{entries:?}"
    );
}
