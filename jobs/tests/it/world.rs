//! A queue, a worker, and the data that jobs read.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use ::export::TableRequest;
use domain::{Collection, Document};
use jiff::{SignedDuration, Timestamp};
use jobs::{Backfill, BackfillEnd, JobQueue, Kind, Metrics, Progress, ResultLocation, Results, Work, Worker};
use prometheus_client::registry::Registry;
use store::{Batch, Enqueued, Job, JobState, Origin, Person, Store};
use tokio_util::sync::CancellationToken;

pub(crate) fn now() -> Timestamp {
    "2026-03-29T10:00:00Z".parse().unwrap()
}

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) me: Person,
    pub(crate) clock: Arc<Mutex<Timestamp>>,
    pub(crate) stop: CancellationToken,
    registry: Registry,
    metrics: Metrics,
    folder: tempfile::TempDir,
    _database: Option<tempfile::TempDir>,
}

impl World {
    pub(crate) async fn embedded() -> Self {
        let (store, folder) = store::testing::sqlite().await;
        Self::on(store, Some(folder)).await
    }

    /// One on each database.
    pub(crate) async fn both() -> [Self; 2] {
        [Self::embedded().await, Self::on(store::testing::postgres().await, None).await]
    }

    async fn on(store: Store, database: Option<tempfile::TempDir>) -> Self {
        let me = store.ensure_person(&"me".parse().unwrap(), "Europe/Berlin", now()).await.unwrap();
        let body = r#"{"id": "s", "day": "2026-03-28", "score": 82}"#;
        let batch = Batch {
            person: me.id,
            collection: Collection::DailySleep,
            covered: None,
            origin: Origin::Api,
            documents: vec![Document::parse(Collection::DailySleep, body).unwrap()],
            nearby: Vec::new(),
            rejected: Vec::new(),
        };
        store.apply(&batch, now()).await.unwrap();
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        Self {
            store,
            me,
            clock: Arc::new(Mutex::new(now())),
            stop: CancellationToken::new(),
            registry,
            metrics,
            folder: tempfile::tempdir().unwrap(),
            _database: database,
        }
    }

    /// A queue with a place for results.
    pub(crate) fn queue(&self) -> JobQueue {
        let place = ResultLocation::Folder(self.folder.path().to_owned());
        JobQueue::new(self.store.clone(), Some(Results::open(&place, []).unwrap()), self.stop.clone())
    }

    /// A queue without one.
    pub(crate) fn bare_queue(&self) -> JobQueue {
        JobQueue::new(self.store.clone(), None, self.stop.clone())
    }

    /// A worker of everything, by the clock of this world.
    pub(crate) fn worker(&self, backfill: Backfill) -> Worker {
        self.worker_at(&self.queue(), backfill)
    }

    pub(crate) fn worker_at(&self, queue: &JobQueue, backfill: Backfill) -> Worker {
        let clock = self.clock.clone();
        self.worker_by(queue, backfill, move || *clock.lock().unwrap())
    }

    pub(crate) fn worker_by(
        &self,
        queue: &JobQueue,
        backfill: Backfill,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Worker {
        let (kinds, metrics) = (Kind::ALL.to_vec(), self.metrics.clone());
        Worker::new(queue.clone(), kinds, Some(backfill), metrics, Arc::new(clock), "worker".into())
    }

    pub(crate) fn later(&self, seconds: i64) {
        *self.clock.lock().unwrap() += SignedDuration::from_secs(seconds);
    }

    pub(crate) fn time(&self) -> Timestamp {
        *self.clock.lock().unwrap()
    }

    pub(crate) async fn ask(&self, queue: &JobQueue, work: &Work) -> String {
        match queue.enqueue(work, self.me.id, "token 1".into(), None, self.time()).await.unwrap() {
            Enqueued::New(job) => job.id,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn job(&self, id: &str) -> Job {
        self.store.job(id).await.unwrap().unwrap()
    }

    pub(crate) async fn state(&self, id: &str) -> (JobState, i64) {
        let job = self.job(id).await;
        (job.state, job.attempts)
    }

    /// The names of all results.
    pub(crate) fn files(&self) -> Vec<String> {
        let all = |folder: PathBuf| -> Vec<PathBuf> {
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
        };
        let people = all(self.folder.path().to_owned());
        let files = people.into_iter().filter(|path| path.is_dir()).flat_map(all);
        files.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn write(&self, name: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "a result").unwrap();
    }

    /// The number of attempts with this outcome.
    pub(crate) fn counted(&self, kind: &str, result: &str) -> u64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let series = format!("job_attempts_total{{kind=\"{kind}\",result=\"{result}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&series)).unwrap().parse().unwrap()
    }
}

pub(crate) fn export() -> Work {
    Work::Export(TableRequest { format: "csv".into(), ..TableRequest::default() })
}

pub(crate) fn backfill() -> Work {
    Work::Backfill { from: "2026-03-01".into(), to: "2026-03-02".into() }
}

/// Reads nothing and ends with this outcome.
pub(crate) fn ends(end: BackfillEnd) -> Backfill {
    Arc::new(move |_, _, _, _| Box::pin(async move { end }))
}

/// Runs until it is stopped.
pub(crate) fn endless() -> Backfill {
    Arc::new(|_, _, progress: Progress, stop: CancellationToken| {
        Box::pin(async move {
            progress.set(1, 9);
            stop.cancelled().await;
            BackfillEnd::Stopped
        })
    })
}
