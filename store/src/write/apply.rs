//! The one way documents come in: a batch is stored, derived and acknowledged in one transaction, or not at all.
//! Applying the same batch again writes nothing but the time of the attempt.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::{Collection, Day, DayRange, Document, Rejected, Window};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use jiff_sqlx::ToSqlx;
use sqlx::{Encode, QueryBuilder, Type};

use crate::Store;
use crate::write::{deletions, precedence};
use crate::write::drift;
use crate::error::Result;
use crate::write::fingerprint::fingerprint;
use crate::write::derive::{self, Owner};
use crate::write::origin::Origin;
use crate::people;
use crate::write::quarantine;
use crate::write::rejected;
use crate::sync;
use crate::transaction::{Tx, with_conn};
use crate::write::withdraw;

/// What one reading of one collection of one person brought.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Whose.
    pub person: i64,
    /// Of which collection.
    pub collection: Collection,
    /// The days that have now been read completely; `None` when the documents came another way. From [`Origin::Api`],
    /// what is stored of these days and does not stand in the batch is gone at Oura.
    pub covered: Option<DayRange>,
    /// How the documents came.
    pub origin: Origin,
    /// What parsed. An id that stands twice counts once, the last one winning.
    pub documents: Vec<Document>,
    /// Documents around `covered` that came along: only those count that are stored under one of its days, because
    /// Oura moved them.
    pub nearby: Vec<Document>,
    /// What did not.
    pub rejected: Vec<Rejected>,
}

/// What a batch changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Documents never seen before.
    pub new: usize,
    /// Documents whose content differs from what was stored.
    pub changed: usize,
    /// Documents stored already.
    pub unchanged: usize,
    /// Documents put aside with a reason.
    pub rejected: usize,
    /// Documents taken back, because Oura no longer has them.
    pub withdrawn: usize,
    /// Documents that Oura's answer lacks, or has much less of, and that are kept until it has said so for an hour.
    pub doubted: usize,
}

impl std::ops::AddAssign for Applied {
    fn add_assign(&mut self, more: Self) {
        self.new += more.new;
        self.changed += more.changed;
        self.unchanged += more.unchanged;
        self.rejected += more.rejected;
        self.withdrawn += more.withdrawn;
        self.doubted += more.doubted;
    }
}

/// Rows a statement: below the databases' limits on parameters, large enough to be fast.
pub(crate) const ROWS: usize = 500;

/// What is stored of a document that has come again.
#[derive(Clone, Copy)]
pub(crate) struct StoredVersion {
    fingerprint: i64,
    pub(crate) day: Day,
    changed_at: Timestamp,
    is_oura: bool,
    pub(crate) missing_since: Option<Timestamp>,
}

impl Store {
    /// Stores a batch, derives the days it touches and notes how far has been read. What lies in the future is put aside,
    /// and so is what is stored of it by a version that did not; what was put aside so and is past by now is read again.
    #[tracing::instrument(name = "db.document.apply", skip_all, fields(collection = %batch.collection, documents = batch.documents.len()))]
    pub async fn apply(&self, batch: &Batch, now: Timestamp) -> Result<Applied> {
        let owner = Owner { person: batch.person, collection: batch.collection };
        // A column keeps microseconds at best; what is compared later must be what was stored.
        let now = now.round(jiff::Unit::Millisecond).unwrap_or(now);
        let mut tx = self.begin().await?;
        tx.lock(batch.person, owner.lock_name()).await?;
        let (past, _) = rejected::retry(&mut tx, owner, rejected::Which::Due, now).await?;
        let batch = &*batch.without_future(now);
        let mut written = write(&mut tx, owner, batch, now).await?;
        written.days.extend(past.days);
        written.days.extend(quarantine::stored_ahead(&mut tx, owner, now).await?);
        let newest = derive::refresh(&mut tx, owner, &written.days, now).await?;
        if batch.origin.is_archive() {
            // It says nothing about how reading Oura goes.
            sync::note_newest(&mut tx, owner, newest, now).await?;
        } else {
            let rejected = rejects_undated(batch, now);
            sync::note_success(&mut tx, batch.person, batch.collection, batch.covered, newest, rejected, now)
                .await?;
        }
        if !written.days.is_empty() {
            people::count_change(&mut tx, batch.person).await?;
        }
        tx.commit().await?;
        self.changes.notify();
        Ok(written.applied)
    }
}

/// What [`write`] did.
#[derive(Default)]
pub(crate) struct Written {
    pub(crate) applied: Applied,
    /// The days that must be derived again.
    pub(crate) days: BTreeSet<Day>,
}

/// Brings the documents up to date, and leaves the numbers and the notes about reading to the caller.
pub(crate) async fn write(tx: &mut Tx, owner: Owner, batch: &Batch, now: Timestamp) -> Result<Written> {
    let expected = deletions::expected_documents(tx, owner, batch).await?;
    let moved = deletions::moved_documents(&expected, batch);
    let mut incoming: BTreeMap<&str, &Document> =
        moved.chain(&batch.documents).map(|document| (document.id.as_str(), document)).collect();
    let known = stored_versions(tx, owner, incoming.keys().copied()).await?;
    let prints: HashMap<&str, i64> = incoming.iter().map(|(id, d)| (*id, fingerprint(&d.body))).collect();
    let differs = |document: &Document| {
        known.get(&document.id).is_none_or(|known| known.fingerprint != prints[document.id.as_str()])
    };
    let mut fresh: Vec<&Document> = incoming.values().copied().filter(|document| differs(document)).collect();
    precedence::discard_unchanged(tx, owner, batch.origin, &mut fresh, |id| known.contains_key(id)).await?;
    let superseded = precedence::settle_twins(tx, owner, batch.origin, &mut fresh, &incoming).await?;
    let mut replaced: Vec<(&Document, StoredVersion)> =
        fresh.iter().filter_map(|document| Some((*document, *known.get(&document.id)?))).collect();

    let absent =
        deletions::compare_with_stored(tx, owner, batch, &expected, &incoming, &replaced, now).await?;
    incoming.retain(|id, _| !absent.kept_back.contains(*id));
    fresh.retain(|document| !absent.kept_back.contains(&document.id));
    replaced.retain(|(document, _)| !absent.kept_back.contains(&document.id));
    deletions::mark_unconfirmed(tx, owner, &absent, now).await?;
    let gone: Vec<&str> = absent.gone.iter().map(String::as_str).collect();
    let (withdrawn, mut days) = withdraw::move_to_revisions(tx, owner, &gone, now).await?;
    let superseded: Vec<&str> = superseded.iter().map(String::as_str).collect();
    days.extend(withdraw::move_to_revisions(tx, owner, &superseded, now).await?.1);

    let zone = if replaced.is_empty() { TimeZone::UTC } else { people::zone(tx, owner.person).await? };
    let settled = replaced.iter().filter(|(_, known)| is_settled(batch.collection, *known, &zone));
    keep_revisions(tx, owner, settled.map(|(document, _)| document.id.as_str()), now).await?;
    let unseen: Vec<&str> =
        fresh.iter().map(|document| document.id.as_str()).filter(|id| !known.contains_key(*id)).collect();
    let kept = withdraw::last_revisions(tx, owner, &unseen).await?;
    upsert_documents(tx, owner, batch.origin, &fresh, &prints, &kept, now).await?;
    drift::record(tx, owner, &fresh, now).await?;
    if batch.origin.is_oura() {
        let written: BTreeSet<&str> = fresh.iter().map(|document| document.id.as_str()).collect();
        let noted = |id: &&str| {
            let seen = known.get(*id).filter(|_| !written.contains(id));
            seen.is_some_and(|known| known.missing_since.is_some() || !known.is_oura)
        };
        let seen: Vec<&str> = incoming.keys().copied().filter(noted).collect();
        deletions::mark_seen(tx, owner, batch.origin, &seen).await?;
    }
    let kept = precedence::rejected(tx, owner, batch).await?;
    rejected::upsert(tx, owner, batch.origin, batch.covered, &kept, now).await?;
    let read: Vec<&str> = incoming.keys().copied().collect();
    // An archive may be older than what Oura's API has sent and could not be read.
    rejected::delete(tx, owner, &read, batch.origin).await?;
    rejected::delete_resolved(tx, owner, batch, now).await?;

    days.extend(fresh.iter().map(|document| document.day));
    days.extend(replaced.iter().map(|(_, known)| known.day));
    let applied = Applied {
        new: fresh.len() - replaced.len(),
        changed: replaced.len(),
        unchanged: incoming.len() - fresh.len(),
        rejected: batch.rejected.len(),
        withdrawn,
        doubted: absent.waiting,
    };
    Ok(Written { applied, days })
}

/// Whether the batch rejects a document that may be of the newest days: it does not say its day.
fn rejects_undated(batch: &Batch, now: Timestamp) -> bool {
    // West of Greenwich today is yesterday in UTC.
    let newest = Day::at(now, &TimeZone::UTC).plus(-1);
    let may_be_new = batch.covered.is_none_or(|range| range.last() >= newest);
    may_be_new && batch.rejected.iter().any(|rejected| rejected.day(batch.collection).is_none())
}

/// Whether a stored body was final when it was stored, so that replacing it is a correction worth keeping. A document
/// that grows with its day is final once the day has ended, which for activity is at 04:00 of the next. A phone brings the
/// rows of a time series hours late, so those have until the end of the next day.
fn is_settled(collection: Collection, known: StoredVersion, zone: &TimeZone) -> bool {
    let ended = match collection.window() {
        _ if !collection.accumulates() => return true,
        Window::Instants => known.day.plus(2).midnight_utc(),
        _ => known.day.end_of_activity(zone),
    };
    known.changed_at >= ended
}

/// Narrows a statement to documents by their ids.
pub(crate) fn push_id_filter<'q, Db>(
    query: &'q mut QueryBuilder<Db>,
    owner: Owner,
    ids: &[&str],
) -> &'q mut QueryBuilder<Db>
where
    Db: sqlx::Database,
    i64: for<'t> Encode<'t, Db> + Type<Db>,
    for<'t> &'t str: Encode<'t, Db> + Type<Db>,
{
    query.push(" where person = ").push_bind(owner.person);
    query.push(" and collection = ").push_bind(owner.collection.name()).push(" and id in (");
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind(*id);
    }
    query.push(")")
}

type KnownRow = (String, i64, jiff_sqlx::Date, jiff_sqlx::Timestamp, String, Option<jiff_sqlx::Timestamp>);

pub(crate) async fn stored_versions<'a>(
    tx: &mut Tx,
    owner: Owner,
    ids: impl Iterator<Item = &'a str>,
) -> Result<HashMap<String, StoredVersion>> {
    let ids: Vec<&str> = ids.collect();
    let mut known = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(ROWS) {
        let rows: Vec<KnownRow> = with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new(
                "select id, fingerprint, day, changed_at, origin, missing_since from document",
            );
            push_id_filter(&mut query, owner, ids).build_query_as().persistent(false).fetch_all(conn).await?
        });
        for (id, fingerprint, day, changed_at, origin, since) in rows {
            let known_document = StoredVersion {
                fingerprint,
                day: sync::day(day)?,
                changed_at: changed_at.to_jiff(),
                is_oura: Origin::names_oura(&origin),
                missing_since: since.map(jiff_sqlx::Timestamp::to_jiff),
            };
            known.insert(id, known_document);
        }
    }
    Ok(known)
}

pub(crate) async fn keep_revisions<'a>(
    tx: &mut Tx,
    owner: Owner,
    ids: impl Iterator<Item = &'a str>,
    now: Timestamp,
) -> Result<()> {
    let ids: Vec<&str> = ids.collect();
    for ids in ids.chunks(ROWS) {
        with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new(
                "insert into document_revision
                     (person, collection, id, revision, day, body, changed_at, replaced_at)
                 select person, collection, id, revision, day, body, changed_at, ",
            );
            // PostgreSQL cannot tell the type of a bare parameter in a select list.
            query.push("cast(").push_bind(now.to_sqlx()).push(" as timestamptz) from document");
            push_id_filter(&mut query, owner, ids).build().persistent(false).execute(conn).await?;
        });
    }
    Ok(())
}

async fn upsert_documents(
    tx: &mut Tx,
    owner: Owner,
    origin: Origin,
    documents: &[&Document],
    prints: &HashMap<&str, i64>,
    kept: &HashMap<String, i64>,
    now: Timestamp,
) -> Result<()> {
    for documents in documents.chunks(ROWS) {
        with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new(
                "insert into document
                     (person, collection, id, day, body, fingerprint, origin, revision, first_seen_at, changed_at) ",
            );
            query.push_values(documents, |mut row, document| {
                row.push_bind(owner.person)
                    .push_bind(owner.collection.name())
                    .push_bind(&document.id)
                    .push_bind(document.day.date().to_sqlx())
                    .push_bind(&document.body)
                    .push_bind(prints[document.id.as_str()])
                    .push_bind(origin.name())
                    .push_bind(kept.get(&document.id).map_or(1, |last| last + 1))
                    .push_bind(now.to_sqlx())
                    .push_bind(now.to_sqlx());
            });
            query.push(
                " on conflict (person, collection, id) do update
                  set day = excluded.day, body = excluded.body, fingerprint = excluded.fingerprint,
                      revision = document.revision + 1, changed_at = excluded.changed_at, missing_since = null,
                      -- What Oura's API has said once stays Oura's.
                      origin = case when document.origin in ('api', 'webhook') then document.origin
                                    else excluded.origin end",
            );
            query.build().persistent(false).execute(conn).await?;
        });
    }
    Ok(())
}
