//! What was put aside, read again: by a later version, or because the day it belongs to has come whole.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use domain::{Collection, Day, Document, Window};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use jiff_sqlx::ToSqlx;
use sqlx::QueryBuilder;

use crate::apply::{Batch, ROWS, Written, these, write};
use crate::error::Result;
use crate::numbers::Owner;
use crate::origin::Origin;
use crate::transaction::{Tx, with_conn};

/// One thing put aside.
struct Aside {
    id: String,
    body: String,
    last_seen_at: Timestamp,
}

/// Everything put aside of one collection; rare, and each body was small enough to be received.
async fn aside(tx: &mut Tx, owner: Owner) -> Result<Vec<Aside>> {
    let rows: Vec<(String, String, jiff_sqlx::Timestamp)> = with_conn!(tx, conn => {
        sqlx::query_as(
            "select id, body, last_seen_at from rejected where person = $1 and collection = $2
             order by last_seen_at, id",
        )
        .bind(owner.person)
        .bind(owner.collection.name())
        .fetch_all(conn)
        .await?
    });
    let aside = |(id, body, at): (String, String, jiff_sqlx::Timestamp)| Aside {
        id,
        body,
        last_seen_at: at.to_jiff(),
    };
    Ok(rows.into_iter().map(aside).collect())
}

async fn forget(tx: &mut Tx, owner: Owner, ids: &[&str]) -> Result<()> {
    for ids in ids.chunks(ROWS) {
        with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new("delete from rejected");
            these(&mut query, owner, ids).build().persistent(false).execute(conn).await?;
        });
    }
    Ok(())
}

/// Forgets rows of a time series whose UTC day has come again without them: Oura has mended or dropped them. Rows have
/// no id of their own that a later one could be known by.
pub(crate) async fn forget_mended(tx: &mut Tx, owner: Owner, batch: &Batch) -> Result<()> {
    let Some(range) = batch.covered.filter(|_| owner.collection.window() == Window::Instants) else {
        return Ok(());
    };
    let again: HashSet<&str> = batch.rejected.iter().map(|rejected| rejected.id.as_str()).collect();
    let whole: HashSet<Day> = batch.documents.iter().map(|document| document.day).collect();
    let mended: Vec<String> = aside(tx, owner)
        .await?
        .into_iter()
        .filter(|aside| !again.contains(aside.id.as_str()))
        .filter(|aside| {
            Document::row_day(&aside.body).is_some_and(|day| range.contains(day) && whole.contains(&day))
        })
        .map(|aside| aside.id)
        .collect();
    forget(tx, owner, &mended.iter().map(String::as_str).collect::<Vec<_>>()).await
}

/// Reads everything put aside with this version's parser; what parses becomes documents. Returns what was written, and
/// how many things were put aside no longer.
pub(crate) async fn retry(tx: &mut Tx, owner: Owner, now: Timestamp) -> Result<(Written, usize)> {
    let aside = aside(tx, owner).await?;
    let mut read: Vec<&str> = Vec::new();
    let mut documents: Vec<Document> = Vec::new();
    let mut gathered: BTreeMap<Day, Vec<&Aside>> = BTreeMap::new();
    for aside in &aside {
        match owner.collection.window() {
            Window::Days => {
                if let Ok(document) = Document::parse(owner.collection, &aside.body)
                    && is_newer(tx, owner, &document, aside).await?
                {
                    read.push(&aside.id);
                    documents.push(document);
                }
            }
            Window::Instants => {
                let (rows, _) = Document::gather(owner.collection, [aside.body.as_str()]);
                for row in rows {
                    gathered.entry(row.day).or_default().push(aside);
                }
            }
            // It held when it was last seen.
            Window::Whole => {
                let day = Day::at(aside.last_seen_at, &TimeZone::UTC);
                let (_, rejected) = Document::observe(owner.collection, day, [aside.body.as_str()]);
                if rejected.is_empty() {
                    gathered.entry(day).or_default().push(aside);
                }
            }
        }
    }
    for (day, aside) in gathered {
        if let Some(document) = join(tx, owner, day, &aside).await? {
            documents.push(document);
        }
        read.extend(aside.iter().map(|aside| aside.id.as_str()));
    }
    let count = read.iter().collect::<BTreeSet<_>>().len();
    forget(tx, owner, &read).await?;
    let batch = Batch {
        person: owner.person,
        collection: owner.collection,
        covered: None,
        // Whether it came from Oura is no longer known; a reading that has it again will say so.
        origin: Origin::Import,
        documents,
        nearby: Vec::new(),
        rejected: Vec::new(),
    };
    Ok((write(tx, owner, &batch, now).await?, count))
}

/// Whether a body put aside is younger than the stored document of the same id. One that is not stays where it is.
async fn is_newer(tx: &mut Tx, owner: Owner, document: &Document, aside: &Aside) -> Result<bool> {
    let changed_at: Option<jiff_sqlx::Timestamp> = with_conn!(tx, conn => {
        sqlx::query_scalar("select changed_at from document where person = $1 and collection = $2 and id = $3")
            .bind(owner.person)
            .bind(owner.collection.name())
            .bind(&document.id)
            .fetch_optional(conn)
            .await?
    });
    Ok(changed_at.is_none_or(|at| at.to_jiff() <= aside.last_seen_at))
}

/// A day's document with the rows or rings that had been put aside; what is stored wins where both say the same. `None`
/// where there is nothing to add to.
async fn join(tx: &mut Tx, owner: Owner, day: Day, aside: &[&Aside]) -> Result<Option<Document>> {
    let stored: Option<String> = with_conn!(tx, conn => {
        sqlx::query_scalar(
            "select body from document where person = $1 and collection = $2 and day = $3 order by id limit 1",
        )
        .bind(owner.person)
        .bind(owner.collection.name())
        .bind(day.date().to_sqlx())
        .fetch_optional(conn)
        .await?
    });
    if owner.collection == Collection::PersonalInfo && stored.is_some() {
        return Ok(None);
    }
    let stored = stored.as_deref().map(Document::items).unwrap_or_default();
    let items = aside.iter().map(|aside| aside.body.as_str()).chain(stored.iter().map(AsRef::as_ref));
    Ok(match owner.collection.window() {
        Window::Instants => {
            Document::gather(owner.collection, items).0.into_iter().find(|joined| joined.day == day)
        }
        _ => Document::observe(owner.collection, day, items).0,
    })
}
