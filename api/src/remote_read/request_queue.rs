//! How many responses are made at a time: each takes memory until its last byte is sent.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use crate::guards::Client;
use crate::guards::{ConcurrencyLimit, Permit};

use super::matcher::{Patterns, Resolved};
use super::wire::ResponseType;
use crate::error::Error;

/// Whole answers: each is held in memory until it is sent, a hundred megabytes at most. One client has all but one.
const MAX_BUFFERED: usize = 4;

/// Streams: each holds a few frames, for as long as its reader takes.
const MAX_STREAMS: usize = 16;

/// Series longer than a segment that are made or sent at a time: each is held in memory until it is sent, as much as a
/// frame may have at most. One client has all but one.
const LONG: usize = 4;

/// Requests whose regular expressions are compiled at a time: that takes all of a processor.
const COMPILING: usize = 1;

/// Questions that wait for a turn: of some dashboards that are opened at a time.
const MAX_WAITING: usize = 256;

/// How long they wait: on a small machine a dashboard's first questions take seconds. Prometheus waits a minute, and
/// the service gives up every answer that has not begun after half of one.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(25);

/// The queue of one service; clones share it.
#[derive(Clone)]
pub(super) struct RequestQueue {
    whole: ConcurrencyLimit<Client>,
    streams: ConcurrencyLimit<Client>,
    waiting: Arc<Semaphore>,
    compiling: Arc<Semaphore>,
    long: ConcurrencyLimit<Client>,
}

impl RequestQueue {
    pub(super) fn new() -> Self {
        let [whole, streams, long] = [MAX_BUFFERED, MAX_STREAMS, LONG]
            .map(|most| ConcurrencyLimit::new(most, most - most.div_ceil(4)));
        let [waiting, compiling] = [MAX_WAITING, COMPILING].map(|most| Arc::new(Semaphore::new(most)));
        Self { whole, streams, waiting, compiling, long }
    }

    /// A permit for a response of this kind, held until the response has been sent.
    pub(super) async fn take(&self, kind: ResponseType, client: Client) -> Result<Permit<Client>, Error> {
        let turns = match kind {
            ResponseType::Samples => &self.whole,
            ResponseType::StreamedXorChunks => &self.streams,
        };
        let _place = self.waiting.try_acquire().map_err(|_| Error::Busy)?;
        timeout(QUEUE_TIMEOUT, turns.acquire(client)).await.map_err(|_| Error::Busy)
    }

    /// A place among the long series, if there is one now.
    pub(super) fn try_take_long(&self, client: Client) -> Option<Permit<Client>> {
        self.long.try_acquire(client)
    }

    /// A place among the long series; its holder waits for nothing else that is counted here.
    pub(super) async fn take_long(&self, client: Client) -> Result<Permit<Client>, Error> {
        timeout(QUEUE_TIMEOUT, self.long.acquire(client)).await.map_err(|_| Error::Busy)
    }

    /// What the regular expressions of a request match, found on a thread of its own: neither the runtime's threads nor
    /// more than one processor wait for it.
    pub(super) async fn resolve(&self, patterns: Patterns, names: Vec<String>) -> Result<Resolved, Error> {
        if patterns.is_empty() {
            return Ok(Resolved::default());
        }
        let turn = wait(&self.compiling).await?;
        let (result, resolved) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let found = patterns.resolve(&names, || result.is_closed());
            // A caller that has gone reads nothing.
            let _ = result.send(found);
        });
        resolved.await.map_err(|_| Error::Panic)?
    }
}

async fn wait(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Error> {
    match timeout(QUEUE_TIMEOUT, turns.clone().acquire_owned()).await {
        Ok(Ok(turn)) => Ok(turn),
        _ => Err(Error::Busy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote_read::wire::{LabelMatcher, MatchKind, Query, ReadRequest};

    #[tokio::test(start_paused = true)]
    async fn queued_request_times_out_with_retry_after() {
        let turns = RequestQueue::new();
        for (kind, most) in
            [(ResponseType::Samples, MAX_BUFFERED), (ResponseType::StreamedXorChunks, MAX_STREAMS)]
        {
            let mut taken = Vec::new();
            let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|address| Client::of(address.parse().unwrap()));
            for _ in 0..most - most.div_ceil(4) {
                taken.push(turns.take(kind, one).await.unwrap());
            }
            assert!(matches!(turns.take(kind, one).await, Err(Error::Busy)));
            assert!(turns.take(kind, other).await.is_ok(), "another client has a turn");
            let (next, ()) = tokio::join!(turns.take(kind, one), async { drop(taken.pop()) });
            assert!(next.is_ok(), "one has ended");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn request_waits_while_another_compiles_and_only_with_patterns() {
        let turns = RequestQueue::new();
        let patterns = |kind: MatchKind| {
            let matcher =
                LabelMatcher { kind: kind as i32, name: "person".to_owned(), value: "m.".to_owned() };
            let query =
                Query { start_timestamp_ms: 0, end_timestamp_ms: 0, matchers: vec![matcher], hints: None };
            let request = ReadRequest { queries: vec![query], accepted_response_types: Vec::new() };
            Patterns::of(&request).unwrap()
        };
        let compiling = turns.compiling.clone().acquire_owned().await.unwrap();
        assert!(turns.resolve(patterns(MatchKind::Equal), Vec::new()).await.is_ok());
        assert!(matches!(turns.resolve(patterns(MatchKind::Regex), Vec::new()).await, Err(Error::Busy)));
        drop(compiling);
        assert!(turns.resolve(patterns(MatchKind::Regex), Vec::new()).await.is_ok());
    }
}
