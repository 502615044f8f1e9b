//! Log-ins against the simulated cloud: they survive expiry, restarts, lost answers and each other.

mod consent;
mod interrupted;
mod loops;
mod renewal;
mod sealed;

use std::sync::{Arc, Mutex};

use domain::{Cause, Collection};
use ingest::oauth::{
    Application, ApplicationSettings, Consent, GrantOwner, KeySource, Keyring, Observer, TokenPair,
    store_login,
};
use ingest::{Client, Metrics, Tokens};
use jiff::{SignedDuration, Timestamp};
use prometheus_client::registry::Registry;
use simulator::{Cloud, Life, Person as Synthetic};
use store::{OuraGrant, Person, Store};

use crate::helpers::{day, instantly, range, serve};

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const REDIRECT: &str = "http://localhost:9873/callback";
const TOKEN: &str = "/oauth/token";
const PORTAL: &str = "/oauth/v2/ext/oauth-token";
const DAY: i64 = 24 * 60;

/// A cloud, a store and their common clock.
struct World {
    cloud: Arc<Cloud>,
    base: String,
    /// The address of the log-in server that clients are configured with.
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
            .with_person("fixed", synthetic, simulator::SCOPES)
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

    async fn consented(&self, id: &str) -> TokenPair {
        let application = self.application(id);
        let consent = Consent::new().unwrap();
        let code = self.code(&application, &consent).await;
        application.exchange(&consent, &code, self.at()).await.unwrap()
    }

    async fn log_in(&self, id: &str) {
        let pair = self.consented(id).await;
        store_login(&self.store, self.person.id, &keys(), &pair, self.at()).await.unwrap();
    }

    /// The client of a process that starts now.
    fn process(&self) -> Client {
        self.process_of("legacy", keys(), None)
    }

    fn process_of(&self, id: &str, keys: Keyring, observer: Option<Observer>) -> Client {
        let (now, skew) = (self.now.clone(), self.skew.clone());
        let account = GrantOwner {
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

    async fn credential(&self) -> OuraGrant {
        self.store.oura_grant(self.person.id).await.unwrap().unwrap()
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

async fn read(client: &Client) -> Result<usize, Cause> {
    let march = range("2026-03-01", "2026-03-20");
    let window = client.window(Collection::DailySleep, march).await;
    window.map(|window| window.documents.len()).map_err(|failure| failure.cause())
}

/// Reads on a task of its own; returns whether it did not panic.
async fn survives(client: &Client) -> bool {
    let client = client.clone();
    tokio::spawn(async move { read(&client).await }).await.is_ok()
}
