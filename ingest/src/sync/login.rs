//! People without a log-in.

use domain::{Cause, Collection};

use super::Ingest;
use crate::failure::Failure;

impl Ingest {
    /// Whether nothing can be read before a log-in. Reported once, in the log and as every collection's reason.
    pub(crate) async fn waits_for_login(&self) -> Result<bool, store::Error> {
        if !self.client.tokens().is_login_required().await {
            return Ok(false);
        }
        let states = self.store.sync_states(self.person.id).await?;
        if !states.iter().any(|state| state.failure == Some(Cause::LoginRequired)) {
            self.note(Collection::ALL[0], &Failure::LoginRequired).await?;
        }
        Ok(true)
    }
}
