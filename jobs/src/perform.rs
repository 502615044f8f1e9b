//! Performs a job: its result, or why it has none.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::{Cause, Day, DayRange};
use export::Output as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use store::{Job, JobResult, Person, Store, causes};
use tokio_util::sync::CancellationToken;

use crate::results::{Results, Unreadable, Upload};
use crate::work::{Ready, Work};

/// The progress of a job, written by its work and read at each heartbeat.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<(AtomicI64, AtomicI64)>);

impl Progress {
    /// Records the steps done and their total.
    pub fn set(&self, done: usize, all: usize) {
        self.0.0.store(i64::try_from(done).unwrap_or(i64::MAX), Ordering::Relaxed);
        self.0.1.store(i64::try_from(all).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> (i64, i64) {
        (self.0.0.load(Ordering::Relaxed), self.0.1.load(Ordering::Relaxed))
    }
}

/// Reads days of a person from Oura again, until done or stopped.
pub type Backfill = Arc<
    dyn Fn(Person, DayRange, Progress, CancellationToken) -> BoxFuture<'static, BackfillEnd> + Send + Sync,
>;

/// How a backfill ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackfillEnd {
    /// Every day was read.
    Done,
    /// It was stopped.
    Stopped,
    /// The person is not logged in at Oura, or has to log in again.
    NoLogIn,
    /// Oura or the network failed; a retry may succeed.
    Oura,
    /// The database failed.
    Store,
}

/// The result of an attempt.
#[derive(Debug)]
pub(crate) enum Attempt {
    Done(Option<JobResult>),
    /// It was stopped.
    Stopped,
    /// It failed, and a retry would.
    Failed(&'static str),
    /// It failed, and a retry may succeed.
    Again(&'static str),
}

/// What all work needs.
#[derive(Clone)]
pub(crate) struct JobContext {
    pub(crate) store: Store,
    pub(crate) results: Option<Results>,
    pub(crate) backfill: Option<Backfill>,
}

impl JobContext {
    /// One attempt. It ends soon after `stop`; a result that is not complete is removed.
    pub(crate) async fn perform(
        &self,
        job: &Job,
        progress: &Progress,
        stop: &CancellationToken,
        now: Timestamp,
    ) -> Attempt {
        // Relative days are counted from when the job was requested, however long it waited.
        let zone = TimeZone::get(&job.person.time_zone).unwrap_or(TimeZone::UTC);
        let asked = Day::at(job.created_at, &zone);
        let work = serde_json::from_str::<Work>(&job.parameters).ok().and_then(|work| work.ready(asked).ok());
        match work {
            // Requested from another version.
            None => Attempt::Failed("unknown"),
            Some(Ready::Backfill(days)) => self.backfill(job, days, progress, stop).await,
            Some(ready) => {
                let Some(results) = &self.results else { return Attempt::Failed("no_place") };
                self.make(job, ready, results, progress, stop, now).await
            }
        }
    }

    async fn make(
        &self,
        job: &Job,
        ready: Ready,
        results: &Results,
        progress: &Progress,
        stop: &CancellationToken,
        now: Timestamp,
    ) -> Attempt {
        let person = job.person.name.as_str();
        let (extension, media_type, file_name) = match &ready {
            Ready::Export(table) => {
                (table.format().extension(), table.format().media_type(), table.file_name(person))
            }
            Ready::Report(period, days) => {
                let name = format!("{person}-{period}-{}-{}.html", days.first(), days.last());
                ("html", "text/html; charset=utf-8", name)
            }
            Ready::Backfill(_) => return Attempt::Failed("unknown"),
        };
        // Each attempt has its own name: a worker that lost the job without noticing overwrites no result. The version is
        // one more with every claim; attempts are not, because a released one does not count.
        let object = format!("{}/{}-{}.{extension}", job.person.id, job.id, job.version);
        let begun = tokio::select! {
            begun = results.begin(&object) => begun,
            () = stop.cancelled() => return Attempt::Stopped,
        };
        let mut upload = match begun {
            Ok(upload) => upload,
            Err(error) => return storage(&error),
        };
        let written = tokio::select! {
            written = self.write(job, &ready, &mut upload, progress, now) => written,
            () = stop.cancelled() => {
                upload.abort().await;
                return Attempt::Stopped;
            }
        };
        if let Err(error) = written {
            upload.abort().await;
            tracing::warn!(kind = job.kind, error = causes(&error), "a job failed");
            return match error {
                export::Error::Write(error) if error.kind() == std::io::ErrorKind::FileTooLarge => {
                    Attempt::Failed("too_large")
                }
                export::Error::TimeZone(_) => Attempt::Failed("time_zone"),
                export::Error::Store(_) => Attempt::Again("database"),
                _ => Attempt::Again("storage"),
            };
        }
        let finished = tokio::select! {
            finished = upload.finish() => finished,
            // If it exists nevertheless, it has no job and is collected as garbage.
            () = stop.cancelled() => return Attempt::Stopped,
        };
        match finished {
            Ok(bytes) => Attempt::Done(Some(JobResult {
                object,
                bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
                media_type: media_type.to_owned(),
                file_name,
            })),
            Err(error) => storage(&error),
        }
    }

    async fn write(
        &self,
        job: &Job,
        ready: &Ready,
        upload: &mut Upload,
        progress: &Progress,
        now: Timestamp,
    ) -> Result<(), export::Error> {
        match ready {
            Ready::Export(table) => {
                let mut step = |done, all| progress.set(done, all);
                let people = std::slice::from_ref(&job.person);
                table.write(&self.store, people, now, upload, &mut step).await.map(drop)
            }
            Ready::Report(period, days) => {
                let page = report::report(&self.store, &job.person, *period, *days, now).await;
                let page = page.map_err(|error| match error {
                    report::Error::Store(error) => export::Error::from(error),
                    report::Error::TimeZone(error) => export::Error::TimeZone(error),
                })?;
                progress.set(1, 1);
                upload.write(page.into()).await
            }
            Ready::Backfill(_) => Ok(()),
        }
    }

    async fn backfill(
        &self,
        job: &Job,
        days: DayRange,
        progress: &Progress,
        stop: &CancellationToken,
    ) -> Attempt {
        let Some(backfill) = &self.backfill else { return Attempt::Again("oura") };
        match backfill(job.person.clone(), days, progress.clone(), stop.clone()).await {
            BackfillEnd::Done => Attempt::Done(None),
            BackfillEnd::Stopped => Attempt::Stopped,
            BackfillEnd::NoLogIn => Attempt::Failed(Cause::LoginRequired.word()),
            BackfillEnd::Oura => Attempt::Again("oura"),
            BackfillEnd::Store => Attempt::Again("database"),
        }
    }
}

fn storage(error: &Unreadable) -> Attempt {
    tracing::warn!(error = causes(error), "the place for results cannot be written");
    Attempt::Again("storage")
}
