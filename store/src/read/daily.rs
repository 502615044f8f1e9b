//! Numbers of days: of one metric, or of many metrics and people by one statement, however many there are.

use std::collections::HashMap;

use domain::{Day, DayRange, Metric};
use jiff_sqlx::{Date, ToSqlx};
use serde_json::Value;

use super::json_numbers;
use crate::Store;
use crate::connection::Reader;
use crate::error::{Error, Result};
use crate::sql::{read, row, select};
use crate::sync::{self, DateColumn};

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
        // The index is read in this order; no clause of the statement requires it.
        if !column.is_sorted_by_key(|(day, _)| *day) {
            column.sort_by_key(|(day, _)| *day);
        }
        self.filled[*person][*metric] = column;
        Ok(())
    }
}

/// The place of each metric in the request.
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

row! {
    struct DailyRow {
        day: Date,
        value: f64,
    }
}

row! {
    struct RangeRow {
        first: DateColumn = "(select min(day) from daily where person = $1 and metric = $2)",
        last: DateColumn = "(select max(day) from daily where person = $1 and metric = $2)",
    }
}

row! {
    /// A column as SQLite returns it: texts with commas. `quote` writes the digits that make the same number again, and
    /// whole numbers are written faster.
    struct ListRow {
        person: i64,
        metric: String,
        days: String = "group_concat(day)",
        numbers: String = "group_concat(case when value = cast(value as integer) then cast(value as integer)
                                             else quote(value) end)",
    }
}

row! {
    struct FirstRow {
        person: i64,
        metric: String,
        day: Date,
        value: f64,
    }
}

row! {
    struct ExtentRow {
        metric: String,
        first: Date,
        last: Date,
        days: i64,
    }
}

row! {
    /// A column as PostgreSQL returns it.
    struct ArrayRow {
        person: i64,
        metric: String,
        days: Vec<Date>,
        numbers: Vec<f64>,
    }
}

impl Store {
    /// The values of one metric in a range of days, in order of day; days without a value have no entry.
    pub async fn daily(
        &self,
        person: i64,
        metric: &'static Metric,
        range: DayRange,
    ) -> Result<Vec<(Day, f64)>> {
        let rows: Vec<DailyRow> = read!(
            self,
            query_as.fetch_all,
            select::<DailyRow>(
                "from daily where person = $1 and metric = $2 and day between $3 and $4 order by day"
            ),
            person,
            metric.key,
            range.first().date().to_sqlx(),
            range.last().date().to_sqlx()
        );
        rows.into_iter().map(|row| Ok((sync::day(row.day)?, row.value))).collect()
    }

    /// From the first to the last day on which a metric has a value; two index probes.
    pub async fn daily_extent(&self, person: i64, metric: &'static Metric) -> Result<Option<DayRange>> {
        let RangeRow { first, last } =
            read!(self, query_as.fetch_one, select::<RangeRow>(""), person, metric.key);
        let (Some(first), Some(last)) = (first, last) else { return Ok(None) };
        Ok(DayRange::new(sync::day(first)?, sync::day(last)?).ok())
    }
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
        match self.reader().await? {
            Reader::Postgres(mut connection) => {
                let rows: Vec<ArrayRow> = sqlx::query_as(select::<ArrayRow>(
                    // Grouping all rows would sort them: the planner does not see that the index has them in order.
                    "from unnest($1::bigint[]) whose(person) cross join unnest($2::text[]) asked(metric)
                     cross join lateral (
                         select array_agg(day) as days, array_agg(value) as numbers from (
                             select day, value from daily d
                             where d.person = whose.person and d.metric = asked.metric and day between $3 and $4
                             order by day
                         ) ordered
                     ) found
                     where days is not null",
                ))
                .bind(people)
                .bind(keys(metrics))
                .bind(first)
                .bind(last)
                .fetch_all(&mut connection)
                .await?;
                for row in rows {
                    let days = row.days.into_iter().map(sync::day);
                    let column = days.zip(row.numbers).map(|(day, value)| Ok((day?, value)));
                    columns.push(row.person, &row.metric, column.collect::<Result<_>>()?)?;
                }
            }
            Reader::Sqlite(mut connection) => {
                let rows: Vec<ListRow> = sqlx::query_as(select::<ListRow>(
                    "from daily
                     where person in (select value from json_each($1)) and metric in (select value from json_each($2))
                       and day between $3 and $4
                     group by person, metric",
                ))
                .bind(json_list(people.to_vec()))
                .bind(json_list(keys(metrics)))
                .bind(first)
                .bind(last)
                .fetch_all(&mut connection)
                .await?;
                for row in rows {
                    columns.push(row.person, &row.metric, parse_pairs(&row.days, &row.numbers)?)?;
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
        let rows: Vec<FirstRow> = match self.reader().await? {
            Reader::Postgres(mut connection) => {
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
                .fetch_all(&mut connection)
                .await?
            }
            // It knows no lateral join, and keeps the order of this one.
            Reader::Sqlite(mut connection) => {
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
                .fetch_all(&mut connection)
                .await?
            }
        };
        for row in rows {
            columns.push(row.person, &row.metric, vec![(sync::day(row.day)?, row.value)])?;
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

    /// What is stored of each metric that has anything, in order of metric. Reads every key of one person: for requests,
    /// not for scrapes.
    pub async fn extents(&self, person: i64) -> Result<Vec<Extent>> {
        let rows: Vec<ExtentRow> = read!(
            self,
            query_as.fetch_all,
            "select metric, min(day), max(day), count(*) from daily where person = $1 group by metric
             union all
             select metric, min(day), max(day), count(distinct day) from series where person = $1 group by metric
             order by 1",
            person
        );
        let extent = |row: ExtentRow| {
            // Metrics of a newer version are left out.
            let Some(metric) = Metric::by_key(&row.metric) else { return Ok(None) };
            let range = DayRange::new(sync::day(row.first)?, sync::day(row.last)?);
            let range = range.map_err(|_| Error::Corrupt { what: "day" })?;
            Ok(Some(Extent { metric, range, days: row.days }))
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
        // A row that was not requested is an error.
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
