//! Stale numbers are derived again in the background, on both databases.

use std::sync::Arc;

use domain::{Collection, DayRange, Document, Metric};
use jiff::SignedDuration;
use jobs::Rederiver;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use store::{Batch, Origin, Rederived, Store, testing};

use crate::world::World;

/// A year of scores.
async fn fill(world: &World) {
    let days = DayRange::ending("2026-03-28".parse().unwrap(), 365);
    let document = |day: domain::Day| {
        let body = format!(r#"{{"id": "s{day}", "day": "{day}", "score": 82}}"#);
        Document::parse(Collection::DailySleep, &body).unwrap()
    };
    let batch = Batch {
        person: world.me.id,
        collection: Collection::DailySleep,
        covered: None,
        origin: Origin::Api,
        documents: days.days().map(document).collect(),
        nearby: Vec::new(),
        rejected: Vec::new(),
    };
    world.store.apply(&batch, world.time()).await.unwrap();
}

async fn wrong_days(store: &Store, person: i64) -> usize {
    let all = DayRange::new(domain::Day::FIRST, domain::Day::LAST).unwrap();
    let scores = store.daily(person, Metric::by_key("sleep_score").unwrap(), all).await.unwrap();
    assert!(scores.len() >= 365);
    scores.iter().filter(|(_, score)| *score >= 1000.0).count()
}

fn rederiver(world: &World, holder: &str) -> (Rederiver, Registry) {
    let (mut registry, clock) = (Registry::default(), world.clock.clone());
    let clock = Arc::new(move || *clock.lock().unwrap());
    let rederiver = Rederiver::register(world.store.clone(), clock, holder.into(), &mut registry);
    (rederiver, registry)
}

fn pending(registry: &Registry) -> String {
    let mut text = String::new();
    encode(&mut text, registry).unwrap();
    let line = text.lines().find(|line| line.starts_with("derivation_pending_collections ")).unwrap();
    line.split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn stale_numbers_become_current_and_the_gauge_zero() {
    for world in World::both().await {
        fill(&world).await;
        testing::derive_by_other_rules(&world.store).await;
        let (rederiver, registry) = rederiver(&world, "one");
        assert_eq!(rederiver.run_once(&world.stop).await.unwrap(), 0);
        assert_eq!(wrong_days(&world.store, world.me.id).await, 0);
        assert_eq!(
            (world.store.stale_collections(None).await.unwrap(), pending(&registry)),
            (vec![], "0".into())
        );
        let changes = world.store.change_count();
        assert_eq!(rederiver.run_once(&world.stop).await.unwrap(), 0);
        assert_eq!(world.store.change_count(), changes, "nothing is derived twice");
    }
}

#[tokio::test]
async fn another_process_continues_where_one_was_killed() {
    for world in World::both().await {
        fill(&world).await;
        testing::derive_by_other_rules(&world.store).await;
        // A process takes the lease, derives for a while and is killed.
        let now = world.time();
        assert!(
            world
                .store
                .take_lease(0, "rederive", "killed", now + SignedDuration::from_secs(30), now)
                .await
                .unwrap()
        );
        let step = world.store.rederive(world.me.id, Collection::DailySleep, now).await.unwrap();
        assert!(matches!(step, Rederived::Until(_)));
        let left = wrong_days(&world.store, world.me.id).await;
        assert!(left > 0 && left < 365, "{left}");

        let (rederiver, registry) = rederiver(&world, "two");
        assert_eq!(rederiver.run_once(&world.stop).await.unwrap(), 1, "the lease is held");
        assert_eq!(pending(&registry), "1");
        assert_eq!(wrong_days(&world.store, world.me.id).await, left);
        world.later(31);
        assert_eq!(rederiver.run_once(&world.stop).await.unwrap(), 0);
        assert_eq!(wrong_days(&world.store, world.me.id).await, 0);
    }
}

#[tokio::test]
async fn stopped_process_leaves_the_rest_to_the_next() {
    let world = World::embedded().await;
    fill(&world).await;
    testing::derive_by_other_rules(&world.store).await;
    let (first, registry) = rederiver(&world, "one");
    let stop = world.stop.child_token();
    stop.cancel();
    assert_eq!(first.run_once(&stop).await.unwrap(), 1);
    assert_eq!(pending(&registry), "1");
    // Ends at once, and without its lease.
    first.run(stop).await;
    assert_eq!(rederiver(&world, "two").0.run_once(&world.stop).await.unwrap(), 0);
}
