//! One file of an export to batches.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, BufRead, BufReader, Read};

use domain::{Collection, Day, Document, Rejected, Window};
use jiff::tz::TimeZone;
use serde_json::json;

use super::Part;
use super::archive::Export;
use super::columns::{self, Column, Kind, Table};
use super::ident;
use super::records::{Record, Records};
use super::report::{FileReport, Skipped};

/// A batch is handed over at this many documents or bytes.
const MAX_BATCH_DOCUMENTS: usize = 200;
const MAX_BATCH_BYTES: usize = 2 << 20;

/// The most bytes of rows that wait for the rest of their day.
const MAX_PENDING_BYTES: usize = 16 << 20;

/// The most rows of one day: a heart rate every second. More are rejected one by one.
const ROWS_A_DAY: u32 = 86_400;

/// The most documents of one day. A day has at most some tens of tags; each further one would have the day derived again.
const DOCUMENTS_A_DAY: u32 = 500;

/// The most documents of one file: ten years of more than fifty a day.
const MAX_DOCUMENTS: u64 = 200_000;

/// The most rejected rows of one file that are kept; more are counted. Where they are also more than half of its rows it
/// is not the table its name promises, and is not read on.
const MAX_REJECTED: u64 = 10_000;

/// The most distinct reasons in a report.
const MAX_REASONS: usize = 100;

/// The most columns; the widest table has about forty.
const MAX_COLUMNS: usize = 500;

/// The most times that a file is read for days whose rows are scattered.
const MAX_PASSES: usize = 16;

/// Reads the file at `index`; returns its report, its size, and whether `take` wants more.
pub(super) fn read(
    export: &mut Export,
    index: usize,
    position: u64,
    take: &mut impl FnMut(Part) -> bool,
) -> (FileReport, u64, bool) {
    let entry = export.entry(index).clone();
    let mut report = FileReport { name: entry.name, ..FileReport::default() };
    let (collection, skipped) = match columns::table(&report.name) {
        _ if entry.is_elsewhere => (None, Some(Skipped::Elsewhere)),
        None => (None, Some(Skipped::NoCsv)),
        Some(Table::Location) => (None, Some(Skipped::Location)),
        Some(Table::Other) => (None, Some(Skipped::NotKept)),
        Some(Table::Of(collection)) => (Some((collection, true)), None),
        Some(Table::Perhaps(collection)) => (Some((collection, false)), None),
    };
    report.skipped = skipped;
    let mut goes_on = true;
    let mut outcome = Ok(());
    if let Some((collection, is_certain)) = collection {
        report.collection = Some(collection);
        let mut out = FileReader {
            report: &mut report,
            collection,
            is_certain,
            index,
            batch: Vec::new(),
            bytes: 0,
            rejected: Vec::new(),
            rejected_rows: 0,
            start: position,
            position,
            take,
        };
        outcome = match collection.window() {
            Window::Days | Window::Whole => out.documents(export),
            Window::Instants => out.series(export),
        };
        // What was read before any damage is good.
        let rest = out.hand_over();
        goes_on = rest.is_ok() && !matches!(outcome, Err(Stop::NotWanted));
    }
    if matches!(outcome, Err(Stop::OtherTable)) {
        (report.collection, report.skipped, outcome) = (None, Some(Skipped::NotKept), Ok(()));
    }
    if report.skipped == Some(Skipped::NotKept) {
        let lines = export.bytes(index).and_then(lines).map_err(Stop::Damaged);
        outcome = lines.map(|lines| report.rows = lines.saturating_sub(1));
    }
    if let Err(Stop::Damaged(error)) = outcome {
        report.damaged = Some(error.to_string());
    }
    (report, entry.size, goes_on)
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
    /// It is not the table that a word of its name may mean.
    OtherTable,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Damaged(error)
    }
}

/// A file on its way out.
struct FileReader<'a, F> {
    report: &'a mut FileReport,
    collection: Collection,
    /// Whether the name alone says so.
    is_certain: bool,
    index: usize,
    batch: Vec<Document>,
    bytes: usize,
    rejected: Vec<Rejected>,
    /// Rows rejected so far.
    rejected_rows: u64,
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

impl<F: FnMut(Part) -> bool> FileReader<'_, F> {
    /// One document a row.
    fn documents(&mut self, export: &mut Export) -> Result<(), Stop> {
        let mut days: BTreeMap<Day, u32> = BTreeMap::new();
        let mut documents = 0;
        self.pass(export, |out, columns, record| {
            let json = record.cells.and_then(|cells| columns::document(columns, &cells));
            let json = json.map(|json| ident::with_id(out.collection, json));
            let parsed = json.map_err(|reason| (reason, None)).and_then(|json| {
                Document::parse(out.collection, &json)
                    .map_err(|rejected| (rejected.reason, Some(rejected.id)))
            });
            let document = match parsed {
                Ok(document) => document,
                Err((reason, id)) => return out.reject(record.line, &record.text, reason, id),
            };
            let of_day = days.entry(document.day).or_default();
            *of_day += 1;
            if *of_day > DOCUMENTS_A_DAY {
                let reason = format!("more than {DOCUMENTS_A_DAY} rows of one day");
                return out.reject(record.line, &record.text, reason, None);
            }
            documents += 1;
            if documents > MAX_DOCUMENTS {
                return Err(io::Error::other(format!("it has more than {MAX_DOCUMENTS} rows")).into());
            }
            out.push(document)
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
        if let Err(Stop::NotWanted | Stop::OtherTable) = counted {
            return counted;
        }
        let rows = self.report.rows;
        let mut passes = 0;
        while !missing.is_empty() {
            passes += 1;
            if passes > MAX_PASSES {
                let reason = "it is too large for rows in no order of time; sort it by timestamp";
                return Err(io::Error::other(reason).into());
            }
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
            while bytes > MAX_PENDING_BYTES && opened.len() > 1 {
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
        if header.len() > MAX_COLUMNS {
            return Err(
                io::Error::other(format!("its first line names more than {MAX_COLUMNS} columns")).into()
            );
        }
        let columns: Vec<Column> = header.iter().map(|name| Column::of(self.collection, name)).collect();
        let has = |name: &str| columns.iter().any(|column| column.name == name);
        let (expected, promised) = match self.collection.window() {
            Window::Days | Window::Whole => ("day or start_day", has("day") || has("start_day")),
            Window::Instants => ("timestamp", has("timestamp")),
        };
        let known = columns.iter().filter(|column| column.kind != Kind::Unknown).count();
        if !self.is_certain && (!promised || known * 2 < columns.len()) {
            return Err(Stop::OtherTable);
        }
        if !promised {
            let reason = format!("its first line names no column {expected} (separated by ; or , or tab)");
            return Err(io::Error::other(reason).into());
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
            Document::group_rows(self.collection, rows.iter().map(|row| row.json.as_str()));
        if !rejected.is_empty() {
            let mut lines: HashMap<&str, u64> = HashMap::with_capacity(rows.len());
            for row in rows {
                lines.entry(&row.json).or_insert(row.line);
            }
            for Rejected { id, reason, body } in rejected {
                let line = lines.get(body.as_str()).copied().unwrap_or_default();
                self.reject(line, &body, reason, Some(id))?;
            }
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
        let reasons = &mut self.report.rejected;
        let told_apart = reasons.len() < MAX_REASONS || reasons.contains_key(&reason);
        *reasons.entry(if told_apart { reason.clone() } else { "other faults".to_owned() }).or_default() += 1;
        self.rejected_rows += 1;
        if self.rejected_rows > MAX_REJECTED {
            self.report.rejected_not_kept += 1;
            if self.rejected_rows * 2 > self.report.rows {
                return Err(io::Error::other("most of its rows cannot be used; it is not read on").into());
            }
            return Ok(());
        }
        self.bytes += row.len();
        let body = json!({"file": self.report.name, "line": line, "row": row}).to_string();
        self.rejected.push(match id {
            Some(id) => Rejected { id, reason, body },
            None => Rejected::unnamed(reason, body),
        });
        self.hand_over_if_full()
    }

    fn hand_over_if_full(&mut self) -> Result<(), Stop> {
        if self.batch.len() + self.rejected.len() >= MAX_BATCH_DOCUMENTS || self.bytes >= MAX_BATCH_BYTES {
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
