//! The kind of a metric's number: how Oura writes it, which values mean "not measured", and the base unit in which it is
//! stored, exported and served.

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::fmt::temporal::DateTimeParser;
use serde_json::Value;

use crate::day::Day;

/// The kind of a number. Stored values are always in the base unit; the conversion happens once, on the way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Oura's 1–100 points. A 0 is Oura's mark for a contributor it did not measure.
    Score,
    /// Points of 0–100 among which 0 is a value.
    Points,
    /// Points a nap added to a score; signed.
    ScoreDelta,
    /// A plain count.
    Count,
    /// A yes or no, as 1 or 0.
    Flag,
    /// The index of a state; the exporter shows one 0/1 series per state.
    State,
    /// A duration or signed offset, in seconds.
    Seconds,
    /// An instant written as RFC 3339; seconds since 1970 UTC. 1970 itself is Oura's mark for "unknown".
    Timestamp,
    /// An instant written as RFC 3339; seconds on its own wall clock since the midnight that began its `day`.
    /// Negative before midnight. A night that starts at 23:00 is −3600.
    WallClock,
    /// Percent in Oura's documents, a ratio of 0–1 here.
    Percent,
    /// Oxygen saturation: percent in Oura's documents, a ratio here. 0 is Oura's mark for "not measured".
    Saturation,
    /// Beats per minute. 255 is Oura's mark for "no reading".
    BeatsPerMinute,
    /// Breaths per minute.
    BreathsPerMinute,
    /// Heart-rate variability: milliseconds (RMSSD) in Oura's documents, seconds here. Negative readings are wrapped
    /// bytes and count as absent.
    Hrv,
    /// A temperature difference in degrees Celsius.
    Celsius,
    /// Kilocalories in Oura's documents, joules here (× 4184).
    Kilocalories,
    /// A distance in meters, signed where Oura counts down to a target.
    Meters,
    /// Multiples of the resting metabolic rate.
    Met,
    /// A weight: kilograms in Oura's documents, grams here.
    Kilograms,
    /// Years of age.
    Years,
    /// Speed.
    MetersPerSecond,
    /// Oxygen uptake: millilitres per minute and kilogram of body weight, as physiology writes it.
    OxygenUptake,
    /// A number on a scale of its own.
    Index,
    /// MET-minutes in Oura's documents, MET-seconds here (× 60).
    MetMinutes,
}

impl Unit {
    /// The ending of the Prometheus name, without its underscore; empty for plain counts and states.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Score | Self::Points => "score",
            Self::ScoreDelta | Self::Count | Self::Flag | Self::State | Self::Index | Self::OxygenUptake => {
                ""
            }
            Self::Seconds | Self::WallClock | Self::Hrv => "seconds",
            Self::Timestamp => "timestamp_seconds",
            Self::Percent | Self::Saturation => "ratio",
            Self::BeatsPerMinute => "beats_per_minute",
            Self::BreathsPerMinute => "breaths_per_minute",
            Self::Celsius => "celsius",
            Self::Kilocalories => "joules",
            Self::Meters => "meters",
            Self::Met => "met",
            Self::Kilograms => "grams",
            Self::Years => "years",
            Self::MetersPerSecond => "meters_per_second",
            Self::MetMinutes => "met_seconds",
        }
    }

    /// The unit in words for people, as the API and the documentation print it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Score => "score (1-100)",
            Self::Points => "score (0-100)",
            Self::ScoreDelta => "score points",
            Self::Count => "count",
            Self::Flag => "0 or 1",
            Self::State => "state",
            Self::Seconds | Self::Hrv => "seconds",
            Self::WallClock => "seconds from local midnight",
            Self::Timestamp => "seconds since 1970-01-01 UTC",
            Self::Percent | Self::Saturation => "ratio (0-1)",
            Self::BeatsPerMinute => "beats per minute",
            Self::BreathsPerMinute => "breaths per minute",
            Self::Celsius => "degrees Celsius",
            Self::Kilocalories => "joules",
            Self::Meters => "meters",
            Self::Met => "MET",
            Self::MetMinutes => "MET-seconds",
            Self::Kilograms => "grams",
            Self::Years => "years",
            Self::MetersPerSecond => "meters per second",
            Self::OxygenUptake => "mL/kg/min",
            Self::Index => "index",
        }
    }

    /// How HELP text describes the conversion from Oura's number; empty when nothing changes.
    pub const fn transform(self) -> &'static str {
        match self {
            Self::Percent | Self::Saturation => ", percent / 100",
            Self::Hrv => ", milliseconds / 1000",
            Self::Kilocalories => ", kcal * 4184",
            Self::Kilograms => ", kilograms * 1000",
            Self::MetMinutes => ", MET-minutes * 60",
            Self::WallClock => ", as seconds on its wall clock since that midnight",
            Self::Timestamp => ", as Unix time",
            Self::Flag => ", true as 1",
            _ => "",
        }
    }

    /// Reads one value of a document that belongs to `day`.
    ///
    /// `Ok(None)` is absence: null, or a sentinel. `Err` is a value of the wrong type, with the type expected.
    pub fn read(self, value: &Value, day: Day) -> Result<Option<f64>, &'static str> {
        if value.is_null() {
            return Ok(None);
        }
        match self {
            Self::Flag => value.as_bool().map(|flag| Some(f64::from(u8::from(flag)))).ok_or("true or false"),
            Self::State => Err("no number"),
            Self::Timestamp => {
                let parser = DateTimeParser::new();
                let at = value.as_str().and_then(|text| parser.parse_timestamp(text).ok());
                #[expect(clippy::cast_precision_loss, reason = "milliseconds of this era fit 53 bits")]
                at.map(|at| (at > Timestamp::UNIX_EPOCH).then_some(at.as_millisecond() as f64 / 1000.0))
                    .ok_or("an RFC 3339 time")
            }
            Self::WallClock => match value.as_str().filter(|text| is_instant(text)) {
                Some(text) => Ok(wall_clock(text, day)),
                None => Err("an RFC 3339 time with its offset"),
            },
            _ => value.as_f64().map(|number| self.base(number)).ok_or("a number"),
        }
    }

    /// Oura's number in the base unit, or `None` when it is a mark for "not measured" or no finite number.
    pub fn base(self, number: f64) -> Option<f64> {
        let measured = match self {
            Self::Score => number > 0.0 && number <= 100.0,
            Self::BeatsPerMinute => number > 0.0 && number < 255.0,
            Self::BreathsPerMinute | Self::Hrv | Self::Saturation | Self::Kilograms => number > 0.0,
            _ => number.is_finite(),
        };
        let base = match self {
            Self::Percent | Self::Saturation => number / 100.0,
            Self::Hrv => number / 1000.0,
            Self::Kilocalories => number * 4184.0,
            Self::MetMinutes => number * 60.0,
            Self::Kilograms => number * 1000.0,
            _ => number,
        };
        // Normalises -0.0, which Oura writes at times and SQLite does not preserve.
        (measured && base.is_finite()).then_some(base + 0.0)
    }
}

fn is_instant(text: &str) -> bool {
    DateTimeParser::new().parse_timestamp(text).is_ok()
}

/// Seconds from the midnight that began `day` to the wall-clock time printed in `text`. The printed time is the
/// wearer's local time, so neither DST nor travel changes it. A time printed as `Z` has an instant but no local time.
fn wall_clock(text: &str, day: Day) -> Option<f64> {
    let wall: DateTime = text.parse().ok()?;
    let since = wall.duration_since(day.date().to_datetime(Time::midnight()));
    Some(since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(unit: Unit, value: impl Into<Value>, expected: Result<Option<f64>, ()>) {
        let (value, day) = (value.into(), "2026-03-29".parse().unwrap());
        assert_eq!(unit.read(&value, day).map_err(|_| ()), expected, "{unit:?} of {value}");
    }

    #[test]
    fn values_are_converted_to_base_units() {
        check(Unit::Percent, json!(91), Ok(Some(0.91)));
        check(Unit::Hrv, json!(52), Ok(Some(0.052)));
        check(Unit::Kilocalories, json!(450), Ok(Some(1_882_800.0)));
        check(Unit::MetMinutes, json!(88), Ok(Some(5_280.0)));
        check(Unit::Timestamp, json!("2026-03-28T23:20:00.500+01:00"), Ok(Some(1_774_736_400.5)));
        check(Unit::Flag, json!(true), Ok(Some(1.0)));
        check(Unit::Meters, json!(-1200), Ok(Some(-1200.0)));
        check(Unit::Kilograms, json!(61.5), Ok(Some(61_500.0)));
        check(Unit::Celsius, json!(-0.12), Ok(Some(-0.12)));
    }

    #[test]
    fn sentinels_and_nulls_are_absent() {
        for unit in
            [Unit::Score, Unit::BeatsPerMinute, Unit::Hrv, Unit::Timestamp, Unit::Flag, Unit::WallClock]
        {
            check(unit, Value::Null, Ok(None));
        }
        check(Unit::Score, json!(0), Ok(None));
        check(Unit::BeatsPerMinute, json!(255), Ok(None));
        check(Unit::Hrv, json!(-102), Ok(None));
        check(Unit::Saturation, json!(0.0), Ok(None));
        check(Unit::Timestamp, json!("1970-01-01T00:00:00+00:00"), Ok(None));
        check(Unit::Kilograms, json!(0), Ok(None));
    }

    #[test]
    fn zero_is_a_value_where_it_can_occur() {
        check(Unit::Count, json!(0), Ok(Some(0.0)));
        check(Unit::Seconds, json!(0), Ok(Some(0.0)));
        check(Unit::Points, json!(0), Ok(Some(0.0)));
        check(Unit::ScoreDelta, json!(0), Ok(Some(0.0)));
        assert_eq!(Unit::Celsius.base(-0.0).map(f64::to_bits), Some(0));
    }

    #[test]
    fn wall_clock_ignores_dst_and_travel() {
        // The night of the spring change in Europe: both ends are local times.
        check(Unit::WallClock, json!("2026-03-28T23:20:00+01:00"), Ok(Some(-2400.0)));
        check(Unit::WallClock, json!("2026-03-29T07:45:00+02:00"), Ok(Some(27_900.0)));
        check(Unit::WallClock, json!("2026-03-29T00:05:14-07:00"), Ok(Some(314.0)));
        check(Unit::WallClock, json!("2026-03-28T23:20:00Z"), Ok(None));
    }

    #[test]
    fn wrong_types_are_errors_not_zero() {
        check(Unit::Score, json!("82"), Err(()));
        check(Unit::Flag, json!(1), Err(()));
        check(Unit::Timestamp, json!("yesterday"), Err(()));
        check(Unit::Timestamp, json!(1_774_736_400), Err(()));
        check(Unit::WallClock, json!("2026-03-29T07:45:00"), Err(()));
        check(Unit::Count, json!([1]), Err(()));
    }
}
