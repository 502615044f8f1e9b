//! The file behind `--web.config.file`, in the format that Prometheus exporters share (exporter-toolkit), and behind
//! `--api.config.file`, which may also declare people, accounts and tokens. What this program cannot do is refused, never
//! silently left out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Deserialize;
use serde_saphyr::{Error, Spanned};

use super::declared::{AccountEntry, PersonEntry, TokenEntry};

/// The whole file. An empty one means: no TLS, no password.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct File {
    pub(crate) tls_server_config: Option<Tls>,
    pub(crate) http_server_config: Http,
    /// User and bcrypt hash.
    pub(crate) basic_auth_users: BTreeMap<String, SecretString>,
    pub(crate) rate_limit: Option<Rate>,
    pub(crate) people: Vec<PersonEntry>,
    pub(crate) accounts: Vec<AccountEntry>,
    pub(crate) tokens: Vec<TokenEntry>,
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

/// What every answer carries.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Http {
    /// Taken and without effect: HTTP/1.1 is spoken to everybody.
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
pub(crate) enum Invalid {
    #[error("cannot read {}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}", .0)]
    Format(String),
    #[error("{field}: {reason}")]
    Field { field: String, reason: String },
    #[error("line {line}, {key}: {reason}")]
    Entry { line: u64, key: String, reason: String },
    #[error(transparent)]
    Store(#[from] store::Error),
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
        serde_saphyr::from_str(text).map_err(|error| Invalid::Format(mistake(&error, text)))
    }
}

/// The line and the key of a mistake. The parser quotes the line it stopped at, which may hold a secret; keys are none.
fn mistake(error: &Error, text: &str) -> String {
    let line = error.location().map(|at| at.line());
    let place = line.map_or("it".to_owned(), |line| format!("line {line}"));
    match error.without_snippet() {
        Error::SerdeUnknownField { field, expected, .. } if is_key(field) => {
            let meant = similar(field, expected);
            let meant = meant.map_or_else(
                || format!("the keys here are {}", expected.join(", ")),
                |meant| format!("did you mean {meant}?"),
            );
            format!("{place}: unknown key {field}; {meant}")
        }
        Error::SerdeMissingField { field, .. } => format!("{place}: the key {field} is missing"),
        Error::DuplicateMappingKey { key: Some(key), .. } if is_key(key) => {
            format!("{place}: the key {key} is given twice")
        }
        _ => {
            let key = line.and_then(|line| key_of(text, line));
            let key = key.map_or(String::new(), |key| format!(", {key}"));
            format!("{place}{key}: it is not in the format of a web configuration")
        }
    }
}

fn similar<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |one: &str| strsim::jaro_winkler(key, one);
    let best = known.iter().copied().max_by(|one, other| likeness(one).total_cmp(&likeness(other)))?;
    (likeness(best) > 0.8).then_some(best)
}

/// A word that a key can be: anything else may be a value, and is not repeated.
fn is_key(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// The key that a line begins with.
fn key_of(text: &str, line: u64) -> Option<&str> {
    let line = text.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?)?;
    let (key, _) = line.trim_start().trim_start_matches("- ").split_once(':')?;
    is_key(key).then_some(key)
}

/// A mistake in a value that has been read.
pub(super) fn entry<T>(at: &Spanned<T>, key: impl Into<String>, reason: impl ToString) -> Invalid {
    Invalid::Entry { line: at.referenced.line(), key: key.into(), reason: reason.to_string() }
}
