//! Why a log-in at the provider failed.

/// A failed log-in at the provider. The words are for the log: they name what the provider did, never a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The provider cannot be reached, or is too slow.
    #[error("the provider's {what} cannot be reached")]
    Unreachable {
        /// What was asked for.
        what: &'static str,
        /// Why not.
        source: reqwest::Error,
    },
    /// An unexpected status.
    #[error("the provider's {what} answered {status}")]
    Status {
        /// What was asked for.
        what: &'static str,
        /// The status.
        status: u16,
    },
    /// More than is read.
    #[error("the provider's {what} is larger than {most} bytes")]
    TooLarge {
        /// What was asked for.
        what: &'static str,
        /// The bound.
        most: usize,
    },
    /// Not the documented JSON.
    #[error("the provider's {what} cannot be read (line {}, column {})", .source.line(), .source.column())]
    Malformed {
        /// What was asked for.
        what: &'static str,
        /// Where.
        source: serde_json::Error,
    },
    /// The metadata is of another issuer.
    #[error("the provider calls itself {found:?}; write exactly that as `issuer` if it is yours")]
    Issuer {
        /// What it says, cut short.
        found: String,
    },
    /// An address that would send secrets in clear text.
    #[error("the provider's {what} is not an https address")]
    Address {
        /// Which one.
        what: &'static str,
    },
    /// The provider refuses the code or the client.
    #[error("the provider refuses the code or this client: {0}")]
    Refused(String),
    /// The ID token, or what came with it, is not what it must be.
    #[error("the provider's {what} is not acceptable: {reason}")]
    Unacceptable {
        /// Which part.
        what: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Error {
    /// Whether trying again later may work without a change on either side.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Status { status: 429 | 500.., .. })
    }
}

/// A word of the provider that is safe to repeat: error codes are short and plain.
pub(crate) fn word(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(60).collect()
}
