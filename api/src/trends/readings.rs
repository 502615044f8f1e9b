//! What is read: one number a day of each metric, and for points the sums of their buckets. Numbers of a day come by
//! one statement however many metrics and years there are; points some weeks at a time, because a day has up to 2,880.

use domain::{Day, DayRange, Metric};
use store::{Person, Store};

use super::aggregate::Aggregate;
use crate::error::Error;

/// Days of points held in memory at once.
const POINT_DAYS: i64 = 93;

/// One metric over some days.
#[derive(Clone, Debug)]
pub(crate) struct Readings {
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

/// As many empty slots as a range has days.
fn empty(range: DayRange) -> Vec<Option<f64>> {
    vec![None; usize::try_from(range.len()).unwrap_or_default()]
}

impl Readings {
    /// The slots of some of the days; what lies outside the range read has none.
    pub(crate) fn within(&self, days: DayRange) -> &[Option<f64>] {
        let (first, last) = (days.first().max(self.range.first()), days.last().min(self.range.last()));
        match (slot(self.range, first), slot(self.range, last)) {
            (Some(first), Some(last)) if first <= last => &self.daily[first..=last],
            _ => &[],
        }
    }

    /// The measured values of some of the days.
    pub(crate) fn values(&self, days: DayRange) -> Vec<f64> {
        self.within(days).iter().copied().flatten().collect()
    }

    fn new(metric: &'static Metric, range: DayRange) -> Self {
        Self { metric, range, daily: empty(range), buckets: Vec::new() }
    }

    /// Sums up numbers of a day.
    fn sum_up(&mut self, buckets: &[DayRange], aggregate: Aggregate) {
        let summary = |days: &DayRange| {
            let values = self.values(*days);
            Summary { days: *days, value: aggregate.of(&values), count: values.len() }
        };
        self.buckets = buckets.iter().map(summary).collect();
    }
}

/// Reads metrics over `range`, which holds the buckets.
pub(crate) async fn read(
    store: &Store,
    person: &Person,
    metrics: &[&'static Metric],
    range: DayRange,
    buckets: &[DayRange],
    aggregate: Aggregate,
) -> Result<Vec<Readings>, Error> {
    let numbers: Vec<&'static Metric> =
        metrics.iter().copied().filter(|metric| !metric.is_series()).collect();
    let mut columns = store.daily_of(person.id, &numbers, range).await?.into_iter();
    let mut all = Vec::with_capacity(metrics.len());
    for metric in metrics {
        let mut readings = Readings::new(metric, range);
        if metric.is_series() {
            read_points(store, person, &mut readings, buckets, aggregate).await?;
        } else {
            for (day, value) in columns.next().unwrap_or_default() {
                if let Some(slot) = slot(range, day) {
                    readings.daily[slot] = Some(value);
                }
            }
            readings.sum_up(buckets, aggregate);
        }
        all.push(readings);
    }
    Ok(all)
}

/// Reads points where there are any: days before the first bucket some weeks at a time, then as many buckets at a time
/// as memory should hold.
async fn read_points(
    store: &Store,
    person: &Person,
    readings: &mut Readings,
    buckets: &[DayRange],
    aggregate: Aggregate,
) -> Result<(), Error> {
    let extent = store.series_extent(person.id, readings.metric).await?;
    let known = |days: DayRange| {
        let extent = extent?;
        DayRange::new(days.first().max(extent.first()), days.last().min(extent.last())).ok()
    };
    let ahead = buckets.first().map_or(Some(readings.range), |bucket| {
        DayRange::new(readings.range.first(), bucket.first().plus(-1))
            .ok()
            .filter(|_| bucket.first() > readings.range.first())
    });
    for days in ahead.and_then(known).map(|days| days.chunks(POINT_DAYS)).unwrap_or_default() {
        points(store, person, readings, days).await?;
    }
    let mut rest = buckets;
    while let Some(first) = rest.first() {
        let fits = |bucket: &&DayRange| bucket.last().since(first.first()) < POINT_DAYS;
        let (now, later) = rest.split_at(rest.iter().take_while(fits).count().max(1));
        rest = later;
        let last = now.last().unwrap_or(first).last();
        let days = DayRange::new(first.first(), last).ok().and_then(known);
        let values = match days {
            Some(days) => points(store, person, readings, days).await?,
            None => Vec::new(),
        };
        for bucket in now {
            let from = values.partition_point(|(day, _)| *day < bucket.first());
            let to = values.partition_point(|(day, _)| *day <= bucket.last());
            let here: Vec<f64> = values[from..to].iter().map(|(_, value)| *value).collect();
            readings.buckets.push(Summary { days: *bucket, value: aggregate.of(&here), count: here.len() });
        }
    }
    Ok(())
}

/// The points of some days in order of day; each day's mean goes into its slot.
async fn points(
    store: &Store,
    person: &Person,
    readings: &mut Readings,
    days: DayRange,
) -> Result<Vec<(Day, f64)>, Error> {
    let stored = store.series(person.id, readings.metric, days).await?;
    let values: Vec<(Day, f64)> = stored
        .iter()
        .flat_map(|stored| stored.series.points().map(|(_, value)| (stored.day, value)))
        .collect();
    for day in values.chunk_by(|a, b| a.0 == b.0) {
        let of_day: Vec<f64> = day.iter().map(|(_, value)| *value).collect();
        if let Some(slot) = slot(readings.range, day[0].0) {
            readings.daily[slot] = statistics::mean(&of_day);
        }
    }
    Ok(values)
}
