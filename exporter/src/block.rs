//! Some persons' lines, column by column. When one of them changes, the columns that differ are copied with the new
//! lines in their place; nobody else's are written again.

use std::sync::Arc;

use bytes::Bytes;

use crate::person::{Cells, Person};
use crate::table::TABLE;

/// Persons in a block. More would copy more for one change, fewer would be more pieces for a scrape.
pub(crate) const PEOPLE: usize = 256;

/// Up to [`PEOPLE`] persons.
#[derive(Debug)]
pub(crate) struct Block {
    /// By slot; a slot is empty after its person was removed.
    pub(crate) people: Vec<Option<Person>>,
    /// By column.
    pub(crate) parts: Arc<Vec<Part>>,
}

/// The lines of one column.
#[derive(Clone, Debug, Default)]
pub(crate) struct Part {
    pub(crate) text: Bytes,
    /// Where each slot's lines end.
    ends: Arc<[u32]>,
    /// How many lines there are.
    pub(crate) lines: usize,
}

impl Block {
    pub(crate) fn new() -> Self {
        Self { people: Vec::new(), parts: Arc::new(vec![Part::default(); TABLE.columns.len()]) }
    }

    /// Puts the cells in their slots; slots in rising order.
    pub(crate) fn apply(&mut self, changes: &[(usize, Cells)]) {
        let slots = self.people.len();
        let Some((_, first)) = changes.first() else { return };
        let parts = Arc::make_mut(&mut self.parts);
        let mut cells = Vec::with_capacity(changes.len());
        for column in first.columns() {
            cells.clear();
            cells.extend(changes.iter().map(|(slot, cells)| (*slot, cells.get(column))));
            if parts[column].differs(slots, &cells) {
                parts[column] = parts[column].with(slots, &cells);
            }
        }
    }
}

impl Part {
    /// One slot's lines.
    pub(crate) fn cell(&self, slot: usize) -> Bytes {
        let (from, to) = self.range(slot, slot + 1);
        self.text.slice(from..to)
    }

    /// Where the lines of some slots are; slots that are not there yet have none.
    fn range(&self, from: usize, to: usize) -> (usize, usize) {
        let end = |slot: usize| match slot.min(self.ends.len()) {
            0 => 0,
            slot => self.ends[slot - 1] as usize,
        };
        (end(from), end(to))
    }

    fn differs(&self, slots: usize, cells: &[(usize, &[u8])]) -> bool {
        self.ends.len() != slots
            || cells.iter().any(|(slot, cell)| {
                let (from, to) = self.range(*slot, slot + 1);
                self.text[from..to] != **cell
            })
    }

    fn with(&self, slots: usize, cells: &[(usize, &[u8])]) -> Self {
        let old = |slot: &usize| {
            let (from, to) = self.range(*slot, slot + 1);
            to - from
        };
        let gone: usize = cells.iter().map(|(slot, _)| old(slot)).sum();
        let come: usize = cells.iter().map(|(_, cell)| cell.len()).sum();
        let mut new = Draft {
            old: self,
            text: Vec::with_capacity(self.text.len() - gone + come),
            ends: Vec::with_capacity(slots),
        };
        for (slot, cell) in cells {
            new.keep_until(*slot);
            new.text.extend_from_slice(cell);
            new.end();
        }
        new.keep_until(slots);
        #[expect(
            clippy::naive_bytecount,
            reason = "vectorised by the compiler; a crate for one loop is too much"
        )]
        let lines = new.text.iter().filter(|byte| **byte == b'\n').count();
        Self { text: new.text.into(), ends: new.ends.into(), lines }
    }
}

/// A part under construction.
struct Draft<'a> {
    old: &'a Part,
    text: Vec<u8>,
    ends: Vec<u32>,
}

impl Draft<'_> {
    /// Copies what the old part says of the slots before `slot`, as one run.
    fn keep_until(&mut self, slot: usize) {
        let first = self.ends.len();
        let (from, to) = self.old.range(first, slot);
        let start = self.text.len();
        self.text.extend_from_slice(&self.old.text[from..to]);
        for slot in first..slot {
            let (_, end) = self.old.range(slot, slot + 1);
            self.ends.push(length(start + end - from));
        }
    }

    fn end(&mut self) {
        self.ends.push(length(self.text.len()));
    }
}

fn length(text: usize) -> u32 {
    u32::try_from(text).expect("BUG: a column of a few hundred persons is far below 4 GiB")
}
