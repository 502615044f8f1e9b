//! What stands between the network and the handlers: rate limits per client ([`limit`]), receiving bodies ([`body`]),
//! load shedding and the circuit breaker ([`load_shedding`]), requests of foreign pages ([`origin`]), and responses that
//! need not be sent again ([`conditional`]). What applies to a request is in its [`crate::policy::Policy`]; nothing here
//! knows paths, people or credentials. Bounded resources are shared between clients by [`Seats`] and [`ConcurrencyLimit`].

pub(crate) mod body;
pub(crate) mod conditional;
pub(crate) mod gzip;
pub(crate) mod limit;
pub(crate) mod load_shedding;
pub(crate) mod metrics;
pub mod origin;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use prometheus_client::registry::Registry;
use store::Store;
use tower_http::cors::{AllowOrigin, CorsLayer};

use body::Bodies;
use limit::RateLimiters;
pub(crate) use listener::{
    Client, ClientAddress, ConcurrencyLimit, Permit, Proxies, Seat, Seats, Wait, identify,
};
use load_shedding::LoadShedder;
use metrics::Metrics;

/// Settings of the guards.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Requests per second that one address may send on average; four seconds' worth at once. `None`: no limit.
    pub requests_per_second: Option<NonZeroU32>,
    /// Requests per minute that one token or account may send, from all addresses together; as many at once. `None`: no
    /// limit.
    pub requests_per_minute_of_principal: Option<NonZeroU32>,
    /// Log-ins per minute that one address may try; as many at once. `None`: no limit.
    pub log_ins_per_minute: Option<NonZeroU32>,
    /// Proxies that are trusted to state the client's address.
    pub proxies: Proxies,
    /// Origins whose pages may send requests from a browser; none by default.
    pub origins: Vec<HeaderValue>,
    /// Size of the response cache, in bytes; 0: nothing is cached.
    pub memory: u64,
    /// Largest frame of a streamed remote read, in bytes; a frame is a series.
    pub frame_bytes: usize,
    /// Labels that a Prometheus adds to every remote read, its `external_labels`; they are not matched.
    pub external_labels: Vec<String>,
}

/// Names the collections whose numbers are still being derived again, in responses ([`crate::stale`]).
pub(crate) const STALE_COLLECTIONS: HeaderName = HeaderName::from_static("myhealth-stale-collections");

/// Prometheus' default of `chunked_read_limit`; Thanos and vmctl have it built in.
pub const FRAME_BYTES: usize = 50_000_000;

impl Default for Settings {
    fn default() -> Self {
        Self {
            requests_per_second: NonZeroU32::new(100),
            requests_per_minute_of_principal: None,
            log_ins_per_minute: NonZeroU32::new(10),
            proxies: Proxies::default(),
            origins: Vec::new(),
            memory: 32 << 20,
            frame_bytes: FRAME_BYTES,
            external_labels: Vec::new(),
        }
    }
}

/// The guards of one process; clones share them.
#[derive(Clone)]
pub struct Guards {
    pub(crate) proxies: Arc<Proxies>,
    pub(crate) rate_limiters: RateLimiters,
    pub(crate) bodies: Arc<Bodies>,
    pub(crate) load_shedder: Arc<LoadShedder>,
    /// Origins whose pages may send what others may not.
    pub(crate) origins: Arc<[HeaderValue]>,
    /// Size of the response cache, in bytes.
    pub(crate) cache_bytes: u64,
    pub(crate) frame_bytes: usize,
    pub(crate) external_labels: Arc<[String]>,
    pub(crate) metrics: Metrics,
}

impl fmt::Debug for Guards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guards").finish_non_exhaustive()
    }
}

impl Guards {
    /// Guards with these settings, in front of these databases, with their metrics in `registry`.
    pub fn new(settings: Settings, databases: Vec<Store>, registry: &mut Registry) -> Self {
        let metrics = Metrics::register(registry);
        let (requests, log_ins) = (settings.requests_per_second, settings.log_ins_per_minute);
        let principals = settings.requests_per_minute_of_principal;
        Self {
            proxies: Arc::new(settings.proxies),
            rate_limiters: RateLimiters::new(requests, log_ins, principals, metrics.clone()),
            bodies: Arc::default(),
            load_shedder: Arc::new(LoadShedder::new(databases, metrics.clone())),
            origins: settings.origins.into(),
            cache_bytes: settings.memory,
            frame_bytes: settings.frame_bytes,
            external_labels: settings.external_labels.into(),
            metrics,
        }
    }

    /// Which pages may read responses in a browser. Tokens come in a header that no page sends by itself, so nothing here
    /// allows credentials of the browser's own.
    pub(crate) fn cors(&self) -> Option<CorsLayer> {
        if self.origins.is_empty() {
            return None;
        }
        let [idempotency, last_event, request_id] =
            ["idempotency-key", "last-event-id", "x-request-id"].map(HeaderName::from_static);
        Some(
            CorsLayer::new()
                .allow_origin(AllowOrigin::list(self.origins.iter().cloned()))
                .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::DELETE])
                .allow_headers([
                    header::AUTHORIZATION,
                    header::CONTENT_TYPE,
                    header::IF_NONE_MATCH,
                    idempotency,
                    last_event,
                ])
                .expose_headers([
                    header::ETAG,
                    header::LOCATION,
                    header::RETRY_AFTER,
                    request_id,
                    STALE_COLLECTIONS,
                ])
                .max_age(Duration::from_mins(10)),
        )
    }
}
