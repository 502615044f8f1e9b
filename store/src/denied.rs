//! What to do about a file or folder that the system refuses to this process.

use std::io::{Error, ErrorKind};
use std::path::Path;

/// The reason and the remedy for `error`, met at `path`, as one clause: who owns what is in the way, as whom this process
/// runs, and the command that changes it. `otherwise` is the remedy for errors that no permission explains.
///
/// `path` may be missing; then the deepest folder above it that is there is what is in the way.
pub fn remedy(path: &Path, error: &Error, otherwise: &str) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => permission(path).unwrap_or_else(|| otherwise.to_owned()),
        ErrorKind::ReadOnlyFilesystem => {
            format!("it is on a read-only file system; mount a volume there, or {otherwise}")
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FULL.to_owned(),
        _ => otherwise.to_owned(),
    }
}

/// The clause for a volume without room.
pub(crate) const FULL: &str = "its volume is full; free space there or enlarge it";

#[cfg(unix)]
fn permission(path: &Path) -> Option<String> {
    explain(path, rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}

#[cfg(unix)]
fn explain(path: &Path, uid: u32, gid: u32) -> Option<String> {
    use std::os::unix::fs::MetadataExt;

    let (obstacle, found) = path.ancestors().find_map(|path| Some((path, path.metadata().ok()?)))?;
    let (owner, mode, place) = (found.uid(), found.mode() & 0o7777, obstacle.display());
    if owner == uid {
        return Some(format!(
            "{place} has the mode {mode:04o} and belongs to uid {uid}, as which this process runs; run `chmod u+rwX {place}`"
        ));
    }
    let recursively = if found.is_dir() { "-R " } else { "" };
    let or = if owner == 0 { String::new() } else { format!(", or run this as uid {owner}") };
    Some(format!(
        "{place} belongs to uid {owner} (mode {mode:04o}) and this process runs as uid {uid}; run `chown {recursively}{uid}:{gid} {place}`{or}"
    ))
}

#[cfg(not(unix))]
fn permission(_: &Path) -> Option<String> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    #[test]
    fn missing_path_is_explained_by_the_deepest_folder_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let (place, owner) = (folder.path().display(), folder.path().metadata().unwrap().uid());
        let or = if owner == 0 { String::new() } else { format!(", or run this as uid {owner}") };

        let text = explain(&folder.path().join("a/b/health.db"), owner + 1, 7).unwrap();

        let other = owner + 1;
        assert_eq!(
            text,
            format!(
                "{place} belongs to uid {owner} (mode 0755) and this process runs as uid {other}; run `chown -R {other}:7 {place}`{or}"
            )
        );
    }

    #[test]
    fn file_of_our_own_is_explained_by_its_mode() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o000)).unwrap();
        let text = explain(file.path(), file.path().metadata().unwrap().uid(), 7).unwrap();
        let place = file.path().display().to_string();
        assert!(
            text.starts_with(&format!("{place} has the mode 0000")) && text.contains("`chmod u+rwX"),
            "{text}"
        );
    }

    #[test]
    fn other_errors_keep_their_own_remedy() {
        let path = Path::new("/tmp");
        assert_eq!(remedy(path, &ErrorKind::NotFound.into(), "choose another"), "choose another");
        assert_eq!(remedy(path, &ErrorKind::StorageFull.into(), "choose another"), FULL);
    }
}
