//! From a webhook event to a stored document, against the simulated cloud: both ends, and the failures between them.

mod receiver;
mod reconciler;
mod worker;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXUPPER;
use domain::{DayRange, Metric};
use hmac::{Hmac, KeyInit, Mac};
use ingest::webhook::{Credentials, Metrics, Settings, StepOutcome, Subscriptions, Summary, Webhooks};
use jiff::{SignedDuration, Timestamp};
use prometheus_client::registry::Registry;
use simulator::{Application, Cloud, Deliveries, Life, Person as Synthetic};
use store::{Person, Store};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::helpers::{client, day, serve};

const TOKEN: &str = "simulated";
const SECRET: &str = "a-synthetic-client-secret";
const CALLBACK: &str = "https://health.example.org/oura/webhook";

/// A life with a night on 10 March.
const SEED: u64 = 3;

/// Three kinds of change of fifteen collections.
const ALL: usize = 45;

/// A cloud, a process that receives its events, and their common clock.
struct World {
    cloud: Arc<Cloud>,
    synthetic: Synthetic,
    /// Seconds since [`start`].
    clock: Arc<AtomicI64>,
    /// Whether a proxy between the cloud and the receiver answers 410.
    gone: Arc<AtomicBool>,
    webhooks: Webhooks,
    registry: Registry,
    base: String,
    store: Store,
    person: Person,
}

fn start() -> Timestamp {
    "2026-03-10T00:30:00Z".parse().unwrap()
}

fn never() -> CancellationToken {
    CancellationToken::new()
}

fn credentials() -> Credentials {
    Credentials { id: "app".into(), secret: SECRET.into() }
}

fn webhooks(
    store: &Store,
    base: &str,
    person: &Person,
    clock: &Arc<AtomicI64>,
    registry: &mut Registry,
) -> Webhooks {
    let settings = Settings {
        credentials: credentials(),
        callback: CALLBACK.parse().unwrap(),
        replay_window: SignedDuration::from_mins(5),
    };
    let (clock, client, person) = (clock.clone(), client(base, TOKEN), person.id);
    Webhooks::new(
        store.clone(),
        Arc::new(move |other| (other.id == person).then(|| client.clone())),
        settings,
        Subscriptions::new(base, credentials()).unwrap(),
        Metrics::register(registry),
        Arc::new(move || start() + SignedDuration::from_secs(clock.load(Ordering::Relaxed))),
    )
}

impl World {
    async fn new(store: Store) -> Self {
        Self::with_scopes(store, simulator::SCOPES).await
    }

    async fn with_scopes(store: Store, scopes: &[&str]) -> Self {
        let (clock, gone) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicBool::new(false)));
        let synthetic = Synthetic::new(Life::new(SEED, day("2025-12-01").date()));
        let router: Arc<OnceLock<Router>> = Arc::default();
        let (read, callback, answers_gone) = (clock.clone(), router.clone(), gone.clone());
        let cloud = Cloud::new(move || start() + SignedDuration::from_secs(read.load(Ordering::Relaxed)))
            .with_person(TOKEN, synthetic.clone(), scopes)
            .with_application(Application {
                id: "app".into(),
                secret: SECRET.into(),
                redirect_uri: "http://localhost/".into(),
                expires_in: 86_400,
                unticked: Vec::new(),
            })
            .with_callbacks(move |request| {
                let router = callback.get().unwrap().clone();
                let gone = answers_gone.load(Ordering::Relaxed) && request.method() == Method::POST;
                async move {
                    if gone {
                        StatusCode::GONE.into_response()
                    } else {
                        router.oneshot(request).await.unwrap()
                    }
                }
            });
        let cloud = Arc::new(cloud);
        let base = serve(cloud.router()).await;
        let person = store.ensure_person(&"me".parse().unwrap(), "Europe/Berlin", start()).await.unwrap();
        let mut registry = Registry::default();
        let webhooks = webhooks(&store, &base, &person, &clock, &mut registry);
        router.set(webhooks.router()).unwrap();
        Self { cloud, synthetic, clock, gone, webhooks, registry, base, store, person }
    }

    /// With active subscriptions, the account known, and all earlier changes seen.
    async fn listening(store: Store) -> Self {
        Self::new(store).await.listen().await
    }

    async fn listen(self) -> Self {
        let world = self;
        assert!(world.webhooks.worker().link_oura_users_once().await.unwrap());
        assert_eq!(world.look().await, Summary { created: ALL, ..Summary::default() });
        world.cloud.deliver().await;
        world
    }

    fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::Relaxed);
    }

    fn now(&self) -> Timestamp {
        start() + SignedDuration::from_secs(self.clock.load(Ordering::Relaxed))
    }

    async fn look(&self) -> Summary {
        self.webhooks.subscription_reconciler().reconcile().await.unwrap()
    }

    async fn step(&self) -> StepOutcome {
        self.webhooks.worker().step(&never()).await.unwrap()
    }

    /// Works until nothing is due.
    async fn work(&self) {
        while self.step().await == StepOutcome::One {}
    }

    async fn queued(&self) -> i64 {
        self.store.event_queue(None).await.unwrap().length
    }

    /// Documents of the cloud that were asked for by id.
    fn fetched(&self) -> Vec<String> {
        let log = self.cloud.log().into_iter().map(|request| request.path);
        log.filter(|path| path.matches('/').count() == 4 && path.starts_with("/v2/usercollection/")).collect()
    }

    fn user(&self) -> String {
        self.synthetic.personal_info(self.now())["id"].as_str().unwrap().to_owned()
    }

    fn event(&self, change: &str, data_type: &str, id: &str) -> String {
        let (at, user) = (self.now(), self.user());
        format!(
            r#"{{"event_type":"{change}","data_type":"{data_type}","object_id":"{id}","event_time":"{at}","user_id":"{user}"}}"#
        )
    }

    /// Posts what Oura would, signed now.
    async fn post(&self, body: &str) -> StatusCode {
        let timestamp = self.now().as_second().to_string();
        self.send(&timestamp, &sign(SECRET, &timestamp, body), body).await.status()
    }

    async fn send(&self, timestamp: &str, signature: &str, body: &str) -> Response {
        let request = Request::post(CALLBACK)
            .header("x-oura-timestamp", timestamp)
            .header("x-oura-signature", signature)
            .body(Body::from(body.to_owned()));
        self.webhooks.router().oneshot(request.unwrap()).await.unwrap()
    }

    /// The value of a series of our own metrics.
    fn metric(&self, series: &str) -> u64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series} in {text}")).parse().unwrap()
    }

    fn events(&self, result: &str) -> u64 {
        self.metric(&format!("webhook_events_total{{result=\"{result}\"}}"))
    }

    fn fetches(&self, result: &str) -> u64 {
        self.metric(&format!("webhook_fetches_total{{result=\"{result}\"}}"))
    }

    /// The scores of nights that are stored.
    async fn scores(&self) -> Vec<(String, f64)> {
        let range = DayRange::new(day("2026-03-01"), day("2026-03-31")).unwrap();
        let metric = Metric::by_key("sleep_score").unwrap();
        let scores = self.store.daily(self.person.id, metric, range).await.unwrap();
        scores.into_iter().map(|(day, score)| (day.to_string(), score)).collect()
    }

    /// Id and score of the night that ends on a day, as the cloud holds it.
    fn held(&self, on: &str) -> Option<(String, f64)> {
        let documents = self.synthetic.documents("daily_sleep", day(on).date(), self.now());
        let document = documents.last()?;
        Some((document["id"].as_str()?.to_owned(), document["score"].as_f64()?))
    }

    /// Lets the cloud send the event of the night of 10 March; returns its id and score.
    async fn a_night(&self) -> (String, f64) {
        assert_eq!(self.held("2026-03-10"), None, "the night is still to come");
        self.pass(15 * 3_600);
        let held = self.held("2026-03-10").unwrap();
        let done = self.cloud.deliver().await;
        assert!(done.accepted > 4, "{done:?}");
        assert_eq!(Deliveries { accepted: 0, ..done }, Deliveries::default());
        held
    }
}

fn sign(secret: &str, timestamp: &str, body: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(timestamp.as_bytes());
    mac.update(body.as_bytes());
    HEXUPPER.encode(&mac.finalize().into_bytes())
}

async fn listening() -> (World, impl Sized) {
    let (store, folder) = store::testing::sqlite().await;
    (World::listening(store).await, folder)
}
