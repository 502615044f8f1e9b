//! The answer of type SAMPLES: one protocol buffer, compressed as one snappy block.
//!
//! Its messages say their length before their content, and the block says its own before both, so the plain way holds
//! everything twice. Here the content is compressed piece by piece while it comes (snappy's elements never look back
//! further than the piece they are in), and lengths are put into holes left for them, as literals.

use bytes::Bytes;
use domain::history::Labels;
use prost::encoding::{encode_varint, encoded_len_varint};
use snap::raw::{Encoder, max_compress_len};

use super::Sink;
use crate::error::Error;

/// Most samples of a response, which take the caller a hundred megabytes. Beyond it, ask for a stream or for less.
const MAX_SAMPLES: usize = 5_000_000;

/// Bytes compressed at a time: the window of snappy.
const BLOCK_BYTES: usize = 64 * 1024;

/// Most bytes of a sample with its head.
const SAMPLE: usize = 22;

/// A `ReadResponse` under construction.
pub(in crate::remote_read) struct Message {
    encoder: Encoder,
    /// What waits for its piece to be full.
    plain: Vec<u8>,
    /// Room for a piece.
    packed: Vec<u8>,
    /// Compressed pieces, and holes.
    pieces: Vec<Vec<u8>>,
    /// Length of everything, uncompressed.
    length: usize,
    samples: usize,
    /// The hole of the running result, and the length before it.
    result: Option<(usize, usize)>,
    series: Open,
}

/// The running series: waits in `bytes` while it is short, so that its length can be written first.
#[derive(Default)]
struct Open {
    bytes: Vec<u8>,
    /// Once it has grown: the hole for its length, and how much has gone before.
    hole: Option<usize>,
    gone: usize,
}

impl Message {
    pub(in crate::remote_read) fn new() -> Self {
        Self {
            encoder: Encoder::new(),
            plain: Vec::with_capacity(BLOCK_BYTES),
            packed: Vec::new(),
            pieces: Vec::new(),
            length: 0,
            samples: 0,
            result: None,
            series: Open::default(),
        }
    }

    /// The result of the next query begins.
    pub(in crate::remote_read) fn begin_result(&mut self) -> Result<(), Error> {
        self.result = Some((self.hole()?, self.length));
        Ok(())
    }

    /// It is complete.
    pub(in crate::remote_read) fn end_result(&mut self) {
        if let Some((hole, before)) = self.result.take() {
            self.fill(hole, self.length - before);
        }
    }

    /// The body, ready to send.
    pub(in crate::remote_read) fn finish(mut self) -> Result<Vec<Bytes>, Error> {
        self.compress()?;
        let mut head = Vec::new();
        encode_varint(self.length as u64, &mut head);
        Ok(std::iter::once(head).chain(self.pieces).map(Bytes::from).collect())
    }

    fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        self.length += bytes.len();
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK_BYTES - self.plain.len()));
            self.plain.extend_from_slice(now);
            bytes = later;
            if self.plain.len() == BLOCK_BYTES {
                self.compress()?;
            }
        }
        Ok(())
    }

    fn compress(&mut self) -> Result<(), Error> {
        if self.plain.is_empty() {
            return Ok(());
        }
        self.packed.resize(max_compress_len(BLOCK_BYTES), 0);
        let length = self.encoder.compress(&self.plain, &mut self.packed).map_err(|_| Error::Panic)?;
        // A block's own length goes: the pieces together are one block.
        let head = encoded_len_varint(self.plain.len() as u64);
        self.pieces.push(self.packed[head..length].to_vec());
        self.plain.clear();
        Ok(())
    }

    fn hole(&mut self) -> Result<usize, Error> {
        self.compress()?;
        self.pieces.push(Vec::new());
        Ok(self.pieces.len() - 1)
    }

    /// Puts the head of field 1 with its length into a hole.
    fn fill(&mut self, hole: usize, length: usize) {
        let head = field(1, length);
        self.length += head.len();
        // A literal of snappy: its length less one, then its bytes.
        let mut literal =
            vec![u8::try_from((head.len() - 1) << 2).expect("BUG: a varint has ten bytes at most")];
        literal.extend(head);
        self.pieces[hole] = literal;
    }
}

/// The head of a field that says its length.
fn field(number: u8, length: usize) -> Vec<u8> {
    let mut head = vec![(number << 3) | 2];
    encode_varint(length as u64, &mut head);
    head
}

impl Sink for Message {
    async fn begin(&mut self, labels: Labels<'_>) -> Result<(), Error> {
        for (name, value) in labels {
            let (name, value) = (text(1, name), text(2, &value));
            self.series.bytes.extend(field(1, name.len() + value.len()));
            self.series.bytes.extend(name);
            self.series.bytes.extend(value);
        }
        Ok(())
    }

    async fn push(&mut self, samples: &[(i64, f64)]) -> Result<(), Error> {
        self.samples += samples.len();
        if self.samples > MAX_SAMPLES {
            let what = "the answer has more than 5 million samples; ask for fewer series, a shorter range or longer steps";
            return Err(Error::RemoteRead(what.to_owned()));
        }
        self.series.bytes.reserve(samples.len() * SAMPLE);
        for (at, value) in samples {
            // Written in one go: millions of samples are most of an answer.
            let mut sample = [0x12, 0, 0x09, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            sample[3..11].copy_from_slice(&value.to_le_bytes());
            let (mut rest, mut length) = (at.cast_unsigned(), 12);
            while rest >= 0x80 {
                sample[length] = rest.to_le_bytes()[0] | 0x80;
                rest >>= 7;
                length += 1;
            }
            sample[length] = rest.to_le_bytes()[0];
            // What comes after these two bytes, the last one included.
            sample[1] = u8::try_from(length - 1).expect("BUG: a varint has ten bytes at most");
            self.series.bytes.extend_from_slice(&sample[..=length]);
        }
        if self.series.bytes.len() >= BLOCK_BYTES {
            if self.series.hole.is_none() {
                self.series.hole = Some(self.hole()?);
            }
            let bytes = std::mem::take(&mut self.series.bytes);
            self.series.gone += bytes.len();
            self.write(&bytes)?;
            self.series.bytes = bytes;
            self.series.bytes.clear();
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), Error> {
        let Open { bytes, hole, gone } = std::mem::take(&mut self.series);
        if hole.is_none() {
            self.write(&field(1, bytes.len()))?;
        }
        self.write(&bytes)?;
        if let Some(hole) = hole {
            self.fill(hole, gone + bytes.len());
        }
        Ok(())
    }
}

fn text(number: u8, value: &str) -> Vec<u8> {
    let mut bytes = field(number, value.len());
    bytes.extend(value.as_bytes());
    bytes
}
