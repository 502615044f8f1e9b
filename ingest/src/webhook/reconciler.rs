//! Keeps one subscription for every kind of news: what is missing is made, what ends soon renewed, what is too many
//! removed. A pure plan from what Oura lists, carried out at the start and every hour; Oura forgets subscriptions after
//! some 90 days, and at once when it is answered 410.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{Change, Collection};
use jiff::{SignedDuration, Timestamp};
use store::causes;
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;
use super::settings::{Callback, WebhookHealth};
use super::subscriptions::{Subscription, SubscriptionFailure, Subscriptions};
use crate::Clock;

/// What ends sooner is renewed: time enough to notice that renewing fails.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Pause between two looks.
const INTERVAL: Duration = Duration::from_hours(1);

/// The first pause after a failure; doubled up to [`INTERVAL`].
const RETRY_DELAY: Duration = Duration::from_secs(15);

/// One thing to ask of Oura.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Subscribe.
    Create(Change, Collection),
    /// Prolong this subscription.
    Renew(String),
    /// End this subscription.
    Delete(String),
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Subscriptions made.
    pub created: usize,
    /// Subscriptions prolonged.
    pub renewed: usize,
    /// Subscriptions ended.
    pub deleted: usize,
}

/// What must be done so that `callback` has each kind of news once. Subscriptions of other callbacks are left alone.
pub fn plan(existing: &[Subscription], callback: &Callback, now: Timestamp) -> Vec<Action> {
    let mut actions = Vec::new();
    let mut ours: BTreeMap<(Change, Collection), Vec<&Subscription>> =
        wanted().map(|pair| (pair, Vec::new())).collect();
    for subscription in existing.iter().filter(|it| callback.is(&it.callback_url)) {
        match pair(subscription).and_then(|pair| ours.get_mut(&pair)) {
            Some(group) => group.push(subscription),
            None => actions.push(Action::Delete(subscription.id.clone())),
        }
    }
    for ((change, collection), mut group) in ours {
        // Of several every replica keeps the same one, so that replicas do not delete each other's.
        group.sort_by_key(|subscription| &subscription.id);
        match group.split_first() {
            None => actions.push(Action::Create(change, collection)),
            Some((kept, others)) => {
                if kept.expires.is_none_or(|expires| expires.duration_since(now) < RENEW_BEFORE) {
                    actions.push(Action::Renew(kept.id.clone()));
                }
                actions.extend(others.iter().map(|other| Action::Delete(other.id.clone())));
            }
        }
    }
    actions
}

/// Every kind of news there is.
fn wanted() -> impl Iterator<Item = (Change, Collection)> {
    let collections = Collection::ALL.iter().copied().filter(|collection| collection.info().has_webhook);
    collections.flat_map(|collection| Change::ALL.map(|change| (change, collection)))
}

fn pair(subscription: &Subscription) -> Option<(Change, Collection)> {
    Some((subscription.event_type.parse().ok()?, subscription.data_type.parse().ok()?))
}

/// Carries the plan out.
#[derive(Clone)]
pub struct SubscriptionReconciler {
    subscriptions: Subscriptions,
    callback: Callback,
    health: WebhookHealth,
    metrics: Metrics,
    clock: Clock,
}

impl SubscriptionReconciler {
    /// Keeps the subscriptions of `callback`, and says in `health` whether all are there.
    pub fn new(
        subscriptions: Subscriptions,
        callback: Callback,
        health: WebhookHealth,
        metrics: Metrics,
        clock: Clock,
    ) -> Self {
        Self { subscriptions, callback, health, metrics, clock }
    }

    /// Looks at the start and every hour, sooner after a failure.
    pub async fn run(&self, stop: &CancellationToken) {
        let mut retry = RETRY_DELAY;
        loop {
            let looked = tokio::select! {
                () = stop.cancelled() => return,
                looked = self.reconcile() => looked,
            };
            let pause = match looked {
                Ok(kept) => {
                    retry = RETRY_DELAY;
                    if kept != Summary::default() {
                        let Summary { created, renewed, deleted } = kept;
                        tracing::info!(created, renewed, deleted, "the subscriptions at Oura are complete");
                    }
                    INTERVAL
                }
                Err(failure) => {
                    tracing::warn!(
                        error = causes(&failure),
                        "cannot keep the subscriptions at Oura; documents come with the next sync run"
                    );
                    let pause = match failure {
                        SubscriptionFailure::RateLimited(Some(pause)) => pause.max(retry),
                        _ => retry,
                    };
                    retry = (retry * 2).min(INTERVAL);
                    pause
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One look, and everything it shows to be done. What fails ends it; what was done stays done.
    #[tracing::instrument(name = "webhook.subscriptions", skip_all)]
    pub async fn reconcile(&self) -> Result<Summary, SubscriptionFailure> {
        let kept = self.perform().await;
        self.health.set(kept.is_ok());
        kept
    }

    async fn perform(&self) -> Result<Summary, SubscriptionFailure> {
        let now = (self.clock)();
        let mut kept = Summary::default();
        let existing = self.subscriptions.list().await?;
        self.show(&existing, now);
        let actions = plan(&existing, &self.callback, now);
        if actions.is_empty() {
            return Ok(kept);
        }
        let works = existing.iter().any(|it| self.callback.is(&it.callback_url));
        let mut refused = None;
        for action in actions {
            match action {
                Action::Create(change, collection) => {
                    match self.subscriptions.create(&self.callback, change, collection).await {
                        Ok(_) => kept.created += 1,
                        // Where the callback works for others, it is this kind of news that Oura does not offer.
                        Err(failure @ SubscriptionFailure::Refused(_)) if works || kept.created > 0 => {
                            tracing::warn!(%change, %collection, error = causes(&failure), "not subscribed");
                            refused = Some(failure);
                        }
                        Err(failure) => return Err(failure),
                    }
                }
                Action::Renew(id) => match self.subscriptions.renew(&id).await {
                    Ok(_) => kept.renewed += 1,
                    // It has ended between the list and now; the next look makes a new one.
                    Err(SubscriptionFailure::Unknown) => {}
                    Err(failure) => return Err(failure),
                },
                Action::Delete(id) => {
                    self.subscriptions.delete(&id).await?;
                    kept.deleted += 1;
                }
            }
        }
        let existing = self.subscriptions.list().await?;
        self.show(&existing, now);
        let missing = plan(&existing, &self.callback, now);
        let missing = missing.iter().any(|action| matches!(action, Action::Create(..)));
        match refused {
            Some(failure) => Err(failure),
            None if missing => Err(SubscriptionFailure::Malformed("what was subscribed is not in the list")),
            None => Ok(kept),
        }
    }

    fn show(&self, existing: &[Subscription], now: Timestamp) {
        let actions = plan(existing, &self.callback, now);
        let count = |is: fn(&Action) -> bool| actions.iter().filter(|action| is(action)).count();
        let missing = count(|action| matches!(action, Action::Create(..)));
        let expiring = count(|action| matches!(action, Action::Renew(_)));
        let ours = existing.iter().filter(|it| self.callback.is(&it.callback_url));
        let expiry = ours.filter_map(|it| it.expires).min();
        let active = wanted().count() - missing - expiring;
        self.metrics.set_subscriptions(active, expiring, missing, expiry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    fn callback() -> Callback {
        "https://health.example.org/oura".parse().unwrap()
    }

    /// Every subscription there should be, for `days` to come.
    fn complete(days: i64) -> Vec<Subscription> {
        let pairs = wanted().enumerate();
        let subscription = |(n, (change, collection)): (usize, (Change, Collection))| Subscription {
            id: format!("{n:03}"),
            callback_url: callback().to_string(),
            event_type: change.name().to_owned(),
            data_type: collection.name().to_owned(),
            expires: Some(now() + SignedDuration::from_hours(24 * days)),
        };
        pairs.map(subscription).collect()
    }

    fn check(existing: &[Subscription], expected: &[Action]) {
        assert_eq!(plan(existing, &callback(), now()), expected);
    }

    #[test]
    fn reconciler_does_nothing_when_complete() {
        assert!(complete(90).len() >= 45, "three kinds of news of fifteen collections");
        check(&complete(90), &[]);
        check(&complete(7), &[]);
    }

    #[test]
    fn reconciler_creates_missing_subscriptions() {
        assert_eq!(plan(&[], &callback(), now()).len(), complete(90).len());
        let mut existing = complete(90);
        let gone = existing.remove(4);
        let (change, collection) = pair(&gone).unwrap();
        check(&existing, &[Action::Create(change, collection)]);
    }

    #[test]
    fn reconciler_renews_subscriptions_that_end_soon_or_without_date() {
        let mut existing = complete(90);
        existing[2].expires = Some(now() + SignedDuration::from_hours(7 * 24 - 1));
        existing[1].expires = None;
        check(&existing, &[Action::Renew("001".into()), Action::Renew("002".into())]);
    }

    #[test]
    fn reconciler_deletes_duplicates_and_leaves_other_callbacks() {
        let mut existing = complete(90);
        let twin = Subscription { id: "zzz".into(), ..existing[3].clone() };
        let odd = Subscription { id: "odd".into(), data_type: "meal".into(), ..existing[3].clone() };
        let callback_url = "https://elsewhere.example.org/".to_owned();
        let others = Subscription { id: "others".into(), callback_url, ..existing[3].clone() };
        existing.extend([twin, odd, others]);
        check(&existing, &[Action::Delete("odd".into()), Action::Delete("zzz".into())]);
    }
}
