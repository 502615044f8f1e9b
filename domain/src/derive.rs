//! From the documents of one day to the numbers of that day: a pure function of the documents and the catalogue.
//! Dropping every number and deriving again gives the same numbers.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimeParser;
use serde_json::Value;

use crate::catalogue::{Metric, Pick, Source, Until};
use crate::collection::Collection;
use crate::day::Day;
use crate::document::row_time;
use crate::json::locate;
use crate::ring::newest_ring;
use crate::unit::Unit;

pub mod rules;
mod sleeps;

use sleeps::Sleeps;

/// What the documents of one collection contain about one day.
#[derive(Debug, Default, PartialEq)]
pub struct Derived {
    /// One entry per daily metric whose pick found a document, in catalogue order.
    pub daily: Vec<Daily>,
    /// Points within the day, one entry per metric and document.
    pub series: Vec<Series>,
}

/// One number of one day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Daily {
    /// Which number.
    pub metric: &'static Metric,
    /// The value in the metric's base unit. `None` means there is a document that states "not measured": that removes a
    /// value and is not the same as a day without a document.
    pub value: Option<f64>,
}

/// Points of one metric from one document, either evenly spaced or each with its own offset.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Which number.
    pub metric: &'static Metric,
    /// The instant offsets count from.
    pub start: Timestamp,
    /// Where the points are.
    pub spacing: Spacing,
    /// Values in the metric's base unit; `None` is a gap in an even spacing.
    pub values: Vec<Option<f64>>,
}

/// Where the points of a [`Series`] are, in milliseconds from its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spacing {
    /// Point `i` is at `i * step`.
    Even(i64),
    /// Point `i` is at the `i`-th offset; ascending.
    Each(Vec<i64>),
}

impl Series {
    /// Every measured point: Unix milliseconds and value, in order of time.
    pub fn points(&self) -> impl DoubleEndedIterator<Item = (i64, f64)> {
        let start = self.start.as_millisecond();
        self.values.iter().enumerate().filter_map(move |(i, value)| {
            let offset = match &self.spacing {
                Spacing::Even(step) => step.checked_mul(i64::try_from(i).ok()?)?,
                Spacing::Each(offsets) => *offsets.get(i)?,
            };
            Some((start.checked_add(offset)?, (*value)?))
        })
    }
}

/// Derives a day. `bodies` are all documents of `collection` whose day is `day`; one that is no JSON contributes nothing (the
/// store only holds documents that parsed).
pub fn derive<'a>(collection: Collection, day: Day, bodies: impl IntoIterator<Item = &'a str>) -> Derived {
    derive_with(collection, day, bodies, [])
}

/// The collection whose documents of the same day are needed to read those of another: a sleep score shows that a day had a
/// night.
pub const fn companion(collection: Collection) -> Option<Collection> {
    match collection {
        Collection::Sleep => Some(Collection::DailySleep),
        _ => None,
    }
}

/// Derives a day; `others` are the documents of the day in its [`companion`].
pub fn derive_with<'a>(
    collection: Collection,
    day: Day,
    bodies: impl IntoIterator<Item = &'a str>,
    others: impl IntoIterator<Item = &'a str>,
) -> Derived {
    let documents: Vec<Value> =
        bodies.into_iter().filter_map(|body| serde_json::from_str(body).ok()).collect();
    let picks = match collection {
        Collection::Sleep => Picks::of_sleeps(&documents, day, others.into_iter().any(is_scored)),
        _ => Picks::of(&documents),
    };
    let mut derived = Derived::default();
    for metric in Metric::of(collection) {
        match metric.source {
            Source::Number(pick, pointer) => {
                let picked = picks.get(pick);
                let values =
                    picked.iter().filter_map(|document| number_at(metric.unit, document, pointer, day));
                let value = values.reduce(|sum, value| sum + value);
                derived.push_daily(picks.knows(pick), metric, value);
            }
            Source::Count(pick) => {
                let count = picks.get(pick).len();
                derived.push_daily(
                    picks.knows(pick),
                    metric,
                    Some(f64::from(u32::try_from(count).unwrap_or(u32::MAX))),
                );
            }
            Source::Span(pick, start, end) => {
                let picked = picks.get(pick);
                let spans = picked.iter().filter_map(|document| span(document, start, end));
                derived.push_daily(picks.knows(pick), metric, spans.reduce(|sum, span| sum + span));
            }
            Source::State(pick, pointer, states) => {
                let picked = picks.get(pick);
                let word = picked.last().and_then(|document| document.pointer(pointer)?.as_str());
                let index = word.and_then(|word| states.iter().position(|state| *state == word));
                let value = index.and_then(|index| u32::try_from(index).ok()).map(f64::from);
                derived.push_daily(picks.knows(pick), metric, value);
            }
            Source::Samples(pick, pointer, until) => {
                derived.series.extend(
                    picks.get(pick).iter().filter_map(|document| samples(metric, document, pointer, until)),
                );
            }
            Source::Codes { pick, pointer, start, step } => {
                derived.series.extend(
                    picks
                        .get(pick)
                        .iter()
                        .filter_map(|document| codes(metric, document, pointer, start, step)),
                );
            }
            Source::Rows { value, kind } => derived.series.extend(rows(metric, day, &documents, value, kind)),
        }
    }
    derived
}

impl Derived {
    fn push_daily(&mut self, known: bool, metric: &'static Metric, value: Option<f64>) {
        if known {
            self.daily.push(Daily { metric, value });
        }
    }
}

/// Whether a document of `daily_sleep` has a score.
pub fn is_scored(body: &str) -> bool {
    let document: Option<Value> = serde_json::from_str(body).ok();
    let score = document.as_ref().and_then(|document| document.get("score")?.as_f64());
    score.is_some_and(|score| Unit::Score.base(score).is_some())
}

/// The documents of a day, sorted out once.
#[derive(Default)]
struct Picks<'a> {
    all: &'a [Value],
    only: Vec<&'a Value>,
    night: Vec<&'a Value>,
    naps: Vec<&'a Value>,
    counted: Vec<&'a Value>,
    newest: Vec<&'a Value>,
}

impl<'a> Picks<'a> {
    fn of(documents: &'a [Value]) -> Self {
        Self {
            all: documents,
            only: documents.last().into_iter().collect(),
            newest: documents.last().and_then(newest_ring).into_iter().collect(),
            ..Self::default()
        }
    }

    fn of_sleeps(documents: &'a [Value], day: Day, scored: bool) -> Self {
        let Sleeps { night, naps } = Sleeps::of(documents, day, scored);
        let mut counted: Vec<&Value> = night.into_iter().chain(naps.iter().copied()).collect();
        counted.sort_by_key(|document| instant(document, "/bedtime_start"));
        Self { night: night.into_iter().collect(), naps, counted, ..Self::of(documents) }
    }

    /// Whether the day determines a pick, including "none": no nap is a fact once the night is known, and no
    /// hard workout is one once any workout is. Rows of one pick must not come from different days.
    fn knows(&self, pick: Pick) -> bool {
        match pick {
            Pick::Naps => !self.counted.is_empty(),
            Pick::Each(..) => !self.all.is_empty(),
            pick => !self.get(pick).is_empty(),
        }
    }

    fn get(&self, pick: Pick) -> Cow<'_, [&'a Value]> {
        match pick {
            Pick::Only => Cow::Borrowed(&self.only),
            Pick::Night => Cow::Borrowed(&self.night),
            Pick::Naps => Cow::Borrowed(&self.naps),
            Pick::Counted => Cow::Borrowed(&self.counted),
            Pick::All => self.all.iter().collect(),
            Pick::Newest => Cow::Borrowed(&self.newest),
            Pick::Each(pointer, word) => {
                let holds =
                    |document: &&Value| document.pointer(pointer).and_then(Value::as_str) == Some(word);
                self.all.iter().filter(holds).collect()
            }
        }
    }
}

/// Seconds between two instants of a document.
pub(crate) fn span(document: &Value, start: &str, end: &str) -> Option<f64> {
    let seconds = instant(document, end)?.duration_since(instant(document, start)?).as_secs_f64();
    // One that ends before it starts is rejected; this is for documents stored by a version that did not.
    (seconds >= 0.0).then_some(seconds)
}

pub(crate) fn instant(document: &Value, pointer: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(document.pointer(pointer)?.as_str()?).ok()
}

/// The number that a pointer of the catalogue holds, in its base unit.
pub(crate) fn number_at(unit: Unit, document: &Value, pointer: &'static str, day: Day) -> Option<f64> {
    unit.read(locate(document, pointer).ok()??, day).ok().flatten()
}

fn samples(metric: &'static Metric, document: &Value, pointer: &str, until: Until) -> Option<Series> {
    let sample = document.pointer(pointer)?;
    let start = row_time(sample)?;
    #[expect(clippy::cast_possible_truncation, reason = "documents are accepted with 1 ms to a day")]
    let step = (sample.get("interval")?.as_f64()? * 1000.0).round() as i64;
    let mut values: Vec<Option<f64>> = sample
        .get("items")?
        .as_array()?
        .iter()
        .map(|item| item.as_f64().and_then(|number| metric.unit.base(number)))
        .collect();
    if let Until::Codes(pointer, seconds) = until
        && let Some(codes) = document.pointer(pointer).and_then(Value::as_str)
    {
        let measured = i64::try_from(codes.len()).ok()?.checked_mul(seconds * 1000)? / step.max(1);
        values.truncate(usize::try_from(measured).ok()?);
    }
    even(metric, start, step, values)
}

fn codes(metric: &'static Metric, document: &Value, pointer: &str, start: &str, step: i64) -> Option<Series> {
    let text = document.pointer(pointer)?.as_str()?;
    let values = text.chars().map(|code| code.to_digit(10).map(f64::from)).collect();
    even(metric, instant(document, start)?, step * 1000, values)
}

fn even(metric: &'static Metric, start: Timestamp, step: i64, values: Vec<Option<f64>>) -> Option<Series> {
    let measured = step > 0 && values.iter().any(Option::is_some);
    measured.then_some(Series { metric, start, spacing: Spacing::Even(step), values })
}

/// The rows that carry this metric's label, or for the label `other` those that carry no metric's.
fn rows(
    metric: &'static Metric,
    day: Day,
    documents: &[Value],
    value: &'static str,
    kind: Option<&str>,
) -> Option<Series> {
    let named = |word: &str| Metric::of(metric.collection).any(|m| m.label.is_some_and(|l| l.value == word));
    let mine = |row: &Value| {
        let word = kind.and_then(|kind| row.pointer(kind)?.as_str()).unwrap_or_default();
        metric.label.is_none_or(|label| {
            if label.value == "other" { word == "other" || !named(word) } else { word == label.value }
        })
    };
    let mut points: Vec<(Timestamp, f64)> = documents
        .iter()
        .filter_map(Value::as_array)
        .flatten()
        .filter(|row| mine(row))
        .filter_map(|row| Some((row_time(row)?, number_at(metric.unit, row, value, day)?)))
        .collect();
    points.sort_by_key(|(at, _)| *at);
    points.dedup_by_key(|(at, _)| *at);
    let (start, _) = *points.first()?;
    let offsets = points.iter().map(|(at, _)| at.as_millisecond() - start.as_millisecond()).collect();
    let values = points.into_iter().map(|(_, value)| Some(value)).collect();
    Some(Series { metric, start, spacing: Spacing::Each(offsets), values })
}

#[cfg(test)]
mod tests;
