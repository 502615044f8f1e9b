//! Rows of history in the formats other programs read, streamed: nothing is held but what the reader has not taken yet.

use std::io;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State as With;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::Day;
use export::{InvalidTableRequest, TableRequest};
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use store::AuditAction;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::access::PartialAccess;
use crate::closest::closest;
use crate::cursor::DayText;
use crate::error::{Error, Failures, Unknown, shown};
use crate::extract::Query;
use crate::guards::{Client, Seat, Seats, Wait};
use crate::params;
use crate::policy::Policy;
use crate::routes::Routes;
use crate::state::State;

/// Exports sent at a time: each reads the database for as long as its reader takes.
const MAX_CONCURRENT: usize = 8;

/// How long a reader may leave a piece lying and keep its seat when others want one.
const GRACE: Duration = Duration::from_secs(5);

/// Pieces made ahead of a slow reader.
const PREFETCHED_CHUNKS: usize = 2;

/// How long a reader may leave a piece lying before it counts as gone.
const SEND_TIMEOUT: Duration = Duration::from_mins(1);

pub(super) fn routes() -> Routes<State> {
    let policy = Policy { audited: Some(AuditAction::Export), ..Policy::READ };
    Routes::new().add(policy, routes!(export_rows)).share(Seats::new(MAX_CONCURRENT, GRACE))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Params {
    /// Whose rows; needed only when there are several people.
    #[param(example = "me")]
    person: Option<String>,
    /// How they are written: `csv` (RFC 4180), `ndjson` (an object a line), `json` (an array of them), `parquet`, or
    /// `fhir` (an R5 Bundle of Observations; not of documents).
    #[param(value_type = FormatName, inline, example = "csv")]
    format: String,
    /// Which rows: `days` (one number a day), `points` (within the day), or `documents` (as Oura sent them).
    /// Without it: `days`.
    #[param(value_type = WhatName, required = false, inline, example = "days")]
    what: Option<String>,
    /// Only these metrics, by id, with commas between. Without it: all.
    #[param(example = "sleep_score,sleep_duration")]
    metrics: Option<String>,
    /// Only these collections, by Oura's name, with commas between: all their metrics, or their documents. Give either
    /// this or `metrics`.
    #[param(value_type = Option<String>, example = "")]
    collection: Option<String>,
    /// First day. Without it: the first there is.
    #[param(value_type = DayText, required = false, inline, example = "2026-01-01")]
    from: Option<String>,
    /// Last day, included. Without it: the newest. Points belong to the UTC day they were measured on.
    #[param(value_type = DayText, required = false, inline, example = "2026-03-29")]
    to: Option<String>,
}

/// How the rows are written.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its documentation is used")]
pub(super) enum FormatName {
    Csv,
    Ndjson,
    Json,
    Parquet,
    Fhir,
}

/// Which rows.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its documentation is used")]
pub(super) enum WhatName {
    Days,
    Points,
    Documents,
}

/// Why an export is refused.
pub(super) fn refusal(error: InvalidTableRequest) -> Error {
    match error {
        InvalidTableRequest::Metric(key) => Error::UnknownMetric { close: closest(&key), key: shown(&key) },
        error => Error::Parameter { parameter: error.parameter(), reason: error.to_string() },
    }
}

fn list(text: Option<&str>) -> Vec<String> {
    let words = text.into_iter().flat_map(|text| text.split(',')).map(str::trim);
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Rows of history as a file: CSV, NDJSON, JSON, Parquet or FHIR.
///
/// The answer is streamed, so it may be as long as it likes; what fails on the way ends it early, and a client sees that
/// it is not whole. `docs/exports.md` has the columns.
#[utoipa::path(
    get, path = "/export", operation_id = "read_export", tag = "history", params(Params),
    responses(
        (status = 200, description = "The rows.", content(
            (String = "text/csv"), (String = "application/x-ndjson"), (Vec<Object> = "application/json"),
            (Vec<u8> = "application/vnd.apache.parquet"), (Object = "application/fhir+json"),
        )),
        Unknown, Failures,
    ),
)]
async fn export_rows(
    With(state): With<State>,
    Extension(client): Extension<Client>,
    Extension(seats): Extension<Seats>,
    access: PartialAccess,
    Query(query): Query<Params>,
) -> Result<Response, Error> {
    let request = TableRequest {
        format: query.format,
        what: query.what,
        metrics: list(query.metrics.as_deref()),
        collections: list(query.collection.as_deref()),
        from: query.from,
        to: query.to,
    };
    // Which kinds of data it is about does not depend on the day.
    let asked = request.table(Day::LAST.plus(-1)).map_err(refusal)?;
    let access = access.limited_to(asked.collections())?;
    let person = params::person(&state.store, &access, query.person.as_deref()).await?;
    let table = request.table(state.today(&person)?).map_err(refusal)?;
    let seat = seats.take(client).ok_or(Error::Busy)?;
    let headers = [
        (header::CONTENT_TYPE, table.format().media_type().to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}\"", table.file_name(person.name.as_str())),
        ),
    ];
    let (out, pieces) = mpsc::channel(PREFETCHED_CHUNKS);
    let now = (state.now)();
    tokio::spawn(async move {
        let revoked = seat.revoked();
        let mut pipe = Pipe { out: out.clone(), seat };
        let write = async { table.write(&state.store, &[person], now, &mut pipe, &mut |_, _| {}).await };
        let ended_early = tokio::select! {
            written = write => {
                written.is_err_and(|error| {
                    if !out.is_closed() {
                        tracing::error!(error = store::causes(&error), "an export ended early");
                    }
                    true
                })
            }
            () = revoked.cancelled() => {
                tracing::warn!("an export ended early: its client has many, or reads slowly, and others wait");
                true
            }
        };
        // The database is free for the next, however long this reader takes over the rest.
        drop(pipe);
        if ended_early {
            // The connection is cut, so that the client does not take a part for the whole.
            let _ = out.send(Err(io::Error::other("the export ended early"))).await;
        }
    });
    // The compressing layer polls once more after the end.
    let pieces = stream::unfold(pieces, async |mut pieces| Some((pieces.recv().await?, pieces)));
    Ok((headers, Body::from_stream(pieces.fuse())).into_response())
}

/// The way to a reader that may be slow.
struct Pipe {
    out: mpsc::Sender<io::Result<Bytes>>,
    seat: Seat,
}

impl export::Output for Pipe {
    async fn write(&mut self, piece: Bytes) -> Result<(), export::Error> {
        let gone = || export::Error::Write(io::ErrorKind::BrokenPipe.into());
        let piece = match self.out.try_send(Ok(piece)) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(piece)) => piece,
            Err(TrySendError::Closed(_)) => return Err(gone()),
        };
        self.seat.wait(Wait::Reader);
        let sent = self.out.send_timeout(piece, SEND_TIMEOUT).await;
        self.seat.resume(Wait::Reader);
        sent.map_err(|_| gone())
    }
}
