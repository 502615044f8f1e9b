//! Leases: what only one process may do at a time, and until when.

use jiff::Timestamp;

use crate::Store;
use crate::error::Result;
use crate::queue::sync_leases::far;
use crate::sql::{change, execute};
use crate::time::Time;

impl Store {
    /// Takes the lease on `purpose` for `holder` until `until`, or renews it; `false` when another holder has it. A lease
    /// that has ended by `now` is free, and so is one that ends further ahead than any is taken for.
    ///
    /// A lease only keeps processes from doing the same work. Clocks differ and processes stall, so what must not happen
    /// twice also needs a condition on the row it changes.
    pub async fn take_lease(
        &self,
        person: i64,
        purpose: &str,
        holder: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        let taken = execute!(
            self,
            "insert into lease (person, purpose, holder, expires_at) values ($1, $2, $3, $4)
                 on conflict (person, purpose) do update
                 set holder = excluded.holder, expires_at = excluded.expires_at
                 where lease.holder = excluded.holder or lease.expires_at <= $5 or lease.expires_at > $6",
            person,
            purpose,
            holder,
            Time::from(until),
            Time::from(now),
            Time::from(far(now))
        );
        Ok(taken == 1)
    }

    /// Ends the lease on `purpose` if `holder` still has it.
    pub async fn release_lease(&self, person: i64, purpose: &str, holder: &str) -> Result<()> {
        execute!(
            self,
            "delete from lease where person = $1 and purpose = $2 and holder = $3",
            person,
            purpose,
            holder
        );
        Ok(())
    }

    /// Ends every lease: only where no other living process can have one.
    pub(crate) async fn end_all_leases(&self) -> Result<()> {
        let mut tx = self.begin().await?;
        change!(&mut tx, "delete from lease");
        change!(&mut tx, "update webhook_event set claimed_until = null");
        change!(&mut tx, "update job set claimed_until = null");
        tx.commit().await
    }
}
