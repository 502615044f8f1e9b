//! History as rows in a file.

use std::io::Write as _;

use anyhow::bail;
use bytes::Bytes;
use domain::{Day, DayRange, Metric};
use export::{Error, Format, Table};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use store::{AuditAction, Person};

use super::audit;
use crate::cli::RowsArgs;
use crate::config::Invalid;
use crate::file::{Out, Target};
use crate::progress;

pub(super) async fn rows(format: Format, args: RowsArgs, now: Timestamp) -> anyhow::Result<()> {
    // East of Greenwich it is already tomorrow.
    let last = args.to.unwrap_or(Day::at(now, &TimeZone::UTC).plus(1));
    let range = DayRange::new(args.from.unwrap_or(Day::FIRST), last).map_err(Invalid::from)?;
    let by_id =
        |id: &String| Metric::by_key(id).ok_or_else(|| Invalid::UnknownMetric(id.chars().take(40).collect()));
    let metrics: Vec<&'static Metric> = args.metrics.iter().map(by_id).collect::<Result<_, _>>()?;
    let table = Table::new(args.what, format, &metrics, &args.collections, range).map_err(Invalid::from)?;
    let target = Target::of(&args.file)?;
    let store = super::open(&args.store).await?;
    let people = match &args.person {
        Some(name) => vec![super::known(&store, name).await?],
        None => store.people().await?,
    };
    audit::record(&store, now, AuditAction::Export, "export", names(&people)).await;
    let bar = progress::days("writing rows");
    let mut moved = |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    };
    let count = target
        .write(async |out| match table.write(&store, &people, now, &mut Buffered(out), &mut moved).await? {
            // A file with nothing in it would be taken for an export.
            0 => bail!(
                "there is nothing to write: no row of {} from {} to {}",
                names(&people),
                range.first(),
                range.last()
            ),
            count => Ok(count),
        })
        .await;
    bar.finish_and_clear();
    store.close().await;
    target.note(&format!("{} rows are in {}", count?, args.file.display()));
    Ok(())
}

struct Buffered<'a>(&'a mut Out);

impl export::Output for Buffered<'_> {
    async fn write(&mut self, piece: Bytes) -> Result<(), Error> {
        Ok(self.0.write_all(&piece)?)
    }
}

/// The people asked for, in words.
pub(super) fn names(people: &[Person]) -> String {
    if people.is_empty() {
        return "any person, because the database has none".to_owned();
    }
    people.iter().map(|person| person.name.as_str()).collect::<Vec<_>>().join(", ")
}
