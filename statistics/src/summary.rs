//! Many numbers as one.

use crate::{count, finite};

/// The sum; `None` of none, because nothing measured is not zero.
pub fn sum(values: &[f64]) -> Option<f64> {
    if values.is_empty() { None } else { finite(values.iter().sum()) }
}

/// The arithmetic mean.
pub fn mean(values: &[f64]) -> Option<f64> {
    finite(sum(values)? / count(values.len()))
}

/// The smallest.
pub fn min(values: &[f64]) -> Option<f64> {
    values.iter().copied().min_by(f64::total_cmp)
}

/// The largest.
pub fn max(values: &[f64]) -> Option<f64> {
    values.iter().copied().max_by(f64::total_cmp)
}

/// The sample standard deviation: divisor n − 1, so that two numbers are the fewest.
pub fn deviation(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    finite((squares / (count(values.len()) - 1.0)).sqrt())
}

/// The median; of an even count the mean of the two in the middle.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The quantile at `share` (0 to 1), linear between neighbours: type 7 of Hyndman and Fan (1996), what numpy, R and
/// spreadsheets answer.
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    quantile_of_sorted(&sorted, share)
}

pub(crate) fn quantile_of_sorted(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * count(last);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the last index"
    )]
    let below = (place.floor() as usize).min(last);
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    finite(low + (high - low) * (place - count(below)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn undefined_statistics_are_none() {
        for of_none in [sum, mean, min, max, median, deviation] {
            assert_eq!(of_none(&[]), None);
        }
        assert_eq!(deviation(&[1.0]), None);
        assert_eq!(sum(&[f64::MAX, f64::MAX]), None);
        assert_eq!(mean(&[f64::MAX, f64::MAX]), None);
    }

    #[test]
    fn statistics_of_small_inputs_equal_hand_results() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!((sum(&values), mean(&values)), (Some(10.0), Some(2.5)));
        assert_eq!((min(&values), max(&values), median(&values)), (Some(1.0), Some(4.0), Some(2.5)));
        assert_eq!(deviation(&[1.0, 3.0]), Some(2.0_f64.sqrt()));
        assert_eq!(quantile(&values, 0.9), Some(1.0 + 3.0 * 0.9));
        assert_eq!((quantile(&values, 0.0), quantile(&values, 1.0)), (Some(1.0), Some(4.0)));
    }

    proptest! {
        #[test]
        fn quantiles_are_monotonic_and_bounded(
            values in prop::collection::vec(-1e9..1e9_f64, 1..60), a in 0.0..1.0_f64, b in 0.0..1.0_f64,
        ) {
            let (low, high) = (quantile(&values, a.min(b)).unwrap(), quantile(&values, a.max(b)).unwrap());
            prop_assert!(low <= high);
            prop_assert!(min(&values).unwrap() <= low && high <= max(&values).unwrap());
        }
    }
}
