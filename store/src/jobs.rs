//! Long work, queued until some process has done it. Claims are leases that are renewed while the work goes on, so that
//! processes share the queue and one that dies is replaced; a claim that was lost changes nothing any more.

mod claims;
mod row;
mod state;

use jiff::{RoundMode, SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;

use crate::Store;
use crate::backend::with_pool;
use crate::error::{Error, Result};
use crate::leases::whole_seconds;
use crate::transaction::{Tx, with_conn};
use row::{Row, job, select};

pub use row::{Job, JobResult};
pub use state::{InvalidJobState, JobState};

/// A job to be queued.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// A name that nobody can guess.
    pub id: String,
    /// Whose data it is about.
    pub person: i64,
    /// What is to be done.
    pub kind: &'static str,
    /// The details, as JSON.
    pub parameters: String,
    /// Who asks.
    pub asker: String,
    /// How he calls this request.
    pub key: Option<String>,
}

/// How many jobs of a person there may be.
#[derive(Clone, Copy, Debug)]
pub struct JobLimits {
    /// That are not finished; more are refused.
    pub unfinished: i64,
    /// In all; the next takes the place of the one that ended first.
    pub all: i64,
}

/// What became of a request for a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Enqueued {
    /// It is queued.
    New(Job),
    /// The same asker asked the same before.
    Same(Job),
    /// The same asker used the key for something else.
    KeyTaken,
    /// As many as there may be are not finished.
    Full,
}

/// How a job ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// Well, perhaps with a result.
    Done(Option<JobResult>),
    /// For this reason.
    Failed(&'static str),
    /// As somebody wished.
    Cancelled,
}

/// What became of a job that was taken back.
#[derive(Clone, Debug, PartialEq)]
pub enum Cancel {
    /// It is forgotten; it had made this object.
    Deleted(Option<String>),
    /// Somebody works on it, and will hear of it.
    Requested(Box<Job>),
    /// There is none of this name.
    Unknown,
}

/// What a sign of life is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseRenewal {
    /// Go on.
    Held,
    /// Somebody wants it to stop.
    Cancel,
    /// It is another's now.
    Lost,
}

/// How many jobs there are of a kind in a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobCount {
    /// Which kind.
    pub kind: String,
    /// In which state.
    pub state: JobState,
    /// How many.
    pub count: i64,
    /// When the oldest was asked for.
    pub oldest: Timestamp,
}

/// What claims and requests are serialised by, over everybody: two at a time would choose the same row.
const LOCK: (i64, &str) = (0, "job");

async fn by_id(tx: &mut Tx, id: &str) -> Result<Option<Job>> {
    let row: Option<Row> = with_conn!(tx, conn => {
        sqlx::query_as(select("job.id = $1")).bind(id).fetch_optional(conn).await?
    });
    row.map(job).transpose()
}

impl Store {
    /// Queues a job, unless the asker asked for it before or too many of the person's are not finished. Durable when it
    /// returns.
    pub async fn enqueue_job(&self, new: &NewJob, room: JobLimits, now: Timestamp) -> Result<Enqueued> {
        let mut tx = self.begin().await?;
        tx.lock(LOCK.0, LOCK.1).await?;
        if let Some(key) = &new.key {
            let known: Option<(String, i64, String, String)> = with_conn!(&mut tx, conn => {
                sqlx::query_as("select id, person, kind, parameters from job where asker = $1 and idempotency_key = $2")
                    .bind(&new.asker)
                    .bind(key)
                    .fetch_optional(conn)
                    .await?
            });
            if let Some((id, person, kind, parameters)) = known {
                let same = (person, kind.as_str(), &parameters) == (new.person, new.kind, &new.parameters);
                let known = if same { by_id(&mut tx, &id).await? } else { None };
                return Ok(known.map_or(Enqueued::KeyTaken, Enqueued::Same));
            }
        }
        let (unfinished, all): (i64, i64) = with_conn!(&mut tx, conn => {
            sqlx::query_as(
                "select coalesce(sum(case when state in ('queued', 'running') then 1 else 0 end), 0), count(*)
                 from job where person = $1",
            )
            .bind(new.person)
            .fetch_one(conn)
            .await?
        });
        if unfinished >= room.unfinished {
            return Ok(Enqueued::Full);
        }
        if all >= room.all {
            with_conn!(&mut tx, conn => {
                sqlx::query(
                    "delete from job where person = $1 and id in (
                         select id from job where person = $1 and finished_at is not null
                         order by finished_at, id limit $2)",
                )
                .bind(new.person)
                .bind(all - room.all + 1)
                .execute(conn)
                .await?;
            });
        }
        with_conn!(&mut tx, conn => {
            sqlx::query(
                "insert into job (person, id, kind, parameters, asker, idempotency_key, state, version, created_at,
                                  not_before, attempts, progress_done, progress_total)
                 values ($1, $2, $3, $4, $5, $6, 'queued', 1, $7, $8, 0, 0, 0)",
            )
            .bind(new.person)
            .bind(&new.id)
            .bind(new.kind)
            .bind(&new.parameters)
            .bind(&new.asker)
            .bind(&new.key)
            .bind(rounded(now).to_sqlx())
            .bind(whole_seconds(now, RoundMode::Floor).to_sqlx())
            .execute(conn)
            .await?;
        });
        let queued = by_id(&mut tx, &new.id).await?.ok_or(Error::Corrupt { what: "job" })?;
        tx.commit().await?;
        Ok(Enqueued::New(queued))
    }

    /// The job of this name.
    pub async fn job(&self, id: &str) -> Result<Option<Job>> {
        let row: Option<Row> = with_pool!(self, pool => {
            sqlx::query_as(select("job.id = $1")).bind(id).fetch_optional(pool).await?
        });
        row.map(job).transpose()
    }

    /// The jobs about one person, newest first; [`JobLimits::all`] bounds how many.
    pub async fn jobs(&self, person: i64) -> Result<Vec<Job>> {
        let rows: Vec<Row> = with_pool!(self, pool => {
            sqlx::query_as(select("job.person = $1 order by job.created_at desc, job.id"))
                .bind(person)
                .fetch_all(pool)
                .await?
        });
        rows.into_iter().map(job).collect()
    }

    /// Takes a job back: one that nobody works on is gone with this call, whether it waits or has ended; one that somebody
    /// works on is told to stop. Asking twice is asking once.
    pub async fn cancel_job(&self, id: &str, now: Timestamp) -> Result<Cancel> {
        let mut tx = self.begin().await?;
        tx.lock(LOCK.0, LOCK.1).await?;
        let gone: Option<Option<String>> = with_conn!(&mut tx, conn => {
            // A claim that has run out is nobody's: whoever held it changes nothing any more.
            sqlx::query_scalar(
                "delete from job where id = $1 and (state <> 'running' or claimed_until is null or claimed_until <= $2)
                 returning result_object",
            )
            .bind(id)
            .bind(whole_seconds(now, RoundMode::Floor).to_sqlx())
            .fetch_optional(conn)
            .await?
        });
        if let Some(object) = gone {
            tx.commit().await?;
            return Ok(Cancel::Deleted(object));
        }
        with_conn!(&mut tx, conn => {
            sqlx::query(
                "update job set cancelled_at = $1, version = version + 1
                 where id = $2 and state = 'running' and cancelled_at is null",
            )
            .bind(rounded(now).to_sqlx())
            .bind(id)
            .execute(conn)
            .await?;
        });
        let told = by_id(&mut tx, id).await?;
        tx.commit().await?;
        Ok(told.map_or(Cancel::Unknown, |job| Cancel::Requested(Box::new(job))))
    }

    /// Forgets every job whose time is over; returns how many. A result without its job is known to be nobody's.
    pub async fn delete_expired_jobs(&self, now: Timestamp) -> Result<u64> {
        let mut tx = self.begin().await?;
        let forgotten = with_conn!(&mut tx, conn => {
            sqlx::query("delete from job where expires_at <= $1")
                .bind(whole_seconds(now, RoundMode::Floor).to_sqlx())
                .execute(conn)
                .await?
                .rows_affected()
        });
        tx.commit().await?;
        Ok(forgotten)
    }

    /// How many jobs there are of each kind in each state, of one person or of everybody.
    pub async fn job_counts(&self, person: Option<i64>) -> Result<Vec<JobCount>> {
        let rows: Vec<(String, String, i64, jiff_sqlx::Timestamp)> = with_pool!(self, pool => {
            sqlx::query_as(
                "select kind, state, count(*), min(created_at) from job
                 where person = $1 or cast($1 as bigint) is null group by kind, state order by kind, state",
            )
            .bind(person)
            .fetch_all(pool)
            .await?
        });
        let count = |(kind, state, count, oldest): (String, String, i64, jiff_sqlx::Timestamp)| {
            let state = state.parse().map_err(|_| Error::Corrupt { what: "state of a job" })?;
            Ok(JobCount { kind, state, count, oldest: oldest.to_jiff() })
        };
        rows.into_iter().map(count).collect()
    }
}

/// A column keeps microseconds at best; what is read back must be what was answered.
fn rounded(at: Timestamp) -> Timestamp {
    at.round(jiff::Unit::Millisecond).unwrap_or(at)
}

fn expiry(now: Timestamp, keep: SignedDuration) -> Timestamp {
    whole_seconds(now.saturating_add(keep).unwrap_or(Timestamp::MAX), RoundMode::Ceil)
}
