//! Keeps the ready body true: rebuilt when the store changed, and when a value's time is up.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use store::Store;
use tokio_util::sync::CancellationToken;

use crate::exposition;
use crate::snapshot::Snapshot;

/// Reads the wall clock; handed in by whoever may.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Serves the newest values from memory; clones share the body.
#[derive(Clone)]
pub struct Exporter {
    store: Store,
    clock: Clock,
    body: Arc<ArcSwap<Bytes>>,
    up: Gauge,
    rebuilds: Counter,
}

/// A first sync commits many times a second; gauges need not follow each commit.
const SETTLE: Duration = Duration::from_millis(100);

/// How often another process's writes are looked for, where the database is shared.
const LOOK: Duration = Duration::from_secs(1);

/// How long the database may take to say the newest values.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pause after the store failed.
const AWAY: Duration = Duration::from_secs(5);

/// The longest sleep: bounds what a clock set forward can do to expiry.
const LONGEST: Duration = Duration::from_mins(1);

impl Exporter {
    /// An exporter with an empty body; [`Exporter::run`] fills it. Its own metrics are registered with the prefix the
    /// caller chose.
    pub fn new(store: Store, clock: Clock, registry: &mut Registry) -> Self {
        let exporter =
            Self { store, clock, body: Arc::default(), up: Gauge::default(), rebuilds: Counter::default() };
        registry.register(
            "store_up",
            "Whether the last look at the database succeeded; while it is 0 the newest known values are shown until \
             their time is up",
            exporter.up.clone(),
        );
        registry.register(
            "exporter_rebuilds",
            "How often the body of a scrape was made anew",
            exporter.rebuilds.clone(),
        );
        exporter
    }

    /// The health series, ready to send.
    pub(crate) fn body(&self) -> Arc<Bytes> {
        self.body.load_full()
    }

    /// Keeps the body true until `stop`; `ready` is called once the first body stands.
    pub async fn run(&self, stop: CancellationToken, ready: impl FnOnce() + Send) {
        let mut changes = self.store.subscribe();
        let mut ready = Some(ready);
        let mut snapshot = Snapshot::default();
        let mut seen = None;
        loop {
            changes.mark_unchanged();
            // A database that hangs must not keep a value alive past its time, nor this task past the end.
            let read = tokio::select! {
                () = stop.cancelled() => return,
                read = tokio::time::timeout(PATIENCE, self.read(&mut snapshot, &mut seen)) => match read {
                    Ok(read) => read.map_err(|error| store::causes(&error)),
                    Err(_) => Err("the database does not answer in time".to_owned()),
                },
            };
            self.up.set(i64::from(read.is_ok()));
            let now = (self.clock)();
            self.body.store(Arc::new(exposition::render(&snapshot, now).into()));
            self.rebuilds.inc();
            match &read {
                Ok(()) => {
                    if let Some(ready) = ready.take() {
                        ready();
                    }
                }
                Err(error) => tracing::warn!(error, "cannot read the newest values"),
            }
            let expiry = snapshot.next_expiry(now).map_or(LONGEST, |at| {
                let until = at.duration_since(now);
                Duration::try_from(until).unwrap_or_default().clamp(SETTLE, LONGEST)
            });
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.changed(&mut changes, seen) => {}
                () = tokio::time::sleep(if read.is_ok() { expiry } else { AWAY }) => {}
            }
            tokio::time::sleep(SETTLE).await;
        }
    }

    async fn read(&self, snapshot: &mut Snapshot, seen: &mut Option<Timestamp>) -> Result<(), store::Error> {
        // The mark is taken first: a write between the two reads is then seen again, not missed.
        *seen = self.store.watermark().await?;
        *snapshot = Snapshot::read(&self.store).await?;
        Ok(())
    }

    /// Waits for a write of this process or, where the database is shared, of another.
    async fn changed(&self, changes: &mut tokio::sync::watch::Receiver<u64>, seen: Option<Timestamp>) {
        if self.store.is_embedded() {
            // The sender lives in the store this exporter holds.
            let _ = changes.changed().await;
            return;
        }
        loop {
            tokio::select! {
                _ = changes.changed() => return,
                () = tokio::time::sleep(LOOK) => {
                    if self.store.watermark().await.is_ok_and(|mark| mark != seen) {
                        return;
                    }
                }
            }
        }
    }
}
