//! Whose numbers they are.

use domain::Pseudonym;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;

use crate::Store;
use crate::backend::{with_conn, with_pool};
use crate::error::{Error, Result};

/// A person whose ring is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Key in every table.
    pub id: i64,
    /// What labels and paths say.
    pub name: Pseudonym,
    /// IANA name of the zone that decides which day is "today".
    pub time_zone: String,
}

type Row = (i64, String, String);

fn person((id, name, time_zone): Row) -> Result<Person> {
    let name = name.parse().map_err(|_| Error::Corrupt { what: "name of a person" })?;
    Ok(Person { id, name, time_zone })
}

impl Store {
    /// The person of this name. A new one gets the zone, an old one keeps his own.
    pub async fn ensure_person(&self, name: &Pseudonym, time_zone: &str, now: Timestamp) -> Result<Person> {
        let mut tx = self.backend.begin().await?;
        let row: Row = with_conn!(&mut tx, conn => {
            sqlx::query_as(
                "insert into person (id, name, time_zone, created_at)
                 select coalesce(max(id), 0) + 1, $1, $2, $3 from person where true
                 on conflict (name) do update set name = excluded.name
                 returning id, name, time_zone",
            )
            .bind(name.as_str())
            .bind(time_zone)
            .bind(now.to_sqlx())
            .fetch_one(conn)
            .await?
        });
        tx.commit().await?;
        person(row)
    }

    /// Moves a person to another zone.
    pub async fn set_time_zone(&self, person: i64, time_zone: &str) -> Result<()> {
        let mut tx = self.backend.begin().await?;
        with_conn!(&mut tx, conn => {
            sqlx::query("update person set time_zone = $1 where id = $2 and time_zone <> $1")
                .bind(time_zone)
                .bind(person)
                .execute(conn)
                .await?;
        });
        tx.commit().await
    }

    /// Everyone, by name.
    pub async fn people(&self) -> Result<Vec<Person>> {
        let rows: Vec<Row> = with_pool!(self, pool => {
            sqlx::query_as("select id, name, time_zone from person order by name").fetch_all(pool).await?
        });
        rows.into_iter().map(person).collect()
    }

    /// The person of this name.
    pub async fn person(&self, name: &str) -> Result<Option<Person>> {
        let row: Option<Row> = with_pool!(self, pool => {
            sqlx::query_as("select id, name, time_zone from person where name = $1").bind(name).fetch_optional(pool).await?
        });
        row.map(person).transpose()
    }
}
