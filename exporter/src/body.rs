//! The health series as scrapes see them at one moment: ready text, plain and compressed, and where each person's and
//! each collection's lines stand in it.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use domain::{Collection, Pseudonym};

use crate::block::Column;
use crate::table::TABLE;
use crate::text::Segment;

/// Where a person's lines are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) block: usize,
    pub(crate) slot: usize,
}

/// The health series at one moment.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) strips: Vec<Arc<Segment>>,
    /// How many series there are.
    pub(crate) series: usize,
    blocks: Vec<Arc<Vec<Column>>>,
    names: Arc<HashMap<Pseudonym, Slot>>,
}

impl Body {
    pub(crate) fn new(
        strips: Vec<Arc<Segment>>,
        series: usize,
        blocks: Vec<Arc<Vec<Column>>>,
        names: Arc<HashMap<Pseudonym, Slot>>,
    ) -> Self {
        Self { strips, series, blocks, names }
    }

    /// How many persons there are.
    pub(crate) fn people(&self) -> usize {
        self.names.len()
    }

    /// Bytes a scrape would send without the process's own metrics: plain and compressed.
    pub(crate) fn bytes(&self) -> (usize, usize) {
        let add = |(plain, deflated), strip: &Arc<Segment>| (plain + strip.bytes.0, deflated + strip.bytes.1);
        self.strips.iter().fold((0, 0), add)
    }

    /// The lines of one person; `None` when nobody here is called so.
    pub(crate) fn person(&self, name: &Pseudonym, collections: &[Collection]) -> Option<Vec<Bytes>> {
        let place = self.names.get(name)?;
        Some(select(collections, |column| [self.blocks[place.block][column].cell(place.slot)].into_iter()))
    }

    /// Everybody's lines of some collections.
    pub(crate) fn collections(&self, collections: &[Collection]) -> Vec<Bytes> {
        select(collections, |column| self.blocks.iter().map(move |parts| parts[column].text.clone()))
    }
}

/// The heads and texts of the columns of some collections, of all when none is named.
fn select<T: Iterator<Item = Bytes>>(collections: &[Collection], texts: impl Fn(usize) -> T) -> Vec<Bytes> {
    let mut frames = Vec::new();
    let mut open = None;
    for (index, column) in TABLE.columns.iter().enumerate() {
        if !collections.is_empty() && !collections.contains(&column.collection) {
            continue;
        }
        for text in texts(index).filter(|text| !text.is_empty()) {
            if open != Some(column.family) {
                open = Some(column.family);
                frames.push(TABLE.heads[column.family].clone());
            }
            frames.push(text);
        }
    }
    frames
}
