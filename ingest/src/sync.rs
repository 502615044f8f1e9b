//! One pass: ask what the plan says, store each window before it counts as read, keep going where one collection fails.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{Collection, Day, DayRange};
use futures_util::{StreamExt, stream};
use jiff::{Timestamp, tz::TimeZone};
use store::{Applied, Batch, Origin, Person, Store, causes};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::metrics::Metrics;
use crate::oura::{Client, Failure, Window};
use crate::plan::{self, Horizon, Plan, Read, Request};

mod login;

/// Reads the wall clock; handed in by whoever may.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How the loop reads.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How far back.
    pub horizon: Horizon,
    /// Pause between passes, and the longest a pass works on history before it looks at the newest days again.
    pub interval: Duration,
}

/// Windows asked for ahead of the one being stored: hides Oura's latency behind the store's work, and the other way
/// round, while bounding both memory and the burst at Oura's door.
const AHEAD: usize = 3;

/// No build of this program is older; a clock that says so is wrong.
const OLDEST_NOW: Day = Day::literal(2026, 1, 1);

/// Collections that failed in this pass. After a hole nothing older may count as read, so they rest until the next.
#[derive(Default)]
struct Resting(Mutex<Vec<Collection>>);

impl Resting {
    fn has(&self, collection: Collection) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&collection)
    }

    fn add(&self, collection: Collection) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(collection);
    }
}

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

/// What to read in a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// What is missing, and the trailing days again.
    Missing,
    /// Exactly these days again, whatever has been read.
    Exactly(DayRange),
}

/// How a pass went.
#[derive(Debug, Default)]
pub struct Report {
    /// What came.
    pub applied: Applied,
    /// Windows read.
    pub windows: usize,
    /// What failed; the other collections went on.
    pub failures: Vec<(Collection, Failure)>,
    /// Whether the plan was carried out to its end.
    pub complete: bool,
}

/// A window that is done, for whoever shows progress.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Which window.
    pub request: Request,
    /// Windows done in this pass, this one included.
    pub done: usize,
    /// Windows of this pass in all.
    pub total: usize,
    /// What came with it; `None` when it failed.
    pub applied: Option<Applied>,
}

impl Ingest {
    /// Everything a pass needs.
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

    /// One pass, until it is done, `stop`, or the `budget` of time is spent. Failures of Oura are in the report;
    /// failures of the store end the pass.
    #[tracing::instrument(name = "sync.pass", skip_all)]
    pub async fn pass(
        &self,
        pass: Pass,
        stop: &CancellationToken,
        budget: Option<Duration>,
        mut progress: impl FnMut(Step) + Send,
    ) -> Result<Report, store::Error> {
        let Plan { requests, recent } = match pass {
            Pass::Missing => self.missing().await?,
            Pass::Exactly(range) => plan::exactly(range),
        };
        if !requests.is_empty()
            && let Err(failure) = self.client.check_account(&self.store, &self.person, true).await?
        {
            self.note(Collection::PersonalInfo, &failure).await?;
            let failures = vec![(Collection::PersonalInfo, failure)];
            return Ok(Report { complete: true, failures, ..Report::default() });
        }
        let total = requests.len();
        let mut backlog = self.metrics.backlog(total);
        let deadline = budget.map(|budget| Instant::now() + budget);
        let mut report = Report { complete: true, ..Report::default() };
        let resting = Resting::default();
        // The windows of a collection must be stored in the order of the plan; `buffered` keeps it.
        let mut windows = stream::iter(requests).map(|request| self.fetch(request, &resting)).buffered(AHEAD);
        let mut done = 0;
        loop {
            let next = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                next = windows.next() => match next {
                    Some(next) => Some(next),
                    None => break,
                },
            };
            let late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            let Some((request, answer)) = next else {
                report.complete = false;
                break;
            };
            done += 1;
            let outcome = match answer {
                Some(Ok(window)) if !resting.has(request.collection) => {
                    Some(self.store_window(request, window).await?)
                }
                Some(Err(failure)) if !resting.has(request.collection) => Some(Err(failure)),
                _ => None,
            };
            let applied = match outcome {
                Some(Ok(applied)) => Some(applied),
                Some(Err(failure)) => {
                    let ends = failure.ends_pass();
                    self.note(request.collection, &failure).await?;
                    resting.add(request.collection);
                    report.failures.push((request.collection, failure));
                    if ends {
                        break;
                    }
                    None
                }
                None => None,
            };
            if let Some(applied) = applied {
                report.applied += applied;
                report.windows += 1;
            }
            backlog.done();
            progress(Step { request, done, total, applied });
            if late && done >= recent && done < total {
                report.complete = false;
                break;
            }
        }
        Ok(report)
    }

    /// Starts one window on a task of its own, so that answers arrive while another is being stored.
    async fn fetch(&self, request: Request, resting: &Resting) -> (Request, Option<Result<Window, Failure>>) {
        if resting.has(request.collection) {
            return (request, None);
        }
        let client = self.client.clone();
        let task = tokio::spawn(async move { client.window(request.collection, request.range).await });
        let answer = AbortOnDropHandle::new(task).await;
        (request, Some(answer.expect("BUG: reading a window does not panic")))
    }

    async fn missing(&self) -> Result<Plan, store::Error> {
        let today = self.today();
        if today < OLDEST_NOW {
            // A machine that has just started may not know the time yet; a cursor set by it would be wrong for ever.
            tracing::error!(%today, "the clock is wrong; nothing is read until it is set");
            return Ok(Plan::default());
        }
        let states = self.store.sync_states(self.person.id).await?;
        let read = |collection| {
            let state = states.iter().find(|state| state.collection == collection)?;
            // What is observed once a day is asked for again when the last attempt of the day failed.
            if state.failure.is_some() && collection.window() == domain::Window::Whole {
                return None;
            }
            Some(Read { covered: state.covered?, newest_document: state.newest_day })
        };
        Ok(plan::plan(read, today, self.settings.horizon))
    }

    fn today(&self) -> Day {
        Day::at((self.clock)(), &TimeZone::UTC)
    }

    /// Stores a window. A database that refuses it is this collection's failure; one that is away is the pass's.
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
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for rejected in &window.rejected {
            *reasons.entry(&rejected.reason).or_default() += 1;
        }
        for (reason, documents) in reasons {
            // The reason names a field and a type, never a value.
            tracing::warn!(%collection, reason, documents, "put aside what cannot be read; `myhealth doctor` lists it");
        }
        // Days to come have not been read, whatever was asked for.
        let known = range.last().min(self.today().plus(1));
        let batch = Batch {
            person: self.person.id,
            collection,
            covered: DayRange::new(range.first(), known).ok(),
            origin: Origin::Api,
            documents: window.documents,
            nearby: window.nearby,
            rejected: window.rejected,
        };
        match self.store.apply(&batch, (self.clock)()).await {
            Ok(applied) => {
                self.metrics.count_documents(collection.name(), applied);
                let Applied { withdrawn, doubted, .. } = applied;
                if withdrawn > 0 {
                    tracing::info!(%collection, withdrawn, "Oura no longer has some documents; their numbers are gone, their bodies stay");
                }
                if doubted > 0 {
                    tracing::warn!(%collection, doubted, "Oura's answer lacks what it had; not believed before it has lasted an hour");
                }
                Ok(Ok(applied))
            }
            Err(error @ store::Error::Database(_)) => Ok(Err(Failure::Store(error))),
            Err(error) => Err(error),
        }
    }

    async fn note(&self, collection: Collection, failure: &Failure) -> Result<(), store::Error> {
        tracing::warn!(%collection, kind = failure.kind(), error = causes(failure), "cannot read a collection");
        // A token that is refused is refused everywhere.
        let all = if failure.is_final_for_token() { Collection::ALL } else { &[collection] };
        for collection in all {
            self.store.note_failure(self.person.id, *collection, failure.kind(), (self.clock)()).await?;
        }
        Ok(())
    }
}
