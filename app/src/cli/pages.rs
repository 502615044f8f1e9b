//! What the pages tell people to type exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};

use super::Cli;

/// The README, the guide for contributors, everything in `docs`, and what sets machines up in `terraform`.
fn pages() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut pages = documents(root);
    configurations(&root.join("terraform"), &mut pages);
    pages
}

/// Scripts and configurations of a folder: all of one is code.
fn configurations(folder: &Path, into: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        if path.is_dir() {
            configurations(&path, into);
        } else if kind == "md" {
            into.push((path.clone(), fs::read_to_string(path).unwrap()));
        } else if ["hcl", "sh", "tf"].contains(&kind) {
            into.push((path.clone(), format!("```\n{}\n```", fs::read_to_string(path).unwrap())));
        }
    }
}

fn documents(root: &Path) -> Vec<(PathBuf, String)> {
    let docs = ["docs", "docs/install"].map(|folder| fs::read_dir(root.join(folder)).unwrap());
    let docs = docs.into_iter().flatten().map(|entry| entry.unwrap().path());
    let docs = docs.filter(|path| path.extension().is_some_and(|kind| kind == "md"));
    let named = ["README.md", "CONTRIBUTING.md", "UPGRADE.md", "SECURITY.md"].map(|name| root.join(name));
    docs.chain(named).map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// Commands of ours in blocks of code and in spans, as words.
fn commands(page: &str) -> Vec<Vec<String>> {
    let mut lines: Vec<String> = Vec::new();
    for (at, part) in page.replace("\\\n", " ").split("```").enumerate() {
        if at % 2 == 1 {
            lines.extend(part.lines().map(str::to_owned));
        } else {
            lines.extend(part.split('`').skip(1).step_by(2).map(|span| span.replace('\n', " ")));
        }
    }
    let command = |line: &String| {
        // The package's wrapper takes the same words.
        let line = line.split(" #").next().unwrap_or_default().replace("myhealth-admin ", "myhealth ");
        let (before, rest) = line.split_once("myhealth ")?;
        // A program, and not a word of a path, a name or a sentence.
        let folder = ["bin/", "./", "dist/", "release/"].iter().any(|folder| before.ends_with(folder));
        let begins = before.is_empty() || before.ends_with(['(', ' ']) || folder;
        // There it is the name of a service, among others.
        let begins = begins && !before.contains("docker compose up");
        // Of `journalctl -u myhealth` it is the service that is meant.
        let begins = begins && rest.starts_with(char::is_alphabetic);
        let rest = rest.split(['|', ')', ';', '<', '>', '&']).next().unwrap_or_default();
        let words = rest.split_whitespace().filter(|word| *word != "…");
        begins.then(|| words.map(str::to_owned).collect())
    };
    lines.iter().filter_map(command).collect()
}

/// What of a command's words does not exist.
fn unknown(words: &[String]) -> Option<String> {
    let cli = Cli::command();
    let mut command: &Command = &cli;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Some(flag) = word.strip_prefix("--") {
            let (flag, value) =
                flag.split_once('=').map_or((flag, None), |(flag, value)| (flag, Some(value)));
            let mut known = command.get_arguments().chain(cli.get_arguments());
            match known.find(|argument| {
                argument.get_long() == Some(flag)
                    || argument.get_visible_aliases().unwrap_or_default().contains(&flag)
            }) {
                Some(argument) if value.is_none() && argument.get_action().takes_values() => {
                    words.next();
                }
                None if !["", "help", "version"].contains(&flag) => {
                    return Some(format!("--{flag} of `{}`", command.get_name()));
                }
                _ => {}
            }
        } else if let Some(inner) = command.find_subcommand(word) {
            command = inner;
        } else if command.has_subcommands() {
            return Some(format!("`{word}` of `{}`", command.get_name()));
        }
    }
    None
}

fn variables(command: &Command, into: &mut BTreeSet<String>) {
    let names = command.get_arguments().filter_map(|argument| argument.get_env()?.to_str());
    into.extend(names.map(str::to_owned));
    for inner in command.get_subcommands() {
        variables(inner, into);
    }
}

#[test]
fn every_documented_command_exists_with_its_flags() {
    let mut checked = 0;
    for (page, text) in pages() {
        for words in commands(&text) {
            checked += 1;
            assert_eq!(unknown(&words), None, "{}: myhealth {}", page.display(), words.join(" "));
        }
    }
    assert!(checked > 50, "{checked} commands were found");
}

#[test]
fn every_documented_variable_is_read() {
    let mut known = BTreeSet::new();
    variables(&Cli::command(), &mut known);
    // Compose has variables of its own.
    let compose = include_str!("../../../compose.yaml").split("${").skip(1);
    known.extend(compose.filter_map(|rest| Some(rest.split(['}', ':']).next()?.to_owned())));
    let mut checked = 0;
    for (page, text) in pages() {
        let is_word = |c: char| c.is_ascii_uppercase() || c == '_';
        let names = text.split(|c| !is_word(c)).filter(|word| word.starts_with("MYHEALTH_"));
        // `cargo xtask` reads those.
        for name in
            names.filter(|name| !name.starts_with("MYHEALTH_TEST_") && !name.starts_with("MYHEALTH_XTASK_"))
        {
            checked += 1;
            assert!(known.contains(name), "{}: {name}", page.display());
        }
    }
    assert!(checked > 5, "{checked} variables were found");
}

#[test]
fn commands_and_variables_of_the_single_nodes_script_are_checked() {
    let pages = pages();
    let (_, script) = pages.iter().find(|(path, _)| path.ends_with("single-node/setup.sh")).unwrap();
    let found: Vec<_> = commands(script).into_iter().map(|words| words[0].clone()).collect();
    assert!(found.contains(&"serve".to_owned()) && found.contains(&"account".to_owned()), "{found:?}");
    assert!(script.contains("MYHEALTH_API_LISTEN_ADDRESS"));
}

#[test]
fn undocumented_word_check_finds_unknown_words() {
    let found = |line: &str| commands(line).iter().find_map(|words| unknown(words));
    assert_eq!(found("`myhealth serve --roles api --shrad 0/3`").as_deref(), Some("--shrad of `serve`"));
    assert_eq!(found("```sh\nTOKEN=$(myhealth token make x)\n```").as_deref(), Some("`make` of `token`"));
    assert_eq!(found("myhealth is no command here; `myhealth serve \\\n  --roles api`"), None);
}
