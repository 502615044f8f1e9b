//! Bytes to rows. Written here rather than taken from a CSV library because of the faults the export has: an
//! unclosed quote would swallow the rest of the file in any reader that follows RFC 4180, and cells of JSON come quoted
//! with and without their inner quotes doubled. Here a fault costs its own line.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, BufRead};

use serde::de::IgnoredAny;

/// The longest row; one of a day with a sample every minute has about 10 kB.
const MAX_ROW: usize = 1 << 20;

/// What is kept of a longer one.
const KEPT_BYTES: usize = 1 << 10;

/// The most lines that a quoted text may span, and its longest row: what a fault may cost to look ahead.
const MAX_LINES: usize = 20;
const MAX_TEXT: usize = 1 << 16;

/// Bytes that a file may cost to look ahead for closing quotes that are not there; beyond it every such line is a fault of
/// its own at once. A hundred times what real files cost.
const MAX_AHEAD: usize = 4 << 20;

/// The most lines of a file, blank ones included: twenty years of a heart rate every minute.
const MAX_LINES_OF_FILE: u64 = 10_000_000;

/// What may stand between cells, the likeliest first.
const SEPARATORS: [char; 3] = [';', ',', '\t'];

/// A row of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The line it starts on, the first being 1.
    pub(super) line: u64,
    /// The row as it stands, without its line end.
    pub(super) text: String,
    /// Its cells, or what is wrong with it.
    pub(super) cells: Result<Vec<String>, String>,
}

/// The rows of a file, one after the other.
pub(super) struct Records<R> {
    input: R,
    lines: u64,
    bytes: u64,
    /// Lines read ahead in search of a closing quote.
    ahead: VecDeque<Line>,
    /// Bytes that may still be looked at in vain.
    patience: usize,
    separator: char,
}

struct Line {
    number: u64,
    text: String,
    fault: Option<&'static str>,
}

impl<R: BufRead> Records<R> {
    pub(super) fn new(input: R) -> Self {
        let (ahead, separator) = (VecDeque::new(), SEPARATORS[0]);
        Self { input, lines: 0, bytes: 0, ahead, patience: MAX_AHEAD, separator }
    }

    /// The next row that is not blank. It should have `columns` cells; `is_text` says in which of them a line may
    /// break.
    pub(super) fn next(
        &mut self,
        columns: usize,
        is_text: impl Fn(usize) -> bool,
    ) -> io::Result<Option<Record>> {
        let first = loop {
            match self.line()? {
                None => return Ok(None),
                Some(line) if line.fault.is_none() && line.text.trim().is_empty() => {}
                Some(line) => break line,
            }
        };
        let Line { number: line, text, fault } = first;
        if let Some(fault) = fault {
            return Ok(Some(Record { line, text, cells: Err(fault.to_owned()) }));
        }
        let Some(cells) = split(&text, self.separator) else {
            let joined = self.join(&text, columns, is_text)?;
            return Ok(Some(match joined {
                Some((text, cells)) => Record { line, text, cells: Ok(cells) },
                None => Record { line, text, cells: Err("a quote is never closed".to_owned()) },
            }));
        };
        let cells = if cells.len() == columns {
            Ok(cells)
        } else {
            Err(format!("{} cells where the header has {columns}", cells.len()))
        };
        Ok(Some(Record { line, text, cells }))
    }

    /// Bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The first line of a file as cells; from then on what separates them is known. `None` when nothing is in the file.
    pub(super) fn header(&mut self) -> io::Result<Option<Vec<String>>> {
        let mut told = None;
        loop {
            let Some(line) = self.line()? else { return Ok(None) };
            if let Some(fault) = line.fault {
                return Err(io::Error::other(format!("its first line is {fault}")));
            }
            let text = line.text.trim_start_matches('\u{feff}');
            // A spreadsheet writes such a line for itself.
            let of_spreadsheet =
                text.strip_prefix("sep=").and_then(|rest| rest.trim_end_matches('\r').chars().next());
            match of_spreadsheet {
                Some(separator) if text.chars().count() == 5 => told = Some(separator),
                _ if text.trim().is_empty() => {}
                _ => {
                    let cells = |separator| split(text, separator).map(|cells| (cells, separator));
                    let read = match told {
                        Some(separator) => cells(separator),
                        // Of as many cells the likeliest, which is the last that `max_by_key` keeps.
                        None => SEPARATORS
                            .into_iter()
                            .rev()
                            .filter_map(cells)
                            .max_by_key(|(cells, _)| cells.len()),
                    };
                    let (cells, separator) =
                        read.ok_or_else(|| io::Error::other("a quote in its first line is never closed"))?;
                    self.separator = separator;
                    return Ok(Some(cells));
                }
            }
        }
    }

    /// The row that begins with `first` and goes on over further lines, if that makes sense of it. Otherwise the
    /// further lines stay rows of their own.
    fn join(
        &mut self,
        first: &str,
        columns: usize,
        is_text: impl Fn(usize) -> bool,
    ) -> io::Result<Option<(String, Vec<String>)>> {
        let mut text = first.to_owned();
        for used in 1..=MAX_LINES {
            let Some(patience) = self.patience.checked_sub(text.len()) else { return Ok(None) };
            if self.ahead.len() < used {
                let Some(line) = self.fetch()? else { return Ok(None) };
                self.ahead.push_back(line);
            }
            let line = &self.ahead[used - 1];
            if line.fault.is_some() || text.len() + line.text.len() > MAX_TEXT {
                return Ok(None);
            }
            text.push('\n');
            text.push_str(&line.text);
            // Only a line with a quote can close one.
            if !line.text.contains('"') {
                continue;
            }
            self.patience = patience;
            if let Some(cells) = split(&text, self.separator) {
                let broken = |(i, cell): (usize, &String)| cell.contains('\n') && !is_text(i);
                if cells.len() != columns || cells.iter().enumerate().any(broken) {
                    return Ok(None);
                }
                self.ahead.drain(..used);
                // What was found was not looked for in vain.
                self.patience = MAX_AHEAD.min(self.patience + text.len() * used);
                return Ok(Some((text, cells)));
            }
        }
        Ok(None)
    }

    fn line(&mut self) -> io::Result<Option<Line>> {
        match self.ahead.pop_front() {
            Some(line) => Ok(Some(line)),
            None => self.fetch(),
        }
    }

    /// The next line of the file, at most `MAX_ROW` of it in memory.
    fn fetch(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = Vec::new();
        let mut too_long = false;
        loop {
            let (used, ended) = {
                let buffer = self.input.fill_buf()?;
                let end = buffer.iter().position(|byte| *byte == b'\n');
                let piece = &buffer[..end.unwrap_or(buffer.len())];
                if bytes.len() + piece.len() > MAX_ROW {
                    too_long = true;
                    bytes.truncate(KEPT_BYTES);
                } else if !too_long {
                    bytes.extend_from_slice(piece);
                }
                (end.map_or(buffer.len(), |end| end + 1), end.is_some() || buffer.is_empty())
            };
            self.input.consume(used);
            self.bytes += used as u64;
            if ended {
                if used == 0 && bytes.is_empty() && !too_long {
                    return Ok(None);
                }
                break;
            }
        }
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        self.lines += 1;
        if self.lines > MAX_LINES_OF_FILE {
            return Err(io::Error::other(format!("it has more than {MAX_LINES_OF_FILE} lines")));
        }
        let text = String::from_utf8_lossy(&bytes);
        let fault = match &text {
            _ if too_long => Some("longer than 1 MiB"),
            Cow::Owned(_) => Some("not UTF-8"),
            Cow::Borrowed(_) => None,
        };
        Ok(Some(Line { number: self.lines, text: text.into_owned(), fault }))
    }
}

/// The cells of a row; `None` when a quote stays open.
pub(super) fn split(row: &str, separator: char) -> Option<Vec<String>> {
    let mut cells = Vec::new();
    let mut rest = row;
    loop {
        let after = if let Some(quoted) = rest.strip_prefix('"') {
            let end = closing(quoted, separator)?;
            cells.push(unquote(&quoted[..end]));
            &quoted[end + 1..]
        } else {
            let end = plain_end(rest, separator);
            cells.push(rest[..end].to_owned());
            &rest[end..]
        };
        match after.strip_prefix(separator) {
            Some(more) => rest = more,
            None => return Some(cells),
        }
    }
}

/// Where a cell without quotes ends: at the separator, or behind the JSON that it begins with.
fn plain_end(rest: &str, separator: char) -> usize {
    let end = rest.find(separator).unwrap_or(rest.len());
    if end == rest.len() || !rest.starts_with(['{', '[']) {
        return end;
    }
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Ok(_)) if rest[values.byte_offset()..].starts_with(separator) => values.byte_offset(),
        Some(Ok(_)) if values.byte_offset() == rest.len() => rest.len(),
        _ => end,
    }
}

/// Where a quoted cell ends: at a quote before a separator or the end of the row.
fn closing(quoted: &str, separator: char) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = quoted.get(at..)?.find('"') {
        let quote = at + found;
        match quoted[quote + 1..].chars().next() {
            None => return Some(quote),
            Some(next) if next == separator => return Some(quote),
            Some('"') => at = quote + 2,
            Some(_) => at = quote + 1,
        }
    }
    None
}

/// Doubled quotes as one each, if all are doubled; a cell that was quoted without doubling stands as it is.
fn unquote(cell: &str) -> String {
    let doubled = cell.split("\"\"").all(|piece| !piece.contains('"'));
    if doubled { cell.replace("\"\"", "\"") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests;
