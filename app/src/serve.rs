//! Puts the roles together: opens the store, binds every listener, then starts. Nothing runs before all is bound.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use api::Anonymous;
use ingest::plan::Horizon;
use ingest::{Ingest, Settings};
use prometheus_client::registry::Registry;
use secrecy::SecretString;
use store::{Location, Store};
use tokio::net::TcpListener;

use crate::Clock;
use crate::build::{self, BuildInfo};
use crate::cli::{ListenArgs, Role};
use crate::config::{Invalid, Who};
use crate::hosts;
use crate::progress::Progress;
use crate::shutdown::{Ending, Lifecycle, Readiness};
use crate::web;

/// What to run.
pub(crate) struct Service {
    pub(crate) location: Location,
    pub(crate) roles: Vec<Role>,
    /// Whose ring is read.
    pub(crate) person: Who,
    /// Present when the ingest role runs.
    pub(crate) oura: Option<Oura>,
    pub(crate) listen: ListenArgs,
    pub(crate) demo: bool,
}

/// How to read Oura.
pub(crate) struct Oura {
    pub(crate) url: String,
    pub(crate) token: SecretString,
    pub(crate) horizon: Horizon,
    pub(crate) interval: Duration,
}

/// How long connections may take to close.
const CLOSING: Duration = Duration::from_secs(2);

/// Runs until told to stop.
pub(crate) async fn run(service: Service, clock: Clock) -> anyhow::Result<Ending> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(BuildInfo));
    registry.register_collector(Box::new(exporter::ProcessCollector));
    let own = registry.sub_registry_with_prefix("myhealth");
    // The client is made first: a wrong address is a mistake in the configuration.
    let reader = match &service.oura {
        Some(oura) => {
            let metrics = ingest::Metrics::register(own);
            let client =
                ingest::Client::new(&oura.url, oura.token.clone(), metrics.clone()).map_err(Invalid::from)?;
            Some((client, metrics, Settings { horizon: oura.horizon, interval: oura.interval }))
        }
        None => None,
    };
    let store = Store::open(&service.location).await?;
    check_schema(&store, &service.location).await?;
    let runs = |role| service.roles.contains(&role);
    let anonymous = anonymous(&service, &store).await?;
    let web_listener = bind(service.listen.web, "--web.listen-address").await?;
    let api_listener =
        if runs(Role::Api) { Some(bind(service.listen.api, "--api.listen-address").await?) } else { None };

    let lifecycle = Lifecycle::default();
    let (readiness, latch) = Readiness::new(lifecycle.stop.clone());
    let exporter = runs(Role::Exporter).then(|| exporter::Exporter::new(store.clone(), clock.clone(), own));
    if let Some((client, metrics, settings)) = reader {
        let person = service.person.ensure(&store, clock()).await?;
        let ingest = Ingest::new(store.clone(), client, person, settings, metrics, clock.clone());
        let stop = lifecycle.stop.clone();
        lifecycle.spawn("ingest", async move {
            let mut progress = Progress::new();
            ingest.run(stop, |step| progress.step(&step)).await;
        });
    }
    if let Some(exporter) = exporter.clone() {
        let (stop, latch) = (lifecycle.stop.clone(), latch.clone());
        lifecycle.spawn("exporter", async move { exporter.run(stop, move || drop(latch)).await });
    }
    let api = |address: SocketAddr| {
        let (store, now) = (store.clone(), clock.clone());
        let anonymous = anonymous(address);
        runs(Role::Api).then(|| api::router(api::State { store, now, version: build::VERSION, anonymous }))
    };
    let web = web_listener.local_addr()?;
    let docs = api_listener.as_ref().map(TcpListener::local_addr).transpose()?;
    if let (Some(listener), Some(api)) = (api_listener, api(service.listen.api)) {
        listen(&lifecycle, "api", listener, hosts::guard(api, &service.listen.hosts));
    }
    let metrics = exporter::router(exporter, Arc::new(registry));
    let router = web::router(metrics, api(web), readiness, service.demo);
    listen(&lifecycle, "web", web_listener, hosts::guard(router, &service.listen.hosts));
    announce(web, docs, service.demo);
    drop(latch);

    let ending = lifecycle.run().await?;
    // Work that was dropped may still hold connections; waiting for them would undo "at once".
    if tokio::time::timeout(CLOSING, store.close()).await.is_err() {
        tracing::warn!("the database was left without a goodbye");
    }
    Ok(ending)
}

/// A server whose schema is older than the program would fail at every second statement; it says so instead.
pub(crate) async fn check_schema(store: &Store, location: &Location) -> anyhow::Result<()> {
    let pending = store.pending().await?;
    if pending.is_empty() {
        return Ok(());
    }
    bail!("{location} lacks the migrations: {}; run `myhealth migrate` first", pending.join(", "))
}

/// Who may ask without a token, by the address he comes to. Loopback stays open until the first token is made. The
/// operators' listener often stands on every address for its gauges; there the API wants a token, and nothing is refused.
async fn anonymous(
    service: &Service,
    store: &Store,
) -> anyhow::Result<impl Fn(SocketAddr) -> Anonymous + use<>> {
    let allowed = service.demo || service.listen.allow_anonymous;
    let api = service.listen.api;
    let open = service.roles.contains(&Role::Api) && !api.ip().is_loopback();
    if open && !allowed && !store.has_tokens().await? {
        bail!(
            "the API would listen on {api}, where others can reach it, and nobody has a token: make one with `myhealth \
             token create`, listen on loopback, or say --api.allow-anonymous where something else guards it"
        );
    }
    Ok(move |address: SocketAddr| match (allowed, address.ip().is_loopback()) {
        (true, _) => Anonymous::Allowed,
        (false, true) => Anonymous::WithoutTokens,
        (false, false) => Anonymous::Refused,
    })
}

async fn bind(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; choose another address with {flag}"))
}

fn listen(lifecycle: &Lifecycle, name: &'static str, listener: TcpListener, router: axum::Router) {
    let stop = lifecycle.stop.clone();
    lifecycle.spawn(name, async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
        if let Err(error) = served.await {
            tracing::error!(listener = name, %error, "cannot accept connections");
        }
    });
}

/// Tells where to look; the only thing a service prints besides its log.
fn announce(web: SocketAddr, api: Option<SocketAddr>, demo: bool) {
    println!("  page      http://{web}/");
    println!("  gauges    http://{web}/metrics");
    println!("  ready     http://{web}/-/ready");
    if let Some(api) = api {
        println!("  api       http://{api}/api/v1/health");
        println!("  api docs  http://{api}/api/docs");
    }
    if demo {
        println!("Try:");
        println!("  curl -s http://{web}/metrics | grep oura_sleep_score");
        if let Some(api) = api {
            println!(
                "  curl -s 'http://{api}/api/v1/trends/sleep_average_hrv?from=2020-01-01&to=2026-01-01&bucket=month'"
            );
        }
        println!("Stop with Ctrl-C. The next start goes on where this one ended.");
    }
}
