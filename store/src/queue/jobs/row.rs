//! A job as it stands in the database.

use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::state::JobState;
use crate::error::{Error, Result};
use crate::people::{Person, PersonRow};
use crate::sql::{row, select};
use crate::time::Time;

/// A job as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The person it is about.
    pub person: Person,
    /// Its name.
    pub id: String,
    /// The kind of work.
    pub kind: String,
    /// The details, as JSON.
    pub parameters: String,
    /// The state.
    pub state: JobState,
    /// One more with every change.
    pub version: i64,
    /// When it was requested.
    pub created_at: Timestamp,
    /// When the last attempt began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Attempts begun.
    pub attempts: i64,
    /// Whether a client has cancelled it.
    pub cancelling: bool,
    /// Steps done and in all; `(0, 0)` before that is known.
    pub progress: (i64, i64),
    /// Why it failed.
    pub failure: Option<String>,
    /// Its result.
    pub result: Option<JobResult>,
    /// When it is deleted.
    pub expires_at: Option<Timestamp>,
}

/// The result of a job.
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

row! {
    /// A job with its person.
    pub(super) struct JobRow {
        owner: i64 = "person.id",
        name: String = "person.name",
        time_zone: String = "person.time_zone",
        id: String = "job.id",
        kind: String,
        parameters: String,
        state: String,
        version: i64,
        created_at: Time = "job.created_at",
        started_at: Option<Time>,
        finished_at: Option<Time>,
        attempts: i64,
        cancelled_at: Option<Time>,
        progress_done: i64,
        progress_total: i64,
        failure: Option<String>,
        result_object: Option<String>,
        result_bytes: Option<i64>,
        result_type: Option<String>,
        result_name: Option<String>,
        expires_at: Option<Time>,
    }
}

impl JobRow {
    pub(super) fn job(self) -> Result<Job> {
        let result = self.result_object.zip(self.result_bytes).zip(self.result_type.zip(self.result_name));
        let person = PersonRow { id: self.owner, name: self.name, time_zone: self.time_zone };
        Ok(Job {
            person: person.person()?,
            id: self.id,
            kind: self.kind,
            parameters: self.parameters,
            state: self.state.parse().map_err(|_| Error::Corrupt { what: "state of a job" })?,
            version: self.version,
            created_at: self.created_at.get(),
            started_at: self.started_at.map(Time::get),
            finished_at: self.finished_at.map(Time::get),
            attempts: self.attempts,
            cancelling: self.cancelled_at.is_some(),
            progress: (self.progress_done, self.progress_total),
            failure: self.failure,
            result: result.map(|((object, bytes), (media_type, file_name))| JobResult {
                object,
                bytes,
                media_type,
                file_name,
            }),
            expires_at: self.expires_at.map(Time::get),
        })
    }
}

/// Selects jobs with their people.
pub(super) fn select_jobs(conditions: &str) -> AssertSqlSafe<String> {
    select::<JobRow>(&format!("from job join person on person.id = job.person where {conditions}"))
}
