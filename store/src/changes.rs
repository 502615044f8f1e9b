//! "The newest values changed", told to whoever serves them from memory in this process.

use tokio::sync::watch;

use crate::Store;
use crate::backend::with_pool;
use crate::error::Result;

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

    /// When `latest` last changed, whoever changed it; one index probe.
    pub async fn watermark(&self) -> Result<Option<jiff::Timestamp>> {
        let newest: Option<jiff_sqlx::Timestamp> = with_pool!(self, pool => {
            sqlx::query_scalar("select max(updated_at) from latest").fetch_one(pool).await?
        });
        Ok(newest.map(jiff_sqlx::Timestamp::to_jiff))
    }
}
