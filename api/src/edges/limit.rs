//! How much one client may ask. `governor` counts; what it forgets never, is forgotten here.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::extract::{Request, State as With};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::client::Client;
use super::metrics::Limit;
use crate::error::Error;
use crate::login;
use crate::state::State;

/// Clients remembered; whoever comes when all are, shares the measure of the crowd.
const MOST: usize = 100_000;

/// Requests between two looks at who may be forgotten.
const EVERY: u32 = 4096;

/// Seconds' worth that a client may ask at once: a dashboard asks in bursts.
const BURST: u32 = 4;

type Counts = RateLimiter<Client, HashMapStateStore<Client>, DefaultClock, StateInformationMiddleware>;

/// One measure for every client.
pub(crate) struct Limiter {
    counts: Counts,
    clock: DefaultClock,
    policy: HeaderValue,
    asked: AtomicU32,
}

/// What is left to a client.
#[derive(Debug, PartialEq, Eq)]
struct Left(u32);

/// How long a client has to wait.
#[derive(Debug, PartialEq, Eq)]
struct Wait(Duration);

impl Limiter {
    /// So many a second, and a burst of some seconds' worth.
    pub(crate) fn a_second(most: NonZeroU32) -> Self {
        let burst = most.saturating_mul(NonZeroU32::new(BURST).expect("BUG: four is not zero"));
        Self::new(Quota::per_second(most).allow_burst(burst), burst, BURST)
    }

    /// So many a minute, all at once if need be.
    pub(crate) fn a_minute(most: NonZeroU32) -> Self {
        Self::new(Quota::per_minute(most), most, 60)
    }

    fn new(quota: Quota, burst: NonZeroU32, window: u32) -> Self {
        let policy = format!("\"address\";q={burst};w={window}");
        Self {
            counts: RateLimiter::hashmap(quota).with_middleware(),
            clock: DefaultClock::default(),
            policy: policy.try_into().expect("BUG: digits are a header"),
            asked: AtomicU32::new(0),
        }
    }

    fn ask(&self, client: Client) -> Result<Left, Wait> {
        if self.asked.fetch_add(1, Ordering::Relaxed) % EVERY == EVERY - 1 {
            self.counts.retain_recent();
            self.counts.shrink_to_fit();
        }
        // Who is full again after a moment is no entry to fight for.
        let client = if self.counts.len() < MOST { client } else { Client::Crowd };
        match self.counts.check_key(&client) {
            Ok(state) => Ok(Left(state.remaining_burst_capacity())),
            Err(until) => Err(Wait(until.wait_time_from(self.clock.now()))),
        }
    }

    /// Clients remembered.
    pub(crate) fn clients(&self) -> usize {
        self.counts.len()
    }

    /// The headers of the IETF's draft (draft-ietf-httpapi-ratelimit-headers).
    fn tell(&self, headers: &mut HeaderMap, left: u32, seconds: u64) {
        headers.insert(HeaderName::from_static("ratelimit-policy"), self.policy.clone());
        let state = if seconds == 0 {
            format!("\"address\";r={left}")
        } else {
            format!("\"address\";r={left};t={seconds}")
        };
        headers.insert(
            HeaderName::from_static("ratelimit"),
            state.try_into().expect("BUG: digits are a header"),
        );
    }
}

/// Refuses who asks too much, before anything is looked up for him.
pub(crate) async fn limit(With(state): With<Arc<State>>, request: Request, next: Next) -> Response {
    let edges = &state.edges.0;
    let (limiter, kind) = if request.uri().path() == login::PATH {
        (&edges.log_ins, Limit::LogIns)
    } else {
        (&edges.requests, Limit::Requests)
    };
    let Some(limiter) = limiter else { return next.run(request).await };
    let client = edges.proxies.client(request.extensions(), request.headers());
    match limiter.ask(client) {
        Ok(Left(left)) => {
            let mut response = next.run(request).await;
            limiter.tell(response.headers_mut(), left, 0);
            response
        }
        Err(Wait(wait)) => {
            edges.metrics.limited(kind, limiter.clients());
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let mut response = Error::TooMany(seconds).into_response();
            limiter.tell(response.headers_mut(), 0, seconds);
            response
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn one_client_does_not_use_up_what_another_may_ask() {
        let limiter = Limiter::a_minute(NonZeroU32::new(3).unwrap());
        for left in [2, 1, 0] {
            assert_eq!(limiter.ask(Client::Address(1)), Ok(Left(left)));
        }
        let Err(Wait(wait)) = limiter.ask(Client::Address(1)) else { panic!("the fourth") };
        assert!(wait > Duration::from_secs(15) && wait <= Duration::from_secs(20), "{wait:?}");
        assert_eq!(limiter.ask(Client::Address(2)), Ok(Left(2)));
        assert_eq!(limiter.policy, "\"address\";q=3;w=60");
    }

    #[test]
    fn the_memory_of_clients_has_an_end() {
        let limiter = Limiter::a_minute(NonZeroU32::new(1).unwrap());
        let many = u32::try_from(MOST).unwrap() + 2 * EVERY;
        for n in 0..many {
            let _ =
                limiter.ask(Client::Address(IpAddr::from(n.to_be_bytes()).to_canonical().is_ipv4().into()));
            let _ = limiter.ask(Client::Address(u128::from(n) + 10));
        }
        assert!(limiter.clients() <= MOST + 1, "{}", limiter.clients());
        assert!(limiter.ask(Client::Address(u128::MAX)).is_err(), "the crowd has had its share");
        assert!(limiter.ask(Client::Crowd).is_err());
    }

    #[test]
    fn who_has_waited_is_forgotten() {
        let limiter = Limiter::a_second(NonZeroU32::new(1_000_000).unwrap());
        for n in 0..EVERY {
            let _ = limiter.ask(Client::Address(n.into()));
        }
        assert!(limiter.clients() < EVERY as usize, "{}", limiter.clients());
    }
}
