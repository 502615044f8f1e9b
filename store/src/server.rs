//! A PostgreSQL server: its pool, whose connections follow a log-in that changes while the process runs.
//!
//! A changed log-in is tried before it is adopted, unless the server has refused the one of before: a secret may be
//! written before the server knows it. Connections that were opened with another log-in are replaced when they are idle
//! or given back, so that no statement fails because of the change.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, PgConnection, Postgres, Transaction};
use tokio::time::{Instant, timeout};

use crate::Store;
use crate::backend::{ACQUIRE_TIMEOUT, Backend};
use crate::error::{Error, Result, causes};
use crate::health::Health;
use crate::location::{self, Login, LoginSource, place};

/// How often a log-in is read again while the server takes the one of before. Tokens of Amazon RDS are valid for 15
/// minutes.
pub const RENEWAL_INTERVAL: Duration = Duration::from_mins(1);

/// A server that refuses a token this young refuses the role, and another token would not help.
const YOUNGEST_REPLACED_TOKEN: Duration = Duration::from_secs(1);

/// A server and its pool.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pool: PgPool,
    changing: Option<Arc<ChangingLogin>>,
}

/// The place without credentials.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&place(&self.pool.connect_options()))
    }
}

/// A log-in that is read again.
struct ChangingLogin {
    source: LoginSource,
    adopted: tokio::sync::Mutex<Adopted>,
    /// How often one was adopted.
    count: AtomicU64,
    replaced: Arc<ReplacedAt>,
}

/// The log-in by which connections are opened.
struct Adopted {
    fingerprint: [u8; 32],
    at: Instant,
}

/// When connections of before became outdated.
type ReplacedAt = Mutex<Option<Instant>>;

impl fmt::Debug for ChangingLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangingLogin").finish_non_exhaustive()
    }
}

impl Server {
    /// Opens a pool. A pool would wait out refused connections; a wrong address should be reported at once.
    pub(crate) async fn open(location: &location::Postgres, health: &Arc<Health>) -> Result<Self> {
        let replaced = Arc::<ReplacedAt>::default();
        let (options, changing) = match &location.source {
            None => ((*location.options).clone(), None),
            Some(source) => {
                let login = read(source).await?;
                let adopted = Adopted { fingerprint: login.fingerprint(), at: Instant::now() };
                let changing = ChangingLogin {
                    source: source.clone(),
                    adopted: tokio::sync::Mutex::new(adopted),
                    count: AtomicU64::new(0),
                    replaced: replaced.clone(),
                };
                (login.options()?, Some(Arc::new(changing)))
            }
        };
        check_server(&options).await?;
        let (health, given_back) = (health.clone(), replaced.clone());
        let pool = PgPoolOptions::new()
            .max_connections(10)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .before_acquire(move |_, connection| {
                let keep = is_current(&replaced, connection.age);
                Box::pin(async move { Ok(keep) })
            })
            .after_release(move |_, connection| {
                let keep = !health.distrusts_connections() && is_current(&given_back, connection.age);
                Box::pin(async move { Ok(keep) })
            })
            .connect_lazy_with(options);
        Ok(Self { pool, changing })
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// A connection of the pool.
    pub(crate) async fn acquire(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        let seen = self.adopted();
        match self.pool.acquire().await {
            Err(error) if self.has_other_login(&error, seen).await => self.pool.acquire().await,
            acquired => acquired,
        }
    }

    /// A transaction on a connection of the pool.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        let seen = self.adopted();
        match self.pool.begin().await {
            Err(error) if self.has_other_login(&error, seen).await => self.pool.begin().await,
            begun => begun,
        }
    }

    /// A transaction that begins with this statement.
    pub(crate) async fn begin_with(
        &self,
        statement: &'static str,
    ) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        let seen = self.adopted();
        match self.pool.begin_with(statement).await {
            Err(error) if self.has_other_login(&error, seen).await => self.pool.begin_with(statement).await,
            begun => begun,
        }
    }

    /// A connection apart from the pool.
    pub(crate) async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        let seen = self.adopted();
        match PgConnection::connect_with(&self.pool.connect_options()).await {
            Err(error) if self.has_other_login(&error, seen).await => {
                PgConnection::connect_with(&self.pool.connect_options()).await
            }
            connected => connected,
        }
    }

    fn adopted(&self) -> u64 {
        self.changing.as_ref().map_or(0, |changing| changing.count.load(Ordering::Acquire))
    }

    /// Whether a server that refused a log-in may take the next: one was adopted since `seen`, or is now.
    async fn has_other_login(&self, error: &sqlx::Error, seen: u64) -> bool {
        let Some(changing) = self.changing.as_ref().filter(|_| refuses_login(error)) else { return false };
        // Of the callers that are refused at the same time, one reads.
        let mut adopted = changing.adopted.lock().await;
        if self.adopted() != seen {
            return true;
        }
        let read = async {
            let login = read(&changing.source).await?;
            Ok::<_, Error>((login.options()?, login))
        };
        match read.await {
            Ok((_, login)) if !adopted.is_replaced_by(&login) => false,
            Ok((options, login)) => {
                changing.adopt(&self.pool, &mut adopted, &login, options);
                true
            }
            Err(error) => {
                tracing::warn!(error = %causes(&error), "the server refuses the log-in, and it cannot be read again");
                false
            }
        }
    }

    /// Reads the log-in again, and adopts one that has changed and that the server takes.
    async fn renew(&self) -> Result<()> {
        let Some(changing) = &self.changing else { return Ok(()) };
        let mut adopted = changing.adopted.lock().await;
        let login = read(&changing.source).await?;
        let options = login.options()?;
        let changed = login.fingerprint() != adopted.fingerprint;
        if changed {
            check_server(&options).await?;
        }
        if changed || login.is_token {
            changing.adopt(&self.pool, &mut adopted, &login, options);
        }
        Ok(())
    }
}

impl Adopted {
    fn is_replaced_by(&self, login: &Login) -> bool {
        login.fingerprint() != self.fingerprint
            || login.is_token && self.at.elapsed() >= YOUNGEST_REPLACED_TOKEN
    }
}

impl ChangingLogin {
    fn adopt(&self, pool: &PgPool, adopted: &mut Adopted, login: &Login, options: PgConnectOptions) {
        let fingerprint = login.fingerprint();
        pool.set_connect_options(options);
        let now = Instant::now();
        if fingerprint != adopted.fingerprint {
            *self.replaced.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
            tracing::info!(server = place(&pool.connect_options()), "database log-in changed");
        }
        *adopted = Adopted { fingerprint, at: now };
        self.count.fetch_add(1, Ordering::Release);
    }
}

/// Whether a connection of this age was opened with the log-in of today.
fn is_current(replaced: &ReplacedAt, age: Duration) -> bool {
    let replaced = *replaced.lock().unwrap_or_else(PoisonError::into_inner);
    replaced.is_none_or(|at| age < at.elapsed())
}

async fn read(source: &LoginSource) -> Result<Login> {
    let read = timeout(ACQUIRE_TIMEOUT, source()).await.unwrap_or_else(|_| Err("no answer in time".into()));
    read.map_err(|source| Error::Login { source })
}

/// Whether a server refuses to be logged in at, or is not the one that a certificate is trusted for.
fn refuses_login(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Tls(_) => true,
        _ => error
            .as_database_error()
            .and_then(DatabaseError::code)
            .is_some_and(|code| code.starts_with("28") || code == "3D000"),
    }
}

/// Proves that a server answers and can hold every text.
async fn check_server(options: &PgConnectOptions) -> Result<()> {
    let check = async {
        let mut connection = PgConnection::connect_with(options).await?;
        let encoding: String = sqlx::query_scalar("select current_setting('server_encoding')")
            .fetch_one(&mut connection)
            .await?;
        connection.close().await?;
        Ok(encoding)
    };
    let checked = timeout(ACQUIRE_TIMEOUT, check).await.unwrap_or(Err(sqlx::Error::PoolTimedOut));
    let encoding = checked.map_err(|source| Error::Unavailable { source })?;
    if encoding == "UTF8" {
        return Ok(());
    }
    Err(Error::Encoding { database: options.get_database().unwrap_or("").to_owned(), encoding })
}

impl Store {
    /// Reads the log-in at the server again. A changed one is adopted when the server takes it; until then, connections
    /// are opened as before.
    pub async fn renew_login(&self) -> Result<()> {
        match &self.backend {
            Backend::Postgres(server) => server.renew().await,
            Backend::Sqlite { .. } => Ok(()),
        }
    }
}
