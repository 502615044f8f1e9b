//! RFC 4180, with a header.
//!
//! A spreadsheet evaluates a cell that begins with one of `= + - @` or a control character as a formula. Numbers, days and
//! times do not; texts are words of the catalogue, pseudonyms and JSON, which begin differently; ids are Oura's and get a
//! leading apostrophe if they begin so. The other formats have them unchanged.

use std::io::Write as _;

use super::block::{Block, Encode, instant, time, word};
use super::kind::RowKind;
use crate::Error;

pub(super) struct Csv {
    what: RowKind,
    begun: bool,
    cell: Vec<u8>,
}

impl Csv {
    pub(super) fn new(what: RowKind) -> Self {
        Self { what, begun: false, cell: Vec::new() }
    }

    fn header(&self) -> &'static [&'static str] {
        match self.what {
            RowKind::Days => &["person", "day", "metric", "value", "unit", "state"],
            RowKind::Points => &["person", "time", "metric", "value", "unit"],
            RowKind::Documents => {
                &["person", "collection", "day", "id", "revision", "first_seen_at", "changed_at", "document"]
            }
        }
    }

    /// A writer over `into`, after the header.
    fn open<'a>(&mut self, into: &'a mut Vec<u8>) -> Result<csv::Writer<&'a mut Vec<u8>>, Error> {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(into);
        if !std::mem::replace(&mut self.begun, true) {
            writer.write_record(self.header()).map_err(failed)?;
        }
        Ok(writer)
    }
}

fn failed(error: csv::Error) -> Error {
    Error::Write(error.into())
}

impl Encode for Csv {
    fn block(&mut self, block: &Block<'_>, into: &mut Vec<u8>) -> Result<(), Error> {
        let mut writer = self.open(into)?;
        let cell = &mut self.cell;
        let mut say = |writer: &mut csv::Writer<_>, text: std::fmt::Arguments<'_>| {
            cell.clear();
            cell.write_fmt(text)?;
            writer.write_field(&*cell).map_err(failed)
        };
        let mut number = zmij::Buffer::new();
        match block {
            Block::Days { subject, metric, rows } => {
                for (day, value) in *rows {
                    writer.write_field(subject.name).map_err(failed)?;
                    say(&mut writer, format_args!("{day}"))?;
                    let rest = [
                        metric.key,
                        number.format(*value),
                        metric.unit.name(),
                        word(metric, *value).unwrap_or(""),
                    ];
                    writer.write_record(rest).map_err(failed)?;
                }
            }
            Block::Points { subject, metric, rows } => {
                for (at, value) in *rows {
                    writer.write_field(subject.name).map_err(failed)?;
                    say(&mut writer, format_args!("{}", time(instant(*at))))?;
                    let rest = [metric.key, number.format(*value), metric.unit.name()];
                    writer.write_record(rest).map_err(failed)?;
                }
            }
            Block::Documents { subject, collection, rows } => {
                for row in *rows {
                    writer.write_field(subject.name).map_err(failed)?;
                    writer.write_field(collection.name()).map_err(failed)?;
                    say(&mut writer, format_args!("{}", row.day))?;
                    say(&mut writer, format_args!("{}{}", guard(&row.id), row.id))?;
                    say(&mut writer, format_args!("{}", row.revision))?;
                    say(&mut writer, format_args!("{}", time(row.first_seen_at)))?;
                    say(&mut writer, format_args!("{}", time(row.changed_at)))?;
                    writer.write_record([row.body.trim_start()]).map_err(failed)?;
                }
            }
        }
        writer.flush()?;
        Ok(())
    }

    fn end(&mut self, into: &mut Vec<u8>) -> Result<(), Error> {
        // A table without rows still says its columns.
        self.open(into)?.flush()?;
        Ok(())
    }
}

/// The prefix of a text that a spreadsheet would evaluate as a formula.
fn guard(text: &str) -> &'static str {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { "'" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_formulas_are_escaped() {
        for (text, expected) in [("=1+1", "'"), ("-7", "'"), ("@x", "'"), ("\tx", "'"), ("a=1", ""), ("", "")]
        {
            assert_eq!(guard(text), expected, "{text:?}");
        }
    }
}
