//! History for people, programs and other time series databases.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use domain::{Day, DayRange, METRICS, Metric};
use export::{Cursor, Estimate, Format, Receiver, Selection};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use store::{AuditAction, Store};

use super::audit;
use crate::Clock;
use crate::cli::{ExportArgs, ExportCommand};
use crate::commands::rows::{self, rows};
use crate::config::{self, Invalid};
use crate::file::{Out, Target};
use crate::progress;

pub(crate) async fn export(command: ExportCommand, clock: Clock) -> anyhow::Result<ExitCode> {
    let now = clock();
    match command {
        ExportCommand::Csv(args) => rows(Format::Csv, args, clock()).await?,
        ExportCommand::Ndjson(args) => rows(Format::Ndjson, args, clock()).await?,
        ExportCommand::Json(args) => rows(Format::Json, args, clock()).await?,
        ExportCommand::Parquet(args) => rows(Format::Parquet, args, clock()).await?,
        ExportCommand::Fhir(args) => rows(Format::Fhir, args, clock()).await?,
        ExportCommand::Openmetrics { file, what } => {
            let target = Target::of(&file)?;
            let (store, selection) = select(&what, now).await?;
            let blocks = estimate(&store, &selection, |text| target.note(text)).await?.blocks();
            target.note(&format!(
                "Prometheus blocks: {} of at most {} h, about {} MB; promtool's default of 2 h could make {}",
                blocks.count,
                blocks.hours,
                blocks.bytes.div_ceil(1_000_000),
                blocks.by_default
            ));
            write(&target, &file, async |out| {
                let bar = progress::days("writing series");
                let mut moved = |done, all| progress::set(&bar, whole(done), whole(all));
                Ok(export::openmetrics(&store, &selection, out, &mut moved).await?)
            })
            .await?;
            target.note(&format!(
                "next: promtool tsdb create-blocks-from openmetrics --max-block-duration={}h {} DIR\n\
                 and move what is in DIR into Prometheus' data folder; its --storage.tsdb.retention.time must be longer \
                 than this history, or it deletes the blocks",
                blocks.hours,
                file.display()
            ));
            store.close().await;
        }
        ExportCommand::Victoriametrics { file, what } => {
            let target = Target::of(&file)?;
            let (store, selection) = select(&what, now).await?;
            estimate(&store, &selection, |text| target.note(text)).await?;
            write(&target, &file, async |out| {
                let bar = progress::days("writing series");
                let mut moved = |done, all| progress::set(&bar, whole(done), whole(all));
                Ok(export::victoriametrics(&store, &selection, out, &mut moved).await?)
            })
            .await?;
            target.note(&format!(
                "next: curl -X POST http://127.0.0.1:8428/api/v1/import -T {}\n\
                 with a -retentionPeriod longer than this history; then ask /internal/resetRollupResultCache once",
                file.display()
            ));
            store.close().await;
        }
        ExportCommand::RemoteWrite { url, cursor, bearer_token_file, what } => {
            let token = bearer_token_file
                .map(|path| config::read_secret("--bearer-token-file", &path))
                .transpose()?;
            let receiver = Receiver::new(&url, token.map(Into::into).as_ref()).map_err(Invalid::from)?;
            return push(receiver, cursor, &what, now).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn push(
    receiver: Receiver,
    path: Option<PathBuf>,
    what: &ExportArgs,
    now: Timestamp,
) -> anyhow::Result<ExitCode> {
    let today = Day::at(now, &TimeZone::UTC);
    let (store, selection) = select(what, now).await?;
    let cursor = path.map(|path| Cursor::open(&path, &receiver, &selection));
    let mut cursor = cursor.transpose().map_err(Invalid::from)?;
    estimate(&store, &selection, |text| outln!("{text}")).await?;
    let bar = progress::days("sending fortnights");
    let mut moved = |done, all| progress::set(&bar, whole(done), whole(all));
    let pushed = receiver.push(&store, &selection, cursor.as_mut(), today, &mut moved).await;
    bar.finish_and_clear();
    store.close().await;
    let pushed = pushed?;
    outln!("{} samples sent, {} refused", pushed.taken, pushed.refused);
    if let Some(reason) = pushed.reason {
        outln!(
            "the receiver said: {reason}\n\
             Prometheus takes samples of the past within storage.tsdb.out_of_order_time_window only; older history is \
             for `myhealth export openmetrics`, or for remote read"
        );
    }
    Ok(if pushed.refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The store and what the flags select from it.
async fn select(what: &ExportArgs, now: Timestamp) -> anyhow::Result<(Store, Selection)> {
    let today = Day::at(now, &TimeZone::UTC);
    let range = DayRange::new(what.from.unwrap_or(Day::FIRST), what.to.unwrap_or(today.plus(1)));
    let range = range.map_err(Invalid::from)?;
    let by_id =
        |id: &String| Metric::by_key(id).ok_or_else(|| Invalid::UnknownMetric(id.chars().take(40).collect()));
    let mut metrics: Vec<&'static Metric> = what.metrics.iter().map(by_id).collect::<Result<_, _>>()?;
    if metrics.is_empty() {
        metrics = METRICS.iter().collect();
    }
    // In the catalogue's order, families together, each once.
    let chosen = |metric: &&Metric| metrics.contains(metric) && !(what.daily_only && metric.is_series());
    let metrics = METRICS.iter().filter(chosen).collect();
    let store = super::open(&what.store).await?;
    let people = match &what.person {
        Some(name) => vec![super::known(&store, name).await?],
        None => store.people().await?,
    };
    audit::record(&store, now, AuditAction::Export, "export", rows::names(&people)).await;
    let mut selection = Selection { people, metrics, range };
    // Empty days before the ring would only be walked through.
    if let Some(days) = Estimate::of(&store, &selection).await?.days {
        selection.range =
            DayRange::new(days.first().plus(-1).max(range.first()), range.last()).unwrap_or(range);
    }
    Ok((store, selection))
}

/// How much a selection is, in a `note`; fails where it is nothing.
async fn estimate(store: &Store, selection: &Selection, note: impl FnOnce(&str)) -> anyhow::Result<Estimate> {
    let estimate = Estimate::of(store, selection).await?;
    let Some(days) = estimate.days else {
        let range = selection.range;
        bail!(
            "there is nothing to write: no sample of {} from {} to {}",
            rows::names(&selection.people),
            range.first(),
            range.last()
        );
    };
    let (first, last) = (days.first(), days.last());
    note(&format!("about {} samples of {} series, {first} to {last}", estimate.samples, estimate.series));
    Ok(estimate)
}

async fn write(
    target: &Target,
    path: &Path,
    fill: impl AsyncFnOnce(&mut Out) -> anyhow::Result<u64>,
) -> anyhow::Result<()> {
    let samples = target.write(fill).await?;
    target.note(&format!("{samples} samples are in {}", path.display()));
    Ok(())
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
