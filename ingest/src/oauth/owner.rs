//! A person's log-in and what its renewal needs.

use std::sync::Arc;

use secrecy::SecretString;
use store::{Person, Store};

use super::application::Application;
use super::metrics::Metrics;
use super::seal::Keyring;
use crate::Clock;

/// A person's log-in, and what its renewal needs.
#[derive(Clone)]
pub struct GrantOwner {
    /// Where it is stored.
    pub store: Store,
    /// The person.
    pub person: Person,
    /// The application it was given to.
    pub application: Application,
    /// The keys that seal it.
    pub keys: Keyring,
    /// The current time.
    pub clock: Clock,
    /// Shows its state.
    pub metrics: Metrics,
    /// A fixed token, used until there is a log-in.
    pub fallback: Option<SecretString>,
}

/// A step of a renewal; tests kill the process at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultPoint {
    /// The lease is taken.
    Leased,
    /// It is noted that the refresh token is about to be sent.
    Marked,
    /// Oura has answered.
    Answered,
    /// The new pair is stored.
    Saved,
    /// A failure is noted.
    Noted,
    /// The lease is free.
    Released,
}

/// Called at each step of a renewal.
pub type Observer = Arc<dyn Fn(FaultPoint) + Send + Sync>;
