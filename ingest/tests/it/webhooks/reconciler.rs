//! Subscriptions are created, renewed, and counted while they are missing.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ingest::webhook::{
    Callback, Credentials, Metrics, SubscriptionFailure, SubscriptionReconciler, Subscriptions, Summary,
    WebhookHealth,
};
use prometheus_client::registry::Registry;
use simulator::Fault;

use super::{ALL, World, credentials, listening, start};

#[tokio::test]
async fn subscriptions_are_renewed_and_recreated_after_410_and_expiry() {
    let (world, _folder) = listening().await;
    assert_eq!(world.look().await, Summary::default(), "nothing to do twice");
    assert!(world.webhooks.health().is_good());
    let active = "webhook_subscriptions{state=\"active\"}";
    assert_eq!(world.metric(active), ALL as u64);
    let expiry = world.metric("webhook_subscription_expiry_timestamp_seconds");
    assert_eq!(i128::from(expiry), i128::from(start().as_second() + 90 * 86_400));

    world.gone.store(true, Ordering::Relaxed);
    world.cloud.announce("create", "sleep", "x");
    assert_eq!(world.cloud.deliver().await.cancelled, 1);
    world.gone.store(false, Ordering::Relaxed);
    assert_eq!(world.look().await, Summary { created: 1, ..Summary::default() });

    world.pass(84 * 86_400);
    assert_eq!(world.look().await, Summary { renewed: ALL, ..Summary::default() });
    world.pass(89 * 86_400);
    assert_eq!(world.look().await.renewed, ALL);
    world.pass(91 * 86_400);
    assert_eq!(world.look().await, Summary { created: ALL, ..Summary::default() });
    assert_eq!(world.metric(active), ALL as u64);
}

#[tokio::test]
async fn subscription_failure_is_reported() {
    let (store, _folder) = store::testing::sqlite().await;
    let world = World::new(store).await;
    let elsewhere = Credentials { secret: "not the application's".into(), ..credentials() };
    let refused = Subscriptions::new(&world.base, elsewhere).unwrap().list().await;
    assert!(matches!(refused, Err(SubscriptionFailure::Credentials)), "{refused:?}");

    let callback: Callback = "https://elsewhere.example.org/".parse().unwrap();
    let subscriptions = Subscriptions::new(&world.base, credentials()).unwrap();
    let metrics = Metrics::register(&mut Registry::default());
    let elsewhere = SubscriptionReconciler::new(
        subscriptions,
        callback,
        WebhookHealth::default(),
        metrics,
        Arc::new(start),
    );
    let refused = elsewhere.reconcile().await.unwrap_err();
    assert!(refused.to_string().contains("--webhook.listen-address"), "{refused}");
    let creations = world.cloud.log().iter().filter(|request| request.method == "POST").count();
    assert_eq!(creations, 1, "what cannot work is not tried forty-five times");

    world.cloud.faults().next("/v2/webhook/subscription", 1, &Fault::Status(503));
    let failed = world.webhooks.subscription_reconciler().reconcile().await;
    assert!(matches!(failed, Err(SubscriptionFailure::Status(_))), "{failed:?}");
    assert!(!world.webhooks.health().is_good());
    world.look().await;
    assert!(world.webhooks.health().is_good());
}

#[test]
fn webhook_callback_must_be_https() {
    for address in
        ["", "health", "http://health.example.org/", "https://", "https://me:pw@health.example.org/"]
    {
        assert!(address.parse::<Callback>().is_err(), "{address}");
    }
    assert!("https://health.example.org/?a=b".parse::<Callback>().is_err());
    assert!("https://health.example.org/#a".parse::<Callback>().is_err());
    let callback: Callback = " https://health.example.org".parse().unwrap();
    assert_eq!(callback.to_string(), "https://health.example.org/");
}
