//! Many people, several processes: every person is read, by one process at a time, and none is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use domain::Collection;
use ingest::plan::Horizon;
use ingest::{Client, Metrics, ProgressFn, Scheduler, Settings, SyncRun};
use jiff::{SignedDuration, Timestamp};
use store::{Person, Store};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::helpers::{client, client_with, day, serve};

const NOW: &str = "2026-03-29T15:00:00Z";

type Time = Arc<Mutex<Timestamp>>;

fn start_of_time() -> Time {
    Arc::new(Mutex::new(NOW.parse().unwrap()))
}

fn at(time: &Time) -> Timestamp {
    *time.lock().unwrap()
}

fn crew(store: &Store, base: &str, name: &str, time: &Time) -> Scheduler {
    let metrics = Metrics::register(&mut prometheus_client::registry::Registry::default());
    let client = client_with(base, "simulated", metrics.clone());
    let time = time.clone();
    Scheduler {
        store: store.clone(),
        client: Arc::new(move |_| Some(client.clone())),
        settings: Settings {
            horizon: Horizon { history_from: day("2026-03-25"), trailing_days: 2 },
            interval: Duration::from_mins(10),
        },
        metrics,
        clock: Arc::new(move || at(&time)),
        workers: 8,
        holder: name.to_owned(),
        lease_duration: Scheduler::LEASE,
        relaxed: None,
    }
}

/// An Oura whose people have no data.
async fn empty_cloud() -> String {
    serve(Router::new().fallback(|| async { r#"{"data":[],"next_token":null}"# })).await
}

/// An Oura that never responds.
async fn silent_cloud(asked: Arc<Notify>) -> String {
    let say_nothing = move || {
        asked.notify_one();
        std::future::pending::<String>()
    };
    serve(Router::new().fallback(say_nothing)).await
}

fn without_progress() -> ProgressFn {
    Arc::new(|_, _| ())
}

/// Records which person is read by which process, and sends an event for each read.
#[derive(Clone)]
struct Ledger {
    reading: Arc<Mutex<BTreeMap<i64, &'static str>>>,
    events: mpsc::UnboundedSender<Event>,
    /// Set, the process `killed` gets no answers any more.
    dying: Arc<AtomicBool>,
}

enum Event {
    Read(i64, &'static str),
    Stuck(i64),
}

impl Ledger {
    /// The scheduler of a process of this name, which writes into the ledger.
    fn process(&self, mut crew: Scheduler, name: &'static str, silent: Client) -> (Scheduler, ProgressFn) {
        let (client, ledger) = (crew.client.clone(), self.clone());
        crew.client = Arc::new(move |person| {
            let before = ledger.reading.lock().unwrap().insert(person.id, name);
            assert_eq!(before, None, "{} is read twice at once", person.name);
            if name == "killed" && ledger.dying.load(Ordering::SeqCst) {
                ledger.events.send(Event::Stuck(person.id)).unwrap();
                return Some(silent.clone());
            }
            client(person)
        });
        let ledger = self.clone();
        let watch: ProgressFn = Arc::new(move |person, step| {
            if step.done == step.total {
                ledger.reading.lock().unwrap().remove(&person.id);
                ledger.events.send(Event::Read(person.id, name)).unwrap();
            }
        });
        (crew, watch)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_share_people_and_take_over_from_a_killed_one() {
    let store = store::testing::postgres().await;
    let time = start_of_time();
    let mut people = BTreeSet::new();
    for n in 0..1_000 {
        let name = format!("p{n}").parse().unwrap();
        people.insert(store.ensure_person(&name, "UTC", at(&time)).await.unwrap().id);
    }
    let (base, silent) = (empty_cloud().await, silent_cloud(Arc::default()).await);
    let (sender, mut events) = mpsc::unbounded_channel();
    let ledger = Ledger { reading: Arc::default(), events: sender, dying: Arc::default() };
    let stop = CancellationToken::new();
    let start = |name| {
        let (crew, watch) =
            ledger.process(crew(&store, &base, name, &time), name, client(&silent, "simulated"));
        let stop = stop.clone();
        tokio::spawn(async move { crew.run(stop, watch).await })
    };
    let (killed, survivor) = (start("killed"), start("survivor"));

    let mut done: BTreeMap<i64, &str> = BTreeMap::new();
    let mut orphans: BTreeSet<i64> = BTreeSet::new();
    let mut next = async |done: &mut BTreeMap<i64, &'static str>, orphans: &mut BTreeSet<i64>| match events
        .recv()
        .await
        .unwrap()
    {
        Event::Read(person, process) => {
            assert_eq!(done.insert(person, process), None, "no person is due again");
        }
        Event::Stuck(person) => drop(orphans.insert(person)),
    };
    while done.len() < 400 {
        next(&mut done, &mut orphans).await;
    }
    for process in ["killed", "survivor"] {
        let share = done.values().filter(|by| **by == process).count();
        assert!(share >= 40, "{process} read {share} of 400: the work is not shared");
    }
    // Killed with all its workers in the middle of a sync run.
    ledger.dying.store(true, Ordering::SeqCst);
    while orphans.len() < 8 {
        next(&mut done, &mut orphans).await;
    }
    killed.abort();
    killed.await.unwrap_err();
    ledger.reading.lock().unwrap().retain(|_, by| *by == "survivor");
    while done.len() + orphans.len() < people.len() {
        next(&mut done, &mut orphans).await;
    }
    assert!(orphans.iter().all(|id| !done.contains_key(id)), "a lease that has not expired is not taken");
    *time.lock().unwrap() += SignedDuration::try_from(Scheduler::LEASE).unwrap();
    while done.len() < people.len() {
        next(&mut done, &mut orphans).await;
    }
    stop.cancel();
    survivor.await.unwrap();

    assert!(orphans.iter().all(|id| done[id] == "survivor"), "they were taken over");
    for id in &people {
        let states = store.sync_states(*id).await.unwrap();
        assert!(states.len() == Collection::ALL.len(), "{id}: {}", states.len());
        assert!(states.iter().all(|state| state.covered.is_some()), "{id} was read to the end");
    }
}

#[tokio::test]
async fn lease_of_a_stalled_process_is_lost() {
    let (store, _folder) = store::testing::sqlite().await;
    let time = start_of_time();
    let me = store.ensure_person(&"me".parse().unwrap(), "UTC", at(&time)).await.unwrap();
    let asked = Arc::new(Notify::new());
    let silent = silent_cloud(asked.clone()).await;
    let mut stalled = crew(&store, &silent, "stalled", &time);
    stalled.lease_duration = Duration::from_millis(30);
    let person = me.clone();
    let stalled = tokio::spawn(async move {
        let stop = CancellationToken::new();
        stalled.read(&person, SyncRun::Missing, &stop, &without_progress()).await
    });
    asked.notified().await;

    *time.lock().unwrap() += SignedDuration::from_hours(1);
    let quick = crew(&store, &empty_cloud().await, "quick", &time);
    let report = read(&quick, &me).await;
    assert!(report, "the other one reads to the end");
    assert!(!stalled.await.unwrap().unwrap().unwrap().complete);
}

/// Reads a person with the scheduler's own client; returns whether that was complete.
async fn read(crew: &Scheduler, person: &Person) -> bool {
    let stop = CancellationToken::new();
    crew.read(person, SyncRun::Missing, &stop, &without_progress()).await.unwrap().unwrap().complete
}

#[tokio::test]
async fn person_is_due_again_after_the_interval() {
    let (store, _folder) = store::testing::sqlite().await;
    let time = start_of_time();
    let me = store.ensure_person(&"me".parse().unwrap(), "UTC", at(&time)).await.unwrap();
    let crew = crew(&store, &empty_cloud().await, "one", &time);
    assert!(store.is_person_due(me.id, at(&time)).await.unwrap());
    assert!(read(&crew, &me).await);
    let due = async |minutes| {
        let at = at(&time) + SignedDuration::from_mins(minutes);
        store.is_person_due(me.id, at).await.unwrap()
    };
    assert_eq!((due(9).await, due(10).await), (false, true));
}

#[tokio::test]
async fn request_budget_is_respected() {
    let (store, _folder) = store::testing::sqlite().await;
    let time = start_of_time();
    let me = store.ensure_person(&"me".parse().unwrap(), "UTC", at(&time)).await.unwrap();
    let mut crew = crew(&store, &empty_cloud().await, "one", &time);
    let mut registry = prometheus_client::registry::Registry::default();
    let metrics = Metrics::register(&mut registry);
    // A burst of 600, and one more every ten milliseconds: this sync run needs neither more nor waiting.
    let client = client_with(&empty_cloud().await, "t", metrics).with_budget(NonZeroU32::new(6_000).unwrap());
    crew.client = Arc::new(move |_| Some(client.clone()));
    assert!(read(&crew, &me).await);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(text.contains("oura_throttled_seconds_total 0.0"), "{text}");
    assert!(text.contains("oura_budget_requests_per_minute 6000"), "{text}");
}
