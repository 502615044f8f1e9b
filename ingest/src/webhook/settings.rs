//! Settings and state that receiver, worker and reconciler share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::SignedDuration;
use reqwest::Url;
use tokio::sync::Notify;

use crate::oauth::ClientCredentials as Credentials;

/// Where Oura sends webhook events: an https address that is reachable from the internet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback(Url);

/// The address cannot be a callback.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} cannot be a callback: it must be https://NAME/PATH, without user, query and fragment")]
pub struct InvalidCallback(String);

impl std::str::FromStr for Callback {
    type Err = InvalidCallback;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text.trim()).ok().filter(|url| {
            let plain = url.username().is_empty() && url.password().is_none();
            url.scheme() == "https" && plain && url.query().is_none() && url.fragment().is_none()
        });
        url.map(Self).ok_or_else(|| InvalidCallback(text.to_owned()))
    }
}

impl std::fmt::Display for Callback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl Callback {
    /// Whether a subscription's address is this one.
    pub fn is(&self, address: &str) -> bool {
        Url::parse(address).is_ok_and(|url| url == self.0)
    }
}

/// Whether webhook events are reliable at the moment: every subscription existed at the last check.
#[derive(Clone, Debug, Default)]
pub struct WebhookHealth(Arc<AtomicBool>);

impl WebhookHealth {
    /// Whether they are.
    pub fn is_good(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets whether they are.
    pub fn set(&self, good: bool) {
        self.0.store(good, Ordering::Relaxed);
    }
}

/// How webhook events are received.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The application that subscribes.
    pub credentials: Credentials,
    /// Where Oura reaches the receiver.
    pub callback: Callback,
    /// How far a signature's time may be from this machine's.
    pub replay_window: SignedDuration,
}

/// What receiver and worker of one process share.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    /// Something was queued.
    pub(super) wake: Arc<Notify>,
    /// It is known which Oura users the people here are.
    pub(super) known: Arc<AtomicBool>,
}
