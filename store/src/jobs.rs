//! Long work, queued until some process has done it. Claims are leases that are renewed while the work goes on, so that
//! processes share the queue and one that dies is replaced; a claim that was lost changes nothing any more.

mod row;
mod state;

use std::fmt::Write as _;

use jiff::{RoundMode, SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use sqlx::AssertSqlSafe;

use crate::Store;
use crate::backend::{Tx, with_conn, with_pool};
use crate::error::{Error, Result};
use crate::leases::whole_seconds;
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
pub struct Room {
    /// That are not finished.
    pub unfinished: i64,
    /// In all.
    pub all: i64,
}

/// What became of a request for a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Accepted {
    /// It is queued.
    New(Job),
    /// The same asker asked the same before.
    Same(Job),
    /// The same asker used the key for something else.
    KeyTaken,
    /// There is no room.
    Full,
}

/// How a job ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Well, perhaps with a result.
    Done(Option<JobResult>),
    /// For this reason.
    Failed(&'static str),
    /// As somebody wished.
    Cancelled,
}

/// What a sign of life is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
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
    /// Queues a job, unless the asker asked for it before or there is no room. Durable when it returns.
    pub async fn enqueue_job(&self, new: &NewJob, room: Room, now: Timestamp) -> Result<Accepted> {
        let mut tx = self.backend.begin().await?;
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
                return Ok(known.map_or(Accepted::KeyTaken, Accepted::Same));
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
        if unfinished >= room.unfinished || all >= room.all {
            return Ok(Accepted::Full);
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
        Ok(Accepted::New(queued))
    }

    /// The job of this name.
    pub async fn job(&self, id: &str) -> Result<Option<Job>> {
        let row: Option<Row> = with_pool!(self, pool => {
            sqlx::query_as(select("job.id = $1")).bind(id).fetch_optional(pool).await?
        });
        row.map(job).transpose()
    }

    /// The jobs about one person, newest first; [`Room::all`] bounds how many.
    pub async fn jobs(&self, person: i64) -> Result<Vec<Job>> {
        let rows: Vec<Row> = with_pool!(self, pool => {
            sqlx::query_as(select("job.person = $1 order by job.created_at desc, job.id"))
                .bind(person)
                .fetch_all(pool)
                .await?
        });
        rows.into_iter().map(job).collect()
    }

    /// Claims the job of one of these kinds that has waited longest, of whoever has the fewest running, until `until`;
    /// nobody else gets it before. A claim that runs out, because its holder died, is given out again.
    pub async fn claim_job(
        &self,
        kinds: &[&str],
        holder: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Job>> {
        if kinds.is_empty() {
            return Ok(None);
        }
        let mut sql = "update job set state = 'running', holder = $1, claimed_until = $2, started_at = $3,
                 attempts = attempts + 1, version = version + 1
             where id = (
                 select id from job as waiting
                 where not_before <= $4 and (state = 'queued' or (state = 'running' and (claimed_until is null or claimed_until <= $4)))
                   and kind in ("
            .to_owned();
        for n in 0..kinds.len() {
            let comma = if n == 0 { "" } else { ", " };
            let _ = write!(sql, "{comma}${}", n + 5);
        }
        sql.push_str(
            ") order by (select count(*) from job as other where other.person = waiting.person and other.state = 'running'),
                 created_at, id limit 1)
             returning id",
        );
        let mut tx = self.backend.begin().await?;
        tx.lock(LOCK.0, LOCK.1).await?;
        let id: Option<String> = with_conn!(&mut tx, conn => {
            let mut query = sqlx::query_scalar(AssertSqlSafe(sql))
                .bind(holder)
                .bind(whole_seconds(until, RoundMode::Ceil).to_sqlx())
                .bind(rounded(now).to_sqlx())
                .bind(whole_seconds(now, RoundMode::Floor).to_sqlx());
            for kind in kinds {
                query = query.bind(*kind);
            }
            query.fetch_optional(conn).await?
        });
        let claimed = match id {
            Some(id) => by_id(&mut tx, &id).await?,
            None => None,
        };
        tx.commit().await?;
        Ok(claimed)
    }

    /// A sign of life: prolongs a claim and notes how far the work is.
    pub async fn renew_job(
        &self,
        job: &Job,
        holder: &str,
        until: Timestamp,
        progress: (i64, i64),
    ) -> Result<Renewal> {
        let mut tx = self.backend.begin().await?;
        let held: Option<bool> = with_conn!(&mut tx, conn => {
            sqlx::query_scalar(
                "update job set claimed_until = $1, progress_done = $2, progress_total = $3,
                     version = version + case when progress_done <> $2 or progress_total <> $3 then 1 else 0 end
                 where person = $4 and id = $5 and holder = $6 and state = 'running'
                 returning cancelled_at is not null",
            )
            .bind(whole_seconds(until, RoundMode::Ceil).to_sqlx())
            .bind(progress.0)
            .bind(progress.1)
            .bind(job.person.id)
            .bind(&job.id)
            .bind(holder)
            .fetch_optional(conn)
            .await?
        });
        tx.commit().await?;
        Ok(match held {
            Some(false) => Renewal::Held,
            Some(true) => Renewal::Cancel,
            None => Renewal::Lost,
        })
    }

    /// Ends a job; `false` when it is another's by now, and nothing was changed.
    pub async fn finish_job(
        &self,
        job: &Job,
        holder: &str,
        ending: &Ending,
        keep: SignedDuration,
        now: Timestamp,
    ) -> Result<bool> {
        let (state, failure, result) = match ending {
            Ending::Done(result) => (JobState::Done, None, result.as_ref()),
            Ending::Failed(failure) => (JobState::Failed, Some(*failure), None),
            Ending::Cancelled => (JobState::Cancelled, None, None),
        };
        let mut tx = self.backend.begin().await?;
        let ended = with_conn!(&mut tx, conn => {
            sqlx::query(
                "update job set state = $1, failure = $2, result_object = $3, result_bytes = $4, result_type = $5,
                     result_name = $6, finished_at = $7, expires_at = $8, holder = null, claimed_until = null,
                     progress_done = case when $1 = 'done' then progress_total else progress_done end,
                     version = version + 1
                 where person = $9 and id = $10 and holder = $11 and state = 'running'",
            )
            .bind(state.name())
            .bind(failure)
            .bind(result.map(|result| &result.object))
            .bind(result.map(|result| result.bytes))
            .bind(result.map(|result| &result.media_type))
            .bind(result.map(|result| &result.file_name))
            .bind(rounded(now).to_sqlx())
            .bind(expiry(now, keep).to_sqlx())
            .bind(job.person.id)
            .bind(&job.id)
            .bind(holder)
            .execute(conn)
            .await?
            .rows_affected()
        });
        tx.commit().await?;
        Ok(ended == 1)
    }

    /// Gives a job back until `not_before`. With `counted` the attempt was the job's own; otherwise it does not count.
    pub async fn postpone_job(
        &self,
        job: &Job,
        holder: &str,
        not_before: Timestamp,
        counted: bool,
    ) -> Result<()> {
        let mut tx = self.backend.begin().await?;
        with_conn!(&mut tx, conn => {
            sqlx::query(
                "update job set state = 'queued', holder = null, claimed_until = null, not_before = $1,
                     attempts = attempts - $2, version = version + 1
                 where person = $3 and id = $4 and holder = $5 and state = 'running'",
            )
            .bind(whole_seconds(not_before, RoundMode::Ceil).to_sqlx())
            .bind(i64::from(!counted))
            .bind(job.person.id)
            .bind(&job.id)
            .bind(holder)
            .execute(conn)
            .await?;
        });
        tx.commit().await
    }

    /// Wishes a job to stop: one that waits is cancelled, one that runs is told, one that has ended stays as it is.
    /// Returns it as it is then.
    pub async fn cancel_job(&self, id: &str, keep: SignedDuration, now: Timestamp) -> Result<Option<Job>> {
        let mut tx = self.backend.begin().await?;
        tx.lock(LOCK.0, LOCK.1).await?;
        with_conn!(&mut tx, conn => {
            sqlx::query(
                "update job set state = 'cancelled', cancelled_at = $1, finished_at = $1, expires_at = $2,
                     version = version + 1
                 where id = $3 and state = 'queued'",
            )
            .bind(rounded(now).to_sqlx())
            .bind(expiry(now, keep).to_sqlx())
            .bind(id)
            .execute(&mut *conn)
            .await?;
            sqlx::query(
                "update job set cancelled_at = $1, version = version + 1
                 where id = $2 and state = 'running' and cancelled_at is null",
            )
            .bind(rounded(now).to_sqlx())
            .bind(id)
            .execute(conn)
            .await?;
        });
        let cancelled = by_id(&mut tx, id).await?;
        tx.commit().await?;
        Ok(cancelled)
    }

    /// Jobs whose time is over, the oldest first.
    pub async fn expired_jobs(&self, limit: i64, now: Timestamp) -> Result<Vec<Job>> {
        let rows: Vec<Row> = with_pool!(self, pool => {
            sqlx::query_as(select("expires_at <= $1 order by expires_at limit $2"))
                .bind(whole_seconds(now, RoundMode::Floor).to_sqlx())
                .bind(limit)
                .fetch_all(pool)
                .await?
        });
        rows.into_iter().map(job).collect()
    }

    /// Forgets a job that has ended, once its result is gone.
    pub async fn forget_job(&self, job: &Job) -> Result<()> {
        let mut tx = self.backend.begin().await?;
        with_conn!(&mut tx, conn => {
            sqlx::query("delete from job where person = $1 and id = $2 and state not in ('queued', 'running')")
                .bind(job.person.id)
                .bind(&job.id)
                .execute(conn)
                .await?;
        });
        tx.commit().await
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
