//! The newest values: those of a few people at a time, and of which people they changed. The work is constant for each
//! person, however many there are.

use domain::{Day, Metric, Ring};
use jiff::Timestamp;
use jiff_sqlx::Date;
use sqlx::{Encode, QueryBuilder, Type};

use crate::Store;
use crate::backend::with_pool;
use crate::error::Result;
use crate::people::{Person, PersonRow};
use crate::sql::{Columns, read, row, select};
use crate::sync::{self, StateRow, SyncState};
use crate::time::Time;

/// The newest value of one metric of one person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latest {
    /// The person.
    pub person: i64,
    /// The metric.
    pub metric: &'static Metric,
    /// The day it belongs to.
    pub day: Day,
    /// For a point the instant it was measured; for a number of a day 00:00 UTC of that day.
    pub observed_at: Timestamp,
    /// In the metric's base unit.
    pub value: f64,
}

row! {
    struct LatestRow {
        person: i64,
        metric: String,
        day: Date,
        observed_at: Time,
        value: f64,
    }
}

row! {
    struct RingRow {
        person: i64,
        body: String,
    }
}

impl Store {
    /// The newest value of every metric of one person.
    pub async fn latest_of(&self, person: i64) -> Result<Vec<Latest>> {
        let rows: Vec<LatestRow> = read!(
            self,
            query_as.fetch_all,
            select::<LatestRow>("from latest where person = $1 and value is not null order by metric"),
            person
        );
        latest(rows)
    }

    /// The people whose newest values were written at `mark` or later. A writer whose clock is behind the mark is not seen.
    pub async fn changed_since(&self, mark: Option<Timestamp>) -> Result<Vec<Person>> {
        let rows: Vec<PersonRow> = with_pool!(self, pool, Db => {
            let mut query = QueryBuilder::<Db>::new(
                format!(
                    "select {} from person where id in (select person from latest where updated_at >= ",
                    PersonRow::COLUMNS
                ),
            );
            query.push_bind(Time::from(mark.unwrap_or(Timestamp::UNIX_EPOCH))).push(") order by name");
            query.build_query_as().fetch_all(pool).await?
        });
        rows.into_iter().map(PersonRow::person).collect()
    }

    /// The newest value of every metric of these persons, in order of person and metric.
    pub async fn latest_of_each(&self, persons: &[i64]) -> Result<Vec<Latest>> {
        if persons.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<LatestRow> = with_pool!(self, pool, Db => {
            let mut query = QueryBuilder::<Db>::new(
                format!("select {} from latest where value is not null and ", LatestRow::COLUMNS),
            );
            push_person_filter(&mut query, persons).push(" order by person, metric");
            query.build_query_as().persistent(false).fetch_all(pool).await?
        });
        latest(rows)
    }

    /// The state of every collection of these persons that was ever tried, in order of person and collection.
    pub async fn sync_states_of_each(&self, persons: &[i64]) -> Result<Vec<(i64, SyncState)>> {
        if persons.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<StateRow> = with_pool!(self, pool, Db => {
            let mut query = QueryBuilder::<Db>::new(
                format!("select {} from sync_state where ", StateRow::COLUMNS),
            );
            push_person_filter(&mut query, persons).push(" order by person, collection");
            query.build_query_as().persistent(false).fetch_all(pool).await?
        });
        rows.into_iter().filter_map(|row| row.state().transpose()).collect()
    }

    /// The ring each of these persons was last seen with, in order of person.
    pub async fn rings_of_each(&self, persons: &[i64]) -> Result<Vec<(i64, Ring)>> {
        if persons.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<RingRow> = with_pool!(self, pool, Db => {
            let mut query = QueryBuilder::<Db>::new(format!("select {} from ring where ", RingRow::COLUMNS));
            push_person_filter(&mut query, persons).push(" order by person");
            query.build_query_as().persistent(false).fetch_all(pool).await?
        });
        Ok(rows.into_iter().filter_map(|row| Some((row.person, Ring::of(&row.body)?))).collect())
    }
}

/// Narrows a statement to some persons.
fn push_person_filter<'q, Db>(query: &'q mut QueryBuilder<Db>, persons: &[i64]) -> &'q mut QueryBuilder<Db>
where
    Db: sqlx::Database,
    i64: for<'t> Encode<'t, Db> + Type<Db>,
{
    query.push("person in (");
    let mut list = query.separated(", ");
    for person in persons {
        list.push_bind(*person);
    }
    query.push(")")
}

fn latest(rows: Vec<LatestRow>) -> Result<Vec<Latest>> {
    // Metrics of a newer version are left out.
    let known = rows.into_iter().filter_map(|row| Some((Metric::by_key(&row.metric)?, row)));
    known
        .map(|(metric, row)| {
            Ok(Latest {
                person: row.person,
                metric,
                day: sync::day(row.day)?,
                observed_at: row.observed_at.get(),
                value: row.value,
            })
        })
        .collect()
}
