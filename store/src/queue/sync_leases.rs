//! Which person is read next: replicas share the people. A person is due, a worker takes the lease, reads, and sets when
//! the person is due again.

use jiff::{SignedDuration, Timestamp};

use crate::Store;
use crate::error::Result;
use crate::people::{Person, PersonRow};
use crate::sql::{execute, read, select};
use crate::time::Time;

/// The name of the lease on reading a person.
const LEASE_NAME: &str = "sync";

/// No pause and no lease is longer: an interval is a day at most, and a delay that Oura asks for is bounded. A time beyond
/// was written by a clock that was ahead, or comes from an absurd response; it counts as past.
const FAR: SignedDuration = SignedDuration::from_hours(25);

/// The last future time that counts.
pub(crate) fn far(now: Timestamp) -> Timestamp {
    now.saturating_add(FAR).unwrap_or(Timestamp::MAX)
}

impl Store {
    /// Up to `limit` people who are due and whom no worker reads, the longest due first; another worker may be quicker to
    /// take a lease.
    pub async fn people_due(&self, limit: u32, now: Timestamp) -> Result<Vec<Person>> {
        let rows: Vec<PersonRow> = read!(
            self,
            query_as.fetch_all,
            select::<PersonRow>(
                "from person
                 where (due_at is null or due_at <= $1 or due_at > $4)
                   and not exists (select 1 from lease
                                   where lease.person = person.id and purpose = $2
                                     and expires_at > $1 and expires_at <= $4)
                 order by due_at is not null, due_at, id limit $3"
            ),
            Time::from(now),
            LEASE_NAME,
            i64::from(limit),
            Time::from(far(now))
        );
        rows.into_iter().map(PersonRow::person).collect()
    }

    /// Takes the lease on reading a person for `holder` until `until`, or renews it; `false` when another holder has it.
    pub async fn take_sync_lease(
        &self,
        person: i64,
        holder: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        self.take_lease(person, LEASE_NAME, holder, until, now).await
    }

    /// Whether a person is due. Checked again after taking a lease: another process may have finished a sync run in
    /// between.
    pub async fn is_person_due(&self, person: i64, now: Timestamp) -> Result<bool> {
        let due: Option<i64> = read!(
            self,
            query_scalar.fetch_optional,
            "select id from person where id = $1 and (due_at is null or due_at <= $2 or due_at > $3)",
            person,
            Time::from(now),
            Time::from(far(now))
        );
        Ok(due.is_some())
    }

    /// Ends a lease that was not used.
    pub async fn release_unused_sync_lease(&self, person: i64, holder: &str) -> Result<()> {
        self.release_lease(person, LEASE_NAME, holder).await
    }

    /// Ends a lease: the person is due again at `due`.
    pub async fn finish_sync_lease(&self, person: i64, holder: &str, due: Timestamp) -> Result<()> {
        self.schedule_sync(person, Some(due)).await?;
        self.release_unused_sync_lease(person, holder).await
    }

    /// Makes a person due at `due`; `None` is at once, as after a log-in.
    pub async fn schedule_sync(&self, person: i64, due: Option<Timestamp>) -> Result<()> {
        execute!(self, "update person set due_at = $1 where id = $2", due.map(Time::from), person);
        Ok(())
    }
}
