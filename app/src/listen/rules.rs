//! The rules of a listener as they are in force, and how they are read again without a restart.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use api::guards::Client;
use arc_swap::ArcSwap;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use store::{AuditAction, AuditEntry, AuditOutcome, DeclaredAccess, Reconciled, Store};
use tokio_util::sync::CancellationToken;

use super::auth::{Busy, Users, VerifiedPasswords};
use super::file::{File, Invalid, Rate};
use super::tls::Tls;
use crate::Clock;

/// How often the files are looked at: a renewed certificate is in use this long after.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Headers that the file may set, as exporters do.
const HEADERS: [&str; 5] = [
    "content-security-policy",
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
    "x-xss-protection",
];

/// Say one word each and no health value; whoever restarts a process asks them without a password.
const PROBES: [&str; 2] = ["/-/healthy", "/-/ready"];

/// Which listener a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// What exporters have: TLS, passwords, headers, a rate.
    Web,
    /// The API: in addition people, accounts and tokens.
    Api,
}

/// What is in force.
pub(crate) struct Rules {
    pub(crate) tls: Option<Tls>,
    /// Accounts and tokens that the file declares.
    declared: DeclaredAccess,
    users: Users,
    headers: Vec<(HeaderName, HeaderValue)>,
    bucket: Option<TokenBucket>,
}

impl Rules {
    /// Reads the file and everything it names.
    pub(crate) fn read(path: &Path, kind: FileKind) -> Result<Self, Invalid> {
        let file = File::read(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let declared = file.declared(folder)?;
        let declares = !file.people.is_empty() || !file.accounts.is_empty() || !file.tokens.is_empty();
        if kind == FileKind::Web && declares {
            let reason = "they open the API and are declared in the file of --api.config.file";
            return Err(Invalid::field("people, accounts, tokens", reason));
        }
        let tls = file.tls_server_config.as_ref().map(|tls| Tls::new(tls, folder)).transpose()?;
        let headers = file.http_server_config.headers.iter().filter(|(_, value)| !value.is_empty());
        let headers = headers.map(|(name, value)| header_of(name, value)).collect::<Result<_, _>>()?;
        let bucket = file.rate_limit.as_ref().map(TokenBucket::new).transpose()?.flatten();
        Ok(Self { tls, declared, users: Users::new(file.basic_auth_users)?, headers, bucket })
    }

    /// Nothing is asked of anybody.
    fn open() -> Self {
        let users = Users::new(std::collections::BTreeMap::new()).expect("BUG: no user has no wrong hash");
        Self { tls: None, declared: DeclaredAccess::default(), users, headers: Vec::new(), bucket: None }
    }

    /// Whether a request may be answered; otherwise the refusal.
    pub(crate) async fn admit<B>(
        &self,
        request: &mut Request<B>,
        client: Client,
        web: &WebConfig,
    ) -> Result<(), Response> {
        if self.bucket.as_ref().is_some_and(|bucket| !bucket.take()) {
            web.metrics.refuse("rate");
            return Err((StatusCode::TOO_MANY_REQUESTS, "too many requests\n").into_response());
        }
        if self.users.is_empty() || PROBES.contains(&request.uri().path()) {
            return Ok(());
        }
        let credentials = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        let basic = credentials.and_then(|text| text.split_first_chunk::<6>());
        if let Some((scheme, credentials)) = basic
            && scheme.eq_ignore_ascii_case(b"basic ")
            && self.users.verify(credentials, client, &web.memory).await.map_err(|Busy| web.busy())?
        {
            // The password was for this door; whoever stands behind it would take it for a token.
            request.headers_mut().remove(header::AUTHORIZATION);
            request.extensions_mut().insert(api::ListenerAuthenticated);
            return Ok(());
        }
        if credentials.is_some() {
            web.metrics.refuse("password");
        }
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"myhealth\", charset=\"UTF-8\"")];
        Err((StatusCode::UNAUTHORIZED, challenge, "a user and a password are needed\n").into_response())
    }

    /// Whether a request can be refused.
    pub(crate) fn asks_anything(&self) -> bool {
        self.bucket.is_some() || self.asks_for_passwords()
    }

    /// Whether nobody passes without a password.
    pub(crate) fn asks_for_passwords(&self) -> bool {
        !self.users.is_empty()
    }

    /// Adds the file's headers where the answer has none of its own.
    pub(crate) fn add_headers(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }
}

fn header_of(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Invalid> {
    let field = || format!("http_server_config.headers.{name}");
    let lower = name.to_ascii_lowercase();
    let known = HEADERS.iter().find(|known| **known == lower).ok_or_else(|| {
        Invalid::field(
            field(),
            format!("this header cannot be set; those that can are {}", HEADERS.join(", ")),
        )
    })?;
    match *known {
        "x-frame-options" if !matches!(value, "deny" | "sameorigin") => {
            return Err(Invalid::field(field(), "use deny or sameorigin"));
        }
        "x-content-type-options" if value != "nosniff" => {
            return Err(Invalid::field(field(), "use nosniff"));
        }
        _ => {}
    }
    let value = value.parse().map_err(|_| Invalid::field(field(), "a header's value is plain text"))?;
    Ok((HeaderName::from_static(known), value))
}

/// So many requests at once, then one per interval.
struct TokenBucket {
    interval: Duration,
    burst: f64,
    level: Mutex<(f64, Instant)>,
}

impl TokenBucket {
    fn new(rate: &Rate) -> Result<Option<Self>, Invalid> {
        let wrong = || {
            Invalid::field("rate_limit.interval", "write a duration such as 1s or 200ms, or 0 for no limit")
        };
        if rate.interval.trim() == "0" {
            return Ok(None);
        }
        let interval: SignedDuration = rate.interval.trim().parse().map_err(|_| wrong())?;
        let interval = Duration::try_from(interval).map_err(|_| wrong())?;
        if interval.is_zero() {
            return Ok(None);
        }
        let burst = f64::from(rate.burst.max(1));
        Ok(Some(Self { interval, burst, level: Mutex::new((burst, Instant::now())) }))
    }

    fn take(&self) -> bool {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, since) = *level;
        let now = Instant::now();
        let tokens = (tokens + now.duration_since(since).div_duration_f64(self.interval)).min(self.burst);
        let taken = tokens >= 1.0;
        *level = (if taken { tokens - 1.0 } else { tokens }, now);
        taken
    }
}

/// A listener's rules, changed while it runs.
pub(crate) struct WebConfig {
    path: Option<PathBuf>,
    kind: FileKind,
    /// Where declared accounts and tokens are in force.
    store: OnceLock<Store>,
    rules: ArcSwap<Rules>,
    memory: VerifiedPasswords,
    pub(crate) metrics: Metrics,
}

impl WebConfig {
    /// The rules of a file, or none. A mistake in it is a mistake in the configuration.
    pub(crate) fn new(path: Option<PathBuf>, kind: FileKind, metrics: Metrics) -> Result<Self, Invalid> {
        let rules = path.as_deref().map_or_else(|| Ok(Rules::open()), |path| Rules::read(path, kind))?;
        let no_chance = |error: getrandom::Error| Invalid::Format(format!("no random numbers: {error}"));
        Ok(Self {
            path,
            kind,
            store: OnceLock::new(),
            rules: ArcSwap::from_pointee(rules),
            memory: VerifiedPasswords::new().map_err(no_chance)?,
            metrics,
        })
    }

    fn busy(&self) -> Response {
        self.metrics.refuse("busy");
        let later = [(header::RETRY_AFTER, "1")];
        (StatusCode::SERVICE_UNAVAILABLE, later, "too many passwords are being checked\n").into_response()
    }

    pub(crate) fn rules(&self) -> Arc<Rules> {
        self.rules.load_full()
    }

    /// Reconciles the declared accounts and tokens with this database, now and whenever the file is read again. Without a
    /// file nothing is declared, and nothing that another process's file declares is revoked.
    pub(crate) async fn declare_in(&self, store: &Store, now: Timestamp) -> Result<(), store::Error> {
        if self.path.is_none() {
            return Ok(());
        }
        let store = self.store.get_or_init(|| store.clone());
        reconcile(store, &self.rules().declared, now).await
    }

    /// Reads the file again. With a mistake in it, the old rules stay in force.
    pub(crate) async fn reload(&self, now: Timestamp) -> Result<(), Invalid> {
        let Some(path) = self.path.clone() else { return Ok(()) };
        let (file, kind) = (path.clone(), self.kind);
        let read = tokio::task::spawn_blocking(move || Rules::read(&file, kind)).await;
        let mut read = read.unwrap_or_else(|error| Err(Invalid::Format(error.to_string())));
        if let (Ok(rules), Some(store)) = (&read, self.store.get())
            && let Err(error) = reconcile(store, &rules.declared, now).await
        {
            read = Err(error.into());
        }
        self.metrics.reloaded(&path, read.is_ok(), now);
        match read {
            Ok(rules) => {
                self.rules.store(Arc::new(rules));
                tracing::info!("the web configuration was read again");
                Ok(())
            }
            Err(error) => {
                tracing::error!(
                    error = store::causes(&error),
                    "the web configuration is wrong; the old one stays"
                );
                Err(error)
            }
        }
    }

    /// Reads the file again whenever it or one of those it names has changed, until `stop`.
    pub(crate) async fn watch(&self, clock: Clock, stop: CancellationToken) {
        let mut seen = self.state_of_files().await;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
            let now = self.state_of_files().await;
            if now != seen {
                // Logged and counted inside. The same file is read again when the database is back.
                let unavailable = matches!(
                    self.reload(clock()).await,
                    Err(Invalid::Store(store::Error::Unavailable { .. }))
                );
                if !unavailable {
                    seen = now;
                }
            }
        }
    }

    /// When each file was last changed, and how long it is.
    async fn state_of_files(&self) -> Vec<Option<(SystemTime, u64)>> {
        let Some(path) = self.path.clone() else { return Vec::new() };
        let look = move || {
            let folder = path.parent().unwrap_or(Path::new("")).to_owned();
            let file = File::read(&path).unwrap_or_default();
            let values = file.value_files(&folder);
            let tls = file.tls_server_config.unwrap_or_default();
            let named = [tls.cert_file, tls.key_file, tls.client_ca_file].into_iter().flatten();
            let files = std::iter::once(path).chain(named.map(|file| folder.join(file))).chain(values);
            let state = |file: PathBuf| {
                let about = std::fs::metadata(file).ok()?;
                Some((about.modified().ok()?, about.len()))
            };
            files.map(state).collect()
        };
        tokio::task::spawn_blocking(look).await.unwrap_or_default()
    }
}

async fn reconcile(store: &Store, declared: &DeclaredAccess, now: Timestamp) -> Result<(), store::Error> {
    let reconciled = store.reconcile_access(declared, now).await?;
    if reconciled != Reconciled::default() {
        let Reconciled { changed, revoked } = reconciled;
        let entry = AuditEntry {
            at: now,
            action: AuditAction::AccessReconcile,
            outcome: AuditOutcome::Accepted,
            principal: Some("operator".to_owned()),
            client: None,
            route: Some("--api.config.file".to_owned()),
            subject: Some(format!("{changed} changed, {revoked} revoked")),
        };
        entry.log();
        store.record_audit(&[entry]).await?;
    }
    Ok(())
}

/// What the listeners count.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    refused: Family<Reason, Counter>,
    reload_failures: Counter,
    reload_worked: Gauge,
    reloaded_at: Gauge,
    /// The files with a mistake in them: what is well with one listener's says nothing about another's.
    wrong: Arc<Mutex<BTreeSet<PathBuf>>>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

impl Metrics {
    const REASONS: [&str; 5] = ["busy", "connections", "handshake", "password", "rate"];

    pub(crate) fn register(registry: &mut Registry, now: Timestamp) -> Self {
        let metrics = Self {
            refused: Family::default(),
            reload_failures: Counter::default(),
            reload_worked: Gauge::default(),
            reloaded_at: Gauge::default(),
            wrong: Arc::default(),
        };
        registry.register(
            "web_refused",
            "Connections and requests refused before they were answered",
            metrics.refused.clone(),
        );
        registry.register(
            "config_reload_failures",
            "Readings of the web configuration that found a mistake",
            metrics.reload_failures.clone(),
        );
        registry.register(
            "config_last_reload_successful",
            "Whether the web configurations in force are the newest ones",
            metrics.reload_worked.clone(),
        );
        registry.register_with_unit(
            "config_last_reload_success_timestamp",
            "When the web configuration was last read without a mistake, as Unix time",
            Unit::Seconds,
            metrics.reloaded_at.clone(),
        );
        for reason in Self::REASONS {
            drop(metrics.refused.get_or_create(&Reason { reason }));
        }
        metrics.reload_worked.set(1);
        metrics.reloaded_at.set(now.as_second());
        metrics
    }

    pub(crate) fn refuse(&self, reason: &'static str) {
        debug_assert!(Self::REASONS.contains(&reason), "a reason that starts at nothing");
        self.refused.get_or_create_owned(&Reason { reason }).inc();
    }

    fn reloaded(&self, file: &Path, worked: bool, now: Timestamp) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if worked {
            wrong.remove(file);
        } else {
            wrong.insert(file.to_owned());
        }
        self.reload_worked.set(wrong.is_empty().into());
        if worked {
            self.reloaded_at.set(now.as_second());
        } else {
            self.reload_failures.inc();
        }
    }
}
