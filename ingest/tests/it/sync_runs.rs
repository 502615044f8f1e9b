//! Sync runs against the simulated cloud: the stored data equals the cloud's, with any failure in between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::{Cause, Collection, Day, DayRange, Metric};
use ingest::plan::Horizon;
use ingest::{Ingest, Metrics, Settings, SyncReport, SyncRun, WindowProgress};
use jiff::{SignedDuration, Timestamp};
use simulator::{Cloud, Fault, Life, Person as Synthetic, Wrong};
use store::{Applied, Person, Store, Totals};
use tokio_util::sync::CancellationToken;

use crate::helpers::{client, day, serve};

const TOKEN: &str = "simulated";

/// A cloud, a store, and their common clock.
pub(crate) struct World {
    cloud: Arc<Cloud>,
    pub(crate) synthetic: Synthetic,
    now: Arc<Mutex<Timestamp>>,
    base: String,
    pub(crate) store: Store,
    pub(crate) person: Person,
}

impl World {
    async fn new(store: Store) -> Self {
        Self::with_scopes(store, simulator::SCOPES).await
    }

    async fn with_scopes(store: Store, scopes: &[&str]) -> Self {
        let now = Arc::new(Mutex::new("2026-03-29T15:00:00Z".parse::<Timestamp>().unwrap()));
        let clock = now.clone();
        let synthetic = Synthetic::new(Life::new(11, day("2025-12-01").date()));
        let cloud = Cloud::new(move || *clock.lock().unwrap()).with_page_size(9);
        let cloud = Arc::new(cloud.with_person(TOKEN, synthetic.clone(), scopes));
        let base = serve(cloud.router()).await;
        let at = *now.lock().unwrap();
        let person = store.ensure_person(&"me".parse().unwrap(), "Europe/Berlin", at).await.unwrap();
        Self { cloud, synthetic, now, base, store, person }
    }

    pub(crate) fn at(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    fn later(&self, hours: i64) {
        *self.now.lock().unwrap() += SignedDuration::from_hours(hours);
    }

    fn ingest(&self) -> Ingest {
        let settings = Settings {
            horizon: Horizon { history_from: day("2025-12-01"), trailing_days: 7 },
            interval: Duration::from_mins(10),
        };
        let metrics = Metrics::register(&mut prometheus_client::registry::Registry::default());
        let now = self.now.clone();
        let clock = Arc::new(move || *now.lock().unwrap());
        Ingest::new(
            self.store.clone(),
            client(&self.base, TOKEN),
            self.person.clone(),
            settings,
            metrics,
            clock,
        )
    }

    pub(crate) async fn pass(&self) -> SyncReport {
        self.ingest().sync(SyncRun::Missing, &CancellationToken::new(), None, |_| ()).await.unwrap()
    }

    pub(crate) async fn totals(&self) -> Totals {
        self.store.totals(self.person.id).await.unwrap()
    }

    pub(crate) async fn numbers(&self) -> Numbers {
        numbers(&self.store, self.person.id).await
    }
}

/// Every number stored, to the last bit. What has no past depends on when it was observed, and is left out.
pub(crate) async fn numbers(store: &Store, person: i64) -> Numbers {
    let range = DayRange::new(Day::FIRST, Day::LAST).unwrap();
    let mut numbers = BTreeMap::new();
    let with_past = |metric: &&Metric| metric.collection.window() != domain::Window::Whole;
    for metric in domain::METRICS.iter().filter(with_past) {
        for (day, value) in store.daily(person, metric, range).await.unwrap() {
            numbers.insert((metric.key, day.to_string()), value.to_bits());
        }
        for stored in store.series(person, metric, range).await.unwrap() {
            for (at, value) in stored.series.points() {
                numbers.insert((metric.key, format!("{} {at}", stored.day)), value.to_bits());
            }
        }
    }
    numbers
}

/// Metric, day or day and instant; the value's bits.
pub(crate) type Numbers = BTreeMap<(&'static str, String), u64>;

/// Entries that are missing or different on one side.
pub(crate) fn difference(left: &Numbers, right: &Numbers) -> Vec<String> {
    let keys: BTreeSet<_> = left.keys().chain(right.keys()).collect();
    keys.into_iter()
        .filter(|key| left.get(key) != right.get(key))
        .map(|key| format!("{key:?}: {:?} {:?}", left.get(key), right.get(key)))
        .take(20)
        .collect()
}

pub(crate) async fn world() -> (World, impl Sized) {
    let (store, folder) = store::testing::sqlite().await;
    (World::new(store).await, folder)
}

#[tokio::test]
async fn stored_documents_equal_those_of_the_cloud() {
    let (world, _folder) = world().await;
    let report = world.pass().await;
    assert!(report.complete && report.failures.is_empty(), "{report:?}");
    assert_eq!(report.applied.rejected, 0);
    let range = DayRange::new(day("2025-12-01"), day("2026-03-29")).unwrap();
    let scores = Metric::by_key("readiness_score").unwrap();
    let stored = world.store.daily(world.person.id, scores, range).await.unwrap();
    // From the simulated life itself, not from any response.
    let held: Vec<(Day, f64)> = range
        .days()
        .flat_map(|day| {
            let documents = world.synthetic.documents("daily_readiness", day.date(), world.at());
            documents.into_iter().filter_map(move |document| Some((day, document["score"].as_f64()?)))
        })
        .collect();
    assert!(held.len() > 90, "a plausible life has nights: {}", held.len());
    assert_eq!(stored, held);

    let mut points = 0;
    for metric in Metric::of(Collection::HeartRate) {
        let series = world.store.series(world.person.id, metric, range).await.unwrap();
        points += series.iter().map(|stored| stored.series.points().count()).sum::<usize>();
    }
    let rows = world.synthetic.heart_rate(range.first().midnight_utc(), world.at(), world.at());
    assert!(rows.len() > 20_000, "a plausible life has a heart rate: {}", rows.len());
    assert_eq!(points, rows.len());
}

#[tokio::test]
async fn repeated_sync_writes_nothing() {
    let (world, _folder) = world().await;
    world.pass().await;
    let (before, mark) = (world.totals().await, world.store.watermark().await.unwrap());
    let again = world.pass().await.applied;
    assert_eq!(Applied { unchanged: 0, ..again }, Applied::default());
    assert!(again.unchanged > 0, "the trailing days were asked for again");
    assert_eq!((world.totals().await, world.store.watermark().await.unwrap()), (before, mark));
}

#[tokio::test]
async fn interrupted_syncs_end_with_the_same_rows() {
    let (calm, _folder) = world().await;
    calm.pass().await;
    let (world, _folder) = world().await;
    for cut in [1, 2, 3, 5, 9, 14] {
        let stop = CancellationToken::new();
        let ingest = world.ingest();
        let report = ingest.sync(SyncRun::Missing, &stop, None, |step: WindowProgress| {
            if step.done == cut {
                stop.cancel();
            }
        });
        assert!(!report.await.unwrap().complete);
    }
    assert!(world.pass().await.complete);
    assert_eq!(difference(&world.numbers().await, &calm.numbers().await), Vec::<String>::new());
    assert_eq!(world.totals().await, calm.totals().await);
}

#[tokio::test]
async fn incremental_and_full_syncs_give_the_same_rows() {
    let (daily, _folder) = world().await;
    for _ in 0..15 {
        daily.pass().await;
        daily.later(72);
    }
    daily.pass().await;
    let (once, _folder) = world().await;
    once.later(15 * 72);
    once.pass().await;
    assert_eq!(difference(&daily.numbers().await, &once.numbers().await), Vec::<String>::new());
    assert!(daily.totals().await.revisions > 0, "six weeks of a life have corrections");
}

#[tokio::test]
async fn postgres_and_sqlite_store_the_same_rows() {
    let (embedded, _folder) = world().await;
    let server = World::new(store::testing::postgres().await).await;
    embedded.pass().await;
    server.pass().await;
    assert_eq!(difference(&server.numbers().await, &embedded.numbers().await), Vec::<String>::new());
    assert_eq!(server.totals().await, embedded.totals().await);
}

#[tokio::test]
async fn collection_without_scope_does_not_stop_the_others() {
    let (store, _folder) = store::testing::sqlite().await;
    let world = World::with_scopes(
        store,
        &["daily", "stress", "spo2", "heart_health", "ring_configuration", "workout", "session", "tag"],
    )
    .await;
    let report = world.pass().await;
    let failed: Vec<(Collection, &str)> =
        report.failures.iter().map(|(c, failure)| (*c, failure.cause().word())).collect();
    assert_eq!(failed, [(Collection::HeartRate, "scope")]);
    let asked = world.cloud.log().iter().filter(|request| request.path.ends_with("/heartrate")).count();
    assert!(asked <= 3, "a collection that failed rests: {asked} requests");
    let states = world.store.sync_states(world.person.id).await.unwrap();
    for state in states {
        let expected = (state.collection == Collection::HeartRate).then_some("scope");
        assert_eq!(state.failure.map(Cause::word), expected, "{}", state.collection);
        assert_eq!(state.covered.is_some(), expected.is_none(), "{}", state.collection);
    }
}

#[tokio::test]
async fn dead_token_stops_the_sync_and_keeps_stored_data() {
    let (world, _folder) = world().await;
    world.pass().await;
    let before = world.numbers().await;
    world.cloud.revoke(TOKEN);
    let report = world.pass().await;
    assert_eq!(
        report.failures.iter().map(|(_, failure)| failure.cause().word()).collect::<Vec<_>>(),
        ["unauthorized"]
    );
    assert_eq!(world.numbers().await, before);
}

#[tokio::test]
async fn random_faults_do_not_change_the_final_rows() {
    let (calm, _folder) = world().await;
    calm.pass().await;
    let (world, _folder) = world().await;
    for fault in [Fault::Status(503), Fault::CutBody, Fault::Garbage, Fault::Status(500)] {
        world.cloud.faults().next("/v2/usercollection", 7, &fault);
    }
    // Some windows fail in one run; the next one continues from there.
    let mut runs = 0;
    while !world.pass().await.failures.is_empty() {
        runs += 1;
        assert!(runs < 20, "the storm ends");
    }
    assert_eq!(difference(&world.numbers().await, &calm.numbers().await), Vec::<String>::new());
    assert_eq!(world.totals().await, calm.totals().await);
}

#[tokio::test]
async fn malformed_document_is_rejected_until_fixed() {
    let (calm, _folder) = world().await;
    calm.pass().await;
    let (world, _folder) = world().await;
    let broken = day("2026-03-20").date();
    world
        .cloud
        .faults()
        .always("/v2/usercollection/daily_sleep", Fault::WrongShape(broken, Wrong::Text("score")));
    let report = world.pass().await;
    assert!(report.failures.is_empty() && report.applied.rejected > 0, "{report:?}");
    let reasons = world.store.rejections(world.person.id).await.unwrap();
    assert_eq!(reasons, [("daily_sleep".to_owned(), "/score: expected a number".to_owned(), 1)]);
    assert_eq!(world.totals().await.documents, calm.totals().await.documents - 1, "the others are stored");
    world.cloud.faults().clear();
    let again = DayRange::new(day("2026-03-15"), day("2026-03-25")).unwrap();
    world.ingest().sync(SyncRun::Exactly(again), &CancellationToken::new(), None, |_| ()).await.unwrap();
    assert_eq!(difference(&world.numbers().await, &calm.numbers().await), Vec::<String>::new());
    assert_eq!(world.totals().await, calm.totals().await);
}

#[tokio::test]
async fn deleted_day_is_withdrawn_at_the_next_sync() {
    let (world, _folder) = world().await;
    world.pass().await;
    let before = world.totals().await;
    world.later(2);
    let mut trailing = DayRange::ending(day("2026-03-28"), 5).days();
    let measured =
        |day: &Day| !world.synthetic.documents("daily_readiness", day.date(), world.at()).is_empty();
    let deleted = trailing.find(measured).unwrap();
    world.cloud.faults().always("/v2/usercollection/daily_readiness", Fault::Lacks(deleted.date()));
    assert_eq!(world.pass().await.applied.withdrawn, 1);
    let scores = Metric::by_key("readiness_score").unwrap();
    let left = world.store.daily(world.person.id, scores, DayRange::ending(deleted, 1)).await.unwrap();
    assert_eq!(left, []);
    assert_eq!(world.pass().await.applied.withdrawn, 0, "once");
    world.cloud.faults().clear();
    assert_eq!(world.pass().await.applied.new, 1, "restored in the app, restored here");
    let after = world.totals().await;
    assert_eq!((after.documents, after.daily), (before.documents, before.daily));
}

#[tokio::test]
async fn empty_responses_delete_documents_only_after_an_hour() {
    let (world, _folder) = world().await;
    world.pass().await;
    world.later(2);
    let before = world.numbers().await;
    world.cloud.faults().always("/v2/usercollection", Fault::Empty);
    let applied = world.pass().await.applied;
    assert!(applied.doubted > 50 && applied.withdrawn == 0, "{applied:?}");
    assert_eq!(difference(&world.numbers().await, &before), Vec::<String>::new());
    world.cloud.faults().clear();
    assert_eq!(world.pass().await.applied.doubted, 0);
    assert_eq!(world.store.unconfirmed_deletions(world.person.id).await.unwrap(), []);
    world.later(1);
    world.cloud.faults().always("/v2/usercollection", Fault::Empty);
    world.pass().await;
    world.later(1);
    let applied = world.pass().await.applied;
    assert!(applied.withdrawn > 50 && applied.doubted == 0, "{applied:?}");
    world.cloud.faults().clear();
    world.pass().await;
    let (calm, _folder) = self::world().await;
    calm.later(4);
    calm.pass().await;
    assert_eq!(difference(&world.numbers().await, &calm.numbers().await), Vec::<String>::new());
}

#[tokio::test]
async fn observed_collections_are_stored_once_a_day() {
    let (world, _folder) = world().await;
    for _ in 0..4 {
        world.pass().await;
        world.later(12);
    }
    let asked = |path: &str| world.cloud.log().iter().filter(|request| request.path.ends_with(path)).count();
    assert_eq!(asked("/ring_configuration"), 3, "two sync runs a day");
    assert_eq!(asked("/personal_info"), 3 + 4, "and by each client once, for the account");
    let weight = Metric::by_key("body_weight").unwrap();
    let range = DayRange::new(day("2026-03-01"), day("2026-04-30")).unwrap();
    let observed = world.store.daily(world.person.id, weight, range).await.unwrap();
    let days: Vec<String> = observed.iter().map(|(day, _)| day.to_string()).collect();
    assert_eq!(days, ["2026-03-29", "2026-03-30", "2026-03-31"]);
    let kilograms = world.synthetic.personal_info(world.at())["weight"].as_f64().unwrap();
    assert!((observed[0].1 - kilograms * 1000.0).abs() < 1e-6);
    let rings = world.store.rings_of_each(&[world.person.id]).await.unwrap();
    assert_eq!(rings.len(), 1);
    assert_eq!(
        (rings[0].0, rings[0].1.hardware_type.as_str()),
        (world.person.id, "gen3"),
        "not the one of 1970"
    );
}
