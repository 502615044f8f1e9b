//! Rows for people and programs: numbers of days, points within days, or the documents themselves, as CSV, NDJSON, JSON,
//! Parquet or FHIR. One writer a format, for commands, requests and jobs. What is held in memory is one block
//! of rows and what the reader has not taken yet, however long the history.

mod block;
mod csv;
mod fhir;
mod json;
mod kind;
mod parquet;
mod read;
mod request;
mod writer;

use jiff::Timestamp;
use store::{Person, Store};

use crate::{Error, Progress};
use block::Encode;
use writer::Writer;

pub use kind::{Format, RowKind, UnknownWord};
pub use request::{InvalidTable, InvalidTableRequest, Table, TableRequest};
pub use writer::Output;

impl Table {
    /// Writes the rows of these people, one person after the other; returns how many there were. The rows are read while
    /// they are written: a concurrent change is included or not, day by day. Numbers of days that are not settled `now`
    /// are marked where the format can.
    pub async fn write(
        &self,
        store: &Store,
        people: &[Person],
        now: Timestamp,
        out: &mut impl Output,
        progress: Progress<'_>,
    ) -> Result<u64, Error> {
        let mut writer = Writer::new(self.encoder(now)?, out);
        read::read(self, store, people, now, &mut writer, progress).await?;
        writer.end().await
    }

    fn encoder(&self, now: Timestamp) -> Result<Box<dyn Encode>, Error> {
        let what = self.what();
        Ok(match self.format() {
            Format::Csv => Box::new(csv::Csv::new(what)),
            Format::Ndjson => Box::new(json::Json::lines()),
            Format::Json => Box::new(json::Json::array()),
            Format::Parquet => Box::new(parquet::Parquet::new(what)?),
            Format::Fhir => Box::new(fhir::Fhir::new(now)),
        })
    }
}
