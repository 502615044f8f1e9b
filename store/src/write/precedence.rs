//! Which of two documents about the same thing stands: Oura's answer over an archive, and a body over another spelling
//! of it. The same thing has the same id, or it is of the same day where a day has one document, or it is the same
//! event: an archive has ids of its own, and some of its rows have none.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::{Collection, Day, Document, Event, Rejected, Window, compare};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::QueryBuilder;

use super::apply::{Batch, ROWS, push_id_filter, stored_versions};
use crate::error::Result;
use crate::write::derive::Owner;
use crate::write::origin::Origin;
use crate::sync;
use crate::transaction::{Tx, with_conn};

/// Leaves in `fresh` what is to be written. What `is_known` and has another fingerprint is compared by content, so that
/// an import and the API may spell the same document differently without ever writing it twice.
pub(super) async fn discard_unchanged(
    tx: &mut Tx,
    owner: Owner,
    origin: Origin,
    fresh: &mut Vec<&Document>,
    is_known: impl Fn(&str) -> bool,
) -> Result<()> {
    let ids: Vec<&str> =
        fresh.iter().map(|document| document.id.as_str()).filter(|id| is_known(id)).collect();
    let stored = bodies(tx, owner, &ids).await?;
    fresh.retain(|document| {
        stored.get(&document.id).is_none_or(|stored| {
            let adds = || compare::only_adds(stored, &document.body);
            !compare::is_equivalent(stored, &document.body) && (!origin.is_archive() || adds())
        })
    });
    Ok(())
}

/// Settles what stands under different ids. An archive's document gives way to whatever is stored about the same thing,
/// so it leaves `fresh`; what an archive has brought gives way to Oura's answer, so its ids are returned.
pub(super) async fn settle_twins(
    tx: &mut Tx,
    owner: Owner,
    origin: Origin,
    fresh: &mut Vec<&Document>,
    incoming: &BTreeMap<&str, &Document>,
) -> Result<Vec<String>> {
    if owner.collection.window() != Window::Days {
        return Ok(Vec::new());
    }
    if origin.is_archive() {
        let days: BTreeSet<Day> = fresh.iter().map(|document| document.day).collect();
        let mut taken = Taken::new(owner.collection, stored(tx, owner, &days, false).await?);
        fresh.retain(|document| taken.admits(document));
        return Ok(Vec::new());
    }
    if !origin.is_oura() {
        return Ok(Vec::new());
    }
    let days: BTreeSet<Day> = incoming.values().map(|document| document.day).collect();
    let archived = stored(tx, owner, &days, true).await?;
    if archived.is_empty() {
        return Ok(Vec::new());
    }
    let answers = incoming.values().map(|document| (*document).clone()).collect();
    let answers = Taken::new(owner.collection, answers);
    let gives_way = |document: &Document| {
        !incoming.contains_key(document.id.as_str()) && answers.twin(document).is_some()
    };
    Ok(archived.into_iter().filter(gives_way).map(|document| document.id).collect())
}

/// Documents by the day they are of.
struct Taken {
    collection: Collection,
    by_day: HashMap<Day, Vec<(Document, Option<Occurrence>)>>,
}

impl Taken {
    fn new(collection: Collection, documents: Vec<Document>) -> Self {
        let mut taken = Self { collection, by_day: HashMap::new() };
        for document in documents {
            taken.add(document);
        }
        taken
    }

    fn add(&mut self, document: Document) {
        let occurrence = Occurrence::of(self.collection, &document);
        self.by_day.entry(document.day).or_default().push((document, occurrence));
    }

    /// The document under another id that is about the same thing.
    fn twin(&self, document: &Document) -> Option<&Document> {
        let same_day = self.by_day.get(&document.day)?.iter().filter(|(other, _)| other.id != document.id);
        let mut same_day = same_day.peekable();
        if self.collection.is_once_a_day() {
            return same_day.next().map(|(other, _)| other);
        }
        same_day.peek()?;
        let occurrence = Occurrence::of(self.collection, document)?;
        let is_same = |other: &Option<Occurrence>| other.as_ref().is_some_and(|other| occurrence.is(other));
        same_day.find(|(_, other)| is_same(other)).map(|(other, _)| other)
    }

    /// Takes a document unless there is another one about the same thing.
    fn admits(&mut self, document: &Document) -> bool {
        let is_new = self.twin(document).is_none();
        if is_new {
            self.add(document.clone());
        }
        is_new
    }
}

/// When an event was, to the second, as instants: two spellings of a time may have other offsets and digits.
struct Occurrence {
    start: Timestamp,
    end: Option<Timestamp>,
    /// What tells two tags of the same moment apart; empty for other events.
    names: Vec<String>,
}

impl Occurrence {
    fn of(collection: Collection, document: &Document) -> Option<Self> {
        let event = Event::read(collection, document.day, &document.body)?;
        let instant = |text: &String| -> Option<Timestamp> {
            let at: Timestamp = text.parse().ok()?;
            Timestamp::from_second(at.as_second()).ok()
        };
        // Of a rest-mode period only the day may be known.
        let start = match &event.start {
            Some(start) => instant(start)?,
            None if collection == Collection::RestModePeriod => document.day.midnight_utc(),
            None => return None,
        };
        let end = event.end.as_ref().and_then(instant);
        Some(Self { start, end, names: Event::tag_names(collection, &document.body) })
    }

    /// Whether both are one event: one that went on when the archive was made has no end there.
    fn is(&self, other: &Self) -> bool {
        let ends_agree = self.end.is_none() || other.end.is_none() || self.end == other.end;
        self.start == other.start && ends_agree && self.names == other.names
    }
}

/// What is stored of these days: all of it, or only what an archive has brought.
async fn stored(
    tx: &mut Tx,
    owner: Owner,
    days: &BTreeSet<Day>,
    archived_only: bool,
) -> Result<Vec<Document>> {
    let days: Vec<jiff_sqlx::Date> = days.iter().map(|day| day.date().to_sqlx()).collect();
    let mut documents = Vec::new();
    for days in days.chunks(ROWS) {
        let rows: Vec<(String, jiff_sqlx::Date, String)> = with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new("select id, day, body from document where person = ");
            query.push_bind(owner.person).push(" and collection = ").push_bind(owner.collection.name());
            if archived_only {
                query.push(" and origin = ").push_bind(Origin::Import.name());
            }
            query.push(" and day in (");
            let mut list = query.separated(", ");
            for day in days {
                list.push_bind(*day);
            }
            query.push(")").build_query_as().persistent(false).fetch_all(conn).await?
        });
        for (id, day, body) in rows {
            let day = sync::day(day)?;
            documents.push(Document { id, day, body, not_before: owner.collection.first_moment(day) });
        }
    }
    Ok(documents)
}

/// What the batch rejects, without what an archive got wrong and Oura has said right.
pub(super) async fn rejected<'a>(tx: &mut Tx, owner: Owner, batch: &'a Batch) -> Result<Vec<&'a Rejected>> {
    let mut rejected: Vec<&Rejected> = batch.rejected.iter().collect();
    if batch.origin.is_archive() && !rejected.is_empty() {
        let known = stored_versions(tx, owner, rejected.iter().map(|rejected| rejected.id.as_str())).await?;
        rejected.retain(|rejected| !known.contains_key(&rejected.id));
    }
    Ok(rejected)
}

async fn bodies(tx: &mut Tx, owner: Owner, ids: &[&str]) -> Result<HashMap<String, String>> {
    let mut bodies = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(ROWS) {
        let rows: Vec<(String, String)> = with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new("select id, body from document");
            push_id_filter(&mut query, owner, ids).build_query_as().persistent(false).fetch_all(conn).await?
        });
        bodies.extend(rows);
    }
    Ok(bodies)
}
