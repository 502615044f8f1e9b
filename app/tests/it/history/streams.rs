//! Streams of chunks, as Prometheus 3 asks for them.

use super::{DAY, HOUR, ms, serve};
use crate::generation::{Generation, on_each_generation};
use crate::killed::Cloud;
use crate::process::{finish, http, myhealth};
use crate::prometheus::Prometheus;

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
    labels: Vec<Pair>,
    #[prost(message, repeated, tag = "2")]
    chunks: Vec<Chunk>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Message)]
struct Pair {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
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

#[derive(Clone, PartialEq, prost::Message)]
struct Request {
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

/// Asks for a stream, and takes its frames apart.
async fn stream(url: &str, start: i64, end: i64) -> Vec<Frame> {
    let matchers = vec![Matcher { kind: 0, name: "source".to_owned(), value: "history".to_owned() }];
    let request = Request { queries: vec![Query { start, end, matchers }], accepted: vec![1] };
    let body = snap::raw::Encoder::new().compress_vec(&prost::Message::encode_to_vec(&request)).unwrap();
    let request = http()
        .post(url)
        .header("content-encoding", "snappy")
        .header("content-type", "application/x-protobuf");
    let answer = request.body(body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["content-type"],
        "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"
    );
    let bytes = answer.bytes().await.unwrap();
    let (mut rest, mut frames) = (bytes.as_ref(), Vec::new());
    while !rest.is_empty() {
        let length = usize::try_from(prost::encoding::decode_varint(&mut rest).unwrap()).unwrap();
        let (checksum, after) = rest.split_at(4);
        let (data, after) = after.split_at(length);
        assert_eq!(checksum, crc32c(data).to_be_bytes());
        frames.push(prost::Message::decode(data).unwrap());
        rest = after;
    }
    frames
}

/// The checksum of Castagnoli, bit by bit.
fn crc32c(data: &[u8]) -> u32 {
    !data.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 })
    })
}
on_each_generation!(streamed_chunks_equal_prometheus_bytes);

async fn streamed_chunks_equal_prometheus_bytes(generation: Generation) {
    let cloud = Cloud::start().await;
    let folder = tempfile::tempdir().unwrap();
    assert!(finish(cloud.command("sync", folder.path())).status.success());
    let file = folder.path().join("history.om");
    let mut export = myhealth(&["export", "openmetrics"]);
    export.arg(&file).arg("--data-dir").arg(folder.path());
    assert!(finish(export).status.success());
    let prometheus =
        Prometheus::start(generation, &[&std::fs::read_to_string(&file).unwrap()], "global: {}\n").await;
    let (_api, address) = serve(folder.path(), &[]).await;
    let (mut same, mut other) = (0, 0);
    // Numbers of days in windows of weeks, and points in windows of hours: what fits one chunk is cut alike.
    for (start, length) in [
        ("2026-02-01T00:00:00Z", 20 * DAY),
        ("2025-10-20T00:00:00Z", 25 * DAY),
        ("2026-03-03T00:00:00Z", 6 * HOUR),
        ("2026-03-05T12:00:00Z", 8 * HOUR),
    ] {
        let (start, end) = (ms(start), ms(start) + length);
        let theirs = stream(&format!("{}/api/v1/read", prometheus.url), start, end).await;
        let ours = stream(&format!("http://{address}/api/v1/prometheus/read"), start, end).await;
        let all = |frames: &[Frame]| {
            let mut all: std::collections::BTreeMap<Vec<Pair>, Vec<Chunk>> =
                std::collections::BTreeMap::new();
            for series in frames.iter().flat_map(|frame| &frame.series) {
                all.entry(series.labels.clone()).or_default().extend(series.chunks.clone());
            }
            all
        };
        let order: Vec<&Vec<Pair>> =
            ours.iter().flat_map(|frame| &frame.series).map(|series| &series.labels).collect();
        assert!(order.is_sorted(), "series are sorted as Prometheus sorts them");
        let (ours, theirs) = (all(&ours), all(&theirs));
        assert!(ours.keys().eq(theirs.keys()));
        for (labels, chunks) in ours {
            match (chunks.as_slice(), theirs[&labels].as_slice()) {
                ([ours], [theirs]) => {
                    let mut theirs = theirs.clone();
                    // Version 2 ends with a byte of zeros where the last one is full.
                    if theirs.data.len() == ours.data.len() + 1 && generation == Generation::Debian {
                        assert_eq!(theirs.data.pop(), Some(0), "{labels:?}");
                    }
                    assert_eq!(ours, &theirs, "{labels:?}");
                    same += 1;
                }
                _ => other += 1,
            }
        }
    }
    assert!(
        same > 200 && other < same / 4,
        "{same} chunks are the same, {other} series are cut in other places"
    );
}
