//! Changes at Oura within a minute. A webhook event names the document that changed; [`receiver`] checks the signature and
//! stores the event in the queue before it responds, [`worker`] fetches the document, [`reconciler`] renews the
//! subscriptions. Regular sync runs continue and find documents whose event was lost.
//!
//! Not here: the queue itself (`store`), the listener (`app`).

mod event;
mod metrics;
mod receiver;
mod reconciler;
pub(crate) mod settings;
mod signature;
mod subscriptions;
mod worker;

use store::Store;
use tokio_util::sync::CancellationToken;

use crate::Clock;
use crate::scheduler::Access;
use settings::Shared;

/// The secret is also the key of every signature.
pub use crate::oauth::ClientCredentials as Credentials;
pub use event::{Event, InvalidEvent, parse_event};
pub use metrics::Metrics;
pub use receiver::Receiver;
pub use reconciler::{Action, SubscriptionReconciler, Summary, plan};
pub use settings::{Callback, InvalidCallback, Settings, WebhookHealth};
pub use signature::{Refused, verify};
pub use subscriptions::{Subscription, SubscriptionFailure, Subscriptions};
pub use worker::{StepOutcome, Worker};

/// A receiver to serve, and the tasks behind it.
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

    /// The routes for Oura. Every path of its listener is the callback, so that a proxy may rewrite it.
    pub fn router(&self) -> axum::Router {
        self.receiver.clone().router()
    }

    /// The worker that fetches documents.
    pub fn worker(&self) -> &Worker {
        &self.worker
    }

    /// The reconciler of the subscriptions.
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
