//! What a report is about: a week from Monday to Sunday, or a month of the calendar.

use std::fmt;
use std::str::FromStr;

use domain::{Day, DayRange};

/// A week or a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// Monday to Sunday, as ISO 8601 counts.
    Week,
    /// A month of the calendar.
    Month,
}

/// No period is called so.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no period of a report; write week or month")]
pub struct UnknownPeriod(String);

impl Period {
    /// The period that `day` belongs to.
    pub fn around(self, day: Day) -> DayRange {
        let date = day.date();
        let (before, after) = match self {
            Self::Week => {
                let monday = i64::from(date.weekday().to_monday_zero_offset());
                (monday, 6 - monday)
            }
            Self::Month => (i64::from(date.day()) - 1, i64::from(date.days_in_month() - date.day())),
        };
        DayRange::new(day.plus(-before), day.plus(after)).unwrap_or(DayRange::ending(day, 1))
    }

    /// The last period that is over `today`.
    pub fn before(self, today: Day) -> DayRange {
        self.around(self.around(today).first().plus(-1))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Week => "week",
            Self::Month => "month",
        })
    }
}

impl FromStr for Period {
    type Err = UnknownPeriod;

    fn from_str(text: &str) -> Result<Self, UnknownPeriod> {
        match text {
            "week" => Ok(Self::Week),
            "month" => Ok(Self::Month),
            other => Err(UnknownPeriod(other.chars().take(40).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_calendar_weeks_and_months() {
        let check = |period: Period, day: &str, around: (&str, &str), before: (&str, &str)| {
            let day: Day = day.parse().unwrap();
            let words = |range: DayRange| (range.first().to_string(), range.last().to_string());
            let expected = |(first, last): (&str, &str)| (first.to_owned(), last.to_owned());
            assert_eq!(words(period.around(day)), expected(around), "{day}");
            assert_eq!(words(period.before(day)), expected(before), "{day}");
        };
        check(Period::Week, "2026-03-29", ("2026-03-23", "2026-03-29"), ("2026-03-16", "2026-03-22"));
        check(Period::Week, "2026-03-30", ("2026-03-30", "2026-04-05"), ("2026-03-23", "2026-03-29"));
        check(Period::Month, "2024-03-01", ("2024-03-01", "2024-03-31"), ("2024-02-01", "2024-02-29"));
        check(Period::Month, "2026-01-31", ("2026-01-01", "2026-01-31"), ("2025-12-01", "2025-12-31"));
    }
}
