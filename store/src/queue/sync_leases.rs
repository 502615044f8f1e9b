//! Whose turn it is to be read: replicas share the people. A person is due, somebody takes the lease, reads, and says
//! when they are due again.

use jiff::{RoundMode, SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;

use crate::Store;
use crate::backend::with_pool;
use crate::error::Result;
use crate::queue::leases::whole_seconds;
use crate::people::{Person, Row, person};
use crate::transaction::with_conn;

/// What the lease on reading a person is called.
const LEASE_NAME: &str = "sync";

/// No pause and no lease is longer: an interval is a day at most, and what Oura asks for is bounded. A moment beyond was
/// written by a clock that was ahead, or comes from an absurd answer; it counts as past.
const FAR: SignedDuration = SignedDuration::from_hours(25);

/// The last moment to come that is believed.
pub(crate) fn far(now: Timestamp) -> Timestamp {
    whole_seconds(now.saturating_add(FAR).unwrap_or(Timestamp::MAX), RoundMode::Ceil)
}

impl Store {
    /// Up to `limit` people who are due and whom nobody reads, the longest due first; somebody else may be quicker to
    /// take their turn.
    pub async fn people_due(&self, limit: u32, now: Timestamp) -> Result<Vec<Person>> {
        let rows: Vec<Row> = with_pool!(self, pool => {
            sqlx::query_as(
                "select id, name, time_zone from person
                 where (due_at is null or due_at <= $1 or due_at > $4)
                   and not exists (select 1 from lease
                                   where lease.person = person.id and purpose = $2
                                     and expires_at > $1 and expires_at <= $4)
                 order by due_at is not null, due_at, id limit $3",
            )
            .bind(whole_seconds(now, RoundMode::Floor).to_sqlx())
            .bind(LEASE_NAME)
            .bind(i64::from(limit))
            .bind(far(now).to_sqlx())
            .fetch_all(pool)
            .await?
        });
        rows.into_iter().map(person).collect()
    }

    /// Takes a person's turn for `holder` until `until`, or prolongs it; `false` when somebody else has it, or had it
    /// and is done.
    pub async fn take_sync_lease(
        &self,
        person: i64,
        holder: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        self.take_lease(person, LEASE_NAME, holder, until, now).await
    }

    /// Whether a person is due. Asked again after taking a turn: in between, another process may have finished one.
    pub async fn is_person_due(&self, person: i64, now: Timestamp) -> Result<bool> {
        let due: Option<i64> = with_pool!(self, pool => {
            sqlx::query_scalar(
                "select id from person where id = $1 and (due_at is null or due_at <= $2 or due_at > $3)",
            )
                .bind(person)
                .bind(whole_seconds(now, RoundMode::Floor).to_sqlx())
                .bind(far(now).to_sqlx())
                .fetch_optional(pool)
                .await?
        });
        Ok(due.is_some())
    }

    /// Ends a turn that was not used.
    pub async fn release_unused_sync_lease(&self, person: i64, holder: &str) -> Result<()> {
        self.release_lease(person, LEASE_NAME, holder).await
    }

    /// Ends a turn: the person is due again at `due`.
    pub async fn finish_sync_lease(&self, person: i64, holder: &str, due: Timestamp) -> Result<()> {
        self.schedule_sync(person, Some(due)).await?;
        self.release_unused_sync_lease(person, holder).await
    }

    /// Makes a person due at `due`, or at once: after a log-in, nobody should wait for the next interval.
    pub async fn schedule_sync(&self, person: i64, due: Option<Timestamp>) -> Result<()> {
        let mut tx = self.begin().await?;
        with_conn!(&mut tx, conn => {
            sqlx::query("update person set due_at = $1 where id = $2")
                .bind(due.map(|due| whole_seconds(due, RoundMode::Ceil).to_sqlx()))
                .bind(person)
                .execute(conn)
                .await?;
        });
        tx.commit().await
    }
}
