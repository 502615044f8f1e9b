//! Days with a tag compared with days without. It compares what came together and states no cause.

use domain::{Day, DayRange, Metric};
use serde::Serialize;
use store::{Person, Store};
use utoipa::ToSchema;

use super::aggregate::Aggregate;
use super::correlate::MIN_DAYS;
use super::query::is_number;
use super::{events, readings};
use crate::error::Error;

/// Shifts the permutation test tries at most.
const MAX_SHIFTS: usize = 1000;

/// From this share of shifts on, the same difference comes about by moving the tags anywhere.
const SIGNIFICANCE: f64 = 0.05;

/// About how many bytes an answer takes.
pub(crate) const ROOM: usize = 1024;

/// A question about a tag.
#[derive(Clone, Debug)]
pub(crate) struct EffectQuery {
    /// Oura's code or the wearer's own name.
    pub(crate) tag: String,
    /// Which number is looked at.
    pub(crate) metric: &'static Metric,
    /// The days on which the tag may stand.
    pub(crate) range: DayRange,
    /// How many days after the tag the number is looked at; `None`: as the metric needs.
    pub(crate) lag: Option<i64>,
}

/// Days with a tag compared with days without.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Effect {
    /// Whose.
    #[schema(example = "me")]
    person: String,
    /// The tag asked for.
    #[schema(example = "tag_generic_alcohol")]
    tag: String,
    /// Metric id.
    #[schema(example = "sleep_average_hrv")]
    metric: &'static str,
    /// The unit of every value.
    #[schema(example = "seconds")]
    unit: &'static str,
    /// First day on which the tag may stand.
    #[schema(value_type = String, format = Date, example = "2026-01-01")]
    from: Day,
    /// Last day.
    #[schema(value_type = String, format = Date, example = "2026-03-29")]
    to: Day,
    /// Days from the tag to the number. A night belongs to the day of waking up, so numbers of the night are looked at
    /// on the next day (1) by default, all others on the same (0).
    #[schema(example = 1)]
    lag: i64,
    /// What can be said.
    verdict: Verdict,
    /// Days with the tag that have a number.
    #[schema(example = 23)]
    n_with: usize,
    /// Days without that have a number.
    #[schema(example = 64)]
    n_without: usize,
    /// Mean with the tag.
    #[schema(required = true, example = 0.041)]
    mean_with: Option<f64>,
    /// Mean without.
    #[schema(required = true, example = 0.052)]
    mean_without: Option<f64>,
    /// The first minus the second.
    #[schema(required = true, example = -0.011)]
    difference: Option<f64>,
    /// Lower end of the 95 % interval of the difference of means (Welch).
    #[schema(required = true, example = -0.016)]
    low: Option<f64>,
    /// Upper end.
    #[schema(required = true, example = -0.006)]
    high: Option<f64>,
    /// Median with the tag minus median without.
    #[schema(required = true, example = -0.01)]
    median_difference: Option<f64>,
    /// Share of shifts of all tags along the calendar that give at least as large a difference of means: days resemble
    /// their neighbours, and this test keeps them together.
    #[schema(required = true, example = 0.004)]
    shift_p: Option<f64>,
}

/// What can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "lower")]
pub(crate) enum Verdict {
    /// Fewer than 10 days with or without: nothing, and no difference is given.
    TooFew,
    /// The interval holds zero, or moving the tags anywhere gives as much.
    Unclear,
    /// With the tag the number is higher.
    Higher,
    /// With the tag the number is lower.
    Lower,
}

/// What is read to answer the question; the answer is arithmetic.
pub(crate) struct Loaded {
    person: String,
    question: EffectQuery,
    lag: i64,
    /// The number of each day that is looked at.
    row: Vec<Option<f64>>,
    /// Whether the tag stood on the day that belongs to it.
    marked: Vec<bool>,
}

/// Reads what answers the question.
pub(crate) async fn effect(store: &Store, person: &Person, question: EffectQuery) -> Result<Loaded, Error> {
    let EffectQuery { tag, metric, range, .. } = &question;
    is_number("metric", metric)?;
    let lag = question.lag.unwrap_or_else(|| i64::from(metric.collection.is_of_the_night()));
    let tagged = events::tagged(store, person, tag, *range).await?;
    let marked: Vec<bool> = range.days().map(|day| tagged.contains(&day)).collect();
    let later = DayRange::new(range.first().plus(lag), range.last().plus(lag)).unwrap_or(*range);
    let row = readings::read_one(store, person, metric, later, &[], Aggregate::Mean).await?.daily;
    Ok(Loaded { person: person.name.to_string(), question, lag, row, marked })
}

impl Loaded {
    /// The answer.
    pub(crate) fn answer(self) -> Effect {
        let Self { person, question: EffectQuery { tag, metric, range, .. }, lag, row, marked } = self;
        let group = |with: bool| -> Vec<f64> {
            let slots = row.iter().zip(&marked).filter(|(_, mark)| **mark == with);
            slots.filter_map(|(value, _)| *value).collect()
        };
        let (with, without) = (group(true), group(false));
        let enough = with.len().min(without.len()) >= MIN_DAYS;
        let found = enough.then(|| statistics::difference(&with, &without)).flatten();
        let shift_p = if enough { statistics::shift_test(&row, &marked, MAX_SHIFTS) } else { None };
        let mean = |group: &[f64]| if enough { statistics::mean(group) } else { None };
        Effect {
            person,
            tag,
            metric: metric.key,
            unit: metric.unit.name(),
            from: range.first(),
            to: range.last(),
            lag,
            verdict: verdict(enough, found, shift_p),
            n_with: with.len(),
            n_without: without.len(),
            mean_with: mean(&with),
            mean_without: mean(&without),
            difference: found.map(|found| found.means),
            low: found.map(|found| found.low),
            high: found.map(|found| found.high),
            median_difference: found.map(|found| found.medians),
            shift_p,
        }
    }
}

fn verdict(enough: bool, found: Option<statistics::Difference>, shift_p: Option<f64>) -> Verdict {
    match found {
        _ if !enough => Verdict::TooFew,
        Some(found) if shift_p.is_some_and(|p| p < SIGNIFICANCE) && found.low > 0.0 => Verdict::Higher,
        Some(found) if shift_p.is_some_and(|p| p < SIGNIFICANCE) && found.high < 0.0 => Verdict::Lower,
        _ => Verdict::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effect_verdict_requires_both_tests() {
        let between = |low, high| {
            Some(statistics::Difference { means: f64::midpoint(low, high), low, high, medians: 0.0 })
        };
        assert_eq!(verdict(false, between(1.0, 2.0), Some(0.01)), Verdict::TooFew);
        assert_eq!(verdict(true, between(1.0, 2.0), Some(0.01)), Verdict::Higher);
        assert_eq!(verdict(true, between(-2.0, -1.0), Some(0.01)), Verdict::Lower);
        assert_eq!(verdict(true, between(1.0, 2.0), Some(0.5)), Verdict::Unclear);
        assert_eq!(verdict(true, between(-1.0, 2.0), Some(0.01)), Verdict::Unclear);
        assert_eq!(verdict(true, None, None), Verdict::Unclear);
    }
}
