//! Cutting days into buckets.

use domain::{Day, DayRange};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which days belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(example = "week")]
pub(crate) enum Bucket {
    /// Each day on its own.
    #[default]
    Day,
    /// Monday to Sunday, as ISO 8601 counts weeks.
    Week,
    /// A month of the calendar.
    Month,
    /// Three months, the first beginning with the year.
    Quarter,
    /// A year of the calendar.
    Year,
}

impl Bucket {
    /// The range cut into buckets, in order of time; the first and the last may be shorter than their week or month.
    pub(crate) fn cut(self, range: DayRange) -> impl Iterator<Item = DayRange> {
        let mut rest = Some(range);
        std::iter::from_fn(move || {
            let open = rest?;
            let last = self.last_day(open.first()).min(open.last());
            rest = if last < open.last() { DayRange::new(last.plus(1), open.last()).ok() } else { None };
            DayRange::new(open.first(), last).ok()
        })
    }

    /// Whether a range is a bucket from its first to its last day.
    pub(crate) fn is_whole(self, range: DayRange) -> bool {
        self.cut(range.padded(1)).any(|bucket| bucket == range)
    }

    /// The last day of the bucket that `day` belongs to.
    fn last_day(self, day: Day) -> Day {
        let date = day.date();
        match self {
            Self::Day => day,
            Self::Week => day.plus(i64::from(7 - date.weekday().to_monday_one_offset())),
            Self::Month => Day::new(date.last_of_month()).unwrap_or(Day::LAST),
            Self::Quarter => {
                let last = (date.month() + 2) / 3 * 3;
                let month = date.with().day(1).month(last).build().map(jiff::civil::Date::last_of_month);
                month.ok().and_then(|date| Day::new(date).ok()).unwrap_or(Day::LAST)
            }
            Self::Year => Day::new(date.last_of_year()).unwrap_or(Day::LAST),
        }
    }
}

#[cfg(test)]
mod tests;
