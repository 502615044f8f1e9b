//! Where samples go: the two encodings of an answer.

mod frames;
mod snappy;

use domain::history::Labels;

use crate::error::Error;

pub(super) use frames::Frames;
pub(super) use snappy::Message;

/// Takes series one after the other, each as its labels, pieces of its samples in order of time, and its end.
pub(super) trait Sink: Send {
    /// A series with these labels begins.
    fn begin(&mut self, labels: Labels<'_>) -> impl Future<Output = Result<(), Error>> + Send;
    /// Unix milliseconds and value.
    fn push(&mut self, samples: &[(i64, f64)]) -> impl Future<Output = Result<(), Error>> + Send;
    /// The series has ended.
    fn end(&mut self) -> impl Future<Output = Result<(), Error>> + Send;
}
