//! The log-in at Oura: consent, exchange, renewal, and what is kept of it.
//!
//! Access tokens live for a day or a month; the refresh token that comes with them works exactly once and then another one
//! counts. Losing the answer to a renewal loses the log-in, and so does renewing twice. Hence one renewal at a time
//! across processes ([`Tokens`]), the new pair stored before it is used, and stored only sealed ([`Keyring`]).

mod application;
mod consent;
pub(crate) mod error;
mod metrics;
mod owner;
mod pair;
mod renewal;
mod scopes;
mod seal;
mod stored_grant;
mod tokens;

pub use application::{Application, ApplicationSettings, Reason, TokenError};
pub use consent::{Consent, ConsentError};
pub use error::RenewalError;
pub use metrics::Metrics;
pub use owner::{FaultPoint, GrantOwner, Observer};
pub use pair::{ClientCredentials, TokenPair};
pub use scopes::{collections_of, missing};
pub use seal::{KeySource, Keyring, SealError};
pub use tokens::{Tokens, log_out, store_login, stored_client};
