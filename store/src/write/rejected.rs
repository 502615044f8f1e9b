//! Rejected documents: kept, and deleted once the document was accepted or is gone.

use std::collections::{BTreeMap, HashSet};

use domain::document::{AHEAD, newest_day};
use domain::{Day, DayRange, Document, Rejected, Window};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use sqlx::QueryBuilder;

use super::batch::{Batch, ROWS};
use super::ids::push_id_filter;
use super::origin::Origin;
use super::owner::Owner;
use crate::error::Result;
use crate::sql::{Columns, row};
use crate::sync::{self, DateColumn};
use crate::time::Time;
use crate::transaction::{Tx, with_conn};

/// How long after it was last seen an empty response ends a rejection: guards against partial responses.
const CONFIRMATION_DELAY: SignedDuration = SignedDuration::from_hours(1);

row! {
    /// A rejection that a complete response may resolve.
    #[derive(Clone, Debug)]
    pub(crate) struct Rejection {
        id: String,
        day: DateColumn,
        answered_from: DateColumn,
        answered_to: DateColumn,
        last_seen_at: Time,
    }
}

/// Keeps rejected documents, each id once. `covered` are the days of the response they came with.
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
        from.map(Time::from)
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
                    .push_bind(Time::from(now))
                    .push_bind(Time::from(now));
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

/// Deletes the rejections of these ids, because documents of this origin parse or they are gone: an archive ends only
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

/// The rejections that a batch may resolve, where it is a complete response of Oura's API: those that its responses
/// brought and that may be of its days.
pub(crate) async fn resolvable(tx: &mut Tx, owner: Owner, batch: &Batch) -> Result<Vec<Rejection>> {
    let Some(range) = batch.covered.filter(|_| batch.origin == Origin::Api) else { return Ok(Vec::new()) };
    Ok(with_conn!(&mut *tx, conn, Db => {
        let mut query =
            QueryBuilder::<Db>::new(format!("select {} from rejected where person = ", Rejection::COLUMNS));
        query.push_bind(owner.person).push(" and collection = ").push_bind(owner.collection.name());
        query.push(" and origin in ('api', 'webhook')");
        if owner.collection.window() != Window::Whole {
            let (first, last) = (range.first().date().to_sqlx(), range.last().date().to_sqlx());
            query.push(" and (day between ").push_bind(first).push(" and ").push_bind(last);
            query.push(" or (day is null and answered_from >= ").push_bind(first);
            query.push(" and answered_to <= ").push_bind(last).push("))");
        }
        query.build_query_as().persistent(false).fetch_all(conn).await?
    }))
}

/// The ids of rejections that a complete response lacks: the document has been fixed under an id that could not be read
/// before, or is gone. Of a time series only the days that came whole prove that.
pub(crate) fn resolved<'a>(rejections: &'a [Rejection], batch: &Batch, now: Timestamp) -> Vec<&'a str> {
    let Some(range) = batch.covered.filter(|_| batch.origin == Origin::Api) else { return Vec::new() };
    let rejected_again: HashSet<&str> = batch.rejected.iter().map(|rejected| rejected.id.as_str()).collect();
    let whole: HashSet<Day> = batch.documents.iter().map(|document| document.day).collect();
    let is_empty = batch.documents.is_empty() && batch.rejected.is_empty();
    let is_resolved = |rejection: &&Rejection| {
        let day = |date: DateColumn| date.and_then(|date| sync::day(date).ok());
        let answered: Vec<Day> =
            [rejection.answered_from, rejection.answered_to].into_iter().filter_map(day).collect();
        // Without a day of its own it may be of any day of its response.
        let answers = !answered.is_empty() && answered.iter().all(|day| range.contains(*day));
        let proven = match (batch.collection.window(), day(rejection.day)) {
            (Window::Whole, _) => true,
            (Window::Days, Some(day)) => range.contains(day),
            (Window::Instants, Some(day)) => range.contains(day) && whole.contains(&day),
            (Window::Days, None) => answers,
            (Window::Instants, None) => answers && !whole.is_empty(),
        };
        let confirmed = !is_empty || now.duration_since(rejection.last_seen_at.get()) >= CONFIRMATION_DELAY;
        proven && confirmed && !rejected_again.contains(rejection.id.as_str())
    };
    rejections.iter().filter(is_resolved).map(|rejection| rejection.id.as_str()).collect()
}
