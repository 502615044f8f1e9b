//! The text at one moment: ready to send, and where each slot's and each column's lines are in it.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::block::Column;
use crate::gzip;
use crate::text::{Chunk, Position, Segment};
use crate::{Schema, Slot};

/// The text at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    pub(crate) segments: Vec<Arc<Segment>>,
    lines: usize,
    blocks: Vec<Arc<Vec<Column>>>,
    schema: Arc<Schema>,
}

impl Snapshot {
    pub(crate) fn new(
        segments: Vec<Arc<Segment>>,
        lines: usize,
        blocks: Vec<Arc<Vec<Column>>>,
        schema: Arc<Schema>,
    ) -> Self {
        Self { segments, lines, blocks, schema }
    }

    /// How many lines it has besides the heads.
    pub fn lines(&self) -> usize {
        self.lines
    }

    /// Its size in bytes, plain and compressed; the compressed size is without head and tail of the stream.
    pub fn bytes(&self) -> (usize, usize) {
        let add =
            |(plain, deflated), segment: &Arc<Segment>| (plain + segment.bytes.0, deflated + segment.bytes.1);
        self.segments.iter().fold((0, 0), add)
    }

    /// The lines of one slot in the columns that `wanted` accepts, with the heads of their families.
    pub fn slot(&self, place: Slot, wanted: impl Fn(usize) -> bool) -> Vec<Bytes> {
        self.select(wanted, |column| [self.blocks[place.block][column].cell(place.slot)].into_iter())
    }

    /// All lines of the columns that `wanted` accepts, with the heads of their families.
    pub fn columns(&self, wanted: impl Fn(usize) -> bool) -> Vec<Bytes> {
        self.select(wanted, |column| self.blocks.iter().map(move |block| block[column].text.clone()))
    }

    fn select<T: Iterator<Item = Bytes>>(
        &self,
        wanted: impl Fn(usize) -> bool,
        texts: impl Fn(usize) -> T,
    ) -> Vec<Bytes> {
        let mut frames = Vec::new();
        let mut open = None;
        for (column, family) in self.schema.families.iter().enumerate().filter(|(column, _)| wanted(*column))
        {
            for text in texts(column).filter(|text| !text.is_empty()) {
                if open.replace(*family) != Some(*family) {
                    frames.push(self.schema.heads[*family].clone());
                }
                frames.push(text);
            }
        }
        frames
    }

    /// The whole text in one piece.
    pub fn plain(&self) -> Vec<u8> {
        self.frames(false).concat()
    }

    /// The whole text as one gzip stream.
    pub fn gzip(&self) -> Vec<u8> {
        let crc = gzip::combine(self.segments.iter().map(|segment| segment.crc()));
        [gzip::HEAD, &self.frames(true).concat(), &gzip::tail(&crc)].concat()
    }

    fn frames(&self, gzip: bool) -> Vec<Bytes> {
        let mut position = Position::default();
        std::iter::from_fn(|| position.next(&self.segments, gzip)).collect()
    }

    /// Bytes of plain text that are not shared with another snapshot: what making this one after it has cost.
    pub fn unshared_bytes(&self, other: &Self) -> usize {
        let shared: HashSet<*const Chunk> = other.chunks().map(Arc::as_ptr).collect();
        let own = self.chunks().filter(|chunk| !shared.contains(&Arc::as_ptr(chunk)));
        own.flat_map(|chunk| &chunk.plain).map(Bytes::len).sum()
    }

    fn chunks(&self) -> impl Iterator<Item = &Arc<Chunk>> {
        self.segments.iter().flat_map(|segment| &segment.chunks)
    }
}
