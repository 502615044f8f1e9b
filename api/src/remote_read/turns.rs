//! How many answers are made at a time: each takes memory until its last byte is sent.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::wire::ResponseType;
use crate::error::Error;

/// Whole answers: each is held in memory until it is sent, a hundred megabytes at most.
const WHOLE: usize = 4;

/// Streams: each holds a few frames, for as long as its reader takes.
const STREAMS: usize = 16;

/// Questions that wait for a turn: of some dashboards that are opened at a time.
const WAITING: usize = 256;

/// How long they wait: on a small machine a dashboard's first questions take seconds. Prometheus waits a minute, and
/// the service gives up every answer that has not begun after half of one.
const PATIENCE: Duration = Duration::from_secs(25);

/// The turns of one service; clones share them.
#[derive(Clone)]
pub(super) struct Turns {
    whole: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Turns {
    pub(super) fn new() -> Self {
        let [whole, streams, waiting] = [WHOLE, STREAMS, WAITING].map(|most| Arc::new(Semaphore::new(most)));
        Self { whole, streams, waiting }
    }

    /// A turn to answer this way; whoever has it is not done before it is dropped.
    pub(super) async fn take(&self, kind: ResponseType) -> Result<OwnedSemaphorePermit, Error> {
        let turns = match kind {
            ResponseType::Samples => &self.whole,
            ResponseType::StreamedXorChunks => &self.streams,
        };
        let _place = self.waiting.try_acquire().map_err(|_| Error::Busy)?;
        match timeout(PATIENCE, turns.clone().acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(Error::Busy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_long_for_a_turn_is_told_to_come_again() {
        let turns = Turns::new();
        for (kind, most) in [(ResponseType::Samples, WHOLE), (ResponseType::StreamedXorChunks, STREAMS)] {
            let mut taken = Vec::new();
            for _ in 0..most {
                taken.push(turns.take(kind).await.unwrap());
            }
            assert!(matches!(turns.take(kind).await, Err(Error::Busy)));
            let (next, ()) = tokio::join!(turns.take(kind), async { drop(taken.pop()) });
            assert!(next.is_ok(), "one has ended");
        }
    }
}
