//! A source file has few enough lines to be read at once.

use super::repository::{files, text};

/// Most lines of a source file, as CONTRIBUTING.md states it.
const MAX_LINES: usize = 420;

/// Files that may have more, and why.
const EXCEPTIONS: [(&str, &str); 1] = [("domain/src/collection/table.rs", "one row for each collection")];

/// Folders with files that have not been split yet.
const NOT_YET: [&str; 2] = ["api", "app"];

#[test]
fn source_file_has_few_lines() {
    let sources = files("", &["rs"]);
    assert!(sources.len() > 400, "only {} source files were found", sources.len());
    let too_long = sources.iter().filter_map(|path| {
        let lines = text(path).lines().count();
        (lines > MAX_LINES).then_some((path, lines))
    });
    let (excused, unexcused): (Vec<_>, Vec<_>) = too_long.partition(|(path, _)| {
        let folder = path.split('/').next();
        EXCEPTIONS.iter().any(|(name, _)| name == path) || NOT_YET.iter().any(|name| folder == Some(*name))
    });
    assert!(unexcused.is_empty(), "split what has more than {MAX_LINES} lines: {unexcused:?}");
    for (name, reason) in EXCEPTIONS {
        let used = excused.iter().any(|(path, _)| *path == name);
        assert!(used, "{name} ({reason}) is short enough to be no exception");
    }
}

#[test]
fn number_of_lines_is_documented() {
    let expected = format!("A source file has at most {MAX_LINES} lines");
    assert!(text("CONTRIBUTING.md").contains(&expected), "CONTRIBUTING.md does not say: {expected}");
}
