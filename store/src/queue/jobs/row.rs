//! A job as it stands in the database.

use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::state::JobState;
use crate::error::{Error, Result};
use crate::people::{self, Person};

/// A job as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Whose data it is about.
    pub person: Person,
    /// Its name.
    pub id: String,
    /// What is to be done.
    pub kind: String,
    /// The details, as JSON.
    pub parameters: String,
    /// How far it is.
    pub state: JobState,
    /// One more with every change.
    pub version: i64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was last begun.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Times it was begun.
    pub attempts: i64,
    /// Whether somebody wants it to stop.
    pub cancelling: bool,
    /// Steps done and in all; `(0, 0)` before that is known.
    pub progress: (i64, i64),
    /// Why it failed.
    pub failure: Option<String>,
    /// What it made.
    pub result: Option<JobResult>,
    /// When it is forgotten.
    pub expires_at: Option<Timestamp>,
}

/// What a job made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobResult {
    /// Its name in the object store.
    pub object: String,
    /// Its length.
    pub bytes: i64,
    /// Its media type.
    pub media_type: String,
    /// What to call a file of it.
    pub file_name: String,
}

const COLUMNS: &str =
    "person.id as owner, person.name, person.time_zone, job.id, kind, parameters, state, version,
     job.created_at, started_at, finished_at, attempts, cancelled_at, progress_done, progress_total, failure,
     result_object, result_bytes, result_type, result_name, expires_at";

pub(super) struct Row {
    owner: i64,
    name: String,
    time_zone: String,
    id: String,
    kind: String,
    parameters: String,
    state: String,
    version: i64,
    created_at: jiff_sqlx::Timestamp,
    started_at: Option<jiff_sqlx::Timestamp>,
    finished_at: Option<jiff_sqlx::Timestamp>,
    attempts: i64,
    cancelled_at: Option<jiff_sqlx::Timestamp>,
    progress_done: i64,
    progress_total: i64,
    failure: Option<String>,
    result_object: Option<String>,
    result_bytes: Option<i64>,
    result_type: Option<String>,
    result_name: Option<String>,
    expires_at: Option<jiff_sqlx::Timestamp>,
}

/// By hand: tuples end at sixteen columns.
impl<'r, R: sqlx::Row> sqlx::FromRow<'r, R> for Row
where
    &'static str: sqlx::ColumnIndex<R>,
    i64: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    String: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    jiff_sqlx::Timestamp: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self {
            owner: row.try_get("owner")?,
            name: row.try_get("name")?,
            time_zone: row.try_get("time_zone")?,
            id: row.try_get("id")?,
            kind: row.try_get("kind")?,
            parameters: row.try_get("parameters")?,
            state: row.try_get("state")?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            started_at: row.try_get("started_at")?,
            finished_at: row.try_get("finished_at")?,
            attempts: row.try_get("attempts")?,
            cancelled_at: row.try_get("cancelled_at")?,
            progress_done: row.try_get("progress_done")?,
            progress_total: row.try_get("progress_total")?,
            failure: row.try_get("failure")?,
            result_object: row.try_get("result_object")?,
            result_bytes: row.try_get("result_bytes")?,
            result_type: row.try_get("result_type")?,
            result_name: row.try_get("result_name")?,
            expires_at: row.try_get("expires_at")?,
        })
    }
}

pub(super) fn job(row: Row) -> Result<Job> {
    let result = row.result_object.zip(row.result_bytes).zip(row.result_type.zip(row.result_name));
    let at = |at: Option<jiff_sqlx::Timestamp>| at.map(jiff_sqlx::Timestamp::to_jiff);
    Ok(Job {
        person: people::person((row.owner, row.name, row.time_zone))?,
        id: row.id,
        kind: row.kind,
        parameters: row.parameters,
        state: row.state.parse().map_err(|_| Error::Corrupt { what: "state of a job" })?,
        version: row.version,
        created_at: row.created_at.to_jiff(),
        started_at: at(row.started_at),
        finished_at: at(row.finished_at),
        attempts: row.attempts,
        cancelling: row.cancelled_at.is_some(),
        progress: (row.progress_done, row.progress_total),
        failure: row.failure,
        result: result.map(|((object, bytes), (media_type, file_name))| JobResult {
            object,
            bytes,
            media_type,
            file_name,
        }),
        expires_at: at(row.expires_at),
    })
}

/// Jobs with whom they are about.
pub(super) fn select(conditions: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "select {COLUMNS} from job join person on person.id = job.person where {conditions}"
    ))
}
