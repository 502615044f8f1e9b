//! Who works on a job: claims, signs of life, and how work ends.

use std::fmt::Write as _;

use jiff::{RoundMode, SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use sqlx::AssertSqlSafe;

use super::{Job, JobOutcome, JobState, LOCK, LeaseRenewal, by_id, expiry, rounded};
use crate::Store;
use crate::error::Result;
use crate::queue::leases::whole_seconds;
use crate::transaction::with_conn;

impl LeaseRenewal {
    /// From whether somebody wants the job to stop; `None` where the claim is another's.
    fn of(cancelled: Option<bool>) -> Self {
        match cancelled {
            Some(false) => Self::Held,
            Some(true) => Self::Cancel,
            None => Self::Lost,
        }
    }
}

impl Store {
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
        let mut tx = self.begin().await?;
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
    pub async fn renew_job_lease(
        &self,
        job: &Job,
        holder: &str,
        until: Timestamp,
        progress: (i64, i64),
    ) -> Result<LeaseRenewal> {
        let mut tx = self.begin().await?;
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
        Ok(LeaseRenewal::of(held))
    }

    /// Ends a job; `false` when it is another's by now, and nothing was changed.
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
        let mut tx = self.begin().await?;
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

    /// Gives a job back until `not_before`; one that somebody wanted to stop is cancelled instead. With `counted` the
    /// attempt was the job's own; otherwise it does not count.
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
        let cancelled: Option<bool> = with_conn!(&mut tx, conn => {
            sqlx::query_scalar(
                "update job set state = case when cancelled_at is null then 'queued' else 'cancelled' end,
                     finished_at = case when cancelled_at is null then finished_at else $1 end,
                     expires_at = case when cancelled_at is null then expires_at else $2 end,
                     holder = null, claimed_until = null, not_before = $3, attempts = attempts - $4,
                     version = version + 1
                 where person = $5 and id = $6 and holder = $7 and state = 'running'
                 returning cancelled_at is not null",
            )
            .bind(rounded(now).to_sqlx())
            .bind(expiry(now, keep).to_sqlx())
            .bind(whole_seconds(not_before, RoundMode::Ceil).to_sqlx())
            .bind(i64::from(!counted))
            .bind(job.person.id)
            .bind(&job.id)
            .bind(holder)
            .fetch_optional(conn)
            .await?
        });
        tx.commit().await?;
        Ok(LeaseRenewal::of(cancelled))
    }
}
