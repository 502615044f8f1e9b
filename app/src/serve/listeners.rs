//! Sockets, the rules of the listeners on them, and who may use them.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use api::Anonymous;
use listener::{Extension, FastPath, Limits, Listener, Proxies, Sockets, WebConfig};
use prometheus_client::registry::Registry;
use service_metrics::Task;
use store::Store;
use tokio::net::TcpListener;

use super::Service;
use crate::Clock;
use crate::cli::Role;
use crate::config::Invalid;
use crate::declared::{Declared, DeclaredElsewhere};
use crate::shutdown::Lifecycle;
use crate::webhook::Webhook;

/// The sockets of one process, opened before anything is started.
pub(super) struct Listeners {
    pub(super) web: Vec<TcpListener>,
    /// Empty where the API does not run.
    pub(super) api: Vec<TcpListener>,
    pub(super) webhook: Option<(Vec<TcpListener>, Webhook)>,
}

impl Listeners {
    pub(super) async fn open(service: &Service, webhook: Option<Webhook>) -> anyhow::Result<Self> {
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

/// Which requests need no token, by the sockets they come through. Loopback is open until the first token is made. The
/// operators' listener often listens on every address for its gauges; there the API requires a token, and the start is not
/// refused. A user whom a listener has authenticated needs no token.
pub(super) async fn anonymous_access(
    service: &Service,
    store: &Store,
    api: &[TcpListener],
    rules: &ListenerRules,
) -> anyhow::Result<impl Fn(&[TcpListener]) -> Anonymous + use<>> {
    let here_only = |sockets: &[TcpListener]| {
        sockets.iter().all(|socket| socket.local_addr().is_ok_and(|address| address.ip().is_loopback()))
    };
    let allowed = service.demo || service.listen.allow_anonymous;
    let guarded = here_only(api)
        || allowed
        || rules.api.rules().requires_password()
        || rules.declared.sign_on().is_configured();
    // Queried last: the exporter's database role may not read tokens, and has no API.
    if !guarded && !store.has_tokens().await? && !store.has_accounts().await? {
        bail!(
            "the API would listen where others can reach it, and there is no token, account, user or provider: declare some in the \
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
    pub(super) declared: Declared,
    /// Without a file: requests are signed, and a proxy brings the TLS that Oura requires.
    pub(super) webhooks: Arc<WebConfig>,
    /// Proxies in front of all of them.
    pub(super) proxies: Arc<Proxies>,
}

impl ListenerRules {
    pub(super) fn read(service: &Service, registry: &mut Registry, clock: &Clock) -> Result<Self, Invalid> {
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
    pub(super) fn keep(&self, lifecycle: &Lifecycle, clock: &Clock) {
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

pub(super) fn listen(
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
