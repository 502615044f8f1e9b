//! Prometheus remote read over SQL: ten years of corrected, day-exact history as PromQL. [`view`] says what history
//! looks like to a query, [`history`] reads it, [`sink`] encodes it.

mod history;
mod matcher;
mod sink;
mod view;
mod wire;
mod xor;

use std::io;

use axum::body::Body;
use axum::extract::State as With;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use prost::Message as _;
use serde::Deserialize;
use store::{Person, Store};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::history::Question;
use self::sink::{Frames, Message};
use self::view::{LOOKBACK_MS, Window};
use self::wire::{ReadRequest, ResponseType};
use crate::access::Access;
use crate::error::{Error, Failures};
use crate::extract::Query;
use crate::state::State;

/// Where Prometheus asks.
pub(crate) const PATH: &str = "/api/v1/prometheus/read";

/// Largest question once it is unpacked; a real one has some hundred bytes.
const MAX_QUESTION: usize = 256 * 1024;

/// Most queries in one question; Prometheus sends one.
const MAX_QUERIES: usize = 32;

/// Whole answers made at a time: each is held in memory until it is sent, a hundred megabytes at most.
const WHOLE_AT_A_TIME: usize = 4;

/// Streams at a time: each holds a few frames, for as long as its reader takes.
const STREAMS_AT_A_TIME: usize = 16;

/// Frames made ahead of a slow reader.
const AHEAD: usize = 2;

static WHOLE: Semaphore = Semaphore::const_new(WHOLE_AT_A_TIME);
static STREAMS: Semaphore = Semaphore::const_new(STREAMS_AT_A_TIME);

pub(crate) fn router() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(read_history))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Params {
    /// How far Prometheus looks back, in seconds: its `--query.lookback-delta`, when that is not five minutes.
    #[param(example = 300, minimum = 10, maximum = 86400)]
    lookback: Option<i64>,
    /// `ignore` answers with every sample that any evaluation could need, which is slower and says the same.
    #[serde(default)]
    #[param(inline, example = "ignore")]
    hints: Hints,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
enum Hints {
    #[default]
    Use,
    Ignore,
}

/// Prometheus remote read: every number of history as a series with `source="history"`.
///
/// To instant selectors a number of a day holds from local midnight to local midnight; to range selectors it is one
/// sample a day. `docs/history.md` has the configuration of Prometheus and queries.
#[utoipa::path(
    post, path = "/prometheus/read", operation_id = "read_history", tag = "history",
    params(Params),
    request_body(content = Vec<u8>, content_type = "application/x-protobuf", description = "`prometheus.ReadRequest`, compressed with snappy."),
    responses(
        (status = 200, description = "`prometheus.ReadResponse`, compressed with snappy, or a stream of `prometheus.ChunkedReadResponse`, as the question prefers.",
            content((Vec<u8> = "application/x-protobuf"), (Vec<u8> = "application/x-streamed-protobuf"))),
        Failures,
    ),
)]
async fn read_history(
    With(state): With<State>,
    access: Access,
    Query(params): Query<Params>,
    body: Bytes,
) -> Result<Response, Error> {
    let lookback = match params.lookback {
        None => LOOKBACK_MS,
        Some(seconds @ 10..=86_400) => seconds * 1000,
        Some(_) => {
            let reason = "is not a whole number of seconds from 10 to 86400".to_owned();
            return Err(Error::Parameter { parameter: "lookback", reason });
        }
    };
    let request = unpack(&body)?;
    let kind = response_type(&request)?;
    let questions = questions(request, lookback, params.hints == Hints::Ignore)?;
    let mut people = state.store.people().await?;
    people.retain(|person| access.sees(person));
    // By bytes, as Prometheus sorts; a database may sort as people do.
    people.sort_by(|a, b| a.name.cmp(&b.name));
    let turns = match kind {
        ResponseType::Samples => &WHOLE,
        ResponseType::StreamedXorChunks => &STREAMS,
    };
    let turn = turns.acquire().await.map_err(|_| Error::Panic)?;
    match kind {
        ResponseType::Samples => samples(&state.store, &people, &questions).await,
        ResponseType::StreamedXorChunks => Ok(chunks(state.store, people, questions, turn)),
    }
}

fn refused(what: &str) -> Error {
    Error::RemoteRead(what.to_owned())
}

fn unpack(body: &[u8]) -> Result<ReadRequest, Error> {
    let length =
        snap::raw::decompress_len(body).map_err(|_| refused("the body is not compressed with snappy"))?;
    if length > MAX_QUESTION {
        return Err(refused("the body unpacks to more than 256 KiB"));
    }
    let plain = snap::raw::Decoder::new().decompress_vec(body);
    let plain = plain.map_err(|_| refused("the body is not compressed with snappy, or is cut short"))?;
    ReadRequest::decode(plain.as_slice()).map_err(|_| refused("the body is no prometheus.ReadRequest"))
}

/// The first type in the asker's order that this service knows.
fn response_type(request: &ReadRequest) -> Result<ResponseType, Error> {
    if request.accepted_response_types.is_empty() {
        return Ok(ResponseType::Samples);
    }
    let known = request.accepted_response_types.iter().find_map(|kind| ResponseType::try_from(*kind).ok());
    known.ok_or_else(|| refused("the accepted response types are none of SAMPLES and STREAMED_XOR_CHUNKS"))
}

/// One entry per query; a query with an empty window has nothing to answer.
fn questions(
    request: ReadRequest,
    lookback: i64,
    ignore_hints: bool,
) -> Result<Vec<Option<Question>>, Error> {
    if request.queries.len() > MAX_QUERIES {
        return Err(refused("a question has at most 32 queries"));
    }
    let question = |query: wire::Query| {
        let window = Window::new(&query, lookback, ignore_hints);
        let matchers = matcher::Matchers::new(query.matchers)?;
        Ok(window.map(|window| Question { window, matchers }))
    };
    request.queries.into_iter().map(question).collect()
}

async fn samples(
    store: &Store,
    people: &[Person],
    questions: &[Option<Question>],
) -> Result<Response, Error> {
    let mut message = Message::new();
    for question in questions {
        message.begin_result()?;
        if let Some(question) = question {
            history::answer(store, people, question, &mut message).await?;
        }
        message.end_result();
    }
    let pieces = stream::iter(message.finish()?.into_iter().map(Ok::<_, io::Error>));
    let headers = [
        (header::CONTENT_TYPE, "application/x-protobuf"),
        (header::CONTENT_ENCODING, "snappy"),
        (HeaderName::from_static("x-prometheus-remote-read-version"), "0.1.0"),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// What fails after the first frame can only be told by ending the stream before its end.
fn chunks(
    store: Store,
    people: Vec<Person>,
    questions: Vec<Option<Question>>,
    turn: SemaphorePermit<'static>,
) -> Response {
    let (out, frames) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let _turn = turn;
        let mut sink = Frames::new(out.clone());
        for (n, question) in questions.iter().enumerate() {
            sink.begin_result(n);
            let Some(question) = question else { continue };
            if let Err(error) = history::answer(&store, &people, question, &mut sink).await {
                if !matches!(error, Error::Gone) {
                    tracing::error!(error = store::causes(&error), "a streamed answer ended early");
                }
                let _ = out.send(Err(io::Error::other("the answer ended early"))).await;
                return;
            }
        }
    });
    // Who compresses asks once more after the end.
    let frames = stream::unfold(frames, async |mut frames| Some((frames.recv().await?, frames)));
    let headers =
        [(header::CONTENT_TYPE, "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse")];
    (headers, Body::from_stream(frames.fuse())).into_response()
}
