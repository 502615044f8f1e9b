//! Several metrics on one axis: a row a bucket, a column a metric.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{Day, DayRange, Metric};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use store::{Person, Store};
use utoipa::ToSchema;

use super::aggregate::Aggregate;
use super::bucket::Bucket;
use super::coverage::{Coverage, Reasons};
use super::query::{Gaps, check_gaps, is_number, rows};
use super::readings::{self, DailyReadings};
use super::response::filled;
use crate::error::Error;

/// Several metrics over the same days.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Table {
    /// Whose.
    #[schema(example = "me")]
    pub(crate) person: String,
    /// Which days are summed up together.
    pub(crate) bucket: Bucket,
    /// How they are summed up.
    #[schema(value_type = String, example = "mean")]
    pub(crate) aggregate: Aggregate,
    /// First day.
    #[schema(value_type = String, format = Date, example = "2026-01-01")]
    pub(crate) from: Day,
    /// Last day, included.
    #[schema(value_type = String, format = Date, example = "2026-03-29")]
    pub(crate) to: Day,
    /// The columns, in the order asked for.
    pub(crate) columns: Vec<Column>,
    /// One row per bucket, oldest first.
    pub(crate) rows: Vec<Row>,
}

/// One metric of a table.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Column {
    /// Metric id, and the name of its column.
    #[schema(example = "sleep_score")]
    pub(crate) metric: &'static str,
    /// The unit of every value.
    #[schema(example = "score (1-100)")]
    pub(crate) unit: &'static str,
    /// How much of the range was measured.
    pub(crate) coverage: Coverage,
}

/// One bucket: its days and a column per metric, and with `gaps=carry` or `linear` one more, `…_filled`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Row {
    /// First day it covers.
    #[schema(value_type = String, format = Date, example = "2026-03-23")]
    pub(crate) start: Day,
    /// Last day it covers, included.
    #[schema(value_type = String, format = Date, example = "2026-03-29")]
    pub(crate) end: Day,
    /// The columns by their names.
    #[serde(flatten)]
    #[schema(value_type = BTreeMap<String, Cell>)]
    pub(crate) cells: Cells,
}

/// The cells of a row, in order of name; the names are the same for all rows.
#[derive(Clone, Debug)]
pub(crate) struct Cells {
    names: Arc<[String]>,
    cells: Vec<Cell>,
}

impl Serialize for Cells {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.names.iter().zip(&self.cells))
    }
}

/// One number of a row, or whether it was filled in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Cell {
    /// In the metric's unit; null when nothing was measured.
    Number(Option<f64>),
    /// Whether the number of the same metric was filled in, and not measured.
    Filled(bool),
}

/// What is read to answer a question about several metrics; the answer is arithmetic.
pub(crate) struct Loaded {
    person: String,
    range: DayRange,
    how: (Bucket, Aggregate, Gaps),
    buckets: Vec<DayRange>,
    all: Vec<DailyReadings>,
    reasons: Reasons,
}

/// Reads what answers a question about several metrics.
pub(crate) async fn table(
    store: &Store,
    person: &Person,
    metrics: &[&'static Metric],
    range: DayRange,
    how: (Bucket, Aggregate, Gaps),
    now: Timestamp,
) -> Result<Loaded, Error> {
    let (bucket, aggregate, gaps) = how;
    metrics.iter().try_for_each(|metric| is_number("metrics", metric))?;
    check_gaps(gaps, aggregate)?;
    let buckets = rows(bucket, range, metrics.len())?;
    let all = readings::read(store, person, metrics, range, &buckets, aggregate).await?;
    let reasons = Reasons::read(store, person, &all, range, now).await?;
    Ok(Loaded { person: person.name.to_string(), range, how, buckets, all, reasons })
}

impl Loaded {
    /// About how many bytes the answer takes.
    pub(crate) fn room(&self) -> usize {
        const DAYS: usize = 48;
        const CELL: usize = 40;
        const HEAD: usize = 4096;
        HEAD + self.buckets.len() * (DAYS + CELL * self.all.len())
    }

    /// The answer.
    pub(crate) fn answer(&self) -> Table {
        let Self { person, range, how: (bucket, aggregate, gaps), buckets, all, reasons } = self;
        let mut by_name: BTreeMap<String, Vec<Cell>> = BTreeMap::new();
        for readings in all {
            let key = readings.metric.key;
            let slots = filled(*gaps, &readings.buckets);
            if matches!(gaps, Gaps::Carry | Gaps::Linear) {
                let marks = slots.iter().map(|slot| Cell::Filled(slot.filled)).collect();
                by_name.insert(format!("{key}_filled"), marks);
            }
            by_name.insert(key.to_owned(), slots.iter().map(|slot| Cell::Number(slot.value)).collect());
        }
        let (names, columns): (Vec<String>, Vec<Vec<Cell>>) = by_name.into_iter().unzip();
        let names: Arc<[String]> = names.into();
        let row = |(at, days): (usize, &DayRange)| {
            let cells = columns.iter().map(|column| column[at]).collect();
            Row { start: days.first(), end: days.last(), cells: Cells { names: names.clone(), cells } }
        };
        let mut rows: Vec<Row> = buckets.iter().enumerate().map(row).collect();
        if *gaps == Gaps::Skip {
            rows.retain(|row| row.cells.cells.iter().any(|cell| *cell != Cell::Number(None)));
        }
        let column = |readings: &DailyReadings| Column {
            metric: readings.metric.key,
            unit: readings.metric.unit.name(),
            coverage: reasons.of(readings).coverage(*range),
        };
        Table {
            person: person.clone(),
            bucket: *bucket,
            aggregate: *aggregate,
            from: range.first(),
            to: range.last(),
            columns: all.iter().map(column).collect(),
            rows,
        }
    }
}
