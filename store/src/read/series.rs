//! Points within a day, as they are stored: a row for each metric and document.

use std::collections::HashMap;

use domain::{Day, DayRange, Metric, Series, derive::Spacing};
use jiff_sqlx::{Date, ToSqlx};
use sqlx::QueryBuilder;

use crate::Store;
use crate::backend::with_pool;
use crate::error::{Error, Result};
use crate::sql::{Columns, read, row, select};
use crate::sync::{self, DateColumn};
use crate::time::Time;

/// Points of one metric, filed under the day of their document.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredSeries {
    /// The day of the document.
    pub day: Day,
    /// The points.
    pub series: Series,
}

row! {
    pub(crate) struct SeriesRow {
        metric: String,
        day: Date,
        start_at: Time,
        step_ms: Option<i64>,
        offsets_ms: Option<String>,
        points: String,
    }
}

row! {
    struct ExtentRow {
        first: DateColumn = "(select min(day) from series where person = $1 and metric = $2)",
        last: DateColumn = "(select max(day) from series where person = $1 and metric = $2)",
    }
}

impl SeriesRow {
    fn stored(self, metric: &'static Metric) -> Result<StoredSeries> {
        let corrupt = || Error::Corrupt { what: "series" };
        let spacing = match (self.step_ms, self.offsets_ms) {
            (Some(step), None) => Spacing::Even(step),
            (None, Some(offsets)) => Spacing::Each(serde_json::from_str(&offsets).map_err(|_| corrupt())?),
            _ => return Err(corrupt()),
        };
        let values = serde_json::from_str(&self.points).map_err(|_| corrupt())?;
        let series = Series { metric, start: self.start_at.get(), spacing, values };
        Ok(StoredSeries { day: sync::day(self.day)?, series })
    }
}

impl Store {
    /// The points of one metric whose documents belong to a range of days, in order of day and start.
    pub async fn series(
        &self,
        person: i64,
        metric: &'static Metric,
        range: DayRange,
    ) -> Result<Vec<StoredSeries>> {
        let rows: Vec<SeriesRow> = read!(
            self,
            query_as.fetch_all,
            select::<SeriesRow>(
                "from series where person = $1 and metric = $2 and day between $3 and $4 order by day, start_at"
            ),
            person,
            metric.key,
            range.first().date().to_sqlx(),
            range.last().date().to_sqlx()
        );
        rows.into_iter().map(|row| row.stored(metric)).collect()
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
        let places: HashMap<&str, usize> =
            metrics.iter().enumerate().map(|(place, metric)| (metric.key, place)).collect();
        let rows: Vec<SeriesRow> = with_pool!(self, pool, Db => {
            let mut query = QueryBuilder::<Db>::new(
                format!("select {} from series where person = ", SeriesRow::COLUMNS),
            );
            query.push_bind(person).push(" and metric in (");
            let mut list = query.separated(", ");
            for metric in metrics {
                list.push_bind(metric.key);
            }
            query.push(") and day between ").push_bind(range.first().date().to_sqlx());
            query.push(" and ").push_bind(range.last().date().to_sqlx());
            query.push(" order by metric, day, start_at");
            query.build_query_as().persistent(false).fetch_all(pool).await?
        });
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let place = places.get(row.metric.as_str()).copied().ok_or(Error::Corrupt { what: "metric" })?;
            found.push((place, row.stored(metrics[place])?));
        }
        found.sort_by_key(|(place, _)| *place);
        Ok(found.into_iter().map(|(_, stored)| stored).collect())
    }

    /// From the first to the last day under which points of a metric are filed; two index probes.
    pub async fn series_extent(&self, person: i64, metric: &'static Metric) -> Result<Option<DayRange>> {
        let ExtentRow { first, last } =
            read!(self, query_as.fetch_one, select::<ExtentRow>(""), person, metric.key);
        let (Some(first), Some(last)) = (first, last) else { return Ok(None) };
        Ok(DayRange::new(sync::day(first)?, sync::day(last)?).ok())
    }

    /// The newest day that has points of this metric; one index probe.
    pub async fn newest_series_day(&self, person: i64, metric: &'static Metric) -> Result<Option<Day>> {
        let newest: DateColumn = read!(
            self,
            query_scalar.fetch_one,
            "select max(day) from series where person = $1 and metric = $2",
            person,
            metric.key
        );
        newest.map(sync::day).transpose()
    }
}
