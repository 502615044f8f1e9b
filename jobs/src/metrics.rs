//! Jobs by state, and attempts by result. No label names a person.

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use store::{JobCount, JobState};

use crate::work::Kind;

/// Counters and gauges of the jobs.
#[derive(Clone, Debug)]
pub struct Metrics {
    jobs: Family<State, Gauge>,
    oldest: Gauge,
    attempts: Family<Outcome, Counter>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct State {
    kind: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    kind: &'static str,
    result: &'static str,
}

impl Metrics {
    /// The results of an attempt.
    const RESULTS: [&'static str; 5] = ["done", "failed", "cancelled", "postponed", "lost"];

    /// Registers them; the caller chose the prefix. Known series start at zero.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self { jobs: Family::default(), oldest: Gauge::default(), attempts: Family::default() };
        registry.register("jobs", "Jobs by how far they are", metrics.jobs.clone());
        registry.register_with_unit(
            "jobs_oldest_queued_age",
            "How long the job that waits longest has waited; 0 when none waits",
            Unit::Seconds,
            metrics.oldest.clone(),
        );
        registry.register(
            "job_attempts",
            "Attempts of this process at jobs, by how they ended",
            metrics.attempts.clone(),
        );
        metrics.set(&[], Timestamp::UNIX_EPOCH);
        for kind in Kind::ALL.map(Kind::name) {
            for result in Self::RESULTS {
                drop(metrics.attempts.get_or_create(&Outcome { kind, result }));
            }
        }
        metrics
    }

    pub(crate) fn count(&self, kind: Kind, result: &'static str) {
        debug_assert!(Self::RESULTS.contains(&result), "an unknown result");
        self.attempts.get_or_create_owned(&Outcome { kind: kind.name(), result }).inc();
    }

    pub(crate) fn set(&self, counts: &[JobCount], now: Timestamp) {
        for kind in Kind::ALL.map(Kind::name) {
            for state in JobState::ALL {
                let found = counts.iter().find(|one| one.kind == kind && one.state == state);
                let count = found.map_or(0, |one| one.count);
                self.jobs.get_or_create_owned(&State { kind, state: state.name() }).set(count);
            }
        }
        let waiting = counts.iter().filter(|one| one.state == JobState::Queued);
        let oldest = waiting.map(|one| now.duration_since(one.oldest).as_secs()).max();
        self.oldest.set(oldest.unwrap_or_default().max(0));
    }
}
