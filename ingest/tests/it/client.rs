//! What the client requests, and how it handles responses.

use std::time::Duration;

use domain::Collection::{DailySleep, EnhancedTag, HeartRate, PersonalInfo, RingConfiguration};
use ingest::{Client, DocumentResponse, Failure, InvalidClient, Metrics};

use crate::helpers::{Answer, Script, answer, day, page, range, serve};

fn score(id: u32, on: &str) -> String {
    format!(r#"{{"id":"{id}","day":"{on}","score":80,"contributors":{{}}}}"#)
}

#[tokio::test]
async fn window_is_requested_wider_and_filtered_by_day() {
    let documents =
        [score(1, "2026-03-09"), score(2, "2026-03-10"), score(3, "2026-03-12"), score(4, "2026-03-13")];
    let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
    let (script, client) = Script::start([page(&documents, None)]).await;
    let window = client.window(DailySleep, range("2026-03-10", "2026-03-12")).await.unwrap();
    let days: Vec<_> = window.documents.iter().map(|document| document.day).collect();
    assert_eq!(days, [day("2026-03-10"), day("2026-03-12")]);
    let asked = "/v2/usercollection/daily_sleep?start_date=2026-03-08&end_date=2026-03-14";
    assert_eq!(script.asked(), [(asked.to_owned(), "Bearer secret-token".to_owned())]);
}

#[tokio::test]
async fn vo2_max_path_has_a_capital_letter() {
    let (script, client) = Script::start([page(&[], None)]).await;
    client.window(domain::Collection::Vo2Max, range("2026-03-10", "2026-03-12")).await.unwrap();
    assert!(script.asked()[0].0.starts_with("/v2/usercollection/vO2_max?"), "{:?}", script.asked());
}

#[tokio::test]
async fn pages_are_all_read_and_split_days_joined() {
    let row =
        |minute: u32| format!(r#"{{"timestamp":"2026-03-10T10:{minute:02}:00Z","bpm":60,"source":"awake"}}"#);
    let (first, second, third) = (row(1), row(2), row(3));
    let (script, client) = Script::start([
        page(&[&first, &second], Some("a+b/c")),
        page(&[&second, &third], Some("d")),
        page(&[], None),
    ])
    .await;
    let window = client.window(HeartRate, range("2026-03-10", "2026-03-10")).await.unwrap();
    let bodies: Vec<&str> = window.documents.iter().map(|document| document.body.as_str()).collect();
    assert_eq!(bodies, [format!("[{first},{second},{third}]")], "the overlap of the pages counts once");
    let bounds = "/v2/usercollection/heartrate?start_datetime=2026-03-09T23%3A59%3A00Z&end_datetime=2026-03-11T00%3A00%3A00Z";
    let asked: Vec<String> = script.asked().into_iter().map(|(uri, _)| uri).collect();
    assert_eq!(
        asked,
        [bounds.to_owned(), format!("{bounds}&next_token=a%2Bb%2Fc"), format!("{bounds}&next_token=d")]
    );
}

#[tokio::test]
async fn half_an_emoji_spoils_neither_a_page_nor_a_single_document() {
    let tag = r#"{"id":"t","start_day":"2026-03-10","comment":"late \ud83d"}"#;
    let (_, client) = Script::start([page(&[tag], None), answer(200, tag)]).await;
    let window = client.window(EnhancedTag, range("2026-03-10", "2026-03-10")).await.unwrap();
    assert_eq!((window.documents.len(), window.rejected.len()), (1, 0));
    match client.document(EnhancedTag, "t").await.unwrap() {
        DocumentResponse::Found(Ok(document)) => assert_eq!(document, window.documents[0]),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn bad_document_does_not_fail_its_page() {
    let good = score(1, "2026-03-10");
    let bad = r#"{"id":"2","day":"2026-03-10","score":"high"}"#;
    let (_, client) = Script::start([page(&[bad, "17", &good], None)]).await;
    let window = client.window(DailySleep, range("2026-03-10", "2026-03-10")).await.unwrap();
    assert_eq!(window.documents.len(), 1);
    let rejected: Vec<(&str, &str)> =
        window.rejected.iter().map(|rejected| (rejected.reason.as_str(), rejected.body.as_str())).collect();
    assert_eq!(
        rejected,
        [("/score: expected a number", bad), ("/id: expected a text of 1 to 256 plain bytes", "17")]
    );
}

/// Requests one window; returns the result and the number of requests.
async fn end(answers: Vec<Answer>) -> (Result<usize, &'static str>, usize) {
    let (script, client) = Script::start(answers).await;
    let window = client.window(DailySleep, range("2026-03-10", "2026-03-10")).await;
    (
        window.map(|window| window.documents.len()).map_err(|failure| failure.cause().word()),
        script.asked().len(),
    )
}

#[tokio::test]
async fn transient_failure_is_retried_a_bounded_number_of_times() {
    let good = page(&[&score(1, "2026-03-10")], None);
    let half = Answer { body: good.body[..good.body.len() / 2].to_owned(), ..good.clone() };
    let limited = Answer { retry_after: Some("0"), ..answer(429, "") };
    for passing in
        [answer(500, ""), answer(503, "<html>"), half, answer(200, "<html>"), answer(200, ""), limited]
    {
        assert_eq!(
            end(vec![passing.clone(), passing.clone(), good.clone()]).await,
            (Ok(1), 3),
            "{passing:?}"
        );
    }
    assert_eq!(end(vec![answer(500, "")]).await, (Err("server"), 5));
    assert_eq!(end(vec![answer(200, "\u{1}")]).await, (Err("malformed"), 5));
}

#[tokio::test]
async fn permanent_failure_is_not_retried() {
    for (status, body, kind) in [
        (401, r#"{"detail":"expired"}"#, "unauthorized"),
        (401, r#"{"detail":"no scope"}"#, "scope"),
        (403, "{}", "forbidden"),
        (404, "{}", "not_found"),
        (422, "{}", "refused"),
        (426, "{}", "app_too_old"),
        (301, "", "unexpected"),
    ] {
        assert_eq!(end(vec![answer(status, body)]).await, (Err(kind), 1), "{status}");
    }
    let far = Answer { retry_after: Some("86400"), ..answer(429, "") };
    assert_eq!(end(vec![far]).await, (Err("rate_limited"), 1), "a pause of a day is not waited for");
}

#[tokio::test]
async fn absurd_pause_is_an_hour_and_leaves_the_client_usable() {
    for absurd in ["9999999999999999999", "9223372036854775807", "99999999999999999999999"] {
        let (script, client) = Script::start([Answer { retry_after: Some(absurd), ..answer(429, "") }]).await;
        let wanted = range("2026-03-10", "2026-03-10");
        for _ in 0..2 {
            let failure = client.window(DailySleep, wanted).await.unwrap_err();
            let pause = failure.retry_after().unwrap();
            assert!(pause <= Duration::from_hours(1) && pause > Duration::from_mins(59), "{pause:?}");
        }
        assert_eq!(script.asked().len(), 1, "nothing is asked within the pause");
    }
}

#[tokio::test]
async fn empty_next_token_is_the_end() {
    assert_eq!(end(vec![page(&[&score(1, "2026-03-10")], Some("")), answer(500, "")]).await, (Ok(1), 1));
}

#[tokio::test]
async fn circuit_opens_for_one_failing_collection_only() {
    let good = page(&[&score(1, "2026-03-10")], None);
    let (script, client) = Script::start(std::iter::repeat_n(answer(503, ""), 5).chain([good])).await;
    let wanted = range("2026-03-10", "2026-03-10");
    assert_eq!(client.window(DailySleep, wanted).await.unwrap_err().cause().word(), "server");
    assert_eq!(script.asked().len(), 5);
    let resting = client.window(DailySleep, wanted).await.unwrap_err();
    assert!(matches!(resting, Failure::Resting { cause: domain::Cause::Server, .. }), "{resting:?}");
    assert_eq!(script.asked().len(), 5, "nothing was sent");
    assert_eq!(client.window(domain::Collection::Workout, wanted).await.unwrap().documents.len(), 1);
}

#[tokio::test]
async fn rate_limit_headers_are_exposed_as_metrics() {
    let mut registry = prometheus_client::registry::Registry::default();
    let metrics = Metrics::register(&mut registry);
    let limited = || async {
        let headers = [
            ("retry-after", "0"),
            ("x-ratelimit-limit", "5000"),
            ("x-ratelimit-window", "300"),
            ("x-ratelimit-reset", "1774796400"),
            ("x-ratelimit-tier", "access_token"),
        ];
        (axum::http::StatusCode::TOO_MANY_REQUESTS, headers, "{}")
    };
    let base = serve(axum::Router::new().fallback(limited)).await;
    let client = crate::helpers::client_with(&base, "secret-token", metrics);
    let failure = client.window(DailySleep, range("2026-03-10", "2026-03-10")).await.unwrap_err();
    assert_eq!(failure.cause().word(), "rate_limited");
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for line in [
        "oura_rate_limit_requests{tier=\"token\"} 5000",
        "oura_rate_limit_window_seconds{tier=\"token\"} 300",
        "oura_rate_limit_reset_timestamp_seconds{tier=\"token\"} 1774796400",
        "oura_circuit_open{collection=\"daily_sleep\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[tokio::test]
async fn endless_paging_is_a_failure() {
    assert_eq!(end(vec![page(&[], Some("same"))]).await, (Err("malformed"), 2));
}

#[tokio::test]
async fn plain_http_to_another_host_is_refused() {
    let metrics = Metrics::register(&mut prometheus_client::registry::Registry::default());
    let refused = |base: &str| Client::new(base, "t".to_owned().into(), metrics.clone()).unwrap_err();
    assert!(matches!(refused("http://api.example"), InvalidClient::Unencrypted(_)));
    assert!(matches!(refused("ftp://api.example"), InvalidClient::Malformed(_)));
    assert!(matches!(refused("api.example"), InvalidClient::Malformed(_)));
    assert!(matches!(refused(""), InvalidClient::Malformed(_)));
}

#[tokio::test]
async fn observed_collections_are_requested_without_dates() {
    let ring = |id: &str| format!(r#"{{"id":"{id}","size":9,"set_up_at":"2026-01-01T10:00:00.000Z"}}"#);
    let (script, client) =
        Script::start([page(&[&ring("a")], Some("more")), page(&["7", &ring("b")], None)]).await;
    let window = client.window(RingConfiguration, range("2026-03-10", "2026-03-10")).await.unwrap();
    let filed: Vec<(&str, String)> =
        window.documents.iter().map(|document| (document.id.as_str(), document.body.clone())).collect();
    assert_eq!(filed, [("2026-03-10", format!("[{},{}]", ring("a"), ring("b")))]);
    assert_eq!(window.rejected.len(), 1, "an item that is no ring is rejected");
    let asked: Vec<String> = script.asked().into_iter().map(|(uri, _)| uri).collect();
    let path = "/v2/usercollection/ring_configuration";
    assert_eq!(asked, [path.to_owned(), format!("{path}?next_token=more")]);
}

#[tokio::test]
async fn profile_is_stored_without_email() {
    let profile =
        r#"{"id":"u","weight":71.50,"email":"wearer@example.org","E-Mail":"x@example.org","height":null}"#;
    let (_, client) = Script::start([answer(200, profile)]).await;
    let window = client.window(PersonalInfo, range("2026-03-10", "2026-03-10")).await.unwrap();
    assert_eq!(window.documents[0].body, r#"{"height":null,"id":"u","weight":71.50}"#);
    let wrong = r#"{"id":"u","weight":"71","email":"wearer@example.org"}"#;
    for body in [wrong, r#"["wearer@example.org"]"#, r#"{"data":[],"email":"wearer@example.org"}"#] {
        let (_, client) = Script::start([answer(200, body)]).await;
        let window = client.window(PersonalInfo, range("2026-03-10", "2026-03-10")).await.unwrap();
        assert_eq!((window.documents.len(), window.rejected.len()), (0, 1), "{body}");
        assert!(!window.rejected[0].body.contains("example.org"), "{}", window.rejected[0].body);
    }
}
