//! One document or row as it is sent, and its instants.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// One document or row, ready to send.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// Empty for a row of a series.
    pub(crate) id: String,
    /// What a range filter tests.
    pub(crate) instant: Timestamp,
    pub(crate) json: String,
}

impl Document {
    pub(super) fn new(id: &str, instant: Timestamp, body: &impl Serialize) -> Self {
        let json = serde_json::to_string(body).expect("BUG: a wire struct has only string keys");
        Self { id: id.to_owned(), instant, json }
    }
}

/// `seconds` after an instant.
pub(super) fn seconds_after(instant: Timestamp, seconds: i64) -> Timestamp {
    instant.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

/// Seconds from one instant to another.
pub(super) fn seconds_between(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_secs()
}
