//! The account export: what a person downloads from their account page, a ZIP of CSV files.
//!
//! What belongs here: the format and its faults, as users report them. What the rows say comes from [`crate::oura`].

use std::io::{Cursor, Write};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::life::Person;
use crate::math::whole;
use crate::oura::{COLLECTIONS, Collection};

/// How cells of JSON are written; the real export mixes these.
#[derive(Clone, Copy)]
enum Quotes {
    None,
    Doubled,
    /// In quotes, and the quotes within left as they are.
    Naive,
}

impl Person {
    /// The export that this person would get at `now`. With `broken`, a row that no reader can use stands after every
    /// so many good ones, each broken in another way.
    pub fn account_export(&self, now: Timestamp, broken: Option<usize>) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (n, collection) in COLLECTIONS.iter().enumerate() {
            let rows = self.rows(collection, now);
            let quotes = [Quotes::None, Quotes::Doubled, Quotes::Naive][n % 3];
            let text = table(&columns(collection, &rows), &rows, quotes, broken);
            put(&mut zip, &format!("App Data/{}.csv", file_name(collection.name)), &text);
        }
        put(&mut zip, "App Data/temperature.csv", &self.temperature(now));
        put(
            &mut zip,
            "App Data/stepcount.csv",
            b"id;start_time;end_time;steps\na;2026-03-29T10:00:00Z;1774778700000;12\n",
        );
        put(&mut zip, "App Data/bloodglucose.csv", b"timestamp;value\n");
        put(
            &mut zip,
            "App Data/rawlocation.csv",
            b"timestamp;latitude;longitude\n2026-03-29T10:00:00Z;90.0;0.0\n",
        );
        put(
            &mut zip,
            "Subscriptions/heartrate.csv",
            b"timestamp;bpm;source\n2026-03-29T10:00:00Z;42;billing\n",
        );
        zip.finish().expect("BUG: memory takes every byte").into_inner()
    }

    /// Every document or row there is, oldest first.
    fn rows(&self, collection: &Collection, now: Timestamp) -> Vec<Map<String, Value>> {
        let Some(known) = self.synced(now) else { return Vec::new() };
        let documents = collection.between(self, Timestamp::MIN, Timestamp::MAX, known);
        documents
            .map(|document| serde_json::from_str(&document.json).expect("BUG: own JSON is an object"))
            .collect()
    }

    /// The skin, every five minutes of the last day: the API does not have it.
    fn temperature(&self, now: Timestamp) -> Vec<u8> {
        let mut text = b"timestamp;skin_temp\n".to_vec();
        for n in (0..288).rev() {
            let at = now.saturating_sub(SignedDuration::from_mins(5 * n)).unwrap_or(Timestamp::MIN);
            let date: Date = jiff::tz::TimeZone::UTC.to_datetime(at).date();
            let hundredths = whole(3_350.0 + 100.0 * self.body(date).warmth) + n % 7;
            text.extend(format!("{at:.3};{}.{:02}\n", hundredths / 100, hundredths % 100).bytes());
        }
        text
    }
}

/// Lower case without underscores, and one name of its own.
fn file_name(collection: &str) -> String {
    if collection == "sleep" { "sleepmodel".to_owned() } else { collection.replace('_', "").to_lowercase() }
}

/// Every field that any row has; rows of a series carry no Unix time here.
fn columns(collection: &Collection, rows: &[Map<String, Value>]) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for name in rows.iter().flat_map(Map::keys) {
        if !columns.contains(name) && name != "timestamp_unix" {
            columns.push(name.clone());
        }
    }
    if columns.is_empty() {
        let first = if collection.shape == crate::oura::Shape::Series { "timestamp" } else { "id;day" };
        columns.extend(first.split(';').map(str::to_owned));
    }
    columns
}

fn table(columns: &[String], rows: &[Map<String, Value>], quotes: Quotes, broken: Option<usize>) -> Vec<u8> {
    let mut text = columns.join(";").into_bytes();
    text.push(b'\n');
    for (n, row) in rows.iter().enumerate() {
        let cells: Vec<String> =
            columns.iter().map(|name| cell(row.get(name).unwrap_or(&Value::Null), quotes)).collect();
        let line = cells.join(";");
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
        if let Some(every) = broken.filter(|every| (n + 1) % every == 0) {
            text.extend(spoil(&line, n / every));
            text.push(b'\n');
        }
    }
    text
}

fn cell(value: &Value, quotes: Quotes) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.contains([';', '"', '\n']) => {
            format!("\"{}\"", text.replace('"', "\"\""))
        }
        Value::String(text) => text.clone(),
        Value::Bool(flag) => u8::from(*flag).to_string(),
        Value::Number(number) => number.to_string(),
        json => match quotes {
            Quotes::None => spaced(json),
            Quotes::Doubled => format!("\"{}\"", spaced(json).replace('"', "\"\"")),
            Quotes::Naive => format!("\"{}\"", spaced(json)),
        },
    }
}

/// JSON with a space after commas and colons, as the export has it. No key or word here contains either.
fn spaced(json: &Value) -> String {
    let text = json.to_string();
    let mut spaced = String::with_capacity(text.len() + text.len() / 4);
    let mut in_text = false;
    for c in text.chars() {
        in_text ^= c == '"';
        spaced.push(c);
        if !in_text && (c == ',' || c == ':') {
            spaced.push(' ');
        }
    }
    spaced
}

/// A row that cannot be used, in one of several ways.
fn spoil(line: &str, n: usize) -> Vec<u8> {
    let first = line.split(';').next().unwrap_or_default();
    match n % 4 {
        // Too short.
        0 => first.as_bytes().to_vec(),
        // An unclosed quote.
        1 => format!("\"{line}").into_bytes(),
        // Another encoding.
        2 => [line.as_bytes(), b"\xff"].concat(),
        // Too long.
        _ => format!("{line};;").into_bytes(),
    }
}

fn put(zip: &mut ZipWriter<Cursor<Vec<u8>>>, name: &str, bytes: &[u8]) {
    zip.start_file(name, SimpleFileOptions::default()).expect("BUG: memory takes every file");
    zip.write_all(bytes).expect("BUG: memory takes every byte");
}
