//! Connections for reading: the one way anything is read. Each statement is measured.

use std::fmt;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use sqlx::pool::PoolConnection;
use sqlx::{Database, Either, Execute, Executor, Postgres, SqlStr, Sqlite};
use tracing::Instrument;

use crate::Store;
use crate::backend::Backend;
use crate::statements::{Statement, Statements};

/// A connection for reading, on either database.
pub(crate) enum Reader {
    Postgres(Reading<Postgres>),
    Sqlite(Reading<Sqlite>),
}

/// A connection of a pool.
pub(crate) struct Reading<Db: Database> {
    connection: PoolConnection<Db>,
    statements: Statements,
}

impl Store {
    /// A connection for reading.
    pub(crate) async fn reader(&self) -> Result<Reader, sqlx::Error> {
        let statements = self.statements.clone();
        Ok(match &self.backend {
            Backend::Postgres(server) => {
                Reader::Postgres(Reading { connection: server.acquire().await?, statements })
            }
            Backend::Sqlite { read, .. } => {
                Reader::Sqlite(Reading { connection: read.acquire().await?, statements })
            }
        })
    }
}

impl<Db: Database> fmt::Debug for Reading<Db> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").finish_non_exhaustive()
    }
}

impl<'c, Db: Database> Executor<'c> for &'c mut Reading<Db>
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
        let statement = Statement::of(query);
        let running = self.statements.begin(&statement.sql);
        let span = running.span();
        // The statement runs, and its span lives, as long as its rows are taken.
        let rows = (&mut *self.connection).fetch_many(statement).inspect(move |_| {
            let _ = (&running, &span);
        });
        Box::pin(rows)
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<Db::Row>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Db>,
    {
        let statement = Statement::of(query);
        let running = self.statements.begin(&statement.sql);
        let (span, row) = (running.span(), (&mut *self.connection).fetch_optional(statement));
        let measured = async move {
            let row = row.await;
            drop(running);
            row
        };
        Box::pin(measured.instrument(span))
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [Db::TypeInfo],
    ) -> BoxFuture<'e, Result<Db::Statement, sqlx::Error>>
    where
        'c: 'e,
    {
        (&mut *self.connection).prepare_with(sql, parameters)
    }
}
