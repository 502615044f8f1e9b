//! A chunk is a text of lines: a header that says whose rows of which table follow, and the rows, one a line. It is
//! JSON throughout, so that any program can read it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{Cell, Section, Table};

use crate::error::{Damage, Error, Result};
use crate::listing::{Counts, Hash};

/// A chunk ends before the row that would follow this many bytes.
const CHUNK_MAX: usize = 4 * 1024 * 1024;

/// A chunk of at least this many bytes ends with its month, so that a new day changes the last chunk only.
const MONTH_CHUNK_MIN: usize = 512 * 1024;

/// A line that begins rows.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    /// The person's number; null for rows of the installation.
    person: Option<i64>,
    table: String,
    columns: Vec<String>,
}

/// The text of one part, chunk by chunk.
#[derive(Debug)]
pub(crate) struct Chunker {
    person: Option<i64>,
    text: Vec<u8>,
    /// What the rows at the end of the text are.
    table: Option<&'static str>,
    month: Option<String>,
    /// Rows of the part so far.
    pub(crate) counts: Counts,
}

impl Chunker {
    /// Begins a part: a person's, or the installation's.
    pub(crate) fn new(person: Option<i64>) -> Self {
        Self { person, text: Vec::new(), table: None, month: None, counts: Counts::default() }
    }

    /// Adds a row; returns the chunk that ended before it.
    pub(crate) fn push(
        &mut self,
        table: &'static Table,
        month: Option<&str>,
        row: &[Cell],
    ) -> Option<Vec<u8>> {
        let new_month = month.is_some() && self.month.as_deref() != month;
        let ends = self.text.len() >= CHUNK_MAX || (new_month && self.text.len() >= MONTH_CHUNK_MIN);
        let ended = if ends { self.finish() } else { None };
        if new_month {
            self.month = month.map(str::to_owned);
        }
        if self.table != Some(table.name()) {
            self.table = Some(table.name());
            let columns = table.columns().map(str::to_owned).collect();
            self.line(&Header { person: self.person, table: table.name().to_owned(), columns });
        }
        let begin = self.text.len();
        self.line(&row);
        let line = self.text.get(begin..).unwrap_or_default();
        self.counts.count(table, row, line);
        ended
    }

    /// Ends the chunk, if there is one.
    pub(crate) fn finish(&mut self) -> Option<Vec<u8>> {
        self.table = None;
        (!self.text.is_empty()).then(|| std::mem::take(&mut self.text))
    }

    fn line(&mut self, line: &impl Serialize) {
        serde_json::to_writer(&mut self.text, line).expect("BUG: headers and cells are JSON");
        self.text.push(b'\n');
    }
}

/// The rows of a chunk.
pub(crate) struct Rows {
    pub(crate) section: Section,
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// Whose rows a chunk has; `None` for the installation's.
pub(crate) fn person_of(text: &[u8], name: &str) -> Result<Option<i64>> {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let header: Result<Header, _> = serde_json::from_slice(line);
    Ok(header.map_err(|_| Error::damaged(format!("the chunk {name}"), Damage::Format))?.person)
}

/// Reads a chunk; every row fits its table. Counts the rows as they stand in it.
pub(crate) fn parse(text: &[u8], name: &str, counts: &mut Counts) -> Result<Vec<Rows>> {
    let malformed = || Error::damaged(format!("the chunk {name}"), Damage::Format);
    let mut all: Vec<Rows> = Vec::new();
    let lines = text.strip_suffix(b"\n").ok_or_else(malformed)?;
    for line in lines.split(|byte| *byte == b'\n') {
        if line.first() == Some(&b'{') {
            let Header { person, table, columns } = serde_json::from_slice(line).map_err(|_| malformed())?;
            let section = Section::new(person, &table, &columns).map_err(store::Error::from)?;
            if all.first().is_some_and(|first| first.section.person != person) {
                return Err(malformed());
            }
            all.push(Rows { section, rows: Vec::new() });
        } else {
            let current = all.last_mut().ok_or_else(malformed)?;
            let row: Vec<Cell> = serde_json::from_slice(line).map_err(|_| malformed())?;
            current.section.check(&row).map_err(store::Error::from)?;
            let mut ended = line.to_vec();
            ended.push(b'\n');
            counts.count(current.section.table, &row, &ended);
            current.rows.push(row);
        }
    }
    Ok(all)
}

/// The SHA-256 of bytes.
pub(crate) fn hash(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}
