//! Puts the roles together: opens the store, binds every listener, then starts. Nothing runs before all is bound.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use ingest::plan::Horizon;
use ingest::webhook::Webhooks;
use ingest::{Crew, Settings};
use prometheus_client::registry::Registry;
use store::{Location, Store};
use tokio::net::TcpListener;

use crate::Clock;
use crate::build::{self, BuildInfo};
use crate::cli::{ListenArgs, Role};
use crate::config::{Invalid, Who};
use crate::hosts;
use crate::login::Credentials;
use crate::progress;
use crate::shutdown::{Ending, Lifecycle, Readiness};
use crate::web;
use crate::webhook::Webhook;

/// What to run.
pub(crate) struct Service {
    pub(crate) location: Location,
    pub(crate) roles: Vec<Role>,
    /// Whose ring is read.
    pub(crate) person: Who,
    /// Present when the ingest role runs.
    pub(crate) oura: Option<Oura>,
    /// Present when Oura announces news to this process.
    pub(crate) webhook: Option<Webhook>,
    pub(crate) listen: ListenArgs,
    pub(crate) demo: bool,
}

/// How to read Oura.
pub(crate) struct Oura {
    pub(crate) url: String,
    pub(crate) credentials: Credentials,
    pub(crate) horizon: Horizon,
    pub(crate) interval: Duration,
    /// Requests a minute.
    pub(crate) budget: NonZeroU32,
    /// People read at the same time.
    pub(crate) workers: u32,
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
            let client = ingest::Client::new(&oura.url, oura.credentials.typed(), metrics.clone());
            let client = client.map_err(Invalid::from)?.with_budget(oura.budget);
            let settings = Settings { horizon: oura.horizon, interval: oura.interval };
            Some((client, oura, metrics, settings))
        }
        None => None,
    };
    let store = Store::open(&service.location).await?;
    check_schema(&store, &service.location).await?;
    let runs = |role| service.roles.contains(&role);
    let web_listener = bind(service.listen.web, "--web.listen-address").await?;
    let api_listener =
        if runs(Role::Api) { Some(bind(service.listen.api, "--api.listen-address").await?) } else { None };

    let webhook = match service.webhook {
        Some(webhook) => Some((bind(webhook.listen, "--webhook.listen-address").await?, webhook)),
        None => None,
    };

    let lifecycle = Lifecycle::default();
    let (readiness, latch) = Readiness::new(lifecycle.stop.clone());
    let exporter = runs(Role::Exporter).then(|| exporter::Exporter::new(store.clone(), clock.clone(), own));
    if let Some((client, oura, metrics, settings)) = reader {
        let mine = service.person.ensure(&store, clock()).await?.id;
        // Whoever asked for a restart wants to see it work.
        store.set_due(mine, None).await?;
        let mut crew = Crew {
            store: store.clone(),
            client: oura.credentials.access(client, mine, &store, &metrics, &clock),
            settings,
            metrics,
            clock: clock.clone(),
            workers: oura.workers,
            holder: holder()?,
            hold: Crew::HOLD,
            relaxed: None,
        };
        if let Some((listener, Webhook { settings, subscriptions, poll_interval, .. })) = webhook {
            println!("  webhooks  http://{}/ for {}", listener.local_addr()?, settings.callback);
            let metrics = ingest::webhook::Metrics::register(own);
            if oura.credentials.is_typed() {
                // The token may be another account's than before.
                store.forget_account(mine).await?;
            }
            let (store, clock) = (store.clone(), clock.clone());
            let webhooks = Webhooks::new(store, crew.client.clone(), settings, subscriptions, metrics, clock);
            crew.relaxed = poll_interval.map(|interval| (webhooks.health(), interval));
            listen(&lifecycle, "webhooks", listener, webhooks.router());
            let stop = lifecycle.stop.clone();
            lifecycle.spawn("webhooks", async move { webhooks.run(stop).await });
        }
        let stop = lifecycle.stop.clone();
        lifecycle.spawn("ingest", async move { crew.run(stop, progress::watch()).await });
    }
    if let Some(exporter) = exporter.clone() {
        let (stop, latch) = (lifecycle.stop.clone(), latch.clone());
        lifecycle.spawn("exporter", async move { exporter.run(stop, move || drop(latch)).await });
    }
    let api = runs(Role::Api).then(|| {
        api::router(api::State { store: store.clone(), now: clock.clone(), version: build::VERSION })
    });
    let web = web_listener.local_addr()?;
    let docs = api_listener.as_ref().map(TcpListener::local_addr).transpose()?;
    if let (Some(listener), Some(api)) = (api_listener, api.clone()) {
        listen(&lifecycle, "api", listener, hosts::guard(api, &service.listen.hosts));
    }
    let metrics = exporter::router(exporter, Arc::new(registry));
    let router = web::router(metrics, api, readiness, service.demo);
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

/// A name for this process's turns that no other process has.
pub(crate) fn holder() -> anyhow::Result<String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_| anyhow::anyhow!("the system has no random numbers"))?;
    Ok(format!("{}-{:016x}", std::process::id(), u64::from_ne_bytes(random)))
}

/// A server whose schema is older than the program would fail at every second statement; it says so instead.
pub(crate) async fn check_schema(store: &Store, location: &Location) -> anyhow::Result<()> {
    let pending = store.pending().await?;
    if pending.is_empty() {
        return Ok(());
    }
    bail!("{location} lacks the migrations: {}; run `myhealth migrate` first", pending.join(", "))
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
