//! From an announcement to a stored document, against the simulated cloud: both ends, and what goes wrong between them.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXUPPER;
use domain::{Collection, DayRange, Metric};
use hmac::{Hmac, KeyInit, Mac};
use ingest::webhook::{
    Callback, Credentials, Done, Health, Keeper, Kept, Metrics, Settings, SubscriptionFailure, Subscriptions,
    Webhooks, parse_event, verify,
};
use jiff::{SignedDuration, Timestamp};
use prometheus_client::registry::Registry;
use simulator::{Application, Cloud, Deliveries, Fault, Life, Person as Synthetic, Wrong};
use store::{Person, Queue, Store};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::helpers::{client, day, serve};

const TOKEN: &str = "simulated";
const SECRET: &str = "a-synthetic-client-secret";
const CALLBACK: &str = "https://health.example.org/oura/webhook";

/// A life with a night on 10 March.
const SEED: u64 = 3;

/// Three kinds of news of fifteen collections.
const ALL: usize = 45;

/// A cloud, a process that listens to it, and the clock both look at.
struct World {
    cloud: Arc<Cloud>,
    synthetic: Synthetic,
    /// Seconds since [`start`].
    clock: Arc<AtomicI64>,
    /// Whether whatever stands between the cloud and us answers 410.
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

    /// Subscribed, known, and everything so far seen.
    async fn listening(store: Store) -> Self {
        Self::new(store).await.listen().await
    }

    async fn listen(self) -> Self {
        let world = self;
        assert!(world.webhooks.worker().learn_once().await.unwrap());
        assert_eq!(world.look().await, Kept { created: ALL, ..Kept::default() });
        world.cloud.deliver().await;
        world
    }

    fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::Relaxed);
    }

    fn now(&self) -> Timestamp {
        start() + SignedDuration::from_secs(self.clock.load(Ordering::Relaxed))
    }

    async fn look(&self) -> Kept {
        self.webhooks.keeper().look().await.unwrap()
    }

    async fn step(&self) -> Done {
        self.webhooks.worker().step(&never()).await.unwrap()
    }

    /// Works until nothing is due.
    async fn work(&self) {
        while self.step().await == Done::One {}
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

    /// Lets the night of 10 March be announced; its id and score.
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

#[tokio::test]
async fn an_announced_night_is_stored_without_a_pass() {
    let (world, _folder) = listening().await;
    let (_, score) = world.a_night().await;
    assert_eq!(world.scores().await, [], "acknowledged, not fetched");
    let queue = world.store.event_queue(None).await.unwrap();
    assert!(queue.length > 4 && queue.oldest == Some(world.now()), "{queue:?}");
    world.pass(20);
    world.work().await;
    assert_eq!(world.scores().await, [("2026-03-10".to_owned(), score)]);
    assert_eq!(world.store.event_queue(None).await.unwrap(), Queue::default());
    assert_eq!(world.fetches("stored") + world.fetches("unchanged"), world.events("queued"));
    assert_eq!(world.metric("webhook_delivery_lag_seconds_count"), world.events("queued"));
    assert_eq!(world.metric("webhook_delivery_lag_seconds_bucket{le=\"10.0\"}"), 0);
}

#[tokio::test]
async fn on_a_server_it_is_the_same() {
    let world = World::listening(store::testing::postgres().await).await;
    let (id, score) = world.a_night().await;
    world.work().await;
    assert_eq!(world.scores().await, [("2026-03-10".to_owned(), score)]);
    world.cloud.delete(&id);
    world.cloud.deliver().await;
    world.work().await;
    assert_eq!(world.scores().await, []);
}

#[tokio::test]
async fn what_oura_deleted_is_taken_back() {
    let (world, _folder) = listening().await;
    let (id, _) = world.a_night().await;
    world.work().await;
    world.cloud.delete(&id);
    assert_eq!(world.cloud.deliver().await.accepted, 1);
    world.work().await;
    assert_eq!(world.scores().await, []);
    assert_eq!(world.fetches("withdrawn"), 1);
    assert_eq!(world.store.totals(world.person.id).await.unwrap().revisions, 1, "the body is kept");
}

#[tokio::test]
async fn an_answer_that_contradicts_the_news_is_doubted_before_it_is_believed() {
    let (world, _folder) = listening().await;
    let (id, score) = world.a_night().await;
    world.work().await;
    let before = world.fetched().len();
    // Deleted, says the announcement; the document is still there.
    world.cloud.announce("delete", "daily_sleep", &id);
    world.cloud.deliver().await;
    for _ in 0..4 {
        world.work().await;
        world.pass(3_600);
    }
    assert_eq!(world.fetched().len() - before, 4);
    assert_eq!((world.scores().await, world.queued().await), (vec![("2026-03-10".to_owned(), score)], 0));
}

#[tokio::test]
async fn a_proxy_that_knows_nothing_deletes_nothing() {
    let (world, _folder) = listening().await;
    let (id, score) = world.a_night().await;
    world.work().await;
    world.cloud.faults().always("/v2/usercollection/", Fault::Status(404));
    world.cloud.announce("delete", "daily_sleep", &id);
    world.cloud.deliver().await;
    for _ in 0..5 {
        world.work().await;
        world.pass(3_600);
    }
    assert_eq!((world.scores().await, world.queued().await), (vec![("2026-03-10".to_owned(), score)], 1));
}

#[tokio::test]
async fn nobody_but_oura_is_believed() {
    let (world, _folder) = listening().await;
    let body = world.event("create", "sleep", "a");
    let timestamp = world.now().as_second().to_string();
    let right = sign(SECRET, &timestamp, &body);
    for (timestamp, signature, body) in [
        (timestamp.as_str(), sign("another secret", &timestamp, &body).as_str(), body.as_str()),
        (&timestamp, &right, &format!("{body} ")),
        (&(world.now().as_second() + 1).to_string(), &right, &body),
        (&timestamp, "garbled", &body),
        (&timestamp, "", &body),
        ("", &right, &body),
    ] {
        assert_eq!(world.send(timestamp, signature, body).await.status(), 401);
    }
    let unsigned = Request::post(CALLBACK).body(Body::from(body.clone())).unwrap();
    assert_eq!(world.webhooks.router().oneshot(unsigned).await.unwrap().status(), 401);
    assert_eq!(world.events("forged"), 7);

    world.pass(301);
    assert_eq!(world.send(&timestamp, &right, &body).await.status(), 401, "replayed later");
    let soon = (world.now().as_second() + 301).to_string();
    assert_eq!(world.send(&soon, &sign(SECRET, &soon, &body), &body).await.status(), 401);
    assert_eq!((world.events("expired"), world.queued().await), (2, 0));
}

#[tokio::test]
async fn what_is_no_news_of_ours_is_answered_and_not_kept() {
    let (world, _folder) = listening().await;
    let check = async |body: &str, status: u16, result: &str| {
        assert_eq!((world.post(body).await.as_u16(), world.events(result)), (status, 1), "{result}");
    };
    check("{", 400, "malformed").await;
    check(&world.event("create", "sleep", "a").replace(&world.user(), "a stranger"), 200, "unknown_person")
        .await;
    check(&world.event("create", "meal", "a"), 200, "unsupported").await;
    assert_eq!(world.post(&world.event("create", "sleep", "../personal_info")).await, 400);
    assert_eq!(world.post(&" ".repeat(2 * 1024 * 1024)).await, 413);
    // Without a length, it is noticed while reading.
    let endless = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 10_000]));
    let endless = Body::from_stream(endless);
    let request = Request::post(CALLBACK)
        .header("x-oura-timestamp", "1")
        .header("x-oura-signature", "00")
        .body(endless);
    assert_eq!(world.webhooks.router().oneshot(request.unwrap()).await.unwrap().status(), 413);
    assert_eq!((world.events("too_large"), world.queued().await), (2, 0));
}

#[tokio::test]
async fn only_who_knows_the_token_passes_the_verification() {
    let (world, _folder) = listening().await;
    for query in
        ["", "?challenge=x", "?verification_token=00&challenge=x", "?verification_token=%ff&challenge=x"]
    {
        let request = Request::get(format!("{CALLBACK}{query}")).body(Body::empty()).unwrap();
        assert_eq!(world.webhooks.router().oneshot(request).await.unwrap().status(), 401, "{query}");
    }
    let request = Request::get("https://health.example.org/-/healthy").body(Body::empty()).unwrap();
    let response = world.webhooks.router().oneshot(request).await.unwrap();
    assert_eq!(to_bytes(response.into_body(), 100).await.unwrap(), "healthy\n");
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_acknowledged() {
    let (store, _folder) = store::testing::sqlite().await;
    let world = World::new(store).await;
    let body = world.event("create", "sleep", "a");
    assert_eq!(world.post(&body).await, 503, "nobody knows yet who that is");
    assert!(world.webhooks.worker().learn_once().await.unwrap());
    assert_eq!(world.post(&body).await, 200);
    world.store.close().await;
    assert_eq!(world.post(&body).await, 503);
    assert_eq!((world.events("unavailable"), world.events("queued")), (2, 1));
}

#[tokio::test]
async fn a_flood_of_one_event_is_one_fetch() {
    let (world, _folder) = listening().await;
    let (id, _) = world.a_night().await;
    world.work().await;
    let before = world.fetched().len();
    for _ in 0..50 {
        assert_eq!(world.post(&world.event("update", "daily_sleep", &id)).await, 200);
    }
    assert_eq!(world.events("repeated"), 49);
    world.work().await;
    assert_eq!(world.fetched().len() - before, 1);
}

/// Holds every document back until told.
fn hold(world: &World) -> Arc<Notify> {
    let release = Arc::new(Notify::new());
    world.cloud.faults().next("/v2/usercollection/", 1, &Fault::Hold(release.clone()));
    release
}

/// Waits until the cloud has been asked for so many documents.
async fn asked(world: &World, documents: usize) {
    while world.fetched().len() < documents {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_receiver_answers_while_oura_hangs_and_news_during_a_fetch_is_fetched_again() {
    let (world, _folder) = listening().await;
    let (id, _) = world.a_night().await;
    world.work().await;
    let before = world.fetched().len();
    assert_eq!(world.post(&world.event("update", "daily_sleep", &id)).await, 200);
    let release = hold(&world);
    let worker = world.webhooks.worker().clone();
    let fetch = tokio::spawn(async move { worker.step(&never()).await.unwrap() });
    asked(&world, before + 1).await;
    // In the same second, as Oura's clock may have it.
    for _ in 0..5 {
        assert_eq!(world.post(&world.event("update", "daily_sleep", &id)).await, 200);
    }
    assert_eq!(world.step().await, Done::Nothing, "one fetch at a time");
    release.notify_one();
    fetch.await.unwrap();
    world.work().await;
    assert_eq!((world.fetched().len() - before, world.queued().await), (2, 0));
}

#[tokio::test]
async fn a_worker_told_to_stop_gives_its_document_back_at_once() {
    let (world, _folder) = listening().await;
    let (id, _) = world.a_night().await;
    world.work().await;
    let before = world.fetched().len();
    world.post(&world.event("update", "daily_sleep", &id)).await;
    let _release = hold(&world);
    let (worker, stop) = (world.webhooks.worker().clone(), never());
    let token = stop.clone();
    let fetch = tokio::spawn(async move { worker.step(&token).await.unwrap() });
    asked(&world, before + 1).await;
    stop.cancel();
    fetch.await.unwrap();
    world.work().await;
    assert_eq!((world.fetched().len() - before, world.queued().await), (2, 0));
}

#[tokio::test]
async fn two_workers_on_a_server_never_fetch_one_document_at_once() {
    let world = World::listening(store::testing::postgres().await).await;
    let (id, _) = world.a_night().await;
    let other = webhooks(&world.store, &world.base, &world.person, &world.clock, &mut Registry::default());
    let work = async |worker: &ingest::webhook::Worker| {
        while worker.step(&never()).await.unwrap() == Done::One {}
    };
    tokio::join!(work(world.webhooks.worker()), work(other.worker()));
    let mut fetched = world.fetched();
    assert_eq!(fetched.len() as u64, world.events("queued"));
    fetched.sort();
    fetched.dedup();
    assert_eq!(fetched.len() as u64, world.events("queued"), "each once");

    let before = world.fetched().len();
    world.post(&world.event("update", "daily_sleep", &id)).await;
    let release = hold(&world);
    let worker = world.webhooks.worker().clone();
    let fetch = tokio::spawn(async move { worker.step(&never()).await.unwrap() });
    asked(&world, before + 1).await;
    assert_eq!(other.worker().step(&never()).await.unwrap(), Done::Nothing);
    // Whoever holds it may have died: after its lease it is another's.
    world.pass(121);
    assert_eq!(other.worker().step(&never()).await.unwrap(), Done::One);
    release.notify_one();
    fetch.await.unwrap();
    assert_eq!(world.queued().await, 0);
}

#[tokio::test]
async fn a_document_that_never_comes_is_given_up_and_listed() {
    let (world, _folder) = listening().await;
    world.cloud.faults().always("/v2/usercollection/workout", Fault::Status(422));
    world.post(&world.event("create", "workout", "poison")).await;
    for _ in 0..19 {
        assert_eq!(world.step().await, Done::One);
        assert_eq!(world.step().await, Done::Nothing, "it waits");
        world.pass(6_000);
    }
    assert_eq!(world.queued().await, 1);
    world.work().await;
    assert_eq!((world.queued().await, world.fetches("rejected")), (0, 1));
    let reason = "announced but not fetched in 20 attempts: refused".to_owned();
    assert_eq!(world.store.rejections(world.person.id).await.unwrap(), [("workout".to_owned(), reason, 1)]);
}

#[tokio::test]
async fn a_dead_token_or_a_limit_is_not_the_documents_failure() {
    let (world, _folder) = listening().await;
    let (_, score) = world.a_night().await;
    let waiting = world.queued().await;
    let minute = std::time::Duration::from_mins(1);
    for (fault, done) in [
        // Nobody else has to wait until this person has logged in.
        (Fault::Revoked, Done::One),
        (Fault::TooManyRequests { retry_after: 7 }, Done::Pause(minute)),
        (Fault::TooManyRequests { retry_after: 3_600 }, Done::Pause(60 * minute)),
    ] {
        // A process of its own: what Oura asks of one is kept by the clock of the machine, which nobody moves here.
        let process =
            webhooks(&world.store, &world.base, &world.person, &world.clock, &mut Registry::default());
        world.cloud.faults().next("/v2/usercollection/", 1, &fault);
        assert_eq!(process.worker().step(&never()).await.unwrap(), done, "{fault:?}");
    }
    assert_eq!(world.queued().await, waiting);
    world.pass(3_700);
    world.work().await;
    assert_eq!((world.queued().await, world.scores().await), (0, vec![("2026-03-10".to_owned(), score)]));
}

#[tokio::test]
async fn what_nobody_consented_to_is_let_go() {
    let (store, _folder) = store::testing::sqlite().await;
    let world = World::with_scopes(store, &["workout"]).await.listen().await;
    world.a_night().await;
    world.work().await;
    assert!(world.fetches("not_consented") > 4);
    assert_eq!((world.queued().await, world.fetches("postponed"), world.scores().await), (0, 0, Vec::new()));
    assert_eq!(world.store.rejections(world.person.id).await.unwrap(), []);
}

#[tokio::test]
async fn a_document_of_the_wrong_shape_is_put_aside() {
    let (world, _folder) = listening().await;
    let (id, _) = world.a_night().await;
    world.work().await;
    world.post(&world.event("update", "daily_sleep", &id)).await;
    world.cloud.faults().next("/v2/usercollection/daily_sleep", 1, &Fault::Garbage);
    world.work().await;
    assert_eq!(world.queued().await, 1, "no JSON at all is asked for again");
    let wrong = Fault::WrongShape(day("2026-03-10").date(), Wrong::Text("score"));
    world.cloud.faults().next("/v2/usercollection/daily_sleep", 1, &wrong);
    world.pass(60);
    world.work().await;
    assert_eq!((world.queued().await, world.fetches("unreadable")), (0, 1));
    let reasons = world.store.rejections(world.person.id).await.unwrap();
    assert_eq!(reasons, [("daily_sleep".to_owned(), "/score: expected a number".to_owned(), 1)]);
}

#[tokio::test]
async fn subscriptions_are_renewed_remade_after_a_410_and_after_they_expired() {
    let (world, _folder) = listening().await;
    assert_eq!(world.look().await, Kept::default(), "nothing to do twice");
    assert!(world.webhooks.health().is_good());
    let active = "webhook_subscriptions{state=\"active\"}";
    assert_eq!(world.metric(active), ALL as u64);
    let expiry = world.metric("webhook_subscription_expiry_timestamp_seconds");
    assert_eq!(i128::from(expiry), i128::from(start().as_second() + 90 * 86_400));

    world.gone.store(true, Ordering::Relaxed);
    world.cloud.announce("create", "sleep", "x");
    assert_eq!(world.cloud.deliver().await.cancelled, 1);
    world.gone.store(false, Ordering::Relaxed);
    assert_eq!(world.look().await, Kept { created: 1, ..Kept::default() });

    world.pass(84 * 86_400);
    assert_eq!(world.look().await, Kept { renewed: ALL, ..Kept::default() });
    world.pass(89 * 86_400);
    assert_eq!(world.look().await.renewed, ALL);
    world.pass(91 * 86_400);
    assert_eq!(world.look().await, Kept { created: ALL, ..Kept::default() });
    assert_eq!(world.metric(active), ALL as u64);
}

#[tokio::test]
async fn what_keeps_a_subscription_from_being_made_is_said() {
    let (store, _folder) = store::testing::sqlite().await;
    let world = World::new(store).await;
    let elsewhere = Credentials { secret: "not the application's".into(), ..credentials() };
    let refused = Subscriptions::new(&world.base, elsewhere).unwrap().list().await;
    assert!(matches!(refused, Err(SubscriptionFailure::Credentials)), "{refused:?}");

    let callback: Callback = "https://elsewhere.example.org/".parse().unwrap();
    let subscriptions = Subscriptions::new(&world.base, credentials()).unwrap();
    let metrics = Metrics::register(&mut Registry::default());
    let elsewhere = Keeper::new(subscriptions, callback, Health::default(), metrics, Arc::new(start));
    let refused = elsewhere.look().await.unwrap_err();
    assert!(refused.to_string().contains("--webhook.listen-address"), "{refused}");
    let creations = world.cloud.log().iter().filter(|request| request.method == "POST").count();
    assert_eq!(creations, 1, "what cannot work is not tried forty-five times");

    world.cloud.faults().next("/v2/webhook/subscription", 1, &Fault::Status(503));
    let failed = world.webhooks.keeper().look().await;
    assert!(matches!(failed, Err(SubscriptionFailure::Status(_))), "{failed:?}");
    assert!(!world.webhooks.health().is_good());
    world.look().await;
    assert!(world.webhooks.health().is_good());
}

#[test]
fn a_callback_is_an_https_address_and_nothing_else() {
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

/// Vectors recorded from others lie next to the project where somebody has them; they are not ours to publish.
#[test]
fn recorded_signatures_are_believed() {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/oura/samples/webhook/signature_vectors.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("no recorded signatures here: nothing was compared");
        return;
    };
    let vectors: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert!(!vectors.is_empty());
    for vector in vectors {
        let field = |name: &str| vector[name].as_str().unwrap().to_owned();
        let (timestamp, body) = (field("x-oura-timestamp"), field("body"));
        let now = Timestamp::from_second(timestamp.parse().unwrap()).unwrap();
        let (secret, signature) = (field("client_secret").into(), field("x-oura-signature"));
        let believed = verify(&secret, &timestamp, &signature, body.as_bytes(), now, SignedDuration::ZERO);
        assert_eq!(believed, Ok(()), "{body}");
        let event = parse_event(body.as_bytes()).unwrap();
        assert!(event.collection.is_some_and(|collection| Collection::ALL.contains(&collection)));
    }
}
