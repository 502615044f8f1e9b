//! From the store to samples: which series a query selects, in the order Prometheus sorts them, and what each says.
//!
//! Memory is bounded whatever is asked: numbers of days are read a batch of people at a time, points some weeks at a
//! time ([`store::Points`]), and a [`Sink`] takes them as they come.

use std::collections::HashMap;

use domain::history::{Calendar, Gauge};
use domain::{Day, DayRange, METRICS, Metric};
use jiff::{Timestamp, tz::TimeZone};
use store::{Person, Store};

use super::matcher::Matchers;
use super::sink::Sink;
use super::view::{Instants, View, Window};
use crate::error::Error;

/// What a scraped series that ended says: an evaluation after it finds nothing. Prometheus knows this NaN by its bits.
pub(super) const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// Numbers of days read by one statement: two megabytes.
const DAYS_A_BATCH: i64 = 100_000;

/// Samples handed on at a time, or a few more.
const BUFFER: usize = 4096;

/// One question, ready to be answered.
pub(super) struct Question {
    pub(super) window: Window,
    pub(super) matchers: Matchers,
}

/// A person, with the instants at which his days begin.
struct Owner {
    person: Person,
    calendar: Calendar,
    first: Day,
    /// By day from `first`; computed once, and only where needed.
    midnights: Vec<Option<i64>>,
}

impl Owner {
    fn midnight(&mut self, day: Day) -> i64 {
        let known = usize::try_from(day.since(self.first)).ok().and_then(|n| self.midnights.get_mut(n));
        match known {
            Some(midnight) => *midnight.get_or_insert_with(|| self.calendar.midnight(day)),
            None => self.calendar.midnight(day),
        }
    }
}

/// Answers one question into `sink`. `people` are those whom the one who asks may see.
pub(super) async fn answer(
    store: &Store,
    people: &[Person],
    question: &Question,
    sink: &mut impl Sink,
) -> Result<(), Error> {
    let range = days(question.window);
    let days_known = usize::try_from(range.len() + 1).unwrap_or_default();
    let mut owners = Vec::new();
    for person in people.iter().filter(|person| question.matchers.allow_person(person.name.as_str())) {
        let zone = TimeZone::get(&person.time_zone).map_err(Error::TimeZone)?;
        let calendar = Calendar::new(zone);
        owners.push(Owner { person: person.clone(), calendar, first: range.first(), midnights: Vec::new() });
    }
    let batch = usize::try_from(DAYS_A_BATCH / range.len()).unwrap_or_default().max(1);
    for group in groups(&question.matchers) {
        for owners in owners.chunks_mut(batch) {
            for owner in owners.iter_mut().filter(|owner| owner.midnights.is_empty()) {
                owner.midnights = vec![None; days_known];
            }
            let daily = read_daily(store, owners, &group, range).await?;
            for owner in owners {
                for selected in &group {
                    if selected.metric.is_series() {
                        points(store, owner, selected, question.window, sink).await?;
                    } else if let Some(values) = daily.get(&(selected.metric.key, owner.person.id)) {
                        numbers(owner, selected, values, question.window, sink).await?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// A row of the catalogue with those of its series that are asked for.
struct Selected {
    metric: &'static Metric,
    gauges: Vec<Gauge>,
}

/// What is asked for, so that walking the groups in order, in each the people, and for each the rows, meets the series
/// in the order of their labels. A label that sorts after `person` (stage, type) varies within a person.
fn groups(matchers: &Matchers) -> Vec<Vec<Selected>> {
    let mut rows: Vec<(String, Selected)> = METRICS
        .iter()
        .map(|metric| {
            let mut gauges: Vec<Gauge> =
                Gauge::of(metric).filter(|gauge| matchers.allow_gauge(*gauge)).collect();
            gauges.sort_by_key(|gauge| gauge.state.map(|state| metric.states()[state]));
            (metric.name(), Selected { metric, gauges })
        })
        .filter(|(_, selected)| !selected.gauges.is_empty())
        .collect();
    let label = |selected: &Selected| selected.metric.label.map_or("", |label| label.value);
    rows.sort_by(|a, b| (&a.0, label(&a.1)).cmp(&(&b.0, label(&b.1))));
    let mut groups: Vec<(String, Vec<Selected>)> = Vec::new();
    for (name, selected) in rows {
        let within = selected.metric.label.is_some_and(|label| label.name > "person");
        match groups.last_mut().filter(|(last, _)| within && *last == name) {
            Some((_, group)) => group.push(selected),
            None => groups.push((name, vec![selected])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
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

type Values = Vec<(Day, f64)>;

async fn read_daily(
    store: &Store,
    owners: &[Owner],
    group: &[Selected],
    range: DayRange,
) -> Result<HashMap<(&'static str, i64), Values>, Error> {
    let people: Vec<i64> = owners.iter().map(|owner| owner.person.id).collect();
    let metrics: Vec<_> =
        group.iter().map(|selected| selected.metric).filter(|metric| !metric.is_series()).collect();
    let columns = store.daily_of_people(&people, &metrics, range).await?;
    let person = |(person, columns): (i64, Vec<Values>)| {
        metrics.iter().zip(columns).map(move |(metric, column)| ((metric.key, person), column))
    };
    Ok(people.into_iter().zip(columns).flat_map(person).collect())
}

/// The series of one row of numbers of days.
async fn numbers(
    owner: &mut Owner,
    selected: &Selected,
    values: &[(Day, f64)],
    window: Window,
    sink: &mut impl Sink,
) -> Result<(), Error> {
    let name = owner.person.name.clone();
    for gauge in &selected.gauges {
        let mut series = Series::new(sink, *gauge, name.as_str(), window);
        for (n, (day, value)) in values.iter().enumerate() {
            let value = gauge.value(*value);
            match window.view {
                View::Points => series.add(owner.calendar.sample(*day), value),
                View::Held(instants) => {
                    let (from, until) = (owner.midnight(*day), owner.midnight(day.plus(1)));
                    let (first, last) = (from.max(window.start), (until - 1).min(window.end));
                    for at in instants.of_day(from, first, last) {
                        series.add(at, value);
                    }
                    // Nothing is known of the next day, so nothing holds from its midnight on.
                    if values.get(n + 1).is_none_or(|(next, _)| *next != day.plus(1)) {
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
    owner: &Owner,
    selected: &Selected,
    window: Window,
    sink: &mut impl Sink,
) -> Result<(), Error> {
    let (person, metric) = (&owner.person, selected.metric);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_come_in_the_order_of_their_labels() {
        let matchers = Matchers::new(Vec::new()).unwrap();
        let mut met = Vec::new();
        for group in groups(&matchers) {
            for person in ["ann", "me"] {
                for gauge in group.iter().flat_map(|selected| &selected.gauges) {
                    met.push(gauge.labels(person));
                }
            }
        }
        assert_eq!(met.len(), 2 * Gauge::all().count());
        assert!(met.is_sorted_by(|a, b| a < b), "{:?}", met.windows(2).find(|pair| pair[0] >= pair[1]));
    }
}
