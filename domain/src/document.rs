//! One object that Oura returned, kept as it came. Parsing checks only what the other crates rely on (an id, a day, the types
//! of the numbers in the catalogue); everything else, known or not, stays in the body.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::fmt::temporal::DateTimeParser;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::catalogue::{Metric, Source};
use crate::collection::{Collection, Window};
use crate::day::Day;
use crate::json;

mod ahead;
mod check;

pub use ahead::{AHEAD, CLOCK_SKEW, newest_day};

/// A document, or for a time series the rows of one UTC day, or for a collection without a past what was observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Oura's id; where many rows or observations make one document, the day.
    pub id: String,
    /// The civil day it belongs to; for a time series the UTC day.
    pub day: Day,
    /// The JSON text as Oura sent it; for a time series the array of its rows. The profile goes without its e-mail, and
    /// half an emoji is replaced by U+FFFD.
    pub body: String,
    /// The earliest moment at which it can exist: its day has begun somewhere, and its measurements are past.
    pub not_before: Timestamp,
}

/// An object from Oura that cannot be used. It is kept with its body, counted and listed, never dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Oura's id where one could be read, otherwise a name made of the content, so that a repetition has the same name.
    pub id: String,
    /// What is wrong and where. Never contains a value.
    pub reason: String,
    /// Its body as it came.
    pub body: String,
}

/// How the id of something whose own id cannot be read begins.
const UNNAMED_PREFIX: &str = "content-";

impl Rejected {
    /// Whether its own id could not be read, so that it may be any document.
    pub fn is_unnamed(&self) -> bool {
        self.id.starts_with(UNNAMED_PREFIX)
    }

    /// The day it would be filed under; `None` where it has no accepted day, and for collections without days.
    pub fn day(&self, collection: Collection) -> Option<Day> {
        match collection.window() {
            Window::Days | Window::Instants => Document::day_of(collection, &self.body),
            Window::Whole => None,
        }
    }
}

/// Longest id accepted; Oura's are UUIDs. Control characters are none: PostgreSQL's text cannot hold every one.
const MAX_ID: usize = 256;

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_ID && !id.contains(char::is_control)
}

/// The fields that state a document's day; events have the second.
const DAYS: [&str; 2] = ["day", "start_day"];

/// The fields that identify a document that cannot be read as a whole.
#[derive(Default)]
struct Shallow {
    id: Option<String>,
    day: Option<Day>,
}

/// Reads the outermost fields without looking into them.
fn shallow(body: &str) -> Shallow {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(body).unwrap_or_default();
    let text = |name: &str| fields.get(name).and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
    let day = DAYS.iter().find_map(|name| text(name)).and_then(|day| day.parse().ok());
    Shallow { id: text("id").filter(|id| is_id(id)), day }
}

impl Rejected {
    /// Something without a readable id: its name is made of its content.
    pub fn unnamed(reason: String, body: String) -> Self {
        Self { id: fingerprint(&body), reason, body }
    }
}

impl Document {
    /// Reads one document of a [`Window::Days`] collection.
    pub fn parse(collection: Collection, body: &str) -> Result<Self, Rejected> {
        let reject = |id: Option<&str>, reason: String| Rejected {
            id: id.map_or_else(|| fingerprint(body), str::to_owned),
            reason,
            body: body.to_owned(),
        };
        let (value, text) = json::read(body).map_err(|error| {
            // Too deep or damaged inside: its own name may still be readable.
            reject(shallow(body).id.as_deref(), format!("no JSON: {}", place(&error)))
        })?;
        let said_in = DAYS.iter().find(|name| value.get(name).is_some());
        let no_day = || format!("/{}: expected a date between 2000 and 2199", said_in.unwrap_or(&"day"));
        let day = DAYS.iter().find_map(|name| value.get(name)?.as_str());
        let date: Option<Day> = day.and_then(|day| day.parse().ok());
        let id = match value.get("id") {
            Some(Value::String(id)) if is_id(id) => id,
            // Only a text that is a valid day is used as a name: the store cannot hold every text.
            None if collection.is_once_a_day() && said_in.is_some() => match day.filter(|_| date.is_some()) {
                Some(day) => day,
                None => return Err(reject(None, no_day())),
            },
            _ => return Err(reject(None, "/id: expected a text of 1 to 256 plain bytes".into())),
        };
        let Some(day) = date else { return Err(reject(Some(id), no_day())) };
        let newest = check::check(collection, &value, day).map_err(|reason| reject(Some(id), reason))?;
        let not_before = collection.first_moment(day).max(newest.unwrap_or(Timestamp::MIN));
        Ok(Self { id: id.to_owned(), day, body: text.into_owned(), not_before })
    }

    /// Gathers rows of a [`Window::Instants`] collection into one document per UTC day: rows in order of time, a
    /// repeated (timestamp, kind) once, the later one winning.
    pub fn group_rows<'a>(
        collection: Collection,
        rows: impl IntoIterator<Item = &'a str>,
    ) -> (Vec<Self>, Vec<Rejected>) {
        debug_assert_eq!(collection.window(), Window::Instants, "only time series are gathered");
        let mut rejected = Vec::new();
        let mut known: BTreeMap<(Timestamp, String), Cow<'_, str>> = BTreeMap::new();
        for body in rows {
            match parse_row(collection, body) {
                Ok((at, kind, body)) => {
                    known.insert((at, kind), body);
                }
                Err(reason) => {
                    rejected.push(Rejected::unnamed(reason, body.to_owned()));
                }
            }
        }
        let mut documents: Vec<Self> = Vec::new();
        for ((at, _), body) in known {
            let day = Day::at(at, &TimeZone::UTC);
            match documents.last_mut() {
                Some(open) if open.day == day => {
                    open.body.push(',');
                    open.body.push_str(&body);
                    open.not_before = at;
                }
                _ => documents.push(Self {
                    id: day.to_string(),
                    day,
                    body: format!("[{body}"),
                    not_before: at,
                }),
            }
        }
        for document in &mut documents {
            document.body.push(']');
        }
        (documents, rejected)
    }
}

impl Document {
    /// Files the response of a [`Window::Whole`] collection on `day`. An item that cannot be used is rejected and the rest
    /// stays; the profile has one item.
    pub fn observe<'a>(
        collection: Collection,
        day: Day,
        items: impl IntoIterator<Item = &'a str>,
    ) -> (Option<Self>, Vec<Rejected>) {
        debug_assert_eq!(collection.window(), Window::Whole, "only what has no past is observed");
        let mut rejected = Vec::new();
        let mut kept = Vec::new();
        let mut not_before = collection.first_moment(day);
        for item in items {
            let item =
                if collection == Collection::PersonalInfo { without_email(item) } else { item.to_owned() };
            match check_item(collection, &item, day) {
                Ok((item, newest)) => {
                    not_before = not_before.max(newest.unwrap_or(Timestamp::MIN));
                    kept.push(item);
                }
                Err(reason) => rejected.push(Rejected { id: fingerprint(&item), reason, body: item }),
            }
        }
        let body = if collection.is_single() { kept.pop() } else { Some(format!("[{}]", kept.join(","))) };
        (body.map(|body| Self { id: day.to_string(), day, body, not_before }), rejected)
    }

    /// The day that a body claims, whether it is usable or not: of rows the UTC day of the first one.
    pub fn day_of(collection: Collection, body: &str) -> Option<Day> {
        if collection.window() == Window::Instants {
            let row = Self::items(body).first().map_or(body, |row| *row);
            let (value, _) = json::read(row).ok()?;
            return Some(Day::at(row_time(&value)?, &TimeZone::UTC));
        }
        shallow(body).day
    }

    /// The rows or rings a gathered body is made of; none for any other.
    pub fn items(body: &str) -> Vec<&str> {
        let items: Vec<&RawValue> = serde_json::from_str(body).unwrap_or_default();
        items.into_iter().map(RawValue::get).collect()
    }

    /// How many rows it gathers; 0 for a document that is none of a time series.
    pub fn rows(&self) -> usize {
        rows(&self.body)
    }
}

/// How many rows a gathered body has; 0 for any other.
pub fn rows(body: &str) -> usize {
    serde_json::from_str::<Vec<serde::de::IgnoredAny>>(body).map_or(0, |rows| rows.len())
}

/// Whether an item has an id and the types the catalogue relies on. Returns the latest instant it claims.
fn check_item(collection: Collection, item: &str, day: Day) -> Result<(String, Option<Timestamp>), String> {
    let (value, body) = json::read(item).map_err(|error| format!("no JSON: {}", place(&error)))?;
    value.get("id").and_then(Value::as_str).ok_or("/id: expected a text")?;
    let newest = check::check(collection, &value, day)?;
    Ok((body.into_owned(), newest))
}

/// The profile without the fields that identify its owner; every other field keeps its bytes. What is not an object is
/// dropped whole, because no field can be removed from it.
fn without_email(item: &str) -> String {
    let fields: Option<BTreeMap<String, &RawValue>> = serde_json::from_str(item).ok();
    let kept = fields.map(|mut fields| {
        fields.retain(|name, _| !name.to_ascii_lowercase().contains("mail"));
        serde_json::to_string(&fields).expect("BUG: raw JSON under text keys is JSON")
    });
    kept.unwrap_or_else(|| "null".to_owned())
}

/// The time and kind that tell a row from every other, and its text.
fn parse_row(collection: Collection, body: &str) -> Result<(Timestamp, String, Cow<'_, str>), String> {
    let (value, body) = json::read(body).map_err(|error| format!("no JSON: {}", place(&error)))?;
    let at = row_time(&value).ok_or("/timestamp: expected an RFC 3339 time of this age")?;
    let day = Day::at(at, &TimeZone::UTC);
    let (mut kind, mut checked) = ("", "");
    for metric in Metric::of(collection) {
        if let Source::Rows { value: number, kind: pointer } = metric.source
            && number != checked
        {
            checked = number;
            if let Some(pointer) = pointer {
                kind = check::kind(&value, pointer)?;
            }
            check::read(metric.unit, &value, number, day)?;
        }
    }
    Ok((at, kind.to_owned(), body))
}

/// A row's instant, when it lies on an accepted day.
pub(crate) fn row_time(row: &Value) -> Option<Timestamp> {
    let at = DateTimeParser::new().parse_timestamp(row.get("timestamp")?.as_str()?).ok()?;
    (Day::FIRST.midnight_utc() <= at && at < Day::LAST.midnight_utc()).then_some(at)
}

/// Where JSON broke; serde's own text can quote the input, which may be a health value.
fn place(error: &serde_json::Error) -> String {
    format!("broken at line {} column {}", error.line(), error.column())
}

/// A short name made of the content (64-bit FNV-1a): stable between runs and versions, no secret.
fn fingerprint(body: &str) -> String {
    let hash = body.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{UNNAMED_PREFIX}{hash:016x}")
}

#[cfg(test)]
mod tests;
