//! Announcements of changed documents, queued until somebody has fetched them. The queue is durable, so an
//! announcement may be acknowledged before its document is fetched; its claims are leases, so several processes share
//! it and one that dies is replaced.

use domain::{Change, Collection, Rejected};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;

use crate::Store;
use crate::backend::with_pool;
use crate::error::{Error, Result};
use crate::write::derive::Owner;
use crate::write::origin::Origin;
use crate::people::{self, Person};
use crate::write::rejected;
use crate::queue::sync_leases::far;
use crate::transaction::{Tx, with_conn};

/// What Oura says has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEvent {
    /// Whose document.
    pub person: i64,
    /// Of which collection.
    pub collection: Collection,
    /// Oura's id of the document.
    pub id: String,
    /// What happened to it.
    pub change: Change,
    /// When it happened.
    pub event_at: Timestamp,
}

/// What became of an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnqueuedEvent {
    /// A document that was not waiting waits now.
    New,
    /// It was waiting already; the news counts.
    Merged,
    /// Something newer is known already.
    Old,
    /// There is no room; nothing was stored.
    Full,
}

/// A document to fetch, and the right to do so for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventLease {
    /// What was announced last.
    pub announcement: WebhookEvent,
    /// Fetches begun since then, this one included.
    pub attempts: i64,
    generation: i64,
    claimed_until: Timestamp,
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Documents announced and not fetched.
    pub length: i64,
    /// When the one that has waited longest was first announced.
    pub oldest: Option<Timestamp>,
}

/// What the claims of a person are serialised by.
const LOCK: &str = "webhook_event";

type Row = (String, String, String, jiff_sqlx::Timestamp, i64, i64);

impl Store {
    /// Puts an announcement into the queue, which holds at most `room` documents of a person. Durable when it returns.
    #[tracing::instrument(name = "db.webhook.enqueue", skip_all, fields(collection = %announcement.collection))]
    pub async fn enqueue_event(
        &self,
        announcement: &WebhookEvent,
        room: i64,
        now: Timestamp,
    ) -> Result<EnqueuedEvent> {
        let WebhookEvent { person, collection, id, change, event_at } = announcement;
        let (now, event_at) = (rounded(now), rounded(*event_at));
        let mut tx = self.begin().await?;
        tx.lock(*person, LOCK).await?;
        let (known, length): (Option<jiff_sqlx::Timestamp>, i64) = with_conn!(&mut tx, conn => {
            let known = sqlx::query_scalar(
                "select event_at from webhook_event where person = $1 and collection = $2 and id = $3",
            )
            .bind(person)
            .bind(collection.name())
            .bind(id)
            .fetch_optional(&mut *conn)
            .await?;
            let length = sqlx::query_scalar("select count(*) from webhook_event where person = $1")
                .bind(person)
                .fetch_one(conn)
                .await?;
            (known, length)
        });
        let queued = match known.map(jiff_sqlx::Timestamp::to_jiff) {
            // Oura's clock may have a second as its grain: the same time is not the same news.
            Some(known) if event_at < known => return Ok(EnqueuedEvent::Old),
            Some(_) => EnqueuedEvent::Merged,
            None if length >= room => return Ok(EnqueuedEvent::Full),
            None => EnqueuedEvent::New,
        };
        with_conn!(&mut tx, conn => {
            sqlx::query(
                "insert into webhook_event
                     (person, collection, id, change, event_at, received_at, generation, attempts, not_before)
                 values ($1, $2, $3, $4, $5, $6, 1, 0, $6)
                 on conflict (person, collection, id) do update
                 set change = excluded.change, event_at = excluded.event_at, attempts = 0,
                     generation = webhook_event.generation + 1, not_before = excluded.not_before",
            )
            .bind(person)
            .bind(collection.name())
            .bind(id)
            .bind(change.name())
            .bind(event_at.to_sqlx())
            .bind(now.to_sqlx())
            .execute(conn)
            .await?;
        });
        tx.commit().await?;
        Ok(queued)
    }

    /// The person whose document has been due longest.
    pub async fn next_event(&self, now: Timestamp) -> Result<Option<Person>> {
        let row: Option<people::Row> = with_pool!(self, pool => {
            sqlx::query_as(
                "select id, name, time_zone from person where id = (
                     select person from webhook_event
                     where (not_before <= $1 or not_before > $2)
                       and (claimed_until is null or claimed_until <= $1 or claimed_until > $2)
                     order by not_before limit 1)",
            )
            .bind(now.to_sqlx())
            .bind(far(now).to_sqlx())
            .fetch_optional(pool)
            .await?
        });
        row.map(people::person).transpose()
    }

    /// Claims the document of a person that has been due longest, until `until`; nobody else gets it before. A claim
    /// that runs out, because its owner died, is given out again.
    pub async fn claim_event(
        &self,
        person: i64,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<EventLease>> {
        let until = rounded(until);
        let mut tx = self.begin().await?;
        // Two claims at the same moment would choose the same row.
        tx.lock(person, LOCK).await?;
        let row: Option<Row> = with_conn!(&mut tx, conn => {
            sqlx::query_as(
                "update webhook_event set claimed_until = $1, attempts = attempts + 1
                 where person = $2 and (collection, id) in (
                     select collection, id from webhook_event
                     where person = $2 and (not_before <= $3 or not_before > $4)
                       and (claimed_until is null or claimed_until <= $3 or claimed_until > $4)
                     order by not_before, collection, id limit 1)
                 returning collection, id, change, event_at, attempts, generation",
            )
            .bind(until.to_sqlx())
            .bind(person)
            .bind(now.to_sqlx())
            .bind(far(now).to_sqlx())
            .fetch_optional(conn)
            .await?
        });
        tx.commit().await?;
        let Some((collection, id, change, event_at, attempts, generation)) = row else { return Ok(None) };
        let collection = collection.parse().map_err(|_| Error::Corrupt { what: "collection of an event" })?;
        let change = change.parse().map_err(|_| Error::Corrupt { what: "kind of an event" })?;
        let announcement = WebhookEvent { person, collection, id, change, event_at: event_at.to_jiff() };
        Ok(Some(EventLease { announcement, attempts, generation, claimed_until: until }))
    }

    /// Takes a fetched document out of the queue, unless it has been announced again since the claim: then it is due
    /// again. Returns whether it is out. A claim that has run out changes nothing.
    pub async fn finish_event(&self, claim: &EventLease) -> Result<bool> {
        let mut tx = self.begin().await?;
        let finished = remove(&mut tx, claim).await?;
        tx.commit().await?;
        Ok(finished)
    }

    /// Gives a claim back until `not_before`. With `counted` the attempt was the document's own failure; otherwise it
    /// does not count.
    pub async fn postpone_event(
        &self,
        claim: &EventLease,
        not_before: Timestamp,
        counted: bool,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        with_conn!(&mut tx, conn => {
            sqlx::query(
                "update webhook_event set claimed_until = null, attempts = attempts - $6, not_before = $7
                 where person = $1 and collection = $2 and id = $3 and claimed_until = $4 and generation = $5",
            )
            .bind(claim.announcement.person)
            .bind(claim.announcement.collection.name())
            .bind(&claim.announcement.id)
            .bind(claim.claimed_until.to_sqlx())
            .bind(claim.generation)
            .bind(i64::from(!counted))
            .bind(rounded(not_before).to_sqlx())
            .execute(conn)
            .await?;
        });
        release(&mut tx, claim).await?;
        tx.commit().await
    }

    /// Gives a document up: it leaves the queue and stands in `rejected` with the reason, until it is read another way.
    pub async fn reject_event(&self, claim: &EventLease, reason: &str, now: Timestamp) -> Result<()> {
        let WebhookEvent { person, collection, id, .. } = &claim.announcement;
        let mut tx = self.begin().await?;
        if remove(&mut tx, claim).await? {
            let owner = Owner { person: *person, collection: *collection };
            let rejected = Rejected { id: id.clone(), reason: reason.to_owned(), body: String::new() };
            rejected::upsert(&mut tx, owner, Origin::Webhook, None, &[&rejected], rounded(now)).await?;
        }
        tx.commit().await
    }

    /// How much waits, of one person's or of everybody's.
    pub async fn event_queue(&self, person: Option<i64>) -> Result<QueueDepth> {
        let (length, oldest): (i64, Option<jiff_sqlx::Timestamp>) = with_pool!(self, pool => {
            sqlx::query_as(
                "select count(*), min(received_at) from webhook_event
                 where person = $1 or cast($1 as bigint) is null",
            )
            .bind(person)
            .fetch_one(pool)
            .await?
        });
        Ok(QueueDepth { length, oldest: oldest.map(jiff_sqlx::Timestamp::to_jiff) })
    }
}

/// Removes what a claim is about if nothing newer has been announced, else ends the claim.
async fn remove(tx: &mut Tx, claim: &EventLease) -> Result<bool> {
    let removed = with_conn!(&mut *tx, conn => {
        sqlx::query(
            "delete from webhook_event
             where person = $1 and collection = $2 and id = $3 and claimed_until = $4 and generation = $5",
        )
        .bind(claim.announcement.person)
        .bind(claim.announcement.collection.name())
        .bind(&claim.announcement.id)
        .bind(claim.claimed_until.to_sqlx())
        .bind(claim.generation)
        .execute(conn)
        .await?
        .rows_affected()
    });
    if removed == 0 {
        release(tx, claim).await?;
    }
    Ok(removed > 0)
}

async fn release(tx: &mut Tx, claim: &EventLease) -> Result<()> {
    with_conn!(tx, conn => {
        sqlx::query(
            "update webhook_event set claimed_until = null
             where person = $1 and collection = $2 and id = $3 and claimed_until = $4",
        )
        .bind(claim.announcement.person)
        .bind(claim.announcement.collection.name())
        .bind(&claim.announcement.id)
        .bind(claim.claimed_until.to_sqlx())
        .execute(conn)
        .await?;
    });
    Ok(())
}

/// A column keeps microseconds at best; what is compared later must be what was stored.
fn rounded(at: Timestamp) -> Timestamp {
    at.round(jiff::Unit::Millisecond).unwrap_or(at)
}
