//! One flat object a row: as lines, or as one array.

use serde::Serialize;
use serde_json::value::RawValue;

use super::block::{Block, Encode, instant, time, word};
use crate::Error;

pub(super) struct Json {
    array: bool,
    begun: bool,
}

#[derive(Serialize)]
struct DayRow<'a> {
    person: &'a str,
    day: &'a str,
    metric: &'static str,
    value: f64,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
}

#[derive(Serialize)]
struct PointRow<'a> {
    person: &'a str,
    time: &'a str,
    metric: &'static str,
    value: f64,
    unit: &'static str,
}

#[derive(Serialize)]
struct DocumentRow<'a> {
    person: &'a str,
    collection: &'static str,
    day: &'a str,
    id: &'a str,
    revision: i64,
    first_seen_at: &'a str,
    changed_at: &'a str,
    document: &'a RawValue,
}

impl Json {
    pub(super) fn lines() -> Self {
        Self { array: false, begun: false }
    }

    pub(super) fn array() -> Self {
        Self { array: true, begun: false }
    }

    fn row(&mut self, row: &impl Serialize, into: &mut Vec<u8>) -> Result<(), Error> {
        if self.array {
            into.extend_from_slice(if self.begun { b",\n" } else { b"[\n" });
        }
        self.begun = true;
        serde_json::to_writer(&mut *into, row).map_err(std::io::Error::from)?;
        if !self.array {
            into.push(b'\n');
        }
        Ok(())
    }
}

impl Encode for Json {
    fn block(&mut self, block: &Block<'_>, into: &mut Vec<u8>) -> Result<(), Error> {
        match block {
            Block::Days { subject, metric, rows } => {
                for (day, value) in *rows {
                    let row = DayRow {
                        person: subject.name,
                        day: &day.to_string(),
                        metric: metric.key,
                        value: *value,
                        unit: metric.unit.name(),
                        state: word(metric, *value),
                    };
                    self.row(&row, into)?;
                }
            }
            Block::Points { subject, metric, rows } => {
                for (at, value) in *rows {
                    let row = PointRow {
                        person: subject.name,
                        time: &time(instant(*at)).to_string(),
                        metric: metric.key,
                        value: *value,
                        unit: metric.unit.name(),
                    };
                    self.row(&row, into)?;
                }
            }
            Block::Documents { subject, collection, rows } => {
                for row in *rows {
                    // Between the tokens of JSON a line break is a blank, and within a text there is none.
                    let line = row.body.replace(['\n', '\r'], " ");
                    let document = serde_json::from_str(&line)
                        .map_err(|_| store::Error::Corrupt { what: "body of a document" })?;
                    let row = DocumentRow {
                        person: subject.name,
                        collection: collection.name(),
                        day: &row.day.to_string(),
                        id: &row.id,
                        revision: row.revision,
                        first_seen_at: &time(row.first_seen_at).to_string(),
                        changed_at: &time(row.changed_at).to_string(),
                        document,
                    };
                    self.row(&row, into)?;
                }
            }
        }
        Ok(())
    }

    fn end(&mut self, into: &mut Vec<u8>) -> Result<(), Error> {
        if self.array {
            into.extend_from_slice(if self.begun { b"\n]\n" } else { b"[]\n" });
        }
        Ok(())
    }
}
