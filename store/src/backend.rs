//! The closed set of databases, and the two macros that let one SQL text and one Rust body serve both: the compiler
//! checks each body once per driver. No other crate can name a driver.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::error::{Error, Result, is_other_file};
use crate::health::Health;
use crate::location::Location;
use crate::process_lock::ProcessLock;
use crate::server::Server;

/// The open pools.
#[derive(Clone, Debug)]
pub(crate) enum Backend {
    Postgres(Server),
    /// SQLite knows one writer at a time; a pool of one turns lock errors into waiting.
    Sqlite {
        read: SqlitePool,
        write: SqlitePool,
        alive: Arc<ProcessLock>,
        path: Arc<Path>,
    },
}

/// How long a request waits for a connection before it fails because the database does not answer.
pub(crate) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

impl Backend {
    pub(crate) async fn open(location: &Location, health: &Arc<Health>) -> Result<Self> {
        match location {
            Location::Postgres(location) => Ok(Self::Postgres(Server::open(location, health).await?)),
            Location::Sqlite(path) => Self::open_sqlite(path).await,
        }
    }

    async fn open_sqlite(path: &Path) -> Result<Self> {
        let directory = |source| Error::Directory { path: path.to_owned(), source };
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            create_private(parent).map_err(directory)?;
        }
        // SQLite reports "unable to open database file" for every reason; the operating system reports which.
        create_file(path).map_err(directory)?;
        let alive = Arc::new(ProcessLock::acquire(path).await.map_err(directory)?);
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // With WAL, a crash of the process loses nothing; a power cut may lose the last transaction, never consistency.
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(ACQUIRE_TIMEOUT)
            .foreign_keys(true);
        let unavailable = |source| {
            if is_other_file(&source) {
                Error::NotOurs { place: Location::Sqlite(path.to_owned()).to_string() }
            } else {
                Error::Unavailable { source }
            }
        };
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // A full disk, an I/O error or a lack of memory makes SQLite end a transaction by itself. The driver goes on
            // counting it, and would begin no other on this connection.
            .after_release(|connection, _| {
                Box::pin(async move {
                    // Rolling back is queued when a transaction is dropped.
                    connection.ping().await?;
                    Ok(!connection.is_in_transaction())
                })
            });
        let write = write.connect_with(options.clone()).await.map_err(unavailable)?;
        let read = SqlitePoolOptions::new().max_connections(4).acquire_timeout(ACQUIRE_TIMEOUT);
        let read = read.connect_with(options.read_only(true)).await.map_err(unavailable)?;
        Ok(Self::Sqlite { read, write, alive, path: path.into() })
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Postgres(server) => server.pool().close().await,
            Self::Sqlite { read, write, .. } => {
                read.close().await;
                write.close().await;
            }
        }
    }

    /// How the connections of each pool are used: name, open, idle, most.
    pub(crate) fn pools(&self) -> Vec<PoolUse> {
        match self {
            Self::Postgres(server) => vec![PoolUse::of("postgres", server.pool())],
            Self::Sqlite { read, write, .. } => vec![PoolUse::of("read", read), PoolUse::of("write", write)],
        }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::Postgres(server) => server.pool().is_closed(),
            Self::Sqlite { read, .. } => read.is_closed(),
        }
    }
}

/// How the connections of a pool are used at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUse {
    /// `postgres`, or for the embedded database `read` and `write`.
    pub pool: &'static str,
    /// Connections that wait to be used.
    pub idle: u64,
    /// Connections in use.
    pub used: u64,
    /// Most connections the pool opens; when all are in use, work waits.
    pub max: u64,
}

impl PoolUse {
    fn of<Db: sqlx::Database>(name: &'static str, pool: &sqlx::Pool<Db>) -> Self {
        let idle = pool.num_idle() as u64;
        // Two counters read one after the other: the difference may be off for a moment, never below zero.
        let used = u64::from(pool.size()).saturating_sub(idle);
        Self { pool: name, idle, used, max: pool.options().get_max_connections().into() }
    }
}

/// Creates a file that only its owner can read, also in a folder that others can read; SQLite gives its side files the same rights.
pub(crate) fn create_file(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes a folder, and those above it, that is its owner's alone, as health data are; one that is there stays as it is.
pub fn create_private(directory: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Runs one statement on a connection for reading; a body that builds a statement also names its database.
macro_rules! with_pool {
    ($store:expr, $pool:ident $(, $db:ident)? => $body:expr) => {
        match $store.reader().await? {
            $crate::connection::Reader::Postgres(mut connection) => {
                $(type $db = sqlx::Postgres;)?
                let $pool = &mut connection;
                $body
            }
            $crate::connection::Reader::Sqlite(mut connection) => {
                $(type $db = sqlx::Sqlite;)?
                let $pool = &mut connection;
                $body
            }
        }
    };
}

pub(crate) use with_pool;
