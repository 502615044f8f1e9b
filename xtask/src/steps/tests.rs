//! All tests of the workspace, with the programs they need.

use anyhow::{Result, bail};

use crate::provision::{CURRENT_TESTS, provision, without_current};
use crate::run;

/// `complete` fails where a program is missing that Go builds; `extra` is passed on to `cargo test`.
pub(super) fn run(complete: bool, extra: &[String]) -> Result<()> {
    let provisioned = provision()?;
    let left_out = (!provisioned.has_current).then(without_current);
    if let Some(notice) = &left_out {
        if complete {
            bail!("{notice}");
        }
        eprintln!("{notice}");
    }
    let mut cargo = run::cargo(&arguments(extra, left_out.is_some()));
    cargo.envs(provisioned.variables.iter().map(|(name, value)| (name, value)));
    eprintln!("{}", run::command_line(&cargo));
    let advice = "fix the first failure; alone: `cargo xtask test --only tests -- -p CRATE TEST_NAME`.";
    run::visibly(&mut cargo, advice)?;
    if let Some(notice) = left_out {
        eprintln!("\n{notice}");
    }
    Ok(())
}

/// `--tests` means the tests of libraries, programs and `tests/`, and unlike `--lib` it fits a package without a library.
/// No doc tests: the crates are internal, and their results would hide the real ones behind "0 tests".
/// In cargo `--workspace` overrides a named package, so it is given only when none is named.
fn arguments(extra: &[String], without_current: bool) -> Vec<&str> {
    let (cargo, test) = extra.split_at(extra.iter().position(|word| word == "--").unwrap_or(extra.len()));
    let names_a_package =
        |word: &String| word.starts_with("--package") || (word.starts_with("-p") && !word.starts_with("--"));
    let mut arguments = vec!["test"];
    if !cargo.iter().any(names_a_package) {
        arguments.push("--workspace");
    }
    arguments.push("--tests");
    arguments.extend(cargo.iter().chain(test).map(String::as_str));
    if without_current {
        if test.is_empty() {
            arguments.push("--");
        }
        arguments.extend(["--skip", CURRENT_TESTS]);
    }
    arguments
}

#[cfg(test)]
mod test {
    use super::*;

    #[track_caller]
    fn check(without_current: bool, extra: &[&str], expected: &str) {
        let extra: Vec<_> = extra.iter().map(ToString::to_string).collect();
        assert_eq!(arguments(&extra, without_current).join(" "), expected);
    }

    #[test]
    fn named_package_replaces_the_workspace() {
        check(false, &[], "test --workspace --tests");
        check(false, &["upsert"], "test --workspace --tests upsert");
        check(false, &["-p", "store"], "test --tests -p store");
        check(false, &["--package=store"], "test --tests --package=store");
        check(false, &["--", "-p"], "test --workspace --tests -- -p");
    }

    #[test]
    fn tests_of_missing_programs_are_left_out() {
        check(true, &[], "test --workspace --tests -- --skip current::");
        let extra = ["-p", "app", "--", "--nocapture"];
        check(true, &extra, "test --tests -p app -- --nocapture --skip current::");
    }
}
