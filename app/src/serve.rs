//! Puts the roles together: opens the store, binds every listener, then starts. Nothing runs before all is bound.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use exporter::Shard;
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
use crate::listen::{self, Limits, Listener, Sockets, Web};
use crate::pools::Pools;
use crate::progress::Progress;
use crate::requests::Requests;
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
    /// Whose gauges are exported here.
    pub(crate) shard: Shard,
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
    let rules = Listening::read(&service, own, &clock)?;
    let requests = Requests::register(own);
    let store = Store::open(&service.location).await?;
    check_schema(&store, &service.location).await?;
    let runs = |role| service.roles.contains(&role);
    let web_sockets = if service.listen.web_systemd {
        Sockets::Systemd
    } else {
        Sockets::Bind(service.listen.web.clone(), "--web.listen-address")
    };
    let web_sockets = web_sockets.open().await?;
    let api_sockets = if runs(Role::Api) {
        Sockets::Bind(service.listen.api.clone(), "--api.listen-address").open().await?
    } else {
        Vec::new()
    };

    let lifecycle = Lifecycle::default();
    let (readiness, latch) = Readiness::new(lifecycle.stop.clone());
    let exporter = runs(Role::Exporter)
        .then(|| exporter::Exporter::new(store.clone(), clock.clone(), service.shard, own));
    registry.register_collector(Box::new(Pools(store.clone())));
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
    let api = runs(Role::Api).then(|| {
        api::router(api::State { store: store.clone(), now: clock.clone(), version: build::VERSION })
    });
    let web = web_sockets[0].local_addr()?;
    let docs = api_sockets.first().map(TcpListener::local_addr).transpose()?;
    if let Some(api) = api.clone() {
        let router = hosts::guard(requests.count(api), &service.listen.hosts);
        listen(&lifecycle, "api", api_sockets, &router, &rules.api);
    }
    let metrics = exporter::router(exporter, Arc::new(registry), &service.listen.telemetry_path);
    let own = web::Own { readiness, reload: rules.clone(), clock: clock.clone(), demo: service.demo };
    let router = web::router(metrics, api, own, &service.listen.telemetry_path);
    let router = hosts::guard(requests.count(router), &service.listen.hosts);
    listen(&lifecycle, "web", web_sockets, &router, &rules.web);
    rules.keep(&lifecycle, &clock);
    announce(web, docs, &service, &rules);
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

/// What `--config.check` looks at: everything that can be known to be wrong before anything is opened.
pub(crate) fn check(service: &Service) -> Result<(), Invalid> {
    if let Some(oura) = &service.oura {
        let metrics = ingest::Metrics::register(&mut Registry::default());
        ingest::Client::new(&oura.url, oura.token.clone(), metrics)?;
    }
    let no_time: Clock = Arc::new(|| jiff::Timestamp::UNIX_EPOCH);
    Listening::read(service, &mut Registry::default(), &no_time).map(drop)
}

/// The rules of both listeners.
#[derive(Clone)]
pub(crate) struct Listening {
    web: Arc<Web>,
    api: Arc<Web>,
}

impl Listening {
    fn read(service: &Service, registry: &mut Registry, clock: &Clock) -> Result<Self, Invalid> {
        let metrics = listen::Metrics::register(registry, clock());
        let read = |flag, path: &Option<PathBuf>| {
            let wrong = |source| Invalid::Web { flag, path: path.clone().unwrap_or_default(), source };
            Web::new(path.clone(), metrics.clone()).map(Arc::new).map_err(wrong)
        };
        let args = &service.listen;
        Ok(Self {
            web: read("--web.config.file", &args.web_config)?,
            api: read("--api.config.file", &args.api_config)?,
        })
    }

    /// Reads both files again; the first mistake is told, and what is wrong leaves the old rules in force.
    pub(crate) async fn reload(&self, now: jiff::Timestamp) -> Result<(), listen::Invalid> {
        let (web, api) = (self.web.reload(now).await, self.api.reload(now).await);
        web.and(api)
    }

    /// Keeps the rules those of the files: when they change, and when told to by SIGHUP.
    fn keep(&self, lifecycle: &Lifecycle, clock: &Clock) {
        for web in [self.web.clone(), self.api.clone()] {
            let (stop, clock) = (lifecycle.stop.clone(), clock.clone());
            lifecycle.spawn("web configuration", async move { web.watch(clock, stop).await });
        }
        let (rules, clock) = (self.clone(), clock.clone());
        lifecycle.on_hangup(move || {
            let (rules, now) = (rules.clone(), clock());
            // Said and counted where it happens.
            async move { drop(rules.reload(now).await) }
        });
    }
}

fn listen(
    lifecycle: &Lifecycle,
    name: &'static str,
    sockets: Vec<TcpListener>,
    router: &axum::Router,
    web: &Arc<Web>,
) {
    for socket in sockets {
        let listener = Listener { router: router.clone(), web: web.clone(), limits: Limits::default() };
        lifecycle.spawn(name, listener.serve(socket, lifecycle.stop.clone()));
    }
}

/// Tells where to look; the only thing a service prints besides its log.
fn announce(web: SocketAddr, api: Option<SocketAddr>, service: &Service, rules: &Listening) {
    let scheme = |web: &Web| if web.rules().tls.is_some() { "https" } else { "http" };
    let web = format!("{}://{web}", scheme(&rules.web));
    let api = api.map(|api| format!("{}://{api}", scheme(&rules.api)));
    let gauges = format!("{web}{}", service.listen.telemetry_path);
    println!("  page      {web}/");
    println!("  gauges    {gauges}");
    println!("  ready     {web}/-/ready");
    if let Some(api) = &api {
        println!("  api       {api}/api/v1/health");
        println!("  api docs  {api}/api/docs");
    }
    if service.demo {
        println!("Try:");
        println!("  curl -s {gauges} | grep oura_sleep_score");
        if let Some(api) = &api {
            println!(
                "  curl -s '{api}/api/v1/trends/sleep_average_hrv?from=2020-01-01&to=2026-01-01&bucket=month'"
            );
        }
        println!("Stop with Ctrl-C. The next start goes on where this one ended.");
    }
}
