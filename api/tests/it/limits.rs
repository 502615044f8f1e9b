//! How much one address may ask, whatever it says of itself.

use std::net::SocketAddr;
use std::num::NonZeroU32;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request};

use crate::test_api::{Answer, DESCRIPTION, TestApi, problem};

async fn from(api: &TestApi, peer: &str, headers: &[(&str, &str)], path: &str) -> Answer {
    let peer: SocketAddr = format!("{peer}:5000").parse().unwrap();
    let method = if path.ends_with("login") { Method::POST } else { Method::GET };
    let mut request = Request::builder().method(method).uri(path).extension(ConnectInfo(peer));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    api.send(request.body(Body::empty()).unwrap()).await
}

const PEOPLE: &str = "/api/v1/people";

async fn limited() -> TestApi {
    let set = |settings: &mut api::guards::Settings| {
        settings.requests_per_second = NonZeroU32::new(1);
        settings.log_ins_per_minute = NonZeroU32::new(2);
        settings.proxies.trusted = vec!["10.0.0.0/8".parse().unwrap()];
    };
    TestApi::edged(set, api::Anonymous::Allowed).await
}

#[tokio::test]
async fn rate_limit_ignores_a_forged_address() {
    let api = limited().await;
    for n in 0..4 {
        let forged = format!("6.6.6.{n}");
        let headers =
            [("x-forwarded-for", forged.as_str()), ("forwarded", "for=6.6.6.6"), ("x-real-ip", "6.6.6.6")];
        let answer = from(&api, "1.2.3.4", &headers, PEOPLE).await;
        assert_eq!(answer.status, 200, "{n}");
        assert_eq!(answer.header("x-ratelimit-limit"), Some("4"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some((3 - n).to_string().as_str()));
    }
    let refused = from(&api, "1.2.3.4", &[("x-forwarded-for", "7.7.7.7")], PEOPLE).await;
    problem(&refused, 429, "the fifth");
    assert_eq!((refused.header("retry-after"), refused.header("x-ratelimit-after")), (Some("1"), Some("1")));
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(from(&api, "1.2.3.5", &[], PEOPLE).await.status, 200, "another address");
    assert_eq!(api.counted("api_limited_requests_total{limit=\"requests\"}"), 1);
}

#[tokio::test]
async fn rate_limit_behind_a_trusted_proxy_is_per_client() {
    let api = limited().await;
    for n in 0..4 {
        // The proxy appends; what stands left of it is the client's own text.
        let said = format!("6.6.6.{n}, 1.2.3.4");
        assert_eq!(from(&api, "10.0.0.1", &[("x-forwarded-for", &said)], PEOPLE).await.status, 200);
    }
    let refused = from(&api, "10.0.0.2", &[("x-forwarded-for", "9.9.9.9, 1.2.3.4")], PEOPLE).await;
    problem(&refused, 429, "the same client by another proxy");
    let other = from(&api, "10.0.0.1", &[("x-forwarded-for", "1.2.3.4, 5.6.7.8")], PEOPLE).await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn rate_limit_of_log_ins_is_separate() {
    let api = limited().await;
    for _ in 0..2 {
        problem(&from(&api, "1.2.3.4", &[], "/api/v1/auth/login").await, 400, "no body");
    }
    let refused = from(&api, "1.2.3.4", &[], "/api/v1/auth/login").await;
    problem(&refused, 429, "the third");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((25..=30).contains(&wait), "{wait}");
    assert_eq!(from(&api, "1.2.3.4", &[], PEOPLE).await.status, 200);
}

#[tokio::test]
async fn alias_of_the_log_in_has_its_limit_and_its_answers() {
    let api = limited().await;
    problem(&from(&api, "1.2.3.4", &[], "/auth/login").await, 400, "no body");
    problem(&from(&api, "1.2.3.4", &[], "/api/v1/auth/login").await, 400, "no body");
    problem(&from(&api, "1.2.3.4", &[], "/auth/login").await, 429, "the third");
}

#[tokio::test]
async fn rate_limit_of_a_principal_counts_all_its_addresses_and_no_other_principal() {
    let set = |settings: &mut api::guards::Settings| {
        settings.requests_per_minute_of_principal = NonZeroU32::new(3);
    };
    let api = TestApi::edged(set, api::Anonymous::Allowed).await;
    let mut headers = Vec::new();
    for n in [1, 2] {
        let scopes = store::Scopes::new(vec![store::Scope::Rest]);
        let new = store::NewToken { name: "one".into(), person: None, scopes, expires_at: None };
        let token = api.store.create_token(&new, [n; 32], crate::test_api::now()).await.unwrap();
        headers.push(format!("Bearer {token}"));
    }
    for n in 0..3 {
        let answer = from(&api, &format!("1.2.3.{n}"), &[("authorization", &headers[0])], PEOPLE).await;
        assert_eq!(answer.status, 200, "{n}");
    }
    let refused = from(&api, "1.2.3.9", &[("authorization", &headers[0])], PEOPLE).await;
    problem(&refused, 429, "the fourth");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!(from(&api, "1.2.3.9", &[("authorization", &headers[1])], PEOPLE).await.status, 200);
    for _ in 0..4 {
        assert_eq!(
            from(&api, "1.2.3.9", &[], PEOPLE).await.status,
            200,
            "addresses have limits of their own"
        );
    }
    assert_eq!(api.counted("api_limited_requests_total{limit=\"principal\"}"), 1);
}

#[tokio::test]
async fn cors_allows_listed_origins_only() {
    let set = |settings: &mut api::guards::Settings| {
        settings.origins = vec!["https://grafana.example.org".parse().unwrap()];
    };
    let api = TestApi::edged(set, api::Anonymous::Refused).await;
    let preflight = |origin: &'static str| {
        let request = Request::builder().method(Method::OPTIONS).uri(PEOPLE).header("origin", origin);
        let request = request.header("access-control-request-method", "GET");
        request.header("access-control-request-headers", "authorization").body(Body::empty()).unwrap()
    };
    let listed = api.send(preflight("https://grafana.example.org")).await;
    assert_eq!(listed.status, 200);
    assert_eq!(listed.header("access-control-allow-origin"), Some("https://grafana.example.org"));
    assert!(listed.header("access-control-allow-headers").unwrap().contains("authorization"));
    assert_eq!(listed.header("access-control-allow-credentials"), None);
    let other = api.send(preflight("https://evil.example")).await;
    assert_eq!(other.header("access-control-allow-origin"), None);
    // A page must be able to read why it was refused.
    let refused = from(&api, "1.2.3.4", &[("origin", "https://grafana.example.org")], PEOPLE).await;
    problem(&refused, 401, "no token");
    assert_eq!(refused.header("access-control-allow-origin"), Some("https://grafana.example.org"));
    let closed = TestApi::empty().await;
    let answer = from(&closed, "1.2.3.4", &[("origin", "https://grafana.example.org")], PEOPLE).await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (200, None));
}

#[tokio::test]
async fn every_operation_that_changes_something_is_refused_to_foreign_pages() {
    let set = |settings: &mut api::guards::Settings| {
        settings.origins = vec!["https://grafana.example.org".parse().unwrap()];
    };
    let api = TestApi::edged(set, api::Anonymous::Allowed).await;
    let mut operations = vec![("GET".to_owned(), "/api/v1/jobs/x/socket".to_owned())];
    for (path, methods) in DESCRIPTION["paths"].as_object().unwrap() {
        let methods = methods.as_object().unwrap().keys().map(|method| method.to_uppercase());
        operations.extend(methods.filter(|method| method != "GET").map(|method| (method, path.clone())));
    }
    assert!(operations.len() > 5, "{operations:?}");
    for (method, path) in &operations {
        let send = async |headers: &[(&str, &str)]| {
            let mut request = Request::builder().method(method.as_str()).uri(path);
            request = request.header("host", "127.0.0.1:8872").header("upgrade", "websocket");
            // What a page can send without asking first.
            request = request.header("content-type", "text/plain");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            api.send(request.body(Body::empty()).unwrap()).await
        };
        for foreign in [
            [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")].as_slice(),
            &[("origin", "http://127.0.0.1:3000")],
            &[("origin", "null")],
        ] {
            let detail = problem(&send(foreign).await, 403, path);
            assert!(detail.contains("--api.cors-origins"), "{detail}");
        }
        for known in [
            [("origin", "https://grafana.example.org"), ("sec-fetch-site", "cross-site")].as_slice(),
            &[("origin", "http://127.0.0.1:8872"), ("sec-fetch-site", "same-origin")],
            &[],
        ] {
            let answer = send(known).await;
            let text = String::from_utf8_lossy(&answer.body);
            assert!(!text.contains("another origin"), "{method} {path} {known:?}: {text}");
        }
    }
}

#[tokio::test]
async fn circuit_breaker_fails_fast_and_lets_probes_through() {
    let api = TestApi::with(Vec::new()).await;
    api.store.close().await;
    let first = api.ask(Method::GET, PEOPLE).await;
    problem(&first, 503, "found out");
    let second = api.ask(Method::GET, PEOPLE).await;
    let detail = problem(&second, 503, "told");
    assert_eq!(second.header("retry-after"), Some("5"));
    assert!(detail.contains("asked again"), "{detail}");
    assert_eq!(api.counted("api_refused_requests_total{reason=\"database\"}"), 1);
    problem(&api.ask(Method::GET, "/api/v1/health").await, 503, "health");
}
