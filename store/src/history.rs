//! Long ranges of numbers, for whoever turns history into time series.

use std::collections::VecDeque;

use domain::{Day, DayRange, Metric};
use jiff_sqlx::ToSqlx;
use sqlx::QueryBuilder;
use tokio::task::JoinSet;

use crate::Store;
use crate::backend::{Backend, with_pool};
use crate::error::{Error, Result};
use crate::sync::{self, DateColumn};

mod digits;

/// A number of a day, and whose it is.
pub type PersonDay = (i64, Day, f64);

impl Store {
    /// The values of one metric of several people in a range of days, in order of person and day: one index range a
    /// person, one statement for all. The caller bounds how many people times days that is.
    pub async fn daily_of_people(
        &self,
        people: &[i64],
        metric: &'static Metric,
        range: DayRange,
    ) -> Result<Vec<PersonDay>> {
        if people.is_empty() {
            return Ok(Vec::new());
        }
        macro_rules! query {
            ($db:ty, $what:literal, $order:literal) => {{
                let what = concat!("select ", $what, " from daily where person in (");
                let mut query = QueryBuilder::<$db>::new(what);
                let mut list = query.separated(", ");
                for person in people {
                    list.push_bind(*person);
                }
                query.push(") and metric = ").push_bind(metric.key);
                query.push(" and day between ").push_bind(range.first().date().to_sqlx());
                query.push(" and ").push_bind(range.last().date().to_sqlx());
                query.push($order);
                query
            }};
        }
        match &self.backend {
            Backend::Postgres(pool) => {
                let mut query = query!(sqlx::Postgres, "person, day, value", " order by person, day");
                let rows: Vec<(i64, jiff_sqlx::Date, f64)> = query.build_query_as().fetch_all(pool).await?;
                rows.into_iter().map(|(person, date, value)| Ok((person, sync::day(date)?, value))).collect()
            }
            // Rows come one by one from another thread, which takes longer than to read them; a person's days come as
            // one. `quote` writes the digits that make the same number again, and whole numbers are written faster.
            Backend::Sqlite { read, .. } => {
                let mut query = query!(
                    sqlx::Sqlite,
                    "person, group_concat(day), group_concat(case when value = cast(value as integer) \
                     then cast(value as integer) else quote(value) end)",
                    " group by person order by person"
                );
                let rows: Vec<(i64, String, String)> = query.build_query_as().fetch_all(read).await?;
                let mut values =
                    Vec::with_capacity(rows.iter().map(|(_, days, _)| days.len() / 11 + 1).sum());
                for (person, days, numbers) in rows {
                    unfold(&days, &numbers, |day, value| values.push((person, day, value)))?;
                }
                // The index is read in this order; nothing but the index says so.
                if !values.is_sorted_by_key(|(person, day, _)| (*person, *day)) {
                    values.sort_by_key(|(person, day, _)| (*person, *day));
                }
                Ok(values)
            }
        }
    }

    /// From the first to the last day under which points of a metric are filed; two index probes.
    pub async fn series_extent(&self, person: i64, metric: &'static Metric) -> Result<Option<DayRange>> {
        let (first, last): (DateColumn, DateColumn) = with_pool!(self, pool => {
            sqlx::query_as(
                "select (select min(day) from series where person = $1 and metric = $2),
                        (select max(day) from series where person = $1 and metric = $2)",
            )
            .bind(person)
            .bind(metric.key)
            .fetch_one(pool)
            .await?
        });
        let (Some(first), Some(last)) = (first, last) else { return Ok(None) };
        Ok(DayRange::new(sync::day(first)?, sync::day(last)?).ok())
    }

    /// From the first to the last day on which a metric has a value; two index probes.
    pub async fn daily_extent(&self, person: i64, metric: &'static Metric) -> Result<Option<DayRange>> {
        let (first, last): (DateColumn, DateColumn) = with_pool!(self, pool => {
            sqlx::query_as(
                "select (select min(day) from daily where person = $1 and metric = $2),
                        (select max(day) from daily where person = $1 and metric = $2)",
            )
            .bind(person)
            .bind(metric.key)
            .fetch_one(pool)
            .await?
        });
        let (Some(first), Some(last)) = (first, last) else { return Ok(None) };
        Ok(DayRange::new(sync::day(first)?, sync::day(last)?).ok())
    }
}

/// Days and their numbers, each a list with commas.
pub(crate) fn unfold(days: &str, numbers: &str, mut each: impl FnMut(Day, f64)) -> Result<()> {
    let corrupt = || Error::Corrupt { what: "daily" };
    let mut numbers = numbers.split(',');
    for day in days.split(',') {
        let number = numbers.next().ok_or_else(corrupt)?;
        let value = digits::number(number.as_bytes()).or_else(|| number.parse().ok());
        each(day.parse().map_err(|_| corrupt())?, value.ok_or_else(corrupt)?);
    }
    if numbers.next().is_some() { Err(corrupt()) } else { Ok(()) }
}

/// Days of points read by one statement: bounds the memory.
const DAYS_OF_POINTS: i64 = 45;

/// A night begins the evening before the day it is filed under and may reach into the next; so do journeys.
const MARGIN: i64 = 3;

/// The points of one metric of one person, oldest first, some weeks at a time; the next weeks are read meanwhile.
pub struct Points {
    source: Source,
    ahead: VecDeque<DayRange>,
    /// The range at the head of `ahead`, once it is asked for. Ends with this.
    reading: JoinSet<Result<Vec<(i64, f64)>>>,
    /// Read, but documents of later days may bring points that come before.
    open: Vec<(i64, f64)>,
    last: i64,
}

#[derive(Clone)]
struct Source {
    store: Store,
    person: i64,
    metric: &'static Metric,
}

/// Where points start, how they are spaced, and they.
type PointsRow = (jiff_sqlx::Timestamp, Option<i64>, Option<String>, String);

impl Store {
    /// The points measured in a range of UTC days, and up to [`MARGIN`] days around it.
    pub async fn points(&self, person: i64, metric: &'static Metric, range: DayRange) -> Result<Points> {
        let asked = range.padded(MARGIN);
        let known = self.series_extent(person, metric).await?.and_then(|extent| {
            DayRange::new(asked.first().max(extent.first()), asked.last().min(extent.last())).ok()
        });
        let ahead = known.map_or_else(Vec::new, |range| range.chunks(DAYS_OF_POINTS)).into();
        let source = Source { store: self.clone(), person, metric };
        Ok(Points { source, ahead, reading: JoinSet::new(), open: Vec::new(), last: i64::MIN })
    }
}

impl Points {
    /// Replaces `into` by the next points: Unix milliseconds, each later than all before, and values. `false` at the end.
    /// Where documents overlap in one instant, the later document counts.
    pub async fn next(&mut self, into: &mut Vec<(i64, f64)>) -> Result<bool> {
        into.clear();
        while into.is_empty() {
            self.read_ahead();
            let read = self.reading.join_next().await;
            let Some((chunk, read)) = self.ahead.pop_front().zip(read) else { return Ok(false) };
            // It neither panics nor is aborted before this ends: the runtime is.
            let read = read.map_err(|_| sqlx::Error::WorkerCrashed)??;
            self.read_ahead();
            self.open.extend(read);
            if !self.open.is_sorted_by_key(|(at, _)| *at) {
                self.open.sort_by_key(|(at, _)| *at);
            }
            let closed = chunk.last().plus(-MARGIN).midnight_utc().as_millisecond();
            let ready = if self.ahead.is_empty() {
                self.open.len()
            } else {
                self.open.partition_point(|(at, _)| *at < closed)
            };
            for (at, value) in self.open.drain(..ready) {
                if at > self.last {
                    into.push((at, value));
                    self.last = at;
                } else if let Some(same) = into.last_mut().filter(|same| same.0 == at) {
                    same.1 = value;
                }
            }
        }
        Ok(true)
    }

    /// What comes next is read and unpacked while the caller works on what he has.
    fn read_ahead(&mut self) {
        if let Some(range) = self.ahead.front().filter(|_| self.reading.is_empty()) {
            let (source, range) = (self.source.clone(), *range);
            self.reading.spawn(async move { source.read(range).await });
        }
    }
}

impl Source {
    /// All points of the documents of these days, in order of document.
    async fn read(&self, range: DayRange) -> Result<Vec<(i64, f64)>> {
        let rows: Vec<PointsRow> = with_pool!(self.store, pool => {
            sqlx::query_as(
                "select start_at, step_ms, offsets_ms, points from series
                 where person = $1 and metric = $2 and day between $3 and $4 order by day, start_at",
            )
            .bind(self.person)
            .bind(self.metric.key)
            .bind(range.first().date().to_sqlx())
            .bind(range.last().date().to_sqlx())
            .fetch_all(pool)
            .await?
        });
        let (mut points, mut values, mut offsets) = (Vec::new(), Vec::new(), Vec::new());
        for (start, step, listed, numbers) in rows {
            let corrupt = |_| Error::Corrupt { what: "series" };
            values.clear();
            if digits::numbers(&numbers, &mut values).is_none() {
                values = serde_json::from_str(&numbers).map_err(corrupt)?;
            }
            offsets.clear();
            match (step, listed) {
                (Some(step), None) => {
                    let even = (0..values.len()).map_while(|n| step.checked_mul(i64::try_from(n).ok()?));
                    offsets.extend(even);
                }
                (None, Some(listed)) => {
                    if digits::wholes(&listed, &mut offsets).is_none() {
                        offsets = serde_json::from_str(&listed).map_err(corrupt)?;
                    }
                }
                _ => return Err(Error::Corrupt { what: "series" }),
            }
            let start = start.to_jiff().as_millisecond();
            let known = offsets.iter().zip(&values);
            points.extend(known.filter_map(|(offset, value)| Some((start.checked_add(*offset)?, (*value)?))));
        }
        Ok(points)
    }
}
