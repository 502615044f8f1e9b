//! What can go wrong between the house and its database.

use std::path::PathBuf;

/// The result of every store method.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the store. Messages name the place and what to do, never a health value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no database URL.
    #[error(
        "the database URL is not usable: {reason}; write postgres://user:password@host/name or sqlite:path/to/file.db"
    )]
    Url {
        /// What is wrong with it; the URL itself can hold a password and is not repeated.
        reason: String,
    },
    /// The embedded database's folder cannot be written.
    #[error("cannot create the database {path}; choose a folder that this user may write with --data-dir")]
    Directory {
        /// The database file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The database cannot be reached or does not answer.
    #[error("the database does not answer; check its address, credentials and disk space")]
    Unavailable {
        /// What the driver said.
        source: sqlx::Error,
    },
    /// A statement failed.
    #[error("the database refused a statement")]
    Database(#[source] sqlx::Error),
    /// A migration failed, or the database is of a newer version.
    #[error("cannot migrate the database")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A stored value is not what its column promises.
    #[error(
        "the stored {what} cannot be read back; `myhealth rebuild` derives everything again from the documents"
    )]
    Corrupt {
        /// Which value.
        what: &'static str,
    },
}

impl From<sqlx::Error> for Error {
    fn from(source: sqlx::Error) -> Self {
        use sqlx::Error::{Io, PoolClosed, PoolTimedOut, Protocol, Tls};
        match source {
            Io(_) | Tls(_) | PoolTimedOut | PoolClosed | Protocol(_) => Self::Unavailable { source },
            other => Self::Database(other),
        }
    }
}

/// An error and what it came from, on one line.
pub fn causes(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
