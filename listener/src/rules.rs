//! The rules of a listener that are in force, and reading them again without a restart.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use service_metrics::{Labels, Refusal, table};
use tokio_util::sync::CancellationToken;

use crate::auth::{Busy, Users, VerifiedPasswords};
use crate::client::Client;
use crate::extension::{Extension, Source, Values};
use crate::file::{File, Invalid, Rate};
use crate::tls::Tls;

/// Reads the wall clock.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Extension of a request whose user the listener has authenticated.
#[derive(Clone, Copy, Debug)]
pub struct Authenticated;

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

/// Paths of probes, which need no password: orchestrators have none, and the responses hold no health value.
pub const PROBES: [&str; 6] = ["/-/healthy", "/-/ready", "/health", "/healthz", "/livez", "/readyz"];

/// The rules in force.
pub struct Rules {
    /// Present where the listener speaks TLS.
    pub tls: Option<Tls>,
    /// The values of the application's keys.
    values: Option<Box<dyn Values>>,
    users: Users,
    headers: Vec<(HeaderName, HeaderValue)>,
    bucket: Option<TokenBucket>,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules")
            .field("tls", &self.tls)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

impl Rules {
    /// Reads the file and everything it names.
    pub(crate) fn read(path: &Path, extension: Option<&dyn Extension>) -> Result<Self, Invalid> {
        let source = Source::read(path)?;
        let (file, folder) = (File::parse(&source, extension)?, source.folder());
        let values = extension.map(|extension| extension.read(&source)).transpose()?;
        let tls = file.tls_server_config.as_ref().map(|tls| Tls::new(tls, folder)).transpose()?;
        let headers = file.http_server_config.headers.iter().filter(|(_, value)| !value.is_empty());
        let headers = headers.map(|(name, value)| header_of(name, value)).collect::<Result<_, _>>()?;
        let bucket = file.rate_limit.as_ref().map(TokenBucket::new).transpose()?.flatten();
        Ok(Self { tls, values, users: Users::new(file.basic_auth_users)?, headers, bucket })
    }

    /// Nothing is required.
    fn open() -> Self {
        let users = Users::new(std::collections::BTreeMap::new()).expect("BUG: no user has no wrong hash");
        Self { tls: None, values: None, users, headers: Vec::new(), bucket: None }
    }

    async fn apply(&self, now: Timestamp) -> Result<(), Invalid> {
        match &self.values {
            Some(values) => values.apply(now).await,
            None => Ok(()),
        }
    }

    /// Whether a request may be answered; otherwise the refusal.
    pub(crate) async fn admit<B>(
        &self,
        request: &mut Request<B>,
        client: Client,
        web: &WebConfig,
    ) -> Result<(), Response> {
        if self.bucket.as_ref().is_some_and(|bucket| !bucket.take()) {
            web.metrics.refuse(Refusal::Rate);
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
            // The password was for this listener; the API would treat it as a token.
            request.headers_mut().remove(header::AUTHORIZATION);
            request.extensions_mut().insert(Authenticated);
            return Ok(());
        }
        if credentials.is_some() {
            web.metrics.refuse(Refusal::Password);
        }
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"myhealth\", charset=\"UTF-8\"")];
        Err((StatusCode::UNAUTHORIZED, challenge, "a user and a password are needed\n").into_response())
    }

    /// Whether a request can be refused.
    pub(crate) fn can_refuse(&self) -> bool {
        self.bucket.is_some() || self.requires_password()
    }

    /// Whether a password is required.
    pub fn requires_password(&self) -> bool {
        !self.users.is_empty()
    }

    /// Adds the file's headers where the response has none of its own.
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

/// A burst of requests, then one per interval.
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
pub struct WebConfig {
    path: Option<PathBuf>,
    extension: Option<Arc<dyn Extension>>,
    rules: ArcSwap<Rules>,
    memory: VerifiedPasswords,
    pub(crate) metrics: Metrics,
}

impl std::fmt::Debug for WebConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebConfig").field("path", &self.path).finish_non_exhaustive()
    }
}

impl WebConfig {
    /// The rules of a file, or none. A mistake in it is a mistake in the configuration.
    pub fn new(
        path: Option<PathBuf>,
        extension: Option<Arc<dyn Extension>>,
        metrics: Metrics,
    ) -> Result<Self, Invalid> {
        let read = |path| Rules::read(path, extension.as_deref());
        let rules = path.as_deref().map_or_else(|| Ok(Rules::open()), read)?;
        let no_chance = |error: getrandom::Error| Invalid::Format(format!("no random numbers: {error}"));
        Ok(Self {
            path,
            extension,
            rules: ArcSwap::from_pointee(rules),
            memory: VerifiedPasswords::new().map_err(no_chance)?,
            metrics,
        })
    }

    fn busy(&self) -> Response {
        self.metrics.refuse(Refusal::Busy);
        let later = [(header::RETRY_AFTER, "1")];
        (StatusCode::SERVICE_UNAVAILABLE, later, "too many passwords are being checked\n").into_response()
    }

    /// The rules in force.
    pub fn rules(&self) -> Arc<Rules> {
        self.rules.load_full()
    }

    /// Puts the extension's values of the first read in force; every later read does so by itself.
    pub async fn apply(&self, now: Timestamp) -> Result<(), Invalid> {
        self.rules().apply(now).await
    }

    /// Reads the file again. With a mistake in it, the old rules stay in force.
    pub async fn reload(&self, now: Timestamp) -> Result<(), Invalid> {
        let Some(path) = self.path.clone() else { return Ok(()) };
        let (file, extension) = (path.clone(), self.extension.clone());
        let read = tokio::task::spawn_blocking(move || Rules::read(&file, extension.as_deref())).await;
        let mut read = read.unwrap_or_else(|error| Err(Invalid::Format(error.to_string())));
        if let Ok(rules) = &read
            && let Err(error) = rules.apply(now).await
        {
            read = Err(error);
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
                    error = &error as &(dyn std::error::Error + 'static),
                    "the web configuration is wrong; the previous one stays in force"
                );
                Err(error)
            }
        }
    }

    /// Reads the file again whenever it or one of those it names has changed, until `stop`.
    pub async fn watch(&self, clock: Clock, stop: CancellationToken) {
        let mut seen = self.state_of_files().await;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
            let now = self.state_of_files().await;
            if now != seen {
                // Logged and counted inside. A file that may be accepted later is read again.
                let read = self.reload(clock()).await;
                if !matches!(read, Err(Invalid::NotApplied { temporary: true, .. })) {
                    seen = now;
                }
            }
        }
    }

    /// Modification time and length of each file.
    async fn state_of_files(&self) -> Vec<Option<(SystemTime, u64)>> {
        let Some(path) = self.path.clone() else { return Vec::new() };
        let extension = self.extension.clone();
        let look = move || {
            let mut files = Vec::new();
            if let Ok(source) = Source::read(&path) {
                let tls = source.parse::<File>().unwrap_or_default().tls_server_config.unwrap_or_default();
                let named = [tls.cert_file, tls.key_file, tls.client_ca_file].into_iter().flatten();
                files.extend(named.map(|file| source.folder().join(file)));
                files.extend(extension.iter().flat_map(|extension| extension.files(&source)));
            }
            files.push(path);
            let state = |file: PathBuf| {
                let about = std::fs::metadata(file).ok()?;
                Some((about.modified().ok()?, about.len()))
            };
            files.into_iter().map(state).collect()
        };
        tokio::task::spawn_blocking(look).await.unwrap_or_default()
    }
}

/// Counters of the listeners.
#[derive(Clone, Debug)]
pub struct Metrics {
    refused: Family<Labels<(Refusal,)>, Counter>,
    reload_failures: Counter,
    reload_worked: Gauge,
    reloaded_at: Gauge,
    /// The files with a mistake in them: one listener's file may be right while another's is wrong.
    wrong: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl Metrics {
    /// Registers them in a registry with the prefix `myhealth`.
    pub fn register(registry: &mut Registry, now: Timestamp) -> Self {
        let metrics = Self {
            refused: table::WEB_REFUSED.family(registry),
            reload_failures: table::CONFIG_RELOAD_FAILURES.single(registry),
            reload_worked: table::CONFIG_RELOAD_SUCCESSFUL.single(registry),
            reloaded_at: table::CONFIG_RELOADED.single(registry),
            wrong: Arc::default(),
        };
        metrics.reload_worked.set(1);
        metrics.reloaded_at.set(now.as_second());
        metrics
    }

    pub(crate) fn refuse(&self, reason: Refusal) {
        self.refused.get_or_create_owned(&Labels((reason,))).inc();
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
