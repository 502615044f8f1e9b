//! One pass, seen by a person: a bar while it runs, a line when it is done.

use std::process::ExitCode;

use ingest::{Ingest, Metrics, Pass, Settings};
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use crate::Clock;
use crate::cli::SyncArgs;
use crate::config;
use crate::progress::Progress;

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
    // One pass ends by itself; the pause is the loop's.
    let settings = Settings { horizon, interval: std::time::Duration::MAX };
    let ingest = Ingest::new(store.clone(), client, person, settings, metrics, clock);
    let stop = CancellationToken::new();
    let interrupt = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupt.cancel();
        }
    });
    let mut progress = Progress::new();
    let report = ingest.pass(pass, &stop, None, |step| progress.step(&step)).await;
    progress.finish();
    store.close().await;
    let report = report?;
    let applied = report.applied;
    println!(
        "{} windows read: {} new documents, {} changed, {} unchanged, {} rejected, {} gone",
        report.windows, applied.new, applied.changed, applied.unchanged, applied.rejected, applied.withdrawn
    );
    for (collection, failure) in &report.failures {
        println!("{collection}: {}", store::causes(failure));
    }
    if stop.is_cancelled() {
        println!("stopped before the end; the next sync goes on from here");
    }
    Ok(if report.failures.is_empty() && !stop.is_cancelled() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
