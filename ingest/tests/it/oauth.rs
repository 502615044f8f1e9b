//! Log-ins against the simulated cloud: they survive expiry, restarts, lost answers and each other.

use std::sync::{Arc, Mutex};

use domain::{Collection, DayRange};
use ingest::oauth::{
    Account, Application, ApplicationSettings, Consent, FaultPoint, KeySource, Keyring, LOGIN_REQUIRED,
    Observer, Pair, RENEWAL_FAILED, TokenError, log_out, store_login,
};
use ingest::{Client, Failure, Metrics, Tokens};
use jiff::{SignedDuration, Timestamp};
use prometheus_client::registry::Registry;
use reqwest::Url;
use secrecy::ExposeSecret;
use simulator::{Cloud, Fault, Life, Person as Synthetic};
use store::{Credential, Person, Store};

use crate::helpers::{day, instantly, range, serve};

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const REDIRECT: &str = "http://localhost:9873/callback";
const TOKEN: &str = "/oauth/token";
const PORTAL: &str = "/oauth/v2/ext/oauth-token";
const DAY: i64 = 24 * 60;

/// A cloud, a store and a clock that all look at.
struct World {
    cloud: Arc<Cloud>,
    base: String,
    /// Where the log-in server is thought to be.
    token_base: Mutex<String>,
    now: Arc<Mutex<Timestamp>>,
    /// How far the clock of our machine is from Oura's.
    skew: Arc<Mutex<SignedDuration>>,
    store: Store,
    person: Person,
    scopes: String,
    registry: Registry,
    metrics: Metrics,
}

fn registered(id: &str) -> simulator::Application {
    simulator::Application {
        id: id.to_owned(),
        secret: "client-secret".to_owned(),
        redirect_uri: REDIRECT.to_owned(),
        expires_in: 86_400,
        unticked: vec!["tag".to_owned()],
    }
}

impl World {
    async fn new(store: Store) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let now = Arc::new(Mutex::new("2026-03-29T15:00:00Z".parse::<Timestamp>().unwrap()));
        let clock = now.clone();
        let synthetic = Synthetic::new(Life::new(11, day("2026-02-01").date()));
        let cloud = Cloud::new(move || *clock.lock().unwrap())
            .with_person("nobody's", synthetic, simulator::SCOPES)
            .with_application(registered("legacy"))
            .with_portal_application(registered("portal"));
        let cloud = Arc::new(cloud);
        let base = serve(cloud.router()).await;
        let at = *now.lock().unwrap();
        let person = store.ensure_person(&"me".parse().unwrap(), "Europe/Berlin", at).await.unwrap();
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let (skew, token_base) = (Arc::default(), Mutex::new(base.clone()));
        Self {
            cloud,
            base,
            token_base,
            now,
            skew,
            store,
            person,
            scopes: "daily heartrate tag".into(),
            registry,
            metrics,
        }
    }

    fn at(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    fn later(&self, minutes: i64) {
        *self.now.lock().unwrap() += SignedDuration::from_mins(minutes);
    }

    fn application(&self, id: &str) -> Application {
        let base = self.token_base.lock().unwrap().clone();
        let url = |path: &str| format!("{base}{path}");
        Application::new(ApplicationSettings {
            client_id: id.into(),
            client_secret: "client-secret".to_owned().into(),
            redirect_uri: REDIRECT.into(),
            scopes: self.scopes.clone(),
            authorize_url: url("/oauth/authorize"),
            token_urls: vec![url(TOKEN), url(PORTAL)],
            revoke_urls: vec![url("/oauth/revoke"), url("/oauth/v2/ext/oauth-revoke")],
        })
        .unwrap()
    }

    /// The consent of a person at a browser.
    async fn code(&self, application: &Application, consent: &Consent) -> secrecy::SecretString {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let answer = http.get(application.authorize_url(consent)).send().await.unwrap();
        consent.code_of_paste(answer.headers()["location"].to_str().unwrap()).unwrap()
    }

    async fn consented(&self, id: &str) -> Pair {
        let application = self.application(id);
        let consent = Consent::new().unwrap();
        let code = self.code(&application, &consent).await;
        application.exchange(&consent, &code, self.at()).await.unwrap()
    }

    async fn log_in(&self, id: &str) {
        let pair = self.consented(id).await;
        store_login(&self.store, self.person.id, &keys(), &pair, self.at()).await.unwrap();
    }

    /// What a process that starts now reads with.
    fn process(&self) -> Client {
        self.process_of("legacy", keys(), None)
    }

    fn process_of(&self, id: &str, keys: Keyring, observer: Option<Observer>) -> Client {
        let (now, skew) = (self.now.clone(), self.skew.clone());
        let account = Account {
            store: self.store.clone(),
            person: self.person.clone(),
            application: self.application(id),
            keys,
            clock: Arc::new(move || *now.lock().unwrap() + *skew.lock().unwrap()),
            metrics: self.metrics.oauth(),
            fallback: None,
        };
        let tokens = Tokens::observed(account, observer).unwrap();
        Client::new(&self.base, tokens, self.metrics.clone()).unwrap().with_retries(instantly())
    }

    async fn credential(&self) -> Credential {
        self.store.credential(self.person.id).await.unwrap().unwrap()
    }

    /// Requests at a token address so far.
    fn asked(&self, path: &str) -> usize {
        self.cloud.log().iter().filter(|request| request.path == path).count()
    }

    fn exposition(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }
}

fn keys() -> Keyring {
    Keyring { current: KeySource::Text(KEY.to_owned().into()), previous: None }
}

async fn world() -> (World, impl Sized) {
    let (store, folder) = store::testing::sqlite().await;
    let world = World::new(store).await;
    world.log_in("legacy").await;
    (world, folder)
}

async fn read(client: &Client) -> Result<usize, &'static str> {
    let march = range("2026-03-01", "2026-03-20");
    let window = client.window(Collection::DailySleep, march).await;
    window.map(|window| window.documents.len()).map_err(|failure| failure.kind())
}

/// Reads on a task of its own and says whether that survived.
async fn survives(client: &Client) -> bool {
    let client = client.clone();
    tokio::spawn(async move { read(&client).await }).await.is_ok()
}

#[tokio::test]
async fn a_log_in_is_renewed_before_it_ends_and_the_next_process_goes_on() {
    let (world, _folder) = world().await;
    let client = world.process();
    assert!(read(&client).await.unwrap() > 10);
    world.later(DAY - 61);
    read(&client).await.unwrap();
    assert_eq!(world.asked(TOKEN), 1, "an hour before the end nothing is renewed yet");
    world.later(2);
    read(&client).await.unwrap();
    assert_eq!((world.asked(TOKEN), world.credential().await.generation), (2, 2));
    for _ in 0..40 {
        world.later(DAY);
        read(&world.process()).await.unwrap();
        read(&client).await.unwrap();
    }
    assert_eq!(world.credential().await.generation, 42, "each renewal is for everybody");
    assert_eq!(world.cloud.refresh_reuses(), 0);
    let text = world.exposition();
    let expiry = world.credential().await.pair.expires_at.as_second();
    assert!(
        text.contains(&format!("oauth_token_expiry_timestamp_seconds{{person=\"me\"}} {expiry}")),
        "{text}"
    );
    assert!(text.contains("oauth_refreshes_total{result=\"renewed\"} 41"), "{text}");
    assert!(text.contains("oauth_scope{person=\"me\",scope=\"daily\"} 1"), "{text}");
    assert!(text.contains("oauth_scope{person=\"me\",scope=\"tag\"} 0"), "it was not ticked: {text}");
    assert!(text.contains("oauth_login_required{person=\"me\"} 0"), "{text}");
}

#[tokio::test]
async fn a_token_refused_early_is_renewed_once() {
    let (world, _folder) = world().await;
    let client = world.process();
    world.cloud.faults().next("/v2/usercollection", 1, &Fault::Revoked);
    assert!(read(&client).await.unwrap() > 10);
    assert_eq!(world.credential().await.generation, 2);
    world.cloud.faults().next("/v2/usercollection", 1, &Fault::Revoked);
    read(&client).await.unwrap();
    assert_eq!(world.credential().await.generation, 3, "it helped, so it may help again");
    // A refusal that renewing does not heal must not burn a rotation with every request.
    world.cloud.faults().always("/v2/usercollection", Fault::Revoked);
    for _ in 0..5 {
        assert_eq!(read(&client).await, Err("unauthorized"));
    }
    assert_eq!(world.credential().await.generation, 4);
    world.cloud.faults().clear();
    read(&client).await.unwrap();
    // What the person did not tick is not mended by renewing either.
    let tags = client.window(Collection::Tag, DayRange::ending(day("2026-03-29"), 3)).await;
    assert!(matches!(tags, Err(Failure::Scope)), "{tags:?}");
    assert_eq!(world.credential().await.generation, 4);
}

#[tokio::test]
async fn a_failing_log_in_server_is_asked_once_and_the_token_used_to_its_end() {
    for (fault, sent) in [
        (Fault::Status(500), true),
        (Fault::CutBody, true),
        (Fault::TooManyRequests { retry_after: 1 }, false),
    ] {
        let (world, _folder) = world().await;
        let client = world.process();
        world.later(DAY - 30);
        world.cloud.faults().next("/oauth", 1, &fault);
        for _ in 0..3 {
            read(&client).await.unwrap();
        }
        assert_eq!(world.asked(TOKEN), 2, "{fault:?} is not asked again");
        let credential = world.credential().await;
        assert_eq!(credential.failure.as_ref().unwrap().0, RENEWAL_FAILED);
        assert_eq!(credential.attempted_at.is_some(), sent, "{fault:?}");
        world.later(10);
        read(&client).await.unwrap();
        assert_eq!(world.asked(TOKEN), if sent { 2 } else { 3 }, "{fault:?}");
        world.later(30);
        let end = read(&client).await;
        match fault {
            // The answer was lost, and the pair with it.
            Fault::CutBody => assert_eq!(end, Err(LOGIN_REQUIRED)),
            _ => assert!(end.is_ok(), "{fault:?}: {end:?}"),
        }
        assert_eq!(world.cloud.refresh_reuses(), u64::from(matches!(fault, Fault::CutBody)), "{fault:?}");
    }
}

#[tokio::test]
async fn a_log_in_server_that_is_away_costs_nothing_and_clears_no_doubt() {
    let (world, _folder) = world().await;
    let away = |is: bool| {
        let nowhere = || "http://127.0.0.1:1".to_owned();
        *world.token_base.lock().unwrap() = if is { nowhere() } else { world.base.clone() };
    };
    world.later(DAY + 1);
    away(true);
    assert_eq!(read(&world.process()).await, Err(RENEWAL_FAILED));
    assert_eq!(world.credential().await.attempted_at, None, "it was never sent");
    away(false);
    assert_eq!(read(&world.process()).await, Err(RENEWAL_FAILED), "a minute's pause");
    assert_eq!(world.asked(TOKEN), 1);
    world.later(1);
    read(&world.process()).await.unwrap();

    world.later(DAY + 1);
    world.cloud.faults().next("/oauth", 1, &Fault::Status(503));
    assert_eq!(read(&world.process()).await, Err(RENEWAL_FAILED));
    world.later(2);
    away(true);
    assert_eq!(read(&world.process()).await, Err(RENEWAL_FAILED));
    assert!(world.credential().await.attempted_at.is_some(), "the first one may still have been spent");
    away(false);
    world.later(2);
    read(&world.process()).await.unwrap();
    assert_eq!(world.cloud.refresh_reuses(), 0);
}

#[tokio::test]
async fn what_is_known_to_be_spent_is_never_sent_again() {
    let (world, _folder) = world().await;
    world.later(DAY - 30);
    world.cloud.revoke("nobody's");
    for _ in 0..3 {
        let client = world.process();
        assert_eq!(read(&client).await, Err(LOGIN_REQUIRED));
        assert!(client.tokens().need_login().await || world.at() < world.credential().await.pair.expires_at);
        world.later(20);
    }
    assert_eq!(world.asked(TOKEN), 2, "the exchange, and one refused renewal");
    assert_eq!(world.credential().await.failure.unwrap().0, LOGIN_REQUIRED);
    assert!(world.exposition().contains("oauth_login_required{person=\"me\"} 1"));
    // A running process takes a new log-in without a restart.
    let client = world.process();
    assert!(client.tokens().need_login().await);
    world.log_in("legacy").await;
    assert!(!client.tokens().need_login().await);
    read(&client).await.unwrap();
    assert!(world.exposition().contains("oauth_login_required{person=\"me\"} 0"));
}

#[tokio::test]
async fn a_wrong_client_secret_costs_no_log_in() {
    let (world, _folder) = world().await;
    world.later(DAY + 1);
    let stranger = world.process_of("nobody", keys(), None);
    assert_eq!(read(&stranger).await, Err(RENEWAL_FAILED));
    world.later(2);
    read(&world.process()).await.unwrap();
    assert_eq!(world.cloud.refresh_reuses(), 0);
}

#[tokio::test]
async fn the_front_end_that_worked_is_remembered() {
    let (store, _folder) = store::testing::sqlite().await;
    let world = World::new(store).await;
    world.log_in("portal").await;
    assert_eq!((world.asked(TOKEN), world.asked(PORTAL)), (1, 1), "the documented one first");
    let client = world.process_of("portal", keys(), None);
    for _ in 0..3 {
        world.later(DAY);
        read(&client).await.unwrap();
    }
    assert_eq!((world.asked(TOKEN), world.asked(PORTAL)), (1, 4));
    assert!(world.credential().await.pair.token_url.ends_with(PORTAL));
}

#[tokio::test]
async fn a_code_is_exchanged_once_and_a_server_error_is_not_asked_again() {
    let (world, _folder) = world().await;
    let application = world.application("legacy");
    let consent = Consent::new().unwrap();
    let code = world.code(&application, &consent).await;
    world.cloud.faults().next("/oauth", 1, &Fault::Status(502));
    let before = world.asked(TOKEN) + world.asked(PORTAL);
    let answer = application.exchange(&consent, &code, world.at()).await;
    assert!(matches!(answer, Err(TokenError::Unanswered(_))), "{answer:?}");
    assert_eq!(world.asked(TOKEN) + world.asked(PORTAL), before + 1);
    // Another process's consent has another verifier, so a stolen code is worth nothing.
    let stolen = application.exchange(&Consent::new().unwrap(), &code, world.at()).await;
    assert!(matches!(stolen, Err(TokenError::Refused { .. })), "{stolen:?}");
}

#[tokio::test]
async fn log_out_is_told_to_oura_and_forgotten_here() {
    let (world, _folder) = world().await;
    let client = world.process();
    read(&client).await.unwrap();
    assert_eq!(world.cloud.log_ins(), 1);
    let application = world.application("legacy");
    let (revoked, was) = log_out(&world.store, world.person.id, Some((&application, &keys()))).await.unwrap();
    revoked.unwrap();
    assert!(was);
    assert_eq!(world.cloud.log_ins(), 0);
    assert_eq!(read(&client).await, Err(LOGIN_REQUIRED));
    assert_eq!(world.store.credential(world.person.id).await.unwrap(), None);
}

#[tokio::test]
async fn another_key_opens_nothing_and_says_which_is_needed() {
    let (world, _folder) = world().await;
    let other = Keyring { current: KeySource::Text("ab".repeat(32).into()), previous: None };
    let failure = world
        .process_of("legacy", other.clone(), None)
        .window(Collection::DailySleep, DayRange::ending(day("2026-03-29"), 3))
        .await
        .unwrap_err();
    assert_eq!(failure.kind(), RENEWAL_FAILED);
    assert!(store::causes(&failure).contains("sealed with another key"), "{}", store::causes(&failure));
    assert_eq!(world.asked(TOKEN), 1, "nothing was sent");
    // A replaced key opens what it sealed, and the next renewal moves the log-in to the new one.
    let rotated = Keyring { previous: Some(keys().current), ..other.clone() };
    read(&world.process_of("legacy", rotated.clone(), None)).await.unwrap();
    world.later(DAY);
    read(&world.process_of("legacy", rotated, None)).await.unwrap();
    read(&world.process_of("legacy", other, None)).await.unwrap();
}

#[tokio::test]
async fn no_token_lies_in_the_database_unsealed() {
    let (world, folder) = {
        let (store, folder) = store::testing::sqlite().await;
        let world = World::new(store).await;
        world.log_in("legacy").await;
        (world, folder)
    };
    let mut secrets = Vec::new();
    for _ in 0..3 {
        let pair = world.consented("legacy").await;
        secrets.extend([pair.access.expose_secret().to_owned(), pair.refresh.expose_secret().to_owned()]);
        store_login(&world.store, world.person.id, &keys(), &pair, world.at()).await.unwrap();
        assert!(!format!("{pair:?} {:?}", world.process()).contains("simulated-"));
    }
    world.later(DAY);
    read(&world.process()).await.unwrap();
    let mut files = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("simulated-access") && !text.contains("simulated-refresh"));
        files += 1;
    }
    assert!(files > 0 && secrets.len() == 6);
}

/// Where the plug is pulled, and what is left of the log-in when the access token has ended as well.
#[tokio::test]
async fn killed_at_any_point_of_a_renewal_it_ends_logged_in_or_says_that_a_login_is_required() {
    use FaultPoint::{Answered, Leased, Marked, Released, Saved};
    for store in ["sqlite", "postgres"] {
        for (point, survives_it) in
            [(Leased, true), (Marked, true), (Answered, false), (Saved, true), (Released, true)]
        {
            let (embedded, _folder) = store::testing::sqlite().await;
            let store = if store == "sqlite" { embedded } else { store::testing::postgres().await };
            let world = World::new(store).await;
            world.log_in("legacy").await;
            world.later(DAY - 30);
            let observer: Observer = Arc::new(move |at| {
                if at == point {
                    // As a kill would: nothing after this instruction runs, and nobody is told.
                    std::panic::resume_unwind(Box::new("the plug was pulled"));
                }
            });
            let killed = world.process_of("legacy", keys(), Some(observer));
            assert!(!survives(&killed).await, "{point:?}");
            drop(killed);

            // The next process reads on at once, and goes on reading when the access token has ended.
            let next = world.process();
            read(&next).await.unwrap();
            world.later(31);
            let end = read(&next).await;
            let reuses = world.cloud.refresh_reuses();
            if survives_it {
                assert!(end.is_ok(), "{point:?}: {end:?}");
                assert_eq!(reuses, 0, "{point:?}");
            } else {
                assert_eq!(end, Err(LOGIN_REQUIRED), "{point:?}");
                assert!(next.tokens().need_login().await);
                world.later(5);
                assert_eq!(read(&world.process()).await, Err(LOGIN_REQUIRED));
                assert_eq!(reuses, 1, "nobody could know it was spent");
                assert_eq!(world.cloud.refresh_reuses(), 1, "and once that is known, it is never sent again");
                world.log_in("legacy").await;
                read(&world.process()).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn killed_before_a_refusal_is_noted_it_is_noted_by_the_next() {
    let (world, _folder) = world().await;
    world.later(DAY + 1);
    world.cloud.revoke("nobody's");
    let observer: Observer = Arc::new(|at| {
        if at == FaultPoint::Answered {
            std::panic::resume_unwind(Box::new(()))
        }
    });
    assert!(!survives(&world.process_of("legacy", keys(), Some(observer))).await);
    // The lease of the dead has to end first.
    world.later(1);
    assert_eq!(read(&world.process()).await, Err(LOGIN_REQUIRED));
    assert_eq!(world.credential().await.failure.unwrap().0, LOGIN_REQUIRED);
}

#[tokio::test]
async fn many_processes_and_many_requests_renew_once() {
    let world = World::new(store::testing::postgres().await).await;
    world.log_in("legacy").await;
    for round in 2..6 {
        world.later(DAY + 1);
        let mut requests = Vec::new();
        for _ in 0..4 {
            let process = world.process();
            for _ in 0..3 {
                let client = process.clone();
                requests.push(tokio::spawn(async move { read(&client).await }));
            }
        }
        for request in requests {
            assert!(request.await.unwrap().is_ok());
        }
        assert_eq!(world.credential().await.generation, round);
    }
    assert_eq!((world.asked(TOKEN), world.cloud.refresh_reuses()), (5, 0));
}

#[tokio::test]
async fn who_gives_up_waiting_loses_no_renewal() {
    let (world, _folder) = world().await;
    world.later(DAY + 1);
    let release = Arc::new(tokio::sync::Notify::new());
    world.cloud.faults().next("/oauth", 1, &Fault::HoldAnswer(release.clone()));
    let client = world.process();
    let impatient = {
        let client = client.clone();
        tokio::spawn(async move { read(&client).await })
    };
    while world.asked(TOKEN) < 2 {
        tokio::task::yield_now().await;
    }
    impatient.abort();
    assert!(impatient.await.unwrap_err().is_cancelled());
    release.notify_one();
    client.tokens().finish().await;
    assert_eq!(world.credential().await.generation, 2);
    assert_eq!(read(&client).await, read(&world.process()).await);
    assert_eq!(world.cloud.refresh_reuses(), 0);
}

#[tokio::test]
async fn a_log_in_made_during_a_renewal_counts() {
    let (world, _folder) = world().await;
    world.later(DAY + 1);
    let release = Arc::new(tokio::sync::Notify::new());
    world.cloud.faults().next("/oauth", 1, &Fault::HoldAnswer(release.clone()));
    let client = world.process();
    let renewing = {
        let client = client.clone();
        tokio::spawn(async move { read(&client).await })
    };
    while world.asked(TOKEN) < 2 {
        tokio::task::yield_now().await;
    }
    world.log_in("portal").await;
    release.notify_one();
    assert!(renewing.await.unwrap().is_ok());
    let credential = world.credential().await;
    assert_eq!(credential.generation, 2);
    assert!(credential.pair.token_url.ends_with(PORTAL), "the newer log-in was not overwritten");
}

#[tokio::test]
async fn a_clock_that_jumps_costs_nothing_but_a_renewal() {
    let (world, _folder) = world().await;
    let client = world.process();
    for days in [-400, 3, 400, -3, 0] {
        *world.skew.lock().unwrap() = SignedDuration::from_hours(24 * days);
        for _ in 0..3 {
            read(&client).await.unwrap();
            read(&world.process()).await.unwrap();
            world.later(DAY / 2 + 1);
        }
    }
    assert_eq!((world.cloud.refresh_reuses(), world.cloud.log_ins()), (0, 1));
    assert!(world.credential().await.generation < 16, "{}", world.credential().await.generation);
}

#[tokio::test]
async fn the_consent_page_is_asked_as_the_standard_says() {
    let (world, _folder) = world().await;
    let consent = Consent::new().unwrap();
    let url: Url = world.application("legacy").authorize_url(&consent);
    let fields: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "response_type",
            "client_id",
            "redirect_uri",
            "scope",
            "state",
            "code_challenge",
            "code_challenge_method"
        ]
    );
    assert_eq!(fields[2].1, REDIRECT);
    assert_eq!(fields[3].1, "daily heartrate tag");
    assert!(!url.as_str().contains("client-secret"));
}
