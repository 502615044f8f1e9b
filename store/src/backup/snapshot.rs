//! One consistent state of the whole store, read while others write.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff_sqlx::Date;
use sqlx::{Postgres, QueryBuilder, Row, Sqlite, Transaction};

use super::tables::{Cell, Kind, Rows, TABLES, Table};
use crate::Store;
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::people::{Person, PersonRow};
use crate::sql::select;
use crate::time::Time;

/// Rows a statement: bounds the memory, and the parameters of a statement.
pub const ROWS_PER_READ: usize = 200;

/// A state of the store that no later write changes, for as long as it is held: a read transaction, on PostgreSQL of the
/// isolation level `repeatable read`. On SQLite the write-ahead log grows meanwhile.
#[derive(Debug)]
pub struct Snapshot(Connection);

#[derive(Debug)]
enum Connection {
    Postgres(Transaction<'static, Postgres>),
    Sqlite(Transaction<'static, Sqlite>),
}

/// Runs one body on the connection of a snapshot; a body that builds a statement also names its database.
macro_rules! with_snapshot {
    ($snapshot:expr, $conn:ident $(, $db:ident)? => $body:expr) => {
        match &mut $snapshot.0 {
            Connection::Postgres(tx) => {
                $(type $db = Postgres;)?
                let $conn = &mut **tx;
                $body
            }
            Connection::Sqlite(tx) => {
                $(type $db = Sqlite;)?
                let $conn = &mut **tx;
                $body
            }
        }
    };
}

/// Restricts a statement to the rows of a person, or of the installation.
macro_rules! push_part {
    ($query:expr, $table:expr, $person:expr) => {
        match ($table.rows, $person) {
            (Rows::PersonOrInstallation, None) => {
                $query.push(" where person is null");
            }
            (_, Some(person)) => {
                let column = $table.person_column().unwrap_or("person");
                $query.push(" where ").push(column).push(" = ").push_bind(person);
            }
            (_, None) => {
                $query.push(" where true");
            }
        }
    };
}

/// What names a row of a table within a part: its day, where rows are ordered by day, and its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowKey {
    day: Option<String>,
    key: Vec<Cell>,
}

/// The cells of a row, by the kinds of its columns.
macro_rules! cells {
    ($row:expr, $kinds:expr) => {{
        let mut cells = Vec::new();
        for (index, kind) in $kinds.enumerate() {
            cells.push(match kind {
                Kind::Int => $row.try_get::<Option<i64>, _>(index)?.map_or(Cell::Null, Cell::Int),
                Kind::Text => $row.try_get::<Option<String>, _>(index)?.map_or(Cell::Null, Cell::Text),
                Kind::Bool => $row.try_get::<Option<bool>, _>(index)?.map_or(Cell::Null, Cell::Bool),
                Kind::Date => $row.try_get::<Option<Date>, _>(index)?.map_or(Cell::Null, date),
                Kind::Time => $row.try_get::<Option<Time>, _>(index)?.map_or(Cell::Null, time),
            });
        }
        cells
    }};
}

fn date(date: Date) -> Cell {
    Cell::Text(date.to_jiff().to_string())
}

fn time(at: Time) -> Cell {
    Cell::Text(format!("{:.6}", at.get()))
}

impl Store {
    /// Holds the present state for reading.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        let mut snapshot = Snapshot(match &self.backend {
            Backend::Postgres(pool) => {
                let begin = "begin isolation level repeatable read read only";
                Connection::Postgres(pool.begin_with(begin).await?)
            }
            Backend::Sqlite { read, .. } => Connection::Sqlite(read.begin_with("begin deferred").await?),
        });
        // The state is that of the first statement.
        with_snapshot!(snapshot, conn => {
            sqlx::query("select count(*) from person_number").execute(conn).await?;
        });
        Ok(snapshot)
    }
}

impl Snapshot {
    /// Everyone, by number.
    pub async fn people(&mut self) -> Result<Vec<Person>> {
        let select = || select::<PersonRow>("from person order by id");
        let rows: Vec<PersonRow> = with_snapshot!(self, conn => {
            sqlx::query_as(select()).fetch_all(conn).await?
        });
        rows.into_iter().map(PersonRow::person).collect()
    }

    /// What a table has of a person, or of the installation, in order.
    pub async fn keys(&mut self, table: &'static Table, person: Option<i64>) -> Result<Vec<RowKey>> {
        if table.key.is_empty() {
            return Ok(vec![RowKey { day: None, key: Vec::new() }]);
        }
        let day = table.by_day.then_some("day");
        let columns: Vec<&str> = day.into_iter().chain(table.key.iter().copied()).collect();
        let kinds = || columns.iter().filter_map(|name| table.kind(name));
        let mut keys = BTreeSet::new();
        with_snapshot!(self, conn, Db => {
            let mut query = QueryBuilder::<Db>::new("select ");
            query.push(columns.join(", ")).push(" from ").push(table.name);
            push_part!(query, table, person);
            for row in query.build().persistent(false).fetch_all(conn).await? {
                let mut key = cells!(row, kinds());
                let day = if table.by_day { Some(key.remove(0)) } else { None };
                let day = day.map(|day| match day {
                    Cell::Text(day) => Ok(day),
                    _ => Err(Error::Corrupt { what: "day of a document" }),
                });
                keys.insert(RowKey { day: day.transpose()?, key });
            }
        });
        Ok(keys.into_iter().collect())
    }

    /// The rows of these keys, in their order; at most [`ROWS_PER_READ`] keys.
    pub async fn rows(
        &mut self,
        table: &'static Table,
        person: Option<i64>,
        keys: &[RowKey],
    ) -> Result<Vec<Vec<Cell>>> {
        let names: Vec<&str> = table.columns().collect();
        let kinds = || table.columns.iter().map(|(_, kind)| *kind);
        let mut rows: Vec<Vec<Cell>> = Vec::with_capacity(keys.len());
        with_snapshot!(self, conn, Db => {
            let mut query = QueryBuilder::<Db>::new("select ");
            query.push(names.join(", ")).push(" from ").push(table.name);
            push_part!(query, table, person);
            if !table.key.is_empty() {
                query.push(" and (").push(table.key.join(", ")).push(") in (values ");
                for (index, key) in keys.iter().enumerate() {
                    query.push(if index == 0 { "(" } else { ", (" });
                    let mut list = query.separated(", ");
                    for (name, cell) in table.key.iter().zip(&key.key) {
                        match (table.kind(name), cell) {
                            (Some(Kind::Time), Cell::Text(text)) => {
                                let at: Timestamp =
                                    text.parse().map_err(|_| Error::Corrupt { what: "time of a row" })?;
                                list.push_bind(Time::from(at));
                            }
                            (_, Cell::Text(text)) => { list.push_bind(text.clone()); }
                            (_, Cell::Int(number)) => { list.push_bind(*number); }
                            _ => return Err(Error::Corrupt { what: "key of a row" }),
                        }
                    }
                    query.push(")");
                }
                query.push(")");
            }
            for row in query.build().persistent(false).fetch_all(conn).await? {
                rows.push(cells!(row, kinds()));
            }
        });
        let order = table.day_column().into_iter();
        let order: Vec<usize> = order.chain(table.key.iter().filter_map(|name| table.column(name))).collect();
        // Rows with one key are in the order of all their cells.
        rows.sort_unstable();
        rows.sort_by_cached_key(|row| order.iter().map(|&column| row[column].clone()).collect::<Vec<_>>());
        Ok(rows)
    }

    /// The tables that a part of the backup has rows of, in the order in which they are restored.
    pub fn tables(person: Option<i64>) -> impl Iterator<Item = &'static Table> {
        TABLES.iter().filter(move |table| table.is_of(person))
    }
}
