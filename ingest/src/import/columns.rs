//! What the files and columns of an export hold. The catalogue says it where it reads a field; the names of the other
//! fields are Oura's own, from its API.

use domain::{Collection, Metric, Pick, Source, Unit};
use jiff::Timestamp;
use serde_json::Value;
use serde_json::value::RawValue;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Words, stored as they stand.
    Text,
    /// An instant, as text or as Unix time.
    Time,
    /// A number.
    Number,
    /// True or false, also as 1 or 0.
    Flag,
    /// JSON.
    Json,
    /// Nobody knows; stored as text.
    Unknown,
}

/// A column of a file.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
}

impl Column {
    pub(super) fn of(collection: Collection, name: &str) -> Self {
        let name = name.trim().to_ascii_lowercase();
        let kind = by_catalogue(collection, &name).or_else(|| by_name(&name)).unwrap_or(Kind::Unknown);
        Self { name, kind }
    }
}

/// The collection that a file holds, by its name in any of the spellings seen: `dailysleep.csv`, `DailySleep.csv`,
/// `OuraDailySleep.csv`.
pub(super) fn collection(stem: &str) -> Option<Collection> {
    Collection::ALL.iter().copied().find(|collection| collection.info().import_tables.contains(&stem))
}

/// The plain name of a CSV file; `None` for every other file.
pub(super) fn stem(name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let stem = name.strip_suffix(".csv").filter(|stem| !stem.starts_with('.'))?;
    let stem: String = stem.chars().filter(char::is_ascii_alphanumeric).collect();
    Some(stem.strip_prefix("oura").unwrap_or(&stem).to_owned())
}

fn by_catalogue(collection: Collection, name: &str) -> Option<Kind> {
    let points = |pointer: &str| pointer.strip_prefix('/') == Some(name);
    let inside = |pointer: &str| {
        pointer.strip_prefix('/').and_then(|p| p.split_once('/')).is_some_and(|(p, _)| p == name)
    };
    let number = |unit: Unit| match unit {
        Unit::Flag => Kind::Flag,
        Unit::Timestamp | Unit::WallClock => Kind::Time,
        _ => Kind::Number,
    };
    Metric::of(collection).find_map(|metric| match metric.source {
        Source::Number(_, pointer) | Source::Rows { value: pointer, .. } if points(pointer) => {
            Some(number(metric.unit))
        }
        Source::Number(_, pointer) | Source::Samples(_, pointer, _) if inside(pointer) || points(pointer) => {
            Some(Kind::Json)
        }
        Source::State(_, pointer, _) | Source::Codes { pointer, .. } if points(pointer) => Some(Kind::Text),
        Source::Rows { kind: Some(pointer), .. } if points(pointer) => Some(Kind::Text),
        Source::Span(Pick::Each(pointer, _), ..) if points(pointer) => Some(Kind::Text),
        Source::Codes { start, .. } if points(start) => Some(Kind::Time),
        Source::Span(_, start, end) if points(start) || points(end) => Some(Kind::Time),
        _ => None,
    })
}

/// Fields of the API that no metric reads.
fn by_name(name: &str) -> Option<Kind> {
    Some(match name {
        "id"
        | "day"
        | "start_day"
        | "end_day"
        | "type"
        | "activity"
        | "source"
        | "label"
        | "mood"
        | "comment"
        | "custom_name"
        | "tag_type_code"
        | "text"
        | "app_sleep_phase_5_min"
        | "sleep_phase_30_sec"
        | "sleep_algorithm_version"
        | "sleep_analysis_reason"
        | "ring_id" => Kind::Text,
        "timestamp" | "start_time" | "end_time" => Kind::Time,
        "period" | "timestamp_unix" => Kind::Number,
        "tags" | "episodes" | "readiness" => Kind::Json,
        _ => return None,
    })
}

/// A row as the document the API would return. A cell that is no number where one is expected is passed on as text, so
/// that the document is rejected as one of the API would be; broken JSON would look like absence, so it ends here.
pub(super) fn document(columns: &[Column], cells: &[String]) -> Result<String, String> {
    let mut json = String::with_capacity(cells.iter().map(|cell| cell.len() + 24).sum());
    json.push('{');
    for (column, cell) in columns.iter().zip(cells) {
        // Where the API has no id the field is absent.
        if cell.is_empty() && column.name == "id" {
            continue;
        }
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(&quoted(&column.name));
        json.push(':');
        if column.kind == Kind::Json && !cell.trim().is_empty() && !is_json(cell.trim()) {
            return Err(format!("/{}: expected JSON", column.name));
        }
        push(&mut json, column.kind, cell);
    }
    json.push('}');
    Ok(json)
}

fn push(json: &mut String, kind: Kind, cell: &str) {
    let plain = cell.trim();
    if plain.is_empty() {
        return json.push_str("null");
    }
    match kind {
        Kind::Number if is_number(plain) => json.push_str(plain),
        Kind::Json => json.push_str(plain),
        Kind::Flag if plain == "1" || plain.eq_ignore_ascii_case("true") => json.push_str("true"),
        Kind::Flag if plain == "0" || plain.eq_ignore_ascii_case("false") => json.push_str("false"),
        Kind::Time => match unix(plain) {
            Some(instant) => json.push_str(&quoted(&instant.to_string())),
            None => json.push_str(&quoted(plain)),
        },
        _ => json.push_str(&quoted(cell)),
    }
}

/// The instant of a time cell, for filing rows by day.
pub(super) fn instant(cell: &str) -> Option<Timestamp> {
    unix(cell.trim()).or_else(|| cell.trim().parse().ok())
}

/// Unix time in milliseconds, as some columns have it, or in seconds.
fn unix(cell: &str) -> Option<Timestamp> {
    match (cell.len(), cell.parse::<i64>()) {
        (13, Ok(milliseconds)) => Timestamp::from_millisecond(milliseconds).ok(),
        (10, Ok(seconds)) => Timestamp::from_second(seconds).ok(),
        _ => None,
    }
}

fn is_number(cell: &str) -> bool {
    cell.starts_with(|first: char| first == '-' || first.is_ascii_digit()) && is_json(cell)
}

fn is_json(cell: &str) -> bool {
    serde_json::from_str::<&RawValue>(cell).is_ok()
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use Collection::{DailyActivity, DailySleep, EnhancedTag, HeartRate, RingBatteryLevel};

    use super::*;

    #[test]
    fn a_file_is_known_in_every_spelling() {
        let known = |name: &str| collection(&stem(name)?);
        for name in ["dailysleep.csv", "DailySleep.csv", "OuraDailySleep.csv", "daily_sleep.CSV"] {
            assert_eq!(known(name), Some(Collection::DailySleep), "{name}");
        }
        assert_eq!(known("sleepmodel.csv"), Some(Collection::Sleep));
        assert_eq!(known("vo2max.csv"), Some(Collection::Vo2Max));
        assert_eq!(known("dailysmoothedcardiovascularage.csv"), None);
        assert_eq!((known("dailysleep.txt"), known("._dailysleep.csv"), known("")), (None, None, None));
        for collection in Collection::ALL {
            let expected = (collection.window() != domain::Window::Whole).then_some(*collection);
            assert_eq!(known(&format!("{}.csv", collection.name().replace('_', ""))), expected);
        }
    }

    #[test]
    fn every_field_of_the_api_has_a_kind() {
        for &collection in
            Collection::ALL.iter().filter(|collection| !collection.info().import_tables.is_empty())
        {
            let path = format!("{}/../domain/fixtures/{collection}.json", env!("CARGO_MANIFEST_DIR"));
            let page: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
            for (name, value) in page["data"].as_array().unwrap().iter().flat_map(|d| d.as_object().unwrap())
            {
                let kind = Column::of(collection, name).kind;
                let fits = match value {
                    Value::Null => kind != Kind::Unknown,
                    Value::Bool(_) => kind == Kind::Flag,
                    Value::Number(_) => kind == Kind::Number,
                    Value::String(_) => matches!(kind, Kind::Text | Kind::Time),
                    Value::Array(_) | Value::Object(_) => kind == Kind::Json,
                };
                assert!(fits, "{collection}/{name}: {kind:?} for {value}");
            }
        }
    }

    #[test]
    fn cells_become_what_the_api_sends() {
        let check = |collection, name: &str, cell: &str, expected: &str| {
            let column = Column::of(collection, name);
            let json = document(&[column], &[cell.to_owned()]);
            assert_eq!(json, Ok(format!("{{\"{name}\":{expected}}}")), "{cell}");
        };
        check(DailySleep, "score", "71", "71");
        check(DailySleep, "score", "", "null");
        check(DailySleep, "score", "high", "\"high\"");
        check(DailySleep, "score", "1e999", "1e999");
        check(DailySleep, "contributors", r#"{"timing": 61}"#, r#"{"timing": 61}"#);
        check(DailyActivity, "class_5_min", "0011223", "\"0011223\"");
        check(RingBatteryLevel, "charging", "1", "true");
        check(RingBatteryLevel, "charging", "False", "false");
        check(RingBatteryLevel, "level", "80", "80");
        check(HeartRate, "timestamp", "1774783800123", "\"2026-03-29T11:30:00.123Z\"");
        check(HeartRate, "timestamp", "2026-03-29T11:30:00+02:00", "\"2026-03-29T11:30:00+02:00\"");
        check(EnhancedTag, "comment", "{not \"json\"}\n", r#""{not \"json\"}\n""#);
        check(EnhancedTag, "a field of tomorrow", "12", "\"12\"");
        let column = Column::of(DailySleep, "contributors");
        let broken = document(&[column], &["{'timing': 61}".to_owned()]);
        assert_eq!(broken, Err("/contributors: expected JSON".to_owned()));
    }
}
