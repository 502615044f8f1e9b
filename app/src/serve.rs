//! Puts the roles together: opens the store, binds every listener, then starts. Nothing runs before all is bound.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use api::Anonymous;
use exporter::Shard;
use ingest::plan::Horizon;
use ingest::webhook::Webhooks;
use ingest::{Scheduler, Settings};
use jobs::{JobQueue, ResultLocation};
use listener::{Extension, FastPath, Limits, Listener, Proxies, Sockets, WebConfig};
use prometheus_client::registry::Registry;
use service_metrics::Task;
use store::{Location, Store};
use tokio::net::TcpListener;

use crate::backups;
use crate::build::{self, BuildInfo};
use crate::cli::backup::ScheduleArgs;
use crate::cli::mixin::SleepGoalOf;
use crate::cli::{GuardArgs, ListenArgs, Role};
use crate::config::{Invalid, PersonSettings};
use crate::declared::{Declared, DeclaredElsewhere};
use crate::goals;
use crate::health::{Databases, Pools};
use crate::hosts::HostAllowList;
use crate::login::Credentials;
use crate::probes::Probes;
use crate::progress;
use crate::requests::Requests;
use crate::shutdown::{Ending, Latch, Lifecycle, Readiness};
use crate::web;
use crate::webhook::Webhook;
use crate::work;
use crate::{Clock, banner};

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
    /// Goals that the exporter shows.
    pub(crate) sleep_goals: Vec<SleepGoalOf>,
    /// Where jobs store their results, if it is configured.
    pub(crate) results: Option<ResultLocation>,
    /// When and where backups are made.
    pub(crate) backup: Option<ScheduleArgs>,
    /// From SIGTERM, when the process is no longer ready, to the end of serving.
    pub(crate) shutdown_delay: Duration,
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
    let anonymous = anonymous_access(&service, &store, &api_sockets, &rules).await?;
    banner::warn_about_open_gauges(&web_sockets, &service, &rules);

    let (readiness, latch) = Readiness::new(lifecycle.draining.clone());
    let results = work::results(service.results.as_ref(), &service.location).map_err(Invalid::from)?;
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
            serve_webhooks(webhook, &mut scheduler, router, own, &lifecycle, &requests, &rules)?;
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
    let api = |sockets: &[TcpListener]| {
        let api = service_api.as_ref()?;
        let (primary, now) = (store.clone(), clock.clone());
        let store = api.replica.clone().unwrap_or_else(|| primary.clone());
        let (login, guards) = (api.login.clone(), api.guards.clone());
        let (version, anonymous) = (build::VERSION, anonymous(sockets));
        let (jobs, audit) = (jobs.clone(), api.audit.clone());
        Some(api::router(api::State { store, primary, now, version, anonymous, login, guards, jobs, audit }))
    };
    let web = web_sockets[0].local_addr()?;
    let docs = api_sockets.first().map(TcpListener::local_addr).transpose()?;
    let names = HostAllowList::new(&service.listen.allowed_hosts);
    if let Some(api) = api(&api_sockets) {
        let router = names.guard(requests.count(api.merge(probes.clone().router())));
        listen(&lifecycle, Task::Api, api_sockets, &router, None, (&rules.api, &rules.proxies));
    }
    supervise_audit(&lifecycle, service_api.as_ref(), &store, &service.listen.guards, &clock);
    registry.register_collector(Box::new(databases.clone()));
    registry.register_collector(Box::new(Pools { store: store.clone(), replica }));
    let path = &service.listen.telemetry_path;
    let telemetry = exporter::Telemetry::new(exporter, Arc::new(registry));
    let (reload, demo) = (rules.clone(), service.demo);
    let own = web::PageState { reload, clock: clock.clone(), demo };
    let router = web::router(telemetry.router(path), api(&web_sockets), own, probes, path);
    let router = names.guard(requests.count(router));
    let fast_path = web::scrape_fast_path(path.clone(), telemetry, names, requests.at(path));
    listen(&lifecycle, Task::Web, web_sockets, &router, Some(&fast_path), (&rules.web, &rules.proxies));
    rules.keep(&lifecycle, &clock);
    banner::print_addresses(web, docs, &service, &rules);
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
    probes: axum::Router,
    registry: &mut Registry,
    lifecycle: &Lifecycle,
    requests: &Requests,
    rules: &ListenerRules,
) -> anyhow::Result<()> {
    let Webhook { settings, subscriptions, poll_interval, .. } = webhook;
    outln!("  webhooks  http://{}/ for {}", sockets[0].local_addr()?, settings.callback);
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
    Ok(())
}

/// A client of Oura without a person yet.
fn oura_client<'a>(
    oura: &'a Oura,
    registry: &mut Registry,
) -> anyhow::Result<(ingest::Client, &'a Oura, ingest::Metrics, Settings)> {
    let metrics = ingest::Metrics::register(registry);
    let client = ingest::Client::new(&oura.url, oura.credentials.typed(), metrics.clone());
    let client = client.map_err(Invalid::from)?.with_budget(oura.budget);
    Ok((client, oura, metrics, Settings { horizon: oura.horizon, interval: oura.interval }))
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

/// The sockets of one process, opened before anything is started.
struct Listeners {
    web: Vec<TcpListener>,
    /// Empty where the API does not run.
    api: Vec<TcpListener>,
    webhook: Option<(Vec<TcpListener>, Webhook)>,
}

impl Listeners {
    async fn open(service: &Service, webhook: Option<Webhook>) -> anyhow::Result<Self> {
        let listen = &service.listen;
        let web = if listen.web_systemd {
            Sockets::Systemd
        } else {
            Sockets::Bind(listen.web.clone(), "--web.listen-address")
        };
        let web = web.open().await?;
        let api = if service.roles.contains(&Role::Api) {
            Sockets::Bind(listen.api.clone(), "--api.listen-address").open().await?
        } else {
            Vec::new()
        };
        let webhook = match webhook {
            Some(webhook) => {
                let sockets = Sockets::Bind(vec![webhook.listen.clone()], "--webhook.listen-address");
                Some((sockets.open().await?, webhook))
            }
            None => None,
        };
        Ok(Self { web, api, webhook })
    }
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
        Ok(Self { replica, login: api::LogIn::new(keys), guards, audit: api::AuditTrail::default() })
    }
}

/// The scheduler of sync runs for all persons, the person of this process's flags among them.
async fn scheduler(
    (client, oura, metrics, settings): (ingest::Client, &Oura, ingest::Metrics, Settings),
    who: &PersonSettings,
    store: &Store,
    clock: &Clock,
) -> anyhow::Result<Scheduler> {
    let mine = who.of_service(store, clock()).await?.map(|person| person.id);
    match mine {
        // A restart syncs at once, so that its effect can be seen.
        Some(mine) => store.schedule_sync(mine, None).await?,
        None if oura.credentials.is_typed() => bail!(
            "the access token is given for a person, and no person here is called {}; name one with --person: {}",
            who.name,
            crate::config::listed(&store.people().await?).trim_end_matches(';')
        ),
        None => {}
    }
    Ok(Scheduler {
        store: store.clone(),
        client: oura.credentials.access(client, mine, store, &metrics, clock),
        settings,
        metrics,
        clock: clock.clone(),
        workers: oura.workers,
        holder: lease_holder()?,
        lease_duration: Scheduler::LEASE,
        relaxed: None,
    })
}

/// A name for this process's leases that no other process has.
pub(crate) fn lease_holder() -> anyhow::Result<String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_| anyhow::anyhow!("the system has no random numbers"))?;
    Ok(format!("{}-{:016x}", std::process::id(), u64::from_ne_bytes(random)))
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
    service.backup.as_ref().map(ScheduleArgs::encryption).transpose()?;
    let no_time: Clock = Arc::new(|| jiff::Timestamp::UNIX_EPOCH);
    ListenerRules::read(service, &mut Registry::default(), &no_time).map(drop)
}

/// Which requests need no token, by the sockets they come through. Loopback is open until the first token is made. The
/// operators' listener often listens on every address for its gauges; there the API requires a token, and the start is not
/// refused. A user whom a listener has authenticated needs no token.
async fn anonymous_access(
    service: &Service,
    store: &Store,
    api: &[TcpListener],
    rules: &ListenerRules,
) -> anyhow::Result<impl Fn(&[TcpListener]) -> Anonymous + use<>> {
    let here_only = |sockets: &[TcpListener]| {
        sockets.iter().all(|socket| socket.local_addr().is_ok_and(|address| address.ip().is_loopback()))
    };
    let allowed = service.demo || service.listen.allow_anonymous;
    let guarded = here_only(api) || allowed || rules.api.rules().requires_password();
    // Queried last: the exporter's database role may not read tokens, and has no API.
    if !guarded && !store.has_tokens().await? && !store.has_accounts().await? {
        bail!(
            "the API would listen where others can reach it, and there is no token, account or user: declare some in the \
             file of --api.config.file (`myhealth token hash` and `myhealth account hash` print entries), make one with \
             `myhealth token create` or `myhealth account add`, listen on loopback, or set --api.allow-anonymous where \
             something else guards it"
        );
    }
    Ok(move |sockets: &[TcpListener]| match (allowed, here_only(sockets)) {
        (true, _) => Anonymous::Allowed,
        (false, true) => Anonymous::WithoutTokens,
        (false, false) => Anonymous::Refused,
    })
}

/// The rules of both listeners.
#[derive(Clone)]
pub(crate) struct ListenerRules {
    pub(crate) web: Arc<WebConfig>,
    pub(crate) api: Arc<WebConfig>,
    declared: Declared,
    /// Without a file: requests are signed, and a proxy brings the TLS that Oura requires.
    webhooks: Arc<WebConfig>,
    /// Proxies in front of all of them.
    proxies: Arc<Proxies>,
}

impl ListenerRules {
    fn read(service: &Service, registry: &mut Registry, clock: &Clock) -> Result<Self, Invalid> {
        let metrics = listener::Metrics::register(registry, clock());
        let read = |flag, path: &Option<PathBuf>, extension: Arc<dyn Extension>| {
            let wrong = |source| Invalid::Web { flag, path: path.clone().unwrap_or_default(), source };
            WebConfig::new(path.clone(), Some(extension), metrics.clone()).map(Arc::new).map_err(wrong)
        };
        let args = &service.listen;
        let (declared, elsewhere) = (Declared::default(), Arc::new(DeclaredElsewhere));
        Ok(Self {
            web: read("--web.config.file", &args.web_config, elsewhere.clone())?,
            api: read("--api.config.file", &args.api_config, Arc::new(declared.clone()))?,
            declared,
            webhooks: read("--webhook.listen-address", &None, elsewhere)?,
            proxies: Arc::new(args.guards.settings().proxies),
        })
    }

    /// Reads both files again; returns the first mistake, and a wrong file leaves its previous rules in force.
    pub(crate) async fn reload(&self, now: jiff::Timestamp) -> Result<(), listener::Invalid> {
        let (web, api) = (self.web.reload(now).await, self.api.reload(now).await);
        web.and(api)
    }

    /// Reads the files again when they change, and on SIGHUP.
    fn keep(&self, lifecycle: &Lifecycle, clock: &Clock) {
        for web in [self.web.clone(), self.api.clone()] {
            let (stop, clock) = (lifecycle.stop.clone(), clock.clone());
            lifecycle.supervise(Task::WebConfiguration, move || {
                let (web, stop, clock) = (web.clone(), stop.clone(), clock.clone());
                async move { web.watch(clock, stop).await }
            });
        }
        let (rules, clock) = (self.clone(), clock.clone());
        lifecycle.on_hangup(move || {
            let (rules, now) = (rules.clone(), clock());
            // Logged and counted where it happens.
            async move { drop(rules.reload(now).await) }
        });
    }
}

fn listen(
    lifecycle: &Lifecycle,
    name: Task,
    sockets: Vec<TcpListener>,
    router: &axum::Router,
    fast_path: Option<&FastPath>,
    (web, proxies): (&Arc<WebConfig>, &Arc<Proxies>),
) {
    for socket in sockets {
        let (router, fast_path, web) = (router.clone(), fast_path.cloned(), web.clone());
        let (limits, proxies) = (Limits::default(), proxies.clone());
        let listener = Listener { router, fast_path, web, limits, proxies };
        let (socket, stop) = (Arc::new(socket), lifecycle.stop.clone());
        lifecycle.supervise(name, move || listener.clone().serve(socket.clone(), stop.clone()));
    }
}
