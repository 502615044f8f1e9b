//! Which instants a request asks for.
//!
//! What belongs here: the loose parsing of dates and the rules of ranges, as observed on the real API: bounds are instants,
//! both included, and a bare date is midnight UTC.

use axum::http::StatusCode;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::problem::Problem;
use crate::oura::Shape;

/// What a request asks for, its defaults filled in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Params {
    /// The first and last instant; `None` when nothing can match.
    pub(super) window: Option<(Timestamp, Timestamp)>,
    /// The newest row only.
    pub(super) latest: bool,
    /// Fields wanted; empty for all.
    pub(super) fields: Vec<String>,
    /// Where an earlier page ended, opaque.
    pub(super) next_token: Option<String>,
}

impl Params {
    /// Reads the parameters of a collection of this shape; unknown ones are ignored.
    pub(super) fn parse(shape: Shape, query: &[(String, String)], now: Timestamp) -> Result<Self, Problem> {
        let get = |name: &str| {
            query
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
                .filter(|v| !v.is_empty())
        };
        let instant = |parameter, or_date| match get(parameter) {
            None => Ok(None),
            Some(input) => match parse_instant(input) {
                Some(instant) => Ok(Some(instant)),
                None => Err(invalid(parameter, input, or_date)),
            },
        };
        let window = match shape {
            Shape::Whole => Some((Timestamp::MIN, Timestamp::MAX)),
            Shape::Documents => {
                let (start, end) = (instant("start_date", true)?, instant("end_date", true)?);
                Some((start.unwrap_or(Timestamp::MIN), end.unwrap_or(now)))
            }
            Shape::Series => {
                let (start, end) = (instant("start_datetime", false)?, instant("end_datetime", false)?);
                let dates = get("start_date").or(get("end_date")).is_some();
                let day = SignedDuration::from_hours(24);
                let end_or_now = end.unwrap_or(now);
                let day_before = end_or_now.checked_sub(day).unwrap_or(Timestamp::MIN);
                // The names of the other shape are not an error here: they find nothing.
                let nothing = dates && start.is_none() && end.is_none();
                (!nothing).then_some((start.unwrap_or(day_before), end_or_now))
            }
        };
        Ok(Self {
            window,
            latest: shape == Shape::Series && get("latest").is_some_and(|v| v.eq_ignore_ascii_case("true")),
            fields: get("fields")
                .map(|v| v.split(',').map(|f| f.trim().to_owned()).collect())
                .unwrap_or_default(),
            next_token: get("next_token").map(ToOwned::to_owned),
        })
    }
}

/// 422 for a parameter that is no date, with the body a pydantic model gives: one entry for each type that was tried.
fn invalid(parameter: &str, input: &str, or_date: bool) -> Problem {
    let entry = |kind: &str, tried: &[&str]| {
        let location = [&["query", parameter], tried].concat();
        json!({
            "type": kind,
            "loc": location,
            "msg": "The value is neither a date nor a date with a time.",
            "input": input,
            "ctx": { "error": "not a date" },
        })
    };
    let detail = if or_date {
        vec![
            entry("datetime_from_date_parsing", &["datetime"]),
            entry("date_from_datetime_parsing", &["date"]),
        ]
    } else {
        vec![entry("datetime_from_date_parsing", &[])]
    };
    Problem { status: StatusCode::UNPROCESSABLE_ENTITY, detail: detail.into() }
}

/// An instant, read as loosely as Oura does: a number is Unix time (milliseconds when large), a date is its midnight
/// in UTC, a time without offset is UTC. A `+` that was not percent-encoded has become a space and is refused.
fn parse_instant(input: &str) -> Option<Timestamp> {
    if let Ok(number) = input.parse::<i64>() {
        let seconds = if number.abs() > 20_000_000_000 { number / 1000 } else { number };
        return Timestamp::from_second(seconds).ok();
    }
    let utc = |wall: DateTime| TimeZone::UTC.to_timestamp(wall).ok();
    if input.len() == 10 {
        return input.parse::<Date>().ok().and_then(|date| utc(date.at(0, 0, 0, 0)));
    }
    if input.trim().contains(' ') && input.matches(':').count() > 2 {
        return None;
    }
    input.parse::<Timestamp>().ok().or_else(|| input.parse::<DateTime>().ok().and_then(utc))
}
