//! Encoded rows on their way out, in chunks.

use bytes::Bytes;

use super::block::{Block, Encode};
use crate::Error;

/// Takes what is written, chunk by chunk; while it waits, nothing more is read.
pub trait Output: Send {
    /// Takes the next chunk.
    fn write(&mut self, piece: Bytes) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Least size of a chunk in bytes, so that a reader is not woken for every row.
const MIN_CHUNK: usize = 64 * 1024;

pub(super) struct Writer<'a, O> {
    encoder: Box<dyn Encode>,
    ready: Vec<u8>,
    out: &'a mut O,
    rows: u64,
}

impl<'a, O: Output> Writer<'a, O> {
    pub(super) fn new(encoder: Box<dyn Encode>, out: &'a mut O) -> Self {
        Self { encoder, ready: Vec::new(), out, rows: 0 }
    }

    pub(super) async fn block(&mut self, block: Block<'_>) -> Result<(), Error> {
        self.rows += match &block {
            Block::Days { rows, .. } => rows.len(),
            Block::Points { rows, .. } => rows.len(),
            Block::Documents { rows, .. } => rows.len(),
        } as u64;
        self.encoder.block(&block, &mut self.ready)?;
        self.drain(MIN_CHUNK).await
    }

    /// Writes the rest; returns the number of rows.
    pub(super) async fn end(mut self) -> Result<u64, Error> {
        self.encoder.end(&mut self.ready)?;
        self.drain(0).await?;
        Ok(self.rows)
    }

    /// Passes on what is ready when it is more than `least`.
    async fn drain(&mut self, least: usize) -> Result<(), Error> {
        if self.ready.len() > least {
            let piece = std::mem::take(&mut self.ready);
            self.out.write(piece.into()).await?;
        }
        Ok(())
    }
}
