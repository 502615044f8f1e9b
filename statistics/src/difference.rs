//! Two groups of numbers side by side.

use statrs::distribution::{ContinuousCDF as _, StudentsT};

use crate::summary::{deviation, mean, median};
use crate::{UPPER, count, finite};

/// How much one group is above the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Mean of the first group minus mean of the second.
    pub means: f64,
    /// Lower end of the 95 % interval of the difference of means.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Median of the first group minus median of the second.
    pub medians: f64,
}

/// The difference of two groups. The interval is Welch's (1947): variances may differ, degrees of freedom by
/// Satterthwaite. It assumes independent days. At least two numbers in each group, and some spread.
pub fn difference(first: &[f64], second: &[f64]) -> Option<Difference> {
    let share = |group: &[f64]| Some(deviation(group)?.powi(2) / count(group.len()));
    let (a, b) = (share(first)?, share(second)?);
    let freedom =
        (a + b).powi(2) / (a.powi(2) / (count(first.len()) - 1.0) + b.powi(2) / (count(second.len()) - 1.0));
    let quantile = StudentsT::new(0.0, 1.0, finite(freedom)?).ok()?.inverse_cdf(UPPER);
    let (means, half) = (mean(first)? - mean(second)?, quantile * (a + b).sqrt());
    Some(Difference {
        means: finite(means)?,
        low: finite(means - half)?,
        high: finite(means + half)?,
        medians: finite(median(first)? - median(second)?)?,
    })
}

/// How often a difference of means at least as large turns up when the marks are moved along the row as a whole, wrapping
/// round its end: the share of such shifts, the unmoved one counted. Runs of marks and of values stay together, so that days
/// that resemble their neighbours do not look significant; the result is deterministic. At most `most` shifts are
/// tried, evenly spread. `None` when no shift leaves both groups with a value.
pub fn shift_test(row: &[Option<f64>], marked: &[bool], most: usize) -> Option<f64> {
    let days = row.len().min(marked.len());
    let marks: Vec<usize> = (0..days).filter(|slot| marked[*slot]).collect();
    let values: Vec<f64> = row[..days].iter().copied().flatten().collect();
    let total: f64 = values.iter().sum();
    let at = |shift: usize| {
        let (mut sum, mut n) = (0.0, 0_usize);
        for value in marks.iter().filter_map(|mark| row[(mark + shift) % days]) {
            sum += value;
            n += 1;
        }
        let rest = values.len() - n;
        (n > 0 && rest > 0).then(|| sum / count(n) - (total - sum) / count(rest))
    };
    let observed = at(0)?.abs();
    let tried = (days - 1).min(most);
    let others: Vec<f64> = (1..=tried).filter_map(|n| at(n * (days - 1) / tried)).collect();
    // Sums in another order differ in their last bits, and the same difference must count as the same.
    let scale = values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    let as_large = others.iter().filter(|other| other.abs() >= observed - scale * 1e-12).count();
    (!others.is_empty()).then(|| (count(as_large) + 1.0) / (count(others.len()) + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_without_spread_or_values_has_no_interval() {
        assert_eq!(difference(&[1.0, 1.0], &[2.0, 2.0]), None);
        assert_eq!(difference(&[1.0], &[2.0, 3.0]), None);
        let found = difference(&[3.0, 5.0], &[1.0, 2.0, 6.0]).unwrap();
        assert_eq!((found.means, found.medians), (1.0, 2.0));
        assert!(found.low < 1.0 && 1.0 < found.high);
    }

    #[test]
    fn shift_test_detects_marked_high_days_and_not_a_constant() {
        let marked: Vec<bool> = (0..200).map(|day| (day * day) % 41 < 6).collect();
        let row: Vec<Option<f64>> = marked.iter().map(|mark| Some(if *mark { 9.0 } else { 1.0 })).collect();
        assert!(shift_test(&row, &marked, 1000).unwrap() < 0.05);
        let level = vec![Some(0.1); 200];
        assert_eq!(shift_test(&level, &marked, 1000), Some(1.0));
        assert_eq!(shift_test(&level, &[false; 200], 1000), None);
        assert_eq!(shift_test(&[], &[], 1000), None);
        assert_eq!(shift_test(&[Some(1.0)], &[true], 1000), None);
    }

    #[test]
    fn shift_test_ignores_a_shared_season() {
        // Both change once: there are many shifts that fit as well.
        let row: Vec<Option<f64>> = (0..100).map(|day| Some(if day < 50 { 1.0 } else { 2.0 })).collect();
        let marked: Vec<bool> = (0..100).map(|day| day >= 90).collect();
        assert!(shift_test(&row, &marked, 1000).unwrap() > 0.5);
    }
}
