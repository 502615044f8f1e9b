//! History as rows in a file.

use std::fs::File;
use std::io::{BufWriter, Write as _};

use bytes::Bytes;
use domain::{Day, DayRange, Metric};
use export::{Error, Format, Table};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::RowsArgs;
use crate::config::Invalid;
use crate::{file, progress};

pub(super) async fn rows(format: Format, args: RowsArgs, now: Timestamp) -> anyhow::Result<()> {
    // East of Greenwich it is already tomorrow.
    let last = args.to.unwrap_or(Day::at(now, &TimeZone::UTC).plus(1));
    let range = DayRange::new(args.from.unwrap_or(Day::FIRST), last).map_err(Invalid::from)?;
    let by_id =
        |id: &String| Metric::by_key(id).ok_or_else(|| Invalid::UnknownMetric(id.chars().take(40).collect()));
    let metrics: Vec<&'static Metric> = args.metrics.iter().map(by_id).collect::<Result<_, _>>()?;
    let table = Table::new(args.what, format, &metrics, &args.collections, range).map_err(Invalid::from)?;
    let store = super::open(&args.store).await?;
    let people = match &args.person {
        Some(name) => vec![super::known(&store, name).await?],
        None => store.people().await?,
    };
    let bar = progress::days("writing rows");
    let mut moved = |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    };
    let count = file::write(&args.file, async |out| {
        Ok(table.write(&store, &people, now, &mut Buffered(out), &mut moved).await?)
    })
    .await;
    bar.finish_and_clear();
    store.close().await;
    println!("{} rows are in {}", count?, args.file.display());
    Ok(())
}

struct Buffered<'a>(&'a mut BufWriter<File>);

impl export::Out for Buffered<'_> {
    async fn put(&mut self, piece: Bytes) -> Result<(), Error> {
        Ok(self.0.write_all(&piece)?)
    }
}
