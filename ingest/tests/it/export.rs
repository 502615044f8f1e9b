//! The account export against the simulated cloud: both give the same numbers for one life.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use domain::Collection;
use ingest::import::{self, Export, Part, Report, Skipped};
use jiff::Timestamp;
use simulator::{Life, Person as Synthetic};
use store::{Store, Totals};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::helpers::day;
use crate::sync_runs::{Numbers, World, difference, numbers};

/// Documents of the evening before the first day that the sync of [`World`] asks for.
const EARLIER: i64 = 2;

fn now() -> Timestamp {
    "2026-06-29T15:00:00Z".parse().unwrap()
}

/// A ZIP of these files.
pub(crate) fn zip(files: &[(&str, &[u8])]) -> Export {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    opened(zip.finish().unwrap().into_inner())
}

pub(crate) fn opened(bytes: Vec<u8>) -> Export {
    Export::zip(Cursor::new(bytes)).unwrap()
}

pub(crate) async fn imported(store: &Store, export: Export) -> Report {
    let person = store.ensure_person(&"me".parse().unwrap(), "Europe/Berlin", now()).await.unwrap();
    let size = export.size();
    let report = import::import(store, &person, export, now(), |at| assert!(at <= size)).await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    report
}

async fn totals(store: &Store) -> Totals {
    let me = store.person("me").await.unwrap().unwrap();
    store.totals(me.id).await.unwrap()
}

async fn all(store: &Store) -> Numbers {
    numbers(store, store.person("me").await.unwrap().unwrap().id).await
}

fn file<'a>(report: &'a Report, name: &str) -> &'a import::FileReport {
    report.files.iter().find(|file| file.name == name).unwrap()
}

/// What an export holds, without a store.
/// The profile and the ring, which are filed under the day on which they were asked for.
const WITHOUT_PAST: usize = 2;

pub(crate) fn parts(export: Export) -> (Vec<Part>, Report) {
    let mut parts = Vec::new();
    let report = import::read(export, |part| {
        parts.push(part);
        true
    });
    (parts, report)
}

async fn assert_export_equals_api(store: Store, world: World) {
    world.pass().await;
    let report = imported(&store, opened(world.synthetic.account_export(world.at(), None))).await;
    assert_eq!((report.rejected(), report.documents().rejected), (0, 0), "{report:?}");
    assert!(report.files.iter().all(|file| file.unknown_columns.is_empty()), "{report:?}");
    let (api, mut export) = (world.numbers().await, all(&store).await);
    assert!(api.len() > 50_000, "a plausible life: {}", api.len());
    // The evening before the first day that the sync asks for.
    export.retain(|(_, at), _| !at.starts_with("2025-11-30"));
    assert_eq!(difference(&api, &export), Vec::<String>::new());
    let without_past = i64::try_from(WITHOUT_PAST).unwrap();
    assert_eq!(totals(&store).await.documents, world.totals().await.documents + EARLIER - without_past);
}

#[tokio::test]
async fn export_equals_api_on_sqlite() {
    let (cloud, _folder) = crate::sync_runs::world().await;
    let (store, _folder) = store::testing::sqlite().await;
    assert_export_equals_api(store, cloud).await;
}

#[tokio::test]
async fn export_equals_api_on_postgres() {
    let (cloud, _folder) = crate::sync_runs::world().await;
    assert_export_equals_api(store::testing::postgres().await, cloud).await;
}

#[tokio::test]
async fn sync_after_import_changes_nothing() {
    let (world, _folder) = crate::sync_runs::world().await;
    imported(&world.store, opened(world.synthetic.account_export(world.at(), None))).await;
    let before = world.numbers().await;
    let applied = world.pass().await.applied;
    assert_eq!(applied.new, WITHOUT_PAST, "{applied:?}");
    // Rows of the time series carry a Unix time that the export leaves out.
    let series = applied.changed;
    assert_eq!(i64::try_from(series).unwrap(), world.totals().await.revisions, "{applied:?}");
    assert!(series < 250, "two collections, four months: {applied:?}");
    assert!(applied.unchanged > 1_000, "{applied:?}");
    assert_eq!(difference(&world.numbers().await, &before), Vec::<String>::new());
}

#[tokio::test]
async fn import_after_sync_adds_only_unread_days() {
    let (world, _folder) = crate::sync_runs::world().await;
    world.pass().await;
    let (before, mark) = (world.totals().await, world.store.watermark().await.unwrap());
    let states = world.store.sync_states(world.person.id).await.unwrap();
    let report = imported(&world.store, opened(world.synthetic.account_export(world.at(), None))).await;
    let applied = report.documents();
    assert_eq!((i64::try_from(applied.new).unwrap(), applied.changed), (EARLIER, 0), "{report:?}");
    let after = world.totals().await;
    assert_eq!((after.documents, after.revisions), (before.documents + EARLIER, before.revisions));
    assert_eq!(world.store.watermark().await.unwrap(), mark);
    assert_eq!(world.store.sync_states(world.person.id).await.unwrap(), states);
}

#[tokio::test]
async fn broken_row_is_rejected_alone() {
    let life = Synthetic::new(Life::new(11, day("2026-03-01").date()));
    let (clean, _folder) = store::testing::sqlite().await;
    imported(&clean, opened(life.account_export(now(), None))).await;
    let (broken, _folder) = store::testing::sqlite().await;
    let report = imported(&broken, opened(life.account_export(now(), Some(50)))).await;
    assert_eq!(difference(&all(&broken).await, &all(&clean).await), Vec::<String>::new());
    assert!(report.rejected() > 500, "{report:?}");
    let kept = totals(&broken).await.rejected;
    assert_eq!(u64::try_from(kept).unwrap(), report.rejected(), "every one is in the table");
    let rejected = &file(&report, "heartrate.csv").rejected;
    let reasons: Vec<&str> = rejected.keys().map(String::as_str).collect();
    assert_eq!(
        reasons,
        [
            "1 cells where the header has 3",
            "5 cells where the header has 3",
            "a quote is never closed",
            "not UTF-8"
        ]
    );
    let again = imported(&broken, opened(life.account_export(now(), Some(50)))).await;
    assert_eq!((again.documents().new, totals(&broken).await.rejected), (0, kept));
}

#[tokio::test]
async fn newer_export_completes_the_last_day_of_an_older_one() {
    let life = Synthetic::new(Life::new(11, day("2026-03-01").date()));
    let noon: Timestamp = "2026-06-28T12:00:00Z".parse().unwrap();
    let (twice, _folder) = store::testing::sqlite().await;
    imported(&twice, opened(life.account_export(noon, None))).await;
    let first = totals(&twice).await.documents;
    let report = imported(&twice, opened(life.account_export(now(), None))).await;
    assert!(file(&report, "heartrate.csv").documents.changed == 1, "{report:?}");
    assert!(totals(&twice).await.documents > first);
    let (once, _folder) = store::testing::sqlite().await;
    imported(&once, opened(life.account_export(now(), None))).await;
    let heart = |numbers: Numbers| -> Numbers {
        numbers
            .into_iter()
            .filter(|((key, _), _)| key.starts_with("heart_rate") || key.starts_with("ring_"))
            .collect()
    };
    assert_eq!(difference(&heart(all(&twice).await), &heart(all(&once).await)), Vec::<String>::new());
}

#[test]
fn skipped_files_are_reported() {
    let life = Synthetic::new(Life::new(11, day("2026-06-01").date()));
    let (_, report) = parts(opened(life.account_export(now(), None)));
    let skipped: BTreeMap<&str, (Option<Skipped>, u64)> = report
        .files
        .iter()
        .filter(|file| file.collection.is_none())
        .map(|file| (file.name.as_str(), (file.skipped, file.rows)))
        .collect();
    let expected = [
        ("bloodglucose.csv", (Some(Skipped::NotKept), 0)),
        ("heartrate.csv", (Some(Skipped::Elsewhere), 0)),
        ("rawlocation.csv", (Some(Skipped::Location), 0)),
        ("ringconfiguration.csv", (Some(Skipped::NotKept), 2)),
        ("stepcount.csv", (Some(Skipped::NotKept), 1)),
        ("temperature.csv", (Some(Skipped::NotKept), 288)),
    ];
    assert_eq!(skipped, BTreeMap::from(expected));
}

#[test]
fn rows_in_any_order_make_whole_days() {
    // More than waits at a time, so that days are put off; the order is the worst there is: every day in turn.
    const DAYS: usize = 400;
    let first: Timestamp = "2025-01-01T00:00:00Z".parse().unwrap();
    let mut file = b"timestamp;bpm;source\n".to_vec();
    let rows = 800;
    for row in 0..rows {
        for day in 0..DAYS {
            let seconds = i64::try_from(day * 86_400 + row * 100).unwrap();
            let at = first + jiff::SignedDuration::from_secs(seconds);
            file.extend_from_slice(format!("{at};{};awake\n", 50 + row % 100).as_bytes());
        }
    }
    let (parts, report) = parts(zip(&[("heartrate.csv", &file)]));
    assert_eq!(report.files[0].rows, (rows * DAYS) as u64);
    let mut days = BTreeMap::new();
    for document in parts.iter().flat_map(|part| &part.documents) {
        assert_eq!(
            days.insert(document.day, document.body.matches("bpm").count()),
            None,
            "no day comes twice"
        );
    }
    assert_eq!(days.len(), DAYS);
    assert!(days.values().all(|found| *found == rows));
    let largest = parts.iter().map(|part| part.documents.iter().map(|d| d.body.len()).sum::<usize>()).max();
    assert!(largest.unwrap() < 4 << 20, "{largest:?}");
}

#[test]
fn rejected_row_names_its_line() {
    let file = "id;day;score;contributors;mystery\na;2026-03-01;high;;\nb;2026-03-02;80;{\"timing\": 61};7\n\
                c;2026-03-03;80;{broken};\n;2026-03-04;80;;\n";
    let (parts, report) = parts(zip(&[("DailySleep.csv", file.as_bytes())]));
    let rejected: Vec<(&str, &str, serde_json::Value)> = parts
        .iter()
        .flat_map(|part| &part.rejected)
        .map(|r| (r.id.as_str(), r.reason.as_str(), serde_json::from_str(&r.body).unwrap()))
        .collect();
    let body = |line: u64, row: &str| serde_json::json!({"file": "DailySleep.csv", "line": line, "row": row});
    assert_eq!(rejected[0], ("a", "/score: expected a number", body(2, "a;2026-03-01;high;;")));
    let (_, reason, kept) = &rejected[1];
    assert_eq!((*reason, kept), ("/contributors: expected JSON", &body(4, "c;2026-03-03;80;{broken};")));
    assert_eq!(rejected.len(), 2);
    let documents: Vec<&str> = parts.iter().flat_map(|p| &p.documents).map(|d| d.body.as_str()).collect();
    let kept = r#"{"id":"b","day":"2026-03-02","score":80,"contributors":{"timing": 61},"mystery":"7"}"#;
    assert_eq!(documents[0], kept, "unknown columns are kept");
    assert_eq!(parts[0].documents[1].id, "2026-03-04", "the day stands in for an id, as in the API");
    assert_eq!(report.files[0].unknown_columns, ["mystery"]);
}

#[test]
fn mislabelled_file_is_damaged_and_others_are_read() {
    let good = b"id;day;score\na;2026-03-01;80\n";
    let (parts, report) = parts(zip(&[
        ("App Data/dailyreadiness.csv", b"<html>"),
        ("App Data/dailysleep.csv", good),
        ("App Data/dailystress.csv", b""),
        ("App Data/heartrate.csv", b"id;bpm\n1;2\n"),
        ("App Data/sleepmodel.csv", b"id;day;day\n"),
    ]));
    let damaged: Vec<&str> = report.files.iter().filter_map(|file| file.damaged.as_deref()).collect();
    assert_eq!(
        damaged,
        [
            "its first line names no column day or start_day (separated by ; or , or tab)",
            "its first line names no column timestamp (separated by ; or , or tab)",
            "its first line names a column twice",
        ]
    );
    assert!(!report.is_complete());
    let documents: Vec<(Collection, usize)> =
        parts.iter().map(|part| (part.collection, part.documents.len())).collect();
    assert_eq!(documents, [(Collection::DailySleep, 1)]);
}

#[test]
fn damaged_archive_yields_readable_files() {
    let mut file = b"timestamp;bpm;source\n".to_vec();
    for hour in 0..24 {
        file.extend_from_slice(format!("2026-03-01T{hour:02}:00:00Z;60;awake\n").as_bytes());
    }
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip.start_file("heartrate.csv", stored).unwrap();
    zip.write_all(&file).unwrap();
    let mut bytes = zip.finish().unwrap().into_inner();
    let place = bytes.windows(5).position(|window| window == b"T23:0").unwrap();
    bytes[place + 10] = b'!';
    let (parts, report) = parts(opened(bytes));
    assert!(report.files[0].damaged.as_deref().unwrap().contains("checksum"), "{report:?}");
    assert_eq!(parts.iter().map(|part| part.documents.len()).sum::<usize>(), 1, "{report:?}");
}

#[test]
fn other_archive_is_refused_with_advice() {
    let refused = Export::zip(Cursor::new(b"id;day\n".to_vec())).unwrap_err();
    assert!(refused.to_string().contains("membership.ouraring.com/data-export"), "{refused}");
    let mut many = ZipWriter::new(Cursor::new(Vec::new()));
    for n in 0..1_001 {
        many.start_file(format!("{n}.csv"), SimpleFileOptions::default()).unwrap();
    }
    let refused = Export::zip(Cursor::new(many.finish().unwrap().into_inner())).unwrap_err();
    assert!(refused.to_string().starts_with("it holds 1001 files"), "{refused}");
    assert!(Export::open(std::path::Path::new("/nowhere/export.zip")).is_err());
}

#[test]
fn folder_is_imported_like_an_archive() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("App Data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("dailysleep.csv"), "\u{feff}id;day;score\r\na;2026-03-01;80\r\n").unwrap();
    std::fs::write(folder.path().join("readme.txt"), "x").unwrap();
    for path in [folder.path(), &data] {
        let (parts, report) = parts(Export::open(path).unwrap());
        assert_eq!(parts[0].documents[0].body, r#"{"id":"a","day":"2026-03-01","score":80}"#);
        assert!(report.is_complete());
    }
}
