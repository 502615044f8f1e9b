//! Which processes live on an embedded database. The operating system drops a lock when its holder dies, however it
//! dies, so whoever finds the lock free knows that nobody else is there.

use std::fs::File;
use std::path::Path;

/// Held as long as this process may use the database.
#[derive(Debug)]
pub(crate) struct ProcessLock {
    /// Closing it ends the lock.
    lock: File,
    /// Whether nobody else was there when this process came.
    pub(crate) came_alone: bool,
}

impl ProcessLock {
    /// Notes this process in a file beside the database. A file system without locks makes everybody come second, which
    /// only means that leases of killed processes are waited for.
    pub(crate) fn acquire(database: &Path) -> std::io::Result<Self> {
        let mut path = database.as_os_str().to_owned();
        path.push("-alive");
        let lock = super::backend::create_file(Path::new(&path))?;
        let came_alone = lock.try_lock().is_ok();
        Ok(Self { lock, came_alone })
    }

    /// From now on others are welcome, and see that somebody is there.
    pub(crate) fn share(&self) {
        // Where locks do not work there is nothing to share.
        let _ = self.lock.lock_shared();
    }
}
