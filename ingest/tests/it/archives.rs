//! Account exports as they come: other names, other tables, other folders; and archives made to keep their reader busy.

use std::io::{Cursor, Write};

use domain::Collection;
use ingest::import::{Export, Part, Report, Skipped};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::export::{imported, opened, parts, zip};

/// The content of documents, independent of spelling.
fn contents(parts: &[Part]) -> Vec<(Collection, String, serde_json::Value)> {
    let documents = parts.iter().flat_map(|part| part.documents.iter().map(move |d| (part.collection, d)));
    documents.map(|(c, d)| (c, d.id.clone(), serde_json::from_str(&d.body).unwrap())).collect()
}

fn damage(report: &Report) -> &str {
    report.files[0].damaged.as_deref().unwrap_or("none")
}

const PLAIN: &str =
    "id;contributors;day;score\na;{\"deep_sleep\": 95, \"timing\": 61};2024-03-03;71\n;;2024-03-04;72\n";

#[test]
fn table_is_read_in_every_dialect() {
    let (expected, report) = parts(zip(&[("App Data/dailysleep.csv", PLAIN.as_bytes())]));
    assert!(report.is_complete() && expected[0].documents.len() == 2, "{report:?}");
    let quoted = PLAIN
        .replace("{\"deep_sleep\": 95, \"timing\": 61}", "\"{\"\"deep_sleep\"\": 95, \"\"timing\"\": 61}\"");
    for text in [
        PLAIN.replace(';', ","),
        quoted.replace(';', ","),
        PLAIN.replace(';', "\t"),
        quoted.clone(),
        format!("\u{feff}{PLAIN}"),
        PLAIN.replace('\n', "\r\n"),
        format!("\u{feff}{}", quoted.replace(';', ",").replace('\n', "\r\n")),
        format!("sep=,\r\n{}", quoted.replace(';', ",")),
        format!("\n\n{PLAIN}"),
        PLAIN.replace("\n;;", "\n ; ;"),
        PLAIN.replace("id;", "\"ID\";").replace("score", "Score"),
    ] {
        let (read, report) = parts(zip(&[("dailysleep.csv", text.as_bytes())]));
        assert!(report.is_complete() && report.rejected() == 0, "{text}: {report:?}");
        assert_eq!(contents(&read), contents(&expected), "{text}");
    }
}

#[test]
fn table_is_found_under_every_name_and_in_every_folder() {
    for name in [
        "dailysleep_2024-01-01_2024-12-31.csv",
        "App Data/DailySleep (1).csv",
        "APP DATA/dailysleep.csv",
        "app_data/2024/dailysleep-2.CSV",
        "export/2024/App Data/dailysleep.csv",
        "some\\App Data\\dailysleep.csv",
        "a/b/c/ann-dailysleep.csv",
    ] {
        let (read, report) = parts(zip(&[(name, PLAIN.as_bytes())]));
        assert_eq!(read.iter().map(|part| part.documents.len()).sum::<usize>(), 2, "{name}: {report:?}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name.replace('\\', "/"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, PLAIN).unwrap();
        let (read, report) = parts(Export::open(folder.path()).unwrap());
        assert_eq!(read.iter().map(|part| part.documents.len()).sum::<usize>(), 2, "{name}: {report:?}");
    }
    // Where there is such a folder, files outside it are no part of the export.
    let (read, report) = parts(zip(&[("x/App Data/a.csv", b"a\n"), ("x/dailysleep.csv", PLAIN.as_bytes())]));
    assert!(read.is_empty(), "{report:?}");
    assert_eq!(report.files[1].skipped, Some(Skipped::Elsewhere));
}

#[test]
fn name_that_only_contains_a_table_needs_its_columns() {
    let other = "id;day;screen;pushed;opened\na;2024-03-03;home;1;0\n";
    let (read, report) = parts(zip(&[("app_session.csv", other.as_bytes()), ("my_tag.csv", b"a;b\n1;2\n")]));
    assert!(read.is_empty() && report.is_complete(), "{report:?}");
    for file in &report.files {
        assert_eq!((file.skipped, file.rows, file.collection), (Some(Skipped::NotKept), 1, None), "{file:?}");
    }
}

#[test]
fn events_without_ids_have_the_same_ones_in_every_export() {
    let ids = |file: &str| {
        let (read, report) = parts(zip(&[("workout.csv", file.as_bytes())]));
        assert_eq!(report.rejected(), 0, "{report:?}");
        read.iter().flat_map(|part| &part.documents).map(|document| document.id.clone()).collect::<Vec<_>>()
    };
    let rows = [
        "2024-03-03T10:00:00Z;2024-03-03T11:00:00Z;2024-03-03;running",
        "2024-03-03T15:00:00Z;;2024-03-03;yoga",
    ];
    let with =
        |rows: &[&str]| ids(&format!("id;start_datetime;end_datetime;day;activity\n;{}\n", rows.join("\n;")));
    let first = with(&rows);
    assert!(first.len() == 2 && first[0] != first[1] && first[0].starts_with("import-"), "{first:?}");
    assert_eq!(with(&[rows[1], rows[0]]), [first[1].clone(), first[0].clone()]);
    let columns = "start_datetime;end_datetime;day;activity";
    assert_eq!(ids(&format!("{columns}\n{}\n{}\n", rows[0], rows[1])), first, "no column of ids");
    // A row without a time stays without one.
    let (_, report) = parts(zip(&[("workout.csv", b"id;day;activity\n;2024-03-03;running\n")]));
    assert_eq!(report.rejected(), 1, "{report:?}");
}

#[test]
fn first_line_that_cannot_be_read_is_reported() {
    let wide = (0..501).map(|n| format!("c{n}")).collect::<Vec<_>>().join(";");
    for (file, reason) in [
        (b"\xff\xfei\0d\0;\0d\0a\0y\0\n\0".to_vec(), "its first line is not UTF-8"),
        (b"\"id;day;score\n".to_vec(), "a quote in its first line is never closed"),
        (b"id;score\na;71\n".to_vec(), "its first line names no column day or start_day"),
        (format!("day;{wide}\n").into_bytes(), "its first line names more than 500 columns"),
        (vec![b'x'; 2 << 20], "its first line is longer than 1 MiB"),
    ] {
        let (_, report) = parts(zip(&[("dailysleep.csv", &file)]));
        assert!(damage(&report).starts_with(reason), "{report:?}");
    }
    let (_, report) = parts(zip(&[("dailysleep.csv", b"\n\n")]));
    assert!(report.is_complete(), "an empty table is a table: {report:?}");
}

/// One entry that is written from `piece` again and again.
fn repeated(name: &str, first: &[u8], piece: &[u8], times: usize) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(name, SimpleFileOptions::default()).unwrap();
    zip.write_all(first).unwrap();
    for _ in 0..times {
        zip.write_all(piece).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn archive_that_unpacks_to_too_much_is_stopped() {
    // Of a table that is read, and of one whose lines are only counted.
    for name in ["dailysleep.csv", "stepcount.csv"] {
        let bytes = repeated(name, b"id;day;score\n", &vec![b'x'; 1 << 20], 100);
        assert!(bytes.len() < 300_000);
        let (_, report) = parts(opened(bytes));
        assert!(damage(&report).starts_with("the export unpacks to more than 250 times"), "{report:?}");
    }
}

#[test]
fn rows_that_cannot_be_used_are_kept_up_to_a_number_and_counted_beyond() {
    let bytes = repeated("dailysleep.csv", b"id;day;score\na;2024-03-03;71\n", &b"1;2\n".repeat(1_000), 100);
    let (read, report) = parts(opened(bytes));
    assert!(damage(&report).starts_with("most of its rows cannot be used"), "{report:?}");
    assert_eq!(read.iter().map(|part| part.documents.len()).sum::<usize>(), 1, "what came before is stored");
    assert_eq!(read.iter().map(|part| part.rejected.len()).sum::<usize>(), 10_000);
    assert_eq!(report.rejected(), 10_001);
    // Most rows are good: all of them are read.
    let mut table = b"timestamp;bpm;source\n".to_vec();
    for second in 0..30_000 {
        let at = jiff::Timestamp::from_second(1_709_424_000 + second * 10).unwrap();
        table.extend_from_slice(format!("{at};60;awake\n").as_bytes());
        if second % 2 == 1 {
            table.extend_from_slice(b"1;2\n");
        }
    }
    let (read, report) = parts(zip(&[("heartrate.csv", &table)]));
    assert!(report.is_complete() && report.rejected() == 15_000, "{:?}", report.files[0].damaged);
    assert_eq!(
        (read.iter().map(|part| part.rejected.len()).sum::<usize>(), report.rejected_not_kept()),
        (10_000, 5_000)
    );
    let rows: usize = read.iter().flat_map(|part| &part.documents).map(domain::Document::rows).sum();
    assert_eq!(rows, 30_000);
}

#[test]
fn work_grows_with_the_rows_and_not_with_their_square() {
    // A day whose rows are all rejected: each was once looked for among all of its day.
    let mut table = b"timestamp;bpm;source\n".to_vec();
    for second in 0..86_400 {
        let at = jiff::Timestamp::from_second(1_709_424_000 + second).unwrap();
        table.extend_from_slice(format!("{at};fast;awake\n").as_bytes());
    }
    let (read, report) = parts(zip(&[("heartrate.csv", &table)]));
    assert_eq!(report.files[0].rejected.keys().collect::<Vec<_>>(), ["/bpm: expected a number"]);
    let body = &read[0].rejected[1].body;
    assert!(body.contains("\"line\":3,"), "each with its line: {body}");
    // Quotes that stay open: each was once looked ahead for over twenty lines.
    let line = format!("\"open;{}\"x\n", "y\"".repeat(1_500));
    let (_, report) =
        parts(zip(&[("dailysleep.csv", format!("id;day;score\n{}", line.repeat(9_000)).as_bytes())]));
    assert_eq!(report.rejected(), 9_000, "{report:?}");
}

#[tokio::test]
async fn events_of_one_day_are_bounded() {
    let mut table = b"id;start_datetime;end_datetime;day;activity\n".to_vec();
    for n in 0..2_000 {
        let at = jiff::Timestamp::from_second(1_709_424_000 + n * 40).unwrap();
        table.extend_from_slice(format!("w{n};{at};{at};2024-03-03;running\n").as_bytes());
    }
    let (store, _folder) = store::testing::sqlite().await;
    let report = imported(&store, zip(&[("workout.csv", &table)])).await;
    assert_eq!((report.documents().new, report.rejected()), (500, 1_500), "{report:?}");
    assert!(report.files[0].rejected.contains_key("more than 500 rows of one day"));
}
