//! Many metrics at once: one statement for all of them, however many there are.

use std::collections::HashMap;

use domain::{Day, DayRange, Metric};
use jiff_sqlx::ToSqlx;
use sqlx::QueryBuilder;

use crate::Store;
use crate::backend::{Backend, with_pool};
use crate::error::{Error, Result};
use crate::history::unfold;
use crate::numbers::{SeriesRow, StoredSeries, stored_series};
use crate::sync;

/// The days of one metric that have a value, in order of day.
pub type Column = Vec<(Day, f64)>;

/// What is stored of one metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// Which number.
    pub metric: &'static Metric,
    /// From the first to the last day that has a value.
    pub range: DayRange,
    /// Days that have one.
    pub days: i64,
}

/// A row of `series` behind its metric.
type KeyedRow = (String, jiff_sqlx::Date, jiff_sqlx::Timestamp, Option<i64>, Option<String>, String);

/// Where each metric stands in the question.
fn places(metrics: &[&'static Metric]) -> HashMap<&'static str, usize> {
    metrics.iter().enumerate().map(|(place, metric)| (metric.key, place)).collect()
}

/// A statement about some metrics of one person in a range of days.
macro_rules! asked {
    ($db:ty, $what:expr, $person:expr, $metrics:expr, $range:expr, $end:expr) => {{
        let mut query = QueryBuilder::<$db>::new($what);
        query.push(" where person = ").push_bind($person).push(" and metric in (");
        let mut list = query.separated(", ");
        for metric in $metrics {
            list.push_bind(metric.key);
        }
        query.push(") and day between ").push_bind($range.first().date().to_sqlx());
        query.push(" and ").push_bind($range.last().date().to_sqlx());
        query.push($end);
        query
    }};
}

impl Store {
    /// The values of several metrics in a range of days, a column each, in the order asked.
    pub async fn daily_of(
        &self,
        person: i64,
        metrics: &[&'static Metric],
        range: DayRange,
    ) -> Result<Vec<Column>> {
        let places = places(metrics);
        let place = |key: &str| places.get(key).copied().ok_or(Error::Corrupt { what: "metric" });
        let mut columns: Vec<Column> = metrics.iter().map(|_| Column::new()).collect();
        if metrics.is_empty() {
            return Ok(columns);
        }
        match &self.backend {
            Backend::Postgres(pool) => {
                let what = "select metric, day, value from daily";
                let mut query = asked!(sqlx::Postgres, what, person, metrics, range, " order by metric, day");
                let rows: Vec<(String, jiff_sqlx::Date, f64)> =
                    query.build_query_as().persistent(false).fetch_all(pool).await?;
                for (key, date, value) in rows {
                    columns[place(&key)?].push((sync::day(date)?, value));
                }
            }
            // A row a metric, for the reason that `daily_of_people` gives.
            Backend::Sqlite { read, .. } => {
                let what = "select metric, group_concat(day), group_concat(case when value = cast(value as integer) \
                            then cast(value as integer) else quote(value) end) from daily";
                let mut query = asked!(sqlx::Sqlite, what, person, metrics, range, " group by metric");
                let rows: Vec<(String, String, String)> =
                    query.build_query_as().persistent(false).fetch_all(read).await?;
                for (key, days, numbers) in rows {
                    let column = &mut columns[place(&key)?];
                    unfold(&days, &numbers, |day, value| column.push((day, value)))?;
                    if !column.is_sorted_by_key(|(day, _)| *day) {
                        column.sort_by_key(|(day, _)| *day);
                    }
                }
            }
        }
        Ok(columns)
    }

    /// The points of several metrics whose documents belong to a range of days, in order of metric as asked, day and
    /// start.
    pub async fn series_of(
        &self,
        person: i64,
        metrics: &[&'static Metric],
        range: DayRange,
    ) -> Result<Vec<StoredSeries>> {
        if metrics.is_empty() {
            return Ok(Vec::new());
        }
        let places = places(metrics);
        let rows: Vec<KeyedRow> = with_pool!(self, pool, Db => {
            let what = "select metric, day, start_at, step_ms, offsets_ms, points from series";
            let mut query = asked!(Db, what, person, metrics, range, " order by metric, day, start_at");
            query.build_query_as().persistent(false).fetch_all(pool).await?
        });
        let mut found = Vec::with_capacity(rows.len());
        for (key, day, start, step, offsets, points) in rows {
            let place = places.get(key.as_str()).copied().ok_or(Error::Corrupt { what: "metric" })?;
            let row: SeriesRow = (day, start, step, offsets, points);
            found.push((place, stored_series(metrics[place], row)?));
        }
        found.sort_by_key(|(place, _)| *place);
        Ok(found.into_iter().map(|(_, stored)| stored).collect())
    }

    /// What is stored of each metric that has anything, in order of metric. Reads every key of one person: for people
    /// who ask, not for scrapes.
    pub async fn extents(&self, person: i64) -> Result<Vec<Extent>> {
        let rows: Vec<(String, jiff_sqlx::Date, jiff_sqlx::Date, i64)> = with_pool!(self, pool => {
            sqlx::query_as(
                "select metric, min(day), max(day), count(*) from daily where person = $1 group by metric
                 union all
                 select metric, min(day), max(day), count(distinct day) from series where person = $1 group by metric
                 order by 1",
            )
            .bind(person)
            .fetch_all(pool)
            .await?
        });
        let extent = |(key, first, last, days): (String, _, _, i64)| {
            // A metric of a newer version is not ours to show.
            let Some(metric) = Metric::by_key(&key) else { return Ok(None) };
            let range = DayRange::new(sync::day(first)?, sync::day(last)?);
            Ok(Some(Extent { metric, range: range.map_err(|_| Error::Corrupt { what: "day" })?, days }))
        };
        rows.into_iter().filter_map(|row| extent(row).transpose()).collect()
    }
}
