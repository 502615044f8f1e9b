//! Cached responses are compressed once, not for every client.

use std::io::Write as _;

use bytes::Bytes;
pub(crate) use exposition::accepts_gzip as accepted;
use flate2::Compression;
use flate2::write::GzEncoder;

/// What fits into one packet is not compressed.
pub(crate) const MIN_COMPRESSED: u16 = 1024;

/// The gzip member of a body, at the level of responses that are not cached.
pub(crate) fn member(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), Compression::fast());
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.expect("BUG: memory takes every byte").into()
}
