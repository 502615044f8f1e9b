//! What stands between the network and the handlers: how much one address may ask ([`limit`]), how a body is received
//! ([`body`]), how many questions run at a time and what happens when the database is gone ([`load_shedding`]), which pages
//! may send something ([`origin`]), what is answered from memory ([`response_cache`]), and what need not be sent again
//! ([`conditional`]). None of it knows what is asked. What has a bounded number of places is shared between clients:
//! [`Seats`], [`ConcurrencyLimit`].

pub(crate) mod body;
pub(crate) mod conditional;
pub(crate) mod gzip;
pub(crate) mod limit;
pub(crate) mod load_shedding;
pub(crate) mod metrics;
pub mod origin;
pub(crate) mod response_cache;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, header};
use moka::future::Cache;
use prometheus_client::registry::Registry;
use sha2::{Digest, Sha256};
use store::Store;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::access::{Access, Anonymous};
use crate::error::Error;
use crate::resources::export;
use body::Bodies;
use limit::RateLimiter;
pub(crate) use listener::{Client, ConcurrencyLimit, Permit, Proxies, Seat, Seats, Wait};
use load_shedding::{LoadShedder, Turn};
use metrics::Metrics;
use response_cache::ResponseCache;

/// How the guards are set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Requests a second that one address may send on average; four seconds' worth at once. `None`: no limit.
    pub requests_per_second: Option<NonZeroU32>,
    /// Log-ins a minute that one address may try; as many at once. `None`: no limit.
    pub log_ins_per_minute: Option<NonZeroU32>,
    /// Whose word about the address of the client is taken.
    pub proxies: Proxies,
    /// Pages of these origins may ask from a browser; none unless told.
    pub origins: Vec<HeaderValue>,
    /// Most bytes of answers kept; 0: none are.
    pub memory: u64,
    /// Most bytes of a frame of a streamed remote read, which is a series.
    pub frame_bytes: usize,
    /// Labels that a Prometheus adds to every remote read, its `external_labels`: no condition.
    pub external_labels: Vec<String>,
}

/// What Prometheus' `chunked_read_limit` is unless set; Thanos and vmctl have it built in.
pub const FRAME_BYTES: usize = 50_000_000;

impl Default for Settings {
    fn default() -> Self {
        Self {
            requests_per_second: NonZeroU32::new(100),
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
pub struct Guards(Arc<Inner>);

struct Inner {
    requests: Option<RateLimiter>,
    log_ins: Option<RateLimiter>,
    origins: Vec<HeaderValue>,
    proxies: Proxies,
    bodies: Bodies,
    exports: Seats,
    load_shedder: LoadShedder,
    memory: ResponseCache,
    frame_bytes: usize,
    external_labels: Vec<String>,
    known: Cache<CredentialKey, Access>,
    metrics: Metrics,
}

impl fmt::Debug for Guards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edges").finish_non_exhaustive()
    }
}

/// How long it is believed who somebody is.
const VERIFIED_TTL: Duration = Duration::from_secs(1);

/// Most proofs remembered.
const MAX_VERIFIED: u64 = 10_000;

impl Guards {
    /// Edges with these settings, before these databases, telling about themselves in `registry`.
    pub fn new(settings: Settings, databases: Vec<Store>, registry: &mut Registry) -> Self {
        let metrics = Metrics::register(registry);
        Self(Arc::new(Inner {
            requests: settings.requests_per_second.map(|most| RateLimiter::a_second(most, &settings.proxies)),
            log_ins: settings.log_ins_per_minute.map(|most| RateLimiter::a_minute(most, &settings.proxies)),
            origins: settings.origins,
            proxies: settings.proxies,
            bodies: Bodies::default(),
            exports: export::seats(),
            load_shedder: LoadShedder::new(databases),
            memory: ResponseCache::new(settings.memory),
            frame_bytes: settings.frame_bytes,
            external_labels: settings.external_labels,
            known: Cache::builder().max_capacity(MAX_VERIFIED).time_to_live(VERIFIED_TTL).build(),
            metrics,
        }))
    }

    /// A turn to ask the database, after a short wait where many ask.
    pub(crate) async fn turn(&self, client: Client) -> Result<Turn, Error> {
        self.0.load_shedder.take_permit(client).await
    }

    /// Whose request it is.
    pub(crate) fn client(&self, request: &Request) -> Client {
        self.0.proxies.client(request.extensions(), request.headers())
    }

    /// Seats of exports that are being sent.
    pub(crate) fn exports(&self) -> &Seats {
        &self.0.exports
    }

    /// Pages of these may send what others may not.
    pub(crate) fn origins(&self) -> &[HeaderValue] {
        &self.0.origins
    }

    pub(crate) fn frame_bytes(&self) -> usize {
        self.0.frame_bytes
    }

    pub(crate) fn external_labels(&self) -> &[String] {
        &self.0.external_labels
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Which pages may read answers in a browser. Tokens come in a header that no page sends by itself, so nothing here
    /// allows credentials of the browser's own.
    pub(crate) fn cors(&self) -> Option<CorsLayer> {
        if self.0.origins.is_empty() {
            return None;
        }
        let [idempotency, last_event, request_id] =
            ["idempotency-key", "last-event-id", "x-request-id"].map(HeaderName::from_static);
        Some(
            CorsLayer::new()
                .allow_origin(AllowOrigin::list(self.0.origins.iter().cloned()))
                .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::DELETE])
                .allow_headers([
                    header::AUTHORIZATION,
                    header::CONTENT_TYPE,
                    header::IF_NONE_MATCH,
                    idempotency,
                    last_event,
                ])
                .expose_headers([header::ETAG, header::LOCATION, header::RETRY_AFTER, request_id])
                .max_age(Duration::from_mins(10)),
        )
    }

    pub(crate) async fn known(&self, proof: &CredentialKey) -> Option<Access> {
        self.0.known.get(proof).await
    }

    pub(crate) async fn remember(&self, proof: CredentialKey, access: Access) {
        self.0.known.insert(proof, access).await;
    }
}

/// What somebody shows to prove who he is, without its text, and what it was shown to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CredentialKey {
    header: Option<[u8; 32]>,
    vouched: bool,
    anonymous: Anonymous,
    /// A log-out in this process counts at once.
    changes: u64,
}

impl CredentialKey {
    pub(crate) fn new(
        header: Option<&HeaderValue>,
        vouched: bool,
        anonymous: Anonymous,
        changes: u64,
    ) -> Self {
        let header = header.map(|header| Sha256::digest(header.as_bytes()).into());
        Self { header, vouched, anonymous, changes }
    }
}
