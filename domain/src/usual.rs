//! What is usual for a person: the one policy of trends, reports, dashboards and alerts (`docs/adr/0020`).
//!
//! A day is compared with the [`DAYS`] days before it, itself excluded. The centre is their median; the spread is the
//! distance of their quartiles in standard deviations of a normal distribution (`statistics::Baseline`), at least
//! [`least_spread`]. With fewer than [`MIN_DAYS`] values there is no baseline. PromQL computes the same by `quantile_over_time`.

use crate::catalogue::Metric;

/// Days before the one that is compared.
pub const DAYS: u16 = 28;

/// Values that these days must have, half of them.
pub const MIN_DAYS: u16 = DAYS / 2;

/// A day further from the median than so many spreads is unusual.
pub const DAY_WIDTH: f64 = 2.0;

/// The same for the mean of a week or longer, which varies less than single days do.
pub const MEAN_WIDTH: f64 = 1.0;

/// The least spread of a metric, in its unit; 0 where none is needed. Without one, four weeks that hardly vary would make
/// every small change unusual.
pub fn least_spread(metric: &Metric) -> f64 {
    LEAST_SPREADS.iter().find(|(key, _)| *key == metric.key).map_or(0.0, |(_, least)| *least)
}

const LEAST_SPREADS: [(&str, f64); 8] = [
    ("sleep_lowest_heart_rate", 1.0),
    ("sleep_average_hrv", 0.003),
    ("sleep_breathing_rate", 0.2),
    ("spo2_average", 0.003),
    ("temperature_deviation", 0.1),
    ("sleep_duration", 900.0),
    ("sleep_score", 2.0),
    ("readiness_score", 2.0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn least_spread_is_of_a_metric_of_the_catalogue() {
        for (key, least) in LEAST_SPREADS {
            assert_eq!(Metric::by_key(key).map(least_spread), Some(least), "{key}");
        }
        assert_eq!(Metric::by_key("activity_steps").map(least_spread), Some(0.0));
    }
}
