//! What a plan needs to know of the database, read before it is made.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::{Day, Document, Window};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use jiff_sqlx::{Date, ToSqlx};
use sqlx::QueryBuilder;

use super::batch::{Batch, ROWS};
use super::fingerprint::fingerprint;
use super::ids::push_id_filter;
use super::origin::Origin;
use super::owner::Owner;
use super::rejected::{self, Rejection};
use crate::error::Result;
use crate::people;
use crate::sql::{Columns, row, run, select};
use crate::sync;
use crate::time::Time;
use crate::transaction::{Tx, with_conn};

/// The stored state that a batch meets.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// Stored documents with ids of the batch, and for a complete response those of its days, by id.
    pub(crate) documents: BTreeMap<String, Known>,
    /// Stored documents of the batch's days that may be about the same as one of the batch under another id.
    pub(crate) twins: Vec<Document>,
    /// The last revision kept of each document of the batch that is stored no longer.
    pub(crate) revisions: HashMap<String, i64>,
    /// Rejections that a complete response may resolve.
    pub(crate) rejections: Vec<Rejection>,
    /// The person's time zone, where a body differs.
    pub(crate) zone: TimeZone,
}

/// A stored document, without its body.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) day: Day,
    pub(crate) changed_at: Timestamp,
    pub(crate) origin: Origin,
    /// Since when complete responses lack it.
    pub(crate) missing_since: Option<Timestamp>,
    /// The stored body, where the batch has another one.
    pub(crate) differing_body: Option<String>,
}

row! {
    struct KnownRow {
        id: String,
        fingerprint: i64,
        day: Date,
        changed_at: Time,
        origin: String,
        missing_since: Option<Time>,
    }
}

row! {
    struct BodyRow {
        id: String,
        body: String,
    }
}

row! {
    struct TwinRow {
        id: String,
        day: Date,
        body: String,
    }
}

row! {
    struct RevisionRow {
        id: String,
        last: i64 = "max(revision)",
    }
}

impl KnownRow {
    fn known(self) -> Result<(String, i64, Known)> {
        let known = Known {
            day: sync::day(self.day)?,
            changed_at: self.changed_at.get(),
            origin: Origin::of_name(&self.origin),
            missing_since: self.missing_since.map(Time::get),
            differing_body: None,
        };
        Ok((self.id, self.fingerprint, known))
    }
}

/// Reads what is stored of everything that the batch may change.
pub(crate) async fn load(tx: &mut Tx, owner: Owner, batch: &Batch) -> Result<Stored> {
    let mut fingerprints = HashMap::new();
    let mut documents = BTreeMap::new();
    let rows = covered_documents(tx, owner, batch).await?;
    let archived = batch.rejected.iter().filter(|_| batch.origin.is_archive()).map(|rejected| &rejected.id);
    let ids = batch.documents.iter().map(|document| &document.id).chain(archived);
    let ids: BTreeSet<&str> = ids.map(String::as_str).collect();
    let read: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let others: Vec<&str> = ids.difference(&read).copied().collect();
    let others = by_ids::<KnownRow>(tx, owner, &others).await?;
    for row in rows.into_iter().chain(others) {
        let (id, print, known) = row.known()?;
        fingerprints.insert(id.clone(), print);
        documents.insert(id, known);
    }

    let incoming: BTreeMap<&str, &Document> = batch.incoming(&documents);
    let differs = |document: &&&Document| {
        fingerprints.get(&document.id).is_none_or(|stored| *stored != fingerprint(&document.body))
    };
    let differing: Vec<&Document> = incoming.values().filter(differs).copied().collect();
    let (known, unseen): (Vec<&str>, Vec<&str>) =
        differing.iter().map(|document| document.id.as_str()).partition(|id| documents.contains_key(*id));
    let zone = if known.is_empty() { TimeZone::UTC } else { people::zone(tx, owner.person).await? };
    let revisions = last_revisions(tx, owner, &unseen).await?;
    let bodies = by_ids::<BodyRow>(tx, owner, &known).await?;
    let twins = twins(tx, owner, batch.origin, &incoming, &differing).await?;
    for BodyRow { id, body } in bodies {
        if let Some(known) = documents.get_mut(&id) {
            known.differing_body = Some(body);
        }
    }
    let rejections = rejected::resolvable(tx, owner, batch).await?;
    Ok(Stored { documents, twins, revisions, rejections, zone })
}

/// The stored documents of the days of a complete response; empty where the batch is none.
async fn covered_documents(tx: &mut Tx, owner: Owner, batch: &Batch) -> Result<Vec<KnownRow>> {
    let Some(range) = batch.complete_days() else { return Ok(Vec::new()) };
    Ok(run!(
        tx,
        query_as.fetch_all,
        select::<KnownRow>("from document where person = $1 and collection = $2 and day between $3 and $4"),
        owner.person,
        owner.collection.name(),
        range.first().date().to_sqlx(),
        range.last().date().to_sqlx()
    ))
}

/// Stored documents that may be twins (see [`super::precedence`]): for an archive, all of the days of its new documents;
/// for Oura's API, those that an archive has brought.
async fn twins(
    tx: &mut Tx,
    owner: Owner,
    origin: Origin,
    incoming: &BTreeMap<&str, &Document>,
    differing: &[&Document],
) -> Result<Vec<Document>> {
    if owner.collection.window() != Window::Days || !(origin.is_archive() || origin.is_oura()) {
        return Ok(Vec::new());
    }
    let days: BTreeSet<Day> = if origin.is_archive() {
        differing.iter().map(|document| document.day).collect()
    } else {
        incoming.values().map(|document| document.day).collect()
    };
    let days: Vec<Date> = days.iter().map(|day| day.date().to_sqlx()).collect();
    let mut twins = Vec::new();
    for days in days.chunks(ROWS) {
        let rows: Vec<TwinRow> = with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new(format!("select {} from document where person = ", TwinRow::COLUMNS));
            query.push_bind(owner.person).push(" and collection = ").push_bind(owner.collection.name());
            if origin.is_oura() {
                query.push(" and origin = ").push_bind(Origin::Import.name());
            }
            query.push(" and day in (");
            let mut list = query.separated(", ");
            for day in days {
                list.push_bind(*day);
            }
            query.push(")").build_query_as().persistent(false).fetch_all(conn).await?
        });
        for TwinRow { id, day, body } in rows {
            let day = sync::day(day)?;
            twins.push(Document { id, day, body, not_before: owner.collection.first_moment(day) });
        }
    }
    Ok(twins)
}

/// The days that stored documents with these ids are filed under, by id.
pub(crate) async fn days_of(tx: &mut Tx, owner: Owner, ids: &[&str]) -> Result<BTreeMap<String, Day>> {
    let rows = by_ids::<KnownRow>(tx, owner, ids).await?;
    rows.into_iter().map(|row| Ok((row.id, sync::day(row.day)?))).collect()
}

async fn last_revisions(tx: &mut Tx, owner: Owner, ids: &[&str]) -> Result<HashMap<String, i64>> {
    let mut last = HashMap::new();
    for ids in ids.chunks(ROWS) {
        let rows: Vec<RevisionRow> = with_conn!(&mut *tx, conn, Db => {
            let mut query =
                QueryBuilder::<Db>::new(format!("select {} from document_revision", RevisionRow::COLUMNS));
            push_id_filter(&mut query, owner, ids).push(" group by id");
            query.build_query_as().persistent(false).fetch_all(conn).await?
        });
        last.extend(rows.into_iter().map(|row| (row.id, row.last)));
    }
    Ok(last)
}

/// Rows of stored documents by their ids.
async fn by_ids<R>(tx: &mut Tx, owner: Owner, ids: &[&str]) -> Result<Vec<R>>
where
    R: Columns + Send + Unpin,
    for<'r> R: sqlx::FromRow<'r, sqlx::postgres::PgRow> + sqlx::FromRow<'r, sqlx::sqlite::SqliteRow>,
{
    let mut found = Vec::with_capacity(ids.len());
    for ids in ids.chunks(ROWS) {
        let rows: Vec<R> = with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new(format!("select {} from document", R::COLUMNS));
            push_id_filter(&mut query, owner, ids).build_query_as().persistent(false).fetch_all(conn).await?
        });
        found.extend(rows);
    }
    Ok(found)
}

impl Batch {
    /// Whether a complete response must contain this stored document, or it is gone.
    pub(crate) fn must_contain(&self, known: &Known) -> bool {
        self.complete_days().is_some_and(|days| days.contains(known.day)) && known.origin.is_oura()
    }
}
