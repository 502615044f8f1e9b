//! All SQL of the project. [`Store`] is a concrete handle on PostgreSQL or embedded SQLite; its methods are named after
//! the questions they answer. `document` is the truth, `daily`, `series` and `latest` are derived from it.
//!
//! Not here: HTTP, clocks (time is an argument), what a document means (`domain`).

mod auth;
mod backend;
mod backup;
mod changes;
mod connection;
pub mod denied;
mod error;
mod grants;
mod health;
mod location;
mod migrate;
mod people;
mod process_lock;
mod queue;
mod read;
mod server;
mod sql;
mod statements;
mod sync;
#[cfg(feature = "testing")]
pub mod testing;
mod time;
mod transaction;
mod write;

use std::sync::Arc;

pub use auth::audit::{AuditAction, AuditEntry, AuditOutcome};
pub use auth::declared::{DeclaredAccess, DeclaredAccount, DeclaredToken, Reconciled};
pub use auth::oura_accounts::{AccountClaim, OuraAccount};
pub use auth::oura_grants::{OuraGrant, SealedTokens};
pub use auth::roles::{Role, UnknownRole};
pub use auth::sign_on::SignOn;
pub use auth::tokens::{MIN_DECLARED_TOKEN, NewToken, Scope, Scopes, Token, is_token_text};
pub use auth::user_accounts::{NewUserAccount, UserAccount};
pub use backend::{PoolUse, create_private};
pub use backup::restore::{BadRow, Restore, Section};
pub use backup::snapshot::{ROWS_PER_READ, RowKey, Snapshot};
pub use backup::tables::{Cell, Table};
pub use error::{Error, Result, causes};
pub use grants::Privileges;
pub use health::{Outage, PROBE_INTERVAL};
pub use location::{Location, Login, LoginError, LoginSource, ServerName};
pub use people::Person;
pub use queue::jobs::{
    Cancel, Enqueued, InvalidJobState, Job, JobCount, JobLimits, JobOutcome, JobResult, JobState,
    LeaseRenewal, NewJob,
};
pub use queue::webhook_events::{EnqueuedEvent, EventLease, QueueDepth, WebhookEvent};
pub use read::absence_reasons::absence_reasons;
pub use read::daily::{Column, Extent};
pub use read::documents::StoredDocument;
pub use read::latest::Latest;
pub use read::points::PointStream;
pub use read::series::StoredSeries;
pub use server::RENEWAL_INTERVAL;
pub use statements::{STATEMENT_BUCKETS, StatementDurations, StatementName};
pub use sync::{SyncState, Totals};
pub use write::batch::{Applied, Batch};
pub use write::deletions::UnconfirmedDeletion;
pub use write::derivation::Rederived;
pub use write::drift::SeenDrift;
pub use write::origin::Origin;

use crate::backend::Backend;
use crate::changes::ChangeSignal;
use crate::health::Health;
use crate::statements::Statements;

/// A handle on the database; clones share its pools and its change signal.
#[derive(Clone, Debug)]
pub struct Store {
    backend: Backend,
    changes: Arc<ChangeSignal>,
    health: Arc<Health>,
    statements: Statements,
}

impl Store {
    /// Opens the database and proves that it answers. Embedded SQLite is created when missing and migrated at once;
    /// PostgreSQL must be migrated by [`Store::migrate`], and `open` does not check that it is (see [`Store::pending`]).
    pub async fn open(location: &Location) -> Result<Self> {
        let health = Arc::default();
        let backend = Backend::open(location, &health).await?;
        let store = Self { backend, changes: Arc::default(), health, statements: Statements::default() };
        if let Backend::Sqlite { alive, .. } = &store.backend {
            store.migrate().await?;
            if alive.came_alone {
                // Every holder of a lease was killed.
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

    /// Whether no other process used the embedded database when this one opened it; `None` on a server.
    pub fn came_alone(&self) -> Option<bool> {
        match &self.backend {
            Backend::Sqlite { alive, .. } => Some(alive.came_alone),
            Backend::Postgres(_) => None,
        }
    }

    /// How the connections are used at the moment; runs no statement.
    pub fn pools(&self) -> Vec<PoolUse> {
        self.backend.pools()
    }

    /// Closes the pools after running statements have finished.
    pub async fn close(&self) {
        self.close_probe().await;
        self.backend.close().await;
    }
}
