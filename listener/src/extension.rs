//! Top-level keys that an application adds to the file of a listener.

use std::path::{Path, PathBuf};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::file::{self, Invalid};

/// Reads further top-level keys. Their values are put in force together with the rest of the file: a mistake in either
/// refuses both.
pub trait Extension: Send + Sync {
    /// The keys, which are none of the listener's own.
    fn keys(&self) -> &'static [&'static str];

    /// Files that hold values of these keys: when one of them changes, everything is read again.
    fn files(&self, source: &Source) -> Vec<PathBuf>;

    /// Reads and checks the values; may block.
    fn read(&self, source: &Source) -> Result<Box<dyn Values>, Invalid>;
}

/// Values of an extension's keys, checked.
pub trait Values: Send + Sync {
    /// Puts them in force. With an error the file is refused and the previous rules stay.
    fn apply(&self, now: Timestamp) -> BoxFuture<'_, Result<(), Invalid>>;
}

/// The text of a listener's file.
#[derive(Debug)]
pub struct Source {
    folder: PathBuf,
    text: String,
}

impl Source {
    pub(crate) fn read(path: &Path) -> Result<Self, Invalid> {
        let text = String::from_utf8(file::read(path)?)
            .map_err(|_| Invalid::Format("it is not UTF-8".to_owned()))?;
        Ok(Self::new(path.parent().unwrap_or(Path::new("")), text))
    }

    /// A text as it would be in a file of this folder.
    pub fn new(folder: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self { folder: folder.into(), text: text.into() }
    }

    /// Where the file is; paths in it are relative to it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The keys that `T` has. Errors have line and key, never a value, which may be a secret.
    pub fn parse<T: DeserializeOwned + Default>(&self) -> Result<T, Invalid> {
        file::parse(&self.text)
    }

    /// Refuses top-level keys other than these.
    pub(crate) fn check_keys(&self, known: &[&str]) -> Result<(), Invalid> {
        let file::Keys(keys) = file::parse(&self.text)?;
        for key in keys {
            if !known.contains(&key.value.as_str()) {
                return Err(file::unknown_key(key.referenced.line(), &key.value, known));
            }
        }
        Ok(())
    }
}
