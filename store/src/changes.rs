//! Notifies the parts of this process that serve the newest values from memory when they change.

use tokio::sync::watch;

use crate::Store;
use crate::error::Result;
use crate::sql::read;
use crate::time::Time;

/// Counts the changes made through this handle.
#[derive(Debug)]
pub(crate) struct ChangeSignal(watch::Sender<u64>);

impl Default for ChangeSignal {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl ChangeSignal {
    pub(crate) fn notify(&self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }
}

impl Store {
    /// A receiver that wakes after every committed write of this process. Writes of other processes show in
    /// [`Store::watermark`].
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.0.subscribe()
    }

    /// How many writes this process has committed, or a number that tells as much.
    pub fn change_count(&self) -> u64 {
        *self.changes.0.borrow()
    }

    /// When any process last changed `latest`; one index probe.
    pub async fn watermark(&self) -> Result<Option<jiff::Timestamp>> {
        let newest: Option<Time> = read!(self, query_scalar.fetch_one, "select max(updated_at) from latest");
        Ok(newest.map(Time::get))
    }
}
