//! Prometheus remote read over SQL: ten years of corrected, day-exact history as PromQL. [`selection`] says which series a
//! query is about, [`view`] what they look like to it, [`history`] reads them, [`sink`] encodes them.

mod history;
mod matcher;
mod request_queue;
mod selection;
mod sink;
mod view;
mod wire;
mod xor;

use std::io;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::body::Body;
use axum::extract::State as With;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use prost::Message as _;
use serde::Deserialize;
use store::{Person, Scope, Store};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use utoipa::IntoParams;
use utoipa_axum::routes;

use self::history::HistoryQuery;
use self::matcher::{Matchers, Patterns};
use self::request_queue::RequestQueue;
use self::sink::{Frames, Message};
use self::view::{Hints, LOOKBACK_MS, Window};
use self::wire::{LabelMatcher, ReadRequest, ResponseType};
use crate::access::Access;
use crate::error::{Error, Failures};
use crate::extract::Query;
use crate::guards::{Client, Permit};
use crate::policy::{LoadShedding, Policy};
use crate::routes::Routes;
use crate::state::State;

/// Largest question once it is unpacked; a real one has some hundred bytes.
const MAX_REQUEST_BYTES: usize = 256 * 1024;

/// Most queries in one question; Prometheus sends one.
const MAX_QUERIES: usize = 32;

/// Frames made ahead of a slow reader, or segments of a long one.
const PREFETCHED_FRAMES: usize = 2;

pub(crate) fn routes() -> Routes<State> {
    let policy = Policy { load_shedding: LoadShedding::UntilSent, ..Policy::scope(Scope::RemoteRead) };
    Routes::new().add(policy, routes!(read_history)).share(RequestQueue::new())
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Params {
    /// How far Prometheus looks back, in seconds: its `--query.lookback-delta`, when that is not five minutes.
    #[param(example = 300, minimum = 10, maximum = 86400)]
    lookback: Option<i64>,
    /// `ignore` answers with every sample that any evaluation could need, which is slower and says the same; `steps` with
    /// those on the steps alone, which is quicker, and finds nothing in a subquery that hides an offset.
    #[serde(default)]
    #[param(inline, example = "ignore")]
    hints: Hints,
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
    Extension(turns): Extension<RequestQueue>,
    Extension(client): Extension<Client>,
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
    let patterns = Patterns::of(&request)?;
    let turn = turns.take(kind, client).await?;
    let mut people = access.people(&state.store).await?;
    let names = people.iter().map(|person| person.name.to_string()).collect();
    let resolved = turns.resolve(patterns, names).await?;
    let matchers = |matchers| Matchers::new(matchers, &resolved, &state.guards.external_labels);
    let questions = parse_queries(request, matchers, lookback, params.hints)?;
    // By bytes, as Prometheus sorts; a database may sort as people do.
    people.sort_by(|a, b| a.name.cmp(&b.name));
    match kind {
        ResponseType::Samples => whole(&state.store, &people, &questions, turn).await,
        ResponseType::StreamedXorChunks => {
            let limit = state.guards.frame_bytes;
            let make = |out| Frames::new(out, turns, client, limit);
            chunks(state.store, people, questions, turn, make).await
        }
    }
}

fn refused(what: &str) -> Error {
    Error::RemoteRead(what.to_owned())
}

fn unpack(body: &[u8]) -> Result<ReadRequest, Error> {
    let length =
        snap::raw::decompress_len(body).map_err(|_| refused("the body is not compressed with snappy"))?;
    if length > MAX_REQUEST_BYTES {
        return Err(refused("the body unpacks to more than 256 KiB"));
    }
    let plain = snap::raw::Decoder::new().decompress_vec(body);
    let plain = plain.map_err(|_| refused("the body is not compressed with snappy, or is cut short"))?;
    let request = ReadRequest::decode(plain.as_slice());
    let request = request.map_err(|_| refused("the body is no prometheus.ReadRequest"))?;
    if request.queries.len() > MAX_QUERIES {
        return Err(refused("a question has at most 32 queries"));
    }
    Ok(request)
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
fn parse_queries(
    request: ReadRequest,
    matchers: impl Fn(Vec<LabelMatcher>) -> Result<Matchers, Error>,
    lookback: i64,
    use_of_hints: Hints,
) -> Result<Vec<Option<HistoryQuery>>, Error> {
    let question = |query: wire::Query| {
        let window = Window::new(&query, lookback, use_of_hints);
        let matchers = matchers(query.matchers)?;
        Ok(window.map(|window| HistoryQuery { window, matchers }))
    };
    request.queries.into_iter().map(question).collect()
}

async fn whole(
    store: &Store,
    people: &[Person],
    questions: &[Option<HistoryQuery>],
    turn: Permit<Client>,
) -> Result<Response, Error> {
    let mut message = Message::new();
    for question in questions {
        message.begin_result()?;
        if let Some(question) = question {
            history::answer_query(store, people, question, &mut message).await?;
        }
        message.end_result();
    }
    let headers = [
        (header::CONTENT_TYPE, "application/x-protobuf"),
        (header::CONTENT_ENCODING, "snappy"),
        (HeaderName::from_static("x-prometheus-remote-read-version"), "0.1.0"),
    ];
    Ok((headers, body_with_permit(message.finish()?, turn)).into_response())
}

/// How long a client may take for a whole response; as long as Prometheus waits for one by default.
const RESPONSE_TIMEOUT: Duration = Duration::from_mins(1);

/// A body that has its turn until it is sent or given up, because it takes memory until then.
fn body_with_permit(pieces: Vec<Bytes>, turn: Permit<Client>) -> Body {
    let deadline = Instant::now() + RESPONSE_TIMEOUT;
    let piece = move |piece| {
        let _turn = &turn;
        if Instant::now() > deadline { Err(io::Error::from(io::ErrorKind::TimedOut)) } else { Ok(piece) }
    };
    Body::from_stream(stream::iter(pieces.into_iter().map(piece)))
}

/// What fails before the first frame is a response of its own; after it, the stream can only end early.
async fn chunks(
    store: Store,
    people: Vec<Person>,
    questions: Vec<Option<HistoryQuery>>,
    turn: Permit<Client>,
    make: impl FnOnce(mpsc::Sender<Bytes>) -> Frames,
) -> Result<Response, Error> {
    let (out, frames) = mpsc::channel(PREFETCHED_FRAMES);
    let mut sink = make(out);
    // Ends with the response: a client that has gone holds no turn.
    let maker = AbortOnDropHandle::new(tokio::spawn(async move {
        let _turn = turn;
        for (n, question) in questions.iter().enumerate() {
            sink.begin_result(n);
            if let Some(question) = question {
                history::answer_query(&store, &people, question, &mut sink).await?;
            }
        }
        Ok(())
    }));
    let headers =
        [(header::CONTENT_TYPE, "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse")];
    Ok((headers, begun(frames, maker).await?).into_response())
}

/// The body, once its first bytes or its end are there.
async fn begun(
    mut frames: mpsc::Receiver<Bytes>,
    maker: AbortOnDropHandle<Result<(), Error>>,
) -> Result<Body, Error> {
    let Some(first) = frames.recv().await else {
        maker.await.map_err(|_| Error::Panic)??;
        return Ok(Body::empty());
    };
    Ok(Body::from_stream(stream::iter([Ok(first)]).chain(followed(frames, maker))))
}

/// Frames as they are made. An answer that fails, or whose maker panics, must not look complete.
fn followed(
    frames: mpsc::Receiver<Bytes>,
    maker: AbortOnDropHandle<Result<(), Error>>,
) -> impl Stream<Item = io::Result<Bytes>> {
    let next = async |(mut frames, maker): (mpsc::Receiver<Bytes>, Option<AbortOnDropHandle<_>>)| {
        if let Some(frame) = frames.recv().await {
            return Some((Ok(frame), (frames, maker)));
        }
        let error: Box<dyn std::error::Error + Send + Sync> = match maker?.await {
            Ok(Ok(())) => return None,
            Ok(Err(Error::Gone)) => Error::Gone.into(),
            Ok(Err(error @ (Error::RemoteRead(_) | Error::Busy))) => {
                tracing::warn!(reason = %error, "streamed response ended early");
                error.into()
            }
            Ok(Err(error)) => {
                tracing::error!(error = store::causes(&error), "streamed response ended early");
                error.into()
            }
            Err(panic) => panic.into(),
        };
        Some((Err(io::Error::other(error)), (frames, None)))
    };
    // Who compresses asks once more after the end.
    stream::unfold((frames, Some(maker)), next).fuse()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guards::ConcurrencyLimit;

    #[tokio::test]
    async fn buffered_response_holds_its_permit_until_sent_or_dropped() {
        let turns = ConcurrencyLimit::new(1, 1);
        let client = Client::of("10.0.0.1".parse().unwrap());
        let body = async || {
            let turn = turns.try_acquire(client).unwrap();
            body_with_permit(vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")], turn)
                .into_data_stream()
        };
        let mut sent = body().await;
        assert_eq!(sent.next().await.unwrap().unwrap(), "a");
        assert!(turns.try_acquire(client).is_none(), "half of it is still here");
        drop(sent);
        let given_up = body().await;
        assert!(turns.try_acquire(client).is_none());
        drop(given_up);
        assert!(turns.try_acquire(client).is_some());
    }

    #[tokio::test]
    async fn stream_that_fails_early_is_not_complete() {
        let ends = async |end: fn() -> Result<(), Error>| {
            let (out, frames) = mpsc::channel(PREFETCHED_FRAMES);
            let maker = AbortOnDropHandle::new(tokio::spawn(async move {
                out.send(Bytes::from_static(b"frame")).await.unwrap();
                end()
            }));
            let read: Vec<io::Result<Bytes>> = followed(frames, maker).collect().await;
            assert_eq!(read[0].as_ref().unwrap(), "frame");
            read[1..].iter().map(Result::is_err).collect::<Vec<_>>()
        };
        assert_eq!(ends(|| Ok(())).await, [false; 0]);
        assert_eq!(ends(|| Err(Error::Gone)).await, [true]);
        assert_eq!(ends(|| Err(Error::Panic)).await, [true]);
        assert_eq!(ends(|| panic!("in the middle")).await, [true]);
    }

    #[tokio::test]
    async fn failure_before_the_first_frame_is_the_response() {
        let ends = async |end: fn() -> Result<(), Error>| {
            let (out, frames) = mpsc::channel(PREFETCHED_FRAMES);
            let maker = AbortOnDropHandle::new(tokio::spawn(async move {
                let _out = out;
                end()
            }));
            begun(frames, maker).await
        };
        assert!(axum::body::to_bytes(ends(|| Ok(())).await.unwrap(), 1).await.unwrap().is_empty());
        let refused = ends(|| Err(Error::RemoteRead("too long".to_owned()))).await;
        assert!(matches!(refused, Err(Error::RemoteRead(_))));
        assert!(matches!(ends(|| panic!("at the beginning")).await, Err(Error::Panic)));
    }
}
