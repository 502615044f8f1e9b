//! Fields and words of Oura that this version does not know, counted as documents are stored.

use std::collections::{BTreeMap, BTreeSet};

use domain::Document;
use domain::drift::{Drift, DriftDetector};
use jiff::Timestamp;
use sqlx::QueryBuilder;

use super::owner::Owner;
use crate::Store;
use crate::error::Result;
use crate::sql::{read, row, run, select};
use crate::time::Time;
use crate::transaction::{Tx, with_conn};

/// One unknown field or word of one person's documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenDrift {
    /// Oura's name of the collection.
    pub collection: String,
    /// Its place and, for an unknown word, the word.
    pub drift: Drift,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// When it was last seen in a new or changed document.
    pub last_seen_at: Timestamp,
    /// New and changed documents that had it.
    pub documents: i64,
}

/// The most pointers kept of one collection of one person: bounds the table whatever Oura sends.
const MAX_STORED: usize = 64;

/// The most pointers in all that are counted.
const MAX_LISTED: i64 = 200;

/// Counts what is unknown in documents that are new or have changed.
pub(crate) async fn record(tx: &mut Tx, owner: Owner, documents: &[&Document], now: Timestamp) -> Result<()> {
    let watch = DriftDetector::new(owner.collection);
    let mut found: BTreeMap<Drift, i64> = BTreeMap::new();
    for document in documents {
        for drift in watch.detect(&document.body) {
            *found.entry(drift).or_default() += 1;
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    let known: Vec<(String, String)> = run!(
        tx,
        query_as.fetch_all,
        "select pointer, word from drift where person = $1 and collection = $2",
        owner.person,
        owner.collection.name()
    );
    let known: BTreeSet<Drift> = known.into_iter().map(|(pointer, word)| Drift { pointer, word }).collect();
    let room = MAX_STORED.saturating_sub(known.len());
    let beyond: BTreeSet<Drift> =
        found.keys().filter(|drift| !known.contains(drift)).skip(room).cloned().collect();
    found.retain(|drift, _| !beyond.contains(drift));
    if found.is_empty() {
        return Ok(());
    }
    with_conn!(tx, conn, Db => {
        let mut query = QueryBuilder::<Db>::new(
            "insert into drift (person, collection, pointer, word, first_seen_at, last_seen_at, documents) ",
        );
        query.push_values(&found, |mut row, (drift, documents)| {
            row.push_bind(owner.person)
                .push_bind(owner.collection.name())
                .push_bind(&drift.pointer)
                .push_bind(&drift.word)
                .push_bind(Time::from(now))
                .push_bind(Time::from(now))
                .push_bind(*documents);
        });
        query.push(
            " on conflict (person, collection, pointer, word) do update
              set last_seen_at = excluded.last_seen_at, documents = drift.documents + excluded.documents",
        );
        query.build().persistent(false).execute(conn).await?;
    });
    Ok(())
}

row! {
    struct DriftRow {
        collection: String,
        pointer: String,
        word: String,
        first_seen_at: Time,
        last_seen_at: Time,
        documents: i64,
    }
}

impl Store {
    /// What one person's documents have that this version does not know, newest first.
    pub async fn drift(&self, person: i64) -> Result<Vec<SeenDrift>> {
        let rows: Vec<DriftRow> = read!(
            self,
            query_as.fetch_all,
            select::<DriftRow>(
                "from drift where person = $1 order by first_seen_at desc, collection, pointer, word"
            ),
            person
        );
        let seen = |row: DriftRow| SeenDrift {
            collection: row.collection,
            drift: Drift { pointer: row.pointer, word: row.word },
            first_seen_at: row.first_seen_at.get(),
            last_seen_at: row.last_seen_at.get(),
            documents: row.documents,
        };
        Ok(rows.into_iter().map(seen).collect())
    }

    /// How many of everyone's documents had something unknown, by collection and pointer; the words stay here.
    pub async fn drift_counts(&self) -> Result<Vec<(String, String, i64)>> {
        Ok(read!(
            self,
            query_as.fetch_all,
            "select collection, pointer, cast(sum(documents) as bigint) from drift
                 group by collection, pointer order by collection, pointer limit $1",
            MAX_LISTED
        ))
    }
}
