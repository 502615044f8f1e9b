//! What history looks like to a selector; docs/adr/0006 gives the reasons.
//!
//! To a range selector a number of a day is one sample. To an instant selector it holds from local midnight to local
//! midnight, and because Prometheus looks back five minutes only, "holds" means a sample that often, all through the day.
//! Thinning to the step of the hints would be wrong: nothing tells whether the selector stands in a subquery, whose
//! evaluations lie an unknown offset away from the grid. Only a query without a step is known to have one instant.

use super::wire::Query;

/// How far Prometheus looks back from an evaluation, unless its `--query.lookback-delta` says otherwise.
pub(super) const LOOKBACK_MS: i64 = 5 * 60 * 1000;

/// What to answer of a query: a window of time, both ends included, and what numbers look like in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) view: View,
    /// Only whether there is a sample is asked, as for Prometheus' list of series.
    pub(super) existence: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// Every point, and one sample a day.
    Points,
    /// What holds at these instants.
    Held(Instants),
}

/// At which instants a query can be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instants {
    /// At this one.
    Once(i64),
    /// At any: samples stand this many milliseconds apart, from the beginning of each day.
    Every(i64),
}

impl Window {
    /// What `query` needs from a Prometheus that looks `lookback` milliseconds back; `None` for an empty window.
    /// Without `hints` (or when they are to be ignored) the answer has a sample wherever any evaluation may look.
    pub(super) fn new(query: &Query, lookback: i64, ignore_hints: bool) -> Option<Self> {
        let (mut start, mut end) = (query.start_timestamp_ms, query.end_timestamp_ms);
        let (mut view, mut existence) = (View::Points, false);
        if let Some(hints) = &query.hints {
            if hints.start_ms <= hints.end_ms && (hints.start_ms, hints.end_ms) != (0, 0) && !ignore_hints {
                (start, end) = (start.max(hints.start_ms), end.min(hints.end_ms));
            }
            existence = hints.func == "series";
            if hints.range_ms <= 0 {
                let once = hints.step_ms <= 0 && hints.func != "timestamp" && !ignore_hints && !existence;
                let instants = if once { Instants::Once(end) } else { Instants::Every(lookback) };
                view = View::Held(instants);
            }
        }
        (start <= end).then_some(Self { start, end, view, existence })
    }
}

impl Instants {
    /// The instants of a day that begins at `midnight`, as far as they lie between `from` and `to` (included), in
    /// order. `from` is not before `midnight`.
    pub(super) fn of_day(self, midnight: i64, from: i64, to: i64) -> impl Iterator<Item = i64> {
        let (first, last, step) = match self {
            Self::Once(at) => (at.max(from), at.min(to), 1),
            Self::Every(step) => {
                let into = from.saturating_sub(midnight).checked_rem(step).unwrap_or_default();
                (if into == 0 { from } else { from.saturating_add(step - into) }, to, step)
            }
        };
        (first..=last).step_by(usize::try_from(step).unwrap_or(1).max(1))
    }

    /// Whether there can be an instant from `from` to `to`, both included.
    pub(super) fn any(self, from: i64, to: i64) -> bool {
        match self {
            Self::Every(_) => true,
            Self::Once(at) => (from..=to).contains(&at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote_read::wire::ReadHints;

    fn window(start: i64, end: i64, step_ms: i64, range_ms: i64, func: &str) -> Window {
        let hints = ReadHints { start_ms: start, end_ms: end, step_ms, range_ms, func: func.to_owned() };
        let query = Query {
            start_timestamp_ms: start,
            end_timestamp_ms: end,
            matchers: Vec::new(),
            hints: Some(hints),
        };
        Window::new(&query, LOOKBACK_MS, false).unwrap()
    }

    const DAY: i64 = 86_400_000;

    #[test]
    fn hints_say_what_is_enough() {
        let view = |step, range, func| window(0, 10 * DAY, step, range, func).view;
        assert_eq!(view(0, 0, ""), View::Held(Instants::Once(10 * DAY)));
        assert_eq!(view(0, 0, "timestamp"), View::Held(Instants::Every(LOOKBACK_MS)));
        for step in [60_000, DAY] {
            for func in ["", "sum", "abs", "max_over_time"] {
                assert_eq!(view(step, 0, func), View::Held(Instants::Every(LOOKBACK_MS)), "{func} {step}");
            }
        }
        assert_eq!(view(DAY, 28 * DAY, "avg_over_time"), View::Points);
        assert!(window(0, 1, 0, 0, "series").existence);
    }

    #[test]
    fn an_empty_window_has_no_answer() {
        let query = Query { start_timestamp_ms: 2, end_timestamp_ms: 1, matchers: Vec::new(), hints: None };
        assert_eq!(Window::new(&query, LOOKBACK_MS, false), None);
    }

    proptest::proptest! {
        /// Whatever the day and the window, an evaluation whose lookback lies in both finds a sample.
        #[test]
        fn every_evaluation_of_a_day_finds_it(midnight in -DAY..DAY, length in 1..25 * DAY / 24, from in 0..DAY, lookback in 10_000..DAY, at in 0..2 * DAY) {
            let (from, next) = (midnight + from.min(length - 1), midnight + length);
            let samples: Vec<i64> = Instants::Every(lookback).of_day(midnight, from, next - 1).collect();
            proptest::prop_assert!(samples.is_sorted_by(|a, b| a < b));
            proptest::prop_assert!(samples.iter().all(|at| (from..next).contains(at)));
            // Version 3 looks back a millisecond less.
            let at = midnight + at;
            if (from + lookback - 1..next).contains(&at) {
                let found = samples.iter().rev().find(|sample| **sample <= at);
                proptest::prop_assert!(found.is_some_and(|found| at - found < lookback), "{at}: {samples:?}");
            }
        }
    }

    #[test]
    fn a_single_instant_is_of_its_day_only() {
        let of = |at| Instants::Once(at).of_day(0, 10, 20).collect::<Vec<_>>();
        assert_eq!((of(9), of(10), of(20), of(21)), (vec![], vec![10], vec![20], vec![]));
    }
}
