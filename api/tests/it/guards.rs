//! What is true of the service whatever is asked.

use std::convert::Infallible;
use std::io::{Read, Write};

use crate::documents::score;
use crate::log;
use crate::test_api::{TestApi, problem};
use axum::body::{Body, Bytes};
use axum::http::{Method, Request, StatusCode};
use futures_util::{StreamExt as _, poll, stream};
use tower::ServiceExt as _;

#[tokio::test]
async fn health_reports_the_version() {
    insta::assert_json_snapshot!(TestApi::empty().await.get("/api/v1/health").await, @r#"
    {
      "status": "ok",
      "version": "0.0.0-test"
    }
    "#);
}

#[tokio::test]
async fn database_failure_is_logged_once_and_hidden_from_the_client() {
    for path in ["health", "people", "dashboard", "sleep?person=me", "trends/sleep_score"] {
        let api = TestApi::with(vec![score("2026-03-29", 82)]).await;
        api.get("/api/v1/trends/sleep_score?person=me&from=2026-03-29").await;
        api.store.close().await;
        let before = log::text().len();
        let answer = api.ask(Method::GET, &format!("/api/v1/{path}")).await;
        let detail = problem(&answer, 503, path);
        assert_eq!(answer.header("retry-after"), Some("5"), "{path}");
        assert!(!detail.contains("pool"), "{path}: {detail}");
        let logged = log::text().split_off(before);
        // The health request is answered from a probe, which logs the cause in the store's name.
        let failed = usize::from(path != "health");
        assert_eq!(logged.matches("ERROR").count(), failed, "{path}: {logged}");
        assert_eq!(logged.matches("the database is unavailable").count(), failed, "{path}: {logged}");
        assert!(logged.contains(answer.header("x-request-id").unwrap()), "{path}: {logged}");
    }
}

#[tokio::test]
async fn log_names_the_route_without_person_day_or_value() {
    let api = TestApi::empty().await;
    let (collection, document) = score("2026-03-29", 82);
    api.put("somebody", collection, vec![document]).await;
    for path in ["sleep", "dashboard", "trends/sleep_score", "trends/nonsense", "nowhere"] {
        let answer = api.ask(Method::GET, &format!("/api/v1/{path}?person=somebody&from=2026-03-29")).await;
        assert!(answer.status.as_u16() < 500, "{path}");
    }
    api.get("/api/v1/trends/sleep_score?person=somebody&from=2026-03-29").await;
    let log = log::text();
    assert!(log.contains(r#"http.route="/api/v1/trends/{metric}""#), "{log}");
    assert!(
        log.contains(r#"http.route="unmatched""#)
            && log.contains("request served")
            && log.contains("status=404"),
        "{log}"
    );
    for secret in ["somebody", "2026-03", "82.0", "nonsense", "nowhere"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

#[tokio::test]
async fn head_is_get_without_body() {
    let api = TestApi::with(vec![score("2026-03-29", 82)]).await;
    for uri in ["/api/v1/sleep", "/api/v1/metrics", "/api/openapi.json"] {
        let (get, head) = (api.ask(Method::GET, uri).await, api.ask(Method::HEAD, uri).await);
        assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0), "{uri}");
        assert_eq!(head.header("content-type"), get.header("content-type"));
        assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()), "{uri}");
    }
}

#[tokio::test]
async fn request_id_of_the_client_is_kept() {
    let api = TestApi::empty().await;
    let request = Request::get("/api/v1/health").header("x-request-id", "abc-1").body(Body::empty());
    assert_eq!(api.send(request.unwrap()).await.header("x-request-id"), Some("abc-1"));
}

#[tokio::test]
async fn request_id_that_is_no_short_word_is_replaced_and_not_logged() {
    let api = TestApi::empty().await;
    let long = "forged".repeat(5_000);
    let check = async |ids: &[&[u8]], kept: bool| {
        let before = log::text().len();
        let mut request = Request::get("/api/v1/people");
        for id in ids {
            request = request.header("x-request-id", *id);
        }
        let answer = api.send(request.body(Body::empty()).unwrap()).await;
        let (id, logged) = (answer.header("x-request-id").unwrap(), log::text().split_off(before));
        assert_eq!(ids.contains(&id.as_bytes()), kept, "{id}");
        assert!(id.len() <= 64 && logged.contains(id), "{id}: {logged}");
        assert_eq!(logged.contains("forged"), kept && id.contains("forged"), "{logged}");
    };
    check(&[b"forged-0.9_Z"], true).await;
    check(&[&long.as_bytes()[..64]], true).await;
    check(&[&long.as_bytes()[..65]], false).await;
    check(&[long.as_bytes()], false).await;
    for id in ["", "forged id", "forged\"id", "forged=1", "forged/../x", "forged\u{e9}"] {
        check(&[id.as_bytes()], false).await;
    }
    check(&[b"forged-1", b"forged-2"], false).await;
}

#[tokio::test]
async fn requests_whose_body_never_comes_take_no_turn() {
    let api = TestApi::with(vec![score("2026-03-29", 82)]).await;
    let mut crowd = Vec::new();
    for path in ["/api/v1/auth/login", "/api/v1/prometheus/read", "/api/v1/people"] {
        for _ in 0..330 {
            let body = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"{"))]).chain(stream::pending());
            let request = Request::post(path).body(Body::from_stream(body)).unwrap();
            let mut request = Box::pin(api.router.clone().oneshot(request));
            // Open to all, so nothing is waited for but the body.
            assert!(poll!(&mut request).is_pending());
            crowd.push(request);
        }
    }
    assert_eq!(api.ask(Method::GET, "/api/v1/people").await.status, 200);
    assert_eq!(api.counted("api_refused_requests_total{reason=\"busy\"}"), 0);
}

#[tokio::test]
async fn body_over_the_limit_is_refused() {
    let api = TestApi::empty().await;
    let body = Body::from(vec![b'x'; 20_000]);
    let request = Request::get("/api/v1/health").header("content-length", "20000").body(body);
    problem(&api.send(request.unwrap()).await, 413, "body");
}

#[tokio::test]
async fn api_is_served_over_a_socket() {
    let api = TestApi::with(vec![score("2026-03-29", 82)]).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = api.router.clone();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let say = |request: &'static str| {
        tokio::task::spawn_blocking(move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            write!(stream, "{request}\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        })
    };
    let answer = say("GET /api/v1/sleep HTTP/1.1").await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\"sleep_score\":82.0"), "{answer}");
    let refusal = say("GET /api/v1/sleep?from=1 HTTP/1.1").await.unwrap();
    assert!(refusal.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{refusal}");
    assert!(refusal.contains("content-type: application/problem+json\r\n"), "{refusal}");
    let head = say("HEAD /api/v1/sleep HTTP/1.1").await.unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    server.abort();
}
