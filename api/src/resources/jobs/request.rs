//! The body of a request for a job.

use ::export::TableRequest;
use ::jobs::{InvalidWork, Work};
use serde::Deserialize;
use utoipa::{PartialSchema as _, ToSchema};

use crate::cursor::DayText;
use crate::error::Error;
use crate::resources::export::{self, FormatName, WhatName};

/// What to do. Parameters that are left out mean all there is.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
#[schema(example = json!({"kind": "export", "person": "me", "format": "parquet", "what": "points"}))]
pub(super) enum JobRequest {
    /// Rows as a file, as `/api/v1/export` writes them.
    Export {
        /// Whose; needed only when there are several people.
        person: Option<String>,
        /// `csv`, `ndjson`, `json`, `parquet` or `fhir`.
        #[schema(schema_with = FormatName::schema)]
        format: String,
        /// `days`, `points` or `documents`; days when left out.
        #[schema(value_type = Option<WhatName>, inline)]
        what: Option<String>,
        /// Only these metrics, by id.
        #[serde(default)]
        metrics: Vec<String>,
        /// Only these collections, by Oura's name.
        #[serde(default)]
        collections: Vec<String>,
        /// The first day.
        #[schema(value_type = Option<DayText>, inline)]
        from: Option<String>,
        /// The last day, included.
        #[schema(value_type = Option<DayText>, inline)]
        to: Option<String>,
    },
    /// A page about a week or month, to read and to print.
    Report {
        /// Whose; needed only when there are several people.
        person: Option<String>,
        /// `week` or `month`.
        #[schema(schema_with = PeriodName::schema)]
        period: String,
        /// A day in it; without one the last that is over.
        #[schema(value_type = Option<DayText>, inline)]
        day: Option<String>,
    },
    /// Days read from Oura again, whatever has been read; a process with the role ingest does it.
    Backfill {
        /// Whose; needed only when there are several people.
        person: Option<String>,
        /// The first day.
        #[schema(schema_with = DayText::schema)]
        from: String,
        /// The last day, included.
        #[schema(schema_with = DayText::schema)]
        to: String,
    },
}

/// The days of a report.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its documentation is used")]
enum PeriodName {
    Week,
    Month,
}

/// The person a body is about, and the work it requests.
pub(super) fn read(body: &[u8]) -> Result<(Option<String>, Work), Error> {
    let request: JobRequest = serde_json::from_slice(body).map_err(|error| {
        // serde's words name fields, kinds and types; of values it quotes a kind that it does not know.
        let reason: String = error.to_string().chars().take(160).collect();
        Error::Parameter { parameter: "body", reason }
    })?;
    Ok(match request {
        JobRequest::Export { person, format, what, metrics, collections, from, to } => {
            (person, Work::Export(TableRequest { format, what, metrics, collections, from, to }))
        }
        JobRequest::Report { person, period, day } => (person, Work::Report { period, day }),
        JobRequest::Backfill { person, from, to } => (person, Work::Backfill { from, to }),
    })
}

/// Why work is refused.
pub(super) fn refusal(error: InvalidWork) -> Error {
    match error {
        InvalidWork::Export(error) => export::refusal(error),
        other => Error::Parameter { parameter: "body", reason: other.to_string() },
    }
}
