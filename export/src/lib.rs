//! History out. For other time series databases the series of remote read, with the same names and labels, as files and
//! pushes: a number of a day is one sample, as remote read shows it to range selectors. For people and programs rows, in
//! the formats they read ([`Table`]).
//!
//! Not here: what series there are and where their samples stand (`domain::history`), SQL (`store`), flags (`app`).

mod estimate;
mod openmetrics;
mod remote_write;
mod selection;
mod table;
mod victoriametrics;

pub use estimate::{Blocks, Estimate};
pub use openmetrics::openmetrics;
pub use remote_write::{Cursor, InvalidReceiver, Pushed, Receiver};
pub use selection::Selection;
pub use table::{
    Format, InvalidTable, InvalidTableRequest, Output, RowKind, Table, TableRequest, UnknownWord,
};
pub use victoriametrics::victoriametrics;

/// Why history could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The file cannot be written.
    #[error("cannot write")]
    Write(#[from] std::io::Error),
    /// A person's zone is unknown here.
    #[error("the time zone of a person cannot be used; check the name and that tzdata is installed")]
    TimeZone(#[source] jiff::Error),
    /// The receiver cannot be reached.
    #[error("the receiver does not answer")]
    Unreachable(#[source] reqwest::Error),
    /// The receiver failed in every attempt.
    #[error(
        "the receiver answered {status} {tries} times, last with: {body}; the samples it has taken are not sent again, run this again later"
    )]
    Failing {
        /// Its last status.
        status: u16,
        /// Number of attempts.
        tries: usize,
        /// Its response, cut.
        body: String,
    },
    /// The receiver does not take this version of remote write.
    #[error(
        "the receiver does not take Prometheus remote write 1.0 (415): {body}; let it accept prometheus.WriteRequest, \
         in Prometheus by --web.remote-write-receiver.accepted-protobuf-messages"
    )]
    Protocol {
        /// Its response, cut.
        body: String,
    },
    /// The receiver refuses the credentials, or the address is no receiver.
    #[error("the receiver refuses with {status}: {body}; check its address and token")]
    Refused {
        /// Its status.
        status: u16,
        /// Its response, cut.
        body: String,
    },
}

/// How far an export is, in steps of equal kind.
pub type Progress<'a> = &'a mut (dyn FnMut(usize, usize) + Send);
