//! Puts the roles together: opens the store, binds every listener, then starts. Nothing runs before all is bound.

mod listeners;
mod oura;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::Router;
use exporter::Shard;
use ingest::Scheduler;
use ingest::webhook::Webhooks;
use jobs::{JobQueue, ResultLocation};
use prometheus_client::registry::Registry;
use service_metrics::Task;
use store::{Location, Store};
use tokio::net::TcpListener;

use crate::Clock;
use crate::backups;
use crate::banner::{self, Addresses};
use crate::build::{self, BuildInfo};
use crate::cli::backup::BackupScheduleArgs;
use crate::cli::mixin::SleepGoalOf;
use crate::cli::{GuardArgs, ListenArgs, Role};
use crate::config::Invalid;
use crate::goals;
use crate::health::{Databases, Pools};
use crate::hosts::HostAllowList;
use crate::people::PersonSettings;
use crate::probes::Probes;
use crate::progress;
use crate::requests::Requests;
use crate::shutdown::{Ending, Latch, Lifecycle, Readiness};
use crate::web;
use crate::webhook::Webhook;
use crate::work;

pub(crate) use self::listeners::ListenerRules;
use self::listeners::{Listeners, anonymous_access, listen};
pub(crate) use self::oura::{Oura, lease_holder};
use self::oura::{oura_client, scheduler};

/// What to run.
pub(crate) struct Service {
    pub(crate) location: Location,
    /// Where the API reads history, apart from `location`.
    pub(crate) replica: Option<Location>,
    pub(crate) roles: Vec<Role>,
    /// Whose ring is read.
    pub(crate) person: PersonSettings,
    /// Present when the ingest role runs.
    pub(crate) oura: Option<Oura>,
    /// Present when Oura announces news to this process.
    pub(crate) webhook: Option<Webhook>,
    pub(crate) listen: ListenArgs,
    /// Whose gauges are exported here.
    pub(crate) shard: Shard,
    pub(crate) demo: bool,
    /// Whether a person reads standard output: where to look is printed then.
    pub(crate) banner: bool,
    /// Goals that the exporter shows.
    pub(crate) sleep_goals: Vec<SleepGoalOf>,
    /// Where jobs store their results, if it is configured.
    pub(crate) results: Option<ResultLocation>,
    /// How long links to results at their bucket are valid, if there are any.
    pub(crate) result_links: Option<Duration>,
    /// When and where backups are made.
    pub(crate) backup: Option<BackupScheduleArgs>,
    /// From SIGTERM, when the process is no longer ready, to the end of serving.
    pub(crate) shutdown_delay: Duration,
}

/// How long connections may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs until a signal.
pub(crate) async fn run(mut service: Service, clock: Clock) -> anyhow::Result<Ending> {
    let webhook = service.webhook.take();
    let mut registry = Registry::default();
    registry.register_collector(Box::new(BuildInfo));
    registry.register_collector(Box::new(service_metrics::ProcessCollector));
    let own = registry.sub_registry_with_prefix("myhealth");
    // The client is made first: a wrong address is a mistake in the configuration.
    let reader = service.oura.as_ref().map(|oura| oura_client(oura, own)).transpose()?;
    let lifecycle = Lifecycle::new(own);
    let rules = ListenerRules::read(&service, own, &clock)?;
    let requests = Requests::register(own);
    let store = Store::open(&service.location).await?;
    check_schema(&store, &service.location).await?;
    let runs = |role| service.roles.contains(&role);
    let service_api =
        if runs(Role::Api) { Some(Api::open(&service, &store, (&rules, &clock), own).await?) } else { None };
    let Listeners { web: web_sockets, api: api_sockets, webhook } =
        Listeners::open(&service, webhook).await?;
    let addresses = Addresses::of(&web_sockets, &api_sockets, webhook.as_ref(), &rules)?;
    let anonymous = anonymous_access(&service, &store, &api_sockets, &rules).await?;
    banner::warn_about_open_gauges(&web_sockets, &service, &rules);

    let (readiness, latch) = Readiness::new(lifecycle.draining.clone());
    let results = work::results(service.results.as_ref(), service.result_links, &service.location)
        .map_err(Invalid::from)?;
    let jobs = JobQueue::new(store.clone(), results, lifecycle.stop.clone());
    let replica = service_api.as_ref().and_then(|api| api.replica.clone());
    let databases = Databases::start(&store, replica.as_ref(), &service.roles, &lifecycle);
    let probes = Probes { readiness, databases: databases.clone() };
    let mut backfill = None;
    let exporter = runs(Role::Exporter)
        .then(|| exporter::Exporter::new(store.clone(), clock.clone(), service.shard, own));
    if exporter.is_some() {
        goals::register(&service.sleep_goals, own);
    }
    if let Some(reader) = reader {
        let mut scheduler = scheduler(reader, &service.person, &store, &clock).await?;
        if let Some(webhook) = webhook {
            let router = probes.clone().router_without_healthy();
            serve_webhooks(webhook, &mut scheduler, router, own, &lifecycle, &requests, &rules);
        }
        backfill = Some(work::backfill(&scheduler));
        work::keep_numbers_current(&lifecycle, &store, own, &clock)?;
        let stop = lifecycle.stop.clone();
        lifecycle.supervise(Task::Ingest, move || {
            let (scheduler, stop) = (scheduler.clone(), stop.clone());
            async move { scheduler.run(stop, progress::watch()).await }
        });
    }
    if let Some(exporter) = exporter.clone() {
        supervise_exporter(&lifecycle, exporter, latch.clone());
    }
    if let Some(args) = &service.backup {
        backups::start(args, &lifecycle, &store, own, &clock)?;
    }
    work::start(&lifecycle, &service.roles, jobs.clone(), backfill, own, &clock)?;
    let api = |sockets: &[TcpListener], metrics: Router| {
        let api = service_api.as_ref()?;
        let (primary, now) = (store.clone(), clock.clone());
        let store = api.replica.clone().unwrap_or_else(|| primary.clone());
        let (login, guards) = (api.login.clone(), api.guards.clone());
        let (version, anonymous) = (build::VERSION, anonymous(sockets));
        let (jobs, audit) = (jobs.clone(), api.audit.clone());
        let state = api::State { store, primary, now, version, anonymous, login, guards, jobs, audit };
        Some(api::router_with(state, metrics))
    };
    let names = HostAllowList::new(&service.listen.allowed_hosts);
    supervise_audit(&lifecycle, service_api.as_ref(), &store, &service.listen.guards, &clock);
    registry.register_collector(Box::new(databases.clone()));
    registry.register_collector(Box::new(Pools { store: store.clone(), replica }));
    let path = &service.listen.telemetry_path;
    let registry = Arc::new(registry);
    let own_metrics = if service.listen.api_metrics {
        exporter::Telemetry::new(None, registry.clone()).router("/metrics")
    } else {
        Router::new()
    };
    if let Some(api) = api(&api_sockets, own_metrics) {
        let router = names.guard(requests.count(api.merge(probes.clone().router())));
        listen(&lifecycle, Task::Api, api_sockets, &router, None, (&rules.api, &rules.proxies));
    }
    let telemetry = exporter::Telemetry::new(exporter, registry);
    let (reload, demo) = (rules.clone(), service.demo);
    let own = web::PageState { reload, clock: clock.clone(), demo };
    let router = web::router(telemetry.router(path), api(&web_sockets, Router::new()), own, probes, path);
    let router = names.guard(requests.count(router));
    let fast_path = web::scrape_fast_path(path.clone(), telemetry, names, requests.at(path));
    listen(&lifecycle, Task::Web, web_sockets, &router, Some(&fast_path), (&rules.web, &rules.proxies));
    rules.keep(&lifecycle, &clock);
    addresses.log(&service);
    if service.banner {
        addresses.print(&service);
    }
    drop(latch);

    let ending = lifecycle.run(service.shutdown_delay).await?;
    // Work that was dropped may still hold connections; waiting for them would undo "at once".
    if tokio::time::timeout(CLOSE_TIMEOUT, databases.close()).await.is_err() {
        tracing::warn!("timed out closing database connections");
    }
    Ok(ending)
}

/// Serves the webhook callback and fetches the documents of its events. Sync runs become rarer while that works.
fn serve_webhooks(
    (sockets, webhook): (Vec<TcpListener>, Webhook),
    scheduler: &mut Scheduler,
    probes: Router,
    registry: &mut Registry,
    lifecycle: &Lifecycle,
    requests: &Requests,
    rules: &ListenerRules,
) {
    let Webhook { settings, subscriptions, poll_interval, .. } = webhook;
    let metrics = ingest::webhook::Metrics::register(registry);
    let (store, clock) = (scheduler.store.clone(), scheduler.clock.clone());
    let webhooks = Webhooks::new(store, scheduler.client.clone(), settings, subscriptions, metrics, clock);
    scheduler.relaxed = poll_interval.map(|interval| (webhooks.health(), interval));
    let router = requests.count(webhooks.router().merge(probes));
    listen(lifecycle, Task::Webhooks, sockets, &router, None, (&rules.webhooks, &rules.proxies));
    let stop = lifecycle.stop.clone();
    let webhooks = Arc::new(webhooks);
    lifecycle.supervise(Task::Webhooks, move || {
        let (webhooks, stop) = (webhooks.clone(), stop.clone());
        async move { webhooks.run(stop).await }
    });
}

/// Keeps the gauges current. The latch is dropped by the first attempt that has read everything, whichever that is.
fn supervise_exporter(lifecycle: &Lifecycle, exporter: exporter::Exporter, latch: Latch) {
    let latch = Arc::new(Mutex::new(Some(latch)));
    let stop = lifecycle.stop.clone();
    lifecycle.supervise(Task::Exporter, move || {
        let (exporter, stop, latch) = (exporter.clone(), stop.clone(), latch.clone());
        let ready = move || drop(latch.lock().unwrap_or_else(PoisonError::into_inner).take());
        async move { exporter.run(stop, ready).await }
    });
}

/// Stores what the API recorded, until the process stops.
fn supervise_audit(
    lifecycle: &Lifecycle,
    api: Option<&Api>,
    store: &Store,
    settings: &GuardArgs,
    clock: &Clock,
) {
    let Some(audit) = api.map(|api| api.audit.clone()) else { return };
    let retention = match settings.audit_retention_days {
        0 => None,
        days => Some(jiff::SignedDuration::from_hours(24 * i64::from(days))),
    };
    let (stop, store, clock) = (lifecycle.stop.clone(), store.clone(), clock.clone());
    lifecycle.supervise(Task::AuditTrail, move || {
        let (audit, stop, store, clock) = (audit.clone(), stop.clone(), store.clone(), clock.clone());
        async move { audit.run(&store, retention, || clock(), stop).await }
    });
}

/// What the API has besides its router.
struct Api {
    /// Where history is read instead of in the database itself.
    replica: Option<Store>,
    login: api::LogIn,
    guards: api::Guards,
    audit: api::AuditTrail,
}

impl Api {
    async fn open(
        service: &Service,
        store: &Store,
        (rules, clock): (&ListenerRules, &Clock),
        registry: &mut Registry,
    ) -> anyhow::Result<Self> {
        rules.declared.reconcile_with(store);
        rules.api.apply(clock()).await.context("--api.config.file")?;
        let replica = match &service.replica {
            Some(replica) => Some(Store::open(replica).await.context("the replica")?),
            None => None,
        };
        let databases = std::iter::once(store).chain(&replica).cloned().collect();
        let keys = service.listen.guards.session_keys(Some(&service.location))?;
        let guards = api::Guards::new(service.listen.guards.settings(), databases, registry);
        let login = api::LogIn::new(keys).with_single_sign_on(rules.declared.sign_on().clone());
        Ok(Self { replica, login, guards, audit: api::AuditTrail::default() })
    }
}

/// Refuses a server whose schema is older than the program, where many statements would fail.
pub(crate) async fn check_schema(store: &Store, location: &Location) -> anyhow::Result<()> {
    let pending = store.pending().await?;
    if pending.is_empty() {
        return Ok(());
    }
    bail!("{location} lacks the migrations: {}; run `myhealth migrate` first", pending.join(", "))
}

/// What `--config.check` checks: everything that can be known before anything is opened.
pub(crate) fn check(service: &Service) -> Result<(), Invalid> {
    if let Some(oura) = &service.oura {
        let metrics = ingest::Metrics::register(&mut Registry::default());
        ingest::Client::new(&oura.url, oura.credentials.typed(), metrics)?;
    }
    service.listen.guards.session_keys(None)?;
    service.backup.as_ref().map(BackupScheduleArgs::encryption).transpose()?;
    let no_time: Clock = Arc::new(|| jiff::Timestamp::UNIX_EPOCH);
    ListenerRules::read(service, &mut Registry::default(), &no_time).map(drop)
}
