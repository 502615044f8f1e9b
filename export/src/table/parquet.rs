//! Apache Parquet, compressed with snappy. Rows are gathered into groups, which bounds what is held.

use std::sync::Arc;

use parquet::basic::Compression;
use parquet::column::writer::ColumnWriterImpl;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::block::{Block, Encode, word};
use super::kind::RowKind;
use crate::Error;

/// Rows of a group: some megabytes, and enough for a reader to skip by.
const ROWS: usize = 128 * 1024;

/// Bytes of documents of a group.
const BYTES: usize = 8 * 1024 * 1024;

const DAYS: &str = "message days {
    required binary person (STRING);
    required int32 day (DATE);
    required binary metric (STRING);
    required double value;
    required binary unit (STRING);
    optional binary state (STRING);
}";

const POINTS: &str = "message points {
    required binary person (STRING);
    required int64 time (TIMESTAMP(MILLIS, true));
    required binary metric (STRING);
    required double value;
    required binary unit (STRING);
}";

const DOCUMENTS: &str = "message documents {
    required binary person (STRING);
    required binary collection (STRING);
    required int32 day (DATE);
    required binary id (STRING);
    required int64 revision;
    required int64 first_seen_at (TIMESTAMP(MILLIS, true));
    required int64 changed_at (TIMESTAMP(MILLIS, true));
    required binary document (JSON);
}";

pub(super) struct Parquet {
    file: SerializedFileWriter<Vec<u8>>,
    what: RowKind,
    group: Group,
}

/// The columns of the group that is being gathered; which are used follows from the schema.
#[derive(Default)]
struct Group {
    rows: usize,
    bytes: usize,
    /// Columns of text in the order of the schema, those of all rows.
    texts: [Vec<ByteArray>; 4],
    states: Vec<ByteArray>,
    has_state: Vec<i16>,
    days: Vec<i32>,
    times: [Vec<i64>; 3],
    values: Vec<f64>,
}

impl Parquet {
    pub(super) fn new(what: RowKind) -> Result<Self, Error> {
        let schema = match what {
            RowKind::Days => DAYS,
            RowKind::Points => POINTS,
            RowKind::Documents => DOCUMENTS,
        };
        let schema = Arc::new(parse_message_type(schema).map_err(failed)?);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("myhealth ", env!("CARGO_PKG_VERSION")).to_owned());
        let file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties.build()));
        Ok(Self { file: file.map_err(failed)?, what, group: Group::default() })
    }

    /// Writes the group and begins another.
    fn cut(&mut self) -> Result<(), Error> {
        let group = std::mem::take(&mut self.group);
        if group.rows == 0 {
            return Ok(());
        }
        let mut file = self.file.next_row_group().map_err(failed)?;
        let [person, second, third, fourth] = &group.texts;
        let [first_time, second_time, third_time] = &group.times;
        match self.what {
            RowKind::Days => {
                column::<ByteArrayType>(&mut file, person, None)?;
                column::<Int32Type>(&mut file, &group.days, None)?;
                column::<ByteArrayType>(&mut file, second, None)?;
                column::<DoubleType>(&mut file, &group.values, None)?;
                column::<ByteArrayType>(&mut file, third, None)?;
                column::<ByteArrayType>(&mut file, &group.states, Some(&group.has_state))?;
            }
            RowKind::Points => {
                column::<ByteArrayType>(&mut file, person, None)?;
                column::<Int64Type>(&mut file, first_time, None)?;
                column::<ByteArrayType>(&mut file, second, None)?;
                column::<DoubleType>(&mut file, &group.values, None)?;
                column::<ByteArrayType>(&mut file, third, None)?;
            }
            RowKind::Documents => {
                column::<ByteArrayType>(&mut file, person, None)?;
                column::<ByteArrayType>(&mut file, second, None)?;
                column::<Int32Type>(&mut file, &group.days, None)?;
                column::<ByteArrayType>(&mut file, third, None)?;
                column::<Int64Type>(&mut file, first_time, None)?;
                column::<Int64Type>(&mut file, second_time, None)?;
                column::<Int64Type>(&mut file, third_time, None)?;
                column::<ByteArrayType>(&mut file, fourth, None)?;
            }
        }
        file.close().map_err(failed)?;
        Ok(())
    }

    /// Passes on what the file has; it counts its bytes itself.
    fn take(&mut self, into: &mut Vec<u8>) -> Result<(), Error> {
        self.file.flush()?;
        into.append(self.file.inner_mut());
        Ok(())
    }
}

/// Parquet's errors: the writer in memory cannot fail, so one is a bug of this module.
fn failed(error: parquet::errors::ParquetError) -> Error {
    Error::Write(std::io::Error::other(error))
}

fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[T::T],
    present: Option<&[i16]>,
) -> Result<(), Error> {
    let column = group.next_column().map_err(failed)?;
    let mut column = column.expect("BUG: every column of the schema is written once");
    let typed: &mut ColumnWriterImpl<'_, T> = column.typed::<T>();
    typed.write_batch(values, present, None).map_err(failed)?;
    column.close().map_err(failed)
}

/// One text for many rows, shared.
fn repeat(column: &mut Vec<ByteArray>, text: &str, times: usize) {
    let text = ByteArray::from(text);
    column.extend(std::iter::repeat_n(text, times));
}

impl Encode for Parquet {
    fn block(&mut self, block: &Block<'_>, into: &mut Vec<u8>) -> Result<(), Error> {
        let group = &mut self.group;
        let [person, second, third, fourth] = &mut group.texts;
        match block {
            Block::Days { subject, metric, rows } => {
                repeat(person, subject.name, rows.len());
                repeat(second, metric.key, rows.len());
                repeat(third, metric.unit.name(), rows.len());
                for (day, value) in *rows {
                    group.days.push(epoch_day(*day));
                    group.values.push(*value);
                    let state = word(metric, *value);
                    group.states.extend(state.map(ByteArray::from));
                    group.has_state.push(i16::from(state.is_some()));
                }
                group.rows += rows.len();
            }
            Block::Points { subject, metric, rows } => {
                repeat(person, subject.name, rows.len());
                repeat(second, metric.key, rows.len());
                repeat(third, metric.unit.name(), rows.len());
                group.times[0].extend(rows.iter().map(|(at, _)| *at));
                group.values.extend(rows.iter().map(|(_, value)| *value));
                group.rows += rows.len();
            }
            Block::Documents { subject, collection, rows } => {
                repeat(person, subject.name, rows.len());
                repeat(second, collection.name(), rows.len());
                for row in *rows {
                    group.days.push(epoch_day(row.day));
                    third.push(ByteArray::from(row.id.as_str()));
                    group.times[0].push(row.revision);
                    group.times[1].push(row.first_seen_at.as_millisecond());
                    group.times[2].push(row.changed_at.as_millisecond());
                    group.bytes += row.body.len();
                    fourth.push(ByteArray::from(row.body.as_str()));
                }
                group.rows += rows.len();
            }
        }
        if group.rows >= ROWS || group.bytes >= BYTES {
            self.cut()?;
            self.take(into)?;
        }
        Ok(())
    }

    fn end(&mut self, into: &mut Vec<u8>) -> Result<(), Error> {
        self.cut()?;
        self.file.finish().map_err(failed)?;
        self.take(into)
    }
}

/// Days since 1970, as Parquet counts dates.
fn epoch_day(day: domain::Day) -> i32 {
    let days = day.midnight_utc().as_second() / 86_400;
    i32::try_from(days).expect("BUG: accepted days are within 200 years")
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};

    use super::*;
    use crate::table::block::Subject;

    #[test]
    fn parquet_is_written_by_row_group() {
        let metric = domain::Metric::by_key("sleep_heart_rate").unwrap();
        let subject =
            Subject { name: "me", zone: jiff::tz::TimeZone::UTC, today: domain::Day::literal(2026, 3, 29) };
        let rows: Vec<(i64, f64)> = (0..50_000).map(|n| (n, 60.0)).collect();
        let mut file = Vec::new();
        let mut parquet = Parquet::new(RowKind::Points).unwrap();
        let mut grown = Vec::new();
        for _ in 0..6 {
            parquet.block(&Block::Points { subject: &subject, metric, rows: &rows }, &mut file).unwrap();
            grown.push(file.len());
        }
        parquet.end(&mut file).unwrap();
        assert!(grown[1] == 0 && grown[2] > 0 && grown[5] > grown[2], "{grown:?}");
        let read = SerializedFileReader::new(bytes::Bytes::from(file)).unwrap();
        let groups: Vec<i64> = read
            .metadata()
            .row_groups()
            .iter()
            .map(parquet::file::metadata::RowGroupMetaData::num_rows)
            .collect();
        assert_eq!(groups, [150_000, 150_000]);
    }
}
