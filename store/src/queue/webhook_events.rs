//! Webhook events: documents that Oura reports as changed, queued until a worker has fetched them. The queue is durable,
//! so an event may be acknowledged before its document is fetched; leases let several processes share it, and one that dies
//! is replaced.

use domain::{Change, Collection, Rejected};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use crate::Store;
use crate::error::{Error, Result};
use crate::people::{Person, PersonRow};
use crate::queue::sync_leases::far;
use crate::sql::{Columns, change, read, row, run, select};
use crate::time::{Time, stored};
use crate::transaction::Tx;
use crate::write::origin::Origin;
use crate::write::owner::Owner;
use crate::write::rejected;

/// A document that Oura reports as changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEvent {
    /// The person of the document.
    pub person: i64,
    /// The collection of the document.
    pub collection: Collection,
    /// Oura's id of the document.
    pub id: String,
    /// What happened to it.
    pub change: Change,
    /// When it happened.
    pub event_at: Timestamp,
}

/// The effect of an event on the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnqueuedEvent {
    /// The document was not queued and is now.
    New,
    /// The document was queued already; the event replaces the older one.
    Merged,
    /// A newer event of the document is queued.
    Old,
    /// The queue is full; nothing was stored.
    Full,
}

/// A document to fetch, and the lease to do so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventLease {
    /// The newest event of the document.
    pub event: WebhookEvent,
    /// Fetches begun since then, this one included.
    pub attempts: i64,
    generation: i64,
    claimed_until: Timestamp,
}

/// How long the queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Documents that are queued.
    pub length: i64,
    /// When the first event of the document that has waited longest was received.
    pub oldest: Option<Timestamp>,
}

/// The lock that serialises the leases of a person.
const LOCK: &str = "webhook_event";

row! {
    struct EventRow {
        collection: String,
        id: String,
        change: String,
        event_at: Time,
        attempts: i64,
        generation: i64,
    }
}

row! {
    struct DepthRow {
        length: i64 = "count(*)",
        oldest: Option<Time> = "min(received_at)",
    }
}

impl Store {
    /// Queues an event; the queue holds at most `room` documents of a person. Durable when it returns.
    #[tracing::instrument(name = "db.webhook.enqueue", skip_all, fields(collection = %event.collection))]
    pub async fn enqueue_event(
        &self,
        event: &WebhookEvent,
        room: i64,
        now: Timestamp,
    ) -> Result<EnqueuedEvent> {
        let WebhookEvent { person, collection, id, change, event_at } = event;
        let event_at = Time::from(*event_at);
        let mut tx = self.begin().await?;
        tx.lock(*person, LOCK).await?;
        let known: Option<Time> = run!(
            &mut tx,
            query_scalar.fetch_optional,
            "select event_at from webhook_event where person = $1 and collection = $2 and id = $3",
            person,
            collection.name(),
            id
        );
        let length: i64 = run!(
            &mut tx,
            query_scalar.fetch_one,
            "select count(*) from webhook_event where person = $1",
            person
        );
        let queued = match known {
            // Oura's clock may have a second as its grain: an event of the same time may be another one.
            Some(known) if event_at < known => return Ok(EnqueuedEvent::Old),
            Some(_) => EnqueuedEvent::Merged,
            None if length >= room => return Ok(EnqueuedEvent::Full),
            None => EnqueuedEvent::New,
        };
        change!(
            &mut tx,
            "insert into webhook_event
                 (person, collection, id, change, event_at, received_at, generation, attempts, not_before)
             values ($1, $2, $3, $4, $5, $6, 1, 0, $6)
             on conflict (person, collection, id) do update
             set change = excluded.change, event_at = excluded.event_at, attempts = 0,
                 generation = webhook_event.generation + 1, not_before = excluded.not_before",
            person,
            collection.name(),
            id,
            change.name(),
            event_at,
            Time::from(now)
        );
        tx.commit().await?;
        Ok(queued)
    }

    /// The person whose document has been due longest.
    pub async fn next_event(&self, now: Timestamp) -> Result<Option<Person>> {
        let row: Option<PersonRow> = read!(
            self,
            query_as.fetch_optional,
            select::<PersonRow>(
                "from person where id = (
                     select person from webhook_event
                     where (not_before <= $1 or not_before > $2)
                       and (claimed_until is null or claimed_until <= $1 or claimed_until > $2)
                     order by not_before limit 1)"
            ),
            Time::from(now),
            Time::from(far(now))
        );
        row.map(PersonRow::person).transpose()
    }

    /// Leases the document of a person that has been due longest until `until`. A lease that ends without being finished,
    /// because its worker died, is given to another worker.
    pub async fn claim_event(
        &self,
        person: i64,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<EventLease>> {
        let mut tx = self.begin().await?;
        // Two claims at the same moment would choose the same row.
        tx.lock(person, LOCK).await?;
        let row: Option<EventRow> = run!(
            &mut tx,
            query_as.fetch_optional,
            AssertSqlSafe(format!(
                "update webhook_event set claimed_until = $1, attempts = attempts + 1
                 where person = $2 and (collection, id) in (
                     select collection, id from webhook_event
                     where person = $2 and (not_before <= $3 or not_before > $4)
                       and (claimed_until is null or claimed_until <= $3 or claimed_until > $4)
                     order by not_before, collection, id limit 1)
                 returning {}",
                EventRow::COLUMNS
            )),
            Time::from(until),
            person,
            Time::from(now),
            Time::from(far(now))
        );
        tx.commit().await?;
        let Some(row) = row else { return Ok(None) };
        let event = WebhookEvent {
            person,
            collection: row
                .collection
                .parse()
                .map_err(|_| Error::Corrupt { what: "collection of an event" })?,
            id: row.id,
            change: row.change.parse().map_err(|_| Error::Corrupt { what: "kind of an event" })?,
            event_at: row.event_at.get(),
        };
        let (attempts, generation) = (row.attempts, row.generation);
        Ok(Some(EventLease { event, attempts, generation, claimed_until: stored(until) }))
    }

    /// Removes a fetched document from the queue, unless a newer event came since the claim: then it is due again. Returns
    /// whether it was removed. A lease that has ended changes nothing.
    pub async fn finish_event(&self, lease: &EventLease) -> Result<bool> {
        let mut tx = self.begin().await?;
        let finished = remove(&mut tx, lease).await?;
        tx.commit().await?;
        Ok(finished)
    }

    /// Releases a lease; the document is due again at `not_before`. With `counted` the attempt failed because of the
    /// document; otherwise it does not count.
    pub async fn postpone_event(
        &self,
        lease: &EventLease,
        not_before: Timestamp,
        counted: bool,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        change!(
            &mut tx,
            "update webhook_event set claimed_until = null, attempts = attempts - $6, not_before = $7
             where person = $1 and collection = $2 and id = $3 and claimed_until = $4 and generation = $5",
            lease.event.person,
            lease.event.collection.name(),
            &lease.event.id,
            Time::from(lease.claimed_until),
            lease.generation,
            i64::from(!counted),
            Time::from(not_before)
        );
        release(&mut tx, lease).await?;
        tx.commit().await
    }

    /// Gives a document up: it leaves the queue and is listed in `rejected` with the reason, until it is read another way.
    pub async fn reject_event(&self, lease: &EventLease, reason: &str, now: Timestamp) -> Result<()> {
        let WebhookEvent { person, collection, id, .. } = &lease.event;
        let mut tx = self.begin().await?;
        if remove(&mut tx, lease).await? {
            let owner = Owner { person: *person, collection: *collection };
            let rejected = Rejected { id: id.clone(), reason: reason.to_owned(), body: String::new() };
            rejected::upsert(&mut tx, owner, Origin::Webhook, None, &[&rejected], stored(now)).await?;
        }
        tx.commit().await
    }

    /// How long the queue of one person or of everyone is.
    pub async fn event_queue(&self, person: Option<i64>) -> Result<QueueDepth> {
        let row: DepthRow = read!(
            self,
            query_as.fetch_one,
            select::<DepthRow>("from webhook_event where person = $1 or cast($1 as bigint) is null"),
            person
        );
        Ok(QueueDepth { length: row.length, oldest: row.oldest.map(Time::get) })
    }
}

/// Removes the document of a lease if no newer event came, else ends the lease.
async fn remove(tx: &mut Tx, lease: &EventLease) -> Result<bool> {
    let removed = change!(
        tx,
        "delete from webhook_event
         where person = $1 and collection = $2 and id = $3 and claimed_until = $4 and generation = $5",
        lease.event.person,
        lease.event.collection.name(),
        &lease.event.id,
        Time::from(lease.claimed_until),
        lease.generation
    );
    if removed == 0 {
        release(tx, lease).await?;
    }
    Ok(removed > 0)
}

async fn release(tx: &mut Tx, lease: &EventLease) -> Result<()> {
    change!(
        tx,
        "update webhook_event set claimed_until = null
         where person = $1 and collection = $2 and id = $3 and claimed_until = $4",
        lease.event.person,
        lease.event.collection.name(),
        &lease.event.id,
        Time::from(lease.claimed_until)
    );
    Ok(())
}
