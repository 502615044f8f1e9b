//! Where the database is, and as whom to log in there.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::error::{Error, Result};

/// Where the database is.
#[derive(Clone)]
pub enum Location {
    /// A file of this process's own.
    Sqlite(PathBuf),
    /// A server, with the options of its URL.
    Postgres(Postgres),
}

/// A server and how to log in there.
#[derive(Clone)]
pub struct Postgres {
    pub(crate) options: Box<PgConnectOptions>,
    pub(crate) source: Option<LoginSource>,
}

/// Reads the log-in again: when the process starts, every [`crate::RENEWAL_INTERVAL`], and when the server refuses the
/// one of before.
pub type LoginSource = Arc<dyn Fn() -> BoxFuture<'static, Result<Login, LoginError>> + Send + Sync>;

/// Why a log-in cannot be read. Its text is for the log.
pub type LoginError = Box<dyn std::error::Error + Send + Sync>;

/// A log-in at a server.
#[derive(Clone, Debug)]
pub struct Login {
    /// The URL of the database.
    pub url: SecretString,
    /// Used instead of the URL's password.
    pub password: Option<SecretString>,
    /// Whether the password is a token that is another one each time it is read, while those of before stay valid for
    /// some minutes: connections that were opened with those are kept.
    pub is_token: bool,
}

/// What identifies a log-in apart from its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerName {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The role.
    pub user: String,
    /// Whether connections without TLS are refused, so that a password cannot be read on the way.
    pub requires_tls: bool,
}

impl Login {
    pub(crate) fn options(&self) -> Result<PgConnectOptions> {
        let Location::Postgres(Postgres { options, .. }) = self.url.expose_secret().parse()? else {
            return Err(refused("the embedded database has no log-in"));
        };
        Ok(match &self.password {
            Some(password) => options.password(password.expose_secret()),
            None => *options,
        })
    }

    /// Differs when the server or the log-in does; tokens of one role are alike.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let password = self.password.as_ref().filter(|_| !self.is_token);
        let password = password.map_or("", |password| password.expose_secret());
        let text = Sha256::new().chain_update(self.url.expose_secret()).chain_update([0]);
        text.chain_update(password).finalize().into()
    }
}

impl Location {
    /// The kind of database, as a log names it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgresql",
        }
    }

    /// The same server, whose log-in is read from `source` from the start on.
    #[must_use]
    pub fn with_login(self, source: LoginSource) -> Self {
        match self {
            Self::Postgres(server) => Self::Postgres(Postgres { source: Some(source), ..server }),
            embedded @ Self::Sqlite(_) => embedded,
        }
    }

    /// The server and the role; none for the embedded database.
    pub fn server(&self) -> Option<ServerName> {
        let Self::Postgres(Postgres { options, .. }) = self else { return None };
        let mode = options.get_ssl_mode();
        Some(ServerName {
            host: options.get_host().to_owned(),
            port: options.get_port(),
            user: options.get_username().to_owned(),
            requires_tls: matches!(mode, PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull),
        })
    }
}

impl std::fmt::Debug for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// The place without credentials, fit for a log.
impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(server) => f.write_str(&place(&server.options)),
        }
    }
}

/// A server and its database without credentials.
pub(crate) fn place(options: &PgConnectOptions) -> String {
    let name = options.get_database().unwrap_or("");
    format!("postgres://{}:{}/{name}", options.get_host(), options.get_port())
}

impl FromStr for Location {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self> {
        match url.split_once(':') {
            Some(("sqlite", path)) => match path.strip_prefix("//").unwrap_or(path) {
                "" | ":memory:" => Err(refused("an embedded database needs a file")),
                path => Ok(Self::Sqlite(path.into())),
            },
            Some(("postgres" | "postgresql", _)) => PgConnectOptions::from_str(url)
                .map(|options| {
                    let options = Box::new(options.application_name("myhealth"));
                    Self::Postgres(Postgres { options, source: None })
                })
                .map_err(|_| {
                    refused("it does not parse (a password with special characters must be percent-encoded)")
                }),
            Some((scheme, _)) if scheme.len() < 20 => {
                Err(refused(&format!("{scheme} is no database this build knows")))
            }
            _ => Err(refused("it has no scheme")),
        }
    }
}

fn refused(reason: &str) -> Error {
    Error::Url { reason: reason.to_owned() }
}
