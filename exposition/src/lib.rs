//! Prometheus text that is ready before it is requested, plain and compressed, and that costs a change what changed.
//!
//! A text has families in a fixed order ([`Schema`]), columns within them, and slots: one for each subject (person, device) whose
//! lines it holds. [`Exposition`] writes the lines of some slots again; [`Exposition::snapshot`] is the text at one moment, and
//! shares with the snapshot before whatever did not change. [`CachedText`] sends it.
//!
//! `block` keeps lines by slot, `text` cuts and compresses what is new, `gzip` joins separately compressed parts, `negotiate` decides
//! format and encoding of a response, `registry` writes counted metrics in either format.

mod block;
mod cached_text;
mod gzip;
mod negotiate;
mod registry;
mod snapshot;
mod text;

use std::sync::Arc;

use bytes::Bytes;

pub use block::SLOTS_PER_BLOCK;
pub use cached_text::CachedText;
pub use gzip::Compressor;
pub use negotiate::{Format, accepts_gzip};
pub use registry::registry_text;
pub use snapshot::Snapshot;

use block::{Block, Scratch};
use text::Text;

/// The families and columns of a text.
#[derive(Debug, Default)]
pub struct Schema {
    /// HELP and TYPE of each family, in the order of the text.
    pub heads: Vec<Bytes>,
    /// The family of each column, in rising order: a family's samples must stand together.
    pub families: Vec<usize>,
}

/// The lines of one slot, written column by column.
pub trait Lines {
    /// How many columns are written, from the first on; those behind stay as they are.
    fn columns(&self) -> usize;

    /// Appends the lines of one column, each with its end; columns come in rising order.
    fn write(&mut self, column: usize, text: &mut Vec<u8>);
}

/// The slot of one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Index of the block.
    pub block: usize,
    /// Index within the block.
    pub slot: usize,
}

/// A text under construction.
#[derive(Debug)]
pub struct Exposition {
    blocks: Vec<Block>,
    text: Text,
    scratch: Scratch,
}

impl Exposition {
    /// A text without lines.
    pub fn new(schema: Arc<Schema>) -> Self {
        Self { blocks: Vec::new(), text: Text::new(schema), scratch: Scratch::default() }
    }

    /// Adds a slot without lines behind the last one; blocks are filled in order.
    pub fn add_slot(&mut self) -> Slot {
        if self.blocks.last().is_none_or(|block| block.slots == SLOTS_PER_BLOCK) {
            self.blocks.push(Block::new(self.text.schema().families.len()));
        }
        let block = self.blocks.len() - 1;
        self.blocks[block].slots += 1;
        Slot { block, slot: self.blocks[block].slots - 1 }
    }

    /// Writes the lines of some slots of a block again, in rising order of slots, in those of `columns` (rising, too). Columns
    /// whose text is the same afterwards keep it.
    pub fn write<L: Lines>(
        &mut self,
        block: usize,
        columns: impl Iterator<Item = usize>,
        lines: &mut [(usize, L)],
    ) {
        let text = &mut self.text;
        self.blocks[block].write(&mut self.scratch, columns, lines, |column, old, new| {
            text.changed(block, column, old, new);
        });
    }

    /// The text as it is now.
    pub fn snapshot(&mut self) -> Snapshot {
        let segments = self.text.segments(&self.blocks);
        let blocks = self.blocks.iter().map(|block| block.columns.clone()).collect();
        Snapshot::new(segments, self.text.lines(), blocks, self.text.schema().clone())
    }
}

#[cfg(test)]
mod tests;
