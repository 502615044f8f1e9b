//! Rows of a backup, written into an empty store in one transaction: until its commit the store is empty, and a process
//! that is killed leaves nothing behind.

use std::collections::BTreeSet;

use domain::Collection;
use jiff::Timestamp;
use jiff::civil;
use jiff_sqlx::{Date, ToSqlx};
use sqlx::QueryBuilder;

use super::tables::{Cell, Kind, Rows, Table};
use crate::Store;
use crate::error::{Error, Result};
use crate::sql::{change, run};
use crate::time::{Time, stored};
use crate::transaction::{Tx, with_conn};
use crate::write::batch::ROWS;
use crate::write::derivation;
use crate::write::owner::Owner;

/// Rows of one table of one part of a backup, as they stand in the backup.
#[derive(Clone, Debug)]
pub struct Section {
    /// Whose rows; `None` for those of the installation.
    pub person: Option<i64>,
    /// Which table.
    pub table: &'static Table,
    /// The positions of the row's cells among the columns of the table.
    columns: Vec<usize>,
}

/// A row that does not fit its table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRow {
    /// No table of this name is restored.
    #[error("the backup has rows of a table that this version does not restore")]
    Table,
    /// The table is not one of a person, or not one of the installation.
    #[error("the backup has rows of {0} in a part they do not belong to")]
    Part(&'static str),
    /// A column that the table does not have, or one too often.
    #[error("the backup has a column of {0} that this version does not know")]
    Column(&'static str),
    /// Too many or too few cells.
    #[error("a row of {0} in the backup has another number of cells than its columns")]
    Cells(&'static str),
    /// A cell that is not of the column's kind.
    #[error("a cell of {0}.{1} in the backup is not of the kind of its column")]
    Kind(&'static str, &'static str),
}

/// A value that can be bound.
enum Value<'a> {
    Int(Option<i64>),
    Text(Option<&'a str>),
    Bool(Option<bool>),
    Date(Option<Date>),
    Time(Option<Time>),
}

impl<'a> Value<'a> {
    fn of(kind: Kind, cell: &'a Cell) -> Option<Self> {
        Some(match (kind, cell) {
            (Kind::Int, Cell::Null) => Self::Int(None),
            (Kind::Int, Cell::Int(number)) => Self::Int(Some(*number)),
            (Kind::Text, Cell::Null) => Self::Text(None),
            (Kind::Text, Cell::Text(text)) => Self::Text(Some(text)),
            (Kind::Bool, Cell::Null) => Self::Bool(None),
            (Kind::Bool, Cell::Bool(value)) => Self::Bool(Some(*value)),
            (Kind::Date, Cell::Null) => Self::Date(None),
            (Kind::Date, Cell::Text(text)) => Self::Date(Some(text.parse::<civil::Date>().ok()?.to_sqlx())),
            (Kind::Time, Cell::Null) => Self::Time(None),
            (Kind::Time, Cell::Text(text)) => Self::Time(Some(Time::from(text.parse::<Timestamp>().ok()?))),
            _ => return None,
        })
    }
}

impl Section {
    /// The rows of this table with these columns. A column that the backup lacks gets its default.
    pub fn new(person: Option<i64>, table: &str, columns: &[String]) -> std::result::Result<Self, BadRow> {
        let table = Table::named(table).ok_or(BadRow::Table)?;
        if !table.is_of(person) {
            return Err(BadRow::Part(table.name));
        }
        let positions = columns.iter().map(|name| table.column(name).ok_or(BadRow::Column(table.name)));
        let columns = positions.collect::<std::result::Result<Vec<_>, _>>()?;
        if columns.is_empty() || columns.iter().collect::<BTreeSet<_>>().len() < columns.len() {
            return Err(BadRow::Column(table.name));
        }
        Ok(Self { person, table, columns })
    }

    /// The position of a column among a row's cells.
    pub fn position(&self, name: &str) -> Option<usize> {
        let column = self.table.column(name)?;
        self.columns.iter().position(|one| *one == column)
    }

    /// Checks that a row fits its table.
    pub fn check(&self, row: &[Cell]) -> std::result::Result<(), BadRow> {
        self.values(row).map(drop)
    }

    fn values<'a>(&self, row: &'a [Cell]) -> std::result::Result<Vec<Value<'a>>, BadRow> {
        if row.len() != self.columns.len() {
            return Err(BadRow::Cells(self.table.name));
        }
        let value = |(&column, cell): (&usize, &'a Cell)| {
            let (name, kind) = self.table.columns[column];
            Value::of(kind, cell).ok_or(BadRow::Kind(self.table.name, name))
        };
        self.columns.iter().zip(row).map(value).collect()
    }

    fn column_names(&self) -> String {
        let names = self.columns.iter().map(|&column| self.table.columns[column].0);
        self.table.person_column().into_iter().chain(names).collect::<Vec<_>>().join(", ")
    }
}

/// A restore that has begun; dropped without [`Restore::commit`], it leaves the store as it was.
#[derive(Debug)]
pub struct Restore {
    tx: Tx,
    store: Store,
}

impl Store {
    /// Begins to restore into this store, which must be empty: no person, account or token.
    pub async fn begin_restore(&self) -> Result<Restore> {
        let mut tx = self.begin().await?;
        if self.backend.is_postgres() {
            // No person is added meanwhile, and another restore waits and then finds the store filled.
            change!(&mut tx, "lock table person in exclusive mode");
        }
        for table in
            ["select count(*) from person", "select count(*) from account", "select count(*) from api_token"]
        {
            let rows: i64 = run!(&mut tx, query_scalar.fetch_one, table);
            if rows > 0 {
                return Err(Error::NotEmpty { place: self.place() });
            }
        }
        Ok(Restore { tx, store: self.clone() })
    }
}

impl Restore {
    /// Writes rows.
    pub async fn insert(&mut self, section: &Section, rows: &[Vec<Cell>]) -> Result<()> {
        let table = section.table;
        let values =
            rows.iter().map(|row| section.values(row)).collect::<std::result::Result<Vec<_>, _>>()?;
        if table.rows == Rows::Counter {
            for row in values {
                let Some(Value::Int(last)) = row.first() else { continue };
                let last = *last;
                with_conn!(&mut self.tx, conn, Db => {
                    let mut query = QueryBuilder::<Db>::new("update ");
                    query.push(table.name).push(" set last = ").push_bind(last).push(" where last < ").push_bind(last);
                    query.build().execute(conn).await?;
                });
            }
            return Ok(());
        }
        for values in values.chunks(ROWS) {
            with_conn!(&mut self.tx, conn, Db => {
                let mut query = QueryBuilder::<Db>::new("insert into ");
                query.push(table.name).push(" (").push(section.column_names()).push(") ");
                query.push_values(values, |mut row, values| {
                    if table.person_column().is_some() {
                        row.push_bind(section.person);
                    }
                    for value in values {
                        match value {
                            Value::Int(value) => row.push_bind(*value),
                            Value::Text(value) => row.push_bind(*value),
                            Value::Bool(value) => row.push_bind(*value),
                            Value::Date(value) => row.push_bind(*value),
                            Value::Time(value) => row.push_bind(*value),
                        };
                    }
                });
                query.build().persistent(false).execute(conn).await?;
            });
        }
        Ok(())
    }

    /// Derives everything that is derived from documents, by this version's rules. `progress` is called with the collections
    /// done and in all.
    pub async fn derive(&mut self, now: Timestamp, mut progress: impl FnMut(usize, usize)) -> Result<()> {
        let now = stored(now);
        let owners: Vec<(i64, String)> = run!(
            &mut self.tx,
            query_as.fetch_all,
            "select person, collection from document union select person, collection from rejected"
        );
        // Documents of a collection that this version does not know are kept, and derive nothing.
        let known = owners.into_iter().filter_map(|(person, name)| Some((person, name.parse().ok()?)));
        let mut owners: Vec<(i64, Collection)> = known.collect();
        owners.sort_by_key(|(person, collection)| (*person, *collection as usize));
        let all = owners.len();
        for (done, (person, collection)) in owners.into_iter().enumerate() {
            progress(done, all);
            let owner = Owner { person, collection };
            derivation::derive_all(&mut self.tx, owner, now, |_, _| {}).await?;
        }
        progress(all, all);
        Ok(())
    }

    /// Makes everything visible at once.
    pub async fn commit(mut self) -> Result<()> {
        // Where one person is restored, nothing else raises these numbers.
        for counter in [
            "update person_number set last = (select max(id) from person) where last < (select max(id) from person)",
            "update api_token_number set last = (select max(id) from api_token)
             where last < (select max(id) from api_token)",
        ] {
            change!(&mut self.tx, counter);
        }
        self.tx.commit().await?;
        self.store.changes.notify();
        Ok(())
    }
}
