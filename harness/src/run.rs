//! Running other programs, so that every failure says what ran, how it ended, what it printed and what to do.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Error, Result, anyhow, bail};

/// How much of a failed program's output an error carries.
const LAST_LINES: usize = 20;

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("BUG: a member lies below the root of the workspace")
}

/// Cargo in the root of the workspace, without the variables by which the outer `cargo run` describes its own package: build
/// scripts that watch them would run again, and compile again, at each change between `cargo xtask` and plain `cargo`.
pub fn cargo(arguments: &[&str]) -> Command {
    const OF_THE_PACKAGE: [&str; 4] = ["CARGO_BIN_", "CARGO_CRATE_", "CARGO_MANIFEST_", "CARGO_PKG_"];
    let mut command = Command::new("cargo");
    command.current_dir(root()).args(arguments);
    for name in crate::programs::variable_names() {
        if OF_THE_PACKAGE.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command silently and returns what it printed.
pub fn quietly(command: &mut Command, advice: &str) -> Result<String> {
    let line = command_line(command);
    let output = command.stdin(Stdio::null()).output().map_err(|error| not_started(&line, &error, advice))?;
    if !output.status.success() {
        let printed = [output.stdout, output.stderr].concat();
        let printed = last_lines(&String::from_utf8_lossy(&printed));
        bail!("`{line}` failed: {}.\nIts last lines:\n{printed}\nWhat to do: {advice}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command silently, and once more if it fails: for what comes from a network.
pub fn quietly_retried(command: &mut impl FnMut() -> Command, advice: &str) -> Result<String> {
    quietly(&mut command(), advice).or_else(|error| {
        eprintln!("{error}\ntrying once more");
        quietly(&mut command(), advice)
    })
}

/// Runs a command whose output goes straight to the terminal.
pub fn visibly(command: &mut Command, advice: &str) -> Result<()> {
    let line = command_line(command);
    let status = command.status().map_err(|error| not_started(&line, &error, advice))?;
    if !status.success() {
        bail!("`{line}` failed: {status}. Its output is above.\nWhat to do: {advice}");
    }
    Ok(())
}

/// A command as a person would type it.
pub fn command_line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(std::ffi::OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// The end of a program's output, indented.
pub fn last_lines(output: &str) -> String {
    let lines: Vec<_> = output.trim_end().lines().collect();
    let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
    last.iter().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

fn not_started(line: &str, error: &io::Error, advice: &str) -> Error {
    anyhow!("`{line}` did not start: {error}.\nWhat to do: {advice}")
}

#[cfg(test)]
pub(crate) fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_failure_has_status_output_and_advice() {
        let error = quietly(&mut shell("echo out; echo err >&2; exit 3"), "Ask a friend.").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sh -c echo out; echo err >&2; exit 3` failed: exit status: 3.\nIts last lines:\n    out\n    err\n\
             What to do: Ask a friend."
        );
    }

    #[test]
    fn missing_program_is_named() {
        let error = quietly(&mut Command::new("no-such-program"), "Install it.").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`no-such-program` did not start: No such file or directory (os error 2).\nWhat to do: Install it."
        );
    }

    #[test]
    fn failed_command_is_retried_once() {
        let scripts = ["exit 1", "echo out"];
        let mut tries = scripts.iter();
        let output = quietly_retried(&mut || shell(tries.next().unwrap()), "").unwrap();
        assert_eq!((output.as_str(), tries.len()), ("out\n", 0));

        let mut tries = ["exit 1", "exit 2", "echo out"].iter();
        let error = quietly_retried(&mut || shell(tries.next().unwrap()), "").unwrap_err();
        assert!(error.to_string().contains("exit status: 2"), "{error}");
    }

    #[test]
    fn only_last_output_lines_are_kept() {
        let long = (1..=50).map(|n| n.to_string()).collect::<Vec<_>>().join("\n");
        let last = last_lines(&long);
        assert_eq!((last.lines().count(), last.lines().next()), (LAST_LINES, Some("    31")));
    }
}
