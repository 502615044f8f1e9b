//! What to ask Oura for: a pure function of how far each collection has been read and which day it is.
//!
//! Days are read newest first, so that a first sync shows last night at once and the years behind it stream in. What
//! has been read is always one unbroken range, so a stop at any moment loses nothing and repeats at most one window.

use domain::{Collection, Day, DayRange, Window};

/// One window of one collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which collection.
    pub collection: Collection,
    /// Which days, both ends included.
    pub range: DayRange,
}

/// How far a collection has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadProgress {
    /// The unbroken range of days that has been read.
    pub covered: DayRange,
    /// The newest day that has a document.
    pub newest_document: Option<Day>,
}

/// The day it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Today {
    /// In UTC: decides how far to ask.
    pub utc: Day,
    /// On the person's calendar: the day under which what has no past is filed.
    pub local: Day,
}

/// What to ask, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The recent days of all collections, then history, newest first.
    pub requests: Vec<Request>,
    /// How many of them are recent: those are never put off.
    pub recent: usize,
}

/// How far back to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// The oldest day wanted.
    pub history_from: Day,
    /// Days before the newest document that are read again every time: Oura changes past days under the same id and
    /// has no "modified since". At least 2, because what is read reaches into tomorrow.
    pub trailing_days: i64,
}

/// How far behind today the newest document may pull the trailing days. A phone that was offline brings old days late;
/// a collection without new documents must not be read from its beginning every time.
const MAX_NEWEST_LAG_DAYS: i64 = 60;

/// The requests that bring every collection up to date: first the recent days of all, then history, newest first.
pub fn plan(read: impl Fn(Collection) -> Option<ReadProgress>, today: Today, horizon: Horizon) -> Plan {
    // East of Greenwich it is already tomorrow.
    let newest = today.utc.plus(1);
    let oldest = horizon.history_from.min(newest);
    let mut recent = Vec::new();
    let mut history = Vec::new();
    for &collection in Collection::ALL {
        let days = collection.window_days();
        let read = read(collection);
        if collection.window() == Window::Whole {
            // It has no past to ask for, and once a day shows every change.
            if read.is_none_or(|read| read.covered.last() != today.local) {
                recent.push(Request { collection, range: DayRange::ending(today.local, 1) });
            }
            continue;
        }
        // What a clock read that was ahead is nothing to go on from.
        let read = read.filter(|read| read.covered.first() <= newest);
        let first = match read {
            // The days missed since the last sync run, and the trailing ones again; in order of time, because what has
            // been read must stay unbroken. Days that were empty when they were read may have filled since.
            Some(ReadProgress { covered, newest_document }) => {
                let arrived =
                    newest_document.unwrap_or(covered.last()).max(newest.plus(-MAX_NEWEST_LAG_DAYS));
                let known = covered.last().min(newest).min(arrived);
                known.plus(-horizon.trailing_days).max(covered.first())
            }
            None => newest.plus(1 - days).max(oldest),
        };
        if let Ok(range) = DayRange::new(first, newest) {
            recent.extend(range.chunks(days).into_iter().map(|range| Request { collection, range }));
        }
        let known_from = read.map_or(first, |read| read.covered.first());
        if let Ok(range) = DayRange::new(oldest, known_from.plus(-1)) {
            history.extend(range.chunks(days).into_iter().map(|range| Request { collection, range }));
        }
    }
    // Newest days of all collections side by side; a stable sort keeps the order of collections within a day.
    history.sort_by_key(|request| std::cmp::Reverse(request.range.last()));
    let count = recent.len();
    recent.extend(history);
    Plan { requests: recent, recent: count }
}

/// The requests that read exactly these days again, newest first. What has no past cannot be asked for days.
pub fn reread(range: DayRange) -> Plan {
    let mut requests: Vec<Request> = Collection::ALL
        .iter()
        .filter(|collection| collection.window() != Window::Whole)
        .flat_map(|&collection| {
            range.chunks(collection.window_days()).into_iter().map(move |range| Request { collection, range })
        })
        .collect();
    requests.sort_by_key(|request| std::cmp::Reverse(request.range.last()));
    Plan { recent: requests.len(), requests }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn today(text: &str) -> Today {
        Today { utc: day(text), local: day(text) }
    }

    fn horizon(from: &str) -> Horizon {
        Horizon { history_from: day(from), trailing_days: 7 }
    }

    /// Read to its end, with documents up to the last day.
    fn read(covered: DayRange) -> ReadProgress {
        ReadProgress { covered, newest_document: Some(covered.last()) }
    }

    /// The days a plan asks for of one collection, in order.
    fn asked(requests: &[Request], collection: Collection) -> Vec<(String, String)> {
        requests
            .iter()
            .filter(|request| request.collection == collection)
            .map(|request| (request.range.first().to_string(), request.range.last().to_string()))
            .collect()
    }

    fn ranges(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(first, last)| ((*first).to_owned(), (*last).to_owned())).collect()
    }

    #[test]
    fn first_sync_starts_with_the_newest_days_of_every_collection() {
        let Plan { requests, recent } = plan(|_| None, today("2026-03-15"), horizon("2026-01-01"));
        assert_eq!(recent, Collection::ALL.len());
        let all = Collection::ALL.len();
        let first: Vec<Collection> = requests.iter().take(all).map(|request| request.collection).collect();
        assert_eq!(first, Collection::ALL);
        assert_eq!(
            asked(&requests, Collection::Sleep),
            ranges(&[
                ("2026-02-15", "2026-03-16"),
                ("2026-01-16", "2026-02-14"),
                ("2026-01-01", "2026-01-15")
            ])
        );
        assert_eq!(asked(&requests, Collection::HeartRate)[0], ranges(&[("2026-03-10", "2026-03-16")])[0]);
    }

    #[test]
    fn later_sync_rereads_the_trailing_days_only() {
        let covered = DayRange::new(day("2026-01-01"), day("2026-03-16")).unwrap();
        let requests = plan(|_| Some(read(covered)), today("2026-03-15"), horizon("2026-01-01")).requests;
        assert_eq!(asked(&requests, Collection::Sleep), ranges(&[("2026-03-09", "2026-03-16")]));
        let series = Collection::ALL.iter().filter(|c| c.window() == domain::Window::Instants).count();
        assert_eq!(
            requests.len(),
            Collection::ALL.len() + series,
            "eight days of a time series are two windows"
        );
    }

    #[test]
    fn days_missed_while_stopped_are_planned_in_order() {
        let covered = DayRange::new(day("2026-01-01"), day("2026-01-31")).unwrap();
        let requests = plan(|_| Some(read(covered)), today("2026-03-15"), horizon("2026-01-01")).requests;
        assert_eq!(
            asked(&requests, Collection::Sleep),
            ranges(&[("2026-01-24", "2026-02-14"), ("2026-02-15", "2026-03-16")])
        );
    }

    #[test]
    fn empty_days_are_reread_until_documents_arrive() {
        let covered = DayRange::new(day("2026-01-01"), day("2026-03-16")).unwrap();
        let first = |newest: &str| {
            let read = ReadProgress { covered, newest_document: Some(day(newest)) };
            let requests = plan(|_| Some(read), today("2026-03-15"), horizon("2026-01-01")).requests;
            asked(&requests, Collection::Sleep)[0].0.clone()
        };
        assert_eq!(first("2026-03-05"), "2026-02-26", "ten days without the phone");
        assert_eq!(first("2026-01-02"), "2026-01-08", "two months without the ring are not asked for again");
    }

    #[test]
    fn observed_collections_are_requested_once_a_day() {
        let asked_on = |last: &str| {
            let covered = DayRange::new(day("2026-01-01"), day(last)).unwrap();
            let requests = plan(|_| Some(read(covered)), today("2026-03-15"), horizon("2026-01-01")).requests;
            asked(&requests, Collection::PersonalInfo)
        };
        assert_eq!(asked_on("2026-03-14"), ranges(&[("2026-03-15", "2026-03-15")]));
        assert_eq!(asked_on("2026-03-15"), ranges(&[]));
        assert_eq!(
            asked_on("2031-01-01"),
            ranges(&[("2026-03-15", "2026-03-15")]),
            "a clock that was ahead once"
        );
        let again = reread(DayRange::new(day("2026-03-01"), day("2026-03-15")).unwrap());
        assert_eq!(asked(&again.requests, Collection::RingConfiguration), ranges(&[]));
    }

    #[test]
    fn profile_and_ring_are_filed_under_the_person_s_day() {
        let evening_west = Today { utc: day("2026-03-16"), local: day("2026-03-15") };
        let morning_east = Today { utc: day("2026-03-14"), local: day("2026-03-15") };
        for today in [evening_west, morning_east] {
            let requests = plan(|_| None, today, horizon("2026-03-01")).requests;
            assert_eq!(asked(&requests, Collection::PersonalInfo), ranges(&[("2026-03-15", "2026-03-15")]));
            assert_eq!(
                asked(&requests, Collection::RingConfiguration),
                ranges(&[("2026-03-15", "2026-03-15")])
            );
            let newest = &asked(&requests, Collection::Sleep)[0].1;
            assert_eq!(*newest, today.utc.plus(1).to_string());
        }
    }

    #[test]
    fn cursor_of_a_clock_ahead_is_ignored() {
        let covered = DayRange::new(day("2029-01-01"), day("2029-03-16")).unwrap();
        let first = plan(|_| None, today("2026-03-15"), horizon("2026-01-01"));
        assert_eq!(plan(|_| Some(read(covered)), today("2026-03-15"), horizon("2026-01-01")), first);
    }

    #[test]
    fn clock_set_back_plans_nothing_odd() {
        let covered = DayRange::new(day("2026-01-01"), day("2026-03-16")).unwrap();
        let requests = plan(|_| Some(read(covered)), today("2025-06-01"), horizon("2025-01-01")).requests;
        assert!(requests.iter().all(|request| request.range.last() < day("2026-01-01")), "{requests:?}");
    }

    proptest! {
        /// For any state and any number of interrupted sync runs: in the end every day from the horizon to tomorrow has
        /// been read, the range read stays without a gap, and no run requests a needless window.
        #[test]
        fn interrupted_syncs_end_with_everything_read(
            today in 400_i64..9_000,
            history in 0_i64..380,
            cuts in proptest::collection::vec(0_usize..12, 0..8),
        ) {
            let today = Day::FIRST.plus(today);
            let horizon = Horizon { history_from: today.plus(-history), trailing_days: 7 };
            let mut covered: std::collections::BTreeMap<Collection, DayRange> = std::collections::BTreeMap::new();
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let plan = plan(|c| covered.get(&c).copied().map(read), Today { utc: today, local: today }, horizon);
                for request in plan.requests.into_iter().take(cut) {
                    let before = covered.entry(request.collection).or_insert(request.range);
                    let (first, last) = (request.range.first(), request.range.last());
                    prop_assert!(
                        first <= before.last().plus(1) && before.first() <= last.plus(1),
                        "a hole between {before:?} and {:?}", request.range
                    );
                    *before = DayRange::new(before.first().min(first), before.last().max(last)).unwrap();
                    prop_assert!(request.range.len() <= request.collection.window_days());
                }
            }
            for collection in Collection::ALL.iter().filter(|c| c.window() != Window::Whole) {
                let read = covered[collection];
                prop_assert!(read.first() <= horizon.history_from && read.last() == today.plus(1));
            }
        }
    }
}
