//! Requests, watches and cancels jobs: what a service for clients needs.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use store::{Cancel, Enqueued, Job, JobLimits, NewJob, Store, causes};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::results::Results;
use crate::work::Work;

/// Jobs a person may have: waiting or running, and in all, before the one that ended first is forgotten.
pub const LIMITS: JobLimits = JobLimits { unfinished: 10, all: 200 };

/// How long a job and its result are kept after it ended.
pub const RETENTION: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How often a watched job is polled; its worker may be another process.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Takes requests for jobs.
#[derive(Clone, Debug)]
pub struct JobQueue {
    pub(crate) store: Store,
    /// Where results are kept; `None` where no place is configured.
    pub results: Option<Results>,
    /// Wakes the workers of this process.
    pub(crate) wake: Arc<watch::Sender<()>>,
    /// Ends every watch: the process is stopping.
    pub stop: CancellationToken,
}

impl JobQueue {
    /// A queue; `results` is where this process reads results.
    pub fn new(store: Store, results: Option<Results>, stop: CancellationToken) -> Self {
        Self { store, results, wake: Arc::default(), stop }
    }

    /// Queues work about a person. The caller has checked the principal's access to the person and to the work's result.
    pub async fn enqueue(
        &self,
        work: &Work,
        person: i64,
        asker: String,
        key: Option<String>,
        now: Timestamp,
    ) -> Result<Enqueued, store::Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| store::Error::Corrupt { what: "source of chance" })?;
        let new = NewJob {
            id: HEXLOWER.encode(&random),
            person,
            kind: work.kind().name(),
            parameters: work.to_json(),
            asker,
            key,
        };
        let accepted = self.store.enqueue_job(&new, LIMITS, now).await?;
        self.wake.send_replace(());
        Ok(accepted)
    }

    /// Cancels a job: it is deleted with its result, or stops at the next heartbeat where a worker has it.
    pub async fn cancel(&self, id: &str, now: Timestamp) -> Result<Cancel, store::Error> {
        let withdrawn = self.store.cancel_job(id, now).await?;
        if let (Cancel::Deleted(Some(object)), Some(results)) = (&withdrawn, &self.results)
            && let Err(error) = results.remove(object).await
        {
            tracing::warn!(error = causes(&error), "cannot remove a result; garbage collection tries again");
        }
        Ok(withdrawn)
    }

    /// Waits until the job has changed since `version`; returns at once when it has already. `None` when it is deleted or
    /// this process is stopping.
    pub async fn wait_for_change(&self, id: &str, version: i64) -> Result<Option<Job>, store::Error> {
        loop {
            match self.store.job(id).await? {
                Some(job) if job.version == version => {}
                other => return Ok(other),
            }
            tokio::select! {
                () = self.stop.cancelled() => return Ok(None),
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
        }
    }
}
