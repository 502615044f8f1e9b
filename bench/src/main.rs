//! `cargo xtask bench`: the measurements behind the figures of the documentation, one file each. None of them is a test: how
//! fast a machine is today proves nothing about the code.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "results to stdout, progress to stderr")]

mod api;
mod export;
mod exporter;
mod history;
mod ingest;
mod load;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use harness::run;

/// Measure the product as it ships: release build, processes of their own, medians with their spread
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench", infer_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    Api(api::Args),
    Export(export::Args),
    Exporter(exporter::Args),
    History(history::Args),
    Ingest(ingest::Args),
}

fn main() -> ExitCode {
    let result = match &Cli::parse().bench {
        Bench::Api(args) => api::main(args),
        Bench::Export(args) => export::main(args),
        Bench::Exporter(args) => exporter::main(args),
        Bench::History(args) => history::main(args),
        Bench::Ingest(args) => ingest::main(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What is measured.
#[derive(clap::Args)]
struct Product {
    /// Measure this binary instead of building one
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
}

impl Product {
    fn path(&self) -> Result<PathBuf> {
        self.binary.clone().map_or_else(|| build(&["-p", "app"], "myhealth"), Ok)
    }
}

/// Builds a program with the release profile, as the product is; its path is `path` in the folder of releases.
fn build(words: &[&str], path: &str) -> Result<PathBuf> {
    let mut cargo = run::cargo(&[&["build", "--release"], words].concat());
    run::visibly(&mut cargo, "fix the build; `cargo xtask test` shows more.")?;
    Ok(run::root().join("target/release").join(path))
}
