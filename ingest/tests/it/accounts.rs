//! Which account an access token belongs to: documents of another Oura account are never stored for a person.

use std::sync::Arc;
use std::time::Duration;

use domain::Collection;
use ingest::plan::Horizon;
use ingest::{Client, Failure, Ingest, Metrics, Settings, SyncReport, SyncRun};
use jiff::Timestamp;
use simulator::{Cloud, Fault, Life, Person as Synthetic};
use store::{AccountClaim, Person, Store, Totals};
use tokio_util::sync::CancellationToken;

use crate::helpers::{client, day, serve};

const MINE: &str = "mine";
const OTHER: &str = "other";
const PROFILE: &str = "/v2/usercollection/personal_info";

/// Two accounts at one cloud, and a store.
struct World {
    cloud: Arc<Cloud>,
    base: String,
    store: Store,
}

fn now() -> Timestamp {
    "2026-03-29T15:00:00Z".parse().unwrap()
}

impl World {
    async fn new(store: Store) -> Self {
        let wearer = |seed| Synthetic::new(Life::new(seed, day("2026-03-01").date()));
        let cloud = Cloud::new(now).with_person(MINE, wearer(11), simulator::SCOPES);
        let cloud = Arc::new(cloud.with_person(OTHER, wearer(12), simulator::SCOPES));
        let base = serve(cloud.router()).await;
        Self { cloud, base, store }
    }

    async fn person(&self, name: &str) -> Person {
        self.store.ensure_person(&name.parse().unwrap(), "UTC", now()).await.unwrap()
    }

    fn client(&self, token: &str) -> Client {
        client(&self.base, token)
    }

    async fn sync(&self, name: &str, client: Client) -> SyncReport {
        let horizon = Horizon { history_from: day("2026-03-01"), trailing_days: 40 };
        let settings = Settings { horizon, interval: Duration::from_mins(10) };
        let metrics = Metrics::register(&mut prometheus_client::registry::Registry::default());
        let person = self.person(name).await;
        let ingest = Ingest::new(self.store.clone(), client, person, settings, metrics, Arc::new(now));
        ingest.sync(SyncRun::Missing, &CancellationToken::new(), None, |_| ()).await.unwrap()
    }

    async fn totals(&self, name: &str) -> Totals {
        self.store.totals(self.person(name).await.id).await.unwrap()
    }

    /// Kinds of failure of every collection, each once.
    async fn failing(&self, name: &str) -> Vec<String> {
        let states = self.store.sync_states(self.person(name).await.id).await.unwrap();
        let mut kinds: Vec<String> =
            states.into_iter().filter_map(|state| state.failure).map(|cause| cause.to_string()).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    }

    fn documents_asked(&self) -> usize {
        self.cloud.log().iter().filter(|request| !request.path.ends_with("/personal_info")).count()
    }
}

async fn token_of_another_account_reads_nothing(store: Store) {
    let world = World::new(store).await;
    assert!(world.sync("me", world.client(MINE)).await.failures.is_empty());
    let before = world.totals("me").await;
    assert!(before.documents > 100, "{before:?}");

    let asked = world.documents_asked();
    let report = world.sync("me", world.client(OTHER)).await;
    assert!(matches!(&report.failures[..], [(_, Failure::OtherAccount(name))] if name.as_str() == "me"));
    let report = world.sync("bob", world.client(MINE)).await;
    assert!(matches!(&report.failures[..], [(_, Failure::SharedAccount(name))] if name.as_str() == "me"));
    assert_eq!(world.documents_asked(), asked, "nothing of another account was even read");
    assert_eq!((world.totals("me").await, world.totals("bob").await.documents), (before, 0));
    assert_eq!(world.failing("me").await, ["wrong_account"]);
    assert_eq!(world.failing("bob").await, ["wrong_account"]);

    assert!(world.sync("me", world.client(MINE)).await.failures.is_empty());
    assert_eq!((world.totals("me").await, world.failing("me").await.len()), (before, 0));
    assert!(world.sync("bob", world.client(OTHER)).await.failures.is_empty());
}

#[tokio::test]
async fn token_of_another_account_reads_nothing_on_sqlite() {
    let (store, _folder) = store::testing::sqlite().await;
    token_of_another_account_reads_nothing(store).await;
}

#[tokio::test]
async fn token_of_another_account_reads_nothing_on_postgres() {
    token_of_another_account_reads_nothing(store::testing::postgres().await).await;
}

#[tokio::test]
async fn account_is_asked_for_once_for_each_token() {
    let (store, _folder) = store::testing::sqlite().await;
    let world = World::new(store).await;
    let client = world.client(MINE);
    world.sync("me", client.clone()).await;
    let asked =
        || world.cloud.log().iter().filter(|request| request.path.ends_with("/personal_info")).count();
    let first = asked();
    world.sync("me", client).await;
    assert_eq!((first, asked()), (2, 2), "once for the account, once for the profile of the day");
}

#[tokio::test]
async fn account_that_cannot_be_asked_for_stops_a_new_token_only() {
    let (store, _folder) = store::testing::sqlite().await;
    let world = World::new(store).await;
    let broken = || world.cloud.faults().always(PROFILE, Fault::Status(500));
    broken();
    let report = world.sync("me", world.client(MINE)).await;
    let failed: Vec<Collection> = report.failures.iter().map(|(collection, _)| *collection).collect();
    assert_eq!(failed, [Collection::PersonalInfo], "the others are read");
    let before = world.totals("me").await;
    assert!(before.documents > 100, "{before:?}");

    world.cloud.faults().clear();
    world.sync("me", world.client(MINE)).await;
    let before = world.totals("me").await;
    broken();
    // The same token again, as after a restart; then another one.
    world.sync("me", world.client(MINE)).await;
    assert_eq!(world.totals("me").await, before);
    let asked = world.documents_asked();
    let report = world.sync("me", world.client(OTHER)).await;
    assert_eq!(
        report.failures.iter().map(|(_, failure)| failure.cause().word()).collect::<Vec<_>>(),
        ["server"]
    );
    assert_eq!((world.totals("me").await, world.documents_asked()), (before, asked));
}

#[tokio::test]
async fn replaced_account_is_read_and_the_data_of_before_stay() {
    let (store, _folder) = store::testing::sqlite().await;
    let world = World::new(store).await;
    world.sync("me", world.client(MINE)).await;
    let person = world.person("me").await;
    let account = world.client(OTHER).oura_user_id().await.unwrap();
    assert_eq!(world.store.replace_account(person.id, &account).await.unwrap(), AccountClaim::Confirmed);
    let report = world.sync("me", world.client(OTHER)).await;
    assert!(report.failures.is_empty(), "{report:?}");
    assert_eq!(report.applied.withdrawn, 0, "{report:?}");
    assert!(report.applied.new > 50, "{report:?}");
}
