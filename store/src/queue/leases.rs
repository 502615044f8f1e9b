//! Who may do what only one process may do at a time.

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use jiff_sqlx::ToSqlx;

use crate::Store;
use crate::error::Result;
use crate::queue::sync_leases::far;
use crate::transaction::with_conn;

impl Store {
    /// Takes the lease on `purpose` for `holder` until `until`, or prolongs it; `false` when somebody else has it. A lease
    /// that has ended by `now` is free, and so is one that ends further ahead than any is taken for. Times count in whole seconds, rounded so that no lease ends early.
    ///
    /// A lease keeps honest processes out of each other's way; clocks differ and processes stall, so what must not
    /// happen twice also needs a condition on the row it changes.
    pub async fn take_lease(
        &self,
        person: i64,
        purpose: &str,
        holder: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        let (until, now) = (whole_seconds(until, RoundMode::Ceil), whole_seconds(now, RoundMode::Floor));
        let mut tx = self.begin().await?;
        let taken = with_conn!(&mut tx, conn => {
            sqlx::query(
                "insert into lease (person, purpose, holder, expires_at) values ($1, $2, $3, $4)
                 on conflict (person, purpose) do update
                 set holder = excluded.holder, expires_at = excluded.expires_at
                 where lease.holder = excluded.holder or lease.expires_at <= $5 or lease.expires_at > $6",
            )
            .bind(person)
            .bind(purpose)
            .bind(holder)
            .bind(until.to_sqlx())
            .bind(now.to_sqlx())
            .bind(far(now).to_sqlx())
            .execute(conn)
            .await?
            .rows_affected()
        });
        tx.commit().await?;
        Ok(taken == 1)
    }

    /// Ends the lease on `purpose` if `holder` still has it.
    pub async fn release_lease(&self, person: i64, purpose: &str, holder: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        with_conn!(&mut tx, conn => {
            sqlx::query("delete from lease where person = $1 and purpose = $2 and holder = $3")
                .bind(person)
                .bind(purpose)
                .bind(holder)
                .execute(conn)
                .await?;
        });
        tx.commit().await
    }

    /// Ends every lease and claim: only where no other living process can have one.
    pub(crate) async fn end_all_leases(&self) -> Result<()> {
        let mut tx = self.begin().await?;
        with_conn!(&mut tx, conn => {
            sqlx::query("delete from lease").execute(&mut *conn).await?;
            sqlx::query("update webhook_event set claimed_until = null").execute(&mut *conn).await?;
            sqlx::query("update job set claimed_until = null").execute(conn).await?;
        });
        tx.commit().await
    }
}

/// SQLite compares times as text, in which a fraction of a second sorts before none.
pub(crate) fn whole_seconds(time: Timestamp, mode: RoundMode) -> Timestamp {
    time.round(TimestampRound::new().smallest(Unit::Second).mode(mode)).unwrap_or(time)
}
