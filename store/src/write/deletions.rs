//! What a complete answer lacks. A window that was read to its last page is authoritative for its days, so a stored
//! document that it lacks is gone. But nothing is taken back on the word of a peer that may have had a bad hour: an
//! answer that lacks too much must be given twice, an hour apart.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use domain::{Day, Document, Window};
use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use sqlx::QueryBuilder;

use crate::Store;
use crate::write::apply::{Batch, ROWS, StoredVersion, push_id_filter};
use crate::backend::with_pool;
use crate::error::Result;
use crate::write::derive::Owner;
use crate::write::origin::Origin;
use crate::sync;
use crate::transaction::{Tx, with_conn};

/// How long a doubtful absence must last; also how old a document must be to be missed at all, because one that a
/// webhook brought a moment ago may be younger than the answer that lacks it.
const CONFIRMATION_DELAY: SignedDuration = SignedDuration::from_hours(1);

/// From how many stored documents, or rows of a day, "more than half is missing" says anything.
const MIN_DOCUMENTS: usize = 10;

/// Documents of one collection whose absence is doubted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnconfirmedDeletion {
    /// Oura's name of the collection.
    pub collection: String,
    /// How many documents.
    pub documents: i64,
    /// Since when the oldest of them is missing.
    pub since: Timestamp,
}

/// What an answer does to documents it lacks, or has less of than before.
#[derive(Debug, Default)]
pub(crate) struct Deletions {
    /// Gone.
    pub(crate) gone: Vec<String>,
    /// Missing for the first time, and not believed yet.
    doubted: Vec<String>,
    /// All that are not believed yet, those doubted before included.
    pub(crate) waiting: usize,
    /// Days that came with much less than is stored: what came is not stored either.
    pub(crate) kept_back: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    Gone,
    Doubted,
    Waiting,
}

/// What becomes of one missing document. `since` is when it was first missed without having been seen again.
fn decide(suspicious: bool, since: Option<Timestamp>, now: Timestamp) -> Decision {
    match since {
        _ if !suspicious => Decision::Gone,
        Some(since) if now.duration_since(since) >= CONFIRMATION_DELAY => Decision::Gone,
        Some(since) if since <= now => Decision::Waiting,
        // Never, or by a clock that was ahead.
        _ => Decision::Doubted,
    }
}

/// Whether an answer lacks more than deleting by hand explains.
fn is_suspicious(stored: usize, missing: usize, received: usize) -> bool {
    received == 0 || (stored >= MIN_DOCUMENTS && missing * 2 > stored)
}

impl Deletions {
    fn decide(&mut self, id: &str, suspicious: bool, since: Option<Timestamp>, now: Timestamp) -> Decision {
        let verdict = decide(suspicious, since, now);
        match verdict {
            Decision::Gone => {}
            Decision::Doubted => {
                self.doubted.push(id.to_owned());
                self.waiting += 1;
            }
            Decision::Waiting => self.waiting += 1,
        }
        verdict
    }
}

/// A stored document of the days that were read.
pub(crate) struct Stored {
    id: String,
    day: Day,
    changed_at: Timestamp,
    missing_since: Option<Timestamp>,
}

type ExpectedRow = (String, jiff_sqlx::Date, String, jiff_sqlx::Timestamp, Option<jiff_sqlx::Timestamp>);

/// The documents that a complete answer of these days must have: those that the API has said once. Empty where the
/// batch proves no absence.
pub(crate) async fn expected_documents(tx: &mut Tx, owner: Owner, batch: &Batch) -> Result<Vec<Stored>> {
    let lists_days = owner.collection.window() != Window::Whole;
    let Some(range) = batch.covered.filter(|_| batch.origin == Origin::Api && lists_days) else {
        return Ok(Vec::new());
    };
    let rows: Vec<ExpectedRow> = with_conn!(tx, conn => {
        sqlx::query_as(
            "select id, day, origin, changed_at, missing_since from document
             where person = $1 and collection = $2 and day between $3 and $4",
        )
        .bind(owner.person)
        .bind(owner.collection.name())
        .bind(range.first().date().to_sqlx())
        .bind(range.last().date().to_sqlx())
        .fetch_all(conn)
        .await?
    });
    let said = rows.into_iter().filter(|row| Origin::names_oura(&row.2));
    said.map(|(id, day, _, changed_at, since)| {
        Ok(Stored {
            id,
            day: sync::day(day)?,
            changed_at: changed_at.to_jiff(),
            missing_since: since.map(jiff_sqlx::Timestamp::to_jiff),
        })
    })
    .collect()
}

/// Documents around the days asked for that are stored under one of those days: they have moved, and are not gone.
pub(crate) fn moved_documents<'a>(
    expected: &[Stored],
    batch: &'a Batch,
) -> impl Iterator<Item = &'a Document> {
    let is_expected = |document: &&Document| expected.iter().any(|stored| stored.id == document.id);
    batch.nearby.iter().filter(is_expected)
}

/// Compares an answer with what is stored.
pub(crate) async fn compare_with_stored(
    tx: &mut Tx,
    owner: Owner,
    batch: &Batch,
    expected: &[Stored],
    incoming: &BTreeMap<&str, &Document>,
    replaced: &[(&Document, StoredVersion)],
    now: Timestamp,
) -> Result<Deletions> {
    let mut absent = Deletions::default();
    let whole_days = owner.collection.window() == Window::Instants;
    let put_aside: HashSet<&str> = batch.rejected.iter().map(|rejected| rejected.id.as_str()).collect();
    // Something without a readable id may be any document of its day, and without a readable day any of all.
    let nameless = batch.rejected.iter().filter(|rejected| rejected.is_unnamed());
    let days: BTreeSet<Option<Day>> =
        nameless.map(|rejected| Document::day_of(owner.collection, &rejected.body)).collect();
    let lacks = |stored: &&Stored| {
        let came = incoming.contains_key(stored.id.as_str())
            || put_aside.contains(stored.id.as_str())
            || days.contains(&Some(stored.day));
        let age = now.duration_since(stored.changed_at);
        // One that a clock wrote which was ahead is old enough.
        !came && (age >= CONFIRMATION_DELAY || age <= -CONFIRMATION_DELAY)
    };
    let missing: Vec<&Stored> = expected.iter().filter(lacks).collect();
    // A day of a time series is many rows, and nobody deletes them by hand.
    let suspicious =
        whole_days || days.contains(&None) || is_suspicious(expected.len(), missing.len(), incoming.len());
    for stored in missing {
        if absent.decide(&stored.id, suspicious, stored.missing_since, now) == Decision::Gone {
            absent.gone.push(stored.id.clone());
        }
    }
    if whole_days && batch.covered.is_some() && batch.origin == Origin::Api {
        let rows = row_counts(tx, owner, replaced).await?;
        for (document, known) in replaced {
            let before = rows.get(&document.id).copied().unwrap_or_default();
            let shrunk = is_suspicious(before, before.saturating_sub(document.rows()), document.rows());
            if shrunk && absent.decide(&document.id, true, known.missing_since, now) != Decision::Gone {
                absent.kept_back.insert(document.id.clone());
            }
        }
    }
    Ok(absent)
}

/// How many rows each stored day has.
async fn row_counts(
    tx: &mut Tx,
    owner: Owner,
    replaced: &[(&Document, StoredVersion)],
) -> Result<BTreeMap<String, usize>> {
    let ids: Vec<&str> = replaced.iter().map(|(document, _)| document.id.as_str()).collect();
    let mut counts = BTreeMap::new();
    for ids in ids.chunks(ROWS) {
        let rows: Vec<(String, String)> = with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new("select id, body from document");
            push_id_filter(&mut query, owner, ids).build_query_as().persistent(false).fetch_all(conn).await?
        });
        counts.extend(rows.into_iter().map(|(id, body)| (id, domain::document::rows(&body))));
    }
    Ok(counts)
}

/// Notes what is missing and not believed yet.
pub(crate) async fn mark_unconfirmed(
    tx: &mut Tx,
    owner: Owner,
    absent: &Deletions,
    now: Timestamp,
) -> Result<()> {
    let ids: Vec<&str> = absent.doubted.iter().map(String::as_str).collect();
    for ids in ids.chunks(ROWS) {
        with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new("update document set missing_since = ");
            query.push_bind(now.to_sqlx());
            push_id_filter(&mut query, owner, ids).build().persistent(false).execute(conn).await?;
        });
    }
    Ok(())
}

/// Notes that the API has said documents again that did not change: they are missed no longer, and count as Oura's.
pub(crate) async fn mark_seen(tx: &mut Tx, owner: Owner, origin: Origin, ids: &[&str]) -> Result<()> {
    for ids in ids.chunks(ROWS) {
        with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new("update document set missing_since = null, origin = ");
            query.push_bind(origin.name());
            push_id_filter(&mut query, owner, ids).build().persistent(false).execute(conn).await?;
        });
    }
    Ok(())
}

impl Store {
    /// Documents that Oura's answers lack and that are kept until it has said so for an hour.
    pub async fn unconfirmed_deletions(&self, person: i64) -> Result<Vec<UnconfirmedDeletion>> {
        let rows: Vec<(String, i64, jiff_sqlx::Timestamp)> = with_pool!(self, pool => {
            sqlx::query_as(
                "select collection, count(*), min(missing_since) from document
                 where person = $1 and missing_since is not null group by collection order by collection",
            )
            .bind(person)
            .fetch_all(pool)
            .await?
        });
        let doubt = |(collection, documents, since): (String, i64, jiff_sqlx::Timestamp)| {
            UnconfirmedDeletion { collection, documents, since: since.to_jiff() }
        };
        Ok(rows.into_iter().map(doubt).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_deletions_are_accepted_and_empty_responses_are_not() {
        assert!(!is_suspicious(1, 1, 1), "the only one was deleted, and another came");
        assert!(!is_suspicious(9, 8, 1));
        assert!(!is_suspicious(10, 5, 5), "half is not more than half");
        assert!(is_suspicious(10, 6, 4));
        assert!(is_suspicious(1, 1, 0));
    }

    #[test]
    fn unconfirmed_deletion_must_last_an_hour() {
        let now: Timestamp = "2026-03-29T12:00:00Z".parse().unwrap();
        let before = |minutes| Some(now - SignedDuration::from_mins(minutes));
        assert_eq!(decide(false, None, now), Decision::Gone);
        assert_eq!(decide(true, None, now), Decision::Doubted);
        assert_eq!(decide(true, before(59), now), Decision::Waiting);
        assert_eq!(decide(true, before(60), now), Decision::Gone);
        assert_eq!(
            decide(true, before(-600), now),
            Decision::Doubted,
            "a clock set back: the hour begins anew"
        );
    }
}
