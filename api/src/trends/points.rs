//! Points put in order and under their days.

use domain::history::{Calendar, CivilDays};
use domain::{Day, Metric, Window};
use store::StoredSeries;

/// Points of one metric while documents come in, oldest day first. Where documents overlap in one instant, the later
/// one counts.
pub(super) struct Points<'a> {
    /// For rows of a time series, whose documents are UTC days; other points belong to the day of their document.
    civil: Option<CivilDays<'a>>,
    /// Those that are not taken yet: Unix milliseconds, the day they belong to, and the value.
    open: Vec<(i64, Day, f64)>,
    /// The values of one day.
    values: Vec<f64>,
}

impl<'a> Points<'a> {
    pub(super) fn new(metric: &Metric, calendar: &'a Calendar) -> Self {
        let by_instant = metric.collection.window() == Window::Instants;
        Self { civil: by_instant.then(|| CivilDays::new(calendar)), open: Vec::new(), values: Vec::new() }
    }

    /// How many days before and after a day must be read to know its points: civil days reach into two UTC days; activity
    /// ends at four in the morning, and a journey moves that by up to a day.
    pub(super) fn margin(&self) -> i64 {
        if self.civil.is_some() { 1 } else { 2 }
    }

    /// Adds documents of later days than all before.
    pub(super) fn add(&mut self, stored: Vec<StoredSeries>) {
        for StoredSeries { day, series } in stored {
            let civil = &mut self.civil;
            let place = |(at, value)| (at, civil.as_mut().map_or(day, |civil| civil.day(at)), value);
            self.open.extend(series.points().map(place));
        }
        self.open.sort_by_key(|(at, ..)| *at);
        self.open.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                *kept = *later;
            }
            same
        });
        self.open.sort_by_key(|(_, day, _)| *day);
    }

    /// Hands on the days that no later document can change when those filed up to `read` have been added, or all: each
    /// with its values in order of time.
    pub(super) fn take(&mut self, read: Option<Day>, mut each: impl FnMut(Day, &[f64])) {
        let margin = self.margin();
        let done = read.map_or(self.open.len(), |read| {
            self.open.partition_point(|(_, day, _)| *day < read.plus(-margin))
        });
        for of_day in self.open[..done].chunk_by(|(_, a, _), (_, b, _)| a == b) {
            self.values.clear();
            self.values.extend(of_day.iter().map(|(.., value)| *value));
            each(of_day[0].1, &self.values);
        }
        self.open.drain(..done);
    }
}
