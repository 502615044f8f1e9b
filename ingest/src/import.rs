//! Oura's account export in: a ZIP of CSV files, or a folder of them, becomes the same documents the API returns.
//!
//! ```text
//! archive   which files there are, and their bytes within limits
//! records   bytes to rows: lines, quotes, what is malformed
//! columns   what a column holds, by the catalogue and Oura's field names
//! file      one file to batches, in bounded memory and time
//! ident     ids for events that have none
//! report    what became of every file
//! ```
//!
//! An import never replaces data of the API, under any id: it adds days and events that are
//! missing ([`Origin::Import`]). What it rejects is kept with file, line and reason.
//! Facts of the format: there is no documentation by Oura; names, separators and faults are those that users report.

mod archive;
mod columns;
mod file;
mod ident;
mod records;
mod report;

use domain::{Collection, Document, Rejected};
use jiff::Timestamp;
use store::{Batch, Origin, Person, Store};
use tokio::sync::mpsc;

pub use archive::{Export, Input, Unreadable};
pub use report::{FileReport, Report, Skipped};

/// Documents of one file, ready to be stored.
#[derive(Debug)]
pub struct Part {
    /// Index of the file in [`Report::files`].
    pub file: usize,
    /// Of which collection.
    pub collection: Collection,
    /// What parsed; a time series by whole UTC days.
    pub documents: Vec<Document>,
    /// What did not; the body is `{"file", "line", "row"}`.
    pub rejected: Vec<Rejected>,
    /// Bytes of the export that have been read.
    pub position: u64,
}

/// The names of the files that are read, in their plainest spelling.
pub fn table_names() -> Vec<String> {
    columns::table_names().collect()
}

/// Reads an export from its first to its last file and hands over what it finds, part by part; stops early when `take`
/// says false. Needs no runtime; memory is bounded whatever the files hold.
pub fn read(mut export: Export, mut take: impl FnMut(Part) -> bool) -> Report {
    let mut report = Report::default();
    let mut position = 0;
    for index in 0..export.len() {
        let (file, size, goes_on) = file::read(&mut export, index, position, &mut take);
        position += size;
        report.files.push(file);
        if !goes_on {
            break;
        }
    }
    report
}

/// Stores an export; `progress` is called with the bytes read of [`Export::size`]. Each part is one transaction, so an import
/// that is cut short loses nothing, and repeating it writes only what is missing.
pub async fn import(
    store: &Store,
    person: &Person,
    export: Export,
    now: Timestamp,
    mut progress: impl FnMut(u64),
) -> Result<Report, store::Error> {
    // One part is read while another is stored.
    let (parts, mut ready) = mpsc::channel::<Part>(1);
    let reading = tokio::task::spawn_blocking(move || read(export, |part| parts.blocking_send(part).is_ok()));
    let mut stored = Vec::new();
    while let Some(part) = ready.recv().await {
        let mut batch = Batch {
            person: person.id,
            collection: part.collection,
            covered: None,
            documents: part.documents,
            rejected: part.rejected,
            origin: Origin::Import,
            nearby: Vec::new(),
        };
        let readable = batch.rejected.len();
        batch.quarantine_future(now);
        let ahead: Vec<String> = batch.rejected[readable..].iter().map(|it| it.reason.clone()).collect();
        stored.push((part.file, ahead, store.apply(&batch, now).await?));
        progress(part.position);
    }
    let mut report = reading.await.expect("BUG: reading an export does not panic");
    for (file, ahead, applied) in stored {
        report.files[file].documents += applied;
        for reason in ahead {
            *report.files[file].rejected.entry(reason).or_default() += 1;
        }
    }
    Ok(report)
}
