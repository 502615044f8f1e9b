//! What history looks like to a selector; docs/adr/0006 gives the reasons.
//!
//! To a range selector a number of a day is one sample. To an instant selector it holds from local midnight to local
//! midnight, and because Prometheus looks back five minutes only, "holds" means a sample that often, all through the day.
//! Thinning to the step of the hints would be wrong: nothing tells whether the selector stands in a subquery, whose
//! evaluations lie an unknown offset away from the grid. Only a query without a step is known to have one instant, and
//! [`Hints::Steps`] is for those who know that they have no such subqueries.

use serde::Deserialize;

use super::wire::Query;

/// How far Prometheus looks back from an evaluation, unless its `--query.lookback-delta` says otherwise.
pub(super) const LOOKBACK_MS: i64 = 5 * 60 * 1000;

/// What the hints of a query are taken for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Hints {
    /// Fewer samples where that is known to change nothing.
    #[default]
    Use,
    /// Every sample that any evaluation could need.
    Ignore,
    /// Samples on the steps alone.
    Steps,
}

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
    /// At steps of this many milliseconds, counted from `first` as a panel's or from 1970 as a subquery's.
    Steps { first: i64, step: i64 },
}

impl Window {
    /// What `query` needs from a Prometheus that looks `lookback` milliseconds back; `None` for an empty window.
    /// Without hints in the query (or when they are to be ignored) the answer has a sample wherever any evaluation may
    /// look.
    pub(super) fn new(query: &Query, lookback: i64, use_of_hints: Hints) -> Option<Self> {
        let ignore_hints = use_of_hints == Hints::Ignore;
        let (mut start, mut end) = (query.start_timestamp_ms, query.end_timestamp_ms);
        let (mut view, mut existence) = (View::Points, false);
        if let Some(hints) = &query.hints {
            if hints.start_ms <= hints.end_ms && (hints.start_ms, hints.end_ms) != (0, 0) && !ignore_hints {
                (start, end) = (start.max(hints.start_ms), end.min(hints.end_ms));
            }
            existence = hints.func == "series";
            if hints.range_ms <= 0 {
                let once = hints.step_ms <= 0 && hints.func != "timestamp" && !ignore_hints && !existence;
                let on_steps = use_of_hints == Hints::Steps
                    && hints.step_ms > lookback
                    && !existence
                    && !is_around_a_range(&hints.func);
                let instants = match (once, on_steps) {
                    (true, _) => Instants::Once(end),
                    // Version 2 begins a millisecond earlier than version 3, and finds a sample of a millisecond ago.
                    (_, true) => {
                        Instants::Steps { first: start.saturating_add(lookback - 1), step: hints.step_ms }
                    }
                    _ => Instants::Every(lookback),
                };
                view = View::Held(instants);
            }
        }
        (start <= end).then_some(Self { start, end, view, existence })
    }
}

/// Whether a function of this name takes a range: around an instant selector that is a subquery, whose offset is not
/// known; `timestamp` shows where samples stand.
fn is_around_a_range(func: &str) -> bool {
    func.ends_with("_over_time")
        || [
            "changes",
            "delta",
            "deriv",
            "double_exponential_smoothing",
            "holt_winters",
            "idelta",
            "increase",
            "irate",
            "predict_linear",
            "rate",
            "resets",
            "timestamp",
        ]
        .contains(&func)
}

impl Instants {
    /// The instants of a day that begins at `midnight`, as far as they lie between `from` and `to` (included), in
    /// order. `from` is not before `midnight`.
    pub(super) fn of_day(self, midnight: i64, from: i64, to: i64) -> impl Iterator<Item = i64> {
        let mut on_steps = Vec::new();
        let (first, last, step) = match self {
            Self::Once(at) => (at.max(from), at.min(to), 1),
            Self::Steps { first, step } if from <= to => {
                on_steps.push(from);
                for phase in [first, 0] {
                    let first = from.saturating_add(phase.saturating_sub(from).rem_euclid(step));
                    on_steps.extend((first..=to).step_by(usize::try_from(step).unwrap_or(usize::MAX)));
                }
                on_steps.sort_unstable();
                on_steps.dedup();
                (1, 0, 1)
            }
            Self::Steps { .. } => (1, 0, 1),
            Self::Every(step) => {
                let into = from.saturating_sub(midnight).checked_rem(step).unwrap_or_default();
                (if into == 0 { from } else { from.saturating_add(step - into) }, to, step)
            }
        };
        (first..=last).step_by(usize::try_from(step).unwrap_or(1).max(1)).chain(on_steps)
    }

    /// Whether there can be an instant from `from` to `to`, both included.
    pub(super) fn any(self, from: i64, to: i64) -> bool {
        match self {
            Self::Every(_) | Self::Steps { .. } => true,
            Self::Once(at) => (from..=to).contains(&at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote_read::wire::ReadHints;

    fn window(start: i64, end: i64, step_ms: i64, range_ms: i64, func: &str) -> Window {
        window_of(Hints::Use, start, end, step_ms, range_ms, func)
    }

    fn window_of(used: Hints, start: i64, end: i64, step_ms: i64, range_ms: i64, func: &str) -> Window {
        let hints = ReadHints { start_ms: start, end_ms: end, step_ms, range_ms, func: func.to_owned() };
        let query = Query {
            start_timestamp_ms: start,
            end_timestamp_ms: end,
            matchers: Vec::new(),
            hints: Some(hints),
        };
        Window::new(&query, LOOKBACK_MS, used).unwrap()
    }

    const DAY: i64 = 86_400_000;

    #[test]
    fn hints_select_the_fewest_sufficient_samples() {
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
    fn steps_are_trusted_only_when_asked_to_and_where_no_subquery_is_known() {
        let view = |step, func| window_of(Hints::Steps, 0, 10 * DAY, step, 0, func).view;
        let steps = View::Held(Instants::Steps { first: LOOKBACK_MS - 1, step: DAY });
        assert_eq!([view(DAY, ""), view(DAY, "sum")], [steps; 2]);
        let every = View::Held(Instants::Every(LOOKBACK_MS));
        for (step, func) in [(LOOKBACK_MS, ""), (DAY, "max_over_time"), (DAY, "rate"), (DAY, "timestamp")] {
            assert_eq!(view(step, func), every, "{step} {func}");
        }
        assert_eq!(view(0, ""), View::Held(Instants::Once(10 * DAY)));
    }

    #[test]
    fn empty_window_has_no_samples() {
        let query = Query { start_timestamp_ms: 2, end_timestamp_ms: 1, matchers: Vec::new(), hints: None };
        assert_eq!(Window::new(&query, LOOKBACK_MS, Hints::Use), None);
    }

    proptest::proptest! {
        /// Whatever the day and the window, an evaluation whose lookback lies in both finds a sample.
        #[test]
        fn day_is_found_at_every_evaluation_step(midnight in -DAY..DAY, length in 1..25 * DAY / 24, from in 0..DAY, lookback in 10_000..DAY, at in 0..2 * DAY) {
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

    proptest::proptest! {
        /// Wherever a panel or a subquery without an offset is evaluated, a sample of the same day stands there or a
        /// millisecond before, or the day has only just begun.
        #[test]
        fn day_is_found_at_every_step(midnight in -DAY..DAY, length in 1..25 * DAY / 24, from in 0..DAY, start in -90 * DAY..DAY, step in LOOKBACK_MS..3 * DAY, steps in 0..300_i64) {
            let (from, next) = (midnight + from.min(length - 1), midnight + length);
            let first = start + LOOKBACK_MS - 1;
            let samples: Vec<i64> = Instants::Steps { first, step }.of_day(midnight, from, next - 1).collect();
            proptest::prop_assert!(samples.is_sorted_by(|a, b| a < b));
            proptest::prop_assert!(samples.iter().all(|at| (from..next).contains(at)));
            for at in [first + steps * step, first + 1 + steps * step, steps * step] {
                if (from..next).contains(&at) {
                    proptest::prop_assert!(samples.contains(&at) || samples.contains(&(at - 1)), "{at}: {samples:?}");
                }
            }
        }
    }

    #[test]
    fn instant_query_returns_only_its_day() {
        let of = |at| Instants::Once(at).of_day(0, 10, 20).collect::<Vec<_>>();
        assert_eq!((of(9), of(10), of(20), of(21)), (vec![], vec![10], vec![20], vec![]));
    }
}
