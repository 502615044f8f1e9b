//! Which processes live on an embedded database. The operating system drops a lock when its holder dies, however it
//! dies, so a process that finds the lock free knows that it is alone. Opening is one process at a time: SQLite's driver takes
//! no lock for migrations, and two processes would both apply the same one.

use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Held as long as this process may use the database.
#[derive(Debug)]
pub(crate) struct ProcessLock {
    /// Closing it ends the lock.
    lock: File,
    /// Whether no other process used the database when this one started.
    pub(crate) came_alone: bool,
    /// Held until the database is open and migrated.
    opening: Mutex<Option<File>>,
}

impl ProcessLock {
    /// Waits until no other process is opening the database, and notes this one in a file next to it. On a file system without
    /// locks no process is the first, which only means that leases of killed processes are waited for.
    pub(crate) async fn acquire(database: &Path) -> std::io::Result<Self> {
        let opening = next_to(database, "-opening")?;
        // A thread waits: another store of this process may be the one that is opening.
        let locked = tokio::task::spawn_blocking(move || {
            let _ = opening.lock();
            opening
        });
        let opening = locked.await.map_err(std::io::Error::other)?;
        let lock = next_to(database, "-alive")?;
        let came_alone = lock.try_lock().is_ok();
        Ok(Self { lock, came_alone, opening: Mutex::new(Some(opening)) })
    }

    /// Shares the lock: other processes may open the database from now on, and see that they are not alone.
    pub(crate) fn share(&self) {
        // Where locks do not work there is nothing to share.
        let _ = self.lock.lock_shared();
        drop(self.opening.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// The lock file of this ending.
fn next_to(database: &Path, ending: &str) -> std::io::Result<File> {
    let mut path = database.as_os_str().to_owned();
    path.push(ending);
    super::backend::create_file(Path::new(&path))
}
