//! Deriving numbers again after an upgrade that changed the catalogue or its rules, in the background.

use std::sync::Arc;
use std::time::Duration;

use domain::Collection;
use jiff::SignedDuration;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use service_metrics::table;
use store::{Rederived, Store, causes};
use tokio_util::sync::CancellationToken;

use crate::worker::{Clock, pause};

/// How often stale numbers are looked for: a process of an older version may still write during a rolling upgrade.
const POLL_INTERVAL: Duration = Duration::from_mins(5);

/// Pause after the store failed, and while another process derives.
const RETRY_DELAY: Duration = Duration::from_secs(10);

/// How long a process that stopped without releasing its lease keeps others from continuing. One step takes less.
const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// The lease of the whole installation: one process derives at a time.
const LEASE_NAME: (i64, &str) = (0, "rederive");

/// Derives stale numbers again.
#[derive(Clone)]
pub struct Rederiver {
    store: Store,
    clock: Clock,
    holder: Arc<str>,
    pending: Gauge,
}

impl Rederiver {
    /// Registers the gauge of what is left in a registry with the prefix `myhealth`. `holder` is a name no other process has.
    pub fn register(store: Store, clock: Clock, holder: String, registry: &mut Registry) -> Self {
        let pending = table::DERIVATION_PENDING.single(registry);
        Self { store, clock, holder: holder.into(), pending }
    }

    /// Keeps numbers current until `stop`. What is begun continues where it is, here or in another process.
    pub async fn run(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let delay = match self.run_once(&stop).await {
                Ok(0) => POLL_INTERVAL,
                Ok(_) => RETRY_DELAY,
                Err(error) => {
                    tracing::warn!(error = causes(&error), "cannot look for stale numbers");
                    RETRY_DELAY
                }
            };
            pause(delay, &stop).await;
        }
        // The next process does not have to wait for the lease to end.
        let _ = self.store.release_lease(LEASE_NAME.0, LEASE_NAME.1, &self.holder).await;
    }

    /// Derives what is stale as far as it can; returns how many collections are left.
    pub async fn run_once(&self, stop: &CancellationToken) -> Result<usize, store::Error> {
        let stale = self.store.stale_derivations().await?;
        let mut left = stale.len();
        self.show(left);
        if left == 0 || !self.renew_lease().await? {
            return Ok(left);
        }
        tracing::info!(
            collections = left,
            "numbers were derived by other rules than this version's; deriving them again"
        );
        let mut last_person = None;
        for (person, collection) in stale {
            if last_person.replace(person).is_some_and(|last| last != person) {
                tracing::info!(collections_left = left, "numbers of a person are current");
            }
            match self.derive(person, collection, stop).await {
                Ok(true) => left -= 1,
                Ok(false) => return Ok(left),
                // The other collections do not wait for one that cannot be derived.
                Err(error) => tracing::error!(
                    %collection, error = causes(&error), "cannot derive a collection again"
                ),
            }
            self.show(left);
        }
        tracing::info!(collections_left = left, "stale numbers have been derived again");
        Ok(left)
    }

    /// Derives one collection; `false` where it was interrupted.
    async fn derive(
        &self,
        person: i64,
        collection: Collection,
        stop: &CancellationToken,
    ) -> Result<bool, store::Error> {
        loop {
            if stop.is_cancelled() || !self.renew_lease().await? {
                return Ok(false);
            }
            match self.store.rederive(person, collection, (self.clock)()).await? {
                Rederived::Current => return Ok(true),
                Rederived::Until(day) => tracing::debug!(%collection, %day, "deriving days again"),
            }
        }
    }

    async fn renew_lease(&self) -> Result<bool, store::Error> {
        let now = (self.clock)();
        self.store.take_lease(LEASE_NAME.0, LEASE_NAME.1, &self.holder, now + LEASE, now).await
    }

    fn show(&self, left: usize) {
        self.pending.set(i64::try_from(left).unwrap_or(i64::MAX));
    }
}
