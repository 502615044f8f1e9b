//! Committed files that follow from code: written by `cargo xtask generate`, held to it by `--check`.
//! Their content is decided in the module that renders them ([`docs`]), not here.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use mixin::Config;

use crate::steps::terraform;
use crate::{docs, helm, run};

/// Write the files that follow from code, such as docs/metrics.md
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail and show the difference if a file is not what it should be
    #[arg(long)]
    check: bool,
}

/// One generated file.
struct Generated {
    /// From the root of the repository.
    path: &'static str,
    /// The whole file. Its first line says that it is generated and by which command, where the format has comments.
    render: fn() -> Result<String>,
}

const FILES: &[Generated] = &[
    Generated { path: "docs/metrics.md", render: || Ok(docs::metrics()) },
    Generated { path: "docs/service-metrics.md", render: || Ok(mixin::service_metrics_page()) },
    Generated { path: "docs/failures.md", render: || Ok(docs::failures()) },
    Generated { path: "docs/terraform-cost.md", render: terraform::cost::page },
    Generated { path: "api/openapi.json", render: || product("openapi") },
    Generated { path: "docs/configuration.md", render: || product("reference") },
];

/// The API's description comes from its handlers, and the reference of settings from the flags: the product prints both.
fn product(command: &str) -> Result<String> {
    let mut product = run::cargo(&["run", "--quiet", "--package", "app", "--", command]);
    run::quietly(&mut product, "fix the build; then `cargo xtask generate`")
}

pub(crate) fn main(args: &Args) -> Result<()> {
    if args.check { check() } else { write() }
}

/// Every generated file: its path and its text.
fn files() -> Result<Vec<(String, String)>> {
    let single = FILES.iter().map(|file| Ok((file.path.to_owned(), (file.render)()?)));
    let mixin = mixin::files(&Config::default()).into_iter().map(Ok);
    single.chain(mixin).chain(helm::files()?.into_iter().map(Ok)).collect()
}

/// Fails when a file differs from what the code says.
pub(crate) fn check() -> Result<()> {
    let mut differences = Vec::new();
    for (path, wanted) in files()? {
        let found = read(&run::root().join(&path));
        differences.extend(difference(&path, &found, &wanted));
    }
    if !differences.is_empty() {
        bail!(
            "generated files are out of date.\n{}\nWhat to do: `cargo xtask generate`",
            differences.join("\n")
        );
    }
    Ok(())
}

fn write() -> Result<()> {
    for (name, wanted) in files()? {
        let path = run::root().join(&name);
        if read(&path) != wanted {
            write_file(&path, &wanted).with_context(|| format!("cannot write {name}"))?;
            println!("wrote {name}");
        }
    }
    Ok(())
}

fn write_file(path: &Path, text: &str) -> std::io::Result<()> {
    fs::create_dir_all(path.parent().expect("BUG: a file lies in a folder"))?;
    fs::write(path, text)
}

/// A file that is not there, or not text, differs from everything that we would write.
fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// How many lines of each side a difference shows.
const SHOWN: usize = 5;

/// The first place where a file differs, short enough to read in a log.
fn difference(path: &str, found: &str, wanted: &str) -> Option<String> {
    if found == wanted {
        return None;
    }
    let (found, wanted): (Vec<_>, Vec<_>) = (found.lines().collect(), wanted.lines().collect());
    let same = found.iter().zip(&wanted).take_while(|(one, other)| one == other).count();
    let (found, wanted) = (&found[same..], &wanted[same..]);
    let same_end =
        found.iter().rev().zip(wanted.iter().rev()).take_while(|(one, other)| one == other).count();
    let (found, wanted) = (&found[..found.len() - same_end], &wanted[..wanted.len() - same_end]);

    let mut lines = vec![format!("{path}, line {}:", same + 1)];
    for (sign, side) in [('-', found), ('+', wanted)] {
        lines.extend(side.iter().take(SHOWN).map(|line| format!("{sign} {line}")));
        if let Some(more) = side.len().checked_sub(SHOWN).filter(|&more| more > 0) {
            lines.push(format!("{sign} … {more} more"));
        }
    }
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_files_name_their_command() {
        let paths = FILES.iter().map(|file| file.path.to_owned());
        for path in paths.chain(mixin::files(&Config::default()).into_iter().map(|(path, _)| path)) {
            let text = read(&run::root().join(&path));
            let first = text.lines().next().unwrap_or_default();
            // JSON has no comments; a dashboard says it in its description.
            let printed = first.contains("enerated by `cargo xtask generate`")
                || Path::new(&path).extension().is_some_and(|kind| kind == "json");
            assert!(printed, "{path}: {first}");
            assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{path}: ends in one line feed");
        }
    }

    #[test]
    fn equal_files_have_no_difference() {
        assert_eq!(difference("a.md", "one\n", "one\n"), None);
    }

    #[test]
    fn difference_names_file_line_and_both_sides() {
        let found = difference("a.md", "one\ntwo\nthree\n", "one\n2\n2.5\nthree\n");
        assert_eq!(found.as_deref(), Some("a.md, line 2:\n- two\n+ 2\n+ 2.5"));
    }

    #[test]
    fn difference_of_a_missing_file_shows_its_beginning() {
        let found = difference("a.md", "", "1\n2\n3\n4\n5\n6\n7\n8\n");
        assert_eq!(found.as_deref(), Some("a.md, line 1:\n+ 1\n+ 2\n+ 3\n+ 4\n+ 5\n+ … 3 more"));
    }

    #[test]
    fn difference_sees_a_missing_final_newline() {
        assert_eq!(difference("a.md", "one", "one\n").as_deref(), Some("a.md, line 2:"));
    }
}
