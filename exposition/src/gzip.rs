//! One gzip stream made of chunks that were compressed separately (RFC 1951, 1952): a chunk that did not change is not
//! compressed again, and every gzip reader reads the whole.
//!
//! Each chunk is raw deflate ended on a byte boundary by an empty block. Checksums are combined, not computed again.

use bytes::Bytes;
use crc32fast::Hasher;
use flate2::{Compress, Compression, FlushCompress};

/// What comes before the chunks: deflate, no name, no time, unknown system.
pub(crate) const HEAD: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The empty last block.
const FINAL_BLOCK: [u8; 2] = [0x03, 0x00];

/// Exposition text repeats itself; more effort costs four times the time for a quarter of the size.
const LEVEL: Compression = Compression::new(1);

/// A text, compressed.
#[derive(Debug, Default)]
pub(crate) struct Deflated {
    pub(crate) bytes: Bytes,
    pub(crate) crc: Crc,
}

/// Checksum and length of a plain text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crc {
    hasher: Hasher,
    length: usize,
}

impl Crc {
    fn update(&mut self, text: &[u8]) {
        self.hasher.update(text);
        self.length += text.len();
    }

    /// The checksum of this text with the other one appended.
    fn combine(&mut self, other: &Self) {
        self.hasher.combine(&other.hasher);
        self.length += other.length;
    }
}

/// Compresses one text after the other in the same memory: it is large, and large allocations that come and go between
/// long-lived chunks leave holes.
pub struct Compressor {
    compress: Compress,
    out: Vec<u8>,
}

impl Default for Compressor {
    fn default() -> Self {
        Self { compress: Compress::new(LEVEL, false), out: Vec::new() }
    }
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compressor").finish_non_exhaustive()
    }
}

impl Compressor {
    pub(crate) fn deflate<'a>(&mut self, frames: impl IntoIterator<Item = &'a Bytes>) -> Deflated {
        let mut crc = Crc::default();
        self.compress.reset();
        self.out.clear();
        for frame in frames {
            crc.update(frame);
            deflate_into(&mut self.compress, frame, &mut self.out, FlushCompress::None);
        }
        deflate_into(&mut self.compress, &[], &mut self.out, FlushCompress::Sync);
        Deflated { bytes: Bytes::copy_from_slice(&self.out), crc }
    }
}

fn deflate_into(compress: &mut Compress, mut plain: &[u8], out: &mut Vec<u8>, flush: FlushCompress) {
    loop {
        if out.capacity() - out.len() < 1024 {
            out.reserve(out.len().max(4 * 1024));
        }
        let before = compress.total_in();
        let compressed = compress.compress_vec(plain, out, flush);
        compressed.expect("BUG: compressing fails only when it was finished before");
        let taken = usize::try_from(compress.total_in() - before).expect("BUG: no more than was given");
        plain = &plain[taken..];
        // Capacity that is left means that no output is pending.
        if plain.is_empty() && out.len() < out.capacity() {
            return;
        }
    }
}

/// The checksum of concatenated texts.
pub(crate) fn combine<'a>(texts: impl IntoIterator<Item = &'a Crc>) -> Crc {
    let mut all = Crc::default();
    for text in texts {
        all.combine(text);
    }
    all
}

/// What comes after the chunks of a text with this checksum.
pub(crate) fn tail(crc: &Crc) -> Bytes {
    // The length counts modulo 2^32, says the format.
    let length = (crc.length as u64).to_le_bytes();
    [FINAL_BLOCK.as_slice(), &crc.hasher.clone().finalize().to_le_bytes(), &length[..4]].concat().into()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn separately_compressed_chunks_decompress_as_one(
            texts in proptest::collection::vec(proptest::collection::vec("[a-e\n]{0,400}", 0..40), 0..5)
        ) {
            let frames: Vec<Vec<Bytes>> =
                texts.iter().map(|chunk| chunk.iter().cloned().map(Bytes::from).collect()).collect();
            let mut compressor = Compressor::default();
            let chunks: Vec<Deflated> = frames.iter().map(|chunk| compressor.deflate(chunk)).collect();
            let mut stream = HEAD.to_vec();
            for chunk in &chunks {
                stream.extend_from_slice(&chunk.bytes);
            }
            stream.extend_from_slice(&tail(&combine(chunks.iter().map(|chunk| &chunk.crc))));
            let mut reader = flate2::read::GzDecoder::new(stream.as_slice());
            let mut plain = String::new();
            reader.read_to_string(&mut plain).unwrap();
            prop_assert_eq!(plain, texts.concat().concat());
            prop_assert!(reader.into_inner().is_empty(), "one member, nothing behind it");
        }
    }

    #[test]
    fn incompressible_text_round_trips() {
        let noise: Vec<u8> =
            (0_u32..200_000).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
        let frame = Bytes::from(noise);
        let chunk = Compressor::default().deflate([&frame]);
        let stream = [HEAD, &chunk.bytes, &tail(&chunk.crc)].concat();
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(stream.as_slice()).read_to_end(&mut plain).unwrap();
        assert_eq!(plain, frame);
    }
}
