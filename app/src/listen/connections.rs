//! The most connections there are at a time. When all seats are taken, who has said nothing for longest has to go: a
//! crowd that only connects cannot keep a scraper out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// The seats of one listener.
#[derive(Clone)]
pub(crate) struct Connections(Arc<Mutex<State>>);

struct State {
    free: usize,
    next: u64,
    /// Who has not yet sent a whole request, in the order of coming.
    silent: BTreeMap<u64, CancellationToken>,
}

impl Connections {
    pub(crate) fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(State { free: most, next: 0, silent: BTreeMap::new() })))
    }

    /// A seat for one more; `None` when all are taken by those who speak.
    pub(crate) fn enter(&self) -> Option<Seat> {
        let mut state = self.state();
        if state.free == 0 {
            // The seat is not free before its task has ended; until then there is one more than told.
            let (_, oldest) = state.silent.pop_first()?;
            oldest.cancel();
            state.free += 1;
        }
        state.free -= 1;
        let number = state.next;
        state.next += 1;
        let evicted = CancellationToken::new();
        state.silent.insert(number, evicted.clone());
        Some(Seat { connections: self.clone(), number, evicted, spoke: AtomicBool::new(false) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Taken by one connection until it is dropped.
pub(crate) struct Seat {
    connections: Connections,
    number: u64,
    evicted: CancellationToken,
    spoke: AtomicBool,
}

impl Seat {
    /// Told when the seat is needed for somebody else.
    pub(crate) fn evicted(&self) -> CancellationToken {
        self.evicted.clone()
    }

    /// A whole request came: the seat is kept.
    pub(crate) fn speaks(&self) {
        // The lock is taken for the first request only.
        if !self.spoke.swap(true, Ordering::Relaxed) {
            self.connections.state().silent.remove(&self.number);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.connections.state();
        state.silent.remove(&self.number);
        // An evicted seat was given away already.
        if !self.evicted.is_cancelled() {
            state.free += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_silent_has_to_go() {
        let connections = Connections::new(2);
        let scraper = connections.enter().unwrap();
        scraper.speaks();
        let first = connections.enter().unwrap();
        let second = connections.enter().unwrap();
        assert!(first.evicted().is_cancelled() && !scraper.evicted().is_cancelled());
        drop(first);
        second.speaks();
        assert!(connections.enter().is_none(), "who speaks is not sent away");
        drop(second);
        assert!(connections.enter().is_some());
    }
}
