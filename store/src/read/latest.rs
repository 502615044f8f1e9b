//! What the exporter asks: the newest values of a few persons at a time, and of whom they changed. The work is constant
//! per person asked for, however many there are.

use domain::Ring;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::{Encode, QueryBuilder, Type};

use crate::Store;
use crate::backend::with_pool;
use crate::error::Result;
use crate::read::numbers::{self, Latest, LatestRow};
use crate::people::{self, Person};
use crate::sync::{self, SyncState};

impl Store {
    /// Whose newest values were written at `mark` or later. A writer whose clock is behind the mark is not seen.
    pub async fn changed_since(&self, mark: Option<Timestamp>) -> Result<Vec<Person>> {
        let rows: Vec<people::Row> = with_pool!(self, pool, Db => {
            let mut query = QueryBuilder::<Db>::new(
                "select id, name, time_zone from person where id in (select person from latest where updated_at >= ",
            );
            query.push_bind(mark.unwrap_or(Timestamp::UNIX_EPOCH).to_sqlx()).push(") order by name");
            query.build_query_as().fetch_all(pool).await?
        });
        rows.into_iter().map(people::person).collect()
    }

    /// The newest value of every metric of these persons, in order of person and metric.
    pub async fn latest_of_each(&self, persons: &[i64]) -> Result<Vec<Latest>> {
        if persons.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<LatestRow> = with_pool!(self, pool, Db => {
            let mut query = QueryBuilder::<Db>::new(
                "select person, metric, day, observed_at, value from latest where value is not null and ",
            );
            push_person_filter(&mut query, persons).push(" order by person, metric");
            query.build_query_as().persistent(false).fetch_all(pool).await?
        });
        numbers::latest(rows)
    }

    /// The state of every collection of these persons that was ever tried, in order of person and collection.
    pub async fn sync_states_of_each(&self, persons: &[i64]) -> Result<Vec<(i64, SyncState)>> {
        if persons.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<sync::Row> = with_pool!(self, pool, Db => {
            let mut query = QueryBuilder::<Db>::new(
                "select person, collection, first_day, last_day, newest_day, last_attempt_at, last_success_at,
                        failure, rejected_at, rejected_day
                 from sync_state where ",
            );
            push_person_filter(&mut query, persons).push(" order by person, collection");
            query.build_query_as().persistent(false).fetch_all(pool).await?
        });
        rows.into_iter().filter_map(|row| sync::state(row).transpose()).collect()
    }

    /// The ring each of these persons was last seen with, in order of person.
    pub async fn rings_of_each(&self, persons: &[i64]) -> Result<Vec<(i64, Ring)>> {
        if persons.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<(i64, String)> = with_pool!(self, pool, Db => {
            let mut query = QueryBuilder::<Db>::new("select person, body from ring where ");
            push_person_filter(&mut query, persons).push(" order by person");
            query.build_query_as().persistent(false).fetch_all(pool).await?
        });
        Ok(rows.into_iter().filter_map(|(person, body)| Some((person, Ring::of(&body)?))).collect())
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
