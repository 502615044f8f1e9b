//! Recorded and sandbox answers of the real cloud, where a copy lies next to the project. They are not
//! licensed for publication, so without the copy the test prints that it did nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::path::Path;

use domain::derive::derive;
use domain::{Collection, Document, Window};
use serde_json::value::RawValue;

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/oura/samples");

#[derive(Default, Debug, PartialEq)]
struct Seen {
    documents: usize,
    days: usize,
    numbers: usize,
    points: usize,
}

/// What one page of answers comes to; panics where anything is rejected.
fn read(collection: Collection, text: &str) -> Seen {
    let page: serde_json::Value = serde_json::from_str(text).unwrap();
    let items = if collection.is_single() { vec![page] } else { page["data"].as_array().unwrap().clone() };
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    let rows: Vec<&str> =
        items.iter().map(|row| serde_json::from_str::<&RawValue>(row).unwrap().get()).collect();
    let documents = match collection.window() {
        Window::Days => rows.iter().map(|row| Document::parse(collection, row).unwrap()).collect(),
        Window::Instants => {
            let (documents, rejected) = Document::group_rows(collection, rows.iter().copied());
            assert_eq!(rejected, []);
            documents
        }
        Window::Whole => {
            let (document, rejected) = Document::observe(collection, "2026-11-01".parse().unwrap(), rows);
            assert_eq!(rejected, []);
            document.into_iter().collect()
        }
    };
    let mut days: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for document in &documents {
        days.entry(document.day).or_default().push(&document.body);
    }
    let mut seen = Seen { documents: items.len(), days: days.len(), ..Seen::default() };
    for (day, bodies) in days {
        for body in &bodies {
            let drift = domain::drift::DriftDetector::new(collection).detect(body);
            // The sandbox has a field of its own, and the made-up answers have words of tomorrow.
            let fields = drift.iter().filter(|drift| drift.word.is_empty());
            let unknown: Vec<&str> = fields.map(|drift| drift.pointer.as_str()).collect();
            assert!(unknown.iter().all(|field| *field == "/producer_timestamp"), "{collection}: {unknown:?}");
        }
        let derived = derive(collection, day, bodies);
        seen.numbers += derived.daily.iter().filter(|daily| daily.value.is_some()).count();
        seen.points += derived.series.iter().map(|series| series.points().count()).sum::<usize>();
    }
    seen
}

#[test]
fn recorded_responses_are_parsed() {
    if !Path::new(SAMPLES).exists() {
        eprintln!("skipped: no recorded answers");
        return;
    }
    for folder in [".", "sandbox", "synthetic"] {
        for &collection in Collection::ALL {
            if folder == "sandbox" && collection.is_single() {
                continue; // the sandbox has no profile
            }
            let file = Path::new(SAMPLES).join(folder).join(format!("{}.json", collection.path()));
            let text =
                std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let seen = read(collection, &text);
            println!("{folder:<10} {collection:<26} {seen:?}");
            assert!(seen.documents > 0 && seen.days > 0, "{folder} {collection}: {seen:?}");
        }
    }
}

#[test]
fn recorded_nights_have_the_expected_days() {
    let Ok(text) = std::fs::read_to_string(Path::new(SAMPLES).join("sleep.json")) else {
        eprintln!("skipped: no recorded answers");
        return;
    };
    // Forty-eight periods on twenty-two days; fifteen of them without a pulse, marked 255.
    let seen = read(Collection::Sleep, &text);
    assert_eq!((seen.documents, seen.days), (48, 22));
}
