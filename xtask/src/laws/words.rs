//! The vocabulary as a test: public names and test names use the words of docs/terms.md and of the field, not those that
//! only this project knew once.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run;

/// Words that no public name and no test name contains, with what to write instead.
const OLD_WORDS: &[(&str, &str)] = &[
    ("announcement", "webhook event"),
    ("announced", "webhook event, notified"),
    ("aside", "rejected, quarantined"),
    ("asker", "principal"),
    ("believed", "accepted, verified, confirmed"),
    ("believes", "accepts, trusts"),
    ("crew", "scheduler"),
    ("desk", "queue"),
    ("doors", "listeners"),
    ("doubted", "unconfirmed"),
    ("doubts", "unconfirmed"),
    ("goodbye", "close"),
    ("habit", "cadence"),
    ("janitor", "gc"),
    ("keeper", "reconciler"),
    ("mended", "fixed, repaired"),
    ("mends", "fixes, repairs"),
    ("nobody", "none, unknown, anonymous, no client"),
    ("patience", "timeout"),
    ("relief", "load shedder"),
    ("said", "reported"),
    ("somebody", "client, worker, replica"),
    ("strangers", "unknown callers"),
    ("tidy", "garbage collection, gc"),
    ("told", "configured, notified"),
    ("untidy", "garbage collection, gc"),
    ("vouched", "authenticated"),
    ("whatever", "any"),
    ("whoever", "the caller"),
];

/// What a test name does not begin with: it begins with its subject.
const OLD_BEGINNINGS: &[&str] = &["what_", "who_", "nobody_", "whatever_"];

/// A name and where it stands.
struct Declaration {
    name: String,
    place: String,
    is_test: bool,
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let members = fs::read_dir(run::root()).unwrap().map(|entry| entry.unwrap().path());
    for member in members.filter(|path| path.join("Cargo.toml").is_file()) {
        for part in ["src", "tests", "benches"] {
            collect(&member.join(part), &mut found);
        }
    }
    assert!(found.len() > 200, "only {} source files were found", found.len());
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The public names and the names of tests in a source file.
fn names(text: &str, place: &str) -> Vec<Declaration> {
    const KINDS: [&str; 8] = ["fn", "struct", "enum", "trait", "type", "const", "static", "mod"];
    let mut found = Vec::new();
    let mut is_test = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with("#[") {
            is_test |= line == "#[test]" || line.starts_with("#[tokio::test");
            continue;
        }
        let words: Vec<_> =
            line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect();
        let kind = words.iter().position(|word| KINDS.contains(word));
        let is_public = line.starts_with("pub");
        if let Some(name) = kind.filter(|_| is_public || is_test).and_then(|at| words.get(at + 1)) {
            found.push(Declaration {
                name: (*name).to_owned(),
                place: format!("{place}:{}", number + 1),
                is_test,
            });
        }
        if !line.is_empty() && !line.starts_with("//") {
            is_test = false;
        }
    }
    found
}

/// The words of a name in either spelling, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut after_lower = false;
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && after_lower) {
            words.push(String::new());
        }
        after_lower = c.is_lowercase();
        words.last_mut().expect("BUG: never empty").extend(c.to_lowercase().filter(|c| *c != '_'));
    }
    words
}

fn complaint(Declaration { name, place, is_test }: &Declaration) -> Option<String> {
    if *is_test && OLD_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) {
        return Some(format!("{place}: `{name}` does not begin with its subject"));
    }
    let words = words(name);
    let (old, new) = OLD_WORDS.iter().find(|(old, _)| words.iter().any(|word| word == old))?;
    Some(format!("{place}: `{name}` has the word {old}; write: {new}"))
}

#[test]
fn names_use_the_words_of_the_field() {
    let mut complaints = Vec::new();
    for path in sources() {
        let place = path.strip_prefix(run::root()).unwrap().display().to_string();
        let text = fs::read_to_string(&path).unwrap();
        complaints.extend(names(&text, &place).iter().filter_map(complaint));
    }
    assert!(
        complaints.is_empty(),
        "{} names need the words of docs/terms.md:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}

#[test]
fn old_words_are_found_in_types_functions_and_tests() {
    let text = "pub(crate) struct OldCrew;\n/// Doc.\npub async fn take_relief(x: u8) {}\n#[test]\nfn what_is() {}\n\
                #[tokio::test]\n#[expect(x)]\nasync fn lease_is_told() {}\nfn nobody() {}\npub struct Holder;\n";
    let found: Vec<_> = names(text, "a.rs").iter().filter_map(complaint).collect();
    assert_eq!(
        found,
        [
            "a.rs:1: `OldCrew` has the word crew; write: scheduler",
            "a.rs:3: `take_relief` has the word relief; write: load shedder",
            "a.rs:5: `what_is` does not begin with its subject",
            "a.rs:8: `lease_is_told` has the word told; write: configured, notified",
        ]
    );
}
