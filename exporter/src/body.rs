//! The health series as scrapes see them at one moment, and where each person's lines are in them.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use domain::{Collection, Pseudonym};
use exposition::{Slot, Snapshot};

use crate::table::TABLE;

/// The health series at one moment.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) snapshot: Arc<Snapshot>,
    names: Arc<HashMap<Pseudonym, Slot>>,
}

impl Body {
    pub(crate) fn new(snapshot: Snapshot, names: Arc<HashMap<Pseudonym, Slot>>) -> Self {
        Self { snapshot: Arc::new(snapshot), names }
    }

    /// How many persons there are.
    pub(crate) fn people(&self) -> usize {
        self.names.len()
    }

    /// The lines of one person in some collections, in all when none is named; `None` when no person here has the name.
    pub(crate) fn person(&self, name: &Pseudonym, collections: &[Collection]) -> Option<Vec<Bytes>> {
        Some(self.snapshot.slot(*self.names.get(name)?, wanted(collections)))
    }

    /// The lines of all persons in some collections.
    pub(crate) fn collections(&self, collections: &[Collection]) -> Vec<Bytes> {
        self.snapshot.columns(wanted(collections))
    }
}

/// The columns of some collections, or all.
fn wanted(collections: &[Collection]) -> impl Fn(usize) -> bool {
    move |column| collections.is_empty() || collections.contains(&TABLE.columns[column].collection)
}
