//! Whose numbers they are.

use domain::Pseudonym;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use jiff_sqlx::ToSqlx;

use crate::Store;
use crate::backend::with_pool;
use crate::error::{Error, Result};
use crate::transaction::{Tx, with_conn};

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

pub(crate) type Row = (i64, String, String);

pub(crate) fn person((id, name, time_zone): Row) -> Result<Person> {
    let name = name.parse().map_err(|_| Error::Corrupt { what: "name of a person" })?;
    Ok(Person { id, name, time_zone })
}

impl Store {
    /// The person of this name. A new one gets the zone, an old one keeps his own.
    pub async fn ensure_person(&self, name: &Pseudonym, time_zone: &str, now: Timestamp) -> Result<Person> {
        if let Some(known) = self.person(name.as_str()).await? {
            return Ok(known);
        }
        let mut tx = self.begin().await?;
        let row: Row = with_conn!(&mut tx, conn => {
            // Whoever comes second waits for this row, and then finds the name.
            let id: i64 = sqlx::query_scalar("update person_number set last = last + 1 returning last")
                .fetch_one(&mut *conn)
                .await?;
            sqlx::query_as(
                "insert into person (id, name, time_zone, created_at) values ($1, $2, $3, $4)
                 on conflict (name) do update set name = excluded.name
                 returning id, name, time_zone",
            )
            .bind(id)
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
        let mut tx = self.begin().await?;
        with_conn!(&mut tx, conn => {
            sqlx::query(
                "update person set time_zone = $1, revision = revision + 1 where id = $2 and time_zone <> $1",
            )
                .bind(time_zone)
                .bind(person)
                .execute(conn)
                .await?;
        });
        tx.commit().await?;
        // When values end depends on it.
        self.changes.notify();
        Ok(())
    }

    /// Removes a person and everything stored about them, for ever; `false` when there is no such person. In one
    /// transaction: whoever reads at the same time sees all of it or nothing.
    pub async fn remove_person(&self, person: i64) -> Result<bool> {
        let mut tx = self.begin().await?;
        let mut removed = 0;
        for delete in PERSON_TABLES {
            removed = with_conn!(&mut tx, conn => {
                sqlx::query(*delete).bind(person).execute(conn).await?.rows_affected()
            });
        }
        tx.commit().await?;
        self.changes.notify();
        Ok(removed > 0)
    }

    /// Everyone, by name.
    pub async fn people(&self) -> Result<Vec<Person>> {
        let rows: Vec<Row> = with_pool!(self, pool => {
            sqlx::query_as("select id, name, time_zone from person order by name").fetch_all(pool).await?
        });
        rows.into_iter().map(person).collect()
    }

    /// The person of this key.
    pub async fn person_of(&self, id: i64) -> Result<Option<Person>> {
        let row: Option<Row> = with_pool!(self, pool => {
            sqlx::query_as("select id, name, time_zone from person where id = $1").bind(id).fetch_optional(pool).await?
        });
        row.map(person).transpose()
    }

    /// The person of this name, with a number that grows with every change of what is stored about them: one index
    /// probe. A number read before something was answered is never newer than the answer.
    pub async fn person_at(&self, name: &str) -> Result<Option<(Person, i64)>> {
        let row: Option<(i64, String, String, i64)> = with_pool!(self, pool => {
            sqlx::query_as("select id, name, time_zone, revision from person where name = $1")
                .bind(name)
                .fetch_optional(pool)
                .await?
        });
        row.map(|(id, name, zone, revision)| Ok((person((id, name, zone))?, revision))).transpose()
    }

    /// The person of this name.
    pub async fn person(&self, name: &str) -> Result<Option<Person>> {
        let row: Option<Row> = with_pool!(self, pool => {
            sqlx::query_as("select id, name, time_zone from person where name = $1").bind(name).fetch_optional(pool).await?
        });
        row.map(person).transpose()
    }
}

/// The zone of a person's calendar; UTC where this machine does not know it, or no such person.
pub(crate) async fn zone(tx: &mut Tx, person: i64) -> Result<TimeZone> {
    let name: Option<String> = with_conn!(tx, conn => {
        sqlx::query_scalar("select time_zone from person where id = $1").bind(person).fetch_optional(conn).await?
    });
    Ok(name.and_then(|name| TimeZone::get(&name).ok()).unwrap_or(TimeZone::UTC))
}

/// Counts a change of a person's documents. The last statement of a transaction: it makes every other writer of the same
/// person wait for the commit.
pub(crate) async fn count_change(tx: &mut Tx, person: i64) -> Result<()> {
    with_conn!(tx, conn => {
        sqlx::query("update person set revision = revision + 1 where id = $1").bind(person).execute(conn).await?;
    });
    Ok(())
}

/// What removes a person, the person last. A test compares these tables with the schema.
pub(crate) const PERSON_TABLES: &[&str] = &[
    "delete from document where person = $1",
    "delete from document_revision where person = $1",
    "delete from rejected where person = $1",
    "delete from daily where person = $1",
    "delete from series where person = $1",
    "delete from latest where person = $1",
    "delete from sync_state where person = $1",
    "delete from drift where person = $1",
    "delete from lease where person = $1",
    "delete from credential where person = $1",
    "delete from oura_account where person = $1",
    "delete from webhook_event where person = $1",
    "delete from api_token where person = $1",
    "delete from account where person = $1",
    "delete from job where person = $1",
    "delete from person where id = $1",
];
