//! What was put aside: kept, forgotten once it is mended or gone, and read again by a later version or at a later time.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use domain::document::{AHEAD, CLOCK_SKEW, newest_day};
use domain::{Collection, Day, DayRange, Document, Rejected, Window};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use sqlx::QueryBuilder;

use crate::write::apply::{Batch, ROWS, Written, push_id_filter, write};
use crate::error::Result;
use crate::write::derive::Owner;
use crate::write::origin::Origin;
use crate::people;
use crate::sync::{self, DateColumn};
use crate::transaction::{Tx, with_conn};

/// How long after it was last seen an empty answer ends what it lacks: the peer may have had a bad hour.
const GRACE: SignedDuration = SignedDuration::from_hours(1);

/// One thing put aside.
struct Quarantined {
    id: String,
    body: String,
    origin: Origin,
    last_seen_at: Timestamp,
}

/// What of all that was put aside is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// Everything: this version may know more than the one that put it aside.
    All,
    /// What lay in the future and is past by now; one index probe where there is none.
    Due,
}

/// Keeps what was put aside, once by its id. `covered` are the days of the answer it came with.
pub(crate) async fn upsert(
    tx: &mut Tx,
    owner: Owner,
    origin: Origin,
    covered: Option<DayRange>,
    rejected: &[&Rejected],
    now: Timestamp,
) -> Result<()> {
    let unique: BTreeMap<&str, &Rejected> =
        rejected.iter().map(|rejected| (rejected.id.as_str(), *rejected)).collect();
    let rejected: Vec<&Rejected> = unique.into_values().collect();
    let today = Day::at(now, &TimeZone::UTC);
    let from = covered.map(|covered| covered.first().date().to_sqlx());
    let to = covered.map(|covered| covered.last().min(today).max(covered.first()).date().to_sqlx());
    let day = |rejected: &Rejected| claimed_day(owner, rejected, now).map(|day| day.date().to_sqlx());
    let not_before = |rejected: &Rejected| {
        let ahead = rejected.reason == AHEAD;
        let from = ahead.then(|| Document::readable_from(owner.collection, &rejected.body, now)).flatten();
        from.map(Timestamp::to_sqlx)
    };
    for rejected in rejected.chunks(ROWS) {
        with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new(
                "insert into rejected
                     (person, collection, id, reason, body, origin, day, answered_from, answered_to, not_before,
                      first_seen_at, last_seen_at) ",
            );
            query.push_values(rejected, |mut row, rejected| {
                row.push_bind(owner.person)
                    .push_bind(owner.collection.name())
                    .push_bind(&rejected.id)
                    .push_bind(&rejected.reason)
                    .push_bind(storable(&rejected.body))
                    .push_bind(origin.name())
                    .push_bind(day(rejected))
                    .push_bind(from)
                    .push_bind(to)
                    .push_bind(not_before(rejected))
                    .push_bind(now.to_sqlx())
                    .push_bind(now.to_sqlx());
            });
            query.push(
                " on conflict (person, collection, id) do update
                  set reason = excluded.reason, body = excluded.body, origin = excluded.origin, day = excluded.day,
                      answered_from = excluded.answered_from, answered_to = excluded.answered_to, not_before = excluded.not_before, last_seen_at = excluded.last_seen_at
                  where excluded.body <> '' and (excluded.origin <> 'import' or rejected.origin = 'import')",
            );
            query.build().persistent(false).execute(conn).await?;
        });
    }
    Ok(())
}

/// The day that a rejected document claims; none of the future, which no response will be about.
pub(crate) fn claimed_day(owner: Owner, rejected: &Rejected, now: Timestamp) -> Option<Day> {
    rejected.day(owner.collection).filter(|day| *day <= newest_day(owner.collection, now))
}

/// PostgreSQL's text holds every character but NUL, which valid JSON only has as an escape; broken input may have it.
fn storable(body: &str) -> String {
    body.replace('\0', "\u{2400}")
}

/// What was put aside of one collection; rare, and each body was small enough to be received.
async fn quarantined(tx: &mut Tx, owner: Owner, which: Which, now: Timestamp) -> Result<Vec<Quarantined>> {
    let due = now.checked_add(CLOCK_SKEW).unwrap_or(now);
    let rows: Vec<(String, String, String, jiff_sqlx::Timestamp)> = with_conn!(tx, conn, Db => {
        let mut query =
            QueryBuilder::<Db>::new("select id, body, origin, last_seen_at from rejected where person = ");
        query.push_bind(owner.person).push(" and collection = ").push_bind(owner.collection.name());
        if which == Which::Due {
            query.push(" and not_before <= ").push_bind(due.to_sqlx());
        }
        query.push(" order by last_seen_at, id").build_query_as().persistent(false).fetch_all(conn).await?
    });
    let aside = |(id, body, origin, at): (String, String, String, jiff_sqlx::Timestamp)| Quarantined {
        id,
        body,
        origin: Origin::of_name(&origin),
        last_seen_at: at.to_jiff(),
    };
    Ok(rows.into_iter().map(aside).collect())
}

/// Deletes what was rejected under these ids, because documents of this origin parse or it is gone: an archive ends only
/// rejections of archives.
pub(crate) async fn delete(tx: &mut Tx, owner: Owner, ids: &[&str], origin: Origin) -> Result<()> {
    for ids in ids.chunks(ROWS) {
        with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new("delete from rejected");
            let query = push_id_filter(&mut query, owner, ids);
            if origin.is_archive() {
                query.push(" and origin = ").push_bind(Origin::Import.name());
            }
            query.build().persistent(false).execute(conn).await?;
        });
    }
    Ok(())
}

/// Id, claimed day, days of the response, and last sight of something that Oura's responses brought.
type SeenRow = (String, DateColumn, DateColumn, DateColumn, jiff_sqlx::Timestamp);

/// Forgets what a complete answer of Oura lacks: it has been mended under an id that could not be read before, or is
/// gone. Of a time series only the days that have come whole prove that.
pub(crate) async fn delete_resolved(tx: &mut Tx, owner: Owner, batch: &Batch, now: Timestamp) -> Result<()> {
    let Some(range) = batch.covered.filter(|_| batch.origin == Origin::Api) else { return Ok(()) };
    let window = owner.collection.window();
    let rows: Vec<SeenRow> = with_conn!(&mut *tx, conn, Db => {
        let mut query = QueryBuilder::<Db>::new(
            "select id, day, answered_from, answered_to, last_seen_at from rejected where person = ",
        );
        query.push_bind(owner.person).push(" and collection = ").push_bind(owner.collection.name());
        query.push(" and origin in ('api', 'webhook')");
        if window != Window::Whole {
            let (first, last) = (range.first().date().to_sqlx(), range.last().date().to_sqlx());
            query.push(" and (day between ").push_bind(first).push(" and ").push_bind(last);
            query.push(" or (day is null and answered_from >= ").push_bind(first);
            query.push(" and answered_to <= ").push_bind(last).push("))");
        }
        query.build_query_as().persistent(false).fetch_all(conn).await?
    });
    if rows.is_empty() {
        return Ok(());
    }
    let again: HashSet<&str> = batch.rejected.iter().map(|rejected| rejected.id.as_str()).collect();
    let whole: HashSet<Day> = batch.documents.iter().map(|document| document.day).collect();
    let is_empty = batch.documents.is_empty() && batch.rejected.is_empty();
    let mut mended = Vec::new();
    for (id, day, from, to, seen) in rows {
        let day = day.map(sync::day).transpose()?;
        let answered = [from, to].map(|day| day.map(sync::day));
        let answered = answered.into_iter().flatten().collect::<Result<Vec<Day>>>()?;
        // Without a day of its own it may be of any day of its response.
        let about = |days: &[Day]| !days.is_empty() && days.iter().all(|day| range.contains(*day));
        let proven = match (window, day) {
            (Window::Whole, _) => true,
            (Window::Days, Some(day)) => range.contains(day),
            (Window::Instants, Some(day)) => range.contains(day) && whole.contains(&day),
            (Window::Days, None) => about(&answered),
            (Window::Instants, None) => about(&answered) && !whole.is_empty(),
        };
        let believed = !is_empty || now.duration_since(seen.to_jiff()) >= GRACE;
        if proven && believed && !again.contains(id.as_str()) {
            mended.push(id);
        }
    }
    delete(tx, owner, &mended.iter().map(String::as_str).collect::<Vec<_>>(), Origin::Api).await
}

/// Reads again what was put aside; what parses and is past becomes documents. Returns what was written, and how many
/// things were put aside no longer.
pub(crate) async fn retry(
    tx: &mut Tx,
    owner: Owner,
    which: Which,
    now: Timestamp,
) -> Result<(Written, usize)> {
    let aside = quarantined(tx, owner, which, now).await?;
    if aside.is_empty() {
        return Ok((Written::default(), 0));
    }
    let zone = people::zone(tx, owner.person).await?;
    let mut read: Vec<&str> = Vec::new();
    let mut documents: BTreeMap<&'static str, Vec<Document>> = BTreeMap::new();
    let mut gathered: BTreeMap<Day, Vec<&Quarantined>> = BTreeMap::new();
    for aside in &aside {
        match owner.collection.window() {
            Window::Days => {
                if let Ok(document) = Document::parse(owner.collection, &aside.body)
                    && !document.is_ahead(now)
                    && is_newer(tx, owner, &document, aside).await?
                {
                    read.push(&aside.id);
                    documents.entry(aside.origin.name()).or_default().push(document);
                }
            }
            Window::Instants => {
                let items = Document::items_of_rejected(&aside.body);
                let (days, rejected) = Document::group_rows(owner.collection, items);
                if rejected.is_empty() && !days.iter().any(|day| day.is_ahead(now)) {
                    for day in days {
                        gathered.entry(day.day).or_default().push(aside);
                    }
                }
            }
            // It held when it was last seen.
            Window::Whole => {
                let day = Day::at(aside.last_seen_at, &zone);
                let items = Document::items_of_rejected(&aside.body);
                let (observed, rejected) = Document::observe(owner.collection, day, items);
                if rejected.is_empty() && !observed.is_some_and(|observed| observed.is_ahead(now)) {
                    gathered.entry(day).or_default().push(aside);
                }
            }
        }
    }
    for (day, aside) in gathered {
        if let Some(document) = join(tx, owner, day, &aside).await? {
            let oura = aside.iter().map(|aside| aside.origin).find(|origin| origin.is_oura());
            let origin = oura.unwrap_or(aside[0].origin);
            documents.entry(origin.name()).or_default().push(document);
        }
        read.extend(aside.iter().map(|aside| aside.id.as_str()));
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

/// Whether a body put aside is younger than the stored document of the same id. One that is not stays where it is.
async fn is_newer(tx: &mut Tx, owner: Owner, document: &Document, aside: &Quarantined) -> Result<bool> {
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
async fn join(tx: &mut Tx, owner: Owner, day: Day, aside: &[&Quarantined]) -> Result<Option<Document>> {
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
    let items = aside.iter().flat_map(|aside| Document::items_of_rejected(&aside.body)).chain(stored);
    Ok(match owner.collection.window() {
        Window::Instants => {
            Document::group_rows(owner.collection, items).0.into_iter().find(|joined| joined.day == day)
        }
        _ => Document::observe(owner.collection, day, items).0,
    })
}
