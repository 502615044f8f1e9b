//! How much one client may ask. `tower_governor` counts and tells; whose request it is and what is forgotten when, is
//! decided here.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State as With};
use axum::http::{self, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::middleware::StateInformationMiddleware;
use tower::ServiceExt as _;
use tower_governor::GovernorError;
use tower_governor::governor::{Governor, GovernorConfig, GovernorConfigBuilder, SharedRateLimiter};
use tower_governor::key_extractor::KeyExtractor;

use super::metrics::Limit;
use super::{Client, Proxies};
use crate::error::Error;
use crate::login;
use crate::state::State;

/// Clients remembered; whoever comes when all are, shares the measure of the crowd.
const MAX_CLIENTS: usize = 100_000;

/// Requests between two looks at who may be forgotten.
const SWEEP_EVERY: u32 = 4096;

/// Seconds' worth that a client may ask at once: a dashboard asks in bursts.
const BURST: u32 = 4;

type Counts = SharedRateLimiter<Client, StateInformationMiddleware>;

/// One measure for every client.
pub(crate) struct RateLimiter(GovernorConfig<ByClient, StateInformationMiddleware>);

/// Whose request it is, and a look now and then at who need not be remembered.
#[derive(Clone)]
struct ByClient(Arc<Clients>);

struct Clients {
    proxies: Proxies,
    counts: OnceLock<Counts>,
    asked: AtomicU32,
    /// Clients remembered at the last look: to count them locks out every request for a moment.
    known: AtomicUsize,
}

impl KeyExtractor for ByClient {
    type Key = Client;

    fn extract<T>(&self, request: &http::Request<T>) -> Result<Client, GovernorError> {
        let Clients { proxies, counts, asked, known } = &*self.0;
        let client = proxies.client(request.extensions(), request.headers());
        let Some(counts) = counts.get() else { return Ok(client) };
        let since = match asked.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY {
            last if last == SWEEP_EVERY - 1 => {
                counts.retain_recent();
                counts.shrink_to_fit();
                known.store(counts.len(), Ordering::Relaxed);
                0
            }
            since => since as usize + 1,
        };
        // Each request since may have been somebody new.
        let most = known.load(Ordering::Relaxed) + since;
        Ok(if most < MAX_CLIENTS { client } else { Client::Crowd })
    }
}

impl RateLimiter {
    /// So many a second, and a burst of some seconds' worth.
    pub(crate) fn a_second(most: NonZeroU32, proxies: &Proxies) -> Self {
        Self::new(Duration::from_secs(1) / most.get(), most.get().saturating_mul(BURST), proxies)
    }

    /// So many a minute, all at once if need be.
    pub(crate) fn a_minute(most: NonZeroU32, proxies: &Proxies) -> Self {
        Self::new(Duration::from_mins(1) / most.get(), most.get(), proxies)
    }

    fn new(period: Duration, burst: u32, proxies: &Proxies) -> Self {
        let clients = Clients {
            proxies: proxies.clone(),
            counts: OnceLock::new(),
            asked: AtomicU32::new(0),
            known: AtomicUsize::new(0),
        };
        let by_client = ByClient(Arc::new(clients));
        let config = GovernorConfigBuilder::default()
            .period(period.max(Duration::from_nanos(1)))
            .burst_size(burst)
            .key_extractor(by_client.clone())
            .use_headers()
            .finish()
            .expect("BUG: neither the period nor the burst is zero");
        let _ = by_client.0.counts.set(config.limiter().clone());
        Self(config)
    }

    /// Clients remembered.
    pub(crate) fn clients(&self) -> usize {
        self.0.limiter().len()
    }
}

/// Refuses who asks too much, before anything is looked up for him.
pub(crate) async fn limit(With(state): With<Arc<State>>, request: Request, next: Next) -> Response {
    let is_log_in = request.uri().path() == login::PATH;
    let guards = &state.guards.0;
    let Some(limiter) = (if is_log_in { &guards.log_ins } else { &guards.requests }) else {
        return next.run(request).await;
    };
    let told = state.clone();
    let governed = Governor::new(next, &limiter.0).error_handler(move |error| {
        refused(&error, || {
            let guards = &told.guards.0;
            let (kind, limiter) = if is_log_in {
                (Limit::LogIns, &guards.log_ins)
            } else {
                (Limit::Requests, &guards.requests)
            };
            guards.metrics.limited(kind, limiter.as_ref().map_or(0, RateLimiter::clients));
        })
    });
    governed.oneshot(request).await.unwrap_or_else(|never| match never {})
}

/// The refusal in the one shape for errors, with the headers that say how much there is.
fn refused(error: &GovernorError, count: impl Fn()) -> Response<Body> {
    let GovernorError::TooManyRequests { wait_time, headers } = error else {
        return Error::Gone.into_response();
    };
    count();
    // The time comes cut to whole seconds; who came back after them would be refused again.
    let seconds = wait_time + 1;
    let mut response = Error::TooMany(seconds).into_response();
    let told = response.headers_mut();
    told.extend(headers.clone().unwrap_or_default());
    for name in [header::RETRY_AFTER, header::HeaderName::from_static("x-ratelimit-after")] {
        told.insert(name, HeaderValue::from(seconds));
    }
    response
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::net::{Ipv6Addr, SocketAddr};

    use axum::extract::ConnectInfo;
    use tower::service_fn;

    use super::*;

    /// Whether a request of the nth client is let through, and how long it would have to wait else.
    async fn ask(limiter: &RateLimiter, n: u32) -> Result<(), u64> {
        // A subscriber of IPv6 has a /64.
        let address = Ipv6Addr::from(u128::from(n) << 64 | 1 << 125);
        let request = Request::builder().extension(ConnectInfo(SocketAddr::new(address.into(), 5000)));
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
        let limiter = RateLimiter::a_minute(many(3), &Proxies::default());
        for _ in 0..3 {
            assert_eq!(ask(&limiter, 1).await, Ok(()));
        }
        let wait = ask(&limiter, 1).await.unwrap_err();
        assert!((16..=20).contains(&wait), "{wait}");
        assert_eq!(ask(&limiter, 2).await, Ok(()));
    }

    #[tokio::test]
    async fn rate_limiter_bounds_remembered_clients() {
        let limiter = RateLimiter::a_minute(many(1), &Proxies::default());
        let more = u32::try_from(MAX_CLIENTS).unwrap() + 2 * SWEEP_EVERY;
        for n in 0..more {
            let _ = ask(&limiter, n).await;
        }
        assert!(limiter.clients() <= MAX_CLIENTS + 1, "{}", limiter.clients());
        assert!(ask(&limiter, more).await.is_err(), "the crowd has had its share");
    }

    #[tokio::test]
    async fn rate_limiter_forgets_idle_clients() {
        let limiter = RateLimiter::a_second(many(1_000_000), &Proxies::default());
        for n in 0..SWEEP_EVERY {
            assert_eq!(ask(&limiter, n).await, Ok(()));
        }
        assert!(limiter.clients() < SWEEP_EVERY as usize, "{}", limiter.clients());
    }
}
