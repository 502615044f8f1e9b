//! Imports an account export, and prints what became of each file.

use std::process::ExitCode;

use ingest::import::{self, Export, FileReport, Report};
use store::AuditAction;

use super::audit;
use crate::Clock;
use crate::cli::ImportArgs;
use crate::config::Invalid;
use crate::progress;

/// Reasons printed for one file; the rest is counted.
const REASONS: usize = 5;

pub(crate) async fn import(args: ImportArgs, clock: Clock) -> anyhow::Result<ExitCode> {
    let export = Export::open(&args.file).map_err(Invalid::from)?;
    if !export.has_tables() {
        // Nothing will be stored, so no database is made.
        return Ok(print_report(&import::read(export, |_| true), args.person.name().as_str()));
    }
    let store = super::open_for(&args.store, &args.person).await?;
    let person = args.person.person().known_or_first(&store, clock()).await?;
    let bar = progress::bytes("importing", export.size());
    // A stop at any moment loses nothing: a part is stored as a whole or not at all, and what is there is kept.
    let report = import::import(&store, &person, export, clock(), |at| bar.set_position(at)).await;
    bar.finish_and_clear();
    let subject = format!("person {}", person.name);
    audit::record(&store, clock(), AuditAction::Import, "import", subject).await;
    store.close().await;
    Ok(print_report(&report?, person.name.as_str()))
}

fn print_report(report: &Report, person: &str) -> ExitCode {
    for file in &report.files {
        outln!("{:<32} {}", file.name, outcome(file));
        for (reason, rows) in file.rejected.iter().take(REASONS) {
            outln!("{:<32} {rows} rows rejected: {reason}", "");
        }
        if file.rejected.len() > REASONS {
            outln!("{:<32} and {} reasons more", "", file.rejected.len() - REASONS);
        }
        if !file.unknown_columns.is_empty() {
            outln!("{:<32} unknown columns, kept as text: {}", "", file.unknown_columns.join(", "));
        }
        if let Some(damage) = &file.damaged {
            outln!("{:<32} DAMAGED: {damage}; what came before is stored", "");
        }
    }
    let applied = report.documents();
    outln!(
        "{} rows of {person} read: {} new documents, {} completed, {} known already, {} rows rejected",
        report.rows(),
        applied.new,
        applied.changed,
        applied.unchanged,
        report.rejected()
    );
    if report.rejected() > 0 {
        outln!("rejected rows are kept with file, line and reason; `myhealth doctor` lists them");
    }
    if report.rejected_not_kept() > 0 {
        outln!("{} of them are too many to be kept, and are only counted", report.rejected_not_kept());
    }
    let tables = report.files.iter().filter(|file| file.collection.is_some()).count();
    if tables == 0 {
        outln!(
            "nothing in it is a table of an account export. Looked for, in the folder App Data where there is one and in \
             every folder otherwise: {}. Dates, numbers and words around these names do not matter, nor do capitals; \
             cells are separated by ; or , or tab",
            import::table_names().join(", ")
        );
    }
    if report.is_complete() && tables > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn outcome(file: &FileReport) -> String {
    match file.skipped {
        None => {
            let applied = file.documents;
            format!(
                "{} rows: {} new documents, {} completed, {} known already",
                file.rows, applied.new, applied.changed, applied.unchanged
            )
        }
        Some(skipped) if file.rows > 0 => format!("{} rows {skipped}", file.rows),
        Some(skipped) => skipped.to_string(),
    }
}
