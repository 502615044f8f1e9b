//! Documents sent by another program: stored like Oura's own, and only by who may.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use store::{NewToken, Scope, Scopes};

use crate::test_api::{Answer, TestApi, now, problem};

async fn token(api: &TestApi, person: Option<i64>, scopes: Vec<Scope>) -> String {
    let new = NewToken { name: "bridge".into(), person, scopes: Scopes::new(scopes), expires_at: None };
    api.store.create_token(&new, [7; 32], now()).await.unwrap()
}

async fn push(api: &TestApi, token: Option<&str>, body: impl Into<Body>) -> Answer {
    let mut request = Request::post("/api/v1/ingest").header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    api.send(request.body(body.into()).unwrap()).await
}

fn scores(person: &str, documents: &[Value]) -> String {
    json!({"person": person, "collection": "daily_sleep", "documents": documents}).to_string()
}

fn score(id: &str, value: impl Into<Value>) -> Value {
    json!({"id": id, "day": "2026-03-28", "score": value.into(), "contributors": {}})
}

#[tokio::test]
async fn push_stores_good_documents_and_reports_bad_ones() {
    let api = TestApi::with(Vec::new()).await;
    let token = token(&api, None, vec![Scope::Ingest, Scope::Rest]).await;
    let body = scores("me", &[score("a", 81), score("b", "high"), json!(17)]);
    let answer = push(&api, Some(&token), body.clone()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", String::from_utf8_lossy(&answer.body));
    let pushed = answer.json();
    assert_eq!((&pushed["new"], &pushed["rejected"]), (&json!(1), &json!(2)), "{pushed}");
    let reasons = pushed["reasons"].to_string();
    assert!(reasons.contains("/score: expected a number") && !reasons.contains("high"), "{reasons}");
    let again = push(&api, Some(&token), body).await.json();
    assert_eq!((&again["new"], &again["unchanged"]), (&json!(0), &json!(1)), "{again}");
    let me = api.store.person("me").await.unwrap().unwrap();
    assert_eq!(api.store.totals(me.id).await.unwrap().documents, 1);

    let rows = json!({"person": "me", "collection": "heartrate", "documents": [
        {"timestamp": "2026-03-28T10:00:00Z", "bpm": 60, "source": "awake"},
        {"timestamp": "2026-03-28T10:05:00Z", "bpm": 61, "source": "awake"},
    ]});
    assert_eq!(
        push(&api, Some(&token), rows.to_string()).await.json()["new"],
        1,
        "a day of rows is a document"
    );
}

#[tokio::test]
async fn document_of_the_future_is_rejected_with_its_reason() {
    let api = TestApi::with(Vec::new()).await;
    let token = token(&api, None, vec![Scope::Ingest, Scope::Rest]).await;
    let mistyped = json!({"id": "a", "day": "2062-03-28", "score": 11});
    let pushed = push(&api, Some(&token), scores("me", &[mistyped, score("b", 81)])).await.json();
    assert_eq!((&pushed["new"], &pushed["rejected"]), (&json!(1), &json!(1)), "{pushed}");
    assert_eq!(pushed["reasons"][0]["id"], "a");
    let reason = pushed["reasons"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("future") && !reason.contains("2062"), "{reason}");
    let rows = json!({"person": "me", "collection": "heartrate", "documents": [
        {"timestamp": "2026-03-29T09:59:00Z", "bpm": 60, "source": "awake"},
        // Local time, written as if it were UTC.
        {"timestamp": "2026-03-29T11:59:00Z", "bpm": 61, "source": "awake"},
    ]});
    let pushed = push(&api, Some(&token), rows.to_string()).await.json();
    assert_eq!((&pushed["new"], &pushed["rejected"]), (&json!(1), &json!(1)), "{pushed}");
}

#[tokio::test]
async fn push_requires_the_ingest_scope() {
    let api = TestApi::with(Vec::new()).await;
    let ann = api.person("ann").await;
    let body = || scores("me", &[score("a", 81)]);
    problem(&push(&api, None, body()).await, 401, "an address that is open for reading is not for writing");
    let reader = token(&api, None, Vec::new()).await;
    problem(&push(&api, Some(&reader), body()).await, 403, "reading does not open it");
    let of_ann = token(&api, Some(ann.id), vec![Scope::Ingest]).await;
    problem(&push(&api, Some(&of_ann), body()).await, 404, "whom a token does not open does not exist");
    assert_eq!(push(&api, Some(&of_ann), scores("ann", &[score("a", 81)])).await.status, StatusCode::OK);
    let me = api.store.person("me").await.unwrap().unwrap();
    assert_eq!(api.store.totals(me.id).await.unwrap().documents, 0);
}

#[tokio::test]
async fn push_with_malformed_body_stores_nothing() {
    let api = TestApi::with(Vec::new()).await;
    let token = token(&api, None, vec![Scope::Ingest]).await;
    let many = vec![score("a", 81); 10_001];
    for (body, says) in [
        (String::new(), "line 1"),
        ("{\"person\": \"me\"".to_owned(), "line 1"),
        (json!({"person": "me", "collection": "daily_sleep", "documents": 17}).to_string(), "line 1"),
        (json!({"person": "me", "collection": "kitchen", "documents": []}).to_string(), "no collection"),
        (json!({"person": "me", "collection": "sleep", "documents": [], "x": 1}).to_string(), "line 1"),
        (scores("me", &many), "10000 documents"),
    ] {
        let said = problem(&push(&api, Some(&token), body).await, 400, says);
        assert!(said.contains(says), "{said}");
    }
    problem(&push(&api, Some(&token), scores("unknown", &[])).await, 404, "unknown person");
    problem(&push(&api, Some(&token), vec![b' '; 9 * 1024 * 1024]).await, 413, "nine megabytes");
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep = format!("{{\"person\":\"me\",\"collection\":\"sleep\",\"documents\":[{nested}]}}");
    let pushed = push(&api, Some(&token), deep).await.json();
    assert_eq!(
        pushed["rejected"], 1,
        "a hundred thousand brackets are rejected like any other document: {pushed}"
    );
}
