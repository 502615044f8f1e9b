//! Long ranges of numbers, for whoever turns history into time series.

use std::collections::VecDeque;

use domain::{Day, DayRange, Metric};
use jiff_sqlx::ToSqlx;
use sqlx::QueryBuilder;

use crate::Store;
use crate::backend::{Backend, with_pool};
use crate::error::Result;
use crate::sync::{self, DateColumn};

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
        macro_rules! rows {
            ($pool:expr, $db:ty) => {{
                let mut query =
                    QueryBuilder::<$db>::new("select person, day, value from daily where person in (");
                let mut list = query.separated(", ");
                for person in people {
                    list.push_bind(*person);
                }
                query.push(") and metric = ").push_bind(metric.key);
                query.push(" and day between ").push_bind(range.first().date().to_sqlx());
                query.push(" and ").push_bind(range.last().date().to_sqlx());
                query.push(" order by person, day");
                query.build_query_as().fetch_all($pool).await?
            }};
        }
        if people.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<(i64, jiff_sqlx::Date, f64)> = match &self.backend {
            Backend::Postgres(pool) => rows!(pool, sqlx::Postgres),
            Backend::Sqlite { read, .. } => rows!(read, sqlx::Sqlite),
        };
        rows.into_iter().map(|(person, date, value)| Ok((person, sync::day(date)?, value))).collect()
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

/// Days of points read by one statement: bounds the memory.
const DAYS_OF_POINTS: i64 = 45;

/// A night begins the evening before the day it is filed under and may reach into the next; so do journeys.
const MARGIN: i64 = 3;

/// The points of one metric of one person, oldest first, some weeks at a time.
pub struct Points<'a> {
    store: &'a Store,
    person: i64,
    metric: &'static Metric,
    ahead: VecDeque<DayRange>,
    /// Read, but documents of later days may bring points that come before.
    open: Vec<(i64, f64)>,
    last: i64,
}

impl Store {
    /// The points measured in a range of UTC days, and up to [`MARGIN`] days around it.
    pub async fn points(&self, person: i64, metric: &'static Metric, range: DayRange) -> Result<Points<'_>> {
        let asked = range.padded(MARGIN);
        let known = self.series_extent(person, metric).await?.and_then(|extent| {
            DayRange::new(asked.first().max(extent.first()), asked.last().min(extent.last())).ok()
        });
        let ahead = known.map_or_else(Vec::new, |range| range.chunks(DAYS_OF_POINTS)).into();
        Ok(Points { store: self, person, metric, ahead, open: Vec::new(), last: i64::MIN })
    }
}

impl Points<'_> {
    /// Replaces `into` by the next points: Unix milliseconds, each later than all before, and values. `false` at the end.
    /// Where documents overlap in one instant, the later document counts.
    pub async fn next(&mut self, into: &mut Vec<(i64, f64)>) -> Result<bool> {
        into.clear();
        while into.is_empty() {
            let Some(chunk) = self.ahead.pop_front() else { return Ok(false) };
            for stored in self.store.series(self.person, self.metric, chunk).await? {
                self.open.extend(stored.series.points());
            }
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
}
