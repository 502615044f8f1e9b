//! Entries of the audit trail: logged at once, stored by a task of their own, so that no request waits for the writer of the
//! database, and bounded, so that refusals by the thousand fill neither log nor table.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::MatchedPath;
use axum::http::Extensions;
use jiff::{SignedDuration, Timestamp};
use moka::sync::Cache;
use store::{AuditAction, AuditEntry, AuditOutcome, Store, causes};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

/// Entries that wait to be stored; later ones are only logged.
const MAX_WAITING: usize = 4096;

/// Entries stored in one transaction.
const BATCH: usize = 256;

/// Pause after entries could not be stored, for example because the database is unavailable.
const RETRY_DELAY: Duration = Duration::from_secs(5);

/// How often entries that are too old are deleted.
const GC_INTERVAL: Duration = Duration::from_hours(1);

/// The same of the same principal at the same address is one entry in this time.
const REPEAT_INTERVAL: Duration = Duration::from_mins(1);

/// Entries remembered, to know repeated ones.
const MAX_REPEATS: u64 = 10_000;

/// The address of a client, after trusted proxies; put into a request's extensions before its handler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientAddress(pub(crate) Option<IpAddr>);

/// The audit trail of one process; clones share it.
#[derive(Clone)]
pub struct AuditTrail {
    waiting: mpsc::Sender<AuditEntry>,
    repeats: Cache<(AuditAction, AuditOutcome, String), ()>,
    receiver: Arc<Mutex<mpsc::Receiver<AuditEntry>>>,
}

impl fmt::Debug for AuditTrail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditTrail").finish_non_exhaustive()
    }
}

impl Default for AuditTrail {
    fn default() -> Self {
        let (waiting, receiver) = mpsc::channel(MAX_WAITING);
        let repeats = Cache::builder().max_capacity(MAX_REPEATS).time_to_live(REPEAT_INTERVAL).build();
        Self { waiting, repeats, receiver: Arc::new(Mutex::new(receiver)) }
    }
}

impl AuditTrail {
    /// Records what was done.
    pub(crate) fn record(&self, entry: AuditEntry) {
        entry.log();
        if self.waiting.try_send(entry).is_err() {
            tracing::warn!("too many audit entries wait to be stored; this one is in the log only");
        }
    }

    /// Records what a client can cause by the thousand, unless the same was recorded within [`REPEAT_INTERVAL`].
    pub(crate) fn record_unless_repeated(&self, entry: AuditEntry) {
        let AuditEntry { principal, client, route, subject, .. } = &entry;
        let key = (entry.action, entry.outcome, format!("{principal:?} {client:?} {route:?} {subject:?}"));
        if self.repeats.entry(key).or_insert(()).is_fresh() {
            self.record(entry);
        }
    }

    /// Stores entries until `stop`, then what still waits; deletes those older than `retention`, if there is one.
    pub async fn run(
        &self,
        store: &Store,
        retention: Option<SignedDuration>,
        now: impl Fn() -> Timestamp,
        stop: CancellationToken,
    ) {
        let mut receiver = self.receiver.lock().await;
        let mut batch = Vec::new();
        let mut gc = tokio::time::interval(GC_INTERVAL);
        loop {
            tokio::select! {
                _ = receiver.recv_many(&mut batch, BATCH) => {}
                _ = gc.tick() => {
                    if let Some(oldest) = retention.and_then(|kept| now().checked_sub(kept).ok())
                        && let Err(error) = store.delete_audit_before(oldest).await
                    {
                        tracing::warn!(error = causes(&error), "cannot delete old audit entries");
                    }
                    continue;
                }
                () = stop.cancelled() => break,
            }
            while let Err(error) = store.record_audit(&batch).await {
                tracing::warn!(error = causes(&error), "cannot store audit entries; trying again");
                tokio::select! {
                    () = tokio::time::sleep(RETRY_DELAY) => {}
                    () = stop.cancelled() => return,
                }
            }
            batch.clear();
        }
        while let Ok(entry) = receiver.try_recv() {
            batch.push(entry);
        }
        if let Err(error) = store.record_audit(&batch).await {
            tracing::warn!(error = causes(&error), "cannot store the last audit entries");
        }
    }
}

/// Where a request came from and what it asked for, before its parts are taken.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    client: Option<IpAddr>,
    route: Option<String>,
}

impl Origin {
    /// The origin of a request; the route only, never the path, which names people.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        let client = extensions.get::<ClientAddress>().and_then(|address| address.0);
        let route = extensions.get::<MatchedPath>().map(|route| route.as_str().to_owned());
        Self { client, route }
    }

    /// The same where no route has been found yet.
    pub(crate) fn of_client(client: Option<IpAddr>, route: &str) -> Self {
        Self { client, route: Some(route.to_owned()) }
    }

    /// The route, if the path has one.
    pub(crate) fn route(&self) -> Option<&str> {
        self.route.as_deref()
    }

    /// An entry about this request.
    pub(crate) fn entry(
        self,
        at: Timestamp,
        (action, outcome): (AuditAction, AuditOutcome),
        principal: Option<String>,
        subject: Option<String>,
    ) -> AuditEntry {
        let client = self.client.map(|address| address.to_string());
        AuditEntry { at, action, outcome, principal, client, route: self.route, subject }
    }
}
