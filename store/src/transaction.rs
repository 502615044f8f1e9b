//! Writing transactions: the one way anything is written. A write that fails because of the database's condition is noted
//! where it fails, whatever the caller makes of the error.

use std::fmt;
use std::sync::Arc;

use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use sqlx::{Database, Either, Execute, Executor, Postgres, SqlStr, Sqlite, Transaction};

use crate::Store;
use crate::backend::Backend;
use crate::error::Result;
use crate::health::Health;
use crate::statements::{Statement, Statements};

/// A writing transaction on either database; dropped without [`Tx::commit`], it leaves nothing behind.
#[derive(Debug)]
pub(crate) enum Tx {
    Postgres(Tracked<Postgres>),
    Sqlite(Tracked<Sqlite>),
}

impl Store {
    /// Begins a writing transaction. SQLite takes its lock at once: a lock taken later can fail in a way no waiting
    /// cures.
    pub(crate) async fn begin(&self) -> Result<Tx> {
        let (health, backend) = (self.health.clone(), self.backend.clone());
        let notes = Notes { health, backend, statements: self.statements.clone() };
        match &self.backend {
            Backend::Postgres(server) => {
                let tx = server.begin().await.inspect_err(|error| notes.note(error))?;
                Ok(Tx::Postgres(Tracked { tx, notes }))
            }
            Backend::Sqlite { write, .. } => {
                let tx = write.begin_with("begin immediate").await.inspect_err(|error| notes.note(error))?;
                Ok(Tx::Sqlite(Tracked { tx, notes }))
            }
        }
    }
}

impl Tx {
    /// Waits until no other transaction works on the same numbers: deriving reads documents and then writes rows, and
    /// another writer in between would be undone. SQLite has one writer anyway.
    pub(crate) async fn lock(&mut self, person: i64, collection: &str) -> Result<()> {
        if let Self::Postgres(tx) = self {
            sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, $2))")
                .bind(collection)
                .bind(person)
                .execute(&mut *tx)
                .await?;
        }
        Ok(())
    }

    pub(crate) async fn commit(self) -> Result<()> {
        match self {
            Self::Postgres(Tracked { tx, notes }) => {
                tx.commit().await.inspect_err(|error| notes.note(error))?;
            }
            Self::Sqlite(Tracked { tx, notes }) => {
                tx.commit().await.inspect_err(|error| notes.note(error))?;
            }
        }
        Ok(())
    }
}

/// Where failed writes and the durations of statements are noted.
struct Notes {
    health: Arc<Health>,
    backend: Backend,
    statements: Statements,
}

impl Notes {
    fn note(&self, error: &sqlx::Error) {
        self.health.note_write_failure(error, &self.backend);
    }
}

/// The connection of a transaction, which notes the statements that fail.
pub(crate) struct Tracked<Db: Database> {
    tx: Transaction<'static, Db>,
    notes: Notes,
}

impl<Db: Database> fmt::Debug for Tracked<Db> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracked").finish_non_exhaustive()
    }
}

impl<'c, Db: Database> Executor<'c> for &'c mut Tracked<Db>
where
    for<'t> &'t mut Db::Connection: Executor<'t, Database = Db>,
{
    type Database = Db;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<Db::QueryResult, Db::Row>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Db>,
    {
        let Tracked { tx, notes } = self;
        let statement = Statement::of(query);
        let running = notes.statements.begin(&statement.sql);
        let rows = (&mut **tx).fetch_many(statement);
        Box::pin(rows.inspect_err(move |error| {
            let _ = &running;
            notes.note(error);
        }))
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<Db::Row>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Db>,
    {
        let Tracked { tx, notes } = self;
        let statement = Statement::of(query);
        let running = notes.statements.begin(&statement.sql);
        Box::pin(async move {
            let row = (&mut **tx).fetch_optional(statement).await.inspect_err(|error| notes.note(error));
            drop(running);
            row
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [Db::TypeInfo],
    ) -> BoxFuture<'e, Result<Db::Statement, sqlx::Error>>
    where
        'c: 'e,
    {
        (&mut *self.tx).prepare_with(sql, parameters)
    }
}

/// Runs one body on the connection of a transaction; a body that builds a statement also names its database.
macro_rules! with_conn {
    ($tx:expr, $conn:ident $(, $db:ident)? => $body:expr) => {
        match $tx {
            $crate::transaction::Tx::Postgres($conn) => {
                $(type $db = sqlx::Postgres;)?
                $body
            }
            $crate::transaction::Tx::Sqlite($conn) => {
                $(type $db = sqlx::Sqlite;)?
                $body
            }
        }
    };
}

pub(crate) use with_conn;
