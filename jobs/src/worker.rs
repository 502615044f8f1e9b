//! Works the job queue. A worker renews its lease of a job by heartbeats; when it loses the lease, it stops and removes the
//! result.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use store::{Job, JobOutcome, LeaseRenewal, Store, causes};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::metrics::{JobResult, Metrics};
use crate::perform::{Attempt, Backfill, JobContext, Progress};
use crate::queue::{JobQueue, RETENTION};
use crate::work::Kind;

/// Exports and reports at a time: they share the database with everything else.
const CONCURRENCY: usize = 2;

/// Backfills at a time: each takes hours, most of which it waits for Oura, and no export waits behind one.
const BACKFILL_CONCURRENCY: usize = 1;

/// How often the queue is polled: another process may have filled it.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Pause after the store failed.
const STORE_RETRY_DELAY: Duration = Duration::from_secs(10);

/// Time between two heartbeats, at each of which a cancellation is noticed.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Lease duration without a heartbeat: a database that is away for a moment loses nothing.
const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// Attempts before a job fails permanently; an attempt whose process died counts.
const MAX_ATTEMPTS: i64 = 5;

/// The first pause before another attempt; doubled each time.
const FIRST_RETRY_DELAY: SignedDuration = SignedDuration::from_secs(10);

/// How often finished jobs are collected as garbage.
const GC_INTERVAL: Duration = Duration::from_mins(10);

/// How often the queue is counted.
const COUNT_INTERVAL: Duration = Duration::from_secs(15);

/// Reads the wall clock; only `app` provides one.
pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Works on jobs of some kinds.
#[derive(Clone)]
pub struct Worker {
    pub(crate) store: Store,
    pub(crate) desk: JobQueue,
    kinds: Vec<Kind>,
    tools: JobContext,
    metrics: Metrics,
    pub(crate) clock: Clock,
    holder: String,
}

impl Worker {
    /// A worker for these kinds. `holder` is a name no other process has.
    pub fn new(
        desk: JobQueue,
        kinds: Vec<Kind>,
        backfill: Option<Backfill>,
        metrics: Metrics,
        clock: Clock,
        holder: String,
    ) -> Self {
        let store = desk.store.clone();
        let tools = JobContext { store: store.clone(), results: desk.results.clone(), backfill };
        Self { store, desk, kinds, tools, metrics, clock, holder }
    }

    /// Works until `stop`. Running jobs are then released at once, for other processes.
    pub async fn run(&self, stop: CancellationToken) {
        let (backfills, others): (Vec<Kind>, Vec<Kind>) =
            self.kinds.iter().partition(|kind| **kind == Kind::Backfill);
        tokio::join!(
            self.work(&backfills, BACKFILL_CONCURRENCY, &stop),
            self.work(&others, CONCURRENCY, &stop),
            self.count(&stop),
            self.run_gc(&stop)
        );
    }

    /// Counts the queue for the gauges.
    async fn count(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            // A database that is away is reported where jobs are claimed.
            if let Ok(counts) = self.store.job_counts(None).await {
                self.metrics.set(&counts, (self.clock)());
            }
            pause(COUNT_INTERVAL, stop).await;
        }
    }

    async fn run_gc(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            self.collect_garbage().await;
            pause(GC_INTERVAL, stop).await;
        }
    }

    /// Works on jobs of these kinds, `at_once` at a time.
    async fn work(&self, kinds: &[Kind], at_once: usize, stop: &CancellationToken) {
        let Some(first) = kinds.first() else { return };
        let mut running = JoinSet::new();
        let mut wake = self.desk.wake.subscribe();
        let mut number = 0_u64;
        while !stop.is_cancelled() {
            let mut pause = POLL_INTERVAL;
            if running.len() < at_once {
                number += 1;
                let holder = format!("{}-{}-{number}", self.holder, first.name());
                match self.claim(kinds, &holder).await {
                    Ok(Some(job)) => {
                        let (worker, stop) = (self.clone(), stop.clone());
                        running.spawn(async move { worker.run_attempts(job, &holder, &stop).await });
                        continue;
                    }
                    Ok(None) => {}
                    Err(error) => {
                        tracing::error!(error = causes(&error), "cannot work the queue of jobs");
                        pause = STORE_RETRY_DELAY;
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                Some(_) = running.join_next() => {}
                Ok(()) = wake.changed() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        while running.join_next().await.is_some() {}
    }

    async fn claim(&self, kinds: &[Kind], holder: &str) -> Result<Option<Job>, store::Error> {
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        let now = (self.clock)();
        self.store.claim_job(&kinds, holder, now + LEASE, now).await
    }

    /// Does one job if one is due, to its end; returns whether there was one.
    pub async fn step(&self, stop: &CancellationToken) -> Result<bool, store::Error> {
        let Some(job) = self.claim(&self.kinds, &self.holder).await? else { return Ok(false) };
        self.run_attempts(job, &self.holder, stop).await;
        Ok(true)
    }

    async fn run_attempts(&self, job: Job, holder: &str, stop: &CancellationToken) {
        // When the store fails, the lease ends by itself.
        if let Err(error) = self.attempt(&job, holder, stop).await {
            tracing::error!(
                kind = job.kind,
                error = causes(&error),
                "cannot store how a job ended; it is done again"
            );
        }
    }

    async fn attempt(&self, job: &Job, holder: &str, stop: &CancellationToken) -> Result<(), store::Error> {
        let Some(kind) = self.kinds.iter().copied().find(|kind| kind.name() == job.kind) else {
            return Ok(());
        };
        if job.cancelling {
            // Its process died between the cancellation and the end.
            return self.end(job, holder, kind, Attempt::Stopped, EndReason::Cancelled).await;
        }
        if job.attempts > MAX_ATTEMPTS {
            return self.end(job, holder, kind, Attempt::Failed("given_up"), EndReason::Itself).await;
        }
        let (progress, halt) = (Progress::default(), CancellationToken::new());
        let now = (self.clock)();
        let mut work = std::pin::pin!(self.tools.perform(job, &progress, &halt, now));
        let mut why = EndReason::Itself;
        let mut heard = now;
        let attempt = loop {
            tokio::select! {
                attempt = &mut work => break attempt,
                () = stop.cancelled(), if !halt.is_cancelled() => {
                    why = EndReason::Stopping;
                    halt.cancel();
                }
                () = tokio::time::sleep(HEARTBEAT) => {
                    let now = (self.clock)();
                    // The work continues meanwhile: it may hold the connection that this waits for.
                    let renewed = tokio::select! {
                        attempt = &mut work => break attempt,
                        renewed = self.store.renew_job_lease(job, holder, now + LEASE, progress.get()) => renewed,
                    };
                    match renewed {
                        Ok(LeaseRenewal::Cancel) if !halt.is_cancelled() => {
                            why = EndReason::Cancelled;
                            halt.cancel();
                        }
                        Ok(LeaseRenewal::Held | LeaseRenewal::Cancel) => heard = now,
                        Ok(LeaseRenewal::Lost) => {
                            why = EndReason::Lost;
                            halt.cancel();
                        }
                        // Another worker may have taken the job over.
                        Err(_) if now.duration_since(heard) > LEASE => {
                            why = EndReason::Lost;
                            halt.cancel();
                        }
                        Err(error) => {
                            tracing::warn!(error = causes(&error), "cannot renew the lease of a job");
                        }
                    }
                }
            }
        };
        if matches!(attempt, Attempt::Done(_)) {
            // Quick work had no heartbeat; `end` checks whether the lease is still held.
            self.store.renew_job_lease(job, holder, (self.clock)() + LEASE, progress.get()).await?;
        }
        self.end(job, holder, kind, attempt, why).await
    }

    /// Stores how an attempt ended.
    async fn end(
        &self,
        job: &Job,
        holder: &str,
        kind: Kind,
        attempt: Attempt,
        why: EndReason,
    ) -> Result<(), store::Error> {
        let now = (self.clock)();
        if let Attempt::Again(reason) = attempt
            && job.attempts < MAX_ATTEMPTS
            && !matches!(why, EndReason::Lost | EndReason::Cancelled)
        {
            let doublings = u32::try_from(job.attempts - 1).unwrap_or(0).min(8);
            tracing::warn!(kind = kind.name(), reason, "a job is tried again later");
            return self
                .release(job, holder, kind, now + FIRST_RETRY_DELAY * 2_i32.pow(doublings), true)
                .await;
        }
        let made = match &attempt {
            Attempt::Done(Some(result)) => Some(result.object.clone()),
            _ => None,
        };
        let ending = match (attempt, why) {
            (Attempt::Done(result), _) => JobOutcome::Done(result),
            (_, EndReason::Lost) => {
                self.metrics.count(kind, JobResult::Lost);
                return Ok(());
            }
            (_, EndReason::Cancelled) => JobOutcome::Cancelled,
            (Attempt::Stopped, _) => {
                return self.release(job, holder, kind, now, false).await;
            }
            (Attempt::Failed(reason) | Attempt::Again(reason), _) => JobOutcome::Failed(reason),
        };
        let result = match &ending {
            JobOutcome::Done(_) => JobResult::Done,
            JobOutcome::Failed(_) => JobResult::Failed,
            JobOutcome::Cancelled => JobResult::Cancelled,
        };
        if self.store.finish_job(job, holder, &ending, RETENTION, now).await? {
            self.metrics.count(kind, result);
            tracing::info!(
                kind = kind.name(),
                result = <&str>::from(result),
                attempts = job.attempts,
                "a job has ended"
            );
            return Ok(());
        }
        self.metrics.count(kind, JobResult::Lost);
        if let Some((object, results)) = made.zip(self.desk.results.as_ref())
            && let Err(error) = results.remove(&object).await
        {
            tracing::warn!(error = causes(&error), "cannot remove a result without a job");
        }
        Ok(())
    }

    /// Releases a job for another attempt, unless a client has cancelled it.
    async fn release(
        &self,
        job: &Job,
        holder: &str,
        kind: Kind,
        not_before: Timestamp,
        counted: bool,
    ) -> Result<(), store::Error> {
        let now = (self.clock)();
        let given = self.store.release_job(job, holder, not_before, counted, RETENTION, now).await?;
        let result = match given {
            LeaseRenewal::Held => JobResult::Postponed,
            LeaseRenewal::Cancel => JobResult::Cancelled,
            LeaseRenewal::Lost => JobResult::Lost,
        };
        self.metrics.count(kind, result);
        Ok(())
    }
}

pub(crate) async fn pause(length: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(length) => {}
    }
}

/// Why an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EndReason {
    Itself,
    /// A client cancelled it.
    Cancelled,
    /// The process stops.
    Stopping,
    /// Another process has it.
    Lost,
}
