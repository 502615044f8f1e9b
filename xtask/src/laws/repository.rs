//! The files of the repository, as the laws read them.

use std::fs;
use std::path::Path;

use crate::run;

/// The text of a file of the repository.
#[track_caller]
pub(super) fn text(path: &str) -> String {
    fs::read_to_string(run::root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files in a folder, or the file itself; by their paths in the repository, in order. Only those with one of these
/// endings, if there are any.
#[track_caller]
pub(super) fn files(path: &str, endings: &[&str]) -> Vec<String> {
    /// Built, downloaded or not ours.
    const SKIPPED: [&str; 5] = [".git", ".terraform", "corpus", "node_modules", "target"];
    fn collect(path: &Path, endings: &[&str], found: &mut Vec<String>) {
        if path.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                let entry = entry.unwrap();
                if !SKIPPED.iter().any(|name| entry.file_name() == *name) {
                    collect(&entry.path(), endings, found);
                }
            }
        } else if endings.is_empty()
            || path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known))
        {
            found.push(path.strip_prefix(run::root()).unwrap().display().to_string());
        }
    }
    let mut found = Vec::new();
    collect(&run::root().join(path), endings, &mut found);
    found.sort();
    assert!(!found.is_empty(), "{path} has no file that ends in {}", endings.join(" or "));
    found
}
