//! What a document must be for the catalogue and the events to read it: every field they rely on has its type or is
//! absent, so that a changed type is reported and no value disappears silently.

use jiff::fmt::temporal::DateTimeParser;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::catalogue::{Metric, Pick, Source};
use crate::collection::{Collection, EventShape};
use crate::day::Day;
use crate::document::row_time;
use crate::json::locate;
use crate::unit::Unit;

/// How far from its day an event may begin, and a sleep end: the day of a night is the next one when it ends in the
/// evening, and the offset of a journey adds to that.
const NEAR: SignedDuration = SignedDuration::from_hours(48);

/// Checks a document or an item of a gathered one. Returns the latest instant it says something was measured at; the
/// error names a field and what is expected there, never a value.
pub(super) fn check(collection: Collection, document: &Value, day: Day) -> Result<Option<Timestamp>, String> {
    for metric in Metric::of(collection) {
        check_metric(metric, document, day)?;
    }
    match &collection.info().event {
        Some(shape) => check_event(collection, shape, document, day),
        None => Ok(None),
    }
}

fn check_metric(metric: &Metric, document: &Value, day: Day) -> Result<(), String> {
    if let Some(Pick::Each(pointer, _)) = metric.source.pick() {
        check_text(document, pointer)?;
    }
    match metric.source {
        Source::Number(_, pointer) => read(metric.unit, document, pointer, day).map(drop),
        Source::State(_, pointer, _) => check_text(document, pointer),
        Source::Span(_, start, end) => {
            read(Unit::Timestamp, document, start, day)?;
            read(Unit::Timestamp, document, end, day).map(drop)
        }
        Source::Codes { pointer, start, .. } => {
            check_codes(document, pointer)?;
            let start_at = time(document, start)?;
            starts_by_its_day(start_at, day).ok_or_else(|| format!("{start}: expected a time near its day"))
        }
        Source::Samples(_, pointer, _) => check_samples(document, pointer, day),
        Source::Count(_) | Source::Rows { .. } => Ok(()),
    }
}

fn check_event(
    collection: Collection,
    shape: &EventShape,
    document: &Value,
    day: Day,
) -> Result<Option<Timestamp>, String> {
    for name in shape.labels {
        check_words(document, name)?;
    }
    let start = time(document, shape.start)?;
    let end = if shape.end.is_empty() { None } else { time(document, shape.end)? };
    if collection == Collection::RingConfiguration {
        return Ok(start);
    }
    check_day(document, "end_day")?;
    let far = |at: Timestamp| {
        let midnight = day.midnight_utc();
        !(midnight - NEAR..midnight + NEAR + A_DAY).contains(&at)
    };
    if start.is_some_and(far) {
        return Err(format!("{}: expected a time near its day", shape.start));
    }
    if collection == Collection::Sleep && end.is_some_and(far) {
        return Err(format!("{}: expected a time near its day", shape.end));
    }
    if collection != Collection::EnhancedTag && start.zip(end).is_some_and(|(start, end)| end < start) {
        return Err(format!("{}: lies before {}", shape.end, shape.start));
    }
    // A tag and a rest mode may be planned to end; a sleep, a workout and a session have been measured to their end.
    let measured = matches!(collection, Collection::Sleep | Collection::Workout | Collection::Session);
    Ok(start.max(end.filter(|_| measured)))
}

const A_DAY: SignedDuration = SignedDuration::from_hours(24);

/// Whether points begin before the days around their document's day are over. Earlier is fine: Oura's sandbox has samples
/// that are years older than their documents.
fn starts_by_its_day(start: Option<Timestamp>, day: Day) -> Option<()> {
    start.is_none_or(|start| start < day.midnight_utc() + NEAR + A_DAY).then_some(())
}

/// The instant a pointer holds. 1970 is Oura's mark for "unknown".
fn time(document: &Value, pointer: &'static str) -> Result<Option<Timestamp>, String> {
    let expected = || format!("{pointer}: expected an RFC 3339 time");
    let Some(value) = find(document, pointer)? else { return Ok(None) };
    let text = value.as_str().ok_or_else(expected)?;
    let at = DateTimeParser::new().parse_timestamp(text).map_err(|_| expected())?;
    Ok((at != Timestamp::UNIX_EPOCH).then_some(at))
}

/// A text of digits, one a step; what is no digit is a gap, but not all of it can be.
fn check_codes(document: &Value, pointer: &'static str) -> Result<(), String> {
    match find(document, pointer)? {
        None => Ok(()),
        Some(Value::String(codes)) if codes.is_empty() || codes.bytes().any(|b| b.is_ascii_digit()) => Ok(()),
        Some(Value::String(_)) => Err(format!("{pointer}: expected digits")),
        Some(_) => Err(format!("{pointer}: expected a text")),
    }
}

fn check_text(document: &Value, pointer: &'static str) -> Result<(), String> {
    match find(document, pointer)? {
        None | Some(Value::String(_)) => Ok(()),
        Some(_) => Err(format!("{pointer}: expected a text")),
    }
}

/// A word of an event; tags are several.
fn check_words(document: &Value, name: &str) -> Result<(), String> {
    match document.get(name) {
        None | Some(Value::Null | Value::String(_)) => Ok(()),
        Some(Value::Array(words)) if name == "tags" && words.iter().all(Value::is_string) => Ok(()),
        Some(_) => Err(format!("/{name}: expected a text")),
    }
}

fn check_day(document: &Value, name: &str) -> Result<(), String> {
    match document.get(name) {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(text)) if text.parse::<Day>().is_ok() => Ok(()),
        Some(_) => Err(format!("/{name}: expected a date between 2000 and 2199")),
    }
}

fn check_samples(document: &Value, pointer: &'static str, day: Day) -> Result<(), String> {
    let Some(samples) = find(document, pointer)? else { return Ok(()) };
    let items = samples.get("items").and_then(Value::as_array);
    if items.is_none_or(|items| !items.iter().all(|item| item.is_null() || item.is_number())) {
        return Err(format!("{pointer}/items: expected a list of numbers and nulls"));
    }
    if samples
        .get("interval")
        .and_then(Value::as_f64)
        .is_none_or(|interval| !(0.001..=86_400.0).contains(&interval))
    {
        return Err(format!("{pointer}/interval: expected seconds"));
    }
    let start = row_time(samples).ok_or_else(|| format!("{pointer}/timestamp: expected an RFC 3339 time"))?;
    starts_by_its_day(Some(start), day)
        .ok_or_else(|| format!("{pointer}/timestamp: expected a time near its day"))
}

/// The number a pointer holds, in its base unit.
pub(super) fn read(
    unit: Unit,
    document: &Value,
    pointer: &'static str,
    day: Day,
) -> Result<Option<f64>, String> {
    let value = find(document, pointer)?.unwrap_or(&Value::Null);
    unit.read(value, day).map_err(|expected| format!("{pointer}: expected {expected}"))
}

/// The word that tells a row's kind.
pub(super) fn kind<'d>(row: &'d Value, pointer: &'static str) -> Result<&'d str, String> {
    check_text(row, pointer)?;
    Ok(locate(row, pointer).ok().flatten().and_then(Value::as_str).unwrap_or_default())
}

fn find<'d>(document: &'d Value, pointer: &'static str) -> Result<Option<&'d Value>, String> {
    locate(document, pointer).map_err(|parent| format!("{parent}: expected an object"))
}
