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
use crate::{config, output, progress, serve};

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
    let credentials = credentials.complete(&store).await?;
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
    let json = args.output.json;
    let (mut complete, mut results) = (true, Vec::new());
    for person in people {
        let report = Box::pin(scheduler.read(&person, run, &stop, &watch)).await?;
        complete &= report.as_ref().is_none_or(|report| report.complete && report.failures.is_empty());
        match report {
            report if json => results.push(result(&person, report.as_ref())),
            Some(report) => print_report(&person, &report),
            None => outln!("{}: there is no log-in; run `myhealth login --person {0}`", person.name),
        }
        if stop.is_cancelled() {
            errln!("stopped before the end; the next sync goes on from here");
            complete = false;
            break;
        }
    }
    store.close().await;
    if json {
        output::print_json(&results)?;
    }
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
    let account = client.oura_user_id().await.context("cannot read from Oura whose access token it is")?;
    client.tokens().finish().await;
    oura_account::replace(store, person, &account, clock).await
}

/// The result of a sync run; `null` in place of counts where there is no log-in.
fn result(person: &Person, report: Option<&SyncReport>) -> serde_json::Value {
    let Some(SyncReport { applied, windows, failures, complete }) = report else {
        return serde_json::json!({ "person": person.name.as_str(), "logged_in": false });
    };
    let failures = failures.iter().map(|(collection, failure)| {
        serde_json::json!({
            "collection": collection.name(),
            "cause": failure.cause().word(),
            "error": store::causes(failure),
        })
    });
    serde_json::json!({
        "person": person.name.as_str(),
        "logged_in": true,
        "complete": complete,
        "windows": windows,
        "new": applied.new,
        "changed": applied.changed,
        "unchanged": applied.unchanged,
        "rejected": applied.rejected,
        "deleted": applied.withdrawn,
        "failures": failures.collect::<Vec<_>>(),
    })
}

/// Prints the result of a sync run.
fn print_report(person: &Person, report: &SyncReport) {
    let applied = report.applied;
    outln!(
        "{}: {} windows read: {} new documents, {} changed, {} unchanged, {} rejected, {} deleted",
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
}
