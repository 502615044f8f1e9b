//! Which sleep documents of a day are its night and its naps. Oura can have one sleep under several ids: analysed again,
//! grown while it went on, recorded by two rings. Periods that share their time are versions of one sleep, and one of
//! them counts. Nothing here depends on ids or on the order in which documents came.

use std::cmp::{Ordering, Reverse};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{instant, number_at};
use crate::catalogue::{Metric, Pick, Source};
use crate::collection::Collection;
use crate::day::Day;
use crate::unit::Unit;

/// Shorter than this, an unconfirmed `sleep` is a detection and not the night of a scored day; Oura's own bound.
const SHORTEST_NIGHT: SignedDuration = SignedDuration::from_mins(15);

/// The sleeps of a day that count, in order of time.
#[derive(Debug, Default)]
pub(super) struct Sleeps<'a> {
    pub(super) night: Option<&'a Value>,
    pub(super) naps: Vec<&'a Value>,
}

impl<'a> Sleeps<'a> {
    /// The night and the naps of a day. `scored` says whether Oura gave the day a sleep score: it then had a night.
    pub(super) fn of(documents: &'a [Value], day: Day, scored: bool) -> Self {
        let mut periods: Vec<Period<'a>> =
            documents.iter().filter_map(|document| Period::of(document, day)).collect();
        let is_night: fn(&Period<'_>) -> bool = if periods.iter().any(|period| period.kind == Kind::Long) {
            |period| period.kind == Kind::Long
        } else if scored {
            |period| period.is_short_night()
        } else {
            |_| false
        };
        let night = take_best(&mut periods, is_night);
        periods.retain(|period| period.kind.counts());
        let mut naps = Vec::new();
        while let Some(nap) = take_best(&mut periods, |_| true) {
            naps.push(nap);
        }
        naps.sort_by_key(|nap| nap.start);
        Self {
            night: night.map(|night| night.document),
            naps: naps.into_iter().map(|nap| nap.document).collect(),
        }
    }
}

/// The kind of a period by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `long_sleep`.
    Long,
    /// `late_nap`, or a `sleep` that changed the day's score.
    Nap,
    /// A `sleep` that Oura counted without changing a score: a nap, or the night of a day that has no other.
    Counted,
    /// A `sleep`, or one without a known type, that is not confirmed.
    Unconfirmed,
}

impl Kind {
    fn of(document: &Value) -> Option<Self> {
        let delta = document.get("sleep_score_delta").and_then(Value::as_f64);
        match (document.get("type").and_then(Value::as_str).unwrap_or_default(), delta) {
            ("long_sleep", _) => Some(Self::Long),
            // False detections, and what the wearer deleted.
            ("rest" | "deleted", _) => None,
            ("sleep", Some(0.0)) => Some(Self::Counted),
            ("late_nap", _) | ("sleep", Some(_)) => Some(Self::Nap),
            _ => Some(Self::Unconfirmed),
        }
    }

    fn counts(self) -> bool {
        self != Self::Unconfirmed
    }
}

/// A period that is over, with what decides between versions of one sleep.
struct Period<'a> {
    document: &'a Value,
    kind: Kind,
    start: Timestamp,
    length: SignedDuration,
    day: Day,
}

impl<'a> Period<'a> {
    fn of(document: &'a Value, day: Day) -> Option<Self> {
        let kind = Kind::of(document)?;
        let start = instant(document, "/bedtime_start").filter(|start| *start > Timestamp::UNIX_EPOCH)?;
        let length = instant(document, "/bedtime_end")?.duration_since(start);
        if !length.is_positive() {
            return None;
        }
        Some(Self { document, kind, start, length, day })
    }

    fn has(&self, unit: Unit, pointer: &'static str) -> bool {
        number_at(unit, self.document, pointer, self.day).is_some()
    }

    /// Whether the heart was measured: a version without it is a remnant.
    fn is_measured(&self) -> bool {
        self.has(Unit::BeatsPerMinute, "/lowest_heart_rate") || self.has(Unit::Hrv, "/average_hrv")
    }

    /// How many of the night's numbers it has.
    fn numbers(&self) -> usize {
        let numbers = Metric::of(Collection::Sleep).filter(|metric| match metric.source {
            Source::Number(Pick::Night, pointer) => self.has(metric.unit, pointer),
            _ => false,
        });
        numbers.count()
    }

    fn is_short_night(&self) -> bool {
        let asleep = self.document.get("total_sleep_duration").and_then(Value::as_f64);
        let shortest = SHORTEST_NIGHT.as_secs_f64();
        matches!(self.kind, Kind::Counted | Kind::Unconfirmed)
            && asleep.unwrap_or_else(|| self.length.as_secs_f64()) >= shortest
    }

    /// Whether both share at least half of the shorter one. A nap that touches the night, or begins minutes before the
    /// night ends, is a nap.
    fn is_version_of(&self, other: &Self) -> bool {
        let start = self.start.max(other.start);
        let end = (self.start + self.length).min(other.start + other.length);
        end.duration_since(start) * 2 >= self.length.min(other.length)
    }

    /// Which of two different sleeps is the night: the longer one, and of two of one length the earlier.
    fn by_length(&self, other: &Self) -> Ordering {
        let said = |it: &Self| (it.is_measured(), it.numbers(), Reverse(it.start));
        self.length
            .cmp(&other.length)
            .then_with(|| said(self).cmp(&said(other)))
            .then_with(|| self.content().cmp(&other.content()))
    }

    /// Which of two versions of one sleep counts: one with a heart rate, then the longer one.
    fn by_measurement(&self, other: &Self) -> Ordering {
        self.is_measured().cmp(&other.is_measured()).then_with(|| self.by_length(other))
    }

    /// All of its content but its id, for versions that nothing else distinguishes.
    fn content(&self) -> String {
        let mut document = self.document.clone();
        if let Some(fields) = document.as_object_mut() {
            fields.remove("id");
        }
        document.to_string()
    }
}

/// Removes the longest sleep of those that `may` accepts and all of its versions; returns the best version.
fn take_best<'a>(periods: &mut Vec<Period<'a>>, may: impl Fn(&Period<'a>) -> bool) -> Option<Period<'a>> {
    let candidates = || periods.iter().enumerate().filter(|(_, period)| may(period));
    let (longest, _) = candidates().max_by(|(_, a), (_, b)| a.by_length(b))?;
    let versions = candidates().filter(|(_, period)| period.is_version_of(&periods[longest]));
    let (best, _) = versions.max_by(|(_, a), (_, b)| a.by_measurement(b))?;
    let is_rest = |period: &Period<'a>| {
        !period.is_version_of(&periods[longest]) && !period.is_version_of(&periods[best])
    };
    let rest: Vec<bool> = periods.iter().map(is_rest).collect();
    let mut taken = None;
    let all = std::mem::take(periods).into_iter().zip(rest).enumerate();
    for (at, (period, stays)) in all {
        if at == best {
            taken = Some(period);
        } else if stays {
            periods.push(period);
        }
    }
    taken
}

#[cfg(test)]
mod tests;
