//! Why a renewal failed.

use super::application::TokenError;
use super::seal::SealError;

/// Why a log-in could not be renewed now.
#[derive(Debug, thiserror::Error)]
pub enum RenewalError {
    /// Oura gave no new pair.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The stored pair does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The database is away.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The last attempt is too recent.
    #[error("the last attempt failed a moment ago; it is tried again soon")]
    Paused,
    /// It has been renewed too often.
    #[error("it was renewed five times in ten minutes and is refused again; it is tried again later")]
    TooOften,
    /// Another process has the lease.
    #[error("another process is renewing it and does not finish")]
    Busy,
    /// The process ends.
    #[error("the process is stopping")]
    Stopping,
}
