//! The scheduler: each person who is due is read by one worker of one replica.
//!
//! A worker takes a lease in the store and renews it during the sync run, so a process that dies loses it within
//! [`Scheduler::lease_duration`], and one that stalls finds it lost and stops. A batch that is stored twice all the same
//! changes nothing: applying is idempotent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::Collection;
use jiff::{SignedDuration, Timestamp};
use store::{Person, Store, SyncState, causes};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Clock;
use crate::metrics::Metrics;
use crate::oura::Client;
use crate::sync::{Ingest, Settings, SyncReport, SyncRun, WindowProgress};
use crate::webhook::settings::WebhookHealth;

/// How often the store is polled for people who are due.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// How soon a person without a log-in is checked again. A log-in makes them due at once, but may do so during a check.
const LOGIN_POLL_INTERVAL: Duration = Duration::from_mins(1);

/// How far apart the clocks of replicas may be.
const SKEW: Duration = Duration::from_mins(1);

/// Pause after the store failed.
const STORE_RETRY_DELAY: Duration = Duration::from_secs(10);

/// Reads everyone who is due.
#[derive(Clone)]
pub struct Scheduler {
    /// The store of people, leases and documents.
    pub store: Store,
    /// Finds a client for a person; `None` while there is no way to request Oura.
    pub client: Access,
    /// How each person is read.
    pub settings: Settings,
    /// The counters.
    pub metrics: Metrics,
    /// The clock.
    pub clock: Clock,
    /// People read at the same time by this process.
    pub workers: u32,
    /// A name no other process has.
    pub holder: String,
    /// Lease duration, renewed every third of it; clock skew between replicas must be smaller. [`Scheduler::LEASE`] unless
    /// there is a reason.
    pub lease_duration: Duration,
    /// The interval while webhooks are healthy and replace most sync runs. Time series have no webhook events, so they are
    /// read as rarely.
    pub relaxed: Option<(WebhookHealth, Duration)>,
}

/// Finds a client of Oura for a person.
pub type Access = Arc<dyn Fn(&Person) -> Option<Client> + Send + Sync>;

/// Called with the progress of a person's sync run.
pub type ProgressFn = Arc<dyn Fn(&Person, &WindowProgress) + Send + Sync>;

impl Scheduler {
    /// Long enough for a pause of the machine, short enough for the people of a process that died.
    pub const LEASE: Duration = Duration::from_secs(30);

    /// Reads everyone who is due until `stop`. Sync runs then end early, and their people are due again at once, for other
    /// replicas.
    pub async fn run(&self, stop: CancellationToken, watch: ProgressFn) {
        let mut runs = JoinSet::new();
        let names = AtomicU64::new(0);
        while !stop.is_cancelled() {
            let free = self.workers.saturating_sub(u32::try_from(runs.len()).unwrap_or(u32::MAX));
            let due =
                if free == 0 { Ok(Vec::new()) } else { self.store.people_due(free, (self.clock)()).await };
            let pause = match due {
                Ok(due) => {
                    for person in due {
                        let name = format!("{}-{}", self.holder, names.fetch_add(1, Ordering::Relaxed));
                        runs.spawn(self.clone().sync_next_person(person, name, stop.clone(), watch.clone()));
                    }
                    POLL_INTERVAL
                }
                Err(error) => {
                    tracing::error!(error = causes(&error), "cannot see who is due");
                    STORE_RETRY_DELAY
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                // A worker is free again: another person may be due.
                Some(ended) = runs.join_next() => {
                    // The lease ends by itself, and the person is due again; other people are not affected.
                    if let Err(error) = ended {
                        self.metrics.count_panic();
                        tracing::error!(%error, "BUG: a sync run panicked; please report it with the log");
                    }
                }
                () = tokio::time::sleep(pause) => {}
            }
        }
        while runs.join_next().await.is_some() {}
    }

    async fn sync_next_person(
        self,
        person: Person,
        name: String,
        stop: CancellationToken,
        watch: ProgressFn,
    ) {
        let Err(error) = self.sync_with_lease(&person, &name, &stop, &watch).await else { return };
        // Nothing was acknowledged, so nothing is lost; the lease ends and the person is due again.
        tracing::error!(person = %person.name, error = causes(&error), "cannot store what was read");
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(STORE_RETRY_DELAY) => {}
        }
    }

    /// Takes the lease on a person if it is free, reads, and sets when the person is due again.
    async fn sync_with_lease(
        &self,
        person: &Person,
        name: &str,
        stop: &CancellationToken,
        watch: &ProgressFn,
    ) -> Result<(), store::Error> {
        if !self.renew_lease(person, name).await? {
            return Ok(());
        }
        // Between the poll and the lease, another process may have finished a sync run.
        if !self.store.is_person_due(person.id, (self.clock)()).await? {
            return self.store.release_unused_sync_lease(person.id, name).await;
        }
        let pause = match (self.client)(person).map(|client| self.ingest(client, person)) {
            None => self.settings.interval,
            Some(ingest) => {
                let run = Box::pin(self.sync_or_wait(&ingest, stop, watch));
                let done = self.while_lease_held(person, name, run).await;
                // A renewal that was begun is brought to its end; dropping it would lose the log-in.
                ingest.finish().await;
                let Some(pause) = done else { return Ok(()) };
                pause?
            }
        };
        self.release_lease(person, name, pause).await
    }

    /// Reads what is missing; how long the person can wait then.
    async fn sync_or_wait(
        &self,
        ingest: &Ingest,
        stop: &CancellationToken,
        watch: &ProgressFn,
    ) -> Result<Duration, store::Error> {
        if ingest.waits_for_login().await? {
            return Ok(LOGIN_POLL_INTERVAL.min(self.settings.interval));
        }
        if self.can_wait(ingest).await? {
            return Ok(self.settings.interval);
        }
        let budget = Some(self.settings.interval);
        let began = (self.clock)();
        let report =
            ingest.sync(SyncRun::Missing, stop, budget, |step| watch(ingest.person(), &step)).await?;
        let took = Duration::try_from((self.clock)().duration_since(began)).unwrap_or_default();
        Ok(pause_after(&report, self.settings.interval, took))
    }

    /// Whether webhooks have kept this person up to date since the last sync run.
    async fn can_wait(&self, ingest: &Ingest) -> Result<bool, store::Error> {
        let Some((_, longest)) = self.relaxed.as_ref().filter(|(health, _)| health.is_good()) else {
            return Ok(false);
        };
        let states = self.store.sync_states(ingest.person().id).await?;
        Ok(all_collections_fresh(&states, *longest, (self.clock)()))
    }

    /// Reads one person now, due or not, as far as there is something to read; `None` without a client. While
    /// another process reads them, it is waited for: at most [`Scheduler::lease_duration`] where that process was killed.
    pub async fn read(
        &self,
        person: &Person,
        run: SyncRun,
        stop: &CancellationToken,
        watch: &ProgressFn,
    ) -> Result<Option<SyncReport>, store::Error> {
        let Some(client) = (self.client)(person) else { return Ok(None) };
        let mut logged = false;
        while !self.renew_lease(person, &self.holder).await? {
            if !std::mem::replace(&mut logged, true) {
                tracing::info!(person = %person.name, "another process is reading; waiting for it");
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(Some(SyncReport::default())),
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
        }
        let ingest = self.ingest(client, person);
        let work = Box::pin(ingest.sync(run, stop, None, |step| watch(person, &step)));
        let done = self.while_lease_held(person, &self.holder, work).await;
        ingest.finish().await;
        let Some(report) = done else { return Ok(Some(SyncReport::default())) };
        let report = report?;
        self.release_lease(person, &self.holder, self.settings.interval).await?;
        Ok(Some(report))
    }

    fn ingest(&self, client: Client, person: &Person) -> Ingest {
        let (store, metrics, clock) = (self.store.clone(), self.metrics.clone(), self.clock.clone());
        Ingest::new(store, client, person.clone(), self.settings, metrics, clock)
    }

    /// Works while the lease is held; `None` when another process took it.
    async fn while_lease_held<T>(
        &self,
        person: &Person,
        name: &str,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.lease_lost(person, name) => {
                tracing::warn!(person = %person.name, "another process has taken over");
                None
            }
        }
    }

    async fn release_lease(&self, person: &Person, name: &str, pause: Duration) -> Result<(), store::Error> {
        self.store.finish_sync_lease(person.id, name, after((self.clock)(), pause)).await
    }

    /// Renews the lease, and returns when another process has it.
    async fn lease_lost(&self, person: &Person, name: &str) {
        loop {
            tokio::time::sleep(self.lease_duration / 3).await;
            // A store that fails is reported by the sync run.
            if let Ok(false) = self.renew_lease(person, name).await {
                return;
            }
        }
    }

    async fn renew_lease(&self, person: &Person, name: &str) -> Result<bool, store::Error> {
        let now = (self.clock)();
        self.store.take_sync_lease(person.id, name, after(now, self.lease_duration), now).await
    }
}

/// Until a person is due again: what is left of the interval, or longer where Oura requires it; no time while history is
/// missing. A run that waited for one collection that hangs does not put off the others, and one that took longer than
/// the interval is followed by a tenth of it all the same.
fn pause_after(report: &SyncReport, interval: Duration, took: Duration) -> Duration {
    if !report.complete {
        return Duration::ZERO;
    }
    let asked = report.failures.iter().filter_map(|(_, failure)| failure.retry_after()).max();
    asked.unwrap_or_default().max(interval.saturating_sub(took)).max(interval / 10)
}

/// The moment `pause` after `now`, or the last there is.
pub(crate) fn after(now: Timestamp, pause: Duration) -> Timestamp {
    let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
    now.saturating_add(pause).unwrap_or(Timestamp::MAX)
}

/// Whether every collection was read to its end less than `longest` ago, and none fails.
fn all_collections_fresh(states: &[SyncState], longest: Duration, now: Timestamp) -> bool {
    let fresh = |state: &SyncState| {
        // A moment to come was noted by a clock that was ahead; it would stay fresh until then.
        let read = state.last_success_at.is_some_and(|at| at <= after(now, SKEW) && now < after(at, longest));
        read && state.failure.is_none() && state.covered.is_some()
    };
    states.len() >= Collection::ALL.len() && states.iter().all(fresh)
}

#[cfg(test)]
mod tests {
    use domain::{Cause, Day, DayRange};

    use crate::failure::Failure;

    use super::*;

    #[test]
    fn time_that_a_run_took_is_part_of_the_interval() {
        let interval = Duration::from_mins(10);
        let pause = |report: &SyncReport, took| pause_after(report, interval, Duration::from_secs(took));
        let calm = SyncReport { complete: true, ..SyncReport::default() };
        assert_eq!(pause(&calm, 0), interval);
        assert_eq!(pause(&calm, 60), Duration::from_mins(9));
        assert_eq!(pause(&calm, 3_600), Duration::from_mins(1));
        let asked = Failure::RateLimited(Some(Duration::from_hours(1)));
        let limited = SyncReport { failures: vec![(Collection::Sleep, asked)], ..calm };
        assert_eq!(pause(&limited, 60), Duration::from_hours(1));
        assert_eq!(pause(&SyncReport::default(), 60), Duration::ZERO, "history is missing");
    }

    #[test]
    fn webhooks_reduce_polling_only_while_all_collections_are_fresh() {
        let now: Timestamp = "2026-03-29T15:00:00Z".parse().unwrap();
        let state = |collection: &Collection| SyncState {
            collection: *collection,
            covered: Some(DayRange::ending(Day::literal(2026, 3, 29), 7)),
            newest_day: None,
            last_attempt_at: Some(now),
            last_success_at: Some(now),
            failure: None,
            rejected_at: None,
            rejected_day: None,
        };
        let all: Vec<_> = Collection::ALL.iter().map(state).collect();
        let hour = Duration::from_hours(1);
        assert!(all_collections_fresh(&all, hour, now));
        assert!(all_collections_fresh(&all, hour, now + SignedDuration::from_mins(59)));
        assert!(!all_collections_fresh(&all, hour, now + SignedDuration::from_mins(60)));
        assert!(!all_collections_fresh(&all[1..], hour, now), "a collection was never read");
        assert!(
            !all_collections_fresh(&all, hour, now - SignedDuration::from_mins(2)),
            "read by a clock that was ahead"
        );
        let mut failing = all.clone();
        failing[3].failure = Some(Cause::Server);
        assert!(!all_collections_fresh(&failing, hour, now));
    }
}
