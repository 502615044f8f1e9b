//! The definition of done: every check of this repository, cheap ones first, stopping at the first that fails.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::provision::{CURRENT_TESTS, provision, without_current};
use crate::{generate, queries, run, terraform};

/// Run every check: format, generated files, queries, Terraform, clippy, and all tests with what they need
///
/// PostgreSQL, Prometheus, Alertmanager and Chromium are installed if missing (see `cargo xtask provision`), and `OpenTofu` is
/// built if it was not yet (see `cargo xtask go-tools`), which needs Go and npm. Steps run in the order
/// of their cost; the first that fails ends the run. The tests come last, and their results are the last lines printed.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask test                                  everything, as in CI\n  \
    cargo xtask test --only fmt clippy                what an editor cannot do while you type\n  \
    cargo xtask test --only tests -- -p store upsert  tests of one crate whose names contain `upsert`")]
pub(crate) struct Args {
    /// Run only these steps
    #[arg(long, value_name = "STEP", num_args = 1..)]
    only: Vec<Step>,
    /// Fail where Go is missing, instead of leaving out the tests on today's Prometheus and Alertmanager; for CI
    #[arg(long)]
    complete: bool,
    /// Passed on to `cargo test`
    #[arg(last = true, value_name = "CARGO TEST ARGUMENTS")]
    extra: Vec<String>,
}

/// The steps, in the order in which they run.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// `cargo fmt --all --check`
    Fmt,
    /// `cargo xtask generate --check`
    Generated,
    /// `cargo xtask lint-queries`; what it needs promtool for is in the tests
    Queries,
    /// Everything in `terraform/` and the workflows: format, validation, tests, policy scan
    Terraform,
    /// `cargo clippy --workspace --all-targets -- -D warnings`
    Clippy,
    /// `cargo test --workspace --tests`
    Tests,
}

impl Step {
    fn selected(only: &[Self]) -> impl Iterator<Item = Self> {
        Self::value_variants().iter().copied().filter(move |step| only.is_empty() || only.contains(step))
    }
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let mut done = Done::default();
    for step in Step::selected(&args.only) {
        match step {
            Step::Fmt => done.time("fmt", fmt)?,
            Step::Generated => done.time("generated", generate::check)?,
            Step::Queries => done.time("queries", queries::check)?,
            Step::Terraform => done.time("terraform", terraform::check)?,
            Step::Clippy => done.time("clippy", clippy)?,
            Step::Tests => {
                let provisioned = done.time("provision", provision)?;
                done.print();
                let left_out = (!provisioned.has_current).then(without_current);
                if let Some(words) = &left_out {
                    if args.complete {
                        bail!("{words}");
                    }
                    eprintln!("\n{words}");
                }
                let mut cargo = run::cargo(&test_arguments(&args.extra, left_out.is_some()));
                cargo.envs(provisioned.variables.iter().map(|(name, value)| (name, value)));
                eprintln!("\n── tests: {}", run::command_line(&cargo));
                let advice =
                    "mend the first failure; alone: `cargo xtask test --only tests -- -p CRATE TEST_NAME`.";
                run::visibly(&mut cargo, advice)?;
                if let Some(words) = left_out {
                    eprintln!("\n{words}");
                }
                return Ok(());
            }
        }
    }
    done.print();
    Ok(())
}

fn fmt() -> Result<()> {
    run::visibly(&mut run::cargo(&["fmt", "--all", "--check"]), "`cargo fmt --all`")
}

fn clippy() -> Result<()> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    run::visibly(
        &mut run::cargo(&arguments),
        "mend the code; an exception needs `#[expect(…, reason = \"…\")]`.",
    )
}

/// `--tests` means the tests of libraries, programs and `tests/`, and unlike `--lib` it fits a package without a library.
/// No doc tests: the crates are internal, and their results would hide the real ones behind "0 tests".
/// Cargo lets `--workspace` win over a named package, so it is given only when none is named.
fn test_arguments(extra: &[String], without_current: bool) -> Vec<&str> {
    let extra = || extra.iter().map(String::as_str);
    let names_a_package = extra()
        .take_while(|word| *word != "--")
        .any(|word| word.starts_with("--package") || (word.starts_with("-p") && !word.starts_with("--")));
    let everything = if names_a_package { None } else { Some("--workspace") };
    let separator = (without_current && !extra().any(|word| word == "--")).then_some("--");
    let skip = if without_current { &["--skip", CURRENT_TESTS][..] } else { &[] };
    ["test"]
        .into_iter()
        .chain(everything)
        .chain(["--tests"])
        .chain(extra())
        .chain(separator)
        .chain(skip.iter().copied())
        .collect()
}

/// The finished steps and how long each took.
#[derive(Default)]
struct Done(Vec<(&'static str, Duration)>);

impl Done {
    fn time<T>(&mut self, name: &'static str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        eprintln!("── {name}");
        let started = Instant::now();
        let result = step()?;
        self.0.push((name, started.elapsed()));
        Ok(result)
    }

    fn print(&self) {
        eprintln!();
        for (name, time) in &self.0 {
            eprintln!("{name:<10} ok {:>6.1} s", time.as_secs_f32());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_arguments(extra: &[&str], expected: &str) {
        let extra: Vec<_> = extra.iter().map(ToString::to_string).collect();
        assert_eq!(test_arguments(&extra, false).join(" "), expected);
    }

    #[test]
    fn named_package_replaces_the_workspace() {
        check_arguments(&[], "test --workspace --tests");
        check_arguments(&["upsert"], "test --workspace --tests upsert");
        check_arguments(&["-p", "store"], "test --tests -p store");
        check_arguments(&["--package=store"], "test --tests --package=store");
        check_arguments(&["--", "-p"], "test --workspace --tests -- -p");
    }

    #[test]
    fn only_tests_of_what_is_missing_are_left_out() {
        let check = |extra: &[&str], expected: &str| {
            let extra: Vec<_> = extra.iter().map(ToString::to_string).collect();
            assert_eq!(test_arguments(&extra, true).join(" "), expected);
        };
        check(&[], "test --workspace --tests -- --skip current::");
        check(&["-p", "app", "--", "--nocapture"], "test --tests -p app -- --nocapture --skip current::");
    }

    #[test]
    fn steps_run_in_order() {
        assert!(Step::selected(&[Step::Clippy, Step::Fmt]).eq([Step::Fmt, Step::Clippy]));
        let all = [Step::Fmt, Step::Generated, Step::Queries, Step::Terraform, Step::Clippy, Step::Tests];
        assert!(Step::selected(&[]).eq(all));
    }
}
