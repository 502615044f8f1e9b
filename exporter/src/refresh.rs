//! Keeps the gauges current: persons that changed are read again, and values are removed when they expire.
//!
//! Changes are detected in three ways: a notification inside the process, polling `max(updated_at)` every second, and a full
//! read of all persons every five minutes, which finds what the other two miss: failures to sync, writers whose clocks are
//! behind, persons who were removed.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use domain::Ring;
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use store::{Person, Store};
use tokio_util::sync::CancellationToken;

use crate::body::Body;
use crate::gauges::Gauges;
use crate::metrics::Metrics;
use crate::person::Record;
use crate::shard::Shard;

/// Reads the wall clock.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Serves the newest values from memory; clones share the body.
#[derive(Clone)]
pub struct Exporter {
    store: Store,
    clock: Clock,
    shard: Shard,
    body: Arc<ArcSwap<Body>>,
    metrics: Metrics,
}

/// A first sync commits many times a second; gauges need not follow each commit.
const DEBOUNCE: Duration = Duration::from_millis(100);

/// How often writes of other processes are looked for, where the database is shared.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// How long one query may take.
const STORE_TIMEOUT: Duration = Duration::from_secs(10);

/// Pause after the store failed.
const STORE_RETRY_DELAY: Duration = Duration::from_secs(5);

/// The longest sleep: bounds what a clock set forward can do to expiry, and how late a removed person is noticed.
const MAX_SLEEP: Duration = Duration::from_mins(1);

/// All persons are read again within this time.
const FULL_READ_INTERVAL: Duration = Duration::from_mins(5);

/// Persons read at a time: bounds the memory of a reading and the length of its statements.
const PEOPLE_PER_READ: usize = 256;

/// How far reading has come.
#[derive(Default)]
struct Cursor {
    /// The newest write that has been read.
    seen: Option<Timestamp>,
    /// When the list of persons was last read.
    listed: Option<Instant>,
    /// All persons in the order of the full read, and the next of them.
    everyone: Vec<Person>,
    next: usize,
    /// When the full read last went on.
    turned: Option<Instant>,
    /// When unknown fields and words were last read.
    drifted: Option<Instant>,
}

impl Exporter {
    /// An exporter with an empty body; [`Exporter::run`] fills it. Its own metrics are registered with the prefix the
    /// caller chose.
    pub fn new(store: Store, clock: Clock, shard: Shard, registry: &mut Registry) -> Self {
        Self { store, clock, shard, body: Arc::default(), metrics: Metrics::register(registry) }
    }

    /// The health series, ready to send.
    pub(crate) fn body(&self) -> Arc<Body> {
        self.body.load_full()
    }

    /// Keeps the body current until `stop`; `ready` is called once the values of all persons are in it.
    pub async fn run(&self, stop: CancellationToken, ready: impl FnOnce() + Send) {
        let mut changes = self.store.subscribe();
        let mut ready = Some(ready);
        let gauges = Arc::new(Mutex::new(Gauges::default()));
        let mut cursor = Cursor::default();
        loop {
            changes.mark_unchanged();
            let started = Instant::now();
            let read = tokio::select! {
                () = stop.cancelled() => return,
                read = self.read(&gauges, &mut cursor) => read,
            };
            self.metrics.up.set(i64::from(read.is_ok()));
            let now = (self.clock)();
            let (expiry, many) = self.publish(&gauges, now).await;
            match &read {
                Ok(()) => {
                    self.metrics.record_read(started.elapsed(), now);
                    if let Some(ready) = ready.take() {
                        ready();
                    }
                }
                Err(error) => tracing::warn!(error, "cannot read the newest values"),
            }
            let until =
                expiry.map_or(MAX_SLEEP, |at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
            let longest = if many { POLL_INTERVAL } else { MAX_SLEEP };
            let pause = if read.is_ok() {
                until.clamp(DEBOUNCE, longest)
            } else {
                until.clamp(DEBOUNCE, STORE_RETRY_DELAY)
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.changed(&mut changes, cursor.seen), if read.is_ok() => {}
                () = tokio::time::sleep(pause) => {}
            }
            tokio::time::sleep(DEBOUNCE).await;
        }
    }

    /// Reads the persons that changed and those next in the full read. What was read before a failure stays.
    async fn read(&self, gauges: &Arc<Mutex<Gauges>>, cursor: &mut Cursor) -> Result<(), String> {
        // The mark is taken first: a write between the two reads is then seen again, not missed.
        let mark = with_timeout(self.store.watermark()).await?;
        let lists = cursor.everyone.len() <= PEOPLE_PER_READ
            || cursor.listed.is_none_or(|at| at.elapsed() >= MAX_SLEEP);
        let mut due = Vec::new();
        if lists {
            // Until all who are new have been read, the next attempt lists them again.
            cursor.listed = None;
            let mut everyone = with_timeout(self.store.people()).await?;
            everyone.retain(|person| self.shard.holds(&person.name));
            due = with(gauges, |gauges| {
                let here: HashSet<i64> = everyone.iter().map(|person| person.id).collect();
                let gone: Vec<i64> = gauges.people().filter(|id| !here.contains(id)).collect();
                gauges.remove(&gone);
                everyone.iter().filter(|person| !gauges.contains(person.id)).cloned().collect()
            });
            cursor.everyone = everyone;
        }
        if mark != cursor.seen && due.len() < cursor.everyone.len() && cursor.everyone.len() > PEOPLE_PER_READ
        {
            let changed = with_timeout(self.store.changed_since(cursor.seen)).await?;
            due.extend(changed.into_iter().filter(|person| self.shard.holds(&person.name)));
        }
        due.extend(cursor.turn());
        let mut asked = HashSet::new();
        due.retain(|person| asked.insert(person.id));
        for some in due.chunks(PEOPLE_PER_READ) {
            let records = self.records(some).await?;
            let (gauges, now) = (gauges.clone(), (self.clock)());
            blocking(move || with(&gauges, |gauges| gauges.set(&records, now))).await;
        }
        if cursor.drifted.is_none_or(|at| at.elapsed() >= MAX_SLEEP) {
            self.metrics.set_drift(&with_timeout(self.store.drift_counts()).await?);
            cursor.drifted = Some(Instant::now());
        }
        if lists {
            cursor.listed = Some(Instant::now());
        }
        cursor.seen = mark;
        Ok(())
    }

    /// What the store has of these persons.
    async fn records(&self, people: &[Person]) -> Result<Vec<Record>, String> {
        let ids: Vec<i64> = people.iter().map(|person| person.id).collect();
        let mut latest = with_timeout(self.store.latest_of_each(&ids)).await?.into_iter().peekable();
        let mut states = with_timeout(self.store.sync_states_of_each(&ids)).await?.into_iter().peekable();
        let mut rings: HashMap<i64, Ring> =
            with_timeout(self.store.rings_of_each(&ids)).await?.into_iter().collect();
        let mut people = people.to_vec();
        people.sort_unstable_by_key(|person| person.id);
        let records = people.into_iter().map(|person| Record {
            latest: std::iter::from_fn(|| latest.next_if(|latest| latest.person == person.id)).collect(),
            states: std::iter::from_fn(|| states.next_if(|(whose, _)| *whose == person.id))
                .map(|(_, state)| state)
                .collect(),
            ring: rings.remove(&person.id),
            person,
        });
        Ok(records.collect())
    }

    /// Removes what has expired and publishes the rest. Returns the next expiry, and whether there are so many persons that the
    /// full read goes in parts.
    async fn publish(&self, gauges: &Arc<Mutex<Gauges>>, now: Timestamp) -> (Option<Timestamp>, bool) {
        let gauges = gauges.clone();
        let started = Instant::now();
        let (body, expiry, many) = blocking(move || {
            with(&gauges, |gauges| {
                gauges.expire(now);
                (gauges.body(), gauges.next_expiry(), gauges.len() > PEOPLE_PER_READ)
            })
        })
        .await;
        self.metrics.record_rebuild(started.elapsed(), &body);
        self.body.store(Arc::new(body));
        (expiry, many)
    }

    /// Waits for a write of this process or, where the database is shared, of another; also ends when the database does
    /// not say whether there is one.
    async fn changed(&self, changes: &mut tokio::sync::watch::Receiver<u64>, seen: Option<Timestamp>) {
        if self.store.is_embedded() {
            // The sender lives in the store this exporter holds.
            let _ = changes.changed().await;
            return;
        }
        loop {
            tokio::select! {
                _ = changes.changed() => return,
                () = tokio::time::sleep(POLL_INTERVAL) => match with_timeout(self.store.watermark()).await {
                    Ok(mark) if mark == seen => {}
                    Ok(_) => return,
                    Err(_) => {
                        // Set before the next read, which may wait.
                        self.metrics.up.set(0);
                        return;
                    }
                },
            }
        }
    }
}

impl Cursor {
    /// The persons to read again, changed or not: all where they are few, otherwise the share that is due within
    /// [`FULL_READ_INTERVAL`].
    fn turn(&mut self) -> Vec<Person> {
        let since = self.turned.replace(Instant::now()).map_or(Duration::ZERO, |at| at.elapsed());
        let all = self.everyone.len();
        if all <= PEOPLE_PER_READ {
            return self.everyone.clone();
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a share of a count of persons"
        )]
        let share = (all as f64 * since.as_secs_f64() / FULL_READ_INTERVAL.as_secs_f64()).ceil() as usize;
        let turn: Vec<Person> =
            self.everyone.iter().cycle().skip(self.next % all).take(share.min(all)).cloned().collect();
        self.next = (self.next + turn.len()) % all;
        turn
    }
}

/// A database that hangs must not keep a value past its expiry.
async fn with_timeout<T>(question: impl Future<Output = Result<T, store::Error>>) -> Result<T, String> {
    match tokio::time::timeout(STORE_TIMEOUT, question).await {
        Ok(answer) => answer.map_err(|error| store::causes(&error)),
        Err(_) => Err("the database does not answer in time".to_owned()),
    }
}

/// One task works on the gauges; a thread that failed with them has ended the process's task, too.
fn with<T>(gauges: &Mutex<Gauges>, work: impl FnOnce(&mut Gauges) -> T) -> T {
    work(&mut gauges.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Work that would block the tasks of this thread.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime is going down, and this task with it.
        Err(_) => std::future::pending().await,
    }
}
