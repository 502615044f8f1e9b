//! Changes at Oura within a minute. A webhook event names the document that changed; [`receiver`] checks the signature and
//! stores the event in the queue before it responds, [`worker`] fetches the document, [`reconciler`] renews the
//! subscriptions. Regular sync runs continue and find documents whose event was lost.
//!
//! Not here: the queue itself (`store`), the listener (`app`).

mod event;
mod metrics;
mod receiver;
mod reconciler;
mod signature;
mod subscriptions;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::SignedDuration;
use reqwest::Url;
use store::Store;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::scheduler::Access;
use crate::sync::Clock;

/// The secret is also the key of every signature.
pub use crate::oauth::ClientCredentials as Credentials;
pub use event::{Event, InvalidEvent, parse_event};
pub use metrics::Metrics;
pub use receiver::Receiver;
pub use reconciler::{Action, SubscriptionReconciler, Summary, plan};
pub use signature::{Refused, verify};
pub use subscriptions::{Subscription, SubscriptionFailure, Subscriptions};
pub use worker::{StepOutcome, Worker};

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
struct Shared {
    /// Something was queued.
    wake: Arc<Notify>,
    /// It is known which Oura users the people here are.
    known: Arc<AtomicBool>,
}

/// The whole: a receiver to serve, and the tasks behind it.
pub struct Webhooks {
    receiver: Receiver,
    worker: Worker,
    reconciler: SubscriptionReconciler,
    health: WebhookHealth,
}

impl Webhooks {
    /// Puts the parts together.
    pub fn new(
        store: Store,
        client: Access,
        settings: Settings,
        subscriptions: Subscriptions,
        metrics: Metrics,
        clock: Clock,
    ) -> Self {
        let (shared, health) = (Shared::default(), WebhookHealth::default());
        let worker = Worker::new(store.clone(), client, shared.clone(), metrics.clone(), clock.clone());
        let callback = settings.callback.clone();
        let reconciler = SubscriptionReconciler::new(
            subscriptions,
            callback,
            health.clone(),
            metrics.clone(),
            clock.clone(),
        );
        let receiver = Receiver::new(store, settings, shared, metrics, clock);
        Self { receiver, worker, reconciler, health }
    }

    /// What Oura talks to. Every path of its listener is the callback, so that a proxy may rewrite it.
    pub fn router(&self) -> axum::Router {
        self.receiver.clone().router()
    }

    /// Who fetches.
    pub fn worker(&self) -> &Worker {
        &self.worker
    }

    /// Who keeps the subscriptions.
    pub fn subscription_reconciler(&self) -> &SubscriptionReconciler {
        &self.reconciler
    }

    /// Whether sync runs may be less frequent.
    pub fn health(&self) -> WebhookHealth {
        self.health.clone()
    }

    /// Fetches the documents of events and renews the subscriptions, until `stop`. The router must already be served: Oura
    /// verifies the callback before it accepts a subscription.
    pub async fn run(&self, stop: CancellationToken) {
        futures_util::join!(self.worker.run(&stop), self.reconciler.run(&stop));
    }
}
