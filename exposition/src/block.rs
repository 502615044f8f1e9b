//! Some persons' lines, column by column. When one of them changes, the columns that differ are copied with the new
//! lines in their place; nobody else's are written again.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use crate::person::{Columns, Lines, Person};
use crate::table::TABLE;

/// Persons in a block. More would copy more for one change, fewer would be more pieces for a scrape.
pub(crate) const PEOPLE_PER_BLOCK: usize = 256;

/// Up to [`PEOPLE_PER_BLOCK`] persons.
#[derive(Debug)]
pub(crate) struct Block {
    /// By slot; a slot is empty after its person was removed.
    pub(crate) people: Vec<Option<Person>>,
    /// By column.
    pub(crate) parts: Arc<Vec<Column>>,
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
    pub(crate) fn new() -> Self {
        Self { people: Vec::new(), parts: Arc::new(vec![Column::default(); TABLE.columns.len()]) }
    }

    /// Writes the lines anew of whom `lines` says something, in `columns`, and tells `notice` each column that has others now, with
    /// the old and the new. Returns when the first of their values stops being "now".
    pub(crate) fn write<'a>(
        &'a mut self,
        room: &mut Scratch,
        columns: &Columns,
        mut lines: impl FnMut(usize, Option<&'a Person>) -> Option<Lines<'a>>,
        mut notice: impl FnMut(usize, &Column, &Column),
    ) -> Option<Timestamp> {
        let people = self.people.iter().enumerate();
        let mut changes: Vec<(usize, Lines<'_>)> =
            people.filter_map(|(slot, person)| Some((slot, lines(slot, person.as_ref())?))).collect();
        let end = changes.iter().map(|(_, lines)| lines.columns()).max()?;
        let parts = Arc::make_mut(&mut self.parts);
        for column in columns.iter().take_while(|column| *column < end) {
            let part = &mut parts[column];
            room.cells.clear();
            room.ends.clear();
            for (_, lines) in &mut changes {
                lines.write(column, &mut room.cells);
                room.ends.push(length(room.cells.len()));
            }
            let cells = Written { slots: &changes, room };
            if part.differs(self.people.len(), &cells) {
                let new = part.with(self.people.len(), &cells);
                notice(column, part, &new);
                *part = new;
            }
        }
        changes.iter().filter_map(|(_, lines)| lines.expiry()).min()
    }
}

/// Room in which one column is written; kept, because large room that comes and goes between long-lived texts is lost.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    cells: Vec<u8>,
    ends: Vec<u32>,
}

/// Some slots' lines of one column, in rising order.
struct Written<'a> {
    slots: &'a [(usize, Lines<'a>)],
    room: &'a Scratch,
}

impl Written<'_> {
    fn iter(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let mut from = 0;
        self.slots.iter().zip(&self.room.ends).map(move |((slot, _), end)| {
            let cell = &self.room.cells[from..*end as usize];
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

    fn differs(&self, slots: usize, cells: &Written<'_>) -> bool {
        if cells.slots.len() == slots {
            return self.text != cells.room.cells || *self.ends != *cells.room.ends;
        }
        self.ends.len() != slots
            || cells.iter().any(|(slot, cell)| {
                let (from, to) = self.range(slot, slot + 1);
                self.text[from..to] != *cell
            })
    }

    fn with(&self, slots: usize, cells: &Written<'_>) -> Self {
        if cells.slots.len() == slots {
            return Self::new(&cells.room.cells, &cells.room.ends);
        }
        let room = self.text.len() + cells.room.cells.len();
        let mut new =
            ColumnBuilder { old: self, text: Vec::with_capacity(room), ends: Vec::with_capacity(slots) };
        for (slot, cell) in cells.iter() {
            new.keep_until(slot);
            new.text.extend_from_slice(cell);
            new.end();
        }
        new.keep_until(slots);
        Self::new(&new.text, &new.ends)
    }

    /// Copied to its size: it stays long.
    fn new(text: &[u8], ends: &[u32]) -> Self {
        Self { text: Bytes::copy_from_slice(text), ends: ends.into(), lines: lines(text) }
    }
}

/// Counted in bytes as long as they can hold it, which the compiler makes a few instructions.
fn lines(text: &[u8]) -> usize {
    let runs = text.chunks(usize::from(u8::MAX));
    runs.map(|run| usize::from(run.iter().map(|byte| u8::from(*byte == b'\n')).sum::<u8>())).sum()
}

/// A part under construction.
struct ColumnBuilder<'a> {
    old: &'a Column,
    text: Vec<u8>,
    ends: Vec<u32>,
}

impl ColumnBuilder<'_> {
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
