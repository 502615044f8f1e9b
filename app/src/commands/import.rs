//! An account export into the store, and a table of what became of each file.

use std::process::ExitCode;

use ingest::import::{self, Export, FileReport, Report};

use crate::Clock;
use crate::cli::ImportArgs;
use crate::config::Invalid;
use crate::progress;

/// Reasons printed for one file; the rest is counted.
const REASONS: usize = 5;

pub(crate) async fn import(args: ImportArgs, clock: Clock) -> anyhow::Result<ExitCode> {
    let export = Export::open(&args.file).map_err(Invalid::from)?;
    let store = super::open(&args.store).await?;
    let person = args.person.who().ensure(&store, clock()).await?;
    let bar = progress::bytes("importing", export.size());
    // A stop at any moment loses nothing: a part is stored as a whole or not at all, and what is there is kept.
    let report = import::import(&store, &person, export, clock(), |at| bar.set_position(at)).await;
    bar.finish_and_clear();
    store.close().await;
    Ok(say(&report?, person.name.as_str()))
}

fn say(report: &Report, person: &str) -> ExitCode {
    for file in &report.files {
        println!("{:<32} {}", file.name, outcome(file));
        for (reason, rows) in file.rejected.iter().take(REASONS) {
            println!("{:<32} {rows} rows put aside: {reason}", "");
        }
        if file.rejected.len() > REASONS {
            println!("{:<32} and {} reasons more", "", file.rejected.len() - REASONS);
        }
        if !file.unknown_columns.is_empty() {
            println!("{:<32} unknown columns, kept as text: {}", "", file.unknown_columns.join(", "));
        }
        if let Some(damage) = &file.damaged {
            println!("{:<32} DAMAGED: {damage}; what came before is stored", "");
        }
    }
    let applied = report.documents();
    println!(
        "{} rows of {person} read: {} new documents, {} completed, {} known already, {} rows put aside",
        report.rows(),
        applied.new,
        applied.changed,
        applied.unchanged,
        report.rejected()
    );
    if report.rejected() > 0 {
        println!("rows put aside are kept with file, line and reason; `myhealth doctor` lists them");
    }
    let tables = report.files.iter().filter(|file| file.collection.is_some()).count();
    if tables == 0 {
        println!("nothing in it is a table of an account export; is it the right file?");
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
