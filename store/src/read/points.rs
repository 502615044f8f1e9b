//! Points of long ranges, for consumers that turn history into time series.

use std::collections::VecDeque;

use domain::{DayRange, Metric};
use jiff_sqlx::ToSqlx;
use tokio::task::JoinSet;

use super::json_numbers;
use crate::Store;
use crate::error::{Error, Result};
use crate::sql::{read, row, select};
use crate::time::Time;

/// Days of points read by one statement: bounds the memory.
const DAYS_OF_POINTS: i64 = 45;

/// A night begins the evening before the day it is filed under and may reach into the next; so do journeys.
const DAY_MARGIN: i64 = 3;

/// The points of one metric of one person, oldest first, some weeks at a time; the next weeks are read meanwhile.
pub struct PointStream {
    source: Source,
    ahead: VecDeque<DayRange>,
    /// The range at the head of `ahead`, once it is being read. Ends with this.
    reading: JoinSet<Result<Vec<(i64, f64)>>>,
    /// Read, but documents of later days may bring points that come before.
    open: Vec<(i64, f64)>,
    last: i64,
}

#[derive(Clone)]
struct Source {
    store: Store,
    person: i64,
    metric: &'static Metric,
}

row! {
    struct PointsRow {
        start_at: Time,
        step_ms: Option<i64>,
        offsets_ms: Option<String>,
        points: String,
    }
}

impl Store {
    /// The points measured in a range of UTC days, and up to [`DAY_MARGIN`] days around it.
    pub async fn points(&self, person: i64, metric: &'static Metric, range: DayRange) -> Result<PointStream> {
        let asked = range.padded(DAY_MARGIN);
        let known = self.series_extent(person, metric).await?.and_then(|extent| {
            DayRange::new(asked.first().max(extent.first()), asked.last().min(extent.last())).ok()
        });
        let ahead = known.map_or_else(Vec::new, |range| range.chunks(DAYS_OF_POINTS)).into();
        let source = Source { store: self.clone(), person, metric };
        Ok(PointStream { source, ahead, reading: JoinSet::new(), open: Vec::new(), last: i64::MIN })
    }
}

impl PointStream {
    /// Replaces `into` by the next points: Unix milliseconds, each later than all before, and values. `false` at the end.
    /// Where documents overlap in one instant, the later document counts.
    pub async fn next(&mut self, into: &mut Vec<(i64, f64)>) -> Result<bool> {
        into.clear();
        while into.is_empty() {
            self.prefetch();
            let read = self.reading.join_next().await;
            let Some((chunk, read)) = self.ahead.pop_front().zip(read) else { return Ok(false) };
            // It neither panics nor is aborted before this ends: the runtime is.
            let read = read.map_err(|_| sqlx::Error::WorkerCrashed)??;
            self.prefetch();
            self.open.extend(read);
            if !self.open.is_sorted_by_key(|(at, _)| *at) {
                self.open.sort_by_key(|(at, _)| *at);
            }
            let closed = chunk.last().plus(-DAY_MARGIN).midnight_utc().as_millisecond();
            let ready = if self.ahead.is_empty() {
                self.open.len()
            } else {
                self.open.partition_point(|(at, _)| *at < closed)
            };
            for (at, value) in self.open.drain(..ready) {
                if at > self.last {
                    into.push((at, value));
                    self.last = at;
                } else if let Some(same) = into.last_mut().filter(|same| same.0 == at) {
                    same.1 = value;
                }
            }
        }
        Ok(true)
    }

    /// The next days are read and unpacked while the caller works on the current ones.
    fn prefetch(&mut self) {
        if let Some(range) = self.ahead.front().filter(|_| self.reading.is_empty()) {
            let (source, range) = (self.source.clone(), *range);
            self.reading.spawn(async move { source.read(range).await });
        }
    }
}

impl Source {
    /// All points of the documents of these days, in order of document.
    async fn read(&self, range: DayRange) -> Result<Vec<(i64, f64)>> {
        let rows: Vec<PointsRow> = read!(
            self.store,
            query_as.fetch_all,
            select::<PointsRow>(
                "from series where person = $1 and metric = $2 and day between $3 and $4 order by day, start_at"
            ),
            self.person,
            self.metric.key,
            range.first().date().to_sqlx(),
            range.last().date().to_sqlx()
        );
        let (mut points, mut values, mut offsets) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            let corrupt = |_| Error::Corrupt { what: "series" };
            values.clear();
            if json_numbers::parse_numbers(&row.points, &mut values).is_none() {
                values = serde_json::from_str(&row.points).map_err(corrupt)?;
            }
            offsets.clear();
            match (row.step_ms, row.offsets_ms) {
                (Some(step), None) => {
                    let even = (0..values.len()).map_while(|n| step.checked_mul(i64::try_from(n).ok()?));
                    offsets.extend(even);
                }
                (None, Some(listed)) => {
                    if json_numbers::parse_integers(&listed, &mut offsets).is_none() {
                        offsets = serde_json::from_str(&listed).map_err(corrupt)?;
                    }
                }
                _ => return Err(Error::Corrupt { what: "series" }),
            }
            let start = row.start_at.get().as_millisecond();
            let known = offsets.iter().zip(&values);
            points.extend(known.filter_map(|(offset, value)| Some((start.checked_add(*offset)?, (*value)?))));
        }
        Ok(points)
    }
}
