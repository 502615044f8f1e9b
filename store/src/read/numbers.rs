//! Numbers read back: the newest of each metric, days of a range, points of a range.

use domain::{Day, DayRange, Metric, Series, derive::Spacing};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;

use crate::Store;
use crate::backend::with_pool;
use crate::error::{Error, Result};
use crate::sync;

/// The newest value of one metric of one person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latest {
    /// Whose.
    pub person: i64,
    /// Which number.
    pub metric: &'static Metric,
    /// The day it belongs to.
    pub day: Day,
    /// For a point the instant it was measured; for a number of a day 00:00 UTC of that day.
    pub observed_at: Timestamp,
    /// In the metric's base unit.
    pub value: f64,
}

/// Points of one metric, filed under the day of their document.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredSeries {
    /// The day of the document.
    pub day: Day,
    /// The points.
    pub series: Series,
}

pub(crate) type LatestRow = (i64, String, jiff_sqlx::Date, jiff_sqlx::Timestamp, f64);
pub(crate) type SeriesRow = (jiff_sqlx::Date, jiff_sqlx::Timestamp, Option<i64>, Option<String>, String);

impl Store {
    /// The newest value of every metric of one person.
    pub async fn latest_of(&self, person: i64) -> Result<Vec<Latest>> {
        let rows: Vec<LatestRow> = with_pool!(self, pool => {
            sqlx::query_as(
                "select person, metric, day, observed_at, value from latest
                 where person = $1 and value is not null order by metric",
            )
            .bind(person)
            .fetch_all(pool)
            .await?
        });
        latest(rows)
    }

    /// The values of one metric in a range of days, in order of day; days without a value have no entry.
    pub async fn daily(
        &self,
        person: i64,
        metric: &'static Metric,
        range: DayRange,
    ) -> Result<Vec<(Day, f64)>> {
        let rows: Vec<(jiff_sqlx::Date, f64)> = with_pool!(self, pool => {
            sqlx::query_as(
                "select day, value from daily where person = $1 and metric = $2 and day between $3 and $4 order by day",
            )
            .bind(person)
            .bind(metric.key)
            .bind(range.first().date().to_sqlx())
            .bind(range.last().date().to_sqlx())
            .fetch_all(pool)
            .await?
        });
        rows.into_iter().map(|(date, value)| Ok((sync::day(date)?, value))).collect()
    }

    /// The points of one metric whose documents belong to a range of days, in order of day and start.
    pub async fn series(
        &self,
        person: i64,
        metric: &'static Metric,
        range: DayRange,
    ) -> Result<Vec<StoredSeries>> {
        let rows: Vec<SeriesRow> = with_pool!(self, pool => {
            sqlx::query_as(
                "select day, start_at, step_ms, offsets_ms, points from series
                 where person = $1 and metric = $2 and day between $3 and $4 order by day, start_at",
            )
            .bind(person)
            .bind(metric.key)
            .bind(range.first().date().to_sqlx())
            .bind(range.last().date().to_sqlx())
            .fetch_all(pool)
            .await?
        });
        rows.into_iter().map(|row| stored_series(metric, row)).collect()
    }
}

pub(crate) fn latest(rows: Vec<LatestRow>) -> Result<Vec<Latest>> {
    let mut latest = Vec::with_capacity(rows.len());
    for (person, key, day, observed_at, value) in rows {
        // A metric of a newer version is not ours to show.
        if let Some(metric) = Metric::by_key(&key) {
            latest.push(Latest {
                person,
                metric,
                day: sync::day(day)?,
                observed_at: observed_at.to_jiff(),
                value,
            });
        }
    }
    Ok(latest)
}

pub(crate) fn stored_series(metric: &'static Metric, row: SeriesRow) -> Result<StoredSeries> {
    let corrupt = || Error::Corrupt { what: "series" };
    let (date, start, step, offsets, points) = row;
    let spacing = match (step, offsets) {
        (Some(step), None) => Spacing::Even(step),
        (None, Some(offsets)) => Spacing::Each(serde_json::from_str(&offsets).map_err(|_| corrupt())?),
        _ => return Err(corrupt()),
    };
    let values = serde_json::from_str(&points).map_err(|_| corrupt())?;
    Ok(StoredSeries {
        day: sync::day(date)?,
        series: Series { metric, start: start.to_jiff(), spacing, values },
    })
}
