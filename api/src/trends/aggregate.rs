//! How the values of a bucket become one.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// How values become one; what each is, the crate `statistics` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Aggregate {
    /// The arithmetic mean.
    #[default]
    Mean,
    /// The sum.
    Sum,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The one in the middle.
    Median,
    /// How many.
    Count,
    /// The sample standard deviation.
    Deviation,
    /// The percentile, 1 to 99.
    Percentile(u8),
}

impl Aggregate {
    /// Those that have a name of their own.
    const NAMED: [(&str, Self); 7] = [
        ("mean", Self::Mean),
        ("sum", Self::Sum),
        ("min", Self::Min),
        ("max", Self::Max),
        ("median", Self::Median),
        ("count", Self::Count),
        ("deviation", Self::Deviation),
    ];

    /// One value for all; `None` where it is not defined, as for most of them of no value at all.
    pub(crate) fn of(self, values: &[f64]) -> Option<f64> {
        match self {
            Self::Mean => statistics::mean(values),
            Self::Sum => statistics::sum(values),
            Self::Min => statistics::min(values),
            Self::Max => statistics::max(values),
            Self::Median => statistics::median(values),
            Self::Count => u32::try_from(values.len()).ok().map(f64::from),
            Self::Deviation => statistics::deviation(values),
            Self::Percentile(percent) => statistics::quantile(values, f64::from(percent) / 100.0),
        }
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percentile(percent) => write!(f, "p{percent}"),
            named => {
                let name = Self::NAMED.iter().find(|(_, other)| other == named).map(|(name, _)| *name);
                f.write_str(name.unwrap_or_default())
            }
        }
    }
}

impl Serialize for Aggregate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// No aggregate is called so.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownAggregate;

impl FromStr for Aggregate {
    type Err = UnknownAggregate;

    fn from_str(text: &str) -> Result<Self, UnknownAggregate> {
        if let Some((_, named)) = Self::NAMED.iter().find(|(name, _)| *name == text) {
            return Ok(*named);
        }
        let percent =
            text.strip_prefix('p').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let percent =
            percent.and_then(|digits| digits.parse().ok()).filter(|percent| (1..=99).contains(percent));
        percent.map(Self::Percentile).ok_or(UnknownAggregate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aggregate_names_round_trip() {
        for text in ["mean", "sum", "min", "max", "median", "count", "deviation", "p5", "p95", "p1", "p99"] {
            assert_eq!(text.parse::<Aggregate>().map(|aggregate| aggregate.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "p", "p0", "p100", "p+5", "p5.5", "average", "MEAN", "p999999999999"] {
            assert_eq!(text.parse::<Aggregate>(), Err(UnknownAggregate), "{text}");
        }
    }

    #[test]
    fn aggregates_reduce_values_to_one() {
        let check = |aggregate: &str, values: &[f64], expected| {
            assert_eq!(
                aggregate.parse::<Aggregate>().unwrap().of(values),
                expected,
                "{aggregate} of {values:?}"
            );
        };
        for aggregate in ["mean", "sum", "min", "max", "median", "deviation", "p5"] {
            check(aggregate, &[], None);
        }
        check("count", &[], Some(0.0));
        check("mean", &[82.0, 83.0], Some(82.5));
        check("sum", &[82.0, 83.0], Some(165.0));
        check("median", &[9.0, 1.0, 5.0, 6.0], Some(5.5));
        check("p50", &[9.0, 1.0, 5.0, 6.0], Some(5.5));
        check("deviation", &[9.0], None);
    }
}
