//! What must hold for every input from outside, whatever it is: nothing panics, nothing is lost, nothing poisons what
//! is stored next to it. The first byte of an input chooses the collection.

use std::io::{Cursor, Write};

use domain::derive::{self, Derived, Spacing};
use domain::{Collection, Day, Document, Window, compare};
use ingest::import::{self, Export};
use ingest::webhook;
use jiff::SignedDuration;
use serde_json::Value;
use zip::write::SimpleFileOptions;

/// A function of one input.
pub type Target = fn(&[u8]);

/// Every target by the name of its folder of seeds.
pub const TARGETS: [(&str, Target); 5] =
    [("documents", documents), ("page", page), ("table", table), ("archive", archive), ("event", event)];

/// The day on which it is asked.
const TODAY: Day = Day::literal(2026, 3, 1);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// One document, or the rows of a time series line by line: parsed, gathered, derived.
pub fn documents(data: &[u8]) {
    let (collection, data) = chosen(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    match collection.window() {
        Window::Days => match Document::parse(collection, text) {
            Ok(document) => {
                // Half an emoji and a number out of range are repaired; all else is kept as it came.
                let plain = serde_json::from_str::<Value>(text).is_ok();
                assert!(!plain || document.body == text, "a document is kept as it came");
                sound(collection, &document);
            }
            Err(rejected) => {
                assert_eq!(rejected.body, text, "what is rejected is kept");
                named(&rejected.id, &rejected.reason);
            }
        },
        Window::Instants => {
            let rows: Vec<&str> = text.lines().collect();
            let (documents, rejected) = Document::group_rows(collection, rows.iter().copied());
            for rejected in &rejected {
                assert!(rows.contains(&rejected.body.as_str()), "what is rejected is kept");
                named(&rejected.id, &rejected.reason);
            }
            let mut gathered = 0;
            for document in &documents {
                sound(collection, document);
                let rows: Vec<Value> =
                    serde_json::from_str(&document.body).expect("a day is an array of rows");
                gathered += rows.len();
            }
            assert!(gathered + rejected.len() <= rows.len(), "no row comes twice");
            let days: Vec<Day> = documents.iter().map(|document| document.day).collect();
            assert!(days.is_sorted_by(|one, next| one < next), "one document a day");
        }
        Window::Whole => {
            let (document, rejected) = Document::observe(collection, TODAY, text.lines());
            if let Some(document) = document {
                sound(collection, &document);
            }
            for rejected in &rejected {
                named(&rejected.id, &rejected.reason);
            }
        }
    }
}

/// The body of a webhook: an event whose ids fit into an address, or a refusal.
pub fn event(data: &[u8]) {
    let secret = "secret".to_owned().into();
    let (signature, body) = data.split_at(data.len().min(64));
    let now = TODAY.midnight_utc();
    let refused =
        webhook::verify(&secret, "1772323200", &String::from_utf8_lossy(signature), body, now, MINUTE);
    assert!(refused.is_err(), "a signature cannot be guessed");
    let Ok(event) = webhook::parse_event(data) else { return };
    assert!(event.object.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    assert!((1..=256).contains(&event.object.len()) && !event.user.is_empty());
}

/// A page of the API: an envelope, or a failure.
pub fn page(data: &[u8]) {
    let (collection, body) = chosen(data);
    let Ok(window) = ingest::page(collection, TODAY, body) else { return };
    // Everything next to the documents may be any bytes.
    let text = String::from_utf8_lossy(body);
    // What the parser of JSON refuses inside a document is repaired.
    let plain = serde_json::from_slice::<Value>(body).is_ok();
    for document in &window.documents {
        sound(collection, document);
        assert!(!plain || collection.window() != Window::Days || text.contains(&document.body));
    }
    for rejected in &window.rejected {
        // Of a profile, what could be an e-mail is not.
        let kept = text.contains(&rejected.body) || collection.window() == Window::Whole;
        assert!(kept, "what is rejected is kept");
        named(&rejected.id, &rejected.reason);
    }
}

/// A table of the account export, unpacked.
pub fn table(data: &[u8]) {
    let (collection, table) = chosen(data);
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let name = format!("App Data/{}.csv", collection.name());
    zip.start_file(name, stored).and_then(|()| Ok(zip.write_all(table)?)).expect("memory takes a file");
    let bytes = zip.finish().expect("memory takes an archive").into_inner();
    let (documents, rejected, rows) = import(Export::zip(Cursor::new(bytes)).expect("an archive of our own"));
    if collection.window() == Window::Days {
        assert_eq!((documents + rejected) as u64, rows, "every row is somewhere");
    }
}

/// The archive itself.
pub fn archive(data: &[u8]) {
    if let Ok(export) = Export::zip(Cursor::new(data.to_vec())) {
        import(export);
    }
}

/// Reads an export; how many documents, rejected rows, and rows in all.
fn import(export: Export) -> (usize, usize, u64) {
    let (mut documents, mut rejected) = (0, 0);
    let report = import::read(export, |part| {
        documents += part.documents.len();
        rejected += part.rejected.len();
        part.documents.iter().for_each(|document| sound(part.collection, document));
        for rejected in &part.rejected {
            named(&rejected.id, &rejected.reason);
            let body: Value =
                serde_json::from_str(&rejected.body).expect("a rejected row says where it stood");
            assert!(body["line"].as_u64().is_some_and(|line| line > 1) && body["row"].is_string());
        }
        true
    });
    assert_eq!(report.rejected(), rejected as u64, "what is counted is what is kept");
    (documents, rejected, report.rows())
}

fn chosen(data: &[u8]) -> (Collection, &[u8]) {
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    (Collection::ALL[usize::from(first.wrapping_sub(b'A')) % Collection::ALL.len()], rest)
}

/// A document is fit for the store, and what it says is numbers.
fn sound(collection: Collection, document: &Document) {
    assert!(!document.id.is_empty() && document.id.len() <= 256 && !document.id.contains(char::is_control));
    assert!(!document.body.contains('\0'), "PostgreSQL's text cannot hold it");
    assert!(compare::is_equivalent(&document.body, &document.body));
    assert!(compare::only_adds(&document.body, &document.body));
    let derived: Derived = derive::derive(collection, document.day, [document.body.as_str()]);
    for daily in &derived.daily {
        assert!(daily.value.is_none_or(f64::is_finite), "{}", daily.metric.key);
    }
    for series in &derived.series {
        if let Spacing::Each(offsets) = &series.spacing {
            assert_eq!(offsets.len(), series.values.len());
        }
        assert!(series.points().all(|(_, value)| value.is_finite()), "{}", series.metric.key);
    }
}

/// A rejection has a name the store can hold, and a reason that quotes nothing.
fn named(id: &str, reason: &str) {
    assert!(!id.is_empty() && id.len() <= 256 && !id.contains(char::is_control));
    assert!(!reason.is_empty() && reason.len() < 200 && !reason.contains(char::is_control), "{reason:?}");
}
