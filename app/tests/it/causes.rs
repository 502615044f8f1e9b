//! Why reading fails: the same cause from Oura's response to the gauge, the API, `doctor` and the report.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode, header};
use domain::{Cause, Collection};
use ingest::oauth::{
    Application, ApplicationSettings, GrantOwner, KeySource, Keyring, TokenPair, store_login,
};
use ingest::plan::Horizon;
use ingest::{Client, Ingest, Metrics, Settings, SyncRun, Tokens};
use jiff::{SignedDuration, Timestamp};
use prometheus_client::registry::Registry;
use store::{Location, Person, Store};
use tokio_util::sync::CancellationToken;

use crate::process::{Running, finish, get, json, myhealth, printed, service, until};

/// Each cause; the reason that the gauge and the API name; what the report says of today.
const EXPECTED: [(Cause, &str, &str); Cause::ALL.len()] = [
    (Cause::Network, "oura_down", "could not be read"),
    (Cause::Timeout, "oura_down", "could not be read"),
    (Cause::Server, "oura_down", "could not be read"),
    (Cause::RateLimited, "rate_limited", "could not be read"),
    (Cause::Unauthorized, "unauthorized", "no log-in that Oura accepts"),
    (Cause::Scope, "scope", "Oura did not allow it to be read"),
    (Cause::Forbidden, "membership", "Oura did not allow it to be read"),
    (Cause::NotFound, "read_failed", "could not be read"),
    (Cause::AppTooOld, "app_too_old", "the Oura app is too old"),
    (Cause::Refused, "read_failed", "could not be read"),
    (Cause::Malformed, "oura_down", "could not be read"),
    (Cause::Intercepted, "oura_down", "could not be read"),
    (Cause::Store, "read_failed", "could not be read"),
    (Cause::LoginRequired, "unauthorized", "no log-in that Oura accepts"),
    (Cause::RenewalFailed, "renewal_failed", "no log-in that Oura accepts"),
    (Cause::WrongAccount, "unauthorized", "no log-in that Oura accepts"),
    (Cause::Unexpected, "read_failed", "could not be read"),
];

/// What Oura, or what stands before it, answers to the access token that is the word of a cause.
async fn respond(headers: HeaderMap) -> Response<Body> {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let cause = token.and_then(|token| token.strip_prefix("Bearer ")?.parse().ok());
    let (status, body) = match cause {
        Some(Cause::Timeout) => std::future::pending().await,
        Some(Cause::RateLimited) => (429, r#"{"detail":"Too many requests."}"#),
        Some(Cause::Unauthorized) => (401, r#"{"detail":"The token is expired."}"#),
        Some(Cause::Scope) => (401, r#"{"detail":"Token is not authorized access daily scope."}"#),
        Some(Cause::Forbidden) => (403, r#"{"detail":"The membership has ended."}"#),
        Some(Cause::NotFound) => (404, r#"{"detail":"Not Found"}"#),
        Some(Cause::AppTooOld) => (426, ""),
        Some(Cause::Refused) => (400, r#"{"detail":"Bad dates."}"#),
        Some(Cause::Malformed) => (200, r#"{"data":["#),
        Some(Cause::Intercepted) => (403, "<html><body>Request blocked.</body></html>"),
        Some(Cause::Unexpected) => (418, ""),
        _ => (500, ""),
    };
    Response::builder().status(StatusCode::from_u16(status).unwrap()).body(Body::from(body)).unwrap()
}

async fn serve() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(respond)).await });
    format!("http://{address}")
}

fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the binary lives in real time")]
    Timestamp::now()
}

/// The log-in of a person: none for [`Cause::LoginRequired`], else one whose access token has ended.
async fn log_in(store: &Store, person: &Person, base: &str, metrics: &Metrics, cause: Cause) -> Tokens {
    let address = |path: &str| format!("{base}/oauth/{path}");
    let application = Application::new(ApplicationSettings {
        client_id: "client".into(),
        client_secret: "secret".to_owned().into(),
        redirect_uri: "http://localhost:1/callback".into(),
        scopes: "daily".into(),
        authorize_url: address("authorize"),
        token_urls: vec![address("token")],
        revoke_urls: Vec::new(),
    });
    let keys = Keyring { current: KeySource::Text("00".repeat(32).into()), previous: None };
    if cause == Cause::RenewalFailed {
        let pair = TokenPair {
            access: "ended".to_owned().into(),
            refresh: "refresh".to_owned().into(),
            scopes: "daily".into(),
            token_url: address("token"),
            obtained_at: now() - SignedDuration::from_hours(48),
            expires_at: now() - SignedDuration::from_hours(24),
            client: None,
        };
        store_login(store, person.id, &keys, &pair, now()).await.unwrap();
    }
    Tokens::stored(GrantOwner {
        store: store.clone(),
        person: person.clone(),
        application: application.unwrap(),
        keys,
        clock: Arc::new(now),
        metrics: metrics.oauth(),
        fallback: None,
    })
    .unwrap()
}

/// Reads one collection of a person named like the cause, and fails.
async fn fail(store: &Store, base: &str, cause: Cause) {
    let person = store.ensure_person(&cause.word().parse().unwrap(), "UTC", now()).await.unwrap();
    if matches!(cause, Cause::Store | Cause::WrongAccount) {
        // No response to a person's first read causes these.
        return store.note_failure(person.id, Collection::ALL[0], cause, now()).await.unwrap();
    }
    let metrics = Metrics::register(&mut Registry::default());
    let tokens = match cause {
        Cause::LoginRequired | Cause::RenewalFailed => log_in(store, &person, base, &metrics, cause).await,
        _ => cause.word().to_owned().into(),
    };
    // Nobody listens at port 1.
    let base = if cause == Cause::Network { "http://127.0.0.1:1" } else { base };
    let at_once = backon::ExponentialBuilder::default().with_min_delay(Duration::ZERO).with_max_times(1);
    let client = Client::new(base, tokens, metrics.clone()).unwrap().with_retries(at_once);
    let patience = if cause == Cause::Timeout { Duration::from_millis(10) } else { Duration::from_mins(1) };
    let client = client.with_budget(NonZeroU32::MAX).with_timeout(patience);
    let settings = Settings {
        horizon: Horizon { history_from: "2026-01-01".parse().unwrap(), trailing_days: 7 },
        interval: Duration::from_mins(10),
    };
    let ingest = Ingest::new(store.clone(), client, person, settings, metrics, Arc::new(now));
    let stop = CancellationToken::new();
    let report = ingest.sync(SyncRun::Missing, &stop, None, |_| stop.cancel()).await.unwrap();
    assert!(report.failures.iter().all(|(_, failure)| failure.cause() == cause), "{:?}", report.failures);
}

fn command(words: &[&str], folder: &Path) -> String {
    printed(&finish(myhealth(&[words, &["--data-dir", folder.to_str().unwrap()]].concat())))
}

#[tokio::test]
async fn cause_of_a_failure_is_the_same_in_gauge_api_doctor_and_report() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let named: BTreeSet<Cause> = EXPECTED.iter().map(|(cause, ..)| *cause).collect();
    assert_eq!(named, Cause::ALL.into_iter().collect(), "a cause without a row");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    // Makes the database.
    command(&["person", "add", "network", "--time-zone", "UTC"], path);
    let store = Store::open(&Location::Sqlite(path.join("myhealth.db"))).await.unwrap();
    let base = serve().await;
    for cause in Cause::ALL {
        fail(&store, &base, cause).await;
    }
    store.close().await;

    let running = Running::start(service(&["serve", "--roles", "exporter,api"], path));
    let metrics = format!("http://{}/metrics", running.address("web").await);
    let api = format!("http://{}/api/v1/dashboard", running.address("api").await);
    let gauges = until("every person", async || {
        get(&metrics).await.filter(|text| Cause::ALL.iter().all(|cause| text.contains(cause.word())))
    })
    .await;
    let collection = Collection::ALL[0].name();
    let today = now().to_string();
    for (cause, reason, phrase) in EXPECTED {
        let word = cause.word();
        for (family, value) in [("myhealth_sync_failure", word), ("oura_absence_reason", reason)] {
            let wanted = [format!("person=\"{word}\""), format!("collection=\"{collection}\"")];
            let of_it = |line: &&str| line.starts_with(family) && wanted.iter().all(|it| line.contains(it));
            let lines: Vec<&str> = gauges.lines().filter(of_it).collect();
            assert!(matches!(lines[..], [line] if line.contains(&format!("=\"{value}\""))), "{lines:?}");
        }
        let dashboard = json(&format!("{api}?person={word}")).await;
        let state = dashboard["collections"].as_array().unwrap().iter();
        let state = state.clone().find(|state| state["collection"] == collection).unwrap();
        assert_eq!((&state["failure"], &state["absence"]), (&word.into(), &reason.into()), "{word}");
        assert_eq!(state["advice"], cause.advice(), "{word}");

        let doctor = command(&["doctor", "--person", word, "--time-zone", "UTC"], path);
        let starts = |text: String| doctor.lines().find(|line| line.trim_start().starts_with(&text));
        let line = starts(format!("WRONG {collection} ")).unwrap_or_default();
        assert!(line.ends_with(&format!("last attempt failed: {word}")), "{doctor}");
        assert!(doctor.contains(cause.advice()), "{word}: {doctor}");
        let line = doctor.lines().find(|line| line.contains(&format!("nothing of today ({reason}): ")));
        assert!(line.is_some_and(|line| line.contains(collection)), "{word}: {doctor}");

        let page = path.join("week.html");
        let file = page.to_str().unwrap();
        let printed =
            command(&["report", file, "--period", "week", "--day", &today[..10], "--person", word], path);
        let html = std::fs::read_to_string(&page).unwrap_or_default();
        assert!(html.contains(&format!("{phrase}: ")), "{word}: {printed}{html}");
        assert_eq!(phrase == "could not be read", html.contains("could not be read: "), "{word}: {html}");
    }
}
