//! A bad day in simulated time: limits, outages, timeouts, partial and broken responses, documents of the wrong shape, tokens
//! that end, a database that restarts, and a process that is killed again and again. What is stored in the end is what
//! a calm day would have stored.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::{Day, DayRange};
use ingest::oauth::{Application, ApplicationSettings, Consent, GrantOwner, KeySource, Keyring, store_login};
use ingest::plan::Horizon;
use ingest::{Client, Metrics, Scheduler, Settings, SyncRun, Tokens};
use jiff::{SignedDuration, Timestamp};
use prometheus_client::registry::Registry;
use simulator::{Cloud, Fault, Life, Person as Synthetic, Wrong};
use store::{Location, Person, Store};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::helpers::{day, instantly, serve};

const REDIRECT: &str = "http://localhost:9873/callback";

/// A token lives for two hours, so that the day has a dozen renewals.
const LIFE: i64 = 2 * 3600;

/// Sync runs a day: every twenty minutes.
const LOOKS: usize = 72;

/// Numbers from a seed (xorshift): a day that failed can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

/// The world outside: Oura, and the time.
struct World {
    cloud: Arc<Cloud>,
    base: String,
    now: Arc<Mutex<Timestamp>>,
}

impl World {
    async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let now = Arc::new(Mutex::new("2026-03-29T00:00:00Z".parse::<Timestamp>().unwrap()));
        let clock = now.clone();
        let synthetic = Synthetic::new(Life::new(11, day("2026-03-15").date()));
        let cloud = Cloud::new(move || *clock.lock().unwrap())
            .with_page_size(9)
            .with_person("fixed", synthetic, simulator::SCOPES)
            .with_application(simulator::Application {
                id: "app".to_owned(),
                secret: "secret".to_owned(),
                redirect_uri: REDIRECT.to_owned(),
                expires_in: LIFE,
                unticked: Vec::new(),
            });
        let cloud = Arc::new(cloud);
        let base = serve(cloud.router()).await;
        Self { cloud, base, now }
    }

    fn at(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    fn application(&self) -> Application {
        let url = |path: &str| format!("{}{path}", self.base);
        Application::new(ApplicationSettings {
            client_id: "app".into(),
            client_secret: "secret".to_owned().into(),
            redirect_uri: REDIRECT.into(),
            scopes: simulator::SCOPES.join(" "),
            authorize_url: url("/oauth/authorize"),
            token_urls: vec![url("/oauth/token")],
            revoke_urls: vec![url("/oauth/revoke")],
        })
        .unwrap()
    }

    async fn log_in(&self, store: &Store, person: &Person) {
        let (application, consent) = (self.application(), Consent::new().unwrap());
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let answer = http.get(application.authorize_url(&consent)).send().await.unwrap();
        let code = consent.code_of_paste(answer.headers()["location"].to_str().unwrap()).unwrap();
        let pair = application.exchange(&consent, &code, self.at()).await.unwrap();
        store_login(store, person.id, &keys(), &pair, self.at()).await.unwrap();
    }

    /// The client of a process that starts now.
    fn process(&self, store: &Store, person: &Person, timeout: Duration) -> Scheduler {
        let metrics = Metrics::register(&mut Registry::default());
        let now = self.now.clone();
        let clock: ingest::Clock = Arc::new(move || *now.lock().unwrap());
        let tokens = Tokens::stored(GrantOwner {
            store: store.clone(),
            person: person.clone(),
            application: self.application(),
            keys: keys(),
            clock: clock.clone(),
            metrics: metrics.oauth(),
            fallback: None,
        });
        let client = Client::new(&self.base, tokens.unwrap(), metrics.clone()).unwrap();
        let client = client.with_retries(instantly()).with_budget(NonZeroU32::MAX).with_timeout(timeout);
        Scheduler {
            store: store.clone(),
            client: Arc::new(move |_| Some(client.clone())),
            settings: Settings {
                horizon: Horizon { history_from: day("2026-03-15"), trailing_days: 7 },
                interval: Duration::from_mins(20),
            },
            metrics,
            clock,
            workers: 1,
            holder: "one".to_owned(),
            lease_duration: Scheduler::LEASE,
            relaxed: None,
        }
    }

    /// Prepares the next failure.
    fn disturb(&self, dice: &mut Dice) {
        let broken = day("2026-03-24").plus(i64::try_from(dice.below(4)).unwrap()).date();
        let (prefix, fault, most) = match dice.below(9) {
            0 => ("/v2", Fault::TooManyRequests { retry_after: 0 }, 12),
            1 => ("/v2", Fault::TooManyRequests { retry_after: 3_600 }, 1),
            2 => ("/v2", Fault::Status(503), 12),
            3 => ("/v2/usercollection/sleep", Fault::Status(500), 8),
            4 => ("/v2", Fault::CutBody, 6),
            5 => ("/v2", Fault::Garbage, 6),
            6 => ("/v2", Fault::Hold(Arc::new(Notify::new())), 2),
            7 => ("/v2/usercollection/daily", Fault::WrongShape(broken, Wrong::Text("score")), 4),
            // A gateway's response: the token server never received the request.
            _ => ("/oauth/token", Fault::Status(503), 1),
        };
        self.cloud.faults().next(prefix, 1 + dice.below(most), &fault);
    }
}

fn keys() -> Keyring {
    let key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    Keyring { current: KeySource::Text(key.to_owned().into()), previous: None }
}

/// The day's sync runs without any failure.
async fn calm_day(store: &Store) -> Vec<String> {
    let world = World::new().await;
    let me = store.ensure_person(&"me".parse().unwrap(), "Europe/Berlin", world.at()).await.unwrap();
    world.log_in(store, &me).await;
    for _ in 0..LOOKS {
        look(&world, store, &me, Duration::from_mins(1)).await;
        *world.now.lock().unwrap() += SignedDuration::from_mins(20);
    }
    look(&world, store, &me, Duration::from_mins(1)).await;
    everything(store, &me).await
}

async fn look(world: &World, store: &Store, me: &Person, timeout: Duration) -> bool {
    let crew = world.process(store, me, timeout);
    let stop = CancellationToken::new();
    let without_progress: ingest::ProgressFn = Arc::new(|_, _| ());
    let report = crew.read(me, SyncRun::Missing, &stop, &without_progress).await;
    report.is_ok_and(|report| report.is_some_and(|report| report.complete && report.failures.is_empty()))
}

/// Everything stored except the history of its storage: superseded versions depend on when requests were sent.
async fn everything(store: &Store, me: &Person) -> Vec<String> {
    let mut rows = Vec::new();
    let range = DayRange::new(Day::FIRST, Day::LAST).unwrap();
    for metric in domain::METRICS {
        for (day, value) in store.daily(me.id, metric, range).await.unwrap() {
            rows.push(format!("{} {day} {value:?}", metric.key));
        }
        for stored in store.series(me.id, metric, range).await.unwrap() {
            rows.push(format!("{} {} {:?}", metric.key, stored.day, stored.series));
        }
    }
    for latest in store.latest_of(me.id).await.unwrap() {
        rows.push(format!("latest {} {} {:?}", latest.metric.key, latest.day, latest.value));
    }
    for state in store.sync_states(me.id).await.unwrap() {
        rows.push(format!(
            "{} {:?} {:?} {:?}",
            state.collection, state.covered, state.newest_day, state.failure
        ));
    }
    let totals = store.totals(me.id).await.unwrap();
    rows.push(format!("{} documents, {} rejected", totals.documents, totals.rejected));
    rows
}

/// A database that can be restarted.
trait Database {
    async fn open(&self) -> Store;
    /// Ends every connection in the middle of its work.
    async fn restart(&self, store: Store) -> Store;
}

struct File(tempfile::TempDir);

impl Database for File {
    async fn open(&self) -> Store {
        Store::open(&Location::Sqlite(self.0.path().join("storm.db"))).await.unwrap()
    }

    async fn restart(&self, store: Store) -> Store {
        drop(store);
        self.open().await
    }
}

/// A PostgreSQL behind a wire that can be cut.
struct Server {
    url: String,
    cut: Arc<Notify>,
}

impl Server {
    async fn start() -> Self {
        let mut url: reqwest::Url = store::testing::empty_database_url().await.parse().unwrap();
        let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let cut = Arc::new(Notify::new());
        let wire = cut.clone();
        tokio::spawn(async move {
            while let Ok((mut inside, _)) = listener.accept().await {
                let (server, wire) = (server.clone(), wire.clone());
                tokio::spawn(async move {
                    let mut outside = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut inside, &mut outside) => {}
                        () = wire.notified() => {}
                    }
                });
            }
        });
        Self { url: url.to_string(), cut }
    }
}

impl Database for Server {
    async fn open(&self) -> Store {
        let store = Store::open(&self.url.parse().unwrap()).await.unwrap();
        store.migrate().await.unwrap();
        store
    }

    async fn restart(&self, store: Store) -> Store {
        self.cut.notify_waiters();
        store
    }
}

async fn a_bad_day_on(database: impl Database, seed: u64) {
    let mut store = database.open().await;
    let world = World::new().await;
    let me = store.ensure_person(&"me".parse().unwrap(), "Europe/Berlin", world.at()).await.unwrap();
    world.log_in(&store, &me).await;
    let mut dice = Dice(seed);
    let (mut bad, mut kills, mut restarts) = (0, 0, 0);
    for _ in 0..LOOKS {
        for _ in 0..dice.below(4) {
            world.disturb(&mut dice);
        }
        match dice.below(4) {
            0 => {
                // Killed in the middle, without a shutdown.
                kills += 1;
                killed(&world, &store, &me, dice.below(25)).await;
                store = database.restart(store).await;
            }
            1 => {
                restarts += 1;
                let looking = look(&world, &store, &me, Duration::from_millis(300));
                let restart = async {
                    for _ in 0..dice.below(200) {
                        tokio::task::yield_now().await;
                    }
                    database.restart(store.clone()).await
                };
                let (well, again) = tokio::join!(looking, restart);
                bad += usize::from(!well);
                store = again;
            }
            _ => bad += usize::from(!look(&world, &store, &me, Duration::from_millis(300)).await),
        }
        // The lease of a killed process ends long before the next round.
        *world.now.lock().unwrap() += SignedDuration::from_mins(20);
    }
    assert!(
        bad > 10 && kills > 5 && restarts > 5,
        "a bad day: {bad} bad looks, {kills} kills, {restarts} restarts"
    );
    assert_eq!(world.cloud.refresh_reuses(), 0, "no refresh token was sent twice");
    world.cloud.faults().clear();
    assert!(look(&world, &store, &me, Duration::from_mins(1)).await, "and then all is well");

    let (calm, _folder) = store::testing::sqlite().await;
    let (stormy, calm) = (everything(&store, &me).await, calm_day(&calm).await);
    let missing: Vec<_> = calm.iter().filter(|row| !stormy.contains(row)).take(5).collect();
    let invented: Vec<_> = stormy.iter().filter(|row| !calm.contains(row)).take(5).collect();
    assert_eq!((missing, invented), (Vec::new(), Vec::new()));
    assert_eq!(stormy.len(), calm.len(), "nothing is there twice");
    assert!(stormy.len() > 1_000, "{}", stormy.len());
}

/// Reads until this number of windows is done, then stops without a shutdown.
async fn killed(world: &World, store: &Store, me: &Person, windows: usize) {
    let crew = world.process(store, me, Duration::from_millis(300));
    let (me, reached) = (me.clone(), Arc::new(Notify::new()));
    let tell = reached.clone();
    let mut reading = tokio::spawn(async move {
        let watch: ingest::ProgressFn = Arc::new(move |_, step| {
            if step.done > windows {
                tell.notify_one();
            }
        });
        let stop = CancellationToken::new();
        drop(crew.read(&me, SyncRun::Missing, &stop, &watch).await);
    });
    tokio::select! {
        () = reached.notified() => reading.abort(),
        _ = &mut reading => {}
    }
}

#[tokio::test]
async fn day_of_faults_ends_like_a_calm_day_on_sqlite() {
    a_bad_day_on(File(tempfile::tempdir().unwrap()), 0x5eed_0001).await;
}

#[tokio::test]
async fn day_of_faults_ends_like_a_calm_day_on_postgres() {
    a_bad_day_on(Server::start().await, 0x5eed_0002).await;
}
