//! Measurements: what a number in the documentation was seen with. One file per bench; none of them is a test, because
//! how fast a machine is today proves nothing about the code.

mod api;
mod export;
mod exporter;
mod history;
mod ingest;
mod load;

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;

use crate::run;

/// Measure the product as it ships: release build, processes of their own, medians with their spread
#[derive(clap::Args)]
pub(crate) struct Args {
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

pub(crate) fn main(args: &Args) -> Result<()> {
    match &args.bench {
        Bench::Api(args) => api::main(args),
        Bench::Export(args) => export::main(args),
        Bench::Exporter(args) => exporter::main(args),
        Bench::History(args) => history::main(args),
        Bench::Ingest(args) => ingest::main(args),
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

/// Makes a program in release, as the product is, and says where it lies; `path` is that below the folder of releases.
fn build(words: &[&str], path: &str) -> Result<PathBuf> {
    let mut cargo = run::cargo(&[&["build", "--release"], words].concat());
    run::visibly(&mut cargo, "fix the build; `cargo xtask test` shows more.")?;
    Ok(run::root().join("target/release").join(path))
}
