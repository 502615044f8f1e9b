//! The workspace's chores, run as `cargo xtask`: everything a laptop and the CI must do alike.
//!
//! What belongs here drives other programs (cargo, apt, PostgreSQL) or writes files of this repository. Nothing here
//! ships with the product.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool: results to stdout, progress to stderr"
)]

mod bench;
mod cache;
mod cluster;
mod contract;
mod docs;
mod folders;
mod generate;
mod go_tools;
mod helm;
mod image;
#[cfg(test)]
mod laws;
mod node;
mod package;
mod parallel;
mod perses;
mod pictures;
mod provision;
mod python;
mod queries;
mod spec_diff;
mod steps;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use harness::{apt, postgres, process, programs, run};

/// The workspace's chores. `cargo xtask test` is the whole definition of done.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", infer_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Test(steps::Args),
    Generate(generate::Args),
    LintQueries(queries::LintArgs),
    Package(package::Args),
    Perses(perses::Args),
    Pictures(pictures::Args),
    Provision(provision::Args),
    GoTools(go_tools::Args),
    Image(image::Args),
    Bench(bench::Args),
    Contract(contract::Args),
    SpecDiff(spec_diff::Args),
    Cluster(cluster::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Test(args) => steps::main(&args),
        Command::Generate(args) => generate::main(&args),
        Command::LintQueries(args) => queries::lint(&args),
        Command::Package(args) => package::main(&args),
        Command::Perses(args) => perses::main(&args),
        Command::Pictures(args) => pictures::main(&args),
        Command::Provision(args) => provision::main(&args),
        Command::GoTools(args) => go_tools::main(&args),
        Command::Image(args) => image::main(&args),
        Command::Bench(args) => bench::main(&args),
        Command::Contract(args) => contract::main(&args),
        Command::SpecDiff(args) => spec_diff::main(&args),
        Command::Cluster(args) => cluster::main(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The message says what to do; a backtrace of this program would bury it.
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn xtask_command_line_is_valid() {
        super::Cli::command().debug_assert();
    }
}
