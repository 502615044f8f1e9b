//! Correlation of two rows; it does not imply causation.

use statrs::distribution::{ContinuousCDF as _, Normal};

use crate::summary::mean;
use crate::{UPPER, count, finite};

/// A coefficient with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correlation {
    /// Between −1 and 1.
    pub coefficient: f64,
    /// Lower end of the interval; `None` for too few values.
    pub low: Option<f64>,
    /// Upper end of the interval.
    pub high: Option<f64>,
}

/// Pearson's product-moment coefficient with Fisher's interval (z = atanh r, standard error `1/√(n−3)`), `n` being
/// `effective` where neighbours resemble each other (see [`effective_count`]). At least three pairs, neither side
/// constant.
pub fn pearson(pairs: &[(f64, f64)], effective: f64) -> Option<Correlation> {
    Some(with_interval(coefficient(pairs)?, effective, 1.0))
}

/// Spearman's coefficient: Pearson's of the ranks, equal values sharing the mean of their ranks. The interval is
/// Fisher's with the variance `1.06/(n−3)` of Fieller, Hartley and Pearson (1957).
pub fn spearman(pairs: &[(f64, f64)], effective: f64) -> Option<Correlation> {
    let (left, right): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let ranked: Vec<(f64, f64)> = ranks(&left).into_iter().zip(ranks(&right)).collect();
    Some(with_interval(coefficient(&ranked)?, effective, 1.06))
}

fn with_interval(coefficient: f64, n: f64, variance: f64) -> Correlation {
    let half = Normal::standard().inverse_cdf(UPPER) * (variance / (n - 3.0)).sqrt();
    let end = |z: f64| if n > 3.0 { finite(z.tanh()) } else { None };
    let z = coefficient.atanh();
    Correlation { coefficient, low: end(z - half), high: end(z + half) }
}

fn coefficient(pairs: &[(f64, f64)]) -> Option<f64> {
    if pairs.len() < 3 {
        return None;
    }
    let (left, right): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let (left_mean, right_mean) = (mean(&left)?, mean(&right)?);
    let of = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        pairs.iter().map(|(l, r)| f(l - left_mean, r - right_mean)).sum()
    };
    let (left_square, right_square) = (of(&|l, _| l * l), of(&|_, r| r * r));
    // Rounding leaves tiny differences where every value is the same; these do not correlate.
    let dust = |square: f64, mean: f64| square <= count(pairs.len()) * (mean * 1e-13).powi(2);
    if dust(left_square, left_mean) || dust(right_square, right_mean) {
        return None;
    }
    finite(of(&|l, r| l * r) / (left_square.sqrt() * right_square.sqrt())).map(|r| r.clamp(-1.0, 1.0))
}

/// Ranks from 1; equal values share the mean of their ranks.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for same in order.chunk_by(|a, b| values[*a].total_cmp(&values[*b]).is_eq()) {
        let shared = count(before) + f64::midpoint(count(same.len()), 1.0);
        for at in same {
            ranks[*at] = shared;
        }
        before += same.len();
    }
    ranks
}

/// How much a slot resembles the slot before (lag 1): the mean product of neighbours' distances from the mean, over the
/// mean square of all. 0 where no two neighbours have values, or all are alike.
pub fn autocorrelation(row: &[Option<f64>]) -> f64 {
    let values: Vec<f64> = row.iter().copied().flatten().collect();
    let Some(mean) = mean(&values) else { return 0.0 };
    let square: f64 = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count(values.len());
    let neighbours: Vec<f64> =
        row.windows(2).filter_map(|pair| Some((pair[0]? - mean) * (pair[1]? - mean))).collect();
    crate::mean(&neighbours).and_then(|product| finite(product / square)).map_or(0.0, |r| r.clamp(-1.0, 1.0))
}

/// How many independent pairs `n` pairs are worth when neighbours resemble each other: `n (1 − ab) / (1 + ab)` for rows
/// with the autocorrelations `a` and `b` (Bartlett 1935), never more than `n`.
pub fn effective_count(n: usize, a: f64, b: f64) -> f64 {
    let n = count(n);
    (n * (1.0 - a * b) / (1.0 + a * b)).clamp(n.min(1.0), n)
}

/// The second row moved so that its slot `i + lag` stands at slot `i`: what came `lag` slots later. Slots that come from
/// outside the row are empty.
pub fn shifted(row: &[Option<f64>], lag: isize) -> Vec<Option<f64>> {
    let at = |slot: usize| slot.checked_add_signed(lag).and_then(|from| *row.get(from)?);
    (0..row.len()).map(at).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranks_of_equal_values_are_shared() {
        assert_eq!(ranks(&[30.0, 10.0, 20.0, 20.0]), [4.0, 1.0, 2.5, 2.5]);
    }

    #[test]
    fn correlation_of_a_line_is_one_and_of_a_constant_undefined() {
        let rising: Vec<(f64, f64)> = (0..9).map(|i| (f64::from(i), 3.0 * f64::from(i))).collect();
        assert!((pearson(&rising, 9.0).unwrap().coefficient - 1.0).abs() < 1e-15);
        let curved: Vec<(f64, f64)> = rising.iter().map(|(x, y)| (*x, y.exp())).collect();
        assert!((spearman(&curved, 9.0).unwrap().coefficient - 1.0).abs() < 1e-15);
        let level: Vec<(f64, f64)> = rising.iter().map(|(x, _)| (*x, 0.1)).collect();
        assert_eq!(pearson(&level, 9.0), None);
        assert_eq!(pearson(&rising[..2], 2.0), None);
        let few = pearson(&[(1.0, 2.0), (2.0, 1.0), (3.0, 5.0)], 3.0).unwrap();
        assert_eq!((few.low, few.high), (None, None));
    }

    #[test]
    fn autocorrelation_without_neighbours_is_undefined() {
        let check =
            |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        check(autocorrelation(&[Some(1.0), None, Some(5.0), None]), 0.0);
        check(autocorrelation(&[Some(2.0), Some(2.0)]), 0.0);
        check(effective_count(100, 0.5, 0.5), 60.0);
        check(effective_count(100, 0.5, -0.5), 100.0);
    }

    proptest! {
        #[test]
        fn lag_forward_and_back_changes_only_the_ends(
            row in prop::collection::vec(prop::option::of(-9.0..9.0_f64), 0..40), lag in -10..10_isize,
        ) {
            let back = shifted(&shifted(&row, lag), -lag);
            for (slot, value) in back.iter().enumerate() {
                let inside = slot.checked_add_signed(-lag).is_some_and(|from| from < row.len());
                prop_assert_eq!(*value, if inside { row[slot] } else { None });
            }
            prop_assert_eq!(shifted(&row, 0), row);
        }

        #[test]
        fn lag_of_one_series_is_the_opposite_of_the_other(
            rows in prop::collection::vec((-9.0..9.0_f64, -9.0..9.0_f64), 5..40), lag in -3..4_isize,
        ) {
            let (a, b): (Vec<_>, Vec<_>) = rows.into_iter().map(|(a, b)| (Some(a), Some(b))).unzip();
            let both = |left: &[Option<f64>], right: &[Option<f64>]| -> Vec<(f64, f64)> {
                left.iter().zip(right).filter_map(|(l, r)| Some(((*l)?, (*r)?))).collect()
            };
            let one = pearson(&both(&a, &shifted(&b, lag)), 99.0);
            let other = pearson(&both(&shifted(&a, -lag), &b), 99.0);
            match (one, other) {
                (Some(one), Some(other)) => prop_assert!((one.coefficient - other.coefficient).abs() < 1e-12),
                (one, other) => prop_assert_eq!(one, other),
            }
        }
    }
}
