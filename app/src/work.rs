//! Long work in this process: where its results are stored, and how days are read from Oura again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::{Cause, DayRange};
use ingest::{Scheduler, SyncReport, SyncRun};
use jobs::{
    Backfill, BackfillEnd, InvalidResultLocation, JobQueue, Kind, Metrics, Progress, Rederiver,
    ResultLocation, Results, Worker,
};
use prometheus_client::registry::Registry;
use service_metrics::Task;
use store::{Location, Person, Store, causes};
use tokio_util::sync::CancellationToken;

use crate::cli::Role;
use crate::database::aws_settings;
use crate::shutdown::Lifecycle;
use crate::{Clock, serve};

/// The place for results, if there is one. Default: next to the embedded database. Processes that share a server need a
/// configured place that they share.
pub(crate) fn results(
    configured: Option<&ResultLocation>,
    links: Option<Duration>,
    location: &Location,
) -> Result<Option<Results>, InvalidResultLocation> {
    let default = match location {
        Location::Sqlite(path) => path.parent().map(|folder| ResultLocation::Folder(folder.join("results"))),
        Location::Postgres(_) => None,
    };
    let results =
        configured.or(default.as_ref()).map(|place| Results::open(place, aws_settings())).transpose()?;
    match (results, links) {
        (Some(results), Some(lifetime)) => results.with_links(lifetime).map(Some),
        (None, Some(_)) => Err(InvalidResultLocation::NoLinks),
        (results, None) => Ok(results),
    }
}

/// Which jobs a process with these roles does.
fn kinds(roles: &[Role]) -> Vec<Kind> {
    let does = |kind: &Kind| match kind {
        Kind::Export | Kind::Report => roles.contains(&Role::Api),
        Kind::Backfill => roles.contains(&Role::Ingest),
    };
    Kind::ALL.into_iter().filter(does).collect()
}

/// Reads days of a person again, as `myhealth sync --from --to` does, under the same lease as sync runs.
pub(crate) fn backfill(scheduler: &Scheduler) -> Backfill {
    let scheduler = scheduler.clone();
    let number = AtomicU64::new(0);
    Arc::new(move |person, days, progress, stop| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let scheduler =
            Scheduler { holder: format!("{}-backfill-{number}", scheduler.holder), ..scheduler.clone() };
        Box::pin(read(scheduler, person, days, progress, stop))
    })
}

async fn read(
    scheduler: Scheduler,
    person: Person,
    days: DayRange,
    progress: Progress,
    stop: CancellationToken,
) -> BackfillEnd {
    let watch: ingest::ProgressFn = Arc::new(move |_, step| progress.set(step.done, step.total));
    match Box::pin(scheduler.read(&person, SyncRun::Exactly(days), &stop, &watch)).await {
        Ok(None) => BackfillEnd::NoLogIn,
        Ok(Some(report)) => end(&report, &stop),
        Err(error) => {
            tracing::error!(error = causes(&error), "cannot store what was read");
            BackfillEnd::Store
        }
    }
}

fn end(report: &SyncReport, stop: &CancellationToken) -> BackfillEnd {
    if report.failures.iter().any(|(_, failure)| failure.is_final_for_token()) {
        return BackfillEnd::NoLogIn;
    }
    if !report.complete {
        return if stop.is_cancelled() { BackfillEnd::Stopped } else { BackfillEnd::Oura };
    }
    // What Oura does not let this log-in read is no failure of the others.
    let refused = |cause| matches!(cause, Cause::Scope | Cause::Forbidden | Cause::NotFound);
    let failed = report.failures.iter().any(|(_, failure)| !refused(failure.cause()));
    if failed { BackfillEnd::Oura } else { BackfillEnd::Done }
}

/// Derives numbers again that other rules than this version's derived, in the background.
pub(crate) fn keep_numbers_current(
    lifecycle: &Lifecycle,
    store: &Store,
    registry: &mut Registry,
    clock: &Clock,
) -> anyhow::Result<()> {
    let rederiver = Rederiver::register(store.clone(), clock.clone(), serve::lease_holder()?, registry);
    let stop = lifecycle.stop.clone();
    lifecycle.supervise(Task::Derivation, move || {
        let (rederiver, stop) = (rederiver.clone(), stop.clone());
        async move { rederiver.run(stop).await }
    });
    Ok(())
}

/// Works on the jobs of these roles as long as the process runs.
pub(crate) fn start(
    lifecycle: &Lifecycle,
    roles: &[Role],
    queue: JobQueue,
    backfill: Option<Backfill>,
    registry: &mut Registry,
    clock: &Clock,
) -> anyhow::Result<()> {
    let kinds = kinds(roles);
    if kinds.is_empty() {
        return Ok(());
    }
    let metrics = Metrics::register(registry);
    let worker = Worker::new(queue, kinds, backfill, metrics, clock.clone(), serve::lease_holder()?);
    let stop = lifecycle.stop.clone();
    lifecycle.supervise(Task::Jobs, move || {
        let (worker, stop) = (worker.clone(), stop.clone());
        async move { Box::pin(worker.run(stop)).await }
    });
    Ok(())
}
