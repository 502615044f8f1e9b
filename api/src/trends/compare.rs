//! The range compared with another one: the time before, the year before, and what the Oura app shows.

use domain::{Day, DayRange};
use jiff::ToSpan as _;
use serde::Serialize;
use utoipa::ToSchema;

use super::bucket::Bucket;
use super::query::TrendQuery;
use super::readings::DailyReadings;

/// What a range is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    /// As many days, right before.
    Previous,
    /// The same dates of the year before.
    Year,
    /// What the Trends view of the Oura app shows: the newest day against the 90 days before, or the newest week, month
    /// or year against all whole ones before; and the last seven days against the seven before.
    Oura,
}

/// Days the Oura app calls usual.
const OURA_DAYS: i64 = 90;
/// Days of its arrow.
const OURA_ARROW: i64 = 7;

/// Two numbers compared, both of numbers of a day.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Comparison {
    /// `previous`, `year`, `oura_usual` or `oura_arrow`.
    #[schema(example = "previous")]
    kind: &'static str,
    /// First day of what is compared.
    #[schema(value_type = String, format = Date, example = "2026-03-01")]
    from: Day,
    /// Its last day.
    #[schema(value_type = String, format = Date, example = "2026-03-29")]
    to: Day,
    /// Its days, summed up as asked; for the Oura app their mean.
    #[schema(required = true, example = 81.5)]
    value: Option<f64>,
    /// How many of its days have a value.
    #[schema(example = 28)]
    days_with_value: usize,
    /// First day of what it is compared with.
    #[schema(value_type = String, format = Date, example = "2026-01-31")]
    against_from: Day,
    /// Its last day.
    #[schema(value_type = String, format = Date, example = "2026-02-28")]
    against_to: Day,
    /// Its days, summed up in the same way.
    #[schema(required = true, example = 79.0)]
    against_value: Option<f64>,
    /// How many of its days have a value.
    #[schema(example = 27)]
    against_days_with_value: usize,
    /// The first minus the second; null when either has no value.
    #[schema(required = true, example = 2.5)]
    change: Option<f64>,
    /// The change as a share of the second; null unless that is above zero.
    #[schema(required = true, example = 0.0316)]
    change_ratio: Option<f64>,
    /// What is not as one would expect, in a sentence; null when nothing is.
    #[schema(required = true, example = "the year before has no 29 February; the 28th stands in")]
    note: Option<&'static str>,
}

impl Compare {
    /// The first day that must be known.
    pub(super) fn reach(self, range: DayRange, bucket: Bucket) -> Option<Day> {
        match self {
            Self::Previous => Some(range.first().plus(-range.len())),
            Self::Year => year_before(range).map(|(before, _)| before.first()),
            Self::Oura if bucket == Bucket::Day => Some(range.last().plus(-OURA_DAYS)),
            Self::Oura => Some(Day::FIRST),
        }
    }

    /// The comparisons this asks for.
    pub(super) fn answer(self, question: &TrendQuery, readings: &DailyReadings) -> Vec<Comparison> {
        let range = question.range;
        let of = |days: DayRange| question.aggregate.of(&readings.values(days));
        match self {
            Self::Previous => {
                let before = DayRange::ending(range.first().plus(-1), range.len());
                vec![comparison("previous", readings, (range, of(range)), (before, of(before)), None)]
            }
            Self::Year => year_before(range)
                .map(|(before, note)| {
                    comparison("year", readings, (range, of(range)), (before, of(before)), note)
                })
                .into_iter()
                .collect(),
            Self::Oura => oura(question.bucket, range, readings),
        }
    }
}

fn comparison(
    kind: &'static str,
    readings: &DailyReadings,
    (days, value): (DayRange, Option<f64>),
    (against, against_value): (DayRange, Option<f64>),
    note: Option<&'static str>,
) -> Comparison {
    let change = value.zip(against_value).map(|(value, against)| value - against).filter(|c| c.is_finite());
    let ratio =
        change.zip(against_value.filter(|against| *against > 0.0)).map(|(change, against)| change / against);
    Comparison {
        kind,
        from: days.first(),
        to: days.last(),
        value,
        days_with_value: readings.values(days).len(),
        against_from: against.first(),
        against_to: against.last(),
        against_value,
        against_days_with_value: readings.values(against).len(),
        change,
        change_ratio: ratio.filter(|ratio| ratio.is_finite()),
        note,
    }
}

/// The same dates a year before; `None` before the calendar begins. The day that most years lack is said.
fn year_before(range: DayRange) -> Option<(DayRange, Option<&'static str>)> {
    let before = |day: Day| Day::new(day.date().checked_sub(1.year()).ok()?).ok();
    let (first, last) = (before(range.first())?, before(range.last())?);
    let leaps =
        [range.first(), range.last()].iter().any(|day| day.date().month() == 2 && day.date().day() == 29);
    let before = DayRange::new(first, last).ok()?;
    let note = if leaps {
        Some("the year before has no 29 February; the 28th stands in")
    } else if before.len() < range.len() {
        Some("this range has a 29 February and the year before has none")
    } else if before.len() > range.len() {
        Some("the year before has a 29 February and this range has none")
    } else {
        None
    };
    Some((before, note))
}

/// The comparisons of the Oura app's Trends view, as its help describes them. All of them are means.
fn oura(bucket: Bucket, range: DayRange, readings: &DailyReadings) -> Vec<Comparison> {
    let mean = |days: DayRange| statistics::mean(&readings.values(days));
    let newest = bucket.cut(range).last().unwrap_or(range);
    let before = newest.first().plus(-1);
    let usual = if bucket == Bucket::Day {
        let days = DayRange::ending(before, OURA_DAYS);
        (days, mean(days))
    } else {
        let first = readings.daily.iter().position(Option::is_some).and_then(|slot| i64::try_from(slot).ok());
        let first = first.map_or(before, |slot| readings.range.first().plus(slot)).min(before);
        let since = DayRange::new(first, before).unwrap_or(newest);
        let whole: Vec<DayRange> = bucket.cut(since).filter(|days| bucket.is_whole(*days)).collect();
        let means: Vec<f64> = whole.iter().copied().filter_map(mean).collect();
        let ends = whole.first().zip(whole.last());
        let compared = ends.and_then(|(first, last)| DayRange::new(first.first(), last.last()).ok());
        // Without a whole one there is nothing to compare with, and what was measured before is all there is to name.
        (compared.unwrap_or(since), statistics::mean(&means))
    };
    let arrow = DayRange::ending(range.last(), OURA_ARROW);
    let week_before = DayRange::ending(arrow.first().plus(-1), OURA_ARROW);
    vec![
        comparison("oura_usual", readings, (newest, mean(newest)), usual, None),
        comparison("oura_arrow", readings, (arrow, mean(arrow)), (week_before, mean(week_before)), None),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: &str, last: &str) -> DayRange {
        DayRange::new(first.parse().unwrap(), last.parse().unwrap()).unwrap()
    }

    #[test]
    fn leap_day_comparison_is_reported() {
        let check = |asked, expected, says: Option<&str>| {
            let (before, note) = year_before(asked).unwrap();
            assert_eq!(before, expected);
            assert_eq!(note.is_some(), says.is_some(), "{note:?}");
            assert!(says.is_none_or(|says| note.unwrap_or_default().contains(says)), "{note:?}");
        };
        check(range("2026-03-01", "2026-03-29"), range("2025-03-01", "2025-03-29"), None);
        check(range("2028-02-29", "2028-03-05"), range("2027-02-28", "2027-03-05"), Some("28th stands in"));
        check(range("2028-02-01", "2028-03-05"), range("2027-02-01", "2027-03-05"), Some("before has none"));
        check(
            range("2029-02-01", "2029-03-05"),
            range("2028-02-01", "2028-03-05"),
            Some("this range has none"),
        );
        assert_eq!(year_before(range("2000-06-01", "2000-06-02")), None);
    }
}
