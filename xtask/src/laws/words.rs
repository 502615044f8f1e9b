//! The vocabulary as tests: names and texts use the words of docs/terms.md and of the field.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::repository::{files, text};

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

/// Phrases that no text contains, as regular expressions, with what to write instead.
const OLD_PHRASES: &[(&str, &str)] = &[
    ("anew", "again, or the verb: reopened, restarted"),
    ("be it", "whether"),
    ("believed", "accepted, trusted, confirmed"),
    ("belongs? into", "belongs in"),
    ("for ever", "forever, permanently, never"),
    ("goodbye", "close, shutdown"),
    ("mend(?:ed|ing|s)?", "fix, repair, correct"),
    ("nobody", "no client, no person, none"),
    ("put aside", "rejected, quarantined"),
    ("somebody", "the actor: a client, a person, a worker"),
    ("stands? for", "is, means, is replaced by"),
    ("(?:are|is|was|were) told", "configured, notified, distinguished"),
    ("(?:unless|until|as) told", "unless configured, by default"),
    ("whoever", "the actor: the caller, a client, an operator"),
];

/// Folders that are not checked for them.
const NOT_CHECKED: &[&str] = &["api", "app", "store"];

/// Lines that contain one all the same: the file, a part of the line, and why.
const ALLOWED: &[(&str, &str, &str)] = &[];

/// A name and where it stands.
struct Declaration {
    name: String,
    place: String,
    is_test: bool,
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

/// Every old phrase, each with a group of its own.
static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
    let phrases: Vec<_> = OLD_PHRASES.iter().map(|(phrase, _)| format!("({phrase})")).collect();
    Regex::new(&format!(r"(?i)\b(?:{})\b", phrases.join("|"))).unwrap()
});

/// The sources of the workspace's members.
fn sources() -> Vec<String> {
    files("", &["rs"]).into_iter().filter(|path| !path.starts_with("fuzz/")).collect()
}

/// Where a text has an old phrase: the number of the line, the phrase and what to write instead. A phrase may go on in the
/// next line, whose indentation and signs of a comment do not count.
fn old_phrases(text: &str) -> Vec<(usize, String, &'static str)> {
    let mut joined = String::new();
    let mut starts = Vec::new();
    for line in text.lines() {
        starts.push(joined.len());
        joined += line.trim().trim_start_matches(['/', '!', '#', '*', '-', '>', '"', ' ']);
        joined.push(' ');
    }
    let found = PATTERN.captures_iter(&joined);
    found
        .map(|found| {
            let (at, new) =
                (1..).zip(OLD_PHRASES).find_map(|(n, (_, new))| Some((found.get(n)?, *new))).unwrap();
            (starts.partition_point(|start| *start <= at.start()), at.as_str().to_owned(), new)
        })
        .collect()
}

#[test]
fn names_use_the_words_of_the_field() {
    let sources = sources();
    assert!(sources.len() > 200, "only {} source files were found", sources.len());
    let complaints = |path: String| {
        let names = names(&text(&path), &path);
        names.iter().filter_map(complaint).collect::<Vec<_>>()
    };
    let complaints: Vec<_> = sources.into_iter().flat_map(complaints).collect();
    assert!(
        complaints.is_empty(),
        "{} names need the words of docs/terms.md:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}

#[test]
fn texts_use_the_words_of_the_field() {
    const ENDINGS: [&str; 19] = [
        "css", "hcl", "html", "js", "json", "md", "mjs", "rs", "sh", "sql", "tf", "tmpl", "toml", "tpl",
        "ts", "tsx", "txt", "yaml", "yml",
    ];
    let (mut complaints, mut allowed) = (Vec::new(), BTreeSet::new());
    let checked = |path: &String| {
        let folder = path.split('/').next().unwrap();
        // This file has the list of the phrases.
        !NOT_CHECKED.contains(&folder) && path != "xtask/src/laws/words.rs"
    };
    for path in files("", &ENDINGS).into_iter().filter(checked) {
        let text = text(&path);
        for (line, phrase, new) in old_phrases(&text) {
            let content = text.lines().nth(line - 1).unwrap();
            let exception = ALLOWED.iter().find(|(file, part, _)| *file == path && content.contains(part));
            match exception {
                Some(exception) => drop(allowed.insert(exception)),
                None => complaints.push(format!("{path}:{line}: `{phrase}`; write: {new}")),
            }
        }
    }
    assert!(complaints.is_empty(), "{} old phrases:\n{}", complaints.len(), complaints.join("\n"));
    let unused: Vec<_> = ALLOWED.iter().filter(|exception| !allowed.contains(exception)).collect();
    assert!(unused.is_empty(), "exceptions without a line: {unused:?}");
}

#[test]
fn old_phrases_are_found_in_comments_texts_and_across_lines() {
    let text = "//! Kept for\n//! ever, whoever asks.\nlet forever = \"Nobody is told\"; // amend\n";
    let found: Vec<_> = old_phrases(text).into_iter().map(|(line, phrase, _)| (line, phrase)).collect();
    let expected = [(1, "for ever"), (2, "whoever"), (3, "Nobody"), (3, "is told")];
    assert_eq!(found, expected.map(|(line, phrase)| (line, phrase.to_owned())));
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
