//! Rate limits per client. `tower_governor` counts and writes the headers; which clients are remembered, and for how
//! long, is decided here.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State as With};
use axum::http::{self, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::{DefaultKeyedRateLimiter, Quota};
use tower::ServiceExt as _;
use tower_governor::GovernorError;
use tower_governor::governor::{Governor, GovernorConfig, GovernorConfigBuilder, SharedRateLimiter};
use tower_governor::key_extractor::KeyExtractor;

use super::Client;
use super::metrics::{Limit, Metrics};
use crate::error::Error;
use crate::policy::{Policy, RateLimit};

/// Clients remembered. Those that come when so many are share one limit.
const MAX_CLIENTS: usize = 100_000;

/// Requests between two removals of clients that have been idle.
const SWEEP_EVERY: u32 = 4096;

/// Seconds' worth of requests that a client may send at once: dashboards send bursts.
const BURST: u32 = 4;

type Counts = SharedRateLimiter<Client, StateInformationMiddleware>;

/// The same limit for each client.
pub(crate) struct RateLimiter(GovernorConfig<ByClient, StateInformationMiddleware>, ByClient);

/// The limiters of one process; clones share them.
#[derive(Clone)]
pub(crate) struct RateLimiters(Arc<Inner>);

struct Inner {
    requests: Option<RateLimiter>,
    log_ins: Option<RateLimiter>,
    principals: Option<PrincipalLimiter>,
    metrics: Metrics,
}

/// Reads the client of a request, and removes idle clients now and then.
#[derive(Clone)]
struct ByClient(Arc<Clients>);

#[derive(Default)]
struct Clients {
    counts: OnceLock<Counts>,
    /// Requests since the last removal.
    asked: AtomicU32,
    /// Clients remembered at the last removal; counting them would block every request for a moment.
    known: AtomicUsize,
}

impl KeyExtractor for ByClient {
    type Key = Client;

    fn extract<T>(&self, request: &http::Request<T>) -> Result<Client, GovernorError> {
        Ok(self.counted_as(request.extensions().get().copied().unwrap_or(Client::Unknown)))
    }
}

impl ByClient {
    /// As which client a request is counted.
    fn counted_as(&self, client: Client) -> Client {
        let Clients { counts, asked, known } = &*self.0;
        let Some(counts) = counts.get() else { return client };
        let since = match asked.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY {
            last if last == SWEEP_EVERY - 1 => {
                counts.retain_recent();
                counts.shrink_to_fit();
                known.store(counts.len(), Ordering::Relaxed);
                0
            }
            since => since as usize + 1,
        };
        // Each request since may have been of another client.
        let most = known.load(Ordering::Relaxed) + since;
        if most < MAX_CLIENTS { client } else { Client::Crowd }
    }
}

impl RateLimiter {
    /// So many requests per second, in bursts of some seconds' worth.
    fn per_second(most: NonZeroU32) -> Self {
        Self::new(Duration::from_secs(1) / most.get(), most.get().saturating_mul(BURST))
    }

    /// So many requests per minute, in bursts of as many.
    fn per_minute(most: NonZeroU32) -> Self {
        Self::new(Duration::from_mins(1) / most.get(), most.get())
    }

    fn new(period: Duration, burst: u32) -> Self {
        let by_client = ByClient(Arc::default());
        let config = GovernorConfigBuilder::default()
            .period(period.max(Duration::from_nanos(1)))
            .burst_size(burst)
            .key_extractor(by_client.clone())
            .use_headers()
            .finish()
            .expect("BUG: neither the period nor the burst is zero");
        let _ = by_client.0.counts.set(config.limiter().clone());
        Self(config, by_client)
    }

    /// Counts a request of a client; refused: how many seconds to wait.
    fn count(&self, client: Client) -> Result<(), u64> {
        let counted = self.0.limiter().check_key(&self.1.counted_as(client));
        // As in `refused`: whole seconds, rounded up.
        counted
            .map(drop)
            .map_err(|refused| refused.wait_time_from(DefaultClock::default().now()).as_secs() + 1)
    }

    /// Clients remembered.
    fn clients(&self) -> usize {
        self.0.limiter().len()
    }
}

impl RateLimiters {
    /// Requests per second and log-ins per minute of one client, requests per minute of one principal; `None`: no limit.
    pub(crate) fn new(
        requests_per_second: Option<NonZeroU32>,
        log_ins_per_minute: Option<NonZeroU32>,
        principal_per_minute: Option<NonZeroU32>,
        metrics: Metrics,
    ) -> Self {
        Self(Arc::new(Inner {
            requests: requests_per_second.map(RateLimiter::per_second),
            log_ins: log_ins_per_minute.map(RateLimiter::per_minute),
            principals: principal_per_minute.map(PrincipalLimiter::per_minute),
            metrics,
        }))
    }

    /// Refuses a token or account that sends too many requests, wherever they come from.
    pub(crate) fn check_principal(&self, principal: &str) -> Result<(), Error> {
        let Some(limiter) = &self.0.principals else { return Ok(()) };
        limiter.check(principal).map_err(|wait| {
            self.0.metrics.limited_principal();
            // Rounded up: a client that waits exactly that long is not refused again.
            Error::TooMany(wait.as_secs() + 1)
        })
    }

    /// Counts an attempt to log in that is no request of its own; refused: how many seconds to wait.
    pub(crate) fn count_log_in(&self, client: Client) -> Result<(), u64> {
        let (Some(limiter), kind) = self.of(RateLimit::LogIns) else { return Ok(()) };
        limiter.count(client).inspect_err(|_| self.0.metrics.limited(kind, limiter.clients()))
    }

    fn of(&self, kind: RateLimit) -> (Option<&RateLimiter>, Limit) {
        match kind {
            RateLimit::Requests => (self.0.requests.as_ref(), Limit::Requests),
            RateLimit::LogIns => (self.0.log_ins.as_ref(), Limit::LogIns),
        }
    }
}

/// The same limit for each token and account, of which there are as many as the database has.
struct PrincipalLimiter {
    counts: DefaultKeyedRateLimiter<String>,
    /// Requests since idle principals were removed.
    asked: AtomicU32,
}

impl PrincipalLimiter {
    /// So many requests per minute, in bursts of as many.
    fn per_minute(most: NonZeroU32) -> Self {
        Self { counts: governor::RateLimiter::keyed(Quota::per_minute(most)), asked: AtomicU32::new(0) }
    }

    /// Counts a request, or returns how long to wait.
    fn check(&self, principal: &str) -> Result<(), Duration> {
        if self.asked.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.counts.retain_recent();
        }
        let checked = self.counts.check_key(&principal.to_owned());
        checked.map_err(|refused| refused.wait_time_from(self.counts.clock().now()))
    }
}

/// Refuses clients that send too many requests, before anything is looked up for them.
pub(crate) async fn limit(
    With(limiters): With<RateLimiters>,
    Extension(Policy { rate_limit, .. }): Extension<Policy>,
    request: Request,
    next: Next,
) -> Response {
    let Some(limiter) = limiters.of(rate_limit).0 else { return next.run(request).await };
    let counting = limiters.clone();
    let governed = Governor::new(next, &limiter.0).error_handler(move |error| {
        refused(&error, || {
            let (limiter, kind) = counting.of(rate_limit);
            counting.0.metrics.limited(kind, limiter.map_or(0, RateLimiter::clients));
        })
    });
    governed.oneshot(request).await.unwrap_or_else(|never| match never {})
}

/// The refusal as a problem, with the headers that state the limit.
fn refused(error: &GovernorError, count: impl Fn()) -> Response<Body> {
    let GovernorError::TooManyRequests { wait_time, headers } = error else {
        return Error::Gone.into_response();
    };
    count();
    // The time is rounded down to whole seconds; a client that waited exactly that long would be refused again.
    let seconds = wait_time + 1;
    let mut response = Error::TooMany(seconds).into_response();
    let added = response.headers_mut();
    added.extend(headers.clone().unwrap_or_default());
    for name in [header::RETRY_AFTER, header::HeaderName::from_static("x-ratelimit-after")] {
        added.insert(name, HeaderValue::from(seconds));
    }
    response
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::net::Ipv6Addr;

    use tower::service_fn;

    use super::*;

    /// Whether a request of the nth client is let through, and how long it would have to wait else.
    async fn ask(limiter: &RateLimiter, n: u32) -> Result<(), u64> {
        // A subscriber of IPv6 has a /64.
        let address = Ipv6Addr::from(u128::from(n) << 64 | 1 << 125);
        let request = Request::builder().extension(Client::of(address.into()));
        let inner = service_fn(async |_: Request| Ok::<_, Infallible>(Response::new(Body::empty())));
        let governed = Governor::new(inner, &limiter.0).error_handler(|error| refused(&error, || ()));
        let response = governed.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        match response.headers().get(header::RETRY_AFTER) {
            None => Ok(()),
            Some(seconds) => Err(seconds.to_str().unwrap().parse().unwrap()),
        }
    }

    fn many(n: u32) -> NonZeroU32 {
        NonZeroU32::new(n).unwrap()
    }

    #[tokio::test]
    async fn rate_limit_of_one_client_does_not_affect_another() {
        let limiter = RateLimiter::per_minute(many(3));
        for _ in 0..3 {
            assert_eq!(ask(&limiter, 1).await, Ok(()));
        }
        let wait = ask(&limiter, 1).await.unwrap_err();
        assert!((16..=20).contains(&wait), "{wait}");
        assert_eq!(ask(&limiter, 2).await, Ok(()));
    }

    #[tokio::test]
    async fn rate_limiter_bounds_remembered_clients() {
        let limiter = RateLimiter::per_minute(many(1));
        let more = u32::try_from(MAX_CLIENTS).unwrap() + 2 * SWEEP_EVERY;
        for n in 0..more {
            let _ = ask(&limiter, n).await;
        }
        assert!(limiter.clients() <= MAX_CLIENTS + 1, "{}", limiter.clients());
        assert!(ask(&limiter, more).await.is_err(), "the crowd has had its share");
    }

    #[tokio::test]
    async fn rate_limiter_forgets_idle_clients() {
        let limiter = RateLimiter::per_second(many(1_000_000));
        for n in 0..SWEEP_EVERY {
            assert_eq!(ask(&limiter, n).await, Ok(()));
        }
        assert!(limiter.clients() < SWEEP_EVERY as usize, "{}", limiter.clients());
    }
}
