//! Several metrics on one axis: a row a bucket, a column a metric.

use std::collections::BTreeMap;

use domain::{DayRange, Metric};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use store::{Person, Store};
use utoipa::ToSchema;

use super::aggregate::Aggregate;
use super::answer::filled;
use super::bucket::Bucket;
use super::coverage::{Coverage, Reasons};
use super::question::{Gaps, check_gaps, is_number, rows};
use super::readings;
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
    pub(crate) from: Date,
    /// Last day, included.
    #[schema(value_type = String, format = Date, example = "2026-03-29")]
    pub(crate) to: Date,
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

/// One bucket: beside its days a column per metric, and with `gaps=carry` or `linear` one more, `…_filled`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Row {
    /// First day it covers.
    #[schema(value_type = String, format = Date, example = "2026-03-23")]
    pub(crate) start: Date,
    /// Last day it covers, included.
    #[schema(value_type = String, format = Date, example = "2026-03-29")]
    pub(crate) end: Date,
    /// The columns by their names.
    #[serde(flatten)]
    pub(crate) cells: BTreeMap<String, Cell>,
}

/// One number of a row, or whether it was filled in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Cell {
    /// In the metric's unit; null when nothing was measured.
    Number(Option<f64>),
    /// Whether the number beside it was filled in, and not measured.
    Filled(bool),
}

/// Answers a question about several metrics.
pub(crate) async fn table(
    store: &Store,
    person: &Person,
    metrics: &[&'static Metric],
    range: DayRange,
    (bucket, aggregate, gaps): (Bucket, Aggregate, Gaps),
    now: Timestamp,
) -> Result<Table, Error> {
    metrics.iter().try_for_each(|metric| is_number(metric))?;
    check_gaps(gaps, aggregate)?;
    let buckets = rows(bucket, range, metrics.len())?;
    let all = readings::read(store, person, metrics, range, &buckets, aggregate).await?;
    let reasons = Reasons::read(store, person, &all, range, now).await?;
    let new =
        |days: &DayRange| Row { start: days.first().date(), end: days.last().date(), cells: BTreeMap::new() };
    let mut rows: Vec<Row> = buckets.iter().map(new).collect();
    for readings in &all {
        let key = readings.metric.key;
        for (row, slot) in rows.iter_mut().zip(filled(gaps, &readings.buckets)) {
            row.cells.insert(key.to_owned(), Cell::Number(slot.value));
            if matches!(gaps, Gaps::Carry | Gaps::Linear) {
                row.cells.insert(format!("{key}_filled"), Cell::Filled(slot.filled));
            }
        }
    }
    if gaps == Gaps::Skip {
        rows.retain(|row| row.cells.values().any(|cell| *cell != Cell::Number(None)));
    }
    let column = |readings: &readings::Readings| Column {
        metric: readings.metric.key,
        unit: readings.metric.unit.name(),
        coverage: reasons.coverage(readings, range),
    };
    Ok(Table {
        person: person.name.to_string(),
        bucket,
        aggregate,
        from: range.first().date(),
        to: range.last().date(),
        columns: all.iter().map(column).collect(),
        rows,
    })
}
