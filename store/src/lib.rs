//! All SQL of the house. [`Store`] is a concrete handle on PostgreSQL or embedded SQLite; its methods are named after
//! the questions they answer. `document` is the truth, `daily`, `series` and `latest` are derived from it.
//!
//! Not here: HTTP, clocks (time is an argument), what a document means (`domain`).

mod absence_reasons;
mod accounts;
mod apply;
mod audit;
mod backend;
mod changes;
mod columns;
mod declared;
mod deletions;
mod documents;
mod drift;
mod error;
mod fingerprint;
mod health;
mod history;
mod jobs;
mod json_numbers;
mod leases;
mod migrate;
mod newest;
mod now;
mod numbers;
mod origin;
mod oura_accounts;
mod oura_grants;
mod people;
mod process_lock;
mod quarantine;
mod rebuild;
mod rejected;
mod rings;
mod sync;
mod sync_leases;
#[cfg(feature = "testing")]
pub mod testing;
mod tokens;
mod transaction;
mod webhook;
mod withdraw;

use std::sync::Arc;

pub use absence_reasons::absence_reasons;
pub use accounts::{NewUserAccount, UserAccount};
pub use apply::{Applied, Batch};
pub use audit::{AuditAction, AuditEntry, AuditOutcome};
pub use backend::{Location, PoolUse, create_private};
pub use columns::{Column, Extent};
pub use declared::{DeclaredAccess, DeclaredAccount, DeclaredToken, Reconciled};
pub use deletions::UnconfirmedDeletion;
pub use documents::StoredDocument;
pub use drift::SeenDrift;
pub use error::{Error, Result, causes};
pub use health::{Outage, PROBE_INTERVAL};
pub use history::PointStream;
pub use jobs::{
    Cancel, Enqueued, InvalidJobState, Job, JobCount, JobLimits, JobOutcome, JobResult, JobState,
    LeaseRenewal, NewJob,
};
pub use numbers::{Latest, StoredSeries};
pub use origin::Origin;
pub use oura_accounts::{AccountClaim, OuraAccount};
pub use oura_grants::{OuraGrant, SealedTokens};
pub use people::Person;
pub use sync::{SyncState, Totals};
pub use tokens::{MIN_DECLARED_TOKEN, NewToken, Scope, Scopes, Token};
pub use webhook::{EnqueuedEvent, EventLease, QueueDepth, WebhookEvent};

use crate::backend::Backend;
use crate::changes::ChangeSignal;
use crate::health::Health;

/// A handle on the database; clones share its pools and its change signal.
#[derive(Clone, Debug)]
pub struct Store {
    backend: Backend,
    changes: Arc<ChangeSignal>,
    health: Arc<Health>,
}

impl Store {
    /// Opens the database and proves that it answers. Embedded SQLite is created when missing and migrated at once;
    /// PostgreSQL must be migrated by [`Store::migrate`], and `open` does not check that it is (see [`Store::pending`]).
    pub async fn open(location: &Location) -> Result<Self> {
        let health = Arc::default();
        let backend = Backend::open(location, &health).await?;
        let store = Self { backend, changes: Arc::default(), health };
        if let Backend::Sqlite { alive, .. } = &store.backend {
            store.migrate().await?;
            if alive.came_alone {
                // Whoever held a lease was killed.
                store.end_all_leases().await?;
            }
            alive.share();
        }
        Ok(store)
    }

    /// Whether this is the embedded database of one process.
    pub fn is_embedded(&self) -> bool {
        matches!(self.backend, Backend::Sqlite { .. })
    }

    /// How the connections are used right now; asks nobody.
    pub fn pools(&self) -> Vec<PoolUse> {
        self.backend.pools()
    }

    /// Closes the pools after running statements have finished.
    pub async fn close(&self) {
        self.close_probe().await;
        self.backend.close().await;
    }
}
