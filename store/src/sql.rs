//! Statements and rows without repetition: a row is a struct that knows its columns, and a statement is one line for both
//! databases.

use sqlx::AssertSqlSafe;

/// The columns of a row, in the order of its fields.
pub(crate) trait Columns {
    const COLUMNS: &'static str;
}

/// Selects the columns of a row; `rest` is the statement from its `from` on.
pub(crate) fn select<R: Columns>(rest: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("select {} {rest}", R::COLUMNS))
}

/// Declares a row: a struct whose fields are the columns that [`select`] names, in this order. A column that is called
/// something else than its field, or is computed, is written behind it.
macro_rules! row {
    (@column $field:ident) => { stringify!($field) };
    (@column $field:ident $sql:literal) => { $sql };
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $first:ident : $first_kind:ty $(= $first_sql:literal)?,
            $($field:ident : $kind:ty $(= $sql:literal)?,)*
        }
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $vis $first: $first_kind,
            $($vis $field: $kind,)*
        }

        impl $crate::sql::Columns for $name {
            const COLUMNS: &'static str = concat!(
                $crate::sql::row!(@column $first $($first_sql)?),
                $(", ", $crate::sql::row!(@column $field $($sql)?),)*
            );
        }

        impl<'r, R: sqlx::Row> sqlx::FromRow<'r, R> for $name
        where
            usize: sqlx::ColumnIndex<R>,
            $first_kind: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
            $($kind: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,)*
        {
            fn from_row(row: &'r R) -> std::result::Result<Self, sqlx::Error> {
                let mut columns = 0..;
                let mut next = || columns.next().unwrap_or_default();
                Ok(Self { $first: row.try_get(next())?, $($field: row.try_get(next())?,)* })
            }
        }
    };
}

/// Runs one statement on the pool for reading: `read!(store, query_as.fetch_all, "select …", bound, …)`.
macro_rules! read {
    ($store:expr, $kind:ident.$fetch:ident, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::backend::with_pool!($store, pool => sqlx::$kind($sql)$(.bind($bind))*.$fetch(pool).await?)
    };
}

/// Runs one statement in a transaction: `run!(tx, query.execute, "update …", bound, …)`.
macro_rules! run {
    ($tx:expr, $kind:ident.$fetch:ident, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::transaction::with_conn!(&mut *$tx, conn => sqlx::$kind($sql)$(.bind($bind))*.$fetch(conn).await?)
    };
}

/// The same for a statement that changes rows; how many it changed.
macro_rules! change {
    ($tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::transaction::with_conn!(&mut *$tx, conn => {
            sqlx::query($sql)$(.bind($bind))*.execute(conn).await?.rows_affected()
        })
    };
}

/// A transaction of one statement; how many rows it changed.
macro_rules! execute {
    ($store:expr, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let mut tx = $store.begin().await?;
        let changed = $crate::sql::change!(&mut tx, $sql $(, $bind)*);
        tx.commit().await?;
        changed
    }};
}

pub(crate) use {change, execute, read, row, run};
