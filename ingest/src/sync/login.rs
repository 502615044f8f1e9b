//! Waiting for somebody to log in.

use std::time::Duration;

use domain::Collection;
use store::causes;
use tokio_util::sync::CancellationToken;

use super::Ingest;
use crate::oura::Failure;

/// How often a service without a log-in looks for one that another process made.
const LOOK: Duration = Duration::from_secs(5);

impl Ingest {
    /// Returns when there is a log-in to read with, or at `stop`. Says once that it waits, in the log and as every
    /// collection's reason.
    pub(super) async fn await_login(&self, stop: &CancellationToken) {
        let mut told = false;
        while !stop.is_cancelled() && self.client.tokens().need_login().await {
            if !std::mem::replace(&mut told, true)
                && let Err(error) = self.note(Collection::ALL[0], &Failure::LoginRequired).await
            {
                tracing::error!(error = causes(&error), "cannot note that a log-in is needed");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        if told && !stop.is_cancelled() {
            tracing::info!(person = %self.person.name, "there is a log-in now");
        }
    }
}
