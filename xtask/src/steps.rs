//! `cargo xtask test`: every check of this repository, cheap ones first, stopping at the first that fails.
//!
//! A step is a function, in a file of `steps/` where it is more than one call, and a row in [`STEPS`].

mod cargo;
mod helm;
mod install;
mod packages;
pub(crate) mod terraform;
mod tests;

use std::time::Instant;

use anyhow::Result;
use clap::builder::PossibleValuesParser;

use crate::{generate, queries};

/// Run every check: format, generated files, queries, Terraform, the chart, clippy, links of docstrings, and all tests
///
/// PostgreSQL, Prometheus, Alertmanager and Chromium are installed if missing (see `cargo xtask provision`), and `OpenTofu` is
/// built if it was not yet (see `cargo xtask go-tools`), which needs Go and npm. Steps run in the order
/// of their cost; the first that fails ends the run. `install` (the image and compose, really started) and `packages` (installed
/// in a container) run only when they are named. The tests come last, and their results are the last lines printed.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask test                                  everything, as in CI\n  \
    cargo xtask test --only fmt clippy                what an editor cannot do while you type\n  \
    cargo xtask test --only tests -- -p store upsert  tests of one crate whose names contain `upsert`")]
pub(crate) struct Args {
    /// Run only these steps
    #[arg(long, value_name = "STEP", num_args = 1.., value_parser = names())]
    only: Vec<String>,
    /// Fail where Go is missing, instead of leaving out the tests on current Prometheus and Alertmanager; for CI
    #[arg(long)]
    complete: bool,
    /// Passed on to `cargo test`
    #[arg(last = true, value_name = "CARGO TEST ARGUMENTS")]
    extra: Vec<String>,
}

/// A named check.
struct Step {
    name: &'static str,
    run: fn(&Args) -> Result<()>,
    /// Needs a container engine and minutes: runs only when it is named.
    only_by_name: bool,
}

impl Step {
    const fn new(name: &'static str, run: fn(&Args) -> Result<()>) -> Self {
        Self { name, run, only_by_name: false }
    }

    const fn by_name(name: &'static str, run: fn(&Args) -> Result<()>) -> Self {
        Self { name, run, only_by_name: true }
    }
}

/// The steps, in the order in which they run.
const STEPS: &[Step] = &[
    Step::new("fmt", |_| cargo::fmt()),
    Step::new("generated", |_| generate::check()),
    Step::new("queries", |_| queries::check()),
    Step::new("terraform", |_| terraform::run()),
    Step::new("helm", |_| helm::run()),
    Step::new("clippy", |_| cargo::clippy()),
    Step::new("docs", |_| cargo::docs()),
    Step::by_name("install", |_| install::run()),
    Step::by_name("packages", |_| packages::run()),
    Step::new("tests", |args| tests::run(args.complete, &args.extra)),
];

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(STEPS.iter().map(|step| step.name))
}

fn selected(only: &[String]) -> impl Iterator<Item = &'static Step> {
    STEPS.iter().filter(move |step| match only {
        [] => !step.only_by_name,
        names => names.iter().any(|name| name == step.name),
    })
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let mut steps = selected(&args.only).peekable();
    while let Some(step) = steps.next() {
        eprintln!("── {}", step.name);
        let started = Instant::now();
        (step.run)(args)?;
        // Nothing is printed after the results of the last step.
        if steps.peek().is_some() {
            eprintln!("{} ok, {:.1} s\n", step.name, started.elapsed().as_secs_f32());
        }
    }
    Ok(())
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn selected_steps_run_in_the_order_of_the_table() {
        let names = |only: &[&str]| {
            let only: Vec<_> = only.iter().map(ToString::to_string).collect();
            selected(&only).map(|step| step.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&["clippy", "fmt"]), ["fmt", "clippy"]);
        let all = names(&[]);
        assert!(all.len() >= 8 && all.last() == Some(&"tests"), "{all:?}");
        assert!(!all.contains(&"install") && names(&["install"]) == ["install"], "{all:?}");
    }
}
