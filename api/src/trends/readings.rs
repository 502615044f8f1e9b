//! What is read: one number a day of each metric, and the sums of its buckets. Numbers of a day come by one statement
//! however many metrics and years there are; points some weeks at a time, because a day has up to 2,880.

use std::ops::Range;

use domain::history::Calendar;
use domain::{Day, DayRange, Metric};
use jiff::tz::TimeZone;
use store::{Person, Store};

use super::aggregate::Aggregate;
use super::points::Points;
use crate::error::Error;

/// Days of points read at once. Of what was read before, only the last days and the numbers of the bucket that is still
/// open are held.
const POINT_DAYS: i64 = 93;

/// One metric over some days.
#[derive(Clone, Debug)]
pub(crate) struct DailyReadings {
    /// Which number.
    pub(crate) metric: &'static Metric,
    /// The days, slot by slot.
    pub(crate) range: DayRange,
    /// One number a day; for points the mean of the day's.
    pub(crate) daily: Vec<Option<f64>>,
    /// The buckets asked for, summed up.
    pub(crate) buckets: Vec<Summary>,
}

/// One bucket, summed up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    /// Which days.
    pub(crate) days: DayRange,
    /// `None` where the aggregate is not defined, as when nothing was measured.
    pub(crate) value: Option<f64>,
    /// How many measured values it sums up.
    pub(crate) count: usize,
}

/// The slot of a day in a range that has it.
fn slot(range: DayRange, day: Day) -> Option<usize> {
    usize::try_from(day.since(range.first())).ok().filter(|_| range.contains(day))
}

impl DailyReadings {
    /// Which slots some of the days have; what lies outside the range read has none.
    pub(crate) fn slots(&self, days: DayRange) -> Range<usize> {
        let (first, last) = (days.first().max(self.range.first()), days.last().min(self.range.last()));
        match (slot(self.range, first), slot(self.range, last)) {
            (Some(first), Some(last)) if first <= last => first..last + 1,
            _ => 0..0,
        }
    }

    /// The slots of some of the days.
    pub(crate) fn within(&self, days: DayRange) -> &[Option<f64>] {
        &self.daily[self.slots(days)]
    }

    /// The measured values of some of the days.
    pub(crate) fn values(&self, days: DayRange) -> Vec<f64> {
        self.within(days).iter().copied().flatten().collect()
    }
}

/// Readings while days come in, in order.
struct Reader<'a> {
    readings: DailyReadings,
    aggregate: Aggregate,
    /// Those that are not summed up yet.
    rest: std::slice::Iter<'a, DayRange>,
    /// The values of the first of them.
    open: Vec<f64>,
}

impl<'a> Reader<'a> {
    fn new(metric: &'static Metric, range: DayRange, buckets: &'a [DayRange], aggregate: Aggregate) -> Self {
        let daily = vec![None; usize::try_from(range.len()).unwrap_or_default()];
        let readings = DailyReadings { metric, range, daily, buckets: Vec::with_capacity(buckets.len()) };
        Self { readings, aggregate, rest: buckets.iter(), open: Vec::new() }
    }

    /// Takes a day with its number and the values that buckets sum up.
    fn day(&mut self, day: Day, number: Option<f64>, values: &[f64]) {
        if let Some(slot) = slot(self.readings.range, day) {
            self.readings.daily[slot] = number;
        }
        while self.rest.as_slice().first().is_some_and(|bucket| bucket.last() < day) {
            self.close();
        }
        if self.rest.as_slice().first().is_some_and(|bucket| bucket.contains(day)) {
            self.open.extend_from_slice(values);
        }
    }

    /// Sums up the first open bucket; `false` when there is none.
    fn close(&mut self) -> bool {
        let Some(days) = self.rest.next() else { return false };
        let summary = Summary { days: *days, value: self.aggregate.of(&self.open), count: self.open.len() };
        self.readings.buckets.push(summary);
        self.open.clear();
        true
    }

    fn end(mut self) -> DailyReadings {
        while self.close() {}
        self.readings
    }
}

/// Reads one metric over `range`, which holds the buckets.
pub(crate) async fn read_one(
    store: &Store,
    person: &Person,
    metric: &'static Metric,
    range: DayRange,
    buckets: &[DayRange],
    aggregate: Aggregate,
) -> Result<DailyReadings, Error> {
    let mut read = read(store, person, &[metric], range, buckets, aggregate).await?;
    Ok(read.pop().expect("BUG: one metric has one column"))
}

/// Reads metrics over `range`, which holds the buckets, in the order asked.
pub(crate) async fn read(
    store: &Store,
    person: &Person,
    metrics: &[&'static Metric],
    range: DayRange,
    buckets: &[DayRange],
    aggregate: Aggregate,
) -> Result<Vec<DailyReadings>, Error> {
    let numbers: Vec<&'static Metric> =
        metrics.iter().copied().filter(|metric| !metric.is_series()).collect();
    let mut columns = store.daily_of(person.id, &numbers, range).await?.into_iter();
    let calendar = Calendar::new(TimeZone::get(&person.time_zone).map_err(Error::TimeZone)?);
    let mut all = Vec::with_capacity(metrics.len());
    for metric in metrics {
        let mut reader = Reader::new(metric, range, buckets, aggregate);
        if metric.is_series() {
            read_points(store, person, &calendar, &mut reader).await?;
        } else {
            for (day, value) in columns.next().unwrap_or_default() {
                reader.day(day, Some(value), &[value]);
            }
        }
        all.push(reader.end());
    }
    Ok(all)
}

/// Reads points where there are any.
async fn read_points(
    store: &Store,
    person: &Person,
    calendar: &Calendar,
    reader: &mut Reader<'_>,
) -> Result<(), Error> {
    let DailyReadings { metric, range, .. } = reader.readings;
    let Some(extent) = store.series_extent(person.id, metric).await? else { return Ok(()) };
    let mut points = Points::new(metric, calendar);
    let around = range.padded(points.margin());
    let known = DayRange::new(around.first().max(extent.first()), around.last().min(extent.last()));
    for days in known.map_or_else(|_| Vec::new(), |known| known.chunks(POINT_DAYS)) {
        points.add(store.series(person.id, metric, days).await?);
        let until = if days.last() == around.last().min(extent.last()) { None } else { Some(days.last()) };
        points.take(until, |day, values| reader.day(day, statistics::mean(values), values));
    }
    Ok(())
}
