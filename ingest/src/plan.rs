//! What to ask Oura for: a pure function of how far each collection has been read and which day it is.
//!
//! Days are read newest first, so that a first sync shows last night at once and the years behind it stream in. What
//! has been read is always one unbroken range, so a stop at any moment loses nothing and repeats at most one window.

use domain::{Collection, Day, DayRange};

/// One window of one collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which collection.
    pub collection: Collection,
    /// Which days, both ends included.
    pub range: DayRange,
}

/// How far back to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// The oldest day wanted.
    pub history_from: Day,
    /// Days before the newest one read that are read again every time: Oura changes past days under the same id and
    /// has no "modified since".
    pub trailing_days: i64,
}

/// The requests that bring every collection up to date: first the recent days of all, then history, newest first.
pub fn plan(covered: impl Fn(Collection) -> Option<DayRange>, today: Day, horizon: Horizon) -> Vec<Request> {
    // East of Greenwich it is already tomorrow.
    let newest = today.plus(1);
    let oldest = horizon.history_from.min(newest);
    let mut recent = Vec::new();
    let mut history = Vec::new();
    for &collection in Collection::ALL {
        let days = collection.window_days();
        let covered = covered(collection);
        let first = match covered {
            // The days missed since the last pass, and the trailing ones again; in order of time, because what has
            // been read must stay unbroken.
            Some(covered) => covered.last().min(newest).plus(-horizon.trailing_days).max(covered.first()),
            None => newest.plus(1 - days).max(oldest),
        };
        if let Ok(range) = DayRange::new(first, newest) {
            recent.extend(range.chunks(days).into_iter().map(|range| Request { collection, range }));
        }
        let known_from = covered.map_or(first, DayRange::first);
        if let Ok(range) = DayRange::new(oldest, known_from.plus(-1)) {
            history.extend(range.chunks(days).into_iter().map(|range| Request { collection, range }));
        }
    }
    // Newest days of all collections side by side; a stable sort keeps the order of collections within a day.
    history.sort_by_key(|request| std::cmp::Reverse(request.range.last()));
    recent.extend(history);
    recent
}

/// The requests that read exactly these days again, newest first.
pub fn exactly(range: DayRange) -> Vec<Request> {
    let mut requests: Vec<Request> = Collection::ALL
        .iter()
        .flat_map(|&collection| {
            range.chunks(collection.window_days()).into_iter().map(move |range| Request { collection, range })
        })
        .collect();
    requests.sort_by_key(|request| std::cmp::Reverse(request.range.last()));
    requests
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn horizon(from: &str) -> Horizon {
        Horizon { history_from: day(from), trailing_days: 7 }
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
    fn a_first_sync_starts_with_the_newest_days_of_everything() {
        let requests = plan(|_| None, day("2026-03-15"), horizon("2026-01-01"));
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
    fn a_later_pass_reads_the_trailing_days_again_and_nothing_else() {
        let covered = DayRange::new(day("2026-01-01"), day("2026-03-16")).unwrap();
        let requests = plan(|_| Some(covered), day("2026-03-15"), horizon("2026-01-01"));
        assert_eq!(asked(&requests, Collection::Sleep), ranges(&[("2026-03-09", "2026-03-16")]));
        let series = Collection::ALL.iter().filter(|c| c.window() == domain::Window::Instants).count();
        assert_eq!(
            requests.len(),
            Collection::ALL.len() + series,
            "eight days of a time series are two windows"
        );
    }

    #[test]
    fn days_missed_while_switched_off_come_in_order() {
        let covered = DayRange::new(day("2026-01-01"), day("2026-01-31")).unwrap();
        let requests = plan(|_| Some(covered), day("2026-03-15"), horizon("2026-01-01"));
        assert_eq!(
            asked(&requests, Collection::Sleep),
            ranges(&[("2026-01-24", "2026-02-14"), ("2026-02-15", "2026-03-16")])
        );
    }

    #[test]
    fn a_clock_set_back_asks_for_nothing_odd() {
        let covered = DayRange::new(day("2026-01-01"), day("2026-03-16")).unwrap();
        let requests = plan(|_| Some(covered), day("2025-06-01"), horizon("2025-01-01"));
        assert!(requests.iter().all(|request| request.range.last() < day("2026-01-01")), "{requests:?}");
    }

    proptest! {
        /// Whatever was read before and however often the passes are cut short: in the end every day from the horizon
        /// to tomorrow has been read, what has been read stays unbroken, and no pass asks for a needless window.
        #[test]
        fn passes_cut_short_anywhere_end_with_everything_read(
            today in 400_i64..9_000,
            history in 0_i64..380,
            cuts in proptest::collection::vec(0_usize..12, 0..8),
        ) {
            let today = Day::FIRST.plus(today);
            let horizon = Horizon { history_from: today.plus(-history), trailing_days: 7 };
            let mut covered: std::collections::BTreeMap<Collection, DayRange> = std::collections::BTreeMap::new();
            for cut in cuts.into_iter().chain([usize::MAX]) {
                for request in plan(|c| covered.get(&c).copied(), today, horizon).into_iter().take(cut) {
                    let read = covered.entry(request.collection).or_insert(request.range);
                    prop_assert!(
                        request.range.first() <= read.last().plus(1) && read.first() <= request.range.last().plus(1),
                        "a hole between {read:?} and {:?}", request.range
                    );
                    let (first, last) = (read.first().min(request.range.first()), read.last().max(request.range.last()));
                    *read = DayRange::new(first, last).unwrap();
                    prop_assert!(request.range.len() <= request.collection.window_days());
                }
            }
            for collection in Collection::ALL {
                let read = covered[collection];
                prop_assert!(read.first() <= horizon.history_from && read.last() == today.plus(1));
            }
        }
    }
}
