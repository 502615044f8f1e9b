//! The health series as scrapes see them at one moment: ready text, plain and compressed, and where each person's and
//! each collection's lines stand in it.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use domain::{Collection, Pseudonym};

use crate::block::Part;
use crate::gzip::{Deflated, Press};
use crate::table::TABLE;

/// Frames that are short on average are joined into one: fewer, longer writes.
const SHORT: usize = 4 * 1024;

/// Where a person's lines are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) block: usize,
    pub(crate) slot: usize,
}

/// A run of text with its compressed form.
#[derive(Debug)]
pub(crate) struct Piece {
    /// The text as it lies in the blocks; only compared.
    source: Vec<Bytes>,
    pub(crate) plain: Vec<Bytes>,
    pub(crate) deflated: Deflated,
}

impl Piece {
    /// Makes both forms of a text.
    pub(crate) fn new(source: Vec<Bytes>, press: &mut Press) -> Self {
        let length: usize = source.iter().map(Bytes::len).sum();
        let short = length < SHORT * source.len();
        let plain = if short { vec![source.concat().into()] } else { source.clone() };
        let deflated = press.deflate(&source);
        Self { source, plain, deflated }
    }

    /// Where its text begins in memory; the piece keeps that memory.
    pub(crate) fn address(&self) -> usize {
        address(&self.source)
    }

    /// Whether it is made of these very frames.
    pub(crate) fn is_of(&self, frames: &[Bytes]) -> bool {
        let place = |frame: &Bytes| (frame.as_ptr().addr(), frame.len());
        self.source.iter().map(place).eq(frames.iter().map(place))
    }
}

/// Where a text begins in memory.
pub(crate) fn address(frames: &[Bytes]) -> usize {
    frames.first().map_or(0, |frame| frame.as_ptr().addr())
}

/// The health series at one moment.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) pieces: Vec<Arc<Piece>>,
    blocks: Vec<Arc<Vec<Part>>>,
    names: Arc<HashMap<Pseudonym, Place>>,
}

impl Body {
    pub(crate) fn new(
        pieces: Vec<Arc<Piece>>,
        blocks: Vec<Arc<Vec<Part>>>,
        names: Arc<HashMap<Pseudonym, Place>>,
    ) -> Self {
        Self { pieces, blocks, names }
    }

    /// How many persons and series there are.
    pub(crate) fn size(&self) -> (usize, usize) {
        let lines = self.blocks.iter().flat_map(|parts| parts.iter()).map(|part| part.lines);
        (self.names.len(), lines.sum())
    }

    /// Bytes a scrape would send without the process's own metrics: plain and compressed.
    pub(crate) fn bytes(&self) -> (usize, usize) {
        let plain = self.pieces.iter().flat_map(|piece| &piece.plain).map(Bytes::len).sum();
        let deflated = self.pieces.iter().map(|piece| piece.deflated.bytes.len()).sum();
        (plain, deflated)
    }

    /// The lines of one person; `None` when nobody here is called so.
    pub(crate) fn person(&self, name: &Pseudonym, collections: &[Collection]) -> Option<Vec<Bytes>> {
        let place = self.names.get(name)?;
        Some(select(collections, |column| vec![self.blocks[place.block][column].cell(place.slot)]))
    }

    /// Everybody's lines of some collections.
    pub(crate) fn collections(&self, collections: &[Collection]) -> Vec<Bytes> {
        select(collections, |column| self.blocks.iter().map(|parts| parts[column].text.clone()).collect())
    }
}

/// The heads and texts of the columns of some collections, of all when none is named.
fn select(collections: &[Collection], texts: impl Fn(usize) -> Vec<Bytes>) -> Vec<Bytes> {
    let mut frames = Vec::new();
    let mut open = None;
    for (index, column) in TABLE.columns.iter().enumerate() {
        if !collections.is_empty() && !collections.contains(&column.collection) {
            continue;
        }
        for text in texts(index).into_iter().filter(|text| !text.is_empty()) {
            if open != Some(column.family) {
                open = Some(column.family);
                frames.push(TABLE.heads[column.family].clone());
            }
            frames.push(text);
        }
    }
    frames
}
