//! Which processes live on an embedded database. The operating system drops a lock when its holder dies, however it
//! dies, so a process that finds the lock free knows that it is alone.

use std::fs::File;
use std::path::Path;

/// Held as long as this process may use the database.
#[derive(Debug)]
pub(crate) struct ProcessLock {
    /// Closing it ends the lock.
    lock: File,
    /// Whether no other process used the database when this one started.
    pub(crate) came_alone: bool,
}

impl ProcessLock {
    /// Notes this process in a file next to the database. On a file system without locks no process is the first, which
    /// only means that leases of killed processes are waited for.
    pub(crate) fn acquire(database: &Path) -> std::io::Result<Self> {
        let mut path = database.as_os_str().to_owned();
        path.push("-alive");
        let lock = super::backend::create_file(Path::new(&path))?;
        let came_alone = lock.try_lock().is_ok();
        Ok(Self { lock, came_alone })
    }

    /// Shares the lock: other processes may start from now on, and see that they are not alone.
    pub(crate) fn share(&self) {
        // Where locks do not work there is nothing to share.
        let _ = self.lock.lock_shared();
    }
}
