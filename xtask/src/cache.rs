//! What is expensive to make and the same for every checkout lies outside the tree, made once per machine.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::programs;

/// Names another base folder.
pub(crate) const VARIABLE: &str = "MYHEALTH_XTASK_CACHE";

/// The folder of what is called `name` in the cache's section `kind`; `make` fills an empty folder when there is none.
///
/// The folder appears whole or not at all. Processes that need the same one at once wait for the one that makes it.
pub(crate) fn folder(kind: &str, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    folder_in(&base()?.join(kind), name, make)
}

fn base() -> Result<PathBuf> {
    if let Some(folder) = programs::variable(VARIABLE) {
        return Ok(folder.into());
    }
    let caches = programs::variable("XDG_CACHE_HOME").map(PathBuf::from);
    let caches = caches.or_else(|| Some(Path::new(&programs::variable("HOME")?).join(".cache")));
    let caches = caches
        .with_context(|| format!("no folder for caches: HOME is not set.\nWhat to do: set {VARIABLE}"))?;
    Ok(caches.join("myhealth-xtask"))
}

fn folder_in(base: &Path, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let done = base.join(name);
    if done.is_dir() {
        return Ok(done);
    }
    let context = || format!("cannot write {} ({VARIABLE} names another folder)", base.display());
    fs::create_dir_all(base).with_context(context)?;
    let lock = File::create(base.join(format!("{name}.lock"))).with_context(context)?;
    lock.lock().with_context(context)?;
    if !done.is_dir() {
        // On the same file system, so that the rename is atomic; removed on failure.
        let unfinished =
            tempfile::Builder::new().prefix(".unfinished-").tempdir_in(base).with_context(context)?;
        let filled = unfinished.path().join("filled");
        fs::create_dir(&filled).with_context(context)?;
        make(&filled)?;
        fs::rename(&filled, &done).with_context(context)?;
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;

    use anyhow::bail;

    use super::*;

    #[test]
    fn failed_folder_does_not_appear_and_is_made_again() {
        let base = tempfile::tempdir().unwrap();
        let error = folder_in(base.path(), "tool-1", |folder| {
            fs::write(folder.join("half"), "")?;
            bail!("no network")
        });
        assert_eq!(error.unwrap_err().to_string(), "no network");
        assert_eq!(entries(base.path()), ["tool-1.lock"]);

        let made =
            folder_in(base.path(), "tool-1", |folder| Ok(fs::write(folder.join("whole"), "")?)).unwrap();
        assert_eq!(entries(&made), ["whole"]);
        folder_in(base.path(), "tool-1", |_| bail!("made twice")).unwrap();
    }

    #[test]
    fn folder_asked_for_at_once_is_made_once() {
        let base = tempfile::tempdir().unwrap();
        let made = AtomicU32::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    folder_in(base.path(), "tool-1", |folder| {
                        made.fetch_add(1, Ordering::Relaxed);
                        Ok(fs::write(folder.join("whole"), "")?)
                    })
                    .unwrap()
                });
            }
        });
        assert_eq!(made.into_inner(), 1);
    }

    fn entries(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}
