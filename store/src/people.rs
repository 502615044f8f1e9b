//! The people whose rings are read.

use domain::Pseudonym;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::Store;
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::sql::{change, execute, read, row, run, select};
use crate::time::Time;
use crate::transaction::{Tx, with_conn};

/// A person whose ring is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Key in every table.
    pub id: i64,
    /// The name in labels and paths.
    pub name: Pseudonym,
    /// IANA name of the zone that decides which day is "today".
    pub time_zone: String,
}

row! {
    /// A row of `person`; the names work in joins as well.
    pub(crate) struct PersonRow {
        id: i64 = "person.id",
        name: String = "person.name",
        time_zone: String = "person.time_zone",
    }
}

row! {
    struct RevisionRow {
        id: i64,
        name: String,
        time_zone: String,
        revision: i64,
    }
}

impl PersonRow {
    pub(crate) fn person(self) -> Result<Person> {
        let name = self.name.parse().map_err(|_| Error::Corrupt { what: "name of a person" })?;
        Ok(Person { id: self.id, name, time_zone: self.time_zone })
    }
}

impl Store {
    /// The person of this name. A new one gets the zone, a known one keeps theirs.
    pub async fn ensure_person(&self, name: &Pseudonym, time_zone: &str, now: Timestamp) -> Result<Person> {
        if let Some(known) = self.person(name.as_str()).await? {
            return Ok(known);
        }
        let mut tx = self.begin().await?;
        let row: PersonRow = with_conn!(&mut tx, conn => {
            // A concurrent caller waits for this row, and then finds the name.
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
            .bind(Time::from(now))
            .fetch_one(conn)
            .await?
        });
        tx.commit().await?;
        row.person()
    }

    /// Moves a person to another zone.
    pub async fn set_time_zone(&self, person: i64, time_zone: &str) -> Result<()> {
        execute!(
            self,
            "update person set time_zone = $1, revision = revision + 1 where id = $2 and time_zone <> $1",
            time_zone,
            person
        );
        // When values end depends on it.
        self.changes.notify();
        Ok(())
    }

    /// Removes a person and everything stored about them, permanently; `false` when there is no such person. In one
    /// transaction: a concurrent reader sees all of it or nothing.
    pub async fn remove_person(&self, person: i64) -> Result<bool> {
        let mut tx = self.begin().await?;
        let mut removed = 0;
        for delete in PERSON_TABLES {
            removed = change!(&mut tx, *delete, person);
        }
        tx.commit().await?;
        self.changes.notify();
        Ok(removed > 0)
    }

    /// Leaves no byte of what was deleted in the embedded database's files: they are written again, which needs room for a second
    /// copy, and the copies from before migrations are removed. `false` on a server, where its `vacuum` reclaims the room.
    pub async fn overwrite_deleted(&self) -> Result<bool> {
        let Backend::Sqlite { write, path, .. } = &self.backend else { return Ok(false) };
        crate::migrate::remove_copies(path)
            .map_err(|source| Error::Directory { path: path.to_path_buf(), source })?;
        let mut connection = write.acquire().await?;
        sqlx::query("vacuum").execute(&mut *connection).await?;
        let (busy, ..): (i64, i64, i64) =
            sqlx::query_as("pragma wal_checkpoint(truncate)").fetch_one(&mut *connection).await?;
        if busy == 0 { Ok(true) } else { Err(Error::StillRead) }
    }

    /// Everyone, by name.
    pub async fn people(&self) -> Result<Vec<Person>> {
        let rows: Vec<PersonRow> =
            read!(self, query_as.fetch_all, select::<PersonRow>("from person order by name"));
        rows.into_iter().map(PersonRow::person).collect()
    }

    /// The person of this key.
    pub async fn person_of(&self, id: i64) -> Result<Option<Person>> {
        let row: Option<PersonRow> =
            read!(self, query_as.fetch_optional, select::<PersonRow>("from person where id = $1"), id);
        row.map(PersonRow::person).transpose()
    }

    /// The person of this name, with a number that grows with every change of what is stored about them: one index
    /// probe. A number read before something was answered is never newer than the answer.
    pub async fn person_at(&self, name: &str) -> Result<Option<(Person, i64)>> {
        let row: Option<RevisionRow> =
            read!(self, query_as.fetch_optional, select::<RevisionRow>("from person where name = $1"), name);
        row.map(|RevisionRow { id, name, time_zone, revision }| {
            Ok((PersonRow { id, name, time_zone }.person()?, revision))
        })
        .transpose()
    }

    /// The person of this name.
    pub async fn person(&self, name: &str) -> Result<Option<Person>> {
        let row: Option<PersonRow> =
            read!(self, query_as.fetch_optional, select::<PersonRow>("from person where name = $1"), name);
        row.map(PersonRow::person).transpose()
    }
}

/// The zone of a person's calendar; UTC where this machine does not know it, or no such person.
pub(crate) async fn zone(tx: &mut Tx, person: i64) -> Result<TimeZone> {
    let name: Option<String> =
        run!(tx, query_scalar.fetch_optional, "select time_zone from person where id = $1", person);
    Ok(name.and_then(|name| TimeZone::get(&name).ok()).unwrap_or(TimeZone::UTC))
}

/// Counts a change of a person's documents. The last statement of a transaction: it makes every other writer of the same
/// person wait for the commit.
pub(crate) async fn count_change(tx: &mut Tx, person: i64) -> Result<()> {
    change!(tx, "update person set revision = revision + 1 where id = $1", person);
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
    "delete from derivation where person = $1",
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
