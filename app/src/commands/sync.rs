//! One pass, seen by a person: a bar while it runs, a line when it is done.

use std::process::ExitCode;
use std::sync::Arc;

use ingest::{Crew, Metrics, Pass, Report, Settings};
use prometheus_client::registry::Registry;
use store::Person;
use tokio_util::sync::CancellationToken;

use crate::Clock;
use crate::cli::SyncArgs;
use crate::{config, progress, serve};

/// `serve` on the same database looks again after its own interval; what was read just now can wait as long.
const INTERVAL: std::time::Duration = std::time::Duration::from_mins(10);

pub(crate) async fn sync(args: SyncArgs, clock: Clock) -> anyhow::Result<ExitCode> {
    let pass = match config::exact_range(args.from, args.to)? {
        Some(range) => Pass::Exactly(range),
        None => Pass::Missing,
    };
    let client = super::client(&args.oura, Metrics::register(&mut Registry::default()))?;
    let metrics = client.metrics();
    let store = super::open(&args.store).await?;
    let person = args.person.who().ensure(&store, clock()).await?;
    let mut horizon = args.oura.horizon();
    if let Some(from) = args.from {
        horizon.history_from = from;
    }
    let crew = Crew {
        store: store.clone(),
        client: Arc::new(|_| None),
        settings: Settings { horizon, interval: INTERVAL },
        metrics,
        clock,
        workers: 1,
        holder: serve::holder()?,
        hold: Crew::HOLD,
    };
    let stop = CancellationToken::new();
    let interrupt = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupt.cancel();
        }
    });
    let report = crew.read(client, &person, pass, &stop, &progress::watch()).await;
    store.close().await;
    let report = report?;
    say(&person, &report);
    if !report.complete && report.failures.is_empty() {
        println!("stopped before the end; the next sync goes on from here");
    }
    Ok(if report.complete && report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn say(person: &Person, report: &Report) {
    let applied = report.applied;
    println!(
        "{}: {} windows read: {} new documents, {} changed, {} unchanged, {} rejected",
        person.name, report.windows, applied.new, applied.changed, applied.unchanged, applied.rejected
    );
    for (collection, failure) in &report.failures {
        println!("{collection}: {}", store::causes(failure));
    }
}
