//! What history looks like to a selector; docs/adr/0006 gives the reasons.
//!
//! To a range selector a number of a day is one sample. To an instant selector it holds from local midnight to local
//! midnight, and because Prometheus looks back five minutes only, "holds" means a sample at least that often: at every
//! instant at which the query can be evaluated, as far as the hints tell, or else all through the day.

use super::wire::{Query, ReadHints};

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

/// At which instants a query can be evaluated; more than needed never changes an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instants {
    /// At this one.
    Once(i64),
    /// At any: every so many milliseconds from the beginning of each day.
    Every(i64),
    /// At any instant of two grids with the same step.
    Grid {
        /// An instant of the query's own grid, which Prometheus 3 evaluates; version 2 does a millisecond later.
        first: i64,
        /// Between two instants. The other grid is that of subqueries: the multiples of the step.
        step: i64,
    },
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
                let any = ignore_hints || existence;
                let instants = if any { Instants::Every(lookback) } else { instants(hints, end, lookback) };
                view = View::Held(instants);
            }
        }
        (start <= end).then_some(Self { start, end, view, existence })
    }
}

fn instants(hints: &ReadHints, end: i64, lookback: i64) -> Instants {
    // `timestamp()` shows where samples stand, so they must not follow the question.
    if hints.func == "timestamp" {
        return Instants::Every(lookback);
    }
    if hints.step_ms <= 0 {
        return Instants::Once(end);
    }
    // A function of a range around an instant selector is a subquery, whose inner offsets the hints do not tell.
    if hints.step_ms <= lookback || takes_a_range(&hints.func) {
        return Instants::Every(lookback);
    }
    Instants::Grid { first: hints.start_ms.saturating_add(lookback - 1), step: hints.step_ms }
}

fn takes_a_range(func: &str) -> bool {
    const OTHERS: [&str; 11] = [
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
    ];
    func.ends_with("_over_time") || OTHERS.contains(&func)
}

impl Instants {
    /// The instants of a day that begins at `midnight`, as far as they lie between `from` and `to` (included), in
    /// order. `from` is not before `midnight`.
    pub(super) fn of_day(self, midnight: i64, from: i64, to: i64) -> OfDay {
        let next = |grid: i64, step: i64| {
            let (from, grid, step) = (i128::from(from), i128::from(grid), i128::from(step));
            let ahead = (grid - from).rem_euclid(step);
            i64::try_from(from + ahead).unwrap_or(i64::MAX)
        };
        match self {
            Self::Once(at) => OfDay {
                next: [if at < from { i64::MAX } else { at }, i64::MAX],
                step: i64::MAX,
                also: None,
                to,
            },
            Self::Every(step) => OfDay { next: [next(midnight, step), i64::MAX], step, also: None, to },
            Self::Grid { first, step } => {
                // The instant just before midnight shows yesterday; version 2 asks a millisecond later and means today.
                let turn = from == midnight && next(first.saturating_add(1), step) == midnight;
                OfDay { next: [next(first, step), next(0, step)], step, also: turn.then_some(midnight), to }
            }
        }
    }

    /// Whether there is an instant from `from` to `to`, both included.
    pub(super) fn any(self, from: i64, to: i64) -> bool {
        match self {
            Self::Every(_) => true,
            Self::Once(_) => self.of_day(from, from, to).next().is_some(),
            Self::Grid { first, step } => {
                let own = Self::Grid { first, step }.of_day(i64::MIN, from, to).next().is_some();
                own || Self::Grid { first: first.saturating_add(1), step }
                    .of_day(i64::MIN, from, to)
                    .next()
                    .is_some()
            }
        }
    }
}

/// Two progressions merged, and the first instant of the day if it is needed besides.
pub(super) struct OfDay {
    next: [i64; 2],
    step: i64,
    also: Option<i64>,
    to: i64,
}

impl Iterator for OfDay {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        let at = self.also.take().unwrap_or(self.next[0].min(self.next[1]));
        if at > self.to || at == i64::MAX {
            return None;
        }
        for next in &mut self.next {
            if *next == at {
                *next = next.saturating_add(self.step);
            }
        }
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(view(60_000, 0, "abs"), View::Held(Instants::Every(LOOKBACK_MS)));
        assert_eq!(view(DAY, 0, "sum"), View::Held(Instants::Grid { first: LOOKBACK_MS - 1, step: DAY }));
        assert_eq!(view(DAY, 0, "max_over_time"), View::Held(Instants::Every(LOOKBACK_MS)));
        assert_eq!(view(0, 0, "timestamp"), View::Held(Instants::Every(LOOKBACK_MS)));
        assert_eq!(view(DAY, 28 * DAY, "avg_over_time"), View::Points);
        assert!(window(0, 1, 0, 0, "series").existence);
    }

    #[test]
    fn an_empty_window_has_no_answer() {
        let query = Query { start_timestamp_ms: 2, end_timestamp_ms: 1, matchers: Vec::new(), hints: None };
        assert_eq!(Window::new(&query, LOOKBACK_MS, false), None);
    }

    proptest::proptest! {
        /// Whatever the day, both versions of Prometheus find a sample of the right day at each evaluation.
        #[test]
        fn a_grid_serves_every_evaluation(phase in 0..DAY, step in LOOKBACK_MS + 1..3 * DAY, midnight in 0..DAY, three in proptest::bool::ANY) {
            // A query from `phase`, as its hints tell it.
            let first = if three { phase } else { phase - 1 };
            let instants = Instants::Grid { first, step };
            let next = midnight + DAY;
            let samples: Vec<i64> = instants.of_day(midnight, midnight, next - 1).collect();
            let asked = |grid: i64| (0..200).map(move |n| grid + n * step).filter(|at| (midnight..next).contains(at)).collect::<Vec<_>>();
            let mut evaluations = asked(phase);
            evaluations.extend(asked(0));
            for at in evaluations {
                let found = samples.iter().rev().find(|sample| **sample <= at);
                proptest::prop_assert!(found.is_some_and(|found| at - found < LOOKBACK_MS), "{at}: {samples:?}");
            }
            proptest::prop_assert!(samples.is_sorted_by(|a, b| a < b));
        }

        #[test]
        fn any_is_whether_there_is_one(first in 0..900_i64, step in 1..300_i64, from in 0..900_i64, length in 0..400_i64) {
            let instants = Instants::Grid { first, step };
            let to = from + length;
            let on = |at: i64| [first, first + 1, 0].iter().any(|grid| (at - grid).rem_euclid(step) == 0);
            proptest::prop_assert_eq!(instants.any(from, to), (from..=to).any(on));
        }
    }
}
