//! Leases on jobs: claims, heartbeats, and how work ends.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use sqlx::AssertSqlSafe;

use super::{Job, JobOutcome, JobState, LOCK, LeaseRenewal, by_id, expiry};
use crate::Store;
use crate::error::Result;
use crate::sql::{execute, run};
use crate::time::Time;
use crate::transaction::with_conn;

impl LeaseRenewal {
    /// From whether the job was cancelled; `None` where another worker has it.
    fn of(cancelled: Option<bool>) -> Self {
        match cancelled {
            Some(false) => Self::Held,
            Some(true) => Self::Cancel,
            None => Self::Lost,
        }
    }
}

impl Store {
    /// Leases the job of one of these kinds that has waited longest, of the person with the fewest running jobs, until
    /// `until`. A lease that ends without being finished, because its worker died, is given to another worker.
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
        let mut tx = self.begin().await?;
        tx.lock(LOCK.0, LOCK.1).await?;
        let id: Option<String> = with_conn!(&mut tx, conn => {
            let mut query = sqlx::query_scalar(AssertSqlSafe(sql))
                .bind(holder)
                .bind(Time::from(until))
                .bind(Time::from(now))
                .bind(Time::from(now));
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

    /// A heartbeat: renews a lease and notes the progress.
    pub async fn renew_job_lease(
        &self,
        job: &Job,
        holder: &str,
        until: Timestamp,
        progress: (i64, i64),
    ) -> Result<LeaseRenewal> {
        let mut tx = self.begin().await?;
        let held: Option<bool> = run!(
            &mut tx,
            query_scalar.fetch_optional,
            "update job set claimed_until = $1, progress_done = $2, progress_total = $3,
                 version = version + case when progress_done <> $2 or progress_total <> $3 then 1 else 0 end
             where person = $4 and id = $5 and holder = $6 and state = 'running'
             returning cancelled_at is not null",
            Time::from(until),
            progress.0,
            progress.1,
            job.person.id,
            &job.id,
            holder
        );
        tx.commit().await?;
        Ok(LeaseRenewal::of(held))
    }

    /// Ends a job; `false` when another worker has it by now, and nothing was changed.
    pub async fn finish_job(
        &self,
        job: &Job,
        holder: &str,
        ending: &JobOutcome,
        keep: SignedDuration,
        now: Timestamp,
    ) -> Result<bool> {
        let (state, failure, result) = match ending {
            JobOutcome::Done(result) => (JobState::Done, None, result.as_ref()),
            JobOutcome::Failed(failure) => (JobState::Failed, Some(*failure), None),
            JobOutcome::Cancelled => (JobState::Cancelled, None, None),
        };
        let ended = execute!(
            self,
            "update job set state = $1, failure = $2, result_object = $3, result_bytes = $4, result_type = $5,
                 result_name = $6, finished_at = $7, expires_at = $8, holder = null, claimed_until = null,
                 progress_done = case when $1 = 'done' then progress_total else progress_done end,
                 version = version + 1
             where person = $9 and id = $10 and holder = $11 and state = 'running'",
            state.name(),
            failure,
            result.map(|result| &result.object),
            result.map(|result| result.bytes),
            result.map(|result| &result.media_type),
            result.map(|result| &result.file_name),
            Time::from(now),
            expiry(now, keep),
            job.person.id,
            &job.id,
            holder
        );
        Ok(ended == 1)
    }

    /// Releases a job, which is due again at `not_before`; one that a client has cancelled ends instead. With `counted` the
    /// attempt failed because of the job; otherwise it does not count.
    pub async fn release_job(
        &self,
        job: &Job,
        holder: &str,
        not_before: Timestamp,
        counted: bool,
        keep: SignedDuration,
        now: Timestamp,
    ) -> Result<LeaseRenewal> {
        let mut tx = self.begin().await?;
        let cancelled: Option<bool> = run!(
            &mut tx,
            query_scalar.fetch_optional,
            "update job set state = case when cancelled_at is null then 'queued' else 'cancelled' end,
                     finished_at = case when cancelled_at is null then finished_at else $1 end,
                     expires_at = case when cancelled_at is null then expires_at else $2 end,
                     holder = null, claimed_until = null, not_before = $3, attempts = attempts - $4,
                     version = version + 1
                 where person = $5 and id = $6 and holder = $7 and state = 'running'
                 returning cancelled_at is not null",
            Time::from(now),
            expiry(now, keep),
            Time::from(not_before),
            i64::from(!counted),
            job.person.id,
            &job.id,
            holder
        );
        tx.commit().await?;
        Ok(LeaseRenewal::of(cancelled))
    }
}
