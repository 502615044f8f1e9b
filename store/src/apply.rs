//! The one way documents come in: a batch is stored, derived and acknowledged in one transaction, or not at all.
//! Applying the same batch again writes nothing but the time of the attempt.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::{Collection, Day, DayRange, Document, Rejected};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::{Encode, QueryBuilder, Type};

use crate::Store;
use crate::backend::{Tx, with_conn};
use crate::error::Result;
use crate::fingerprint::fingerprint;
use crate::numbers::{self, Owner};
use crate::sync;

mod precedence;

/// What one reading of one collection of one person brought.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Whose.
    pub person: i64,
    /// Of which collection.
    pub collection: Collection,
    /// The days that have now been read completely; `None` when the documents came another way.
    pub covered: Option<DayRange>,
    /// What parsed. An id that stands twice counts once, the last one winning.
    pub documents: Vec<Document>,
    /// What did not.
    pub rejected: Vec<Rejected>,
    /// What becomes of a stored document under the same id.
    pub existing: Existing,
}

/// What becomes of a document that is stored already when another body comes under its id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// The new body is Oura's newest word: it replaces the old one, which is kept as a revision.
    #[default]
    Replace,
    /// The new body comes from an archive and may be older: it only fills what is missing, which is a document nobody
    /// has, or one that it repeats in full and adds to. Such a batch says nothing about how reading Oura goes.
    Keep,
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
}

impl std::ops::AddAssign for Applied {
    fn add_assign(&mut self, more: Self) {
        self.new += more.new;
        self.changed += more.changed;
        self.unchanged += more.unchanged;
        self.rejected += more.rejected;
    }
}

/// Rows a statement: below the databases' limits on parameters, large enough to be fast.
pub(crate) const ROWS: usize = 500;

/// What is stored of a document that has come again.
#[derive(Clone, Copy)]
struct Known {
    fingerprint: i64,
    day: Day,
    changed_at: Timestamp,
}

impl Store {
    /// Stores a batch, derives the days it touches and notes how far has been read.
    #[tracing::instrument(name = "db.document.apply", skip_all, fields(collection = %batch.collection, documents = batch.documents.len()))]
    pub async fn apply(&self, batch: &Batch, now: Timestamp) -> Result<Applied> {
        let owner = Owner { person: batch.person, collection: batch.collection };
        // A column keeps microseconds at best; what is compared later must be what was stored.
        let now = now.round(jiff::Unit::Millisecond).unwrap_or(now);
        let mut tx = self.backend.begin().await?;
        tx.lock(batch.person, batch.collection.name()).await?;
        let incoming: BTreeMap<&str, &Document> =
            batch.documents.iter().map(|d| (d.id.as_str(), d)).collect();
        let known = known(&mut tx, owner, incoming.keys().copied()).await?;
        let prints: HashMap<&str, i64> = incoming.iter().map(|(id, d)| (*id, fingerprint(&d.body))).collect();
        let mut fresh: Vec<&Document> = incoming
            .values()
            .copied()
            .filter(|document| {
                known.get(&document.id).is_none_or(|known| known.fingerprint != prints[document.id.as_str()])
            })
            .collect();
        precedence::settle(&mut tx, owner, batch.existing, &mut fresh, |id| known.contains_key(id)).await?;
        let replaced: Vec<(&Document, Known)> =
            fresh.iter().filter_map(|document| Some((*document, *known.get(&document.id)?))).collect();

        let settled = replaced.iter().filter(|(_, known)| is_settled(batch.collection, *known));
        keep_revisions(&mut tx, owner, settled.map(|(document, _)| document.id.as_str()), now).await?;
        upsert_documents(&mut tx, owner, &fresh, &prints, now).await?;
        let rejected = precedence::rejected(&mut tx, owner, batch).await?;
        upsert_rejected(&mut tx, owner, &rejected, now).await?;
        forget_rejected(&mut tx, owner, incoming.keys().copied()).await?;

        let mut days: BTreeSet<Day> = fresh.iter().map(|document| document.day).collect();
        days.extend(replaced.iter().map(|(_, known)| known.day));
        let newest = numbers::refresh(&mut tx, owner, &days, now).await?;
        match batch.existing {
            Existing::Replace => {
                sync::note_success(&mut tx, batch.person, batch.collection, batch.covered, newest, now)
                    .await?;
            }
            Existing::Keep => sync::note_newest(&mut tx, batch.person, batch.collection, newest).await?,
        }
        tx.commit().await?;
        self.changes.notify();
        Ok(Applied {
            new: fresh.len() - replaced.len(),
            changed: replaced.len(),
            unchanged: incoming.len() - fresh.len(),
            rejected: batch.rejected.len(),
        })
    }
}

/// Whether a stored body was final when it was stored, so that replacing it is a correction worth keeping. A document
/// that grows with its day is final once the day has ended everywhere: activity days end at 04:00 local, and the last
/// zone on earth is twelve hours behind.
fn is_settled(collection: Collection, known: Known) -> bool {
    !collection.accumulates() || known.changed_at >= known.day.plus(2).midnight_utc()
}

/// Narrows a statement to documents by their ids.
fn these<'q, Db>(query: &'q mut QueryBuilder<Db>, owner: Owner, ids: &[&str]) -> &'q mut QueryBuilder<Db>
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

async fn known<'a>(
    tx: &mut Tx,
    owner: Owner,
    ids: impl Iterator<Item = &'a str>,
) -> Result<HashMap<String, Known>> {
    let ids: Vec<&str> = ids.collect();
    let mut known = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(ROWS) {
        let rows: Vec<(String, i64, jiff_sqlx::Date, jiff_sqlx::Timestamp)> = with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new("select id, fingerprint, day, changed_at from document");
            these(&mut query, owner, ids).build_query_as().persistent(false).fetch_all(conn).await?
        });
        for (id, fingerprint, day, changed_at) in rows {
            known.insert(id, Known { fingerprint, day: sync::day(day)?, changed_at: changed_at.to_jiff() });
        }
    }
    Ok(known)
}

async fn keep_revisions<'a>(
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
            these(&mut query, owner, ids).build().persistent(false).execute(conn).await?;
        });
    }
    Ok(())
}

async fn upsert_documents(
    tx: &mut Tx,
    owner: Owner,
    documents: &[&Document],
    prints: &HashMap<&str, i64>,
    now: Timestamp,
) -> Result<()> {
    for documents in documents.chunks(ROWS) {
        with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new(
                "insert into document
                     (person, collection, id, day, body, fingerprint, revision, first_seen_at, changed_at) ",
            );
            query.push_values(documents, |mut row, document| {
                row.push_bind(owner.person)
                    .push_bind(owner.collection.name())
                    .push_bind(&document.id)
                    .push_bind(document.day.date().to_sqlx())
                    .push_bind(&document.body)
                    .push_bind(prints[document.id.as_str()])
                    .push_bind(1_i64)
                    .push_bind(now.to_sqlx())
                    .push_bind(now.to_sqlx());
            });
            query.push(
                " on conflict (person, collection, id) do update
                  set day = excluded.day, body = excluded.body, fingerprint = excluded.fingerprint,
                      revision = document.revision + 1, changed_at = excluded.changed_at",
            );
            query.build().persistent(false).execute(conn).await?;
        });
    }
    Ok(())
}

async fn upsert_rejected(tx: &mut Tx, owner: Owner, rejected: &[&Rejected], now: Timestamp) -> Result<()> {
    let unique: BTreeMap<&str, &Rejected> =
        rejected.iter().map(|rejected| (rejected.id.as_str(), *rejected)).collect();
    let rejected: Vec<&Rejected> = unique.into_values().collect();
    for rejected in rejected.chunks(ROWS) {
        with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new(
                "insert into rejected (person, collection, id, reason, body, first_seen_at, last_seen_at) ",
            );
            query.push_values(rejected, |mut row, rejected| {
                row.push_bind(owner.person)
                    .push_bind(owner.collection.name())
                    .push_bind(&rejected.id)
                    .push_bind(&rejected.reason)
                    .push_bind(storable(&rejected.body))
                    .push_bind(now.to_sqlx())
                    .push_bind(now.to_sqlx());
            });
            query.push(
                " on conflict (person, collection, id) do update
                  set reason = excluded.reason, body = excluded.body, last_seen_at = excluded.last_seen_at",
            );
            query.build().persistent(false).execute(conn).await?;
        });
    }
    Ok(())
}

/// PostgreSQL's text holds every character but NUL, which valid JSON only has as an escape; broken input may have it.
fn storable(body: &str) -> String {
    body.replace('\0', "\u{2400}")
}

/// A document that parses now is rejected no longer.
async fn forget_rejected<'a>(tx: &mut Tx, owner: Owner, ids: impl Iterator<Item = &'a str>) -> Result<()> {
    let ids: Vec<&str> = ids.collect();
    for ids in ids.chunks(ROWS) {
        with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new("delete from rejected");
            these(&mut query, owner, ids).build().persistent(false).execute(conn).await?;
        });
    }
    Ok(())
}
