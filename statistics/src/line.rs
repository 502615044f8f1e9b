//! A straight line through numbers, and how sure its slope is.

use statrs::distribution::{ContinuousCDF as _, Normal, StudentsT};

use crate::summary::{mean, median};
use crate::{UPPER, count, finite};

/// A slope with the interval that covers the true one in 95 of 100 such samples, if its assumptions hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    /// How much y grows while x grows by one.
    pub slope: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// A straight line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Where the line is at x = 0.
    pub intercept: f64,
    /// How it rises.
    pub slope: Slope,
}

/// The line with the smallest sum of squares. The interval is the slope ± its standard error times the quantile of
/// Student's t with n − 2 degrees of freedom; it assumes independent errors, so rows whose days resemble their
/// neighbours get too narrow a one. At least three points on two different x.
pub fn ordinary_least_squares(points: &[(f64, f64)]) -> Option<Line> {
    let n = points.len();
    if n < 3 {
        return None;
    }
    let (xs, ys): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
    let (middle, level) = (mean(&xs)?, mean(&ys)?);
    let width: f64 = xs.iter().map(|x| (x - middle).powi(2)).sum();
    let shared: f64 = points.iter().map(|(x, y)| (x - middle) * (y - level)).sum();
    let slope = finite(shared / width)?;
    let missed: f64 = points.iter().map(|(x, y)| ((y - level) - slope * (x - middle)).powi(2)).sum();
    let freedom = count(n) - 2.0;
    let error = (missed / freedom / width).sqrt();
    let half = error * StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(UPPER);
    Some(Line {
        intercept: finite(level - slope * middle)?,
        slope: Slope { slope, low: finite(slope - half)?, high: finite(slope + half)? },
    })
}

/// The Theil–Sen line: the median of the slopes of all pairs, through the median x and the median y; up to a
/// quarter of the numbers may be outliers without moving it far. The interval is Sen's (1968), from the normal approximation of Kendall's
/// statistic with its correction for ties. At least three points; x rises strictly.
pub fn theil_sen(points: &[(f64, f64)]) -> Option<Line> {
    let n = points.len();
    if n < 3 || !points.is_sorted_by(|a, b| a.0 < b.0) {
        return None;
    }
    let slopes = Slopes::new(points)?;
    let pairs = slopes.pairs();
    let slope = if pairs % 2 == 1 {
        slopes.at(pairs / 2)
    } else {
        f64::midpoint(slopes.at(pairs / 2 - 1), slopes.at(pairs / 2))
    };
    let (xs, ys): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
    let kendall = |k: f64| k * (k - 1.0) * (2.0 * k + 5.0);
    let tied: f64 = runs(&ys).into_iter().map(|run| kendall(count(run))).sum();
    let deviation = ((kendall(count(n)) - tied) / 18.0).sqrt();
    let half = Normal::standard().inverse_cdf(UPPER) * deviation;
    let rank = |place: f64| place.round_ties_even().clamp(0.0, count(pairs - 1));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the ranks")]
    let (low, high) = (
        (rank(f64::midpoint(count(pairs), -half)) - 1.0).max(0.0) as usize,
        rank(f64::midpoint(count(pairs), half)) as usize,
    );
    Some(Line {
        intercept: finite(median(&ys)? - slope * median(&xs)?)?,
        slope: Slope { slope: finite(slope)?, low: finite(slopes.at(low))?, high: finite(slopes.at(high))? },
    })
}

/// How often each value that occurs more than once occurs.
fn runs(values: &[f64]) -> Vec<usize> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.chunk_by(|a, b| a.total_cmp(b).is_eq()).map(<[f64]>::len).filter(|run| *run > 1).collect()
}

/// The slopes of all pairs of points in order, without storing them: ten years of days have 6.7 million. A slope
/// is at most `t` exactly where `y − t·x` does not rise from one point to the other, so counting inversions counts
/// slopes, and bisection finds the one of a rank.
struct Slopes<'a> {
    points: &'a [(f64, f64)],
    steepest: f64,
    /// The slope that counts as none, given the height and width of the points.
    nothing: f64,
}

impl<'a> Slopes<'a> {
    fn new(points: &'a [(f64, f64)]) -> Option<Self> {
        let ys = || points.iter().map(|(_, y)| *y);
        let height = ys().fold(f64::MIN, f64::max) - ys().fold(f64::MAX, f64::min);
        let width = points.last()?.0 - points.first()?.0;
        let step = points.windows(2).map(|pair| pair[1].0 - pair[0].0).fold(f64::MAX, f64::min);
        let steepest = finite(height / step)?;
        Some(Self { points, steepest, nothing: height / width * 1e-12 })
    }

    fn pairs(&self) -> usize {
        self.points.len() * (self.points.len() - 1) / 2
    }

    /// The slope of this rank, the smallest being 0.
    fn at(&self, rank: usize) -> f64 {
        let (mut below, mut above) = (-self.steepest, self.steepest);
        let mut buffers = (Vec::new(), Vec::new());
        // Slopes that many pairs share are found exactly when they are nothing; the others to the last bits.
        loop {
            let middle = f64::midpoint(below, above);
            if middle <= below || middle >= above || (above - below) <= self.nothing * 1e-3 {
                return if above.abs() < self.nothing { 0.0 } else { above };
            }
            if self.at_most(middle, &mut buffers) > rank { above = middle } else { below = middle }
        }
    }

    /// How many pairs have at most this slope.
    fn at_most(&self, slope: f64, (heights, spare): &mut (Vec<f64>, Vec<f64>)) -> usize {
        let (first_x, first_y) = self.points[0];
        heights.clear();
        heights.extend(self.points.iter().map(|(x, y)| (y - first_y) - slope * (x - first_x)));
        spare.resize(heights.len(), 0.0);
        not_rising(heights, spare)
    }
}

/// How many pairs of a row do not rise, by merging; the row is sorted downwards afterwards.
fn not_rising(row: &mut [f64], spare: &mut [f64]) -> usize {
    let middle = row.len() / 2;
    if middle == 0 {
        return 0;
    }
    let (left_spare, right_spare) = spare.split_at_mut(middle);
    let (left, right) = row.split_at_mut(middle);
    let mut pairs = not_rising(left, left_spare) + not_rising(right, right_spare);
    let (mut l, mut r) = (0, 0);
    for slot in spare.iter_mut() {
        // Everything left in `left` is below what goes from `right` now, everything gone from it was not.
        if l < left.len() && (r == right.len() || left[l] >= right[r]) {
            *slot = left[l];
            l += 1;
        } else {
            *slot = right[r];
            r += 1;
            pairs += l;
        }
    }
    row.copy_from_slice(spare);
    pairs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(slope: f64, n: u8) -> Vec<(f64, f64)> {
        (0..n).map(|i| (f64::from(i), 5.0 + slope * f64::from(i))).collect()
    }

    #[test]
    fn regression_of_a_straight_line_is_exact() {
        for slope in [-2.0, 0.0, 0.25] {
            for found in [ordinary_least_squares(&line(slope, 9)), theil_sen(&line(slope, 9))] {
                let found = found.unwrap();
                for number in [found.slope.slope, found.slope.low, found.slope.high] {
                    assert!((number - slope).abs() < 1e-12, "{number}");
                }
                assert!((found.intercept - 5.0).abs() < 1e-12);
            }
        }
        assert_eq!(ordinary_least_squares(&line(1.0, 2)), None);
        assert_eq!(ordinary_least_squares(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]), None, "one x");
        assert_eq!(theil_sen(&[(1.0, 1.0), (1.0, 2.0), (2.0, 3.0)]), None, "an x twice");
    }

    #[test]
    fn theil_sen_is_robust_to_an_outlier() {
        let mut points = line(1.0, 21);
        points[20].1 = 1e6;
        assert!((theil_sen(&points).unwrap().slope.slope - 1.0).abs() < 1e-9);
        assert!(ordinary_least_squares(&points).unwrap().slope.slope > 1000.0);
    }

    proptest! {
        #[test]
        fn theil_sen_equals_the_median_of_all_slopes(
            heights in prop::collection::vec(-20..20_i32, 3..40), steps in prop::collection::vec(1..4_i32, 40),
        ) {
            let mut x = 0;
            let points: Vec<(f64, f64)> = heights.iter().zip(steps).map(|(y, step)| {
                x += step;
                (f64::from(x), f64::from(*y))
            }).collect();
            let mut all: Vec<f64> = Vec::new();
            for (i, a) in points.iter().enumerate() {
                all.extend(points[i + 1..].iter().map(|b| (b.1 - a.1) / (b.0 - a.0)));
            }
            all.sort_unstable_by(f64::total_cmp);
            let slopes = Slopes::new(&points).unwrap();
            prop_assert_eq!(slopes.pairs(), all.len());
            for (rank, expected) in all.iter().enumerate() {
                let found = slopes.at(rank);
                prop_assert!((found - expected).abs() <= 1e-11 * (1.0 + expected.abs()), "{} {} {}", rank, found, expected);
            }
        }
    }
}
