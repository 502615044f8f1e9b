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
    /// Of unknown type; stored as text.
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
        let kind = |name: &str| by_catalogue(collection, name).or_else(|| by_name(name));
        let spelled_by_ouras_rule = name.replace([' ', '-'], "_");
        match kind(&spelled_by_ouras_rule) {
            Some(kind) => Self { name: spelled_by_ouras_rule, kind },
            None => Self { name, kind: Kind::Unknown },
        }
    }
}

/// What a file holds, as far as its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// The table of a collection.
    Of(Collection),
    /// A name with that of a table in it: its columns must show what it is.
    Perhaps(Collection),
    /// Where the wearer was.
    Location,
    /// A table that nothing here keeps.
    Other,
}

/// What the name of a file says; `None` for what is no CSV file. Known in every spelling seen (`dailysleep.csv`,
/// `DailySleep.csv`, `OuraDailySleep.csv`, `daily_sleep.csv`), with dates and numbers around it
/// (`dailysleep_2024-01-01_2024-12-31.csv`, `dailysleep (1).csv`), and behind or before other words
/// (`ann-dailysleep.csv`).
pub(super) fn table(name: &str) -> Option<Table> {
    let name = name.to_ascii_lowercase();
    let stem = name.strip_suffix(".csv").filter(|stem| !stem.starts_with('.'))?;
    let words: Vec<&str> = stem
        .split(|c: char| !c.is_ascii_alphanumeric())
        .map(|word| word.strip_prefix("oura").unwrap_or(word))
        .map(without_numbers)
        .filter(|word| !word.is_empty())
        .collect();
    if words.concat().contains("location") {
        return Some(Table::Location);
    }
    if let Some(collection) = collection(&words.concat()) {
        return Some(Table::Of(collection));
    }
    let runs = (0..words.len()).flat_map(|from| (from + 1..=words.len()).map(move |to| (from, to)));
    let runs = runs.filter_map(|(from, to)| {
        let name = words[from..to].concat();
        Some((name.len(), collection(&name)?))
    });
    let longest = runs.max_by_key(|(length, _)| *length);
    Some(longest.map_or(Table::Other, |(_, collection)| Table::Perhaps(collection)))
}

/// The names of the files that are read, for people who wonder why theirs was not.
pub(super) fn table_names() -> impl Iterator<Item = String> {
    Collection::ALL
        .iter()
        .filter_map(|collection| Some(format!("{}.csv", collection.info().import_tables.last()?)))
}

fn collection(name: &str) -> Option<Collection> {
    Collection::ALL.iter().copied().find(|collection| collection.info().import_tables.contains(&name))
}

/// A word without the date or number glued to it; `spo2` and `vo2` are words with theirs. What begins with a digit is a
/// date or a time, unless a table's name follows.
fn without_numbers(word: &str) -> &str {
    let digit = |c: char| c.is_ascii_digit();
    let tail = word.trim_start_matches(digit);
    let found = |word: &str| collection(word).is_some();
    match word {
        _ if found(word) => word,
        _ if tail.len() < word.len() => {
            [tail, tail.trim_end_matches(digit)].into_iter().find(|word| found(word)).unwrap_or_default()
        }
        _ => Some(word.trim_end_matches(digit)).filter(|word| found(word)).unwrap_or(word),
    }
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
        if cell.trim().is_empty() && column.name == "id" {
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
    fn table_is_known_in_every_spelling_of_its_file_name() {
        let check = |name: &str, expected| assert_eq!(table(name), expected, "{name}");
        for name in [
            "dailysleep.csv",
            "DailySleep.csv",
            "OuraDailySleep.csv",
            "daily_sleep.CSV",
            "DAILYSLEEP.CSV",
            "dailysleep_2024-01-01_2024-12-31.csv",
            "2024-01-01_dailysleep.csv",
            "dailysleep20240101.csv",
            "20240101dailysleep.csv",
            "dailysleep_2024-01-01T10:00:00Z.csv",
            "dailysleep (1).csv",
            "dailysleep-2.csv",
            "oura_daily-sleep_03.csv",
        ] {
            check(name, Some(Table::Of(Collection::DailySleep)));
        }
        for name in ["ann-dailysleep.csv", "Copy of dailysleep.csv", "dailysleep - copy (2).csv"] {
            check(name, Some(Table::Perhaps(Collection::DailySleep)));
        }
        check("sleepmodel.csv", Some(Table::Of(Collection::Sleep)));
        check("sleep_2024-01-01_2024-12-31.csv", Some(Table::Of(Collection::Sleep)));
        check("oura_sleep_model_2.csv", Some(Table::Of(Collection::Sleep)));
        check("vo2max.csv", Some(Table::Of(Collection::Vo2Max)));
        check("vo2_max_2024.csv", Some(Table::Of(Collection::Vo2Max)));
        check("dailyspo2_2024-05-01.csv", Some(Table::Of(Collection::DailySpo2)));
        check("dailyspo2 (2).csv", Some(Table::Of(Collection::DailySpo2)));
        check("app_session.csv", Some(Table::Perhaps(Collection::Session)));
        check("dailysmoothedcardiovascularage.csv", Some(Table::Other));
        for name in ["rawlocation.csv", "raw_location_2024.csv", "2024 OuraRawLocation.csv", "locations.csv"]
        {
            check(name, Some(Table::Location));
        }
        for name in ["dailysleep.txt", "._dailysleep.csv", ""] {
            check(name, None);
        }
        for collection in Collection::ALL {
            let expected = if collection.window() == domain::Window::Whole {
                Table::Other
            } else {
                Table::Of(*collection)
            };
            check(&format!("{}.csv", collection.name().replace('_', "")), Some(expected));
            check(&format!("{}_2024-01-01.csv", collection.name()), Some(expected));
        }
        assert!(table_names().all(|name| matches!(table(&name), Some(Table::Of(_)))));
    }

    #[test]
    fn every_api_field_has_a_column_kind() {
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
    fn cells_become_api_json() {
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
