//! Rejected documents that are read again: by a version that may parse more, or once they are no longer of the future.

use std::collections::{BTreeMap, BTreeSet};

use domain::document::CLOCK_SKEW;
use domain::{Collection, Day, Document, Window};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::QueryBuilder;

use super::batch::Batch;
use super::documents::{Written, write};
use super::origin::Origin;
use super::owner::Owner;
use super::rejected::delete;
use crate::error::Result;
use crate::people;
use crate::sql::{Columns, row, run};
use crate::time::Time;
use crate::transaction::{Tx, with_conn};

/// A rejected document to read again.
struct Quarantined {
    id: String,
    body: String,
    origin: Origin,
    last_seen_at: Timestamp,
}

row! {
    struct QuarantinedRow {
        id: String,
        body: String,
        origin: String,
        last_seen_at: Time,
    }
}

/// Which rejected documents are read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// All: this version may be able to parse more than the one that rejected them.
    All,
    /// Those that were of the future and are past by now; one index probe where there is none.
    Due,
}

/// The rejected documents of one collection; rare, and each body was small enough to be received.
async fn quarantined(tx: &mut Tx, owner: Owner, which: Which, now: Timestamp) -> Result<Vec<Quarantined>> {
    let due = now.checked_add(CLOCK_SKEW).unwrap_or(now);
    let rows: Vec<QuarantinedRow> = with_conn!(tx, conn, Db => {
        let mut query =
            QueryBuilder::<Db>::new(format!("select {} from rejected where person = ", QuarantinedRow::COLUMNS));
        query.push_bind(owner.person).push(" and collection = ").push_bind(owner.collection.name());
        if which == Which::Due {
            query.push(" and not_before <= ").push_bind(Time::from(due));
        }
        query.push(" order by last_seen_at, id").build_query_as().persistent(false).fetch_all(conn).await?
    });
    let quarantined = |row: QuarantinedRow| Quarantined {
        id: row.id,
        body: row.body,
        origin: Origin::of_name(&row.origin),
        last_seen_at: row.last_seen_at.get(),
    };
    Ok(rows.into_iter().map(quarantined).collect())
}

/// Reads rejected documents again; those that parse and are past are stored. Returns what was written, and how many were
/// accepted.
pub(crate) async fn retry(
    tx: &mut Tx,
    owner: Owner,
    which: Which,
    now: Timestamp,
) -> Result<(Written, usize)> {
    let rejected = quarantined(tx, owner, which, now).await?;
    if rejected.is_empty() {
        return Ok((Written::default(), 0));
    }
    let zone = people::zone(tx, owner.person).await?;
    let mut read: Vec<&str> = Vec::new();
    let mut documents: BTreeMap<&'static str, Vec<Document>> = BTreeMap::new();
    let mut gathered: BTreeMap<Day, Vec<&Quarantined>> = BTreeMap::new();
    for rejected in &rejected {
        match owner.collection.window() {
            Window::Days => {
                if let Ok(document) = Document::parse(owner.collection, &rejected.body)
                    && !document.is_ahead(now)
                    && is_newer(tx, owner, &document, rejected).await?
                {
                    read.push(&rejected.id);
                    documents.entry(rejected.origin.name()).or_default().push(document);
                }
            }
            Window::Instants => {
                let items = Document::items_of_rejected(&rejected.body);
                let (days, failed) = Document::group_rows(owner.collection, items);
                if failed.is_empty() && !days.iter().any(|day| day.is_ahead(now)) {
                    for day in days {
                        gathered.entry(day.day).or_default().push(rejected);
                    }
                }
            }
            // An observation is of the day it was last seen on.
            Window::Whole => {
                let day = Day::at(rejected.last_seen_at, &zone);
                let items = Document::items_of_rejected(&rejected.body);
                let (observed, failed) = Document::observe(owner.collection, day, items);
                if failed.is_empty() && !observed.is_some_and(|observed| observed.is_ahead(now)) {
                    gathered.entry(day).or_default().push(rejected);
                }
            }
        }
    }
    for (day, rejected) in gathered {
        if let Some(document) = join(tx, owner, day, &rejected).await? {
            let oura = rejected.iter().map(|rejected| rejected.origin).find(|origin| origin.is_oura());
            let origin = oura.unwrap_or(rejected[0].origin);
            documents.entry(origin.name()).or_default().push(document);
        }
        read.extend(rejected.iter().map(|rejected| rejected.id.as_str()));
    }
    let count = read.iter().collect::<BTreeSet<_>>().len();
    delete(tx, owner, &read, Origin::Api).await?;
    let mut written = Written::default();
    for (origin, documents) in documents {
        let batch = Batch {
            person: owner.person,
            collection: owner.collection,
            covered: None,
            origin: Origin::of_name(origin),
            documents,
            nearby: Vec::new(),
            rejected: Vec::new(),
        };
        let more = write(tx, owner, &batch, now).await?;
        written.applied += more.applied;
        written.days.extend(more.days);
    }
    Ok((written, count))
}

/// Whether a rejected body is newer than the stored document of the same id. One that is older stays rejected.
async fn is_newer(tx: &mut Tx, owner: Owner, document: &Document, rejected: &Quarantined) -> Result<bool> {
    let changed_at: Option<Time> = run!(
        tx,
        query_scalar.fetch_optional,
        "select changed_at from document where person = $1 and collection = $2 and id = $3",
        owner.person,
        owner.collection.name(),
        &document.id
    );
    Ok(changed_at.is_none_or(|at| at.get() <= rejected.last_seen_at))
}

/// A day's document with rows or rings that had been rejected; stored ones win where both are about the same. `None` where
/// there is nothing to add to.
async fn join(tx: &mut Tx, owner: Owner, day: Day, rejected: &[&Quarantined]) -> Result<Option<Document>> {
    let stored: Option<String> = run!(
        tx,
        query_scalar.fetch_optional,
        "select body from document where person = $1 and collection = $2 and day = $3 order by id limit 1",
        owner.person,
        owner.collection.name(),
        day.date().to_sqlx()
    );
    if owner.collection == Collection::PersonalInfo && stored.is_some() {
        return Ok(None);
    }
    let stored = stored.as_deref().map(Document::items).unwrap_or_default();
    let items =
        rejected.iter().flat_map(|rejected| Document::items_of_rejected(&rejected.body)).chain(stored);
    Ok(match owner.collection.window() {
        Window::Instants => {
            Document::group_rows(owner.collection, items).0.into_iter().find(|joined| joined.day == day)
        }
        _ => Document::observe(owner.collection, day, items).0,
    })
}
