//! One sync run: requests what the plan lists, stores each window before it counts as read, and continues where one
//! collection fails.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::document::newest_day;
use domain::{Collection, Day, DayRange};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::tz::TimeZone;
use store::{Applied, Batch, Origin, Person, Store, causes};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::Clock;
use crate::failure::Failure;
use crate::metrics::Metrics;
use crate::oura::{Client, Window};
use crate::plan::{self, Horizon, Plan, ReadProgress, Request, Today};

mod login;
mod queue;

use queue::Queue;

/// How the loop reads.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How far back.
    pub horizon: Horizon,
    /// From the start of one sync run to the start of the next, and the longest a run works on history before it reads the
    /// newest days again.
    pub interval: Duration,
}

/// No build of this program is older; a clock before it is wrong.
const EARLIEST_CLOCK: Day = Day::literal(2026, 1, 1);

/// Reads one person's data into the store.
#[derive(Clone)]
pub struct Ingest {
    store: Store,
    client: Client,
    person: Person,
    settings: Settings,
    metrics: Metrics,
    clock: Clock,
}

/// What a sync run reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncRun {
    /// What is missing, and the trailing days again.
    Missing,
    /// Exactly these days again, whatever has been read.
    Exactly(DayRange),
}

/// How a sync run went.
#[derive(Debug, Default)]
pub struct SyncReport {
    /// What came.
    pub applied: Applied,
    /// Windows read.
    pub windows: usize,
    /// What failed; the other collections went on.
    pub failures: Vec<(Collection, Failure)>,
    /// Whether the plan was carried out to its end.
    pub complete: bool,
}

/// A window that is done, for progress bars.
#[derive(Clone, Copy, Debug)]
pub struct WindowProgress {
    /// Which window.
    pub request: Request,
    /// Windows done in this run, this one included.
    pub done: usize,
    /// Windows of this run in all.
    pub total: usize,
    /// What came with it; `None` when it failed.
    pub applied: Option<Applied>,
}

impl Ingest {
    /// Everything a sync run needs.
    pub fn new(
        store: Store,
        client: Client,
        person: Person,
        settings: Settings,
        metrics: Metrics,
        clock: Clock,
    ) -> Self {
        Self { store, client, person, settings, metrics, clock }
    }

    /// Whose data this reads.
    pub fn person(&self) -> &Person {
        &self.person
    }

    /// Waits until no renewal of the log-in is under way.
    pub(crate) async fn finish(&self) {
        self.client.tokens().finish().await;
    }

    /// One sync run, until it is done, `stop`, or the `budget` of time is spent. Failures of Oura are in the report;
    /// failures of the store end the run.
    #[tracing::instrument(name = "sync.run", skip_all)]
    pub async fn sync(
        &self,
        run: SyncRun,
        stop: &CancellationToken,
        budget: Option<Duration>,
        mut progress: impl FnMut(WindowProgress) + Send,
    ) -> Result<SyncReport, store::Error> {
        let Plan { requests, recent } = match run {
            SyncRun::Missing => self.missing().await?,
            SyncRun::Exactly(range) => plan::reread(range),
        };
        if !requests.is_empty()
            && let Err(failure) = self.client.check_account(&self.store, &self.person, true).await?
        {
            self.note(Collection::PersonalInfo, &failure).await?;
            let failures = vec![(Collection::PersonalInfo, failure)];
            return Ok(SyncReport { complete: true, failures, ..SyncReport::default() });
        }
        let total = requests.len();
        let mut backlog = self.metrics.backlog(total);
        let deadline = budget.map(|budget| Instant::now() + budget);
        let mut report = SyncReport { complete: true, ..SyncReport::default() };
        let mut queue = Queue::new(requests, recent);
        let mut running = FuturesUnordered::new();
        let mut done = 0;
        loop {
            let late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            while let Some(request) = queue.next(late, Instant::now()) {
                running.push(self.fetch(request));
            }
            if running.is_empty() {
                // What is left is history, and the newest days are looked at again first.
                report.complete = queue.is_done();
                break;
            }
            let next = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                next = running.next() => next,
                () = queue.place() => continue,
            };
            let Some((request, answer)) = next else {
                report.complete = false;
                break;
            };
            let is_wanted = queue.finish(&request);
            let mut finished = vec![request];
            if answer.is_err() {
                finished.extend(queue.give_up(request.collection));
            }
            // Others are requested while this one is stored.
            while let Some(request) = queue.next(late, Instant::now()) {
                running.push(self.fetch(request));
            }
            let outcome = match answer {
                _ if !is_wanted => None,
                Ok(window) => Some(self.store_window(request, window).await?),
                Err(failure) => Some(Err(failure)),
            };
            let applied = match outcome {
                Some(Ok(applied)) => {
                    report.applied += applied;
                    report.windows += 1;
                    Some(applied)
                }
                Some(Err(failure)) => {
                    let ends = failure.ends_sync_run();
                    self.note(request.collection, &failure).await?;
                    report.failures.push((request.collection, failure));
                    if ends {
                        break;
                    }
                    finished.extend(queue.give_up(request.collection));
                    None
                }
                None => None,
            };
            for request in finished {
                done += 1;
                backlog.done();
                progress(WindowProgress { request, done, total, applied });
            }
        }
        Ok(report)
    }

    /// Starts reading one window on a task of its own, so that responses arrive while another window is being stored.
    fn fetch(&self, request: Request) -> impl Future<Output = (Request, Result<Window, Failure>)> + '_ {
        let client = self.client.clone();
        let task = tokio::spawn(async move { client.window(request.collection, request.range).await });
        let task = AbortOnDropHandle::new(task);
        async move {
            let answer = task.await.unwrap_or_else(|error| {
                self.metrics.count_panic();
                tracing::error!(collection = %request.collection, %error, "BUG: reading a window panicked; please report it with the log");
                Err(Failure::Panicked)
            });
            (request, answer)
        }
    }

    async fn missing(&self) -> Result<Plan, store::Error> {
        let today = self.today();
        let local = Day::at((self.clock)(), &self.zone());
        if today < EARLIEST_CLOCK {
            // A machine that has just started may not know the time yet; a cursor set by it would stay wrong.
            tracing::error!(%today, "the clock is wrong; nothing is read until it is set");
            return Ok(Plan::default());
        }
        let states = self.store.sync_states(self.person.id).await?;
        for state in &states {
            let limit = newest_day(state.collection, (self.clock)());
            if state.newest_day.is_some_and(|newest| newest > limit) {
                let (person, collection) = (self.person.id, state.collection);
                let days = self.store.quarantine_stored(person, collection, (self.clock)()).await?;
                tracing::warn!(%collection, days, "stored documents lie in the future; quarantined");
            }
        }
        let fails = |request: &Request| {
            states.iter().any(|state| state.collection == request.collection && state.failure.is_some())
        };
        let read = |collection| {
            let state = states.iter().find(|state| state.collection == collection)?;
            // A collection observed once a day is requested again when the last attempt of the day failed.
            if state.failure.is_some() && collection.window() == domain::Window::Whole {
                return None;
            }
            Some(ReadProgress { covered: state.covered?, newest_document: state.newest_day })
        };
        let mut plan = plan::plan(read, Today { utc: today, local }, self.settings.horizon);
        // A collection that failed the last time may delay others, or end the run; it is requested last. The sort is stable.
        let recent = plan.recent;
        plan.requests[..recent].sort_by_key(fails);
        Ok(plan)
    }

    fn today(&self) -> Day {
        Day::at((self.clock)(), &TimeZone::UTC)
    }

    /// Of the person's calendar; UTC where this machine does not know it.
    fn zone(&self) -> TimeZone {
        TimeZone::get(&self.person.time_zone).unwrap_or(TimeZone::UTC)
    }

    /// Stores a window. A database that refuses it is this collection's failure; one that is away is the run's.
    async fn store_window(
        &self,
        request: Request,
        window: Window,
    ) -> Result<Result<Applied, Failure>, store::Error> {
        // The access token may have been renewed since the run began.
        if let Err(failure) = self.client.check_account(&self.store, &self.person, false).await? {
            return Ok(Err(failure));
        }
        let Request { collection, range } = request;
        let now = (self.clock)();
        // Future days have not been read, even if they were requested.
        let known = range.last().min(self.today().plus(1));
        let mut batch = Batch {
            person: self.person.id,
            collection,
            covered: DayRange::new(range.first(), known).ok(),
            origin: Origin::Api,
            documents: window.documents,
            nearby: window.nearby,
            rejected: window.rejected,
        };
        batch.quarantine_future(now);
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for rejected in &batch.rejected {
            *reasons.entry(&rejected.reason).or_default() += 1;
        }
        for (reason, documents) in reasons {
            // The reason names a field and a type, never a value.
            tracing::warn!(%collection, reason, documents, "rejected documents; `myhealth doctor` lists them");
        }
        match self.store.apply(&batch, now).await {
            Ok(applied) => {
                self.metrics.count_documents(collection, applied);
                let Applied { withdrawn, doubted, .. } = applied;
                if withdrawn > 0 {
                    tracing::info!(%collection, withdrawn, "Oura no longer has some documents; their numbers are gone, their bodies stay");
                }
                if doubted > 0 {
                    tracing::warn!(%collection, missing = doubted, "documents missing from response; keeping them until confirmed");
                }
                Ok(Ok(applied))
            }
            Err(error @ store::Error::Database(_)) => Ok(Err(Failure::Store(error))),
            Err(error) => Err(error),
        }
    }

    async fn note(&self, collection: Collection, failure: &Failure) -> Result<(), store::Error> {
        tracing::warn!(%collection, kind = %failure.cause(), error = causes(failure), "cannot read a collection");
        // A token that is refused is refused everywhere.
        let all = if failure.is_final_for_token() { Collection::ALL } else { &[collection] };
        for collection in all {
            self.store.note_failure(self.person.id, *collection, failure.cause(), (self.clock)()).await?;
        }
        Ok(())
    }
}
