use bytes::Bytes;
use domain::{Collection, Day, DayRange, Document, Metric};
use export::{Error, Format, InvalidTable, Output, RowKind, Table};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::{Batch, Origin, Person, Store};

use crate::python::python;

fn now() -> Timestamp {
    "2026-03-29T10:00:00Z".parse().unwrap()
}

fn march() -> DayRange {
    DayRange::new(Day::literal(2026, 3, 1), Day::literal(2026, 3, 31)).unwrap()
}

/// Everything that was put.
#[derive(Default)]
struct All(Vec<u8>);

impl Output for All {
    async fn write(&mut self, piece: Bytes) -> Result<(), Error> {
        self.0.extend_from_slice(&piece);
        Ok(())
    }
}

struct World {
    store: Store,
    people: Vec<Person>,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let (store, folder) = store::testing::sqlite().await;
        let me = store.ensure_person(&"me".parse().unwrap(), "Europe/Berlin", now()).await.unwrap();
        Self { store, people: vec![me], _folder: folder }
    }

    async fn put(&self, collection: Collection, documents: Vec<Document>) {
        let batch = Batch {
            person: self.people[0].id,
            collection,
            covered: None,
            origin: Origin::Api,
            documents,
            nearby: Vec::new(),
            rejected: Vec::new(),
        };
        self.store.apply(&batch, now()).await.unwrap();
    }

    /// A score, a state, a night with points and an instant, a workout that is hard to quote, and a heart.
    async fn lived() -> Self {
        let world = Self::new().await;
        let day = |collection, value: &Value| Document::parse(collection, &value.to_string()).unwrap();
        let scores = [("2026-03-10", 82), ("2026-03-29", 75)].map(|(on, score)| {
            day(Collection::DailySleep, &json!({"id": format!("s-{on}"), "day": on, "score": score}))
        });
        world.put(Collection::DailySleep, scores.into()).await;
        let night = json!({
            "id": "n", "day": "2026-03-29", "type": "long_sleep", "sleep_algorithm_version": "v2",
            "bedtime_start": "2026-03-28T23:30:00+01:00", "bedtime_end": "2026-03-29T07:00:00+02:00",
            "total_sleep_duration": 21_600, "low_battery_alert": false, "efficiency": 91,
            "lowest_heart_rate": 48, "average_hrv": 52,
            "heart_rate": {"interval": 300.0, "items": [54.0, null, 51.0], "timestamp": "2026-03-28T23:30:00.250+01:00"},
        });
        world.put(Collection::Sleep, vec![day(Collection::Sleep, &night)]).await;
        let body = "{\"id\": \"=1+1\", \"day\": \"2026-03-28\",\n \"activity\": \"a \\\"quoted\\\", word\", \"intensity\": \"hard\",\
                    \"start_datetime\": \"2026-03-28T10:00:00+01:00\", \"end_datetime\": \"2026-03-28T11:00:00+01:00\"}";
        world.put(Collection::Workout, vec![Document::parse(Collection::Workout, body).unwrap()]).await;
        let rows = [(r#"{"timestamp":"2026-03-29T06:00:00Z","bpm":61,"source":"awake"}"#)];
        let (documents, _) = Document::group_rows(Collection::HeartRate, rows);
        world.put(Collection::HeartRate, documents).await;
        world
    }

    async fn write(&self, table: &Table) -> (Vec<u8>, u64) {
        let mut out = All::default();
        let mut steps = Vec::new();
        let mut step = |done, all| steps.push((done, all));
        let rows = table.write(&self.store, &self.people, now(), &mut out, &mut step).await.unwrap();
        assert!(steps.is_sorted() && steps.last().is_some_and(|(done, all)| done == all), "{steps:?}");
        (out.0, rows)
    }

    async fn text(&self, what: RowKind, format: Format) -> String {
        let table = Table::new(what, format, &[], &[], march()).unwrap();
        String::from_utf8(self.write(&table).await.0).unwrap()
    }
}

#[tokio::test]
async fn csv_has_a_line_per_daily_value() {
    let world = World::lived().await;
    let csv = world.text(RowKind::Days, Format::Csv).await;
    assert!(csv.lines().count() > 10 && csv.ends_with("\r\n"), "{csv}");
    insta::assert_snapshot!("days.csv", csv.replace("\r\n", "\n"));
    insta::assert_snapshot!("days.ndjson", world.text(RowKind::Days, Format::Ndjson).await);
}

#[tokio::test]
async fn exported_points_are_sorted_within_their_metric() {
    let world = World::lived().await;
    insta::assert_snapshot!(world.text(RowKind::Points, Format::Csv).await.replace("\r\n", "\n"), @r"
    person,time,metric,value,unit
    me,2026-03-28T22:30:00.250Z,sleep_heart_rate,54.0,beats per minute
    me,2026-03-28T22:40:00.250Z,sleep_heart_rate,51.0,beats per minute
    me,2026-03-29T06:00:00.000Z,heart_rate_awake,61.0,beats per minute
    ");
}

#[tokio::test]
async fn exported_documents_are_unchanged() {
    let world = World::lived().await;
    insta::assert_snapshot!(
        "documents.csv",
        world.text(RowKind::Documents, Format::Csv).await.replace("\r\n", "\n")
    );
    let lines = world.text(RowKind::Documents, Format::Ndjson).await;
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 5);
    let workout = rows.iter().find(|row| row["collection"] == "workout").unwrap();
    assert_eq!((&workout["id"], &workout["revision"]), (&json!("=1+1"), &json!(1)));
    assert_eq!(workout["document"]["activity"], "a \"quoted\", word");
}

#[tokio::test]
async fn exported_documents_across_pages_appear_once() {
    let world = World::new().await;
    // Several of one day, so that a page ends within it.
    let workout = |n: i64| {
        let day = Day::literal(2026, 3, 1).plus(n / 9);
        let id = format!("w{:03}", (n * 7) % 100);
        Document::parse(Collection::Workout, &json!({"id": id, "day": day.to_string()}).to_string()).unwrap()
    };
    world.put(Collection::Workout, (0..100).map(workout).collect()).await;
    let lines = world.text(RowKind::Documents, Format::Ndjson).await;
    let mut keys: Vec<(String, String)> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|row| (row["day"].as_str().unwrap().to_owned(), row["id"].as_str().unwrap().to_owned()))
        .collect();
    assert!(keys.is_sorted(), "{keys:?}");
    keys.dedup();
    assert_eq!(keys.len(), 100);
}

#[tokio::test]
async fn json_has_the_rows_of_ndjson_in_an_array() {
    let world = World::lived().await;
    let lines = world.text(RowKind::Days, Format::Ndjson).await;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let array: Vec<Value> = serde_json::from_str(&world.text(RowKind::Days, Format::Json).await).unwrap();
    assert_eq!(array, lines);
}

#[tokio::test]
async fn empty_export_is_a_valid_file() {
    let world = World::new().await;
    assert_eq!(world.text(RowKind::Days, Format::Csv).await, "person,day,metric,value,unit,state\r\n");
    assert_eq!(world.text(RowKind::Points, Format::Ndjson).await, "");
    assert_eq!(world.text(RowKind::Points, Format::Json).await, "[]\n");
    let bundle: Value = serde_json::from_str(&world.text(RowKind::Days, Format::Fhir).await).unwrap();
    assert_eq!(bundle["resourceType"], "Bundle");
    assert!(bundle.get("entry").is_none(), "FHIR has no empty lists");
    let table = Table::new(RowKind::Days, Format::Parquet, &[], &[], march()).unwrap();
    let count = python(
        "import pyarrow.parquet, sys; print(pyarrow.parquet.read_table(sys.argv[1]).num_rows)",
        &world.write(&table).await.0,
    );
    assert_eq!(count, "0\n");
}

/// Prints what a file of Parquet holds as the CSV of the same rows.
const AS_CSV: &str = r#"
import csv, sys
import pyarrow.parquet
table = pyarrow.parquet.read_table(sys.argv[1])
out = csv.writer(sys.stdout)
out.writerow(table.column_names)
def cell(value):
    if value is None: return ""
    if hasattr(value, "hour"): return value.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (value.microsecond // 1000)
    return repr(value) if isinstance(value, float) else str(value)
for row in table.to_pylist(): out.writerow([cell(value) for value in row.values()])
"#;

#[tokio::test]
async fn pyarrow_reads_the_same_parquet_rows() {
    let world = World::lived().await;
    for what in RowKind::ALL {
        let table = Table::new(what, Format::Parquet, &[], &[], march()).unwrap();
        let (bytes, rows) = world.write(&table).await;
        let csv = world.text(what, Format::Csv).await.replace("\r\n", "\n").replace("'=1+1", "=1+1");
        assert_eq!(python(AS_CSV, &bytes), csv, "{what}");
        assert!(rows >= 3, "{what}");
    }
}

/// Reads a bundle with the models of R5, which know every element, its type and what must not be missing.
const AS_FHIR: &str = r#"
import sys
from fhir.resources.bundle import Bundle
bundle = Bundle.model_validate_json(open(sys.argv[1]).read())
for entry in bundle.entry:
    o = entry.resource
    value = o.valueQuantity and f"{o.valueQuantity.value} {o.valueQuantity.code}"
    value = value or o.valueString or o.valueDateTime or o.valueBoolean
    when = o.effectivePeriod and f"{o.effectivePeriod.start.isoformat()}/{o.effectivePeriod.end.isoformat()}"
    codes = " ".join(c.code for c in o.code.coding)
    print(o.status, codes, when or o.effectiveDateTime.isoformat(), value, o.subject.identifier.value)
"#;

#[tokio::test]
async fn fhir_r5_models_accept_the_bundle() {
    let world = World::lived().await;
    for what in [RowKind::Days, RowKind::Points] {
        let bundle = world.text(what, Format::Fhir).await;
        insta::assert_snapshot!(format!("{what}.fhir"), python(AS_FHIR, bundle.as_bytes()));
        let bundle: Value = serde_json::from_str(&bundle).unwrap();
        let names: std::collections::BTreeSet<_> =
            bundle["entry"].as_array().unwrap().iter().map(|entry| entry["fullUrl"].to_string()).collect();
        assert_eq!(names.len(), bundle["entry"].as_array().unwrap().len(), "every entry has its own name");
    }
}

#[test]
fn invalid_export_selection_is_refused_with_advice() {
    let metric = |key| Metric::by_key(key).unwrap();
    let check = |what, format, metrics: &[&'static Metric], collections: &[Collection], expected: &str| {
        let error: InvalidTable = Table::new(what, format, metrics, collections, march()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    check(RowKind::Days, Format::Csv, &[metric("sleep_hrv")], &[], "ask for points");
    check(RowKind::Points, Format::Csv, &[metric("sleep_score")], &[], "ask for days");
    check(RowKind::Documents, Format::Fhir, &[], &[], "ndjson");
    check(RowKind::Documents, Format::Csv, &[metric("sleep_score")], &[], "name collections");
    check(RowKind::Days, Format::Csv, &[metric("sleep_score")], &[Collection::Sleep], "not both");
    check(RowKind::Points, Format::Csv, &[], &[Collection::DailySleep], "points");
    let table = Table::new(RowKind::Days, Format::Fhir, &[metric("sleep_score")], &[], march()).unwrap();
    assert_eq!(table.file_name("me"), "me-days-2026-03-01-2026-03-31.fhir.json");
    assert_eq!(table.collections(), [Collection::DailySleep]);
    assert!("xml".parse::<Format>().unwrap_err().to_string().contains("csv, ndjson, json, parquet, fhir"));
}

#[tokio::test]
async fn export_stops_when_its_reader_is_gone() {
    struct Gone;
    impl Output for Gone {
        async fn write(&mut self, _: Bytes) -> Result<(), Error> {
            Err(Error::Write(std::io::ErrorKind::BrokenPipe.into()))
        }
    }
    let world = World::lived().await;
    let table = Table::new(RowKind::Days, Format::Csv, &[], &[], march()).unwrap();
    let error = table.write(&world.store, &world.people, now(), &mut Gone, &mut |_, _| {}).await.unwrap_err();
    assert!(matches!(error, Error::Write(_)), "{error}");
}
