//! Remote read at the boundary of HTTP: what comes broken is refused in words, and never by a 5xx.

mod crowd;
mod frames;
mod people;

use axum::body::Body;
use axum::http::{Request, header};
use jiff::Timestamp;
use proptest::prelude::any;

use crate::documents::{night, score};
use crate::test_api::{Answer, TestApi, problem};

const PATH: &str = "/api/v1/prometheus/read";

#[derive(Clone, PartialEq, prost::Message)]
struct ReadRequest {
    #[prost(message, repeated, tag = "1")]
    queries: Vec<Query>,
    #[prost(int32, repeated, tag = "2")]
    accepted: Vec<i32>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Query {
    #[prost(int64, tag = "1")]
    start: i64,
    #[prost(int64, tag = "2")]
    end: i64,
    #[prost(message, repeated, tag = "3")]
    matchers: Vec<Matcher>,
    #[prost(message, optional, tag = "4")]
    hints: Option<Hints>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Matcher {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Hints {
    #[prost(int64, tag = "1")]
    step: i64,
    #[prost(string, tag = "2")]
    func: String,
    #[prost(int64, tag = "3")]
    start: i64,
    #[prost(int64, tag = "4")]
    end: i64,
    #[prost(int64, tag = "7")]
    range: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ReadResponse {
    #[prost(message, repeated, tag = "1")]
    results: Vec<QueryResult>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct QueryResult {
    #[prost(message, repeated, tag = "1")]
    series: Vec<Series>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Series {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    at: i64,
}

fn ms(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

fn equal(name: &str, value: &str) -> Matcher {
    Matcher { kind: 0, name: name.to_owned(), value: value.to_owned() }
}

fn query(name: &str, start: &str, end: &str, hints: Option<Hints>) -> Query {
    Query { start: ms(start), end: ms(end), matchers: vec![equal("__name__", name)], hints }
}

async fn post(api: &TestApi, body: Vec<u8>) -> Answer {
    api.send(Request::post(PATH).header(header::CONTENT_ENCODING, "snappy").body(Body::from(body)).unwrap())
        .await
}

fn packed(message: &impl prost::Message) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(&message.encode_to_vec()).unwrap()
}

async fn read(api: &TestApi, queries: Vec<Query>) -> Vec<QueryResult> {
    let answer = post(api, packed(&ReadRequest { queries, accepted: Vec::new() })).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.header("content-encoding"), Some("snappy"));
    let plain = snap::raw::Decoder::new().decompress_vec(&answer.body).unwrap();
    prost::Message::decode(plain.as_slice()).map(|response: ReadResponse| response.results).unwrap()
}

#[tokio::test]
async fn range_selector_gets_one_sample_per_day() {
    let api = TestApi::with(vec![score("2026-03-28", 70), score("2026-03-29", 80)]).await;
    let hints = Hints { range: 1, ..Hints::default() };
    let asked = query("oura_sleep_score", "2026-03-27T00:00:00Z", "2026-03-30T00:00:00Z", Some(hints));
    let results = read(
        &api,
        vec![asked.clone(), query("oura_none", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", None)],
    )
    .await;
    assert_eq!(results.len(), 2, "a result per query, in order");
    assert!(results[1].series.is_empty());
    let [series] = results[0].series.as_slice() else { panic!("{results:?}") };
    let labels: Vec<(&str, &str)> = series.labels.iter().map(|label| (&*label.name, &*label.value)).collect();
    assert_eq!(labels, [("__name__", "oura_sleep_score"), ("person", "me"), ("source", "history")]);
    let samples: Vec<(i64, f64)> = series.samples.iter().map(|sample| (sample.at, sample.value)).collect();
    // Clocks went forward on the 29th; the samples are a day apart all the same.
    assert_eq!(samples, [(ms("2026-03-27T23:00:00.001Z"), 70.0), (ms("2026-03-28T23:00:00.001Z"), 80.0)]);
    assert_eq!(read(&api, vec![Query { hints: None, ..asked }]).await[0], results[0]);
}

#[tokio::test]
async fn daily_value_holds_between_midnights_and_then_is_stale() {
    let api = TestApi::with(vec![score("2026-03-28", 70), score("2026-03-29", 80)]).await;
    let hints =
        |start: &str, end: &str| Hints { step: 60_000, start: ms(start), end: ms(end), ..Hints::default() };
    let (start, end) = ("2026-03-28T22:50:00Z", "2026-03-28T23:10:00Z");
    let asked = query("oura_sleep_score", start, end, Some(hints(start, end)));
    let samples = &read(&api, vec![asked]).await[0].series[0].samples;
    let seen: Vec<(i64, f64)> = samples
        .iter()
        .map(|sample| ((sample.at - ms("2026-03-28T23:00:00Z")) / 60_000, sample.value))
        .collect();
    assert_eq!(seen, [(-10, 70.0), (-5, 70.0), (0, 80.0), (5, 80.0), (10, 80.0)]);
    // The 29th has 23 hours, and nothing is known of the 30th.
    let (start, end) = ("2026-03-29T21:55:00Z", "2026-03-29T23:10:00Z");
    let asked = query("oura_sleep_score", start, end, Some(hints(start, end)));
    let samples = &read(&api, vec![asked]).await[0].series[0].samples;
    let seen: Vec<(i64, u64)> = samples.iter().map(|sample| (sample.at, sample.value.to_bits())).collect();
    assert_eq!(
        seen,
        [
            (ms("2026-03-29T21:55:00Z"), 80.0_f64.to_bits()),
            (ms("2026-03-29T22:00:00Z"), 0x7ff0_0000_0000_0002)
        ]
    );
}

#[tokio::test]
async fn instant_selector_gets_one_sample() {
    let api =
        TestApi::with(vec![score("2026-03-28", 70), night("2026-03-28", &[Some(50.0), Some(51.0)])]).await;
    let (start, end) = ("2026-03-28T11:55:00Z", "2026-03-28T12:00:00Z");
    let hints = Hints { start: ms(start), end: ms(end), ..Hints::default() };
    let results = read(&api, vec![query("oura_sleep_score", start, end, Some(hints))]).await;
    let samples = &results[0].series[0].samples;
    assert_eq!((samples.len(), samples[0].at), (1, ms(end)));
    // And a point within the day is found where it was measured.
    let (start, end) = ("2026-03-28T00:00:00Z", "2026-03-28T00:05:01Z");
    let hints = Hints { start: ms(start), end: ms(end), ..Hints::default() };
    let results = read(&api, vec![query("oura_sleep_hrv_seconds", start, end, Some(hints))]).await;
    let [only] = results[0].series[0].samples.as_slice() else { panic!("{results:?}") };
    assert_eq!((only.at, only.value), (ms("2026-03-28T00:05:00.250Z"), 0.051));
}

#[tokio::test]
async fn malformed_remote_read_is_refused_with_a_reason() {
    let api = TestApi::with(vec![score("2026-03-29", 80)]).await;
    let check = async |body: Vec<u8>, says: &str| {
        let detail = problem(&post(&api, body).await, 400, says);
        assert!(detail.contains(says), "{detail}");
    };
    let asks = |matcher: Matcher| {
        let query = Query { start: 0, end: 1, matchers: vec![matcher], hints: None };
        packed(&ReadRequest { queries: vec![query], accepted: Vec::new() })
    };
    check(b"not snappy".to_vec(), "snappy").await;
    check(Vec::new(), "snappy").await;
    // Four gigabytes, says the head.
    check(vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0x00], "256 KiB").await;
    // And a real one: megabytes of zeros in a few kilobytes.
    check(snap::raw::Encoder::new().compress_vec(&vec![0; 300_000]).unwrap(), "256 KiB").await;
    check(snap::raw::Encoder::new().compress_vec(b"\x0a\xff\xff\xff").unwrap(), "no prometheus.ReadRequest")
        .await;
    check(asks(Matcher { kind: 7, ..equal("person", "x") }), "of a kind").await;
    check(asks(Matcher { kind: 2, ..equal("person", "((a{1000}){1000}){1000}") }), "too large").await;
    check(asks(Matcher { kind: 2, ..equal("person", "(") }), "regular expression").await;
    let many = vec![Query::default(); 33];
    check(packed(&ReadRequest { queries: many, accepted: Vec::new() }), "32 queries").await;
    check(packed(&ReadRequest { queries: Vec::new(), accepted: vec![7] }), "STREAMED_XOR_CHUNKS").await;
    // Each a megabyte once compiled.
    let bomb = |n: usize| {
        let matchers =
            (0..64).map(|m| Matcher { kind: 2, ..equal("__name__", &format!(r"\pL{{16}}{n:02}{m:02}")) });
        Query { start: 0, end: 1 << 41, matchers: matchers.collect(), hints: None }
    };
    check(
        packed(&ReadRequest { queries: (0..32).map(bomb).collect(), accepted: Vec::new() }),
        "32 different",
    )
    .await;
    problem(&post(&api, vec![0; 20_000]).await, 413, "a body too large");
    problem(&api.ask(axum::http::Method::GET, PATH).await, 405, "GET");
    let detail = problem(
        &api.send(Request::post(format!("{PATH}?lookback=0")).body(Body::empty()).unwrap()).await,
        400,
        "lookback",
    );
    assert!(detail.contains("10 to 86400"), "{detail}");
}

#[tokio::test]
async fn catastrophic_regex_is_answered_quickly() {
    let api = TestApi::with(vec![score("2026-03-29", 80)]).await;
    let matchers = vec![Matcher { kind: 2, ..equal("__name__", "(o+|o+o+)+(u*)*x") }];
    let query = Query { start: i64::MIN, end: i64::MAX, matchers, hints: None };
    assert!(read(&api, vec![query]).await[0].series.is_empty());
}

#[tokio::test]
async fn equal_patterns_of_a_request_are_compiled_once() {
    let api = TestApi::with(vec![score("2026-03-29", 80)]).await;
    let matcher = |name: &str, pattern: &str| Matcher { kind: 2, ..equal(name, pattern) };
    let heavy = vec![matcher("__name__", r"\pL{16}"); 64];
    let query = |matchers| Query { start: i64::MIN, end: i64::MAX, matchers, hints: None };
    let mut queries = vec![query(heavy.clone()); 31];
    queries.push(query(vec![Matcher { kind: 3, ..heavy[0].clone() }, equal("__name__", "oura_sleep_score")]));
    let results = read(&api, queries).await;
    assert!(results[..31].iter().all(|result| result.series.is_empty()));
    assert_eq!(results[31].series.len(), 1);
    let two = vec![matcher("__name__", "oura_sleep_scor."), matcher("person", "m[a-z]")];
    assert_eq!(read(&api, vec![query(two)]).await[0].series.len(), 1);
}

#[tokio::test]
async fn remote_read_of_a_century_returns_stored_days() {
    let api = TestApi::with(vec![score("2026-03-29", 80)]).await;
    let all = |hints| Query {
        start: i64::MIN,
        end: i64::MAX,
        matchers: vec![equal("__name__", "oura_sleep_score")],
        hints,
    };
    assert_eq!(read(&api, vec![all(None)]).await[0].series[0].samples.len(), 1);
    let hints = Hints { step: 1, start: i64::MIN, end: i64::MAX, ..Hints::default() };
    // A day of 23 hours, every five minutes, and its end.
    assert_eq!(read(&api, vec![all(Some(hints))]).await[0].series[0].samples.len(), 23 * 12 + 1);
    let series = Hints { func: "series".into(), start: i64::MIN, end: i64::MAX, ..Hints::default() };
    let asked = Query { start: i64::MIN, end: i64::MAX, matchers: Vec::new(), hints: Some(series) };
    let found = &read(&api, vec![asked]).await[0].series;
    assert!(found.len() > 1 && found.iter().all(|series| series.samples.len() == 1), "{found:?}");
}

#[tokio::test]
async fn buffered_response_joins_many_and_long_series() {
    let days: Vec<String> = (1..=28).map(|day| format!("2026-02-{day:02}")).collect();
    let api = TestApi::with(days.iter().map(|day| score(day, 80)).collect()).await;
    let hints = Hints {
        step: 1,
        start: ms("2026-01-01T00:00:00Z"),
        end: ms("2026-04-01T00:00:00Z"),
        ..Hints::default()
    };
    let asked = |matchers| Query { start: hints.start, end: hints.end, matchers, hints: Some(hints.clone()) };
    let results =
        read(&api, vec![asked(Vec::new()), asked(vec![equal("person", "ann")]), asked(Vec::new())]).await;
    assert_eq!(prost::Message::encode_to_vec(&results[0]), prost::Message::encode_to_vec(&results[2]));
    assert!(results[1].series.is_empty());
    assert_eq!(results[0].series.len(), 2, "the score and its one contributor");
    for series in &results[0].series {
        assert_eq!(series.samples.len(), 28 * 288 + 1, "longer than a piece of the compression");
        assert!(series.samples.is_sorted_by(|a, b| a.at < b.at));
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 200, failure_persistence: None, ..Default::default() })]

    /// Cut, broken and random questions are answered or refused, and never a failure of this side.
    #[test]
    fn arbitrary_body_never_fails_remote_read(cut in 0_usize..200, flips in proptest::collection::vec((0_usize..200, any::<u8>()), 0..4), raw in proptest::collection::vec(any::<u8>(), 0..60), kind in 0..3) {
        let hints = Hints { step: i64::MAX, func: "avg_over_time".into(), start: -1, end: i64::MAX, range: -5 };
        let query = Query { start: i64::MIN, end: i64::MAX, matchers: vec![equal("__name__", "oura_sleep_score")], hints: Some(hints) };
        let whole = prost::Message::encode_to_vec(&ReadRequest { queries: vec![query], accepted: vec![1, 0] });
        let mut plain = if kind == 0 { raw } else { whole };
        for (at, byte) in flips {
            if let Some(place) = plain.get_mut(at) {
                *place = byte;
            }
        }
        plain.truncate(cut);
        let body = if kind == 2 { plain } else { snap::raw::Encoder::new().compress_vec(&plain).unwrap() };
        let status = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let api = TestApi::with(vec![score("2026-03-29", 80)]).await;
            post(&api, body).await.status
        });
        proptest::prop_assert!(status.is_success() || status.is_client_error(), "{}", status);
    }
}
