//! The file behind `--web.config.file`, in the format that Prometheus exporters share (exporter-toolkit). What this
//! program cannot do is refused, never silently left out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Deserialize;

/// The whole file. An empty one means: no TLS, no password.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct File {
    pub(crate) tls_server_config: Option<Tls>,
    pub(crate) http_server_config: Http,
    /// User and bcrypt hash.
    pub(crate) basic_auth_users: BTreeMap<String, SecretString>,
    pub(crate) rate_limit: Option<Rate>,
}

/// TLS; certificate and key stand in the file or in files of their own.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tls {
    pub(crate) cert: String,
    pub(crate) key: Option<SecretString>,
    pub(crate) client_ca: String,
    pub(crate) cert_file: Option<PathBuf>,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) client_ca_file: Option<PathBuf>,
    pub(crate) client_auth_type: String,
    pub(crate) client_allowed_sans: Vec<String>,
    pub(crate) min_version: String,
    pub(crate) max_version: String,
    pub(crate) cipher_suites: Vec<String>,
    pub(crate) prefer_server_cipher_suites: Option<bool>,
    pub(crate) curve_preferences: Vec<String>,
}

/// Headers of every response.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Http {
    /// Taken and without effect: all connections speak HTTP/1.1.
    #[serde(rename = "http2")]
    pub(crate) _http2: Option<bool>,
    pub(crate) headers: BTreeMap<String, String>,
}

/// A token bucket for all requests together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rate {
    /// Time between two requests, for example `1s`; 0 means no limit.
    pub(crate) interval: String,
    #[serde(default)]
    pub(crate) burst: u32,
}

/// What is wrong with the file or with one it names.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no such file.
    #[error("{}", .0)]
    Format(String),
    /// A field is wrong.
    #[error("{field}: {reason}")]
    Field {
        /// Its place in the file.
        field: String,
        /// What to write.
        reason: String,
    },
}

impl Invalid {
    pub(crate) fn field(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Field { field: field.into(), reason: reason.into() }
    }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Invalid> {
    std::fs::read(path).map_err(|source| Invalid::Unreadable { path: path.to_owned(), source })
}

impl File {
    pub(crate) fn read(path: &Path) -> Result<Self, Invalid> {
        let text =
            String::from_utf8(read(path)?).map_err(|_| Invalid::Format("it is not UTF-8".to_owned()))?;
        Self::parse(&text)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Invalid> {
        // A file of comments is empty, and empty means nothing is wanted.
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return Ok(Self::default());
        }
        // The parser quotes the line it stopped at, which may hold a secret: only the place is named.
        serde_saphyr::from_str(text).map_err(|error| {
            let place = error.location().map_or(String::new(), |at| format!(" at line {}", at.line()));
            Invalid::Format(format!("it is not in the format of a web configuration{place}"))
        })
    }
}
