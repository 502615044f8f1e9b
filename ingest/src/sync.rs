//! One pass: ask what the plan says, store each window before it counts as read, keep going where one collection fails.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{Collection, Day, DayRange};
use futures_util::{StreamExt, stream};
use jiff::{Timestamp, tz::TimeZone};
use store::{Applied, Batch, Person, Store};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::metrics::Metrics;
use crate::oura::{Client, Failure, Window};
use crate::plan::{self, Horizon, Request};

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

/// Pause before a pass is tried again after the store failed.
const STORE_AWAY: Duration = Duration::from_secs(10);

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

    /// Passes until `stop`, each `interval` after the last; while history is missing, without a pause. A database that
    /// is away is waited for: nothing was acknowledged, so nothing is lost.
    pub async fn run(&self, stop: CancellationToken, mut progress: impl FnMut(Step) + Send) {
        while !stop.is_cancelled() {
            let pass = self.pass(Pass::Missing, &stop, Some(self.settings.interval), &mut progress).await;
            let pause = match pass {
                Ok(report) if report.complete => self.settings.interval,
                Ok(_) => Duration::ZERO,
                Err(error) => {
                    tracing::error!(error = %error, "cannot store what was read; the pass is tried again");
                    STORE_AWAY
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
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
        let requests = match pass {
            Pass::Missing => self.missing().await?,
            Pass::Exactly(range) => plan::exactly(range),
        };
        let total = requests.len();
        self.metrics.set_backlog(total);
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
            let applied = match answer {
                Some(Ok(window)) if !resting.has(request.collection) => {
                    Some(self.store_window(request, window).await?)
                }
                Some(Err(failure)) if !resting.has(request.collection) => {
                    self.note(request.collection, &failure).await?;
                    resting.add(request.collection);
                    let dead = failure.is_final_for_token();
                    report.failures.push((request.collection, failure));
                    if dead {
                        break;
                    }
                    None
                }
                _ => None,
            };
            if let Some(applied) = applied {
                report.applied += applied;
                report.windows += 1;
            }
            self.metrics.set_backlog(total - done);
            progress(Step { request, done, total, applied });
            if late && done < total {
                report.complete = false;
                break;
            }
        }
        self.metrics.set_backlog(0);
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

    async fn missing(&self) -> Result<Vec<Request>, store::Error> {
        let states = self.store.sync_states(self.person.id).await?;
        let covered = |collection| states.iter().find(|state| state.collection == collection)?.covered;
        let today = Day::at((self.clock)(), &TimeZone::UTC);
        Ok(plan::plan(covered, today, self.settings.horizon))
    }

    async fn store_window(&self, request: Request, window: Window) -> Result<Applied, store::Error> {
        let Request { collection, range } = request;
        for rejected in &window.rejected {
            // The reason names a field and a type, never a value.
            tracing::warn!(%collection, reason = rejected.reason, "a document was put aside; `myhealth doctor` lists them");
        }
        let batch = Batch {
            person: self.person.id,
            collection,
            covered: Some(range),
            documents: window.documents,
            rejected: window.rejected,
        };
        let applied = self.store.apply(&batch, (self.clock)()).await?;
        self.metrics.count_documents(collection.name(), applied);
        Ok(applied)
    }

    async fn note(&self, collection: Collection, failure: &Failure) -> Result<(), store::Error> {
        tracing::warn!(%collection, kind = failure.kind(), error = %failure, "cannot read a collection");
        self.store.note_failure(self.person.id, collection, failure.kind(), (self.clock)()).await
    }
}
