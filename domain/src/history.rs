//! History as time series: what a person's series are called, and the instant of the number of a day.
//! Remote read and exports to other time series databases both use this, so that they agree.

use std::borrow::Cow;
use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;

use crate::catalogue::{METRICS, Metric};
use crate::day::Day;

/// The label that tells history from the gauges of now; every series of history has it.
pub const SOURCE: (&str, &str) = ("source", "history");

/// One time series of a person: a number, or one state of a number that is a state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gauge {
    /// Which number.
    pub metric: &'static Metric,
    /// Which of [`Metric::states`]; `None` for plain numbers.
    pub state: Option<usize>,
}

/// Name and value of each label, `__name__` among them, in order of name as Prometheus sorts them.
pub type Labels<'a> = Vec<(&'static str, Cow<'a, str>)>;

impl Gauge {
    /// Every series a person can have, in the catalogue's order.
    pub fn all() -> impl Iterator<Item = Self> {
        METRICS.iter().flat_map(Self::of)
    }

    /// The series of one row of the catalogue.
    pub fn of(metric: &'static Metric) -> impl Iterator<Item = Self> {
        let plain = metric.states().is_empty().then_some(None);
        plain.into_iter().chain((0..metric.states().len()).map(Some)).map(move |state| Self { metric, state })
    }

    /// The labels of this series of a person: those of the exporter's gauge, and [`SOURCE`].
    pub fn labels<'a>(&self, person: &'a str) -> Labels<'a> {
        let mut labels: Labels<'a> = vec![
            ("__name__", Cow::Owned(self.metric.name())),
            ("person", Cow::Borrowed(person)),
            (SOURCE.0, Cow::Borrowed(SOURCE.1)),
        ];
        labels.extend(self.metric.label.map(|label| (label.name, Cow::Borrowed(label.value))));
        labels.extend(self.state_word().map(|word| (Metric::STATE_LABEL, Cow::Borrowed(word))));
        labels.sort_unstable_by_key(|(name, _)| *name);
        labels
    }

    /// The series' value where the store holds `stored`: a state is 1 where it is the one, and 0 elsewhere.
    pub fn value(&self, stored: f64) -> f64 {
        match self.state.and_then(|state| u32::try_from(state).ok()) {
            Some(state) => f64::from(u8::from((f64::from(state) - stored).abs() < 0.5)),
            None => stored,
        }
    }

    fn state_word(&self) -> Option<&'static str> {
        self.state.and_then(|state| self.metric.states().get(state).copied())
    }
}

/// Where a person's days lie on the line of time. Instants are Unix milliseconds.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    /// Milliseconds that the zone's standard time is ahead of UTC.
    standard: i64,
}

impl Calendar {
    /// The calendar of a zone.
    pub fn new(zone: TimeZone) -> Self {
        // One pair of dates for all of history, so that a sample stays where it is; the smaller offset of the two is
        // standard time in every zone that turns its clocks.
        let offset = |day: jiff::civil::Date| {
            let at = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).unwrap_or_default();
            i64::from(zone.to_offset(at).seconds())
        };
        let standard = offset(date(2026, 1, 1)).min(offset(date(2026, 7, 1))) * 1000;
        Self { zone, standard }
    }

    /// When the civil day begins: from here to the next [`Calendar::midnight`] its numbers hold.
    pub fn midnight(&self, day: Day) -> i64 {
        let first = day.date().at(0, 0, 0, 0);
        self.zone
            .to_timestamp(first)
            .map_or_else(|_| day.midnight_utc().as_millisecond(), Timestamp::as_millisecond)
    }

    /// Where the day's one sample stands: a millisecond after midnight of standard time. Days are then evenly spaced
    /// through all changes of clocks, so a window of `n` days holds `n` samples; and no whole second is the edge of a
    /// window and a sample at once, where versions of Prometheus disagree.
    pub fn sample(&self, day: Day) -> i64 {
        day.midnight_utc().as_millisecond() - self.standard + 1
    }
}

/// The civil days of instants. Those that come in order of time cost no arithmetic of calendars within a day.
#[derive(Clone, Debug)]
pub struct CivilDays<'a> {
    calendar: &'a Calendar,
    /// The day of the last instant, and when it lasts.
    last: Option<(Day, Range<i64>)>,
}

impl<'a> CivilDays<'a> {
    /// The days of this calendar.
    pub fn new(calendar: &'a Calendar) -> Self {
        Self { calendar, last: None }
    }

    /// The civil day of an instant in Unix milliseconds.
    pub fn day(&mut self, at: i64) -> Day {
        if let Some((day, lasts)) = &self.last
            && lasts.contains(&at)
        {
            return *day;
        }
        let day = Day::at(Timestamp::from_millisecond(at).unwrap_or_default(), &self.calendar.zone);
        self.last = Some((day, self.calendar.midnight(day)..self.calendar.midnight(day.plus(1))));
        day
    }
}

/// Puts points of one metric in order of time. Where documents overlap in one instant the later document counts; they
/// come document by document, oldest first.
pub fn in_order<At: Ord + Copy>(points: &mut Vec<(At, f64)>) {
    if !points.is_sorted_by_key(|(at, _)| *at) {
        points.sort_by_key(|(at, _)| *at);
    }
    points.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            kept.1 = later.1;
        }
        same
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn berlin() -> Calendar {
        Calendar::new(TimeZone::get("Europe/Berlin").unwrap())
    }

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn history_labels_are_sorted_and_series_unique() {
        let mut seen = std::collections::BTreeSet::new();
        for gauge in Gauge::all() {
            let labels = gauge.labels("me");
            assert!(labels.is_sorted_by(|a, b| a.0 < b.0), "{labels:?}");
            assert!(seen.insert(labels), "{gauge:?}");
        }
        assert!(seen.len() > METRICS.len());
    }

    #[test]
    fn exactly_one_state_series_is_one() {
        let metric = Metric::by_key("resilience_level").unwrap();
        let states: Vec<f64> = Gauge::of(metric).map(|gauge| gauge.value(2.0)).collect();
        assert_eq!(states, [0.0, 0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn days_last_from_midnight_to_midnight_through_clock_changes() {
        let length = |on| berlin().midnight(day(on).plus(1)) - berlin().midnight(day(on));
        assert_eq!(length("2026-03-28"), 24 * HOUR);
        assert_eq!(length("2026-03-29"), 23 * HOUR);
        assert_eq!(length("2026-10-25"), 25 * HOUR);
        // Clocks that turn at midnight: the day begins an hour late.
        let cairo = Calendar::new(TimeZone::get("Africa/Cairo").unwrap());
        assert_eq!(
            cairo.midnight(day("2026-04-24")),
            day("2026-04-23").midnight_utc().as_millisecond() + 22 * HOUR
        );
    }

    #[test]
    fn civil_days_of_instants_are_those_of_the_clock_on_the_wall() {
        // Clocks that turn at midnight, a country that went over the date line, and the ends of the world.
        let zones = [
            ("Europe/Berlin", "2026-03-28T12:00:00Z"),
            ("Africa/Cairo", "2026-10-28T12:00:00Z"),
            ("America/Sao_Paulo", "2018-02-16T12:00:00Z"),
            ("Pacific/Apia", "2011-12-28T12:00:00Z"),
            ("Pacific/Kiritimati", "2026-01-01T12:00:00Z"),
            ("America/Anchorage", "2026-11-01T00:00:00Z"),
        ];
        for (name, from) in zones {
            let zone = TimeZone::get(name).unwrap();
            let calendar = Calendar::new(zone.clone());
            let mut days = CivilDays::new(&calendar);
            let from: Timestamp = from.parse().unwrap();
            for minutes in (0..4 * 24 * 60).step_by(5) {
                let at = from + jiff::SignedDuration::from_mins(minutes);
                assert_eq!(days.day(at.as_millisecond()), Day::at(at, &zone), "{name} {at}");
            }
        }
    }

    #[test]
    fn daily_samples_are_a_day_apart_and_near_midnight() {
        for zone in
            ["Europe/Berlin", "America/New_York", "Pacific/Auckland", "Asia/Kolkata", "Europe/Dublin", "UTC"]
        {
            let calendar = Calendar::new(TimeZone::get(zone).unwrap());
            for n in 0..365 {
                let on = day("2026-01-01").plus(n);
                assert_eq!(calendar.sample(on.plus(1)) - calendar.sample(on), 86_400_000, "{zone} {on}");
                let after = calendar.sample(on) - calendar.midnight(on);
                assert!((1..=3_600_001).contains(&after), "{zone} {on}: {after}");
            }
        }
    }
}
