//! From the store to samples: what each series that a query selects says.
//!
//! Memory is bounded whatever is asked, but for a few words a person: numbers of days are read a batch of metrics or of
//! people at a time, points some weeks at a time ([`store::Points`]), and a [`Sink`] takes them as they come.

use std::collections::HashMap;

use domain::history::{Calendar, Gauge};
use domain::{Day, DayRange, Metric};
use jiff::{Timestamp, tz::TimeZone};
use store::{Column, Person, Store};

use super::matcher::Matchers;
use super::selection::{self, Selected};
use super::sink::Sink;
use super::view::{Instants, View, Window};
use crate::error::Error;

/// What a scraped series that ended says: an evaluation after it finds nothing. Prometheus knows this NaN by its bits.
pub(super) const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// Numbers of days read by one statement: two megabytes, and as much again while they are unpacked.
const DAYS_PER_BATCH: i64 = 100_000;

/// Samples handed on at a time, or a few more.
const BUFFER: usize = 4096;

/// One question, ready to be answered.
pub(super) struct HistoryQuery {
    pub(super) window: Window,
    pub(super) matchers: Matchers,
}

/// A person, and when their days begin and end.
struct Owner<'a> {
    person: &'a Person,
    calendar: Calendar,
}

/// Writes the response to one query into `sink`. `people` are those whom the caller may access.
pub(super) async fn answer_query(
    store: &Store,
    people: &[Person],
    question: &HistoryQuery,
    sink: &mut impl Sink,
) -> Result<(), Error> {
    let range = days(question.window);
    let owners = owners(people, &question.matchers)?;
    let groups = selection::groups(&question.matchers);
    // A column is a metric of a person.
    let a_column = if question.window.existence { ZONE_MARGIN_DAYS + 1 } else { range.len() };
    let room = usize::try_from(DAYS_PER_BATCH / a_column).unwrap_or_default();
    let mut rest = groups.as_slice();
    while !rest.is_empty() {
        // All people of one name come before the next name; several names are read together where all people fit.
        let (together, later) = rest.split_at(fitting(rest, room / owners.len().max(1)));
        rest = later;
        let metrics: Vec<_> = together.iter().flat_map(|group| selection::daily(group)).collect();
        for owners in owners.chunks((room / metrics.len().max(1)).max(1)) {
            let columns = read(store, owners, &metrics, range, question.window).await?;
            let mut place = 0;
            for group in together {
                for (owner, columns) in owners.iter().zip(&columns) {
                    let mut columns = columns.iter().skip(place);
                    for selected in group {
                        if selected.metric.is_series() {
                            points(store, owner, selected, question.window, sink).await?;
                        } else if let Some(column) = columns.next() {
                            numbers(owner, selected, column, question.window, sink).await?;
                        }
                    }
                }
                place += selection::daily(group).count();
            }
        }
    }
    Ok(())
}

/// The people a query can be about. Most share a few time zones.
fn owners<'a>(people: &'a [Person], matchers: &Matchers) -> Result<Vec<Owner<'a>>, Error> {
    let mut calendars: HashMap<&str, Calendar> = HashMap::new();
    let mut owners = Vec::new();
    for person in people.iter().filter(|person| matchers.allow_person(person.name.as_str())) {
        let known = calendars.get(person.time_zone.as_str()).cloned();
        let calendar = match known {
            Some(calendar) => calendar,
            None => Calendar::new(TimeZone::get(&person.time_zone).map_err(Error::TimeZone)?),
        };
        calendars.entry(&person.time_zone).or_insert_with(|| calendar.clone());
        owners.push(Owner { person, calendar });
    }
    Ok(owners)
}

/// How many of these groups, at least one, have so many columns a person at most.
fn fitting(groups: &[Vec<Selected>], columns: usize) -> usize {
    let mut metrics = 0;
    let fit = groups.iter().take_while(|group| {
        metrics += selection::daily(group).count();
        metrics <= columns
    });
    fit.count().max(1)
}

/// The days whose numbers can show in a window, whatever the zone.
fn days(window: Window) -> DayRange {
    let (least, most) = (Day::FIRST.midnight_utc(), Day::LAST.midnight_utc());
    let at = |ms: i64| {
        let ms = ms.clamp(least.as_millisecond(), most.as_millisecond());
        Day::at(Timestamp::from_millisecond(ms).unwrap_or(least), &TimeZone::UTC)
    };
    DayRange::new(at(window.start).plus(-2), at(window.end).plus(2)).expect("BUG: the window is not empty")
}

/// The first so many days that can show in a window, whatever the zone, may end before it begins.
const ZONE_MARGIN_DAYS: i64 = 5;

/// What the store has of some metrics, a column each, for each person. Where only existence is asked, no more than it
/// takes to know: the days at the window's beginning, which it may cut off, and the first day after them.
async fn read(
    store: &Store,
    owners: &[Owner<'_>],
    metrics: &[&'static Metric],
    range: DayRange,
    window: Window,
) -> Result<Vec<Vec<Column>>, Error> {
    let people: Vec<i64> = owners.iter().map(|owner| owner.person.id).collect();
    if !window.existence || range.len() <= ZONE_MARGIN_DAYS {
        return Ok(store.daily_of_people(&people, metrics, range).await?);
    }
    let head = DayRange::ending(range.first().plus(ZONE_MARGIN_DAYS - 1), ZONE_MARGIN_DAYS);
    let rest = DayRange::ending(range.last(), range.len() - ZONE_MARGIN_DAYS);
    let mut columns = store.daily_of_people(&people, metrics, head).await?;
    let after = store.first_daily_of_people(&people, metrics, rest).await?;
    for (column, first) in columns.iter_mut().flatten().zip(after.into_iter().flatten()) {
        column.extend(first);
    }
    Ok(columns)
}

/// The series of one row of numbers of days.
async fn numbers(
    owner: &Owner<'_>,
    selected: &Selected,
    column: &Column,
    window: Window,
    sink: &mut impl Sink,
) -> Result<(), Error> {
    for gauge in &selected.gauges {
        let mut series = Series::new(sink, *gauge, owner.person.name.as_str(), window);
        // Where the day before ended.
        let mut ended: Option<(Day, i64)> = None;
        for (n, (day, value)) in column.iter().enumerate() {
            let value = gauge.value(*value);
            match window.view {
                View::Points => series.add(owner.calendar.sample(*day), value),
                View::Held(instants) => {
                    let next = day.plus(1);
                    let from = match ended {
                        Some((end, midnight)) if end == *day => midnight,
                        _ => owner.calendar.midnight(*day),
                    };
                    let until = owner.calendar.midnight(next);
                    ended = Some((next, until));
                    let (first, last) = (from.max(window.start), (until - 1).min(window.end));
                    for at in instants.of_day(from, first, last) {
                        series.add(at, value);
                    }
                    // Nothing is known of the next day, so nothing holds from its midnight on.
                    if column.get(n + 1).is_none_or(|(known, _)| *known != next) {
                        series.add(until, STALE);
                    }
                }
            }
            if series.is_full() {
                series.flush().await?;
            }
            if series.is_enough() {
                break;
            }
        }
        series.end().await?;
    }
    Ok(())
}

/// The series of one row of points within the day.
async fn points(
    store: &Store,
    owner: &Owner<'_>,
    selected: &Selected,
    window: Window,
    sink: &mut impl Sink,
) -> Result<(), Error> {
    let (person, metric) = (owner.person, selected.metric);
    let Some(gauge) = selected.gauges.first() else { return Ok(()) };
    let mut points = store.points(person.id, metric, days(window)).await?;
    let mut series = Series::new(sink, *gauge, person.name.as_str(), window);
    let mut pending: Option<(i64, f64)> = None;
    let mut read = Vec::new();
    while !series.is_enough() && points.next(&mut read).await? {
        for point in &read {
            if let Some(before) = pending.replace(*point)
                && serves(window, before.0, point.0)
            {
                series.add(before.0, before.1);
                if series.is_full() {
                    series.flush().await?;
                }
            }
        }
    }
    if let Some(last) = pending.filter(|last| serves(window, last.0, i64::MAX)) {
        series.add(last.0, last.1);
    }
    series.end().await
}

/// Whether a point that is followed by another at `next` is the newest at any instant of the window.
fn serves(window: Window, at: i64, next: i64) -> bool {
    match window.view {
        View::Points | View::Held(Instants::Every(_)) => true,
        View::Held(instants) => instants.any(at, next.saturating_sub(1).min(window.end)),
    }
}

/// One series on its way into a sink; a series without samples in the window is not mentioned.
struct Series<'a, S> {
    sink: &'a mut S,
    gauge: Gauge,
    person: &'a str,
    window: Window,
    buffer: Vec<(i64, f64)>,
    begun: bool,
    /// Samples of an older revision of the same instant, or out of order, are not sent.
    last: i64,
}

impl<'a, S: Sink> Series<'a, S> {
    fn new(sink: &'a mut S, gauge: Gauge, person: &'a str, window: Window) -> Self {
        Self { sink, gauge, person, window, buffer: Vec::new(), begun: false, last: i64::MIN }
    }

    fn add(&mut self, at: i64, value: f64) {
        let first = !self.begun && self.buffer.is_empty();
        // An end before anything has been said says nothing.
        if at < self.window.start || at > self.window.end || at <= self.last || (first && value.is_nan()) {
            return;
        }
        self.last = at;
        self.buffer.push((at, value));
    }

    fn is_full(&self) -> bool {
        self.buffer.len() >= BUFFER
    }

    fn is_enough(&self) -> bool {
        self.window.existence && (self.begun || !self.buffer.is_empty())
    }

    async fn flush(&mut self) -> Result<(), Error> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        if !std::mem::replace(&mut self.begun, true) {
            self.sink.begin(self.gauge.labels(self.person)).await?;
        }
        self.sink.push(&self.buffer).await?;
        self.buffer.clear();
        Ok(())
    }

    async fn end(mut self) -> Result<(), Error> {
        if self.window.existence {
            self.buffer.truncate(1);
        }
        self.flush().await?;
        if self.begun { self.sink.end().await } else { Ok(()) }
    }
}
