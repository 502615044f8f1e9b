//! One sync run on the command line: a progress bar while it runs, a line when it is done.

use std::process::ExitCode;

use anyhow::Context;
use ingest::{Access, Metrics, Scheduler, Settings, SyncReport, SyncRun};
use prometheus_client::registry::Registry;
use store::{Person, Store};
use tokio_util::sync::CancellationToken;

use crate::Clock;
use crate::cli::SyncArgs;
use crate::commands::oura_account;
use crate::{config, progress, serve};

/// When `serve` on the same database reads the person next; afterwards its own interval counts.
const INTERVAL: std::time::Duration = std::time::Duration::from_mins(10);

pub(crate) async fn sync(args: SyncArgs, clock: Clock) -> anyhow::Result<ExitCode> {
    let run = match config::exact_range(args.from, args.to)? {
        Some(range) => SyncRun::Exactly(range),
        None => SyncRun::Missing,
    };
    let location = args.store.location()?;
    let (client, credentials) =
        super::client(&args.oura, &location, Metrics::register(&mut Registry::default()))?;
    let metrics = client.metrics();
    let (store, people, mine) = if args.everyone {
        let store = super::open(&args.store).await?;
        let (people, mine) = (store.people().await?, store.person(args.person.name().as_str()).await?);
        (store, people, mine)
    } else {
        let store = super::open_for(&args.store, &args.person).await?;
        let mine = args.person.person().known_or_first(&store, clock()).await?;
        (store, vec![mine.clone()], Some(mine))
    };
    let access = credentials.access(client, mine.as_ref().map(|mine| mine.id), &store, &metrics, &clock);
    if let Some(mine) = mine.filter(|_| args.replace_account) {
        replace_account(&store, &mine, &access, &clock).await?;
    }
    let mut horizon = args.oura.horizon();
    if let Some(from) = args.from {
        horizon.history_from = from;
    }
    let scheduler = Scheduler {
        store: store.clone(),
        client: access,
        settings: Settings { horizon, interval: INTERVAL },
        metrics,
        clock,
        workers: 1,
        holder: serve::lease_holder()?,
        lease_duration: Scheduler::LEASE,
        relaxed: None,
    };
    let stop = CancellationToken::new();
    let interrupt = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupt.cancel();
        }
    });
    let watch = progress::watch();
    let mut complete = true;
    for person in people {
        match Box::pin(scheduler.read(&person, run, &stop, &watch)).await? {
            Some(report) => complete &= print_report(&person, &report),
            None => outln!("{}: there is no log-in; run `myhealth login --person {0}`", person.name),
        }
        if stop.is_cancelled() {
            outln!("stopped before the end; the next sync goes on from here");
            complete = false;
            break;
        }
    }
    store.close().await;
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes the account of the access token the person's.
async fn replace_account(
    store: &Store,
    person: &Person,
    access: &Access,
    clock: &Clock,
) -> anyhow::Result<()> {
    let Some(client) = access(person) else { return Ok(()) };
    let account = client.oura_user_id().await.context("cannot ask Oura whose access token it is")?;
    client.tokens().finish().await;
    oura_account::replace(store, person, &account, clock).await
}

/// Prints the result of a sync run; returns whether it was complete.
fn print_report(person: &Person, report: &SyncReport) -> bool {
    let applied = report.applied;
    outln!(
        "{}: {} windows read: {} new documents, {} changed, {} unchanged, {} rejected, {} gone",
        person.name,
        report.windows,
        applied.new,
        applied.changed,
        applied.unchanged,
        applied.rejected,
        applied.withdrawn
    );
    for (collection, failure) in &report.failures {
        outln!("{collection}: {}", store::causes(failure));
    }
    report.complete && report.failures.is_empty()
}
