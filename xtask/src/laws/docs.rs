//! Documentation names what exists: files, units, and commands of `cargo xtask`. Commands, flags and variables of the
//! program are held by `app/src/cli/pages.rs`.

use std::fs;
use std::path::Path;

use clap::CommandFactory;

use super::repository::{files, text};
use crate::run;

/// Everything that people read before they type.
fn pages() -> Vec<(String, String)> {
    let mut pages = files("docs", &["md"]);
    pages.extend(
        ["README.md", "CONTRIBUTING.md", "UPGRADE.md", "SECURITY.md", "ARCHITECTURE.md"].map(str::to_owned),
    );
    pages.into_iter().map(|page| (page.clone(), text(&page))).collect()
}

/// The targets of links that are no addresses, as paths in the repository.
fn links(page: &str, text: &str) -> Vec<String> {
    let folder = Path::new(page).parent().unwrap();
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    let files = targets.filter(|target| !target.contains("://") && !target.starts_with(['#', '<']));
    files.map(|target| folder.join(target.split('#').next().unwrap()).display().to_string()).collect()
}

/// Spans of code that are paths below a folder of the repository. What is written in capitals or with a mark is a pattern.
fn paths(text: &str) -> Vec<String> {
    let folders: Vec<_> = fs::read_dir(run::root())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir() && entry.file_name() != "target")
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    let prose: String = text.split("```").step_by(2).collect();
    let spans = prose.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let is_path = |span: &String| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "/._-@".contains(c);
        let folder = span.split_once('/').map(|(folder, _)| folder.to_owned());
        folder.is_some_and(|folder| folders.contains(&folder)) && span.chars().all(plain)
    };
    spans.into_iter().filter(is_path).collect()
}

/// What `systemctl` and `journalctl -u` look at, and words that end like units; only those of ours.
fn units(text: &str) -> Vec<String> {
    let mut units = Vec::new();
    for line in text.lines() {
        let words: Vec<_> = line.split(|c: char| c.is_whitespace() || "`,;()|'\"".contains(c)).collect();
        let told = |at: usize| {
            let before = &words[..at];
            before.contains(&"systemctl") || before.last().is_some_and(|word| *word == "-u")
        };
        for (at, word) in words.iter().enumerate() {
            let unit = word.trim_end_matches(['.', ':']);
            let ours = unit.starts_with("myhealth") && !unit.contains('/');
            let (name, kind) = unit.rsplit_once('.').unwrap_or((unit, ""));
            if ours && (["service", "timer"].contains(&kind) || told(at)) {
                units.push(if kind == "service" { name } else { unit }.to_owned());
            }
        }
    }
    units
}

/// The units of the packages, and those that the single node's script writes.
fn unit_exists(unit: &str) -> bool {
    let packaged = match unit.split_once('@') {
        Some((name, "ingest" | "exporter" | "api" | "")) => format!("{name}@"),
        Some(_) => return false,
        None => unit.to_owned(),
    };
    let script = text("terraform/modules/single-node/setup.sh");
    run::root().join(format!("packaging/systemd/{packaged}.service")).is_file()
        || script.contains(&format!("/etc/systemd/system/{unit}"))
}

/// A file, a folder, or the number of a decision.
fn exists(path: &str) -> bool {
    let path = run::root().join(path);
    let decision = |entry: &fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        name.split_once('-').is_some_and(|(number, _)| path.file_name().is_some_and(|found| found == number))
    };
    let folder = path.parent().filter(|folder| folder.ends_with("docs/adr"));
    path.exists()
        || folder.is_some_and(|folder| fs::read_dir(folder).unwrap().any(|entry| decision(&entry.unwrap())))
}

#[test]
fn documented_files_exist() {
    let mut checked = 0;
    for (page, text) in pages() {
        for path in links(&page, &text).into_iter().chain(paths(&text)) {
            checked += 1;
            assert!(exists(&path), "{page}: {path} does not exist");
        }
    }
    assert!(checked > 200, "{checked} files were found");
}

#[test]
fn documented_units_exist() {
    let mut checked = 0;
    for (page, text) in pages() {
        for unit in units(&text) {
            checked += 1;
            assert!(unit_exists(&unit), "{page}: no unit is called {unit}");
        }
    }
    assert!(checked > 10, "{checked} units were found");
}

#[test]
fn documented_chores_exist() {
    let cli = crate::Cli::command();
    let mut checked = 0;
    for (page, text) in pages() {
        for rest in text.replace('\n', " ").split("cargo xtask ").skip(1) {
            let word = rest.split(|c: char| !c.is_ascii_lowercase() && c != '-').next().unwrap();
            if word.is_empty() {
                continue;
            }
            checked += 1;
            assert!(cli.find_subcommand(word).is_some(), "{page}: no chore is called {word}");
        }
    }
    assert!(checked > 20, "{checked} chores were found");
}

#[test]
fn verification_page_has_the_commands_that_the_release_runs() {
    let page = text("docs/verify.md");
    let script = text("packaging/release/verify.sh");
    let commands: Vec<_> = script
        .lines()
        .map(str::trim)
        .filter(|line| ["sha256sum ", "gh ", "cosign "].iter().any(|program| line.starts_with(program)))
        .collect();
    assert!(commands.len() >= 4, "{commands:?}");
    for command in commands {
        assert!(page.contains(command), "docs/verify.md lacks `{command}`");
    }
}

#[test]
fn docs_check_finds_what_does_not_exist() {
    assert_eq!(links("docs/a.md", "see [b](b.md#x) and [c](https://c.example)"), ["docs/b.md"]);
    assert_eq!(paths("`docs/nothing.md`, `alerts/*.yaml`, `FOLDER/x`, `what/ever`"), ["docs/nothing.md"]);
    let found = units(
        "`systemctl enable --now myhealth@sleep`; journalctl -u myhealth --since, myhealth-cron.service",
    );
    assert_eq!(found, ["myhealth@sleep", "myhealth", "myhealth-cron"]);
    assert_eq!(found.iter().map(|unit| unit_exists(unit)).collect::<Vec<_>>(), [false, true, false]);
}
