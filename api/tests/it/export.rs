//! Rows as files.

use std::net::SocketAddr;

use axum::body::{Body, BodyDataStream, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Method, Request};
use domain::{Collection, Document};
use futures_util::StreamExt as _;
use serde_json::json;
use tower::ServiceExt as _;

use crate::documents::{night, score};
use crate::log;
use crate::test_api::{TestApi, problem};

#[tokio::test]
async fn export_has_a_file_name() {
    let api = TestApi::with(vec![score("2026-03-28", 80), score("2026-03-29", 82)]).await;
    let uri = "/api/v1/export?format=csv&metrics=sleep_score&from=2026-03-01&to=2026-03-29";
    let answer = api.ask(Method::GET, uri).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    let name = "attachment; filename=\"me-days-2026-03-01-2026-03-29.csv\"";
    assert_eq!(answer.header("content-disposition"), Some(name));
    insta::assert_snapshot!(String::from_utf8(answer.body).unwrap().replace("\r\n", "\n"), @r"
    person,day,metric,value,unit,state
    me,2026-03-28,sleep_score,80.0,score (1-100),
    me,2026-03-29,sleep_score,82.0,score (1-100),
    ");
}

#[tokio::test]
async fn export_of_every_kind_and_format_starts_correctly() {
    let api = TestApi::with(vec![score("2026-03-29", 82), night("2026-03-29", &[Some(50.0)])]).await;
    for what in ["days", "points", "documents"] {
        for (format, begins) in [
            ("csv", "person,"),
            ("ndjson", "{"),
            ("json", "["),
            ("parquet", "PAR1"),
            ("fhir", "{\"resourceType\":\"Bundle\""),
        ] {
            let uri = format!("/api/v1/export?format={format}&what={what}");
            let answer = api.ask(Method::GET, &uri).await;
            if (what, format) == ("documents", "fhir") {
                assert!(problem(&answer, 400, &uri).contains("choose days, points, or ndjson"));
                continue;
            }
            assert_eq!(answer.status, 200, "{uri}");
            assert!(answer.body.starts_with(begins.as_bytes()), "{uri}");
        }
    }
}

#[tokio::test]
async fn export_that_cannot_be_written_is_refused_before_the_first_byte() {
    let api = TestApi::with(vec![score("2026-03-29", 82)]).await;
    for (query, status, words) in [
        ("format=xls", 400, "csv, ndjson, json, parquet, fhir"),
        ("what=days", 400, "format"),
        ("format=csv&what=rows", 400, "days, points, documents"),
        ("format=csv&metrics=sleep_skore", 404, "did you mean sleep_score"),
        ("format=csv&collection=dreams", 400, "daily_sleep"),
        ("format=csv&metrics=sleep_hrv", 400, "ask for points"),
        ("format=csv&from=2026-03-02&to=2026-03-01", 400, "swap the two"),
        ("format=csv&person=unknown", 404, "no person"),
        ("format=csv&colection=sleep", 400, "colection"),
    ] {
        let detail = api.problem(&format!("/api/v1/export?{query}"), status).await;
        assert!(detail.contains(words), "{query}: {detail}");
    }
}

#[tokio::test]
async fn export_that_fails_midway_is_not_a_complete_file() {
    let api = TestApi::with(Vec::new()).await;
    let workout = |n: usize| {
        let value = json!({"id": format!("w{n:03}"), "day": "2026-03-29", "label": "x".repeat(10_000)});
        Document::parse(Collection::Workout, &value.to_string()).unwrap()
    };
    api.put("me", Collection::Workout, (0..300).map(workout).collect()).await;
    let uri = "/api/v1/export?format=ndjson&what=documents&collection=workout";
    let request = Request::get(uri).body(Body::empty()).unwrap();
    let response = api.router.clone().oneshot(request).await.unwrap();
    let mut body: BodyDataStream = response.into_body().into_data_stream();
    assert!(body.next().await.unwrap().is_ok(), "it begins well");
    api.store.close().await;
    let mut failed = false;
    while let Some(piece) = body.next().await {
        failed = piece.is_err();
    }
    assert!(failed, "the end is an error, not an end");
    assert!(log::text().contains("an export ended early"));
}

#[tokio::test]
async fn readers_that_do_not_read_keep_no_other_client_out() {
    let api = TestApi::with(Vec::new()).await;
    // More than is made ahead of a reader.
    let documents = (0..200).map(|n| {
        let day = domain::Day::literal(2026, 1, 1).plus(n / 4);
        let value = json!({"id": format!("t-{n}"), "day": day, "comment": "x".repeat(8_000), "start_time": format!("{day}T10:00:00Z")});
        Document::parse(Collection::EnhancedTag, &value.to_string()).unwrap()
    });
    api.put("me", Collection::EnhancedTag, documents.collect()).await;
    let ask = async |address: &str| {
        let peer: SocketAddr = format!("{address}:5000").parse().unwrap();
        let request =
            Request::get("/api/v1/export?format=ndjson&what=documents").extension(ConnectInfo(peer));
        api.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    };
    let mut crowd = Vec::new();
    for _ in 0..8 {
        let response = ask("10.0.0.1").await;
        assert_eq!(response.status(), 200);
        crowd.push(response.into_body());
    }
    assert_eq!(ask("10.0.0.1").await.status(), 503, "one client has so many");
    let other = ask("10.0.0.2").await;
    assert_eq!(other.status(), 200, "another is not shut out");
    let whole = to_bytes(other.into_body(), usize::MAX).await.unwrap();
    assert_eq!(whole.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count(), 200);
    let mut cut = 0;
    for body in crowd {
        cut += usize::from(to_bytes(body, usize::MAX).await.is_err());
    }
    assert_eq!(cut, 1, "what made room for it does not look whole");
}
