//! Which part of history, and its samples in order of time.

use domain::history::{Calendar, Gauge, Labels};
use domain::{Day, DayRange, Metric};
use jiff::tz::TimeZone;
use store::{Person, Store};

use crate::Error;

/// A part of history.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The person.
    pub people: Vec<Person>,
    /// The metrics.
    pub metrics: Vec<&'static Metric>,
    /// The days.
    pub range: DayRange,
}

/// One series of a selection.
pub(crate) struct Series<'a> {
    person: &'a Person,
    calendar: Calendar,
    gauge: Gauge,
}

impl Selection {
    /// Every series there can be, families together as exposition formats want them.
    pub(crate) fn series(&self) -> Result<Vec<Series<'_>>, Error> {
        let zone =
            |person: &Person| TimeZone::get(&person.time_zone).map(Calendar::new).map_err(Error::TimeZone);
        let calendars: Vec<Calendar> = self.people.iter().map(zone).collect::<Result<_, _>>()?;
        let people = || self.people.iter().zip(&calendars);
        let gauges = self.metrics.iter().flat_map(|metric| Gauge::of(metric));
        let of = |gauge: Gauge| {
            people().map(move |(person, calendar)| Series { person, calendar: calendar.clone(), gauge })
        };
        Ok(gauges.flat_map(of).collect())
    }
}

impl Series<'_> {
    pub(crate) fn metric(&self) -> &'static Metric {
        self.gauge.metric
    }

    pub(crate) fn labels(&self) -> Labels<'_> {
        self.gauge.labels(self.person.name.as_str())
    }

    /// Hands the samples of a range of days to `take`, oldest first: Unix milliseconds and values. A point belongs to the
    /// UTC day it was measured on, whichever document brought it, so that ranges that touch neither repeat nor omit one.
    pub(crate) async fn samples(
        &self,
        store: &Store,
        range: DayRange,
        mut take: impl AsyncFnMut(&[(i64, f64)]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if !self.metric().is_series() {
            let sample = |(day, value): (Day, f64)| (self.calendar.sample(day), self.gauge.value(value));
            let days = store.daily(self.person.id, self.metric(), range).await?;
            let samples: Vec<(i64, f64)> = days.into_iter().map(sample).collect();
            return if samples.is_empty() { Ok(()) } else { take(&samples).await };
        }
        let first = range.first().midnight_utc().as_millisecond();
        let end = range.last().plus(1).midnight_utc().as_millisecond();
        let mut points = store.points(self.person.id, self.metric(), range).await?;
        let mut read = Vec::new();
        while points.next(&mut read).await? {
            let from = read.partition_point(|(at, _)| *at < first);
            let to = read.partition_point(|(at, _)| *at < end);
            if from < to {
                take(&read[from..to]).await?;
            }
        }
        Ok(())
    }
}
