//! The response of type `STREAMED_XOR_CHUNKS`: a frame for each series, with its length and checksum, sent while the next
//! is made.
//!
//! A series is never cut: Prometheus takes every frame for a series of its own and joins nothing (docs/adr/0011). Most
//! are short. One that grows beyond a segment waits for a place among the long ones, of which a few are made at a time,
//! and leaves segment by segment once its length is known.

use std::time::Duration;

use bytes::Bytes;
use crc::{CRC_32_ISCSI, Crc, Table};
use domain::history::Labels;
use prost::encoding::{self, encode_varint, encoded_len_varint};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Sink;
use crate::error::Error;
use crate::guards::Client;
use crate::guards::Permit;
use crate::remote_read::request_queue::RequestQueue;
use crate::remote_read::wire::{Label, chunked};
use crate::remote_read::xor::Encoder;

/// CRC-32C, called after Castagnoli in Prometheus.
const CHECKSUM: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

const CHECKSUM_BYTES: usize = 4;

/// Bytes kept free before a series: the frame's length and checksum, the series' tag and length.
const HEAD: usize = 10 + CHECKSUM_BYTES + 1 + 10;

/// Bytes handed on at a time. A series of more is long.
const SEGMENT: usize = 1 << 20;

/// How long the client may leave a segment lying before it counts as gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// How long it may take to read a whole frame: a long one keeps others waiting. As long as Prometheus waits for all of
/// a response by default.
const FRAME_TIMEOUT: Duration = Duration::from_mins(1);

/// The sender's end of a streamed response.
pub(in crate::remote_read) struct Frames {
    out: mpsc::Sender<Bytes>,
    turns: RequestQueue,
    client: Client,
    /// Most bytes of a frame's message.
    limit: usize,
    query: i64,
    encoder: Encoder,
    series: Series,
}

/// The running series, encoded as far as it is known.
#[derive(Default)]
struct Series {
    name: String,
    /// Full segments, then the one that grows; the first has room for the head.
    segments: Vec<Vec<u8>>,
    /// Bytes so far, without that room.
    length: usize,
    /// Held by a series that is long, until it is sent.
    place: Option<Permit<Client>>,
}

impl Series {
    fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.segments.last().is_none_or(|last| last.len() >= SEGMENT) {
            self.segments.push(Vec::new());
        }
        let last = self.segments.last_mut().expect("BUG: it was pushed");
        let before = last.len();
        write(last);
        self.length += last.len() - before;
    }
}

impl Frames {
    pub(in crate::remote_read) fn new(
        out: mpsc::Sender<Bytes>,
        turns: RequestQueue,
        client: Client,
        limit: usize,
    ) -> Self {
        Self { out, turns, client, limit, query: 0, encoder: Encoder::default(), series: Series::default() }
    }

    /// Which query the next series answer.
    pub(in crate::remote_read) fn begin_result(&mut self, query: usize) {
        self.query = i64::try_from(query).unwrap_or(i64::MAX);
    }

    /// Ends the running chunk.
    async fn cut(&mut self) -> Result<(), Error> {
        if self.encoder.is_empty() {
            return Ok(());
        }
        let chunk = self.encoder.take();
        self.series.append(|bytes| encoding::message::encode(chunked::CHUNKS, &chunk, bytes));
        if self.message_len() > self.limit {
            return Err(Error::RemoteRead(format!(
                "a series of {} has more than the {} bytes that a frame may have; ask for a shorter range, or for a \
                 number of the day instead of points; or raise --api.remote-read-frame-bytes here and \
                 chunked_read_limit at the reader",
                self.series.name, self.limit
            )));
        }
        if self.series.length > SEGMENT && self.series.place.is_none() {
            self.series.place = self.turns.try_take_long(self.client);
            if self.series.place.is_none() {
                // The headers go out first: Prometheus opens every selector of an expression before it reads one.
                self.send_piece(Bytes::new()).await?;
                self.series.place = Some(self.turns.take_long(self.client).await?);
            }
        }
        Ok(())
    }

    fn tail_len(&self) -> usize {
        if self.query == 0 { 0 } else { encoding::int64::encoded_len(chunked::QUERY_INDEX, &self.query) }
    }

    /// Bytes of the frame's message, if the series ended here.
    fn message_len(&self) -> usize {
        1 + encoded_len_varint(self.series.length as u64) + self.series.length + self.tail_len()
    }

    async fn send_piece(&self, piece: Bytes) -> Result<(), Error> {
        self.out.send_timeout(piece, SEND_TIMEOUT).await.map_err(|_| Error::Gone)
    }

    async fn send(&mut self) -> Result<(), Error> {
        let length = self.message_len();
        let series = std::mem::take(&mut self.series);
        let mut segments = series.segments;
        if self.query != 0
            && let Some(last) = segments.last_mut()
        {
            encoding::int64::encode(chunked::QUERY_INDEX, &self.query, last);
        }
        let mut head = Vec::with_capacity(HEAD);
        encode_varint(length as u64, &mut head);
        let checksum = head.len();
        head.extend([0; CHECKSUM_BYTES]);
        encoding::encode_key(chunked::SERIES, encoding::WireType::LengthDelimited, &mut head);
        encode_varint(series.length as u64, &mut head);
        let mut digest = CHECKSUM.digest();
        digest.update(&head[checksum + CHECKSUM_BYTES..]);
        for (n, segment) in segments.iter().enumerate() {
            if n == 0 {
                digest.update(&segment[HEAD..]);
            } else {
                digest.update(segment);
                // Fifty of them take a while.
                tokio::task::yield_now().await;
            }
        }
        head[checksum..checksum + CHECKSUM_BYTES].copy_from_slice(&digest.finalize().to_be_bytes());
        let unused = HEAD - head.len();
        segments[0][unused..HEAD].copy_from_slice(&head);
        let hand_on = async {
            for (n, segment) in segments.into_iter().enumerate() {
                let bytes = Bytes::from(segment).slice(if n == 0 { unused.. } else { 0.. });
                self.send_piece(bytes).await?;
            }
            Ok(())
        };
        let sent = timeout(FRAME_TIMEOUT, hand_on).await;
        drop(series.place);
        sent.unwrap_or(Err(Error::Gone))
    }
}

impl Sink for Frames {
    async fn begin(&mut self, labels: Labels<'_>) -> Result<(), Error> {
        self.series = Series { segments: vec![vec![0; HEAD]], ..Series::default() };
        for (name, value) in labels {
            if name == "__name__" {
                self.series.name = value.clone().into_owned();
            }
            let label = Label { name: name.to_owned(), value: value.into_owned() };
            self.series.append(|bytes| encoding::message::encode(chunked::LABELS, &label, bytes));
        }
        Ok(())
    }

    async fn push(&mut self, samples: &[(i64, f64)]) -> Result<(), Error> {
        for (at, value) in samples {
            self.encoder.push(*at, *value);
            if self.encoder.is_full() {
                self.cut().await?;
            }
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), Error> {
        self.cut().await?;
        self.send().await
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn client() -> Client {
        Client::of("10.0.0.1".parse().unwrap())
    }

    /// A series of about so many segments, all in the channel or refused.
    async fn series(
        turns: &RequestQueue,
        segments: usize,
        limit: usize,
    ) -> (Result<(), Error>, mpsc::Receiver<Bytes>) {
        let (out, frames) = mpsc::channel(segments + 2);
        let mut sink = Frames::new(out, turns.clone(), client(), limit);
        let made = async {
            sink.begin(vec![("__name__", Cow::Borrowed("oura_activity_met"))]).await?;
            // Values without a bit in common: some eight bytes each.
            let samples = (0..i64::try_from(segments * SEGMENT / 8 + 1).unwrap())
                .map(|n| (n * 60_000, f64::from_bits(n.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15))));
            sink.push(&samples.collect::<Vec<_>>()).await?;
            sink.end().await
        };
        (made.await, frames)
    }

    #[tokio::test(start_paused = true)]
    async fn long_series_waits_for_a_place_and_gives_it_back_when_it_is_sent() {
        let turns = RequestQueue::new();
        let mut taken = Vec::new();
        while let Ok(place) = turns.take_long(client()).await {
            taken.push(place);
        }
        assert!(matches!(series(&turns, 3, usize::MAX).await.0, Err(Error::Busy)), "all places are taken");
        assert!(series(&turns, 0, usize::MAX).await.0.is_ok(), "a short one needs none");
        drop(taken);
        for _ in 0..9 {
            let (made, mut frames) = series(&turns, 3, usize::MAX).await;
            made.unwrap();
            let mut sizes = Vec::new();
            while let Some(segment) = frames.recv().await {
                sizes.push(segment.len());
            }
            assert!(sizes.len() >= 3 && sizes.iter().all(|size| *size < 2 * SEGMENT), "{sizes:?}");
        }
    }

    #[tokio::test]
    async fn series_beyond_the_limit_is_refused_with_what_to_ask_instead() {
        let turns = RequestQueue::new();
        let Err(Error::RemoteRead(text)) = series(&turns, 3, 2 * SEGMENT).await.0 else { panic!() };
        for words in ["oura_activity_met", "2097152 bytes", "shorter range", "--api.remote-read-frame-bytes"]
        {
            assert!(text.contains(words), "{text}");
        }
    }
}
