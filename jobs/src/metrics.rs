//! Jobs by state, and attempts by result. No label names a person.

use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
pub(crate) use service_metrics::JobResult;
use service_metrics::{JobKind, Labels, table};
use store::{JobCount, JobState};

use crate::work::Kind;

/// Counters and gauges of the jobs.
#[derive(Clone, Debug)]
pub struct Metrics {
    jobs: Family<Labels<(JobKind, service_metrics::JobState)>, Gauge>,
    oldest: Gauge,
    attempts: Family<Labels<(JobKind, JobResult)>, Counter>,
}

impl From<Kind> for JobKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Export => Self::Export,
            Kind::Backfill => Self::Backfill,
            Kind::Report => Self::Report,
        }
    }
}

/// The label of a state.
const fn label(state: JobState) -> service_metrics::JobState {
    match state {
        JobState::Queued => service_metrics::JobState::Queued,
        JobState::Running => service_metrics::JobState::Running,
        JobState::Done => service_metrics::JobState::Done,
        JobState::Failed => service_metrics::JobState::Failed,
        JobState::Cancelled => service_metrics::JobState::Cancelled,
    }
}

impl Metrics {
    /// Registers them in a registry with the prefix `myhealth`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            jobs: table::JOBS.family(registry),
            oldest: table::JOBS_OLDEST.single(registry),
            attempts: table::JOB_ATTEMPTS.family(registry),
        };
        metrics.set(&[], Timestamp::UNIX_EPOCH);
        metrics
    }

    pub(crate) fn count(&self, kind: Kind, result: JobResult) {
        self.attempts.get_or_create_owned(&Labels((kind.into(), result))).inc();
    }

    pub(crate) fn set(&self, counts: &[JobCount], now: Timestamp) {
        for kind in Kind::ALL {
            for state in JobState::ALL {
                let found = counts.iter().find(|one| one.kind == kind.name() && one.state == state);
                let count = found.map_or(0, |one| one.count);
                self.jobs.get_or_create_owned(&Labels((kind.into(), label(state)))).set(count);
            }
        }
        let waiting = counts.iter().filter(|one| one.state == JobState::Queued);
        let oldest = waiting.map(|one| now.duration_since(one.oldest).as_secs()).max();
        self.oldest.set(oldest.unwrap_or_default().max(0));
    }
}
