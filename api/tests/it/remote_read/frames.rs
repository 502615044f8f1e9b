//! Streams of frames: one for each series, however long it is, and none longer than its reader takes.

use axum::body::Body;
use axum::http::{Request, header};

use super::{Hints, Label, PATH, Query, ReadRequest, equal, ms, packed, read};
use crate::documents::{readiness, score};
use crate::test_api::{Answer, TestApi, problem};

#[derive(Clone, PartialEq, prost::Message)]
struct Frame {
    #[prost(message, repeated, tag = "1")]
    series: Vec<ChunkedSeries>,
    #[prost(int64, tag = "2")]
    query: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ChunkedSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    chunks: Vec<Chunk>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Chunk {
    #[prost(int64, tag = "1")]
    from: i64,
    #[prost(int64, tag = "2")]
    to: i64,
    #[prost(int32, tag = "3")]
    kind: i32,
    #[prost(bytes = "vec", tag = "4")]
    data: Vec<u8>,
}

const DAYS: usize = 400;

/// A sample every ten seconds of every day: two megabytes of chunks.
const OFTEN: &str = "?lookback=10";

async fn api(frame_bytes: usize) -> TestApi {
    let api = TestApi::edged(|settings| settings.frame_bytes = frame_bytes, api::Anonymous::Allowed).await;
    let first: domain::Day = "2025-01-01".parse().unwrap();
    let days = (0..i64::try_from(DAYS).unwrap()).map(|n| first.plus(n).to_string());
    for (n, day) in days.enumerate() {
        let (collection, document) = score(&day, u8::try_from(n % 90 + 1).unwrap());
        api.put("me", collection, vec![document]).await;
    }
    let (collection, document) = readiness("2025-01-01", 70, 0.25);
    api.put("me", collection, vec![document]).await;
    api
}

fn panel(name: &str) -> Query {
    let hints = Hints {
        step: 60_000,
        start: ms("2024-12-01T00:00:00Z"),
        end: ms("2026-06-01T00:00:00Z"),
        ..Hints::default()
    };
    Query { start: hints.start, end: hints.end, matchers: vec![equal("__name__", name)], hints: Some(hints) }
}

async fn stream(api: &TestApi, queries: &[Query]) -> Answer {
    let body = packed(&ReadRequest { queries: queries.to_vec(), accepted: vec![1] });
    let request = Request::post(format!("{PATH}{OFTEN}")).header(header::CONTENT_ENCODING, "snappy");
    api.send(request.body(Body::from(body)).unwrap()).await
}

/// Each frame, and the bytes of its message.
fn frames(answer: &Answer) -> Vec<(Frame, usize)> {
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    let (mut rest, mut frames) = (answer.body.as_slice(), Vec::new());
    let castagnoli = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);
    while !rest.is_empty() {
        let length = usize::try_from(prost::encoding::decode_varint(&mut rest).unwrap()).unwrap();
        let (checksum, after) = rest.split_at(4);
        let (message, after) = after.split_at(length);
        assert_eq!(checksum, castagnoli.checksum(message).to_be_bytes());
        frames.push((prost::Message::decode(message).unwrap(), length));
        rest = after;
    }
    frames
}

#[tokio::test]
async fn long_series_is_one_frame() {
    let api = api(usize::MAX).await;
    let queries = [panel("oura_readiness_score"), panel("oura_none"), panel("oura_sleep_score")];
    let frames = frames(&stream(&api, &queries).await);
    let [(short, _), (long, bytes)] = frames.as_slice() else { panic!("{} frames", frames.len()) };
    assert_eq!((short.query, long.query), (0, 2));
    assert!(*bytes > 1_500_000, "{bytes}");
    let [series] = long.series.as_slice() else { panic!("{} series in a frame", long.series.len()) };
    assert_eq!(series.labels[0].value, "oura_sleep_score");
    let counted =
        series.chunks.iter().map(|chunk| usize::from(u16::from_be_bytes([chunk.data[0], chunk.data[1]])));
    // Clocks were put forward and back. And the end of the last day.
    assert_eq!(counted.sum::<usize>(), DAYS * 24 * 360 + 1);
    assert!(series.chunks.is_sorted_by(|a, b| a.to < b.from));
    // Nothing was lost on the way there: the other kind of response has the same samples, but fewer.
    let sparse = read(&api, vec![panel("oura_sleep_score")]).await;
    assert_eq!(sparse[0].series[0].samples[0].at, series.chunks[0].from);
    assert_eq!(sparse[0].series[0].samples.last().unwrap().at, series.chunks.last().unwrap().to);
}

#[tokio::test]
async fn panel_of_ten_years_on_its_steps_takes_less_than_a_hundred_kilobytes() {
    let api = TestApi::with(Vec::new()).await;
    let first: domain::Day = "2016-01-01".parse().unwrap();
    let days = (0..3_653_i64).map(|n| score(&first.plus(n).to_string(), u8::try_from(n % 90 + 1).unwrap()));
    let (collections, documents): (Vec<_>, Vec<_>) = days.unzip();
    api.put("me", collections[0], documents).await;
    let (start, end) = (ms("2015-12-31T23:55:00.001Z"), ms("2026-01-01T00:00:00Z"));
    let hints = Hints { step: 86_400_000, start, end, ..Hints::default() };
    let query =
        Query { start, end, matchers: vec![equal("__name__", "oura_sleep_score")], hints: Some(hints) };
    let bytes = async |parameters: &str| {
        let body = packed(&ReadRequest { queries: vec![query.clone()], accepted: vec![1] });
        let request = Request::post(format!("{PATH}{parameters}")).header(header::CONTENT_ENCODING, "snappy");
        let answer = api.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(frames(&answer).len(), 1);
        answer.body.len()
    };
    let (thin, whole) = (bytes("?hints=steps").await, bytes("").await);
    assert!(thin < 100_000 && whole > 5 * thin, "{thin} of {whole}");
}

#[tokio::test]
async fn series_is_refused_exactly_where_its_reader_refuses_it() {
    let frame = frames(&stream(&api(usize::MAX).await, &[panel("oura_sleep_score")]).await)[0].1;
    let fits = api(frame).await;
    assert_eq!(frames(&stream(&fits, &[panel("oura_sleep_score")]).await)[0].1, frame);
    let refuses = api(frame - 1).await;
    let detail = problem(&stream(&refuses, &[panel("oura_sleep_score")]).await, 400, "a byte too much");
    assert!(detail.contains("oura_sleep_score") && detail.contains("shorter range"), "{detail}");
}
