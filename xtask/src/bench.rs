//! Measurements: what a number in the documentation was seen with. One file per bench; none of them is a test, because
//! how fast a machine is today proves nothing about the code.

mod api;
mod export;
mod exporter;
mod history;
mod ingest;
mod load;

use anyhow::Result;
use clap::Subcommand;

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
