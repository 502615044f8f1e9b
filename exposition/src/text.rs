//! The whole text in strips: a change makes the pieces again that hold it and the lists of their strips, and takes all
//! others from the text before. Where pieces end depends on how many persons there are, never on what the lines say, so
//! that a longer number moves nothing.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, OnceLock};

use bytes::Bytes;

use crate::block::{Block, Column};
use crate::gzip::{self, Compressor, Crc, Deflated};
use crate::table::TABLE;

/// About what a piece holds where the persons are few: long enough to compress well, short enough to be made again for
/// one person. With more than a block of them, a piece is a block's lines of one column.
pub(crate) const CHUNK_BYTES: usize = 32 * 1024;

/// A line and its part of the heads, about.
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

/// HELP and TYPE of each family.
static HEADS: LazyLock<Vec<Arc<Chunk>>> = LazyLock::new(|| {
    let mut press = Compressor::default();
    TABLE.heads.iter().map(|head| Chunk::of(vec![head.clone()], &mut press)).collect()
});

impl Chunk {
    /// Makes both forms of a text.
    pub(crate) fn of(frames: Vec<Bytes>, press: &mut Compressor) -> Arc<Self> {
        let length: usize = frames.iter().map(Bytes::len).sum();
        if length == 0 {
            return EMPTY.clone();
        }
        let deflated = press.deflate(&frames);
        let plain = if length < MIN_FRAME * frames.len() { vec![frames.concat().into()] } else { frames };
        Arc::new(Self { plain, deflated, length })
    }
}

/// One or more columns: of everybody where there is one block, one column's blocks where there are more.
#[derive(Debug, Default)]
pub(crate) struct Segment {
    /// Where there are several blocks, the head of the family or nothing, then a piece for each block.
    pub(crate) pieces: Vec<Arc<Chunk>>,
    /// Bytes, plain and compressed.
    pub(crate) bytes: (usize, usize),
    /// Of all pieces; told when a scrape asks.
    crc: OnceLock<Crc>,
}

impl Segment {
    pub(crate) fn crc(&self) -> &Crc {
        self.crc.get_or_init(|| gzip::combine(self.pieces.iter().map(|piece| &piece.deflated.crc)))
    }

    /// The same list, to be changed.
    fn again(&self) -> Self {
        Self { pieces: self.pieces.clone(), bytes: self.bytes, crc: OnceLock::new() }
    }

    fn put(&mut self, at: usize, piece: Arc<Chunk>) {
        if self.pieces.len() <= at {
            self.pieces.resize(at + 1, EMPTY.clone());
        }
        let (plain, deflated) = &mut self.bytes;
        *plain += piece.length;
        *deflated += piece.deflated.bytes.len();
        let old = std::mem::replace(&mut self.pieces[at], piece);
        *plain -= old.length;
        *deflated -= old.deflated.bytes.len();
    }
}

/// The text under construction.
#[derive(Debug)]
pub(crate) struct Text {
    strips: Vec<Arc<Segment>>,
    layout: Layout,
    /// Lines of each column.
    lines: Vec<usize>,
    /// Whether a column is its family's first with lines, as it stands in the strips.
    opens: Vec<bool>,
    /// Columns and blocks whose lines are not those in the strips.
    stale: BTreeSet<(usize, usize)>,
    press: Compressor,
}

impl Default for Text {
    fn default() -> Self {
        let columns = TABLE.columns.len();
        Self {
            strips: Vec::new(),
            layout: Layout::Blocks,
            lines: vec![0; columns],
            opens: vec![false; columns],
            stale: BTreeSet::new(),
            press: Compressor::default(),
        }
    }
}

/// What a strip is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// So many columns of the only block.
    Columns(usize),
    /// One column, block by block.
    Blocks,
}

impl Layout {
    fn of(blocks: &[Block]) -> Self {
        match blocks {
            [only] => {
                // Rounded, so that one more person seldom moves everything.
                let column = only.people.len().max(1).next_power_of_two() * LINE;
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
    /// Takes notice that a block has other lines in a column.
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
        let all = self.strips.is_empty() || layout != self.layout;
        if all {
            let last = layout.segment(TABLE.columns.len() - 1);
            self.strips = (0..=last).map(|_| Arc::default()).collect();
            self.layout = layout;
        }
        let opens = opens(&self.lines);
        let moved: Vec<usize> =
            (0..opens.len()).filter(|&column| all || opens[column] != self.opens[column]).collect();
        self.opens = opens;
        let mut stale = std::mem::take(&mut self.stale);
        if all {
            let everywhere = |block| (0..TABLE.columns.len()).map(move |column| (column, block));
            stale = (0..blocks.len()).flat_map(everywhere).collect();
        }
        match layout {
            Layout::Columns(width) => {
                let columns = stale.into_iter().map(|(column, _)| column).chain(moved);
                let strips: BTreeSet<usize> = columns.map(|column| layout.segment(column)).collect();
                for strip in strips {
                    let mut new = Segment::default();
                    new.put(0, Chunk::of(self.frames(blocks, strip * width, width), &mut self.press));
                    self.strips[strip] = Arc::new(new);
                }
            }
            Layout::Blocks => {
                let stale: Vec<(usize, usize)> = stale.into_iter().collect();
                for stale in stale.chunk_by(|one, other| one.0 == other.0) {
                    let column = stale[0].0;
                    let mut strip = self.strips[column].again();
                    for &(_, block) in stale {
                        let text = blocks[block].parts[column].text.clone();
                        strip.put(block + 1, Chunk::of(vec![text], &mut self.press));
                    }
                    self.strips[column] = Arc::new(strip);
                }
                for column in moved {
                    let head =
                        if self.opens[column] { &HEADS[TABLE.columns[column].family] } else { &*EMPTY };
                    let mut strip = self.strips[column].again();
                    strip.put(0, head.clone());
                    self.strips[column] = Arc::new(strip);
                }
            }
        }
        self.strips.clone()
    }

    /// Heads and lines of some columns of the only block.
    fn frames(&self, blocks: &[Block], first: usize, count: usize) -> Vec<Bytes> {
        let columns = first..TABLE.columns.len().min(first + count);
        let of = |column: usize| {
            let head = self.opens[column].then(|| TABLE.heads[TABLE.columns[column].family].clone());
            let texts = blocks.iter().map(move |block| block.parts[column].text.clone());
            head.into_iter().chain(texts.filter(|text| !text.is_empty()))
        };
        columns.flat_map(of).collect()
    }
}

/// Which columns are the first of their family that have lines: there the family's head stands.
fn opens(lines: &[usize]) -> Vec<bool> {
    let mut open = None;
    let opens = |(column, lines): (&crate::table::Column, &usize)| {
        *lines > 0 && open.replace(column.family) != Some(column.family)
    };
    TABLE.columns.iter().zip(lines).map(opens).collect()
}

/// How far into a text a reader is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Position {
    strip: usize,
    piece: usize,
    frame: usize,
}

impl Position {
    /// The next frame of a text.
    pub(crate) fn next(&mut self, strips: &[Arc<Segment>], gzip: bool) -> Option<Bytes> {
        loop {
            let strip = strips.get(self.strip)?;
            let Some(piece) = strip.pieces.get(self.piece) else {
                *self = Self { strip: self.strip + 1, ..Self::default() };
                continue;
            };
            let frames = if gzip { std::slice::from_ref(&piece.deflated.bytes) } else { &piece.plain };
            if let Some(frame) = frames.get(self.frame) {
                self.frame += 1;
                if !frame.is_empty() {
                    return Some(frame.clone());
                }
            } else {
                *self = Self { strip: self.strip, piece: self.piece + 1, frame: 0 };
            }
        }
    }
}
