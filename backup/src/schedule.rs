//! Backups that a service makes by itself, one process at a time.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use service_metrics::table;
use store::{Store, causes};
use tokio_util::sync::CancellationToken;

use crate::crypt::Encryption;
use crate::error::{Error, Result};
use crate::make::back_up;
use crate::repository::Repository;
use crate::retention::Keep;

/// Reads the wall clock.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How often the place is looked at: another process may have made a backup.
const POLL_INTERVAL: Duration = Duration::from_mins(10);

/// Pause after a failure.
const RETRY_DELAY: Duration = Duration::from_mins(5);

/// Lease duration; the lease is renewed every third of it.
const LEASE: SignedDuration = SignedDuration::from_mins(3);

/// The lease of the whole installation.
const LEASE_NAME: (i64, &str) = (0, "backup");

/// When and how backups are made.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Where they go.
    pub repository: Repository,
    /// How they are encrypted; `None`: by the key that is there.
    pub encryption: Option<Encryption>,
    /// From one to the next.
    pub interval: Duration,
    /// Which are kept.
    pub keep: Keep,
    /// The version of this program.
    pub program: &'static str,
}

/// What is reported about them.
#[derive(Clone, Debug)]
struct Metrics {
    newest: Gauge,
    size: Gauge,
    written: Gauge,
    duration: Gauge<f64, AtomicU64>,
    failures: Counter,
}

/// Makes backups when they are due.
#[derive(Clone)]
pub struct Scheduled {
    store: Store,
    schedule: Schedule,
    clock: Clock,
    holder: Arc<str>,
    metrics: Metrics,
}

impl std::fmt::Debug for Scheduled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scheduled").field("schedule", &self.schedule).finish_non_exhaustive()
    }
}

impl Scheduled {
    /// Registers the metrics in a registry with the prefix `myhealth`. `holder` is a name no other process has.
    pub fn register(
        store: Store,
        schedule: Schedule,
        clock: Clock,
        holder: String,
        registry: &mut Registry,
    ) -> Self {
        let metrics = Metrics {
            newest: table::BACKUP_NEWEST.single(registry),
            size: table::BACKUP_SIZE.single(registry),
            written: table::BACKUP_WRITTEN.single(registry),
            duration: table::BACKUP_DURATION.single(registry),
            failures: table::BACKUP_FAILURES.single(registry),
        };
        let interval: Gauge = table::BACKUP_INTERVAL.single(registry);
        interval.set(i64::try_from(schedule.interval.as_secs()).unwrap_or(i64::MAX));
        Self { store, schedule, clock, holder: holder.into(), metrics }
    }

    /// Makes backups until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            let once = tokio::select! {
                () = stop.cancelled() => break,
                once = self.run_once() => once,
            };
            let delay = match once {
                Ok(due) => {
                    let left = due.duration_since((self.clock)());
                    Duration::try_from(left).unwrap_or_default().clamp(Duration::from_secs(1), POLL_INTERVAL)
                }
                Err(error) => {
                    self.metrics.failures.inc();
                    tracing::error!(
                        error = causes(&error),
                        "backup failed; the backups from before are unchanged"
                    );
                    RETRY_DELAY
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(delay) => {}
            }
        }
        // What was begun is no backup; another process can begin at once.
        let _ = self.store.release_lease(LEASE_NAME.0, LEASE_NAME.1, &self.holder).await;
    }

    /// Makes a backup where one is due and no other process makes one; returns when the next is due.
    pub async fn run_once(&self) -> Result<Timestamp> {
        let interval = SignedDuration::try_from(self.schedule.interval).unwrap_or(SignedDuration::MAX);
        let newest = match self.schedule.repository.newest(None).await {
            Ok(newest) => match self.schedule.repository.verify(&newest, Some(&HashSet::new())).await {
                Ok(_) => {
                    self.show(newest.created_at, newest.bytes());
                    Some(newest.created_at)
                }
                // Another backup writes what is missing again, so it is due now.
                Err(error) if error.is_damage() => {
                    self.metrics.failures.inc();
                    tracing::error!(error = causes(&error), "newest backup is damaged; making another");
                    None
                }
                Err(error) => return Err(error),
            },
            Err(Error::None(_)) => None,
            Err(error) => return Err(error),
        };
        let now = (self.clock)();
        let due = newest.map_or(now, |newest| newest.saturating_add(interval).unwrap_or(Timestamp::MAX));
        // A time far ahead was written by a clock that was ahead.
        if now < due && due.duration_since(now) <= interval {
            return Ok(due);
        }
        if !self.renew_lease().await? {
            return Ok(now + SignedDuration::from_mins(1));
        }
        let made = tokio::select! {
            made = self.back_up() => made,
            error = self.keep_lease() => Err(error),
        };
        self.store.release_lease(LEASE_NAME.0, LEASE_NAME.1, &self.holder).await?;
        made.map(|made| made.saturating_add(interval).unwrap_or(Timestamp::MAX))
    }

    async fn back_up(&self) -> Result<Timestamp> {
        let Schedule { repository, encryption, keep, program, .. } = &self.schedule;
        let (started, now) = (std::time::Instant::now(), (self.clock)());
        let made =
            back_up(&self.store, repository, encryption.as_ref(), (program, now), &mut |_, _| {}).await?;
        self.metrics.duration.set(started.elapsed().as_secs_f64());
        self.metrics.written.set(i64::try_from(made.bytes_written).unwrap_or(i64::MAX));
        self.show(made.listing.created_at, made.listing.bytes());
        tracing::info!(
            objects = made.listing.objects_count(),
            new_objects = made.written.len(),
            bytes = made.listing.bytes(),
            new_bytes = made.bytes_written,
            "backup made and verified"
        );
        let pruned = repository.prune(*keep, now).await?;
        tracing::info!(backups = pruned.backups, objects = pruned.objects, "old backups removed");
        Ok(made.listing.created_at)
    }

    fn show(&self, at: Timestamp, bytes: u64) {
        self.metrics.newest.set(at.as_second());
        self.metrics.size.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    async fn renew_lease(&self) -> Result<bool> {
        let now = (self.clock)();
        Ok(self.store.take_lease(LEASE_NAME.0, LEASE_NAME.1, &self.holder, now + LEASE, now).await?)
    }

    /// Renews the lease until it cannot be.
    async fn keep_lease(&self) -> Error {
        loop {
            tokio::time::sleep(LEASE.unsigned_abs() / 3).await;
            match self.renew_lease().await {
                Ok(true) => {}
                Ok(false) => return Error::LeaseLost,
                Err(error) => return error,
            }
        }
    }
}
