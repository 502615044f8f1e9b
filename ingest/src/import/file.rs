//! One file of an export to batches.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read};

use domain::{Collection, Day, Document, Rejected, Window};
use jiff::tz::TimeZone;
use serde_json::json;

use super::Part;
use super::archive::Export;
use super::columns::{self, Column, Kind};
use super::records::{Record, Records};
use super::report::{FileReport, Skipped};

/// A batch is handed over at this many documents or bytes.
const DOCUMENTS: usize = 200;
const BYTES: usize = 2 << 20;

/// The most bytes of rows that wait for the rest of their day.
const WAITING: usize = 16 << 20;

/// The most rows of one day: a heart rate every second. More are rejected one by one.
const ROWS_A_DAY: u32 = 86_400;

/// Reads the file at `index`; returns its report, its size, and whether `take` wants more.
pub(super) fn read(
    export: &mut Export,
    index: usize,
    position: u64,
    take: &mut impl FnMut(Part) -> bool,
) -> (FileReport, u64, bool) {
    let entry = export.entry(index).clone();
    let mut report = FileReport { name: entry.name, ..FileReport::default() };
    let stem = columns::stem(&report.name);
    let elsewhere = entry.folders.last().is_some_and(|folder| !is_app_data(folder));
    report.skipped = match stem.as_deref() {
        _ if elsewhere => Some(Skipped::Elsewhere),
        None => Some(Skipped::NoCsv),
        Some("rawlocation" | "location") => Some(Skipped::Location),
        Some(stem) => {
            report.collection = columns::collection(stem);
            report.collection.is_none().then_some(Skipped::NotKept)
        }
    };
    let mut goes_on = true;
    let outcome = match (report.collection, report.skipped) {
        (Some(collection), None) => {
            let mut out = Out {
                report: &mut report,
                collection,
                index,
                batch: Vec::new(),
                bytes: 0,
                rejected: Vec::new(),
                start: position,
                position,
                take,
            };
            let outcome = match collection.window() {
                Window::Days | Window::Whole => out.documents(export),
                Window::Instants => out.series(export),
            };
            // What was read before any damage is good.
            let rest = out.hand_over();
            goes_on = rest.is_ok() && !matches!(outcome, Err(Stop::NotWanted));
            outcome
        }
        (_, Some(Skipped::NotKept)) => {
            export.bytes(index).and_then(lines).map_err(Stop::Damaged).map(|lines| {
                report.rows = lines.saturating_sub(1);
            })
        }
        _ => Ok(()),
    };
    if let Err(Stop::Damaged(error)) = outcome {
        report.damaged = Some(error.to_string());
    }
    (report, entry.size, goes_on)
}

fn is_app_data(folder: &str) -> bool {
    folder.chars().filter(char::is_ascii_alphanumeric).collect::<String>().eq_ignore_ascii_case("appdata")
}

/// How many lines, of any length.
fn lines(bytes: impl Read) -> io::Result<u64> {
    let mut input = BufReader::with_capacity(1 << 16, bytes);
    let (mut lines, mut open) = (0, false);
    loop {
        let buffer = input.fill_buf()?;
        let Some(last) = buffer.last() else { return Ok(lines + u64::from(open)) };
        open = *last != b'\n';
        lines += buffer.split(|byte| *byte == b'\n').count() as u64 - 1;
        let used = buffer.len();
        input.consume(used);
    }
}

/// Why a file is not read on.
enum Stop {
    Damaged(io::Error),
    NotWanted,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Damaged(error)
    }
}

/// A file on its way out.
struct Out<'a, F> {
    report: &'a mut FileReport,
    collection: Collection,
    index: usize,
    batch: Vec<Document>,
    bytes: usize,
    rejected: Vec<Rejected>,
    /// Where the file starts among the bytes of the export, and how far it has been read.
    start: u64,
    position: u64,
    take: &'a mut F,
}

/// A row of a time series that waits for the rest of its day.
struct Row {
    line: u64,
    json: String,
}

impl<F: FnMut(Part) -> bool> Out<'_, F> {
    /// One document a row.
    fn documents(&mut self, export: &mut Export) -> Result<(), Stop> {
        self.pass(export, |out, columns, record| {
            let json = record.cells.and_then(|cells| columns::document(columns, &cells));
            let parsed = json.map_err(|reason| (reason, None)).and_then(|json| {
                Document::parse(out.collection, &json)
                    .map_err(|rejected| (rejected.reason, Some(rejected.id)))
            });
            match parsed {
                Ok(document) => out.push(document),
                Err((reason, id)) => out.reject(record.line, &record.text, reason, id),
            }
        })
    }

    /// One document a day. A day must be whole when it is stored, and rows may stand in any order: the first pass counts
    /// the rows of each day, the next ones collect them. In a file in order of time one pass is enough; days that would
    /// not fit into the memory meant for waiting are left to a further pass.
    fn series(&mut self, export: &mut Export) -> Result<(), Stop> {
        let mut missing: BTreeMap<Day, u32> = BTreeMap::new();
        let counted = self.pass(export, |out, columns, record| match day(columns, &record) {
            Ok(day) if missing.get(&day).is_some_and(|rows| *rows == ROWS_A_DAY) => {
                out.reject(record.line, &record.text, format!("more than {ROWS_A_DAY} rows of one day"), None)
            }
            Ok(day) => {
                *missing.entry(day).or_default() += 1;
                Ok(())
            }
            Err(reason) => out.reject(record.line, &record.text, reason, None),
        });
        if let Err(Stop::NotWanted) = counted {
            return counted;
        }
        let rows = self.report.rows;
        while !missing.is_empty() {
            let before = missing.len();
            let collected = self.collect(export, &mut missing);
            self.report.rows = rows;
            // A damaged file ends at the same place every time; the days before that were counted and are collected.
            match collected {
                Err(Stop::Damaged(_)) if missing.len() < before => {}
                other => other?,
            }
            if missing.len() == before {
                return Err(io::Error::other("it changed while it was read").into());
            }
        }
        counted
    }

    /// Hands over the days whose `missing` rows all come by, and takes them out.
    fn collect(&mut self, export: &mut Export, missing: &mut BTreeMap<Day, u32>) -> Result<(), Stop> {
        let mut waiting: BTreeMap<Day, Vec<Row>> = BTreeMap::new();
        let (mut opened, mut bytes, mut later) = (Vec::new(), 0, BTreeSet::new());
        self.pass(export, |out, columns, record| {
            let Ok(day) = day(columns, &record) else { return Ok(()) };
            let Some(expected) = missing.get(&day).copied().filter(|_| !later.contains(&day)) else {
                return Ok(());
            };
            let rows = waiting.entry(day).or_insert_with(|| {
                opened.push(day);
                Vec::new()
            });
            let json = record.cells.and_then(|cells| columns::document(columns, &cells)).unwrap_or_default();
            bytes += json.len();
            rows.push(Row { line: record.line, json });
            if rows.len() == expected as usize {
                let rows = waiting.remove(&day).unwrap_or_default();
                opened.retain(|open| *open != day);
                missing.remove(&day);
                bytes -= weight(&rows);
                out.gather(&rows)?;
            }
            while bytes > WAITING && opened.len() > 1 {
                let put_off = opened.pop().expect("BUG: more than one is open");
                bytes -= weight(&waiting.remove(&put_off).unwrap_or_default());
                later.insert(put_off);
            }
            Ok(())
        })
    }

    /// Hands every record of the file to `each`.
    fn pass(
        &mut self,
        export: &mut Export,
        mut each: impl FnMut(&mut Self, &[Column], Record) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let bytes = export.bytes(self.index)?;
        let mut records = Records::new(BufReader::with_capacity(1 << 16, bytes));
        let Some(header) = records.header()? else { return Ok(()) };
        let columns = self.header(&header)?;
        while let Some(record) = records.next(columns.len(), |column| columns[column].kind == Kind::Text)? {
            self.report.rows += 1;
            self.position = self.start + records.bytes();
            each(self, &columns, record)?;
        }
        Ok(())
    }

    /// The columns, if this is the table its name promises.
    fn header(&mut self, header: &[String]) -> Result<Vec<Column>, Stop> {
        let columns: Vec<Column> = header.iter().map(|name| Column::of(self.collection, name)).collect();
        let has = |name: &str| columns.iter().any(|column| column.name == name);
        let (expected, promised) = match self.collection.window() {
            Window::Days | Window::Whole => ("day or start_day", has("day") || has("start_day")),
            Window::Instants => ("timestamp", has("timestamp")),
        };
        if !promised {
            return Err(io::Error::other(format!(
                "its first line names no column {expected} (separated by ;)"
            ))
            .into());
        }
        let names: BTreeSet<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        if names.len() < columns.len() {
            return Err(io::Error::other("its first line names a column twice").into());
        }
        let unknown = columns.iter().filter(|column| column.kind == Kind::Unknown);
        self.report.unknown_columns = unknown.map(|column| plain(&column.name)).collect();
        Ok(columns)
    }

    /// The rows of one day as its document.
    fn gather(&mut self, rows: &[Row]) -> Result<(), Stop> {
        let (documents, rejected) =
            Document::gather(self.collection, rows.iter().map(|row| row.json.as_str()));
        for Rejected { id, reason, body } in rejected {
            let line = rows.iter().find(|row| row.json == body).map_or(0, |row| row.line);
            self.reject(line, &body, reason, Some(id))?;
        }
        documents.into_iter().try_for_each(|document| self.push(document))
    }

    fn push(&mut self, document: Document) -> Result<(), Stop> {
        self.bytes += document.body.len();
        self.batch.push(document);
        self.hand_over_if_full()
    }

    /// Keeps a row with where it stood. Its name is its id, so that a good document of that id ends the matter.
    fn reject(&mut self, line: u64, row: &str, reason: String, id: Option<String>) -> Result<(), Stop> {
        *self.report.rejected.entry(reason.clone()).or_default() += 1;
        self.bytes += row.len();
        let body = json!({"file": self.report.name, "line": line, "row": row}).to_string();
        self.rejected.push(match id {
            Some(id) => Rejected { id, reason, body },
            None => Rejected::unnamed(reason, body),
        });
        self.hand_over_if_full()
    }

    fn hand_over_if_full(&mut self) -> Result<(), Stop> {
        if self.batch.len() + self.rejected.len() >= DOCUMENTS || self.bytes >= BYTES {
            self.hand_over()?;
        }
        Ok(())
    }

    fn hand_over(&mut self) -> Result<(), Stop> {
        let (documents, rejected) = (std::mem::take(&mut self.batch), std::mem::take(&mut self.rejected));
        self.bytes = 0;
        if documents.is_empty() && rejected.is_empty() {
            return Ok(());
        }
        let part = Part {
            file: self.index,
            collection: self.collection,
            documents,
            rejected,
            position: self.position,
        };
        if (self.take)(part) { Ok(()) } else { Err(Stop::NotWanted) }
    }
}

fn weight(rows: &[Row]) -> usize {
    rows.iter().map(|row| row.json.len()).sum()
}

/// The UTC day of a row, or what is wrong with it.
fn day(columns: &[Column], record: &Record) -> Result<Day, String> {
    let cells = record.cells.as_ref().map_err(Clone::clone)?;
    let at = columns.iter().position(|column| column.name == "timestamp");
    let instant = at.and_then(|at| columns::instant(cells.get(at)?));
    let instant = instant.filter(|at| (Day::FIRST.midnight_utc()..Day::LAST.midnight_utc()).contains(at));
    instant
        .map(|at| Day::at(at, &TimeZone::UTC))
        .ok_or_else(|| "/timestamp: expected an RFC 3339 time of this age".to_owned())
}

/// A name fit to be printed.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(40).collect()
}
