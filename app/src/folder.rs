//! Writing several files into a folder: all or none, and none that another program or a person wrote.
//!
//! What was written is listed with its SHA-256 in `.myhealth.sha256`, which `sha256sum --check` reads. A file is replaced
//! or removed only while its content is one that is listed. The list is extended before the files change and shortened
//! after, so that a run that is cut short is completed by the next one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

/// The list of what was written.
const LIST: &str = ".myhealth.sha256";

/// Files that were there before, or were edited.
#[derive(Debug, thiserror::Error)]
#[error("{} has files that this command did not write, or that were edited since: {}; nothing was written. Move them away, name another folder with --to, or replace them with --force", folder.display(), files.join(", "))]
pub(crate) struct NotOurs {
    folder: PathBuf,
    files: Vec<String>,
}

/// How many files were written, removed and left as they were.
#[derive(Debug, PartialEq)]
pub(crate) struct Written {
    pub(crate) replaced: usize,
    pub(crate) removed: usize,
    pub(crate) unchanged: usize,
}

/// Digests by path; two of a path while a run is under way.
type Digests = BTreeSet<(String, String)>;

/// Brings the folder to these files: relative paths with `/`, and texts. What an earlier run wrote and is not among them
/// is removed.
pub(crate) fn write(folder: &Path, files: &[(String, String)], force: bool) -> anyhow::Result<Written> {
    let cannot = || format!("cannot write into {}", folder.display());
    let listed = read_list(folder).with_context(cannot)?;
    let wanted: BTreeMap<&str, &str> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let gone: BTreeSet<&str> =
        listed.iter().map(|(path, _)| path.as_str()).filter(|path| !wanted.contains_key(path)).collect();

    let (mut foreign, mut changed, mut obsolete) = (Vec::new(), Vec::new(), Vec::new());
    for (&path, &text) in &wanted {
        let digest = digest_of(&folder.join(path))
            .with_context(|| format!("cannot read {}", folder.join(path).display()))?;
        match digest {
            Found::File(found) if found == digest_text(text) => continue,
            Found::Nothing => {}
            Found::File(found) if force || listed.contains(&(path.to_owned(), found.clone())) => {}
            Found::Other if force => {}
            Found::File(_) | Found::Other => foreign.push(path.to_owned()),
        }
        changed.push((path, text));
    }
    // An edited file that is no longer wanted stays.
    for path in gone {
        if let Found::File(found) = digest_of(&folder.join(path)).with_context(cannot)?
            && listed.contains(&(path.to_owned(), found))
        {
            obsolete.push(path);
        }
    }
    if !foreign.is_empty() {
        return Err(NotOurs { folder: folder.to_owned(), files: foreign }.into());
    }

    fs::create_dir_all(folder).with_context(cannot)?;
    let mut parts = Vec::new();
    for (path, text) in &changed {
        parts.push((path, stage(&folder.join(path), text).with_context(cannot)?));
    }
    let after: Digests = wanted.iter().map(|(path, text)| ((*path).to_owned(), digest_text(text))).collect();
    if after != listed {
        write_list(folder, &listed.union(&after).cloned().collect()).with_context(cannot)?;
    }
    let (replaced, removed) = (parts.len(), obsolete.len());
    for (path, part) in parts {
        part.persist(folder.join(path)).with_context(|| format!("cannot replace {path}"))?;
    }
    for path in obsolete {
        fs::remove_file(folder.join(path)).with_context(|| format!("cannot remove {path}"))?;
    }
    if after != listed {
        write_list(folder, &after).with_context(cannot)?;
    }
    Ok(Written { replaced, removed, unchanged: wanted.len() - replaced })
}

enum Found {
    Nothing,
    /// A file with this digest.
    File(String),
    /// A link, a folder, a device.
    Other,
}

fn digest_of(path: &Path) -> io::Result<Found> {
    match fs::symlink_metadata(path) {
        Ok(facts) if facts.is_file() => Ok(Found::File(digest(&fs::read(path)?))),
        Ok(_) => Ok(Found::Other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
        Err(error) => Err(error),
    }
}

fn digest_text(text: &str) -> String {
    digest(text.as_bytes())
}

fn digest(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// A file next to its place, removed when it is dropped. Other programs run as other users and read it: it holds
/// settings, no health data.
fn stage(path: &Path, text: &str) -> io::Result<NamedTempFile> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".myhealth-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o644));
    }
    let mut part = builder.tempfile_in(folder)?;
    part.write_all(text.as_bytes())?;
    part.as_file().sync_all()?;
    Ok(part)
}

/// A list that cannot be understood lists nothing: its files are then treated as another program's.
fn read_list(folder: &Path) -> io::Result<Digests> {
    let text = match fs::read_to_string(folder.join(LIST)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Digests::new()),
        Err(error) => return Err(error),
    };
    let inside =
        |path: &str| Path::new(path).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    let entry = |line: &str| {
        let (digest, path) = line.split_once("  ")?;
        (digest.len() == 64 && inside(path)).then(|| (path.to_owned(), digest.to_owned()))
    };
    Ok(text.lines().filter_map(entry).collect())
}

fn write_list(folder: &Path, digests: &Digests) -> io::Result<()> {
    let mut text = String::new();
    for (path, digest) in digests {
        text.extend([digest.as_str(), "  ", path, "\n"]);
    }
    stage(&folder.join(LIST), &text)?.persist(folder.join(LIST))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(files: &[(&str, &str)]) -> Vec<(String, String)> {
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if entry.path().is_dir() {
                names.extend(self::names(&entry.path()).into_iter().map(|inner| format!("{name}/{inner}")));
            } else {
                names.push(name);
            }
        }
        names.sort();
        names
    }

    #[test]
    fn own_files_are_replaced_and_obsolete_ones_removed() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("new/folder");
        let first =
            write(&to, &files(&[("a.yaml", "1"), ("b/c.yaml", "2"), ("d.yaml", "3")]), false).unwrap();
        assert_eq!(first, Written { replaced: 3, removed: 0, unchanged: 0 });
        let second = write(&to, &files(&[("a.yaml", "4"), ("b/c.yaml", "2")]), false).unwrap();
        assert_eq!(second, Written { replaced: 1, removed: 1, unchanged: 1 });
        assert_eq!(names(&to), [LIST, "a.yaml", "b/c.yaml"]);
        assert_eq!(fs::read_to_string(to.join("a.yaml")).unwrap(), "4");
    }

    #[test]
    fn foreign_or_edited_file_stops_the_whole_run() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path();
        write(to, &files(&[("a", "1"), ("b", "1")]), false).unwrap();
        fs::write(to.join("b"), "edited").unwrap();
        fs::write(to.join("c"), "foreign").unwrap();
        let new = files(&[("a", "2"), ("b", "2"), ("c", "2")]);
        let error = write(to, &new, false).unwrap_err();
        let NotOurs { files, .. } = error.downcast_ref().unwrap();
        assert_eq!(files, &["b", "c"]);
        let texts = || ["a", "b", "c"].map(|name| fs::read_to_string(to.join(name)).unwrap());
        assert_eq!(texts(), ["1", "edited", "foreign"]);

        write(to, &new, true).unwrap();
        assert_eq!(texts(), ["2", "2", "2"]);
    }

    #[test]
    fn edited_file_that_is_no_longer_wanted_stays() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &files(&[("a", "1"), ("b", "1")]), false).unwrap();
        fs::write(folder.path().join("b"), "edited").unwrap();
        write(folder.path(), &files(&[("a", "1")]), false).unwrap();
        assert_eq!(names(folder.path()), [LIST, "a", "b"]);
    }

    #[test]
    fn run_that_was_cut_short_is_completed() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path();
        let (old, new) = (files(&[("a", "1"), ("b", "1")]), files(&[("a", "2"), ("b", "2")]));
        write(to, &old, false).unwrap();
        // As after the list was extended and the first file replaced.
        let both = old.iter().chain(&new).map(|(path, text)| (path.clone(), digest_text(text))).collect();
        write_list(to, &both).unwrap();
        fs::write(to.join("a"), "2").unwrap();
        assert_eq!(write(to, &new, false).unwrap(), Written { replaced: 1, removed: 0, unchanged: 1 });
        assert_eq!(read_list(to).unwrap().len(), 2);
    }

    #[test]
    fn failure_leaves_no_parts() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path();
        fs::write(to.join("b"), "a file where a folder is wanted").unwrap();
        assert!(write(to, &files(&[("a", "1"), ("b/c", "1")]), true).is_err());
        assert_eq!(names(to), ["b"]);
    }

    #[test]
    fn list_with_a_path_outside_of_the_folder_removes_nothing_there() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("to");
        write(&to, &files(&[("a", "1")]), false).unwrap();
        fs::write(folder.path().join("outside"), "x").unwrap();
        let mut list = fs::read_to_string(to.join(LIST)).unwrap();
        list.extend([digest_text("x").as_str(), "  ../outside\n"]);
        fs::write(to.join(LIST), list).unwrap();
        write(&to, &files(&[("a", "2")]), false).unwrap();
        assert!(folder.path().join("outside").exists());
    }
}
