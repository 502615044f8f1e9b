//! How hard Oura is asked: a budget of our own, the pauses Oura asks for, and collections left alone while they fail.
//!
//! Oura limits each token and each application. One [`Limits`] is shared by every client of a process, because they are
//! one application; each token has a [`Pause`] of its own in addition.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{Cause, Collection};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota};
use jiff::Timestamp;
use reqwest::header::HeaderMap;
use tokio::time::Instant;

use crate::failure::{Failure, MAX_INLINE_RETRY_AFTER};
use crate::http::LONGEST_PAUSE;
use crate::metrics::{Metrics, RateLimitTier};

/// Failures in a row that open a collection's circuit: one request with all its retries.
const THRESHOLD: u32 = 5;

/// How long a circuit stays open at first; doubled by every probe that fails.
const FIRST_OPEN_DURATION: Duration = Duration::from_secs(30);
const MAX_OPEN_DURATION: Duration = Duration::from_mins(15);

/// What all clients of a process share.
#[derive(Debug)]
pub(super) struct Limits {
    budget: DefaultDirectRateLimiter,
    clock: DefaultClock,
    application: Pause,
    breakers: Mutex<HashMap<Collection, CircuitBreaker>>,
}

/// Until when no request is sent, because Oura asked to wait.
#[derive(Debug, Default)]
pub(super) struct Pause(Mutex<Option<Instant>>);

impl Pause {
    fn left(&self, now: Instant) -> Duration {
        locked(&self.0).map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// An instant overflows by a pause that no reader of headers lets through; it is bounded here all the same.
    fn extend(&self, now: Instant, pause: Duration) {
        let mut open = locked(&self.0);
        *open = (*open).max(Some(now + pause.min(LONGEST_PAUSE)));
    }
}

/// Open for a collection that fails repeatedly for everyone: Oura's fault, not one person's.
#[derive(Debug, Default)]
struct CircuitBreaker {
    /// Failures in a row, and the cause of the last.
    failures: u32,
    cause: Option<Cause>,
    closed_until: Option<Instant>,
}

impl CircuitBreaker {
    /// Whether to ask. After a rest exactly one request may, as a probe: the next rest begins with it.
    fn admit(&mut self, now: Instant) -> Result<(), Failure> {
        match self.closed_until {
            Some(until) if now < until => {
                let cause = self.cause.unwrap_or(Cause::Unexpected);
                Err(Failure::Resting { cause, pause: until - now })
            }
            Some(_) => {
                self.closed_until = Some(now + self.open_duration());
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn fail(&mut self, cause: Cause, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.cause = Some(cause);
        if self.failures >= THRESHOLD {
            self.closed_until = Some(now + self.open_duration());
        }
    }

    fn open_duration(&self) -> Duration {
        let doubled = self.failures.saturating_sub(THRESHOLD).min(8);
        (FIRST_OPEN_DURATION * 2_u32.pow(doubled)).min(MAX_OPEN_DURATION)
    }
}

impl Limits {
    pub(super) fn new(requests_per_minute: NonZeroU32) -> Self {
        // A burst of a second's worth at least, so that a small sync run does not wait at all.
        let burst = requests_per_minute.div_ceil(NonZeroU32::new(10).expect("BUG: ten is not zero"));
        let quota = Quota::per_minute(requests_per_minute).allow_burst(burst);
        Self {
            budget: DefaultDirectRateLimiter::direct(quota),
            clock: DefaultClock::default(),
            application: Pause::default(),
            breakers: Mutex::default(),
        }
    }

    /// Waits until a request may be sent; fails where the wait has to be left to another sync run.
    pub(super) async fn admit(
        &self,
        token: &Pause,
        collection: Collection,
        metrics: &Metrics,
    ) -> Result<(), Failure> {
        locked(&self.breakers).entry(collection).or_default().admit(Instant::now())?;
        loop {
            let now = Instant::now();
            let asked = self.application.left(now).max(token.left(now));
            if asked > MAX_INLINE_RETRY_AFTER {
                return Err(Failure::RateLimited(Some(asked)));
            }
            let wait = if asked.is_zero() {
                match self.budget.check() {
                    Ok(()) => return Ok(()),
                    Err(until) => until.wait_time_from(self.clock.now()),
                }
            } else {
                asked
            };
            metrics.count_throttled(wait);
            tokio::time::sleep(wait).await;
        }
    }

    /// What an answer says about asking again.
    pub(super) fn record_response(
        &self,
        token: &Pause,
        collection: Collection,
        answer: Result<(), &Failure>,
        metrics: &Metrics,
    ) {
        let now = Instant::now();
        let mut breakers = locked(&self.breakers);
        let breaker = breakers.entry(collection).or_default();
        match answer {
            Err(
                failure @ (Failure::Server(_)
                | Failure::Timeout
                | Failure::Interrupted(_)
                | Failure::Panicked
                | Failure::TooLarge(_)
                | Failure::Malformed(_)
                | Failure::Intercepted(_)),
            ) => {
                breaker.fail(failure.cause(), now);
            }
            // No connection says nothing about a collection.
            Err(Failure::Network(_)) => {}
            _ => *breaker = CircuitBreaker::default(),
        }
        metrics.set_circuit(collection, breaker.closed_until.is_some());
        if let Err(Failure::RateLimited(Some(pause))) = answer {
            token.extend(now, *pause);
        }
    }

    /// The headers of a 429: which limit was hit, how wide it is, and when it opens again.
    pub(super) fn limited(&self, headers: &HeaderMap, pause: Option<Duration>, metrics: &Metrics) {
        let number = |name| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
        // No limit of Oura's is so wide and no window so long; a gauge should not show what cannot be.
        let count = |name| number(name).filter(|count| (0..=i64::from(u32::MAX)).contains(count));
        let moment = |name| number(name).filter(|second| Timestamp::from_second(*second).is_ok());
        let tier = headers.get("x-ratelimit-tier").and_then(|tier| tier.to_str().ok()).unwrap_or_default();
        // A tier that is not one token's limits every token.
        let tier = if tier.to_ascii_lowercase().contains("token") {
            RateLimitTier::Token
        } else {
            RateLimitTier::Application
        };
        if let (RateLimitTier::Application, Some(pause)) = (tier, pause) {
            self.application.extend(Instant::now(), pause);
        }
        metrics.set_rate_limit(
            tier,
            count("x-ratelimit-limit"),
            count("x-ratelimit-window"),
            moment("x-ratelimit-reset"),
        );
    }
}

/// What is guarded is whole after every statement, so a panic elsewhere does not spoil it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circuit_opens_after_consecutive_failures_and_probes_once() {
        let start = Instant::now();
        let mut breaker = CircuitBreaker::default();
        for _ in 1..THRESHOLD {
            breaker.fail(Cause::Server, start);
            assert!(breaker.admit(start).is_ok());
        }
        breaker.fail(Cause::Timeout, start);
        let refused = breaker.admit(start).unwrap_err();
        assert!(
            matches!(refused, Failure::Resting { cause: Cause::Timeout, pause } if pause == FIRST_OPEN_DURATION)
        );
        let rested = start + FIRST_OPEN_DURATION;
        assert!(breaker.admit(rested).is_ok(), "the probe");
        assert!(breaker.admit(rested).is_err(), "one probe at a time");
        breaker.fail(Cause::Server, rested);
        assert!(breaker.admit(rested + FIRST_OPEN_DURATION).is_err(), "the next rest is longer");
        assert!(breaker.admit(rested + 2 * FIRST_OPEN_DURATION).is_ok());
        breaker.failures = u32::MAX;
        assert_eq!(breaker.open_duration(), MAX_OPEN_DURATION);
    }

    #[test]
    fn pause_is_only_extended() {
        let (pause, now) = (Pause::default(), Instant::now());
        assert_eq!(pause.left(now), Duration::ZERO);
        pause.extend(now, Duration::from_secs(7));
        pause.extend(now, Duration::from_secs(3));
        assert_eq!(pause.left(now), Duration::from_secs(7));
        assert_eq!(pause.left(now + Duration::from_secs(8)), Duration::ZERO);
        pause.extend(now, Duration::MAX);
        assert_eq!(pause.left(now), LONGEST_PAUSE);
    }
}
