//! Statistics of rows of numbers. Every function is pure and names its definition; a test of `api` holds every one against
//! numpy, scipy and pandas over ten years of a simulated life.
//!
//! A row is a slice of slots, one a day, `None` where nothing was measured: an empty slot is never zero, and a
//! filled gap is never counted. Inputs are finite. What is not defined (the deviation of one number, a slope through one
//! day, anything that overflows) is `None`: no NaN and no infinity leaves.
//!
//! This crate knows neither days nor metrics nor people (`domain`), nor queries (`api`).

mod correlation;
mod difference;
mod gaps;
mod line;
mod lttb;
mod rolling;
mod summary;

pub use correlation::{Correlation, autocorrelation, effective_count, pearson, shifted, spearman};
pub use difference::{Difference, difference, shift_test};
pub use gaps::{Filled, carried, linear};
pub use line::{Line, Slope, ordinary_least_squares, theil_sen};
pub use lttb::largest_triangles;
pub use rolling::{Baseline, baselines, exponential, rolling_mean, rolling_median};
pub use summary::{deviation, max, mean, median, min, quantile, sum};

/// Two-sided 95 %: what every interval here covers, and what every quantile is taken at.
pub(crate) const UPPER: f64 = 0.975;

/// How far the quartiles of a normal distribution are apart, in standard deviations: `2 · Φ⁻¹(3/4)`, as tables print it.
pub const QUARTILE_DISTANCE: f64 = 1.349;

/// A finite number; `None` for NaN and infinity.
pub(crate) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value + 0.0)
}

/// A count as a floating-point number.
#[expect(clippy::cast_precision_loss, reason = "slices in memory are far shorter than 2^53")]
pub fn count(many: usize) -> f64 {
    many as f64
}
