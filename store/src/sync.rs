//! How far each collection has been read, and how the last attempt went.

use domain::document::newest_day;
use domain::{Cause, Collection, Day, DayRange, Window};
use jiff::{Timestamp, tz::TimeZone};
use jiff_sqlx::ToSqlx;

use crate::Store;
use crate::error::{Error, Result};
use crate::sql::{change, execute, read, row, run, select};
use crate::time::Time;
use crate::transaction::Tx;
use crate::write::owner::Owner;

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
    /// When a reading of the newest days last brought a document that was rejected and does not state its day.
    pub rejected_at: Option<Timestamp>,
    /// The newest day of the rejected documents that state one.
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

row! {
    pub(crate) struct StateRow {
        person: i64,
        collection: String,
        first_day: DateColumn,
        last_day: DateColumn,
        newest_day: DateColumn,
        last_attempt_at: Option<Time>,
        last_success_at: Option<Time>,
        failure: Option<String>,
        rejected_at: Option<Time>,
        rejected_day: DateColumn,
    }
}

row! {
    struct TotalsRow {
        documents: i64 = "(select count(*) from document where person = $1)",
        revisions: i64 = "(select count(*) from document_revision where person = $1)",
        rejected: i64 = "(select count(*) from rejected where person = $1)",
        daily: i64 = "(select count(*) from daily where person = $1)",
    }
}

row! {
    struct CoveredRow {
        first_day: DateColumn,
        last_day: DateColumn,
    }
}

/// A stored date as a day.
pub(crate) fn day(date: jiff_sqlx::Date) -> Result<Day> {
    Day::new(date.to_jiff()).map_err(|_| Error::Corrupt { what: "day" })
}

/// The cause of a stored word. The word of a newer version is a failure all the same.
pub(crate) fn cause(word: &str) -> Cause {
    word.parse().unwrap_or(Cause::Unexpected)
}

impl StateRow {
    /// The person and the state; `None` for a collection of a newer version of this program.
    pub(crate) fn state(self) -> Result<Option<(i64, SyncState)>> {
        let Ok(collection) = self.collection.parse() else { return Ok(None) };
        let (first, last) = (self.first_day.map(day).transpose()?, self.last_day.map(day).transpose()?);
        let covered = match (first, last) {
            (Some(first), Some(last)) => {
                Some(DayRange::new(first, last).map_err(|_| Error::Corrupt { what: "range of days read" })?)
            }
            _ => None,
        };
        let state = SyncState {
            collection,
            covered,
            newest_day: self.newest_day.map(day).transpose()?,
            last_attempt_at: self.last_attempt_at.map(Time::get),
            last_success_at: self.last_success_at.map(Time::get),
            failure: self.failure.as_deref().map(cause),
            rejected_at: self.rejected_at.map(Time::get),
            rejected_day: self.rejected_day.map(day).transpose()?,
        };
        Ok(Some((self.person, state)))
    }
}

impl Store {
    /// The state of every collection that was ever read or tried.
    pub async fn sync_states(&self, person: i64) -> Result<Vec<SyncState>> {
        let rows: Vec<StateRow> = read!(
            self,
            query_as.fetch_all,
            select::<StateRow>("from sync_state where person = $1 order by collection"),
            person
        );
        let states = rows.into_iter().filter_map(|row| row.state().transpose());
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
        execute!(
            self,
            "insert into sync_state (person, collection, last_attempt_at, failure) values ($1, $2, $3, $4)
                 on conflict (person, collection) do update
                 set last_attempt_at = excluded.last_attempt_at, failure = excluded.failure",
            person,
            collection.name(),
            Time::from(now),
            cause.word()
        );
        self.changes.notify();
        Ok(())
    }

    /// Counts what is stored about a person; reads every key, so it is for operators, not for scrapes.
    pub async fn totals(&self, person: i64) -> Result<Totals> {
        let TotalsRow { documents, revisions, rejected, daily } =
            read!(self, query_as.fetch_one, select::<TotalsRow>(""), person);
        Ok(Totals { documents, revisions, rejected, daily })
    }

    /// The reasons for rejection, worst first, with how many documents each explains.
    pub async fn rejections(&self, person: i64) -> Result<Vec<(String, String, i64)>> {
        Ok(read!(
            self,
            query_as.fetch_all,
            "select collection, reason, count(*) from rejected where person = $1
                 group by collection, reason order by count(*) desc, collection, reason",
            person
        ))
    }
}

/// Notes a success inside the transaction that stored what was read: `covered` joins the range when it touches it.
pub(crate) async fn note_success(
    tx: &mut Tx,
    owner: Owner,
    covered: Option<DayRange>,
    newest: Option<Day>,
    rejected: bool,
    now: Timestamp,
) -> Result<()> {
    let before: Option<CoveredRow> = run!(
        tx,
        query_as.fetch_optional,
        select::<CoveredRow>("from sync_state where person = $1 and collection = $2"),
        owner.person,
        owner.collection.name()
    );
    let before = match before {
        // Days that only a clock which was ahead counted as read have not been read.
        Some(CoveredRow { first_day: Some(first), last_day: Some(last) }) => {
            DayRange::new(day(first)?, day(last)?.min(newest_day(owner.collection, now).plus(1))).ok()
        }
        _ => None,
    };
    let range = match (owner.collection.window(), before, covered) {
        // Observations without a past have no holes: from the first one to the last one.
        (Window::Whole, Some(before), Some(read)) => {
            DayRange::new(before.first().min(read.first()), read.last()).ok()
        }
        _ => join(before, covered),
    };
    let date = |day: Option<Day>| day.map(|day| day.date().to_sqlx());
    change!(
        tx,
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
        owner.person,
        owner.collection.name(),
        date(range.map(DayRange::first)),
        date(range.map(DayRange::last)),
        date(newest),
        Time::from(now),
        rejected.then(|| Time::from(now)),
        tomorrow(now).date().to_sqlx()
    );
    Ok(())
}

/// Tomorrow in the easternmost time zone.
fn tomorrow(now: Timestamp) -> Day {
    Day::at(now, &TimeZone::UTC).plus(1)
}

/// Notes the newest day that has a document, and that of rejected ones; what is known about reading Oura stays.
pub(crate) async fn note_newest(
    tx: &mut Tx,
    owner: Owner,
    newest: Option<Day>,
    now: Timestamp,
) -> Result<()> {
    change!(
        tx,
        "insert into sync_state (person, collection, newest_day, rejected_day)
             values ($1, $2, $3,
                 (select max(day) from rejected where person = $1 and collection = $2 and day <= $4))
             on conflict (person, collection) do update
             set newest_day = excluded.newest_day, rejected_day = excluded.rejected_day",
        owner.person,
        owner.collection.name(),
        newest.map(|day| day.date().to_sqlx()),
        tomorrow(now).date().to_sqlx()
    );
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
