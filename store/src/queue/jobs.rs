//! Long work, queued until a worker has done it. Leases are renewed while the work goes on, so that processes share the
//! queue and one that dies is replaced; a lease that was lost changes nothing any more.

mod claims;
mod row;
mod state;

use jiff::{SignedDuration, Timestamp};

use crate::Store;
use crate::error::{Error, Result};
use crate::sql::{change, execute, read, row, run, select};
use crate::time::Time;
use crate::transaction::Tx;
use row::{JobRow, select_jobs};

pub use row::{Job, JobResult};
pub use state::{InvalidJobState, JobState};

/// A job to be queued.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// A random name that cannot be guessed.
    pub id: String,
    /// The person it is about.
    pub person: i64,
    /// The kind of work.
    pub kind: &'static str,
    /// The details, as JSON.
    pub parameters: String,
    /// The principal that requests it.
    pub asker: String,
    /// The principal's idempotency key of the request.
    pub key: Option<String>,
}

/// The most jobs of a person.
#[derive(Clone, Copy, Debug)]
pub struct JobLimits {
    /// Unfinished jobs; more are refused.
    pub unfinished: i64,
    /// All jobs; another one replaces the one that ended first.
    pub all: i64,
}

/// The outcome of a request for a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Enqueued {
    /// It is queued.
    New(Job),
    /// The principal has requested the same before.
    Same(Job),
    /// The principal has used the key for another request.
    KeyTaken,
    /// Too many jobs of the person are unfinished.
    Full,
}

/// How a job ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// Successfully, with a result where the kind has one.
    Done(Option<JobResult>),
    /// With an error, for this reason.
    Failed(&'static str),
    /// Because a client cancelled it.
    Cancelled,
}

/// The effect of cancelling a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Cancel {
    /// It was deleted; its result was this object.
    Deleted(Option<String>),
    /// A worker has it and will stop at its next heartbeat.
    Requested(Box<Job>),
    /// No job has this name.
    Unknown,
}

/// The state of a lease at a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseRenewal {
    /// The worker still has the job.
    Held,
    /// A client has cancelled the job.
    Cancel,
    /// Another worker has the job.
    Lost,
}

/// How many jobs there are of a kind in a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobCount {
    /// The kind of work.
    pub kind: String,
    /// The state.
    pub state: JobState,
    /// How many.
    pub count: i64,
    /// When the oldest was requested.
    pub oldest: Timestamp,
}

/// The lock that serialises claims and requests of all people: two at a time would choose the same row.
const LOCK: (i64, &str) = (0, "job");

row! {
    struct KeyRow {
        id: String,
        person: i64,
        kind: String,
        parameters: String,
    }
}

row! {
    /// How many jobs a person has.
    struct LoadRow {
        unfinished: i64 = "coalesce(sum(case when state in ('queued', 'running') then 1 else 0 end), 0)",
        all: i64 = "count(*)",
    }
}

row! {
    struct CountRow {
        kind: String,
        state: String,
        count: i64 = "count(*)",
        oldest: Time = "min(created_at)",
    }
}

async fn by_id(tx: &mut Tx, id: &str) -> Result<Option<Job>> {
    let row: Option<JobRow> = run!(tx, query_as.fetch_optional, select_jobs("job.id = $1"), id);
    row.map(JobRow::job).transpose()
}

impl Store {
    /// Queues a job, unless the principal has requested it before or too many of the person's are unfinished. Durable when
    /// it returns.
    pub async fn enqueue_job(&self, new: &NewJob, room: JobLimits, now: Timestamp) -> Result<Enqueued> {
        let mut tx = self.begin().await?;
        tx.lock(LOCK.0, LOCK.1).await?;
        if let Some(key) = &new.key {
            let known: Option<KeyRow> = run!(
                &mut tx,
                query_as.fetch_optional,
                select::<KeyRow>("from job where asker = $1 and idempotency_key = $2"),
                &new.asker,
                key
            );
            if let Some(known) = known {
                let same = (known.person, known.kind.as_str(), &known.parameters)
                    == (new.person, new.kind, &new.parameters);
                let known = if same { by_id(&mut tx, &known.id).await? } else { None };
                return Ok(known.map_or(Enqueued::KeyTaken, Enqueued::Same));
            }
        }
        let LoadRow { unfinished, all } =
            run!(&mut tx, query_as.fetch_one, select::<LoadRow>("from job where person = $1"), new.person);
        if unfinished >= room.unfinished {
            return Ok(Enqueued::Full);
        }
        if all >= room.all {
            change!(
                &mut tx,
                "delete from job where person = $1 and id in (
                         select id from job where person = $1 and finished_at is not null
                         order by finished_at, id limit $2)",
                new.person,
                all - room.all + 1
            );
        }
        change!(
            &mut tx,
            "insert into job (person, id, kind, parameters, asker, idempotency_key, state, version, created_at,
                              not_before, attempts, progress_done, progress_total)
             values ($1, $2, $3, $4, $5, $6, 'queued', 1, $7, $8, 0, 0, 0)",
            new.person,
            &new.id,
            new.kind,
            &new.parameters,
            &new.asker,
            &new.key,
            Time::from(now),
            Time::from(now)
        );
        let queued = by_id(&mut tx, &new.id).await?.ok_or(Error::Corrupt { what: "job" })?;
        tx.commit().await?;
        Ok(Enqueued::New(queued))
    }

    /// The job of this name.
    pub async fn job(&self, id: &str) -> Result<Option<Job>> {
        let row: Option<JobRow> = read!(self, query_as.fetch_optional, select_jobs("job.id = $1"), id);
        row.map(JobRow::job).transpose()
    }

    /// The jobs about one person, newest first; [`JobLimits::all`] bounds how many.
    pub async fn jobs(&self, person: i64) -> Result<Vec<Job>> {
        let rows: Vec<JobRow> = read!(
            self,
            query_as.fetch_all,
            select_jobs("job.person = $1 order by job.created_at desc, job.id"),
            person
        );
        rows.into_iter().map(JobRow::job).collect()
    }

    /// Cancels a job. One without a worker is deleted, whether it is queued or has ended; the worker of another one stops
    /// at its next heartbeat. Idempotent.
    pub async fn cancel_job(&self, id: &str, now: Timestamp) -> Result<Cancel> {
        let mut tx = self.begin().await?;
        tx.lock(LOCK.0, LOCK.1).await?;
        // A lease that has ended protects nothing: its worker changes nothing any more.
        let gone: Option<Option<String>> = run!(
            &mut tx,
            query_scalar.fetch_optional,
            "delete from job where id = $1 and (state <> 'running' or claimed_until is null or claimed_until <= $2)
             returning result_object",
            id,
            Time::from(now)
        );
        if let Some(object) = gone {
            tx.commit().await?;
            return Ok(Cancel::Deleted(object));
        }
        change!(
            &mut tx,
            "update job set cancelled_at = $1, version = version + 1
                 where id = $2 and state = 'running' and cancelled_at is null",
            Time::from(now),
            id
        );
        let cancelled = by_id(&mut tx, id).await?;
        tx.commit().await?;
        Ok(cancelled.map_or(Cancel::Unknown, |job| Cancel::Requested(Box::new(job))))
    }

    /// Deletes every job whose retention has ended; returns how many. A result without its job is garbage.
    pub async fn delete_expired_jobs(&self, now: Timestamp) -> Result<u64> {
        let deleted = execute!(self, "delete from job where expires_at <= $1", Time::from(now));
        Ok(deleted)
    }

    /// How many jobs there are of each kind in each state, of one person or of everyone.
    pub async fn job_counts(&self, person: Option<i64>) -> Result<Vec<JobCount>> {
        let rows: Vec<CountRow> = read!(
            self,
            query_as.fetch_all,
            select::<CountRow>(
                "from job where person = $1 or cast($1 as bigint) is null group by kind, state order by kind, state"
            ),
            person
        );
        let count = |CountRow { kind, state, count, oldest }: CountRow| {
            let state = state.parse().map_err(|_| Error::Corrupt { what: "state of a job" })?;
            Ok(JobCount { kind, state, count, oldest: oldest.get() })
        };
        rows.into_iter().map(count).collect()
    }
}

fn expiry(now: Timestamp, keep: SignedDuration) -> Time {
    Time::from(now.saturating_add(keep).unwrap_or(Timestamp::MAX))
}
