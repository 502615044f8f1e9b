//! The lines of up to [`SLOTS_PER_BLOCK`] slots, column by column. When the lines of one slot change, the columns that differ are
//! copied with the new lines in their place; the lines of other slots are not written again.

use std::sync::Arc;

use bytes::Bytes;

use crate::Lines;

/// Slots in a block. More would copy more for one change, fewer would be more chunks for a scrape.
pub const SLOTS_PER_BLOCK: usize = 256;

/// Up to [`SLOTS_PER_BLOCK`] slots.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) slots: usize,
    pub(crate) columns: Arc<Vec<Column>>,
}

/// The lines of one column.
#[derive(Clone, Debug, Default)]
pub(crate) struct Column {
    pub(crate) text: Bytes,
    /// Where each slot's lines end.
    ends: Arc<[u32]>,
    /// How many lines there are.
    pub(crate) lines: usize,
}

impl Block {
    pub(crate) fn new(columns: usize) -> Self {
        Self { slots: 0, columns: Arc::new(vec![Column::default(); columns]) }
    }

    /// Writes the given columns of some slots again, and calls `on_change(column, old, new)` for each column whose text changed.
    pub(crate) fn write<L: Lines>(
        &mut self,
        scratch: &mut Scratch,
        columns: impl Iterator<Item = usize>,
        lines: &mut [(usize, L)],
        mut on_change: impl FnMut(usize, &Column, &Column),
    ) {
        let Some(end) = lines.iter().map(|(_, lines)| lines.columns()).max() else { return };
        let slots = self.slots;
        let all = Arc::make_mut(&mut self.columns);
        for index in columns.take_while(|column| *column < end) {
            let column = &mut all[index];
            scratch.clear();
            for (slot, lines) in &mut *lines {
                lines.write(index, &mut scratch.cells);
                scratch.slots.push(*slot);
                scratch.ends.push(length(scratch.cells.len()));
            }
            if column.differs(slots, scratch) {
                let new = column.with(slots, scratch);
                on_change(index, column, &new);
                *column = new;
            }
        }
    }
}

/// Memory in which one column is written; kept, because large allocations that come and go between long-lived texts are lost.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    cells: Vec<u8>,
    /// The slots that are written, in rising order, and where the lines of each end.
    slots: Vec<usize>,
    ends: Vec<u32>,
}

impl Scratch {
    fn clear(&mut self) {
        self.cells.clear();
        self.slots.clear();
        self.ends.clear();
    }

    /// Slots and their lines.
    fn iter(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let mut from = 0;
        self.slots.iter().zip(&self.ends).map(move |(slot, end)| {
            let cell = &self.cells[from..*end as usize];
            from = *end as usize;
            (*slot, cell)
        })
    }
}

impl Column {
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

    fn differs(&self, slots: usize, written: &Scratch) -> bool {
        if written.slots.len() == slots {
            return self.text != written.cells || *self.ends != *written.ends;
        }
        self.ends.len() != slots
            || written.iter().any(|(slot, cell)| {
                let (from, to) = self.range(slot, slot + 1);
                self.text[from..to] != *cell
            })
    }

    fn with(&self, slots: usize, written: &Scratch) -> Self {
        if written.slots.len() == slots {
            return Self::new(&written.cells, &written.ends);
        }
        let capacity = self.text.len() + written.cells.len();
        let mut new =
            ColumnBuilder { old: self, text: Vec::with_capacity(capacity), ends: Vec::with_capacity(slots) };
        for (slot, cell) in written.iter() {
            new.keep_until(slot);
            new.text.extend_from_slice(cell);
            new.end();
        }
        new.keep_until(slots);
        Self::new(&new.text, &new.ends)
    }

    /// Copied to its size, because it is kept.
    fn new(text: &[u8], ends: &[u32]) -> Self {
        Self { text: Bytes::copy_from_slice(text), ends: ends.into(), lines: lines(text) }
    }
}

/// Counts line ends, in bytes as long as they can hold the count, which compiles to a few instructions.
fn lines(text: &[u8]) -> usize {
    let runs = text.chunks(usize::from(u8::MAX));
    runs.map(|run| usize::from(run.iter().map(|byte| u8::from(*byte == b'\n')).sum::<u8>())).sum()
}

/// A column under construction.
struct ColumnBuilder<'a> {
    old: &'a Column,
    text: Vec<u8>,
    ends: Vec<u32>,
}

impl ColumnBuilder<'_> {
    /// Copies the old lines of the slots before `slot`, as one run.
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
    u32::try_from(text).expect("BUG: a column of a few hundred slots is far below 4 GiB")
}
