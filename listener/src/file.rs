//! The file of a listener, in the format that Prometheus exporters share (exporter-toolkit), to which an application may
//! add keys. A setting that is not supported is refused, never ignored.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Error, Spanned};

use crate::extension::{Extension, Source};

/// The listener's own keys. An empty file means: no TLS, no password.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
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
    /// Accepted without effect: all connections speak HTTP/1.1.
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

/// Why the file or one that it names is refused.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// A file cannot be read.
    #[error("{}cannot read {}", field.as_ref().map_or(String::new(), |field| format!("{field}: ")), path.display())]
    Unreadable {
        /// The key that names it; `None` for the file itself.
        field: Option<String>,
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not a file of this format.
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
    /// A value is wrong.
    #[error("line {line}, {key}: {reason}")]
    Entry {
        /// Counted from 1.
        line: u64,
        /// Its key.
        key: String,
        /// What to write.
        reason: String,
    },
    /// The values of an extension cannot be put in force.
    #[error("its settings cannot be put in force")]
    NotApplied {
        /// Whether the same file may be accepted later.
        temporary: bool,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Invalid {
    pub(crate) fn field(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Field { field: field.into(), reason: reason.into() }
    }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Invalid> {
    std::fs::read(path).map_err(|source| Invalid::Unreadable { field: None, path: path.to_owned(), source })
}

impl File {
    const KEYS: [&str; 4] = ["tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"];

    /// The listener's part of a file, all of whose keys are known.
    pub(crate) fn parse(source: &Source, extension: Option<&dyn Extension>) -> Result<Self, Invalid> {
        let more = extension.map(Extension::keys).unwrap_or_default();
        source.check_keys(&[&Self::KEYS, more].concat())?;
        source.parse()
    }
}

/// Top-level keys, each with its place.
#[derive(Default)]
pub(crate) struct Keys(pub(crate) Vec<Spanned<String>>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Keys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("keys with values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys = Vec::new();
                while let Some((key, IgnoredAny)) = map.next_entry()? {
                    keys.push(key);
                }
                Ok(Keys(keys))
            }
        }
        from.deserialize_map(Reader)
    }
}

pub(crate) fn parse<T: DeserializeOwned + Default>(text: &str) -> Result<T, Invalid> {
    // A file of comments is empty, and an empty file requires nothing.
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(T::default());
    }
    serde_saphyr::from_str(text).map_err(|error| Invalid::Format(mistake(&error, text)))
}

/// The line and the key of a mistake. The parser quotes the line it stopped at, which may hold a secret; keys are none.
fn mistake(error: &Error, text: &str) -> String {
    let line = error.location().map(|at| at.line());
    let place = line.map_or("it".to_owned(), |line| format!("line {line}"));
    match error.without_snippet() {
        Error::SerdeUnknownField { field, expected, .. } if is_key(field) => {
            format!("{place}: {}", unknown(field, expected))
        }
        Error::SerdeMissingField { field, .. } => format!("{place}: the key {field} is missing"),
        Error::DuplicateMappingKey { key: Some(key), .. } if is_key(key) => {
            format!("{place}: the key {key} is given twice")
        }
        _ => {
            let key = line.and_then(|line| key_of(text, line));
            let key = key.map_or(String::new(), |key| format!(", {key}"));
            format!("{place}{key}: {NOT_THE_FORMAT}")
        }
    }
}

const NOT_THE_FORMAT: &str = "it is not in the format of a web configuration";

/// An unknown top-level key.
pub(crate) fn unknown_key(line: u64, key: &str, known: &[&str]) -> Invalid {
    let reason = if is_key(key) { unknown(key, known) } else { NOT_THE_FORMAT.to_owned() };
    Invalid::Format(format!("line {line}: {reason}"))
}

fn unknown(key: &str, known: &[&str]) -> String {
    let meant = similar(key, known);
    let meant = meant.map_or_else(
        || format!("the keys here are {}", known.join(", ")),
        |meant| format!("did you mean {meant}?"),
    );
    format!("unknown key {key}; {meant}")
}

fn similar<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |one: &str| strsim::jaro_winkler(key, one);
    let best = known.iter().copied().max_by(|one, other| likeness(one).total_cmp(&likeness(other)))?;
    (likeness(best) > 0.8).then_some(best)
}

/// Whether a text looks like a key: anything else may be a secret value, and is not repeated in errors.
fn is_key(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// The key that a line begins with.
fn key_of(text: &str, line: u64) -> Option<&str> {
    let line = text.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?)?;
    let (key, _) = line.trim_start().trim_start_matches("- ").split_once(':')?;
    is_key(key).then_some(key)
}
