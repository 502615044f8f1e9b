//! How far each collection has been read, and how the last attempt went.

use domain::document::newest_day;
use domain::{Cause, Collection, Day, DayRange, Window};
use jiff::{Timestamp, tz::TimeZone};
use jiff_sqlx::ToSqlx;

use crate::Store;
use crate::backend::with_pool;
use crate::error::{Error, Result};
use crate::write::derive::Owner;
use crate::transaction::{Tx, with_conn};

/// The state of one collection of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncState {
    /// Which collection.
    pub collection: Collection,
    /// The unbroken range of days that has been read; `None` before the first success.
    pub covered: Option<DayRange>,
    /// The newest day that has a document.
    pub newest_day: Option<Day>,
    /// When it was last tried.
    pub last_attempt_at: Option<Timestamp>,
    /// When it last succeeded.
    pub last_success_at: Option<Timestamp>,
    /// Cause of the failure that came after the last success.
    pub failure: Option<Cause>,
    /// When a reading of the newest days last brought a document that was rejected and does not say its day.
    pub rejected_at: Option<Timestamp>,
    /// The newest day of the rejected documents that say one.
    pub rejected_day: Option<Day>,
}

/// How much is stored about one person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Documents; a time series has one per UTC day.
    pub documents: i64,
    /// Superseded bodies.
    pub revisions: i64,
    /// Documents that would not parse.
    pub rejected: i64,
    /// Daily numbers.
    pub daily: i64,
}

pub(crate) type DateColumn = Option<jiff_sqlx::Date>;
type TimeColumn = Option<jiff_sqlx::Timestamp>;
pub(crate) type Row = (
    i64,
    String,
    DateColumn,
    DateColumn,
    DateColumn,
    TimeColumn,
    TimeColumn,
    Option<String>,
    TimeColumn,
    DateColumn,
);

/// A stored date as a day.
pub(crate) fn day(date: jiff_sqlx::Date) -> Result<Day> {
    Day::new(date.to_jiff()).map_err(|_| Error::Corrupt { what: "day" })
}

/// The cause of a stored word. The word of a newer version is a failure all the same.
pub(crate) fn cause(word: &str) -> Cause {
    word.parse().unwrap_or(Cause::Unexpected)
}

pub(crate) fn state(row: Row) -> Result<Option<(i64, SyncState)>> {
    let (person, collection, first, last, newest, attempt, success, failure, rejected_at, rejected_day) = row;
    // A collection of a newer version of this program is none of our business.
    let Ok(collection) = collection.parse() else { return Ok(None) };
    let (first, last) = (first.map(day).transpose()?, last.map(day).transpose()?);
    let covered = match (first, last) {
        (Some(first), Some(last)) => {
            Some(DayRange::new(first, last).map_err(|_| Error::Corrupt { what: "range of days read" })?)
        }
        _ => None,
    };
    let state = SyncState {
        collection,
        covered,
        newest_day: newest.map(day).transpose()?,
        last_attempt_at: attempt.map(jiff_sqlx::Timestamp::to_jiff),
        last_success_at: success.map(jiff_sqlx::Timestamp::to_jiff),
        failure: failure.as_deref().map(cause),
        rejected_at: rejected_at.map(jiff_sqlx::Timestamp::to_jiff),
        rejected_day: rejected_day.map(day).transpose()?,
    };
    Ok(Some((person, state)))
}

impl Store {
    /// The state of every collection that was ever tried.
    pub async fn sync_states(&self, person: i64) -> Result<Vec<SyncState>> {
        let rows: Vec<Row> = with_pool!(self, pool => {
            sqlx::query_as(
                "select person, collection, first_day, last_day, newest_day, last_attempt_at, last_success_at,
                        failure, rejected_at, rejected_day
                 from sync_state where person = $1 order by collection",
            )
            .bind(person)
            .fetch_all(pool)
            .await?
        });
        let states = rows.into_iter().filter_map(|row| state(row).transpose());
        states.map(|state| state.map(|(_, state)| state)).collect()
    }

    /// Notes a failed attempt; what was read before stays read.
    pub async fn note_failure(
        &self,
        person: i64,
        collection: Collection,
        cause: Cause,
        now: Timestamp,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        with_conn!(&mut tx, conn => {
            sqlx::query(
                "insert into sync_state (person, collection, last_attempt_at, failure) values ($1, $2, $3, $4)
                 on conflict (person, collection) do update
                 set last_attempt_at = excluded.last_attempt_at, failure = excluded.failure",
            )
            .bind(person)
            .bind(collection.name())
            .bind(now.to_sqlx())
            .bind(cause.word())
            .execute(conn)
            .await?;
        });
        tx.commit().await?;
        self.changes.notify();
        Ok(())
    }

    /// Counts what is stored about a person; reads every key, so it is for operators, not for scrapes.
    pub async fn totals(&self, person: i64) -> Result<Totals> {
        let (documents, revisions, rejected, daily) = with_pool!(self, pool => {
            sqlx::query_as(
                "select (select count(*) from document where person = $1),
                        (select count(*) from document_revision where person = $1),
                        (select count(*) from rejected where person = $1),
                        (select count(*) from daily where person = $1)",
            )
            .bind(person)
            .fetch_one(pool)
            .await?
        });
        Ok(Totals { documents, revisions, rejected, daily })
    }

    /// The reasons for rejection, worst first, with how many documents each explains.
    pub async fn rejections(&self, person: i64) -> Result<Vec<(String, String, i64)>> {
        Ok(with_pool!(self, pool => {
            sqlx::query_as(
                "select collection, reason, count(*) from rejected where person = $1
                 group by collection, reason order by count(*) desc, collection, reason",
            )
            .bind(person)
            .fetch_all(pool)
            .await?
        }))
    }
}

/// Notes a success inside the transaction that stored what was read: `covered` joins the range when it touches it.
pub(crate) async fn note_success(
    tx: &mut Tx,
    person: i64,
    collection: Collection,
    covered: Option<DayRange>,
    newest: Option<Day>,
    rejected: bool,
    now: Timestamp,
) -> Result<()> {
    let before: Option<(DateColumn, DateColumn)> = with_conn!(&mut *tx, conn => {
        sqlx::query_as("select first_day, last_day from sync_state where person = $1 and collection = $2")
            .bind(person)
            .bind(collection.name())
            .fetch_optional(conn)
            .await?
    });
    let before = match before {
        // What a clock that was ahead counted as read has not been.
        Some((Some(first), Some(last))) => {
            DayRange::new(day(first)?, day(last)?.min(newest_day(collection, now).plus(1))).ok()
        }
        _ => None,
    };
    let range = match (collection.window(), before, covered) {
        // What has no past has no holes either: from the first observation to the last one.
        (Window::Whole, Some(before), Some(read)) => {
            DayRange::new(before.first().min(read.first()), read.last()).ok()
        }
        _ => join(before, covered),
    };
    let date = |day: Option<Day>| day.map(|day| day.date().to_sqlx());
    with_conn!(tx, conn => {
        sqlx::query(
            "insert into sync_state
                 (person, collection, first_day, last_day, newest_day, last_attempt_at, last_success_at, failure,
                  rejected_at, rejected_day)
             values ($1, $2, $3, $4, $5, $6, $6, null, $7,
                 (select max(day) from rejected where person = $1 and collection = $2 and day <= $8))
             on conflict (person, collection) do update
             set first_day = excluded.first_day, last_day = excluded.last_day, newest_day = excluded.newest_day,
                 last_attempt_at = excluded.last_attempt_at, last_success_at = excluded.last_success_at, failure = null,
                 rejected_at = coalesce(excluded.rejected_at, sync_state.rejected_at),
                 rejected_day = excluded.rejected_day",
        )
        .bind(person)
        .bind(collection.name())
        .bind(date(range.map(DayRange::first)))
        .bind(date(range.map(DayRange::last)))
        .bind(date(newest))
        .bind(now.to_sqlx())
        .bind(rejected.then(|| now.to_sqlx()))
        .bind(tomorrow(now).date().to_sqlx())
        .execute(conn)
        .await?;
    });
    Ok(())
}

/// Tomorrow, wherever the person is.
fn tomorrow(now: Timestamp) -> Day {
    Day::at(now, &TimeZone::UTC).plus(1)
}

/// Notes the newest day that has a document, and that of rejected ones, without a word about how reading Oura goes.
pub(crate) async fn note_newest(
    tx: &mut Tx,
    owner: Owner,
    newest: Option<Day>,
    now: Timestamp,
) -> Result<()> {
    with_conn!(tx, conn => {
        sqlx::query(
            "insert into sync_state (person, collection, newest_day, rejected_day)
             values ($1, $2, $3,
                 (select max(day) from rejected where person = $1 and collection = $2 and day <= $4))
             on conflict (person, collection) do update
             set newest_day = excluded.newest_day, rejected_day = excluded.rejected_day",
        )
        .bind(owner.person)
        .bind(owner.collection.name())
        .bind(newest.map(|day| day.date().to_sqlx()))
        .bind(tomorrow(now).date().to_sqlx())
        .execute(conn)
        .await?;
    });
    Ok(())
}

/// The range read so far and the one just read, as one range. A range that does not touch leaves a hole between, and
/// the hole must not count as read: the old range stays.
fn join(before: Option<DayRange>, read: Option<DayRange>) -> Option<DayRange> {
    match (before, read) {
        (Some(before), Some(read)) => {
            let touches = read.first() <= before.last().plus(1) && before.first() <= read.last().plus(1);
            let joined = DayRange::new(before.first().min(read.first()), before.last().max(read.last()));
            if touches { joined.ok() } else { Some(before) }
        }
        (before, read) => before.or(read),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_touching_ranges_are_joined() {
        let range =
            |first: &str, last: &str| DayRange::new(first.parse().unwrap(), last.parse().unwrap()).ok();
        let check = |before, read, expected| assert_eq!(join(before, read), expected, "{before:?} {read:?}");
        let may = range("2026-05-01", "2026-05-31");
        check(None, may, may);
        check(may, None, may);
        check(may, range("2026-04-01", "2026-04-30"), range("2026-04-01", "2026-05-31"));
        check(may, range("2026-05-20", "2026-06-05"), range("2026-05-01", "2026-06-05"));
        check(may, range("2026-03-01", "2026-04-29"), may);
        check(may, range("2026-06-02", "2026-06-05"), may);
    }
}
