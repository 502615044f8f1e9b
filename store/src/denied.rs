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
        ErrorKind::ReadOnlyFilesystem => format!("it is on a read-only file system; mount a volume there, or {otherwise}"),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FULL.to_owned(),
        _ => otherwise.to_owned(),
    }
}

/// The clause for a volume without room.
pub(crate) const FULL: &str = "its volume is full; free space there or enlarge it";

#[cfg(unix)]
fn permission(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;

    let (obstacle, found) = path.ancestors().find_map(|path| Some((path, path.metadata().ok()?)))?;
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let (owner, mode) = (found.uid(), found.mode() & 0o7777);
    let place = obstacle.display();
    if owner == uid {
        return Some(format!(
            "{place} has the mode {mode:04o}, which refuses it to its owner, uid {uid}; run `chmod u+rwX {place}`"
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

    fn denied(path: &Path) -> String {
        remedy(path, &ErrorKind::PermissionDenied.into(), "choose another")
    }

    #[test]
    fn refused_path_is_explained_by_the_deepest_folder_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let uid = folder.path().metadata().unwrap().uid();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();

        let text = denied(&folder.path().join("a/b/health.db"));

        let place = folder.path().display();
        assert_eq!(
            text,
            format!("{place} has the mode 0500, which refuses it to its owner, uid {uid}; run `chmod u+rwX {place}`")
        );
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    }

    #[test]
    fn file_of_another_user_is_explained_by_both_uids() {
        let uid = rustix::process::geteuid().as_raw();
        let other = |path: &Path| path.metadata().is_ok_and(|found| found.uid() != uid);
        // Not as root, where every path of a plain system is our own.
        let Some(path) = [Path::new("/etc/passwd")].into_iter().find(|path| other(path)) else { return };
        let text = denied(path);
        assert!(text.contains("belongs to uid 0") && text.contains(&format!("`chown {uid}:")), "{text}");
    }

    #[test]
    fn other_errors_keep_their_own_remedy() {
        let path = Path::new("/tmp");
        assert_eq!(remedy(path, &ErrorKind::NotFound.into(), "choose another"), "choose another");
        assert_eq!(remedy(path, &ErrorKind::StorageFull.into(), "choose another"), FULL);
    }
}
