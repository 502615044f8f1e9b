//! Whose documents a transaction changes.

use domain::Collection;
use domain::derive::companion;

/// One collection of one person.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    pub(crate) person: i64,
    pub(crate) collection: Collection,
}

impl Owner {
    /// What writers of the collection lock. Collections that are derived from one another have one lock.
    pub(crate) fn lock_name(self) -> &'static str {
        companion(self.collection).unwrap_or(self.collection).name()
    }

    /// The same person's documents of another collection.
    pub(super) fn of(self, collection: Collection) -> Self {
        Self { collection, ..self }
    }
}
