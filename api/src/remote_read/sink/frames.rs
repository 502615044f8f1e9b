//! The answer of type `STREAMED_XOR_CHUNKS`: frames with their length and checksum, sent while the next is made.

use std::time::Duration;

use bytes::Bytes;
use crc::{CRC_32_ISCSI, Crc, Table};
use domain::history::Labels;
use prost::Message as _;
use prost::encoding::encode_varint;
use tokio::sync::mpsc;

use super::Sink;
use crate::error::Error;
use crate::remote_read::wire::{Chunk, ChunkedReadResponse, ChunkedSeries, Label};
use crate::remote_read::xor::Encoder;

/// CRC-32C, called after Castagnoli in Prometheus.
const CHECKSUM: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

const CHECKSUM_BYTES: usize = 4;

/// Most bytes before a frame's message: its length and its checksum.
const HEAD: usize = 10 + CHECKSUM_BYTES;

/// Bytes of chunks a frame holds, as Prometheus does; readers refuse frames of fifty megabytes.
const FRAME: usize = 1 << 20;

/// How long the reader may leave a frame lying before he counts as gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// The sender's end of a streamed answer.
pub(in crate::remote_read) struct Frames {
    out: mpsc::Sender<Bytes>,
    query: i64,
    labels: Vec<Label>,
    encoder: Encoder,
    chunks: Vec<Chunk>,
    size: usize,
}

impl Frames {
    pub(in crate::remote_read) fn new(out: mpsc::Sender<Bytes>) -> Self {
        Self { out, query: 0, labels: Vec::new(), encoder: Encoder::default(), chunks: Vec::new(), size: 0 }
    }

    /// Which query the next series answer.
    pub(in crate::remote_read) fn begin_result(&mut self, query: usize) {
        self.query = i64::try_from(query).unwrap_or(i64::MAX);
    }

    fn cut(&mut self) {
        if !self.encoder.is_empty() {
            let chunk = self.encoder.take();
            self.size += chunk.data.len();
            self.chunks.push(chunk);
        }
    }

    async fn send(&mut self) -> Result<(), Error> {
        let chunks = std::mem::take(&mut self.chunks);
        self.size = 0;
        let series = ChunkedSeries { labels: self.labels.clone(), chunks };
        let message = ChunkedReadResponse { chunked_series: vec![series], query_index: self.query };
        let length = message.encoded_len();
        let mut frame = Vec::with_capacity(HEAD + length);
        encode_varint(length as u64, &mut frame);
        let checksum = frame.len();
        frame.extend([0; CHECKSUM_BYTES]);
        message.encode(&mut frame).expect("BUG: a vector grows as it must");
        let (head, data) = frame.split_at_mut(checksum + CHECKSUM_BYTES);
        head[checksum..].copy_from_slice(&CHECKSUM.checksum(data).to_be_bytes());
        self.out.send_timeout(frame.into(), PATIENCE).await.map_err(|_| Error::Gone)
    }
}

impl Sink for Frames {
    async fn begin(&mut self, labels: Labels<'_>) -> Result<(), Error> {
        let label = |(name, value): (&str, _)| Label { name: name.to_owned(), value: String::from(value) };
        self.labels = labels.into_iter().map(label).collect();
        Ok(())
    }

    async fn push(&mut self, samples: &[(i64, f64)]) -> Result<(), Error> {
        for (at, value) in samples {
            self.encoder.push(*at, *value);
            if self.encoder.is_full() {
                self.cut();
                if self.size >= FRAME {
                    self.send().await?;
                }
            }
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), Error> {
        self.cut();
        if self.chunks.is_empty() { Ok(()) } else { self.send().await }
    }
}
