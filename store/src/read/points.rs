//! Long ranges of numbers, for whoever turns history into time series.

use std::collections::VecDeque;

use domain::{DayRange, Metric};
use jiff_sqlx::ToSqlx;
use tokio::task::JoinSet;

use crate::Store;
use crate::backend::with_pool;
use crate::error::{Error, Result};
use crate::read::json_numbers;
use crate::sync::{self, DateColumn};

impl Store {
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

/// Days of points read by one statement: bounds the memory.
const DAYS_OF_POINTS: i64 = 45;

/// A night begins the evening before the day it is filed under and may reach into the next; so do journeys.
const DAY_MARGIN: i64 = 3;

/// The points of one metric of one person, oldest first, some weeks at a time; the next weeks are read meanwhile.
pub struct PointStream {
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
    /// The points measured in a range of UTC days, and up to [`DAY_MARGIN`] days around it.
    pub async fn points(&self, person: i64, metric: &'static Metric, range: DayRange) -> Result<PointStream> {
        let asked = range.padded(DAY_MARGIN);
        let known = self.series_extent(person, metric).await?.and_then(|extent| {
            DayRange::new(asked.first().max(extent.first()), asked.last().min(extent.last())).ok()
        });
        let ahead = known.map_or_else(Vec::new, |range| range.chunks(DAYS_OF_POINTS)).into();
        let source = Source { store: self.clone(), person, metric };
        Ok(PointStream { source, ahead, reading: JoinSet::new(), open: Vec::new(), last: i64::MIN })
    }
}

impl PointStream {
    /// Replaces `into` by the next points: Unix milliseconds, each later than all before, and values. `false` at the end.
    /// Where documents overlap in one instant, the later document counts.
    pub async fn next(&mut self, into: &mut Vec<(i64, f64)>) -> Result<bool> {
        into.clear();
        while into.is_empty() {
            self.prefetch();
            let read = self.reading.join_next().await;
            let Some((chunk, read)) = self.ahead.pop_front().zip(read) else { return Ok(false) };
            // It neither panics nor is aborted before this ends: the runtime is.
            let read = read.map_err(|_| sqlx::Error::WorkerCrashed)??;
            self.prefetch();
            self.open.extend(read);
            if !self.open.is_sorted_by_key(|(at, _)| *at) {
                self.open.sort_by_key(|(at, _)| *at);
            }
            let closed = chunk.last().plus(-DAY_MARGIN).midnight_utc().as_millisecond();
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
    fn prefetch(&mut self) {
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
            if json_numbers::parse_numbers(&numbers, &mut values).is_none() {
                values = serde_json::from_str(&numbers).map_err(corrupt)?;
            }
            offsets.clear();
            match (step, listed) {
                (Some(step), None) => {
                    let even = (0..values.len()).map_while(|n| step.checked_mul(i64::try_from(n).ok()?));
                    offsets.extend(even);
                }
                (None, Some(listed)) => {
                    if json_numbers::parse_integers(&listed, &mut offsets).is_none() {
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
