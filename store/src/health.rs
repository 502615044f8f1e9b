//! Whether the database does what this process needs of it, found out by cheap probes and by writes that fail.
//!
//! A probe writes nothing while all is well, because it comes every two seconds and a small computer's card wears out:
//! PostgreSQL is asked for one value, and whether it takes writes; of the embedded database one row is read, and the
//! file system says how much room it has. Only after a write has failed does a probe write, and its success is what ends
//! the outage.

mod probe;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::error::DatabaseError;
use tokio::sync::MutexGuard;
use tokio::time::Instant;

use crate::Store;
use crate::backend::Backend;
use crate::error::is_outage;
use probe::Prober;

/// How often the database is probed; an outcome this young is not asked for again.
pub const PROBE_INTERVAL: Duration = Duration::from_secs(2);

/// Why the database does not do what this process needs. Its text is for the log: it can name hosts and files.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{cause}")]
pub struct Outage {
    cause: Arc<str>,
    shared: bool,
    only_writes: bool,
}

impl Outage {
    /// Whether every other process that uses the same server must be expected to see the same.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// Whether reading is possible as far as is known, as on a full disk.
    pub fn is_only_of_writes(&self) -> bool {
        self.only_writes
    }

    fn of_writes(self) -> Self {
        Self { only_writes: true, ..self }
    }

    /// Something that other processes need not see: a database of this process alone, or a server that answers and
    /// refuses this process.
    fn own(cause: impl Into<Arc<str>>) -> Self {
        Self { cause: cause.into(), shared: false, only_writes: false }
    }

    fn shared(cause: impl Into<Arc<str>>) -> Self {
        Self { cause: cause.into(), shared: true, only_writes: false }
    }

    fn of(error: &sqlx::Error, backend: &Backend) -> Self {
        let cause = crate::error::causes(error);
        match backend {
            Backend::Sqlite { .. } => Self::own(cause),
            Backend::Postgres(_) if refuses_this_process(error) => Self::own(cause),
            Backend::Postgres(_) => Self::shared(cause),
        }
    }
}

/// Whether a server answers, and what it refuses are this process's credentials, rights or one more connection.
fn refuses_this_process(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    match error {
        sqlx::Error::Tls(_) | sqlx::Error::Configuration(_) => true,
        _ => code.is_some_and(|code| {
            ["28", "3D", "42"].iter().any(|class| code.starts_with(class)) || code == "53300"
        }),
    }
}

/// What is known about the database; shared by the clones of a store.
#[derive(Debug, Default)]
pub(crate) struct Health {
    needs_writes: AtomicBool,
    write_failures: AtomicU64,
    /// Whether a write has failed and no probe has written since.
    write_failed: AtomicBool,
    last: Mutex<Option<Outcome>>,
    prober: tokio::sync::Mutex<Prober>,
}

/// What a probe found out, and when it had.
#[derive(Clone, Debug)]
struct Outcome {
    at: Instant,
    result: Result<(), Outage>,
}

impl Health {
    /// Whether connections to the server should be replaced, because the last write failed: after a failover the old
    /// primary goes on answering, and takes no writes.
    pub(crate) fn distrusts_connections(&self) -> bool {
        self.needs_writes.load(Ordering::Relaxed) && self.write_failed.load(Ordering::Relaxed)
    }

    /// Notes that beginning, a statement or the commit of a writing transaction failed.
    pub(crate) fn note_write_failure(&self, error: &sqlx::Error, backend: &Backend) {
        if !is_outage(error) {
            return;
        }
        self.write_failures.fetch_add(1, Ordering::Relaxed);
        self.write_failed.store(true, Ordering::Relaxed);
        if self.needs_writes.load(Ordering::Relaxed) {
            self.set(Err(Outage::of(error, backend).of_writes()));
        }
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<Outcome>> {
        // Nothing panics while it holds this lock.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, result: Result<(), Outage>) {
        let new = Outcome { at: Instant::now(), result };
        let old = self.last().replace(new.clone());
        match (old.map_or(Ok(()), |old| old.result), &new.result) {
            (Ok(()), Err(outage)) => tracing::warn!(error = %outage, "database unavailable"),
            (Err(_), Ok(())) => tracing::info!("database available again"),
            _ => {}
        }
    }
}

impl Store {
    /// Declares that this process cannot work without writing, so that a database that takes no writes counts as unavailable.
    pub fn need_writes(&self) {
        self.health.needs_writes.store(true, Ordering::Relaxed);
    }

    /// The result of the last probe, from memory. A database that was never probed has been opened, so it is available.
    pub fn last_probe(&self) -> Result<(), Outage> {
        self.health.last().as_ref().map_or(Ok(()), |outcome| outcome.result.clone())
    }

    /// How many writing transactions failed because of the database's condition since the process started.
    pub fn write_failures(&self) -> u64 {
        self.health.write_failures.load(Ordering::Relaxed)
    }

    /// Probes the database, unless that was done within [`PROBE_INTERVAL`]. Takes at most two seconds for each caller,
    /// one probe runs at a time, and one that hangs is waited for instead of starting another.
    pub async fn probe(&self) -> Result<(), Outage> {
        self.probe_unless_younger(PROBE_INTERVAL).await
    }

    /// Probes the database unless a probe ended while this one waited for its turn.
    pub async fn probe_now(&self) -> Result<(), Outage> {
        self.probe_unless_younger(Duration::ZERO).await
    }

    /// As [`Store::probe`]; where another caller is probing, what was known before.
    pub async fn probe_unless_busy(&self) -> Result<(), Outage> {
        match self.health.prober.try_lock() {
            Ok(prober) => self.probe_with(prober, PROBE_INTERVAL, Instant::now()).await,
            Err(_) => self.last_probe(),
        }
    }

    async fn probe_unless_younger(&self, age: Duration) -> Result<(), Outage> {
        let asked = Instant::now();
        match self.known_since(age, asked) {
            Some(known) => known,
            None => self.probe_with(self.health.prober.lock().await, age, asked).await,
        }
    }

    async fn probe_with(
        &self,
        mut prober: MutexGuard<'_, Prober>,
        age: Duration,
        asked: Instant,
    ) -> Result<(), Outage> {
        if let Some(known) = self.known_since(age, asked) {
            return known;
        }
        let health = &self.health;
        let needs_writes = health.needs_writes.load(Ordering::Relaxed);
        let failures = self.write_failures();
        let result = prober.probe(&self.backend, needs_writes, health.distrusts_connections()).await;
        // A write that failed in the meantime is the newer news.
        if !needs_writes || failures == self.write_failures() {
            if result.is_ok() {
                health.write_failed.store(false, Ordering::Relaxed);
            }
            health.set(result);
        }
        self.last_probe()
    }

    /// What a probe found out that ended at most `age` before a caller asked, or after.
    fn known_since(&self, age: Duration, asked: Instant) -> Option<Result<(), Outage>> {
        let last = self.health.last().clone();
        last.filter(|last| last.at + age > asked).map(|last| last.result)
    }

    pub(crate) async fn close_probe(&self) {
        self.health.prober.lock().await.close().await;
    }
}
