//! Long ranges of numbers, for whoever turns history into time series.

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
