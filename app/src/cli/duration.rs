//! Durations on the command line: `10m`, `1h 30m`, or a plain number of seconds.

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::SignedDuration;

const INTERVALS: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_hours(24);

const LONGEST_DELAY: Duration = Duration::from_hours(1);

/// Parses the time between two repetitions: 10 seconds to a day.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    parse(text)
        .filter(|duration| INTERVALS.contains(duration))
        .ok_or_else(|| "write a duration such as 90s, 10m or 1h 30m, from 10s to 24h".to_owned())
}

/// Parses a time to wait once: up to an hour.
pub(super) fn delay(text: &str) -> Result<Duration, String> {
    parse(text)
        .filter(|duration| *duration <= LONGEST_DELAY)
        .ok_or_else(|| "write a duration such as 500ms, 5s or 1m, up to 1h".to_owned())
}

/// Parses how long a link is valid: a second to an hour.
pub(super) fn link_lifetime(text: &str) -> Result<Duration, String> {
    parse(text)
        .filter(|duration| (Duration::from_secs(1)..=LONGEST_DELAY).contains(duration))
        .ok_or_else(|| "write a duration such as 90s or 15m, from 1s to 1h".to_owned())
}

/// A number without a unit is in seconds.
fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    Duration::try_from(text.parse::<SignedDuration>().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_is_a_number_with_a_unit_or_seconds() {
        for (text, seconds) in [
            ("600", 600),
            ("600s", 600),
            ("10m", 600),
            ("10 min", 600),
            (" 10m ", 600),
            ("1h30m", 5400),
            ("1h 30m", 5400),
            ("1.5h", 5400),
            ("PT10M", 600),
            ("86400", 86_400),
            ("24h", 86_400),
        ] {
            assert_eq!(interval(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn delay_may_be_nothing_or_up_to_an_hour() {
        for (text, milliseconds) in [("0", 0), ("0s", 0), ("500ms", 500), ("5", 5000), ("1h", 3_600_000)] {
            assert_eq!(delay(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        assert!(delay("61m").is_err() && delay("-1s").is_err());
    }

    #[test]
    fn duration_out_of_range_or_without_meaning_is_refused() {
        for text in
            ["", "soon", "10x", "-10m", "9", "9.9s", "0", "24h1s", "86401", "1e3", "18446744073709551616"]
        {
            assert!(interval(text).unwrap_err().contains("10m"), "{text}");
        }
    }
}
