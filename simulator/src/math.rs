//! The few numeric conversions a simulation needs, each lint answered once.
//!
//! What belongs here: total functions on numbers, exact on every platform. No `sin`, `exp` or `powf`: their last bit
//! differs between C libraries, and a snapshot would see it.

/// Nearest whole number, halves away from zero.
pub(crate) fn whole(x: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "saturates; every caller is far inside the range")]
    let n = x.round() as i64;
    n
}

/// A whole number as a float. Exact: every caller is far below 2^53.
pub(crate) fn real(n: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "days, seconds and counts stay far below 2^53")]
    let x = n as f64;
    x
}

/// A length as a float.
pub(crate) fn count(n: usize) -> f64 {
    real(length(n))
}

/// A length as a signed number, the type all durations here have.
pub(crate) fn length(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A signed number as an index; below zero is zero.
pub(crate) fn index(n: i64) -> usize {
    usize::try_from(n).unwrap_or(0)
}

/// A small count as a byte, saturating at both ends.
pub(crate) fn byte(n: i64) -> u8 {
    u8::try_from(n.clamp(0, 255)).unwrap_or(0)
}

/// 0 at `from`, 1 at `to`, linear between and flat outside. `from` may be the greater one.
pub(crate) fn ramp(x: f64, from: f64, to: f64) -> f64 {
    ((x - from) / (to - from)).clamp(0.0, 1.0)
}

/// A contributor: 1 at `worst` and beyond, 100 at `best` and beyond.
pub(crate) fn contributor(x: f64, worst: f64, best: f64) -> i64 {
    1 + whole(99.0 * ramp(x, worst, best))
}

/// `x` to the nearest `1/parts`: Oura prints heart rates in eighths and temperatures in hundredths.
pub(crate) fn parts(x: f64, parts: f64) -> f64 {
    (x * parts).round() / parts + 0.0 // which turns -0.0 into 0.0
}

/// The mean of `values`, or `None` when there are none.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0.0), |(sum, n), x| (sum + x, n + 1.0));
    (n > 0.0).then_some(sum / n)
}

/// `100 * part / whole`, rounded; 0 of nothing.
pub(crate) fn percent(part: i64, of: i64) -> i64 {
    if of == 0 { 0 } else { whole(100.0 * real(part) / real(of)) }
}

/// The weighted mean of contributors, a score of 1 to 100.
pub(crate) fn weighted(terms: &[(i64, f64)]) -> i64 {
    let weight: f64 = terms.iter().map(|(_, w)| w).sum();
    let sum: f64 = terms.iter().map(|(c, w)| real(*c) * w).sum();
    whole(sum / weight).clamp(1, 100)
}
