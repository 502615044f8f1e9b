//! A limit on what runs at a time, with a smaller one for each client or caller: the requests of one wait for each other,
//! and the rest of the limit stays free for the others.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A limit; clones share it.
#[derive(Debug)]
pub struct ConcurrencyLimit<K: Key>(Arc<Shared<K>>);

impl<K: Key> Clone for ConcurrencyLimit<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// The limit's state by client or caller.
pub trait Key: Clone + Debug + Eq + Hash {}

impl<K: Clone + Debug + Eq + Hash> Key for K {}

#[derive(Debug)]
struct Shared<K> {
    total: Arc<Semaphore>,
    per_key: usize,
    keys: Mutex<HashMap<K, Arc<Semaphore>>>,
}

impl<K> Shared<K> {
    fn keys(&self) -> MutexGuard<'_, HashMap<K, Arc<Semaphore>>> {
        // Nothing panics while it holds this lock.
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A permit; released when dropped, in the order of its fields.
#[derive(Debug)]
pub struct Permit<K: Key> {
    _total: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
    _share: Share<K>,
}

/// The permits of one key; removed with the last of them.
#[derive(Debug)]
struct Share<K: Key> {
    shared: Arc<Shared<K>>,
    key: K,
    own: Option<Arc<Semaphore>>,
}

impl<K: Key> Drop for Share<K> {
    fn drop(&mut self) {
        let mut keys = self.shared.keys();
        self.own = None;
        if keys.get(&self.key).is_some_and(|own| Arc::strong_count(own) == 1) {
            keys.remove(&self.key);
        }
    }
}

impl<K: Key> ConcurrencyLimit<K> {
    /// At most `total` at a time, of them `per_key` for one key.
    pub fn new(total: usize, per_key: usize) -> Self {
        let total = Arc::new(Semaphore::new(total));
        Self(Arc::new(Shared { total, per_key, keys: Mutex::default() }))
    }

    /// A permit, if one is free now.
    pub fn try_acquire(&self, key: K) -> Option<Permit<K>> {
        let (share, own) = self.share(key);
        let own = own.try_acquire_owned().ok()?;
        let total = self.0.total.clone().try_acquire_owned().ok()?;
        Some(Permit { _total: total, _own: own, _share: share })
    }

    /// A permit, as soon as one is free.
    pub async fn acquire(&self, key: K) -> Permit<K> {
        let (share, own) = self.share(key);
        let own = own.acquire_owned().await.expect("BUG: it is never closed");
        let total = self.0.total.clone().acquire_owned().await.expect("BUG: it is never closed");
        Permit { _total: total, _own: own, _share: share }
    }

    fn share(&self, key: K) -> (Share<K>, Arc<Semaphore>) {
        let own = self
            .0
            .keys()
            .entry(key.clone())
            .or_insert_with(|| Arc::new(Semaphore::new(self.0.per_key)))
            .clone();
        (Share { shared: self.0.clone(), key, own: Some(own.clone()) }, own)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    #[test]
    fn key_that_has_its_share_leaves_the_rest_to_others() {
        let limit = ConcurrencyLimit::new(3, 2);
        let (first, second) = (limit.try_acquire("ann").unwrap(), limit.try_acquire("ann").unwrap());
        assert!(limit.try_acquire("ann").is_none(), "ann has a share");
        let bobs = limit.try_acquire("bob").unwrap();
        assert!(limit.try_acquire("cat").is_none(), "all are taken");
        drop(first);
        let cats = limit.try_acquire("cat").unwrap();
        drop((second, bobs, cats));
        assert!(limit.0.keys().is_empty(), "no key is remembered for nothing");
    }

    #[tokio::test]
    async fn key_that_waits_for_its_own_keeps_no_other_waiting() {
        let limit = ConcurrencyLimit::new(2, 1);
        let first = limit.acquire("ann").await;
        let mut waiting: Vec<_> = (0..5).map(|_| Box::pin(limit.acquire("ann"))).collect();
        for one in &mut waiting {
            assert!(poll!(one).is_pending());
        }
        drop(limit.acquire("bob").await);
        drop(first);
        assert!(poll!(&mut waiting[0]).is_ready());
        drop(waiting);
        assert!(limit.0.keys().is_empty(), "a key that gave up waiting is forgotten too");
    }
}
