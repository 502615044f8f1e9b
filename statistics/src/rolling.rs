//! Numbers of the last days, for every day.

use crate::summary::{mean, quantile_of_sorted};
use crate::{QUARTILE_DISTANCE, count, finite};

/// The centre and the spread of the slots before one slot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Baseline {
    /// The median of the slots before.
    pub median: f64,
    /// The distance of their quartiles divided by [`QUARTILE_DISTANCE`]: the standard deviation, if they are normally
    /// distributed; it ignores up to a quarter of them on either side.
    pub spread: f64,
}

impl Baseline {
    /// The same with a spread of at least `least`, so that values that hardly vary do not make every other value unusual.
    #[must_use]
    pub fn at_least(self, least: f64) -> Self {
        Self { spread: self.spread.max(least), ..self }
    }

    /// The lower and upper end of `median ± width · spread`.
    pub fn band(&self, width: f64) -> Option<(f64, f64)> {
        let half = width * self.spread;
        Some((finite(self.median - half)?, finite(self.median + half)?))
    }

    /// How many spreads a value is away from the median: the robust z-score. Without any spread there is none.
    pub fn score(&self, value: f64) -> Option<f64> {
        finite((value - self.median) / self.spread)
    }
}

/// The values of a window that moves along a row, in order.
#[derive(Default)]
struct Window {
    sorted: Vec<f64>,
}

impl Window {
    fn place(&self, value: f64) -> usize {
        self.sorted.partition_point(|other| other.total_cmp(&value).is_lt())
    }

    fn enter(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sorted.insert(self.place(value), value);
        }
    }

    fn leave(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sorted.remove(self.place(value));
        }
    }

    fn baseline(&self) -> Option<Baseline> {
        let [low, median, high] = [0.25, 0.5, 0.75].map(|share| quantile_of_sorted(&self.sorted, share));
        Some(Baseline { median: median?, spread: finite((high? - low?) / QUARTILE_DISTANCE)? })
    }
}

/// For every slot the value of `of` for the window of `length` slots that ends with it (`gap` 0) or before it (`gap` 1),
/// where the window has at least `enough` values.
fn over_windows<T>(
    row: &[Option<f64>],
    (length, gap): (usize, usize),
    enough: usize,
    of: impl Fn(&Window) -> Option<T>,
) -> Vec<Option<T>> {
    let mut window = Window::default();
    let mut answers = Vec::with_capacity(row.len());
    for slot in 0..row.len() {
        if let Some(newest) = slot.checked_sub(gap) {
            window.enter(row[newest]);
            if let Some(gone) = newest.checked_sub(length) {
                window.leave(row[gone]);
            }
        }
        answers.push(if window.sorted.len() >= enough.max(1) { of(&window) } else { None });
    }
    answers
}

/// The mean of the last `length` slots, this one included, where at least `enough` of them have a value.
pub fn rolling_mean(row: &[Option<f64>], length: usize, enough: usize) -> Vec<Option<f64>> {
    over_windows(row, (length, 0), enough, |window| mean(&window.sorted))
}

/// The median of the last `length` slots, this one included, where at least `enough` of them have a value.
pub fn rolling_median(row: &[Option<f64>], length: usize, enough: usize) -> Vec<Option<f64>> {
    over_windows(row, (length, 0), enough, |window| quantile_of_sorted(&window.sorted, 0.5))
}

/// Centre and spread of the `length` slots before each slot, itself excluded, where at least `enough` have a value.
pub fn baselines(row: &[Option<f64>], length: usize, enough: usize) -> Vec<Option<Baseline>> {
    over_windows(row, (length, 1), enough, Window::baseline)
}

/// The exponentially weighted mean: a value weighs half as much `half_life` slots later. It looks back over the last
/// `length` slots, this one included, so that the answer for a day does not depend on where the row begins; where fewer
/// than `enough` of them have a value there is none.
pub fn exponential(row: &[Option<f64>], half_life: f64, length: usize, enough: usize) -> Vec<Option<f64>> {
    let weights: Vec<f64> = (0..length).map(|age| (-count(age) / half_life).exp2()).collect();
    let at = |slot: usize| {
        let past = row[(slot + 1).saturating_sub(length)..=slot].iter().rev().zip(&weights);
        let (mut total, mut weight, mut values) = (0.0, 0.0, 0);
        for (value, part) in past.filter_map(|(value, part)| Some(((*value)?, part))) {
            total += value * part;
            weight += part;
            values += 1;
        }
        if values >= enough.max(1) { finite(total / weight) } else { None }
    };
    (0..row.len()).map(at).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{median, quantile};

    fn rows() -> impl Strategy<Value = Vec<Option<f64>>> {
        prop::collection::vec(prop::option::weighted(0.7, -100.0..100.0_f64), 0..80)
    }

    fn close(left: Option<f64>, right: Option<f64>) -> bool {
        match (left, right) {
            (Some(left), Some(right)) => (left - right).abs() <= 1e-9 * (1.0 + right.abs()),
            (left, right) => left == right,
        }
    }

    /// The values of the slots from `first` to before `end`.
    fn slots(row: &[Option<f64>], first: usize, end: usize) -> Vec<f64> {
        row[first..end].iter().copied().flatten().collect()
    }

    proptest! {
        #[test]
        fn rolling_window_equals_a_fresh_one(row in rows(), length in 1..20_usize, enough in 0..9_usize) {
            let (means, medians) = (rolling_mean(&row, length, enough), rolling_median(&row, length, enough));
            let usual = baselines(&row, length, enough);
            for slot in 0..row.len() {
                let here = slots(&row, (slot + 1).saturating_sub(length), slot + 1);
                let before = slots(&row, slot.saturating_sub(length), slot);
                let least = enough.max(1);
                prop_assert!(close(means[slot], mean(&here).filter(|_| here.len() >= least)));
                prop_assert!(close(medians[slot], median(&here).filter(|_| here.len() >= least)));
                let centre = median(&before).filter(|_| before.len() >= least);
                prop_assert!(close(usual[slot].map(|usual| usual.median), centre));
                let spread = centre.and_then(|_| {
                    Some((quantile(&before, 0.75)? - quantile(&before, 0.25)?) / QUARTILE_DISTANCE)
                });
                prop_assert!(close(usual[slot].map(|usual| usual.spread), spread));
            }
        }

        #[test]
        fn rolling_value_does_not_depend_on_the_start(row in rows(), length in 1..20_usize, cut in 0..30_usize) {
            let cut = cut.min(row.len().saturating_sub(length + 1));
            let (whole, later) = (exponential(&row, 3.0, length, 1), exponential(&row[cut..], 3.0, length, 1));
            for (slot, answer) in later.iter().enumerate().skip(length) {
                prop_assert!(close(*answer, whole[slot + cut]));
            }
        }
    }

    #[test]
    fn baseline_excludes_the_day_itself() {
        let mut row = vec![Some(10.0); 8];
        row[7] = Some(1000.0);
        let usual = baselines(&row, 7, 7)[7].unwrap();
        assert_eq!((usual.median, usual.spread), (10.0, 0.0));
        assert_eq!(usual.score(1000.0), None, "no spread, no score");
        assert_eq!(usual.at_least(5.0).score(1000.0), Some(198.0));
        assert_eq!(usual.at_least(5.0).band(2.0), Some((0.0, 20.0)));
        assert_eq!(baselines(&row, 7, 7)[6], None);
    }
}
