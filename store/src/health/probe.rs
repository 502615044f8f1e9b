//! One probe, on a connection of its own: what keeps the pools busy must not make the database look unavailable, and a
//! probe that hangs must not take a connection away from them.

use std::path::Path;
use std::time::Duration;

use rustix::fs::{StatVfsMountFlags, statvfs};
use sqlx::sqlite::SqlitePool;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Outage;
use crate::backend::Backend;
use crate::server::Server;

/// How long a caller waits for a probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a server may take to answer before its connection is given up; a suspended server that goes on in time
/// answers on the same connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// Free room below which the embedded database counts as full: a quarter of what its write-ahead log grows to.
const MIN_FREE_BYTES: u64 = 1 << 20;

type Answer = (Option<Session>, Result<(), Outage>);

/// What probes keep between them.
#[derive(Debug, Default)]
pub(super) struct Prober {
    session: Option<Session>,
    /// The probe that no caller has waited for to its end.
    running: Option<JoinHandle<Answer>>,
}

/// A connection that nothing else uses.
#[derive(Debug)]
enum Session {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Session {
    fn into_postgres(self) -> Option<PgConnection> {
        if let Self::Postgres(connection) = self { Some(connection) } else { None }
    }

    fn into_sqlite(self) -> Option<SqliteConnection> {
        if let Self::Sqlite(connection) = self { Some(connection) } else { None }
    }
}

/// What is to be found out.
#[derive(Clone, Copy)]
struct Question {
    needs_writes: bool,
    write_failed: bool,
}

impl Prober {
    pub(super) async fn probe(
        &mut self,
        backend: &Backend,
        needs_writes: bool,
        write_failed: bool,
    ) -> Result<(), Outage> {
        let question = Question { needs_writes, write_failed };
        let running = self
            .running
            .get_or_insert_with(|| tokio::spawn(probe(backend.clone(), self.session.take(), question)));
        let Ok(ended) = timeout(PROBE_TIMEOUT, &mut *running).await else {
            let cause = "no answer within two seconds";
            return Err(if backend.is_postgres() { Outage::shared(cause) } else { Outage::own(cause) });
        };
        self.running = None;
        let (session, result) =
            ended.unwrap_or_else(|error| (None, Err(Outage::own(format!("the probe failed: {error}")))));
        self.session = session;
        result
    }

    pub(super) async fn close(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
        }
        // There is nothing to be done about a connection that does not end well.
        let _ = match self.session.take() {
            Some(Session::Postgres(connection)) => connection.close().await,
            Some(Session::Sqlite(connection)) => connection.close().await,
            None => Ok(()),
        };
    }
}

/// A connection is kept only if it answered well: after a failover the next one may lead to another server.
async fn probe(backend: Backend, session: Option<Session>, question: Question) -> Answer {
    if backend.is_closed() {
        return (None, Err(Outage::own("the pool is closed")));
    }
    let outage = |error: sqlx::Error| Outage::of(&error, &backend);
    match &backend {
        Backend::Postgres(server) => {
            let open = session.and_then(Session::into_postgres);
            match timeout(CONNECTION_TIMEOUT, probe_postgres(server, open, question)).await {
                Ok(Ok((connection, Ok(())))) => (Some(Session::Postgres(connection)), Ok(())),
                Ok(Ok((_, Err(outage)))) => (None, Err(outage)),
                Ok(Err(error)) => (None, Err(outage(error))),
                Err(_) => (None, Err(Outage::shared("no answer within ten seconds"))),
            }
        }
        Backend::Sqlite { read, write, path, .. } => {
            let open = session.and_then(Session::into_sqlite);
            let connection = match probe_sqlite(read, open).await {
                Ok(connection) => connection,
                Err(error) => return (None, Err(outage(error))),
            };
            let mut result = Ok(());
            if question.needs_writes {
                let path = path.clone();
                let looked = tokio::task::spawn_blocking(move || check_room(&path)).await;
                result = looked
                    .unwrap_or_else(|error| Err(Outage::own(format!("cannot look at the volume: {error}"))));
            }
            if result.is_ok() && question.write_failed {
                result = write_sqlite(write).await.map_err(outage);
            }
            (Some(Session::Sqlite(connection)), result.map_err(Outage::of_writes))
        }
    }
}

async fn probe_postgres(
    server: &Server,
    open: Option<PgConnection>,
    Question { needs_writes, write_failed }: Question,
) -> Result<(PgConnection, Result<(), Outage>), sqlx::Error> {
    // A connection that was ended since the last probe says nothing about the next one.
    let kept = match open {
        Some(mut connection) => {
            is_read_only(&mut connection).await.ok().map(|read_only| (connection, read_only))
        }
        None => None,
    };
    let (mut connection, read_only) = if let Some(answered) = kept {
        answered
    } else {
        let mut connection = server.connect().await?;
        let read_only = is_read_only(&mut connection).await?;
        (connection, read_only)
    };
    let mut result = Ok(());
    if needs_writes && read_only {
        result = Err(Outage::shared(
            "the server takes no writes: it is a standby, or default_transaction_read_only is on",
        ));
    } else if write_failed {
        // The number of a transaction is written at its commit.
        let written = sqlx::query("select txid_current()").execute(&mut connection).await;
        result = written.map(drop).map_err(|error| Outage::of(&error, &Backend::Postgres(server.clone())));
    }
    Ok((connection, result.map_err(Outage::of_writes)))
}

/// Also true for a standby.
async fn is_read_only(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select current_setting('transaction_read_only') = 'on'").fetch_one(connection).await
}

async fn probe_sqlite(
    read: &SqlitePool,
    open: Option<SqliteConnection>,
) -> Result<SqliteConnection, sqlx::Error> {
    let mut connection = match open {
        Some(connection) => connection,
        None => SqliteConnection::connect_with(&read.connect_options()).await?,
    };
    sqlx::query("select 1 from sqlite_master limit 1").execute(&mut connection).await?;
    Ok(connection)
}

/// Writes a page and changes nothing: the number that it writes is the one that was there.
async fn write_sqlite(write: &SqlitePool) -> Result<(), sqlx::Error> {
    let mut tx = write.begin_with("begin immediate").await?;
    let version: i32 = sqlx::query_scalar("pragma user_version").fetch_one(&mut *tx).await?;
    sqlx::query(AssertSqlSafe(format!("pragma user_version = {version}"))).execute(&mut *tx).await?;
    tx.commit().await
}

/// Whether the volume of a database takes writes and has room. A file system that does not report it counts as having room.
fn check_room(database: &Path) -> Result<(), Outage> {
    let Ok(volume) = statvfs(database) else { return Ok(()) };
    if volume.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Err(Outage::own(format!("the volume of {} is mounted read-only", database.display())));
    }
    let free = volume.f_bavail.saturating_mul(volume.f_frsize);
    if volume.f_blocks > 0 && free < MIN_FREE_BYTES {
        return Err(Outage::own(format!("the volume of {} has {free} bytes left", database.display())));
    }
    Ok(())
}
