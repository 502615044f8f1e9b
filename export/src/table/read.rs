//! The rows of a table, block by block in order of person, metric or collection, and time.

use domain::{Collection, Day, Metric};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use store::{Person, Store};

use super::block::{Block, Subject};
use super::request::{Rows, Table};
use super::writer::{Output, Writer};
use crate::{Error, Progress};

/// Rows encoded in one go: a fraction of a millisecond's work.
const BLOCK: usize = 4096;

/// Documents read at a time; a day of heart rate is some tens of kilobytes.
const PAGE: i64 = 32;

pub(super) async fn read<O: Output>(
    table: &Table,
    store: &Store,
    people: &[Person],
    now: Timestamp,
    writer: &mut Writer<'_, O>,
    progress: Progress<'_>,
) -> Result<(), Error> {
    let each = match &table.rows {
        Rows::Days(metrics) | Rows::Points(metrics) => metrics.len(),
        Rows::Documents(collections) => collections.len(),
    };
    let (mut done, all) = (0, each * people.len());
    let mut step = || {
        done += 1;
        progress(done, all);
    };
    for person in people {
        let zone = TimeZone::get(&person.time_zone).map_err(Error::TimeZone)?;
        let today = Day::at(now, &zone);
        let subject = Subject { name: person.name.as_str(), zone, today };
        match &table.rows {
            Rows::Days(metrics) => {
                for metric in metrics {
                    days(table, store, person.id, &subject, metric, writer).await?;
                    step();
                }
            }
            Rows::Points(metrics) => {
                for metric in metrics {
                    points(table, store, person.id, &subject, metric, writer).await?;
                    step();
                }
            }
            Rows::Documents(collections) => {
                for collection in collections {
                    documents(table, store, person.id, &subject, *collection, writer).await?;
                    step();
                }
            }
        }
    }
    Ok(())
}

async fn days<O: Output>(
    table: &Table,
    store: &Store,
    person: i64,
    subject: &Subject<'_>,
    metric: &'static Metric,
    writer: &mut Writer<'_, O>,
) -> Result<(), Error> {
    let days = store.daily(person, metric, table.range).await?;
    for rows in days.chunks(BLOCK) {
        writer.block(Block::Days { subject, metric, rows }).await?;
    }
    Ok(())
}

/// A point belongs to the UTC day it was measured on, as in every other export: ranges that touch neither repeat nor
/// omit one.
async fn points<O: Output>(
    table: &Table,
    store: &Store,
    person: i64,
    subject: &Subject<'_>,
    metric: &'static Metric,
    writer: &mut Writer<'_, O>,
) -> Result<(), Error> {
    let first = table.range.first().midnight_utc().as_millisecond();
    let end = table.range.last().plus(1).midnight_utc().as_millisecond();
    let mut points = store.points(person, metric, table.range).await?;
    let mut read = Vec::new();
    while points.next(&mut read).await? {
        let from = read.partition_point(|(at, _)| *at < first);
        let to = read.partition_point(|(at, _)| *at < end);
        for rows in read[from..to].chunks(BLOCK) {
            writer.block(Block::Points { subject, metric, rows }).await?;
        }
    }
    Ok(())
}

async fn documents<O: Output>(
    table: &Table,
    store: &Store,
    person: i64,
    subject: &Subject<'_>,
    collection: Collection,
    writer: &mut Writer<'_, O>,
) -> Result<(), Error> {
    let mut last: Option<(Day, String)> = None;
    loop {
        let after = last.as_ref().map(|(day, id)| (*day, id.as_str()));
        let rows = store.documents(person, collection, table.range, after, PAGE).await?;
        let Some(end) = rows.last() else { return Ok(()) };
        last = Some((end.day, end.id.clone()));
        writer.block(Block::Documents { subject, collection, rows: &rows }).await?;
    }
}
