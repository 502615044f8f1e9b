//! Places of watchers: so many in all, and fewer for one who asks, so that nobody takes all of them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::Error;

/// All places, and who has how many of them.
pub(super) struct Places {
    in_all: usize,
    each: usize,
    taken: Mutex<HashMap<String, usize>>,
}

/// A place, given back when dropped.
pub(super) struct Place {
    of: &'static Places,
    asker: String,
}

impl Places {
    pub(super) fn new(in_all: usize, each: usize) -> Self {
        Self { in_all, each, taken: Mutex::default() }
    }

    pub(super) fn take(&'static self, asker: String) -> Result<Place, Error> {
        let mut taken = self.taken();
        let in_all: usize = taken.values().sum();
        let his = taken.get(&asker).copied().unwrap_or(0);
        if in_all >= self.in_all || his >= self.each {
            return Err(Error::Busy);
        }
        taken.insert(asker.clone(), his + 1);
        Ok(Place { of: self, asker })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.of.taken();
        let left = taken.remove(&self.asker).unwrap_or(0).saturating_sub(1);
        if left > 0 {
            taken.insert(std::mem::take(&mut self.asker), left);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    #[test]
    fn nobody_takes_every_place() {
        static PLACES: LazyLock<Places> = LazyLock::new(|| Places::new(3, 2));
        let take = |asker: &str| PLACES.take(asker.to_owned());
        let (first, second) = (take("ann").unwrap(), take("ann").unwrap());
        assert!(matches!(take("ann"), Err(Error::Busy)), "she has her share");
        let bobs = take("bob").unwrap();
        assert!(matches!(take("cat"), Err(Error::Busy)), "all are taken");
        drop(first);
        let cats = take("cat").unwrap();
        drop((second, bobs, cats));
        assert!(PLACES.taken().is_empty(), "nobody is remembered for nothing");
    }
}
