//! Many metrics and people at once: one statement for all of them, however many there are.

use std::collections::HashMap;

use domain::{Day, DayRange, Metric};
use jiff_sqlx::ToSqlx;
use serde_json::Value;
use sqlx::QueryBuilder;

use crate::Store;
use crate::backend::{Backend, with_pool};
use crate::error::{Error, Result};
use crate::read::json_numbers;
use crate::read::numbers::{SeriesRow, StoredSeries, stored_series};
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

/// Columns being filled by rows that come in any order.
struct Columns {
    people: HashMap<i64, usize>,
    metrics: HashMap<&'static str, usize>,
    filled: Vec<Vec<Column>>,
}

impl Columns {
    fn new(people: &[i64], metrics: &[&'static Metric]) -> Self {
        Self {
            people: people.iter().enumerate().map(|(place, person)| (*person, place)).collect(),
            metrics: positions(metrics),
            filled: vec![vec![Column::new(); metrics.len()]; people.len()],
        }
    }

    fn push(&mut self, person: i64, key: &str, mut column: Column) -> Result<()> {
        let place = self.people.get(&person).zip(self.metrics.get(key));
        let (person, metric) = place.ok_or(Error::Corrupt { what: "daily" })?;
        // The index is read in this order; nothing but the index says so.
        if !column.is_sorted_by_key(|(day, _)| *day) {
            column.sort_by_key(|(day, _)| *day);
        }
        self.filled[*person][*metric] = column;
        Ok(())
    }
}

/// Where each metric stands in the question.
fn positions(metrics: &[&'static Metric]) -> HashMap<&'static str, usize> {
    metrics.iter().enumerate().map(|(place, metric)| (metric.key, place)).collect()
}

fn keys(metrics: &[&'static Metric]) -> Vec<&'static str> {
    metrics.iter().map(|metric| metric.key).collect()
}

/// A list for SQLite, which takes none as a parameter: the text of a statement is one, however many are asked for.
fn json_list<T: Into<Value>>(list: Vec<T>) -> String {
    Value::from(list).to_string()
}

/// Days and their numbers, each a list with commas.
fn parse_pairs(days: &str, numbers: &str) -> Result<Column> {
    let corrupt = || Error::Corrupt { what: "daily" };
    let mut numbers = numbers.split(',');
    let mut column = Column::with_capacity(days.len() / 11 + 1);
    for day in days.split(',') {
        let number = numbers.next().ok_or_else(corrupt)?;
        let value = json_numbers::number(number.as_bytes()).or_else(|| number.parse().ok());
        column.push((day.parse().map_err(|_| corrupt())?, value.ok_or_else(corrupt)?));
    }
    if numbers.next().is_some() { Err(corrupt()) } else { Ok(column) }
}

impl Store {
    /// The values of several metrics of several people in a range of days: by person and then by metric, both in the
    /// order asked and none of them twice, a column each. One statement, one index range a column; the caller bounds how
    /// many people times metrics times days that is.
    pub async fn daily_of_people(
        &self,
        people: &[i64],
        metrics: &[&'static Metric],
        range: DayRange,
    ) -> Result<Vec<Vec<Column>>> {
        let mut columns = Columns::new(people, metrics);
        if people.is_empty() || metrics.is_empty() {
            return Ok(columns.filled);
        }
        let (first, last) = (range.first().date().to_sqlx(), range.last().date().to_sqlx());
        // Rows cost more than what is in them (SQLite's come one by one from another thread), so a row is a column.
        match &self.backend {
            Backend::Postgres(pool) => {
                let rows: Vec<(i64, String, Vec<jiff_sqlx::Date>, Vec<f64>)> = sqlx::query_as(
                    // Grouping all rows would sort them: the planner does not see that the index has them in order.
                    "select person, metric, days, numbers
                     from unnest($1::bigint[]) whose(person) cross join unnest($2::text[]) asked(metric)
                     cross join lateral (
                         select array_agg(day) as days, array_agg(value) as numbers from (
                             select day, value from daily d
                             where d.person = whose.person and d.metric = asked.metric and day between $3 and $4
                             order by day
                         ) ordered
                     ) found
                     where days is not null",
                )
                .bind(people)
                .bind(keys(metrics))
                .bind(first)
                .bind(last)
                .fetch_all(pool)
                .await?;
                for (person, key, dates, values) in rows {
                    let days = dates.into_iter().map(sync::day);
                    let column = days.zip(values).map(|(day, value)| Ok((day?, value)));
                    columns.push(person, &key, column.collect::<Result<_>>()?)?;
                }
            }
            // `quote` writes the digits that make the same number again, and whole numbers are written faster.
            Backend::Sqlite { read, .. } => {
                let rows: Vec<(i64, String, String, String)> = sqlx::query_as(
                    "select person, metric, group_concat(day),
                            group_concat(case when value = cast(value as integer) then cast(value as integer)
                                              else quote(value) end)
                     from daily
                     where person in (select value from json_each($1)) and metric in (select value from json_each($2))
                       and day between $3 and $4
                     group by person, metric",
                )
                .bind(json_list(people.to_vec()))
                .bind(json_list(keys(metrics)))
                .bind(first)
                .bind(last)
                .fetch_all(read)
                .await?;
                for (person, key, days, numbers) in rows {
                    columns.push(person, &key, parse_pairs(&days, &numbers)?)?;
                }
            }
        }
        Ok(columns.filled)
    }

    /// The first day of each of these columns; none where it is empty. One index probe a column.
    pub async fn first_daily_of_people(
        &self,
        people: &[i64],
        metrics: &[&'static Metric],
        range: DayRange,
    ) -> Result<Vec<Vec<Column>>> {
        let mut columns = Columns::new(people, metrics);
        if people.is_empty() || metrics.is_empty() {
            return Ok(columns.filled);
        }
        let (first, last) = (range.first().date().to_sqlx(), range.last().date().to_sqlx());
        let rows: Vec<(i64, String, jiff_sqlx::Date, f64)> = match &self.backend {
            Backend::Postgres(pool) => {
                sqlx::query_as(
                    "select whose.person, asked.metric, day, value
                     from unnest($1::bigint[]) whose(person) cross join unnest($2::text[]) asked(metric)
                     cross join lateral (
                         select day, value from daily d
                         where d.person = whose.person and d.metric = asked.metric and day between $3 and $4
                         order by day limit 1
                     ) found",
                )
                .bind(people)
                .bind(keys(metrics))
                .bind(first)
                .bind(last)
                .fetch_all(pool)
                .await?
            }
            // It knows no lateral join, and keeps the order of this one.
            Backend::Sqlite { read, .. } => {
                sqlx::query_as(
                    "select d.person, d.metric, d.day, d.value
                     from json_each($1) whose cross join json_each($2) asked cross join daily d
                     where d.person = whose.value and d.metric = asked.value and d.day = (
                         select min(day) from daily
                         where person = whose.value and metric = asked.value and day between $3 and $4
                     )",
                )
                .bind(json_list(people.to_vec()))
                .bind(json_list(keys(metrics)))
                .bind(first)
                .bind(last)
                .fetch_all(read)
                .await?
            }
        };
        for (person, key, date, value) in rows {
            columns.push(person, &key, vec![(sync::day(date)?, value)])?;
        }
        Ok(columns.filled)
    }

    /// The values of several metrics of one person in a range of days, a column each, in the order asked.
    pub async fn daily_of(
        &self,
        person: i64,
        metrics: &[&'static Metric],
        range: DayRange,
    ) -> Result<Vec<Column>> {
        let columns = self.daily_of_people(&[person], metrics, range).await?;
        Ok(columns.into_iter().next().unwrap_or_default())
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
        let places = positions(metrics);
        let rows: Vec<KeyedRow> = with_pool!(self, pool, Db => {
            let mut query = QueryBuilder::<Db>::new(
                "select metric, day, start_at, step_ms, offsets_ms, points from series where person = ",
            );
            query.push_bind(person).push(" and metric in (");
            let mut list = query.separated(", ");
            for key in keys(metrics) {
                list.push_bind(key);
            }
            query.push(") and day between ").push_bind(range.first().date().to_sqlx());
            query.push(" and ").push_bind(range.last().date().to_sqlx());
            query.push(" order by metric, day, start_at");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_ordered_for_any_row_order() {
        let [score, steps] = ["sleep_score", "activity_steps"].map(|key| Metric::by_key(key).unwrap());
        let mut columns = Columns::new(&[7, 3], &[steps, score]);
        let day = |n| Day::FIRST.plus(n);
        columns.push(3, "sleep_score", vec![(day(2), 2.0), (day(0), 0.0), (day(1), 1.0)]).unwrap();
        columns.push(7, "activity_steps", vec![(day(5), 5.0)]).unwrap();
        let ordered = vec![(day(0), 0.0), (day(1), 1.0), (day(2), 2.0)];
        assert_eq!(columns.filled, [[vec![(day(5), 5.0)], vec![]], [vec![], ordered]]);
        // What was not asked for is no answer.
        assert!(columns.push(4, "sleep_score", Column::new()).is_err());
        assert!(columns.push(3, "sleep_naps", Column::new()).is_err());
    }

    #[test]
    fn mismatched_days_and_values_are_corrupt() {
        let days = "2026-03-01,2026-03-02";
        let first: Day = "2026-03-01".parse().unwrap();
        let known = parse_pairs(days, "9.0e+999,-0.25").unwrap();
        assert_eq!(known, [(first, f64::INFINITY), (first.plus(1), -0.25)]);
        for (days, numbers) in [(days, "1"), (days, "1,2,3"), (days, "1,x"), ("2026-3-1", "1"), ("", "")] {
            assert!(parse_pairs(days, numbers).is_err(), "{days} {numbers}");
        }
    }
}
