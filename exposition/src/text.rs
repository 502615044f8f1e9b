//! The whole text in segments of chunks: a change makes the chunks again that hold it and the lists of their segments, and takes
//! all others from the text before. Where chunks end depends on the number of slots, never on the content of lines, so that a
//! longer number moves nothing.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, OnceLock};

use bytes::Bytes;

use crate::Schema;
use crate::block::{Block, Column};
use crate::gzip::{self, Compressor, Crc, Deflated};

/// Target size of a chunk in bytes where the slots are few: long enough to compress well, short enough to be made again for
/// one slot. With more than a block of them, a chunk is a block's lines of one column.
const CHUNK_BYTES: usize = 32 * 1024;

/// Typical size of a line and its part of the heads, in bytes.
const LINE: usize = 80;

/// Frames that are short on average are joined into one: fewer, longer writes.
const MIN_FRAME: usize = 4 * 1024;

/// A run of text with its compressed form.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    pub(crate) plain: Vec<Bytes>,
    pub(crate) deflated: Deflated,
    length: usize,
}

/// No text.
static EMPTY: LazyLock<Arc<Chunk>> = LazyLock::new(Arc::default);

impl Chunk {
    /// Compresses a text.
    pub(crate) fn of(frames: Vec<Bytes>, compressor: &mut Compressor) -> Arc<Self> {
        let length: usize = frames.iter().map(Bytes::len).sum();
        if length == 0 {
            return EMPTY.clone();
        }
        let deflated = compressor.deflate(&frames);
        let plain = if length < MIN_FRAME * frames.len() { vec![frames.concat().into()] } else { frames };
        Arc::new(Self { plain, deflated, length })
    }
}

/// One or more columns: of all slots where there is one block, one column's blocks where there are more.
#[derive(Debug, Default)]
pub(crate) struct Segment {
    /// Where there are several blocks, the head of the family or nothing, then a chunk for each block.
    pub(crate) chunks: Vec<Arc<Chunk>>,
    /// Bytes, plain and compressed.
    pub(crate) bytes: (usize, usize),
    /// Of all chunks; computed at the first scrape.
    crc: OnceLock<Crc>,
}

impl Segment {
    pub(crate) fn crc(&self) -> &Crc {
        self.crc.get_or_init(|| gzip::combine(self.chunks.iter().map(|chunk| &chunk.deflated.crc)))
    }

    /// The same list, to be changed.
    fn again(&self) -> Self {
        Self { chunks: self.chunks.clone(), bytes: self.bytes, crc: OnceLock::new() }
    }

    fn put(&mut self, at: usize, chunk: Arc<Chunk>) {
        if self.chunks.len() <= at {
            self.chunks.resize(at + 1, EMPTY.clone());
        }
        let (plain, deflated) = &mut self.bytes;
        *plain += chunk.length;
        *deflated += chunk.deflated.bytes.len();
        let old = std::mem::replace(&mut self.chunks[at], chunk);
        *plain -= old.length;
        *deflated -= old.deflated.bytes.len();
    }
}

/// The text under construction.
#[derive(Debug)]
pub(crate) struct Text {
    schema: Arc<Schema>,
    /// HELP and TYPE of each family.
    heads: Vec<Arc<Chunk>>,
    segments: Vec<Arc<Segment>>,
    layout: Layout,
    /// Lines of each column.
    lines: Vec<usize>,
    /// Whether a column is its family's first with lines, as it stands in the segments.
    opens: Vec<bool>,
    /// Columns and blocks whose lines are not those in the segments.
    stale: BTreeSet<(usize, usize)>,
    compressor: Compressor,
}

impl Text {
    pub(crate) fn new(schema: Arc<Schema>) -> Self {
        let columns = schema.families.len();
        let mut compressor = Compressor::default();
        let heads = schema.heads.iter().map(|head| Chunk::of(vec![head.clone()], &mut compressor)).collect();
        Self {
            schema,
            heads,
            segments: Vec::new(),
            layout: Layout::Blocks,
            lines: vec![0; columns],
            opens: vec![false; columns],
            stale: BTreeSet::new(),
            compressor,
        }
    }

    pub(crate) fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }
}

/// What a segment contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// This number of columns of the only block.
    Columns(usize),
    /// One column, block by block.
    Blocks,
}

impl Layout {
    fn of(blocks: &[Block]) -> Self {
        match blocks {
            [only] => {
                // Rounded, so that one more slot seldom moves everything.
                let column = only.slots.max(1).next_power_of_two() * LINE;
                Self::Columns((CHUNK_BYTES / column).max(1))
            }
            _ => Self::Blocks,
        }
    }

    fn segment(self, column: usize) -> usize {
        match self {
            Self::Columns(width) => column / width,
            Self::Blocks => column,
        }
    }
}

impl Text {
    /// Records that a block has other lines in a column.
    pub(crate) fn changed(&mut self, block: usize, column: usize, old: &Column, new: &Column) {
        self.lines[column] = self.lines[column] + new.lines - old.lines;
        self.stale.insert((column, block));
    }

    /// How many lines there are besides the heads.
    pub(crate) fn lines(&self) -> usize {
        self.lines.iter().sum()
    }

    /// The text as the blocks have it now.
    pub(crate) fn segments(&mut self, blocks: &[Block]) -> Vec<Arc<Segment>> {
        let layout = Layout::of(blocks);
        let all = self.segments.is_empty() || layout != self.layout;
        if all {
            let last = layout.segment(self.schema.families.len() - 1);
            self.segments = (0..=last).map(|_| Arc::default()).collect();
            self.layout = layout;
        }
        let opens = opens(&self.schema, &self.lines);
        let moved: Vec<usize> =
            (0..opens.len()).filter(|&column| all || opens[column] != self.opens[column]).collect();
        self.opens = opens;
        let mut stale = std::mem::take(&mut self.stale);
        if all {
            let everywhere = |block| (0..self.schema.families.len()).map(move |column| (column, block));
            stale = (0..blocks.len()).flat_map(everywhere).collect();
        }
        match layout {
            Layout::Columns(width) => {
                let columns = stale.into_iter().map(|(column, _)| column).chain(moved);
                let segments: BTreeSet<usize> = columns.map(|column| layout.segment(column)).collect();
                for segment in segments {
                    let mut new = Segment::default();
                    new.put(0, Chunk::of(self.frames(blocks, segment * width, width), &mut self.compressor));
                    self.segments[segment] = Arc::new(new);
                }
            }
            Layout::Blocks => {
                let stale: Vec<(usize, usize)> = stale.into_iter().collect();
                for stale in stale.chunk_by(|one, other| one.0 == other.0) {
                    let column = stale[0].0;
                    let mut segment = self.segments[column].again();
                    for &(_, block) in stale {
                        let text = blocks[block].columns[column].text.clone();
                        segment.put(block + 1, Chunk::of(vec![text], &mut self.compressor));
                    }
                    self.segments[column] = Arc::new(segment);
                }
                for column in moved {
                    let head =
                        if self.opens[column] { &self.heads[self.schema.families[column]] } else { &*EMPTY };
                    let mut segment = self.segments[column].again();
                    segment.put(0, head.clone());
                    self.segments[column] = Arc::new(segment);
                }
            }
        }
        self.segments.clone()
    }

    /// Heads and lines of some columns of the only block.
    fn frames(&self, blocks: &[Block], first: usize, count: usize) -> Vec<Bytes> {
        let columns = first..self.schema.families.len().min(first + count);
        let of = |column: usize| {
            let head = self.opens[column].then(|| self.schema.heads[self.schema.families[column]].clone());
            let texts = blocks.iter().map(move |block| block.columns[column].text.clone());
            head.into_iter().chain(texts.filter(|text| !text.is_empty()))
        };
        columns.flat_map(of).collect()
    }
}

/// Which columns are the first of their family that have lines: there the family's head stands.
fn opens(schema: &Schema, lines: &[usize]) -> Vec<bool> {
    let mut open = None;
    let opens = |(family, lines): (&usize, &usize)| *lines > 0 && open.replace(*family) != Some(*family);
    schema.families.iter().zip(lines).map(opens).collect()
}

/// How far into a text a reader is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Position {
    segment: usize,
    chunk: usize,
    frame: usize,
}

impl Position {
    /// The next frame of a text.
    pub(crate) fn next(&mut self, segments: &[Arc<Segment>], gzip: bool) -> Option<Bytes> {
        loop {
            let segment = segments.get(self.segment)?;
            let Some(chunk) = segment.chunks.get(self.chunk) else {
                *self = Self { segment: self.segment + 1, ..Self::default() };
                continue;
            };
            let frames = if gzip { std::slice::from_ref(&chunk.deflated.bytes) } else { &chunk.plain };
            if let Some(frame) = frames.get(self.frame) {
                self.frame += 1;
                if !frame.is_empty() {
                    return Some(frame.clone());
                }
            } else {
                *self = Self { segment: self.segment, chunk: self.chunk + 1, frame: 0 };
            }
        }
    }
}
