//! Where results are stored: a folder, or an S3 bucket. A result is visible whole or not at all: a file is renamed when it is
//! complete, and a multipart upload is completed by its last call. Nothing is ever written twice under one name.

use std::fmt;
use std::path::{Path as FilePath, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::signer::{Method, SignedUrlOptions, Signer as _};
use object_store::{ObjectStore, ObjectStoreExt as _, WriteMultipart};
use store::create_private;

/// Parts of an upload: the least that S3 takes.
const PART: usize = 5 * 1024 * 1024;

/// Parts on their way at a time, which bounds the memory.
const PARTS_AHEAD: usize = 2;

/// Largest result in bytes; a larger one has to be requested in parts.
const MAX_RESULT: u64 = 4 * 1024 * 1024 * 1024;

/// An upload that was begun and is older belongs to no living process.
const ABANDONED_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Where results are stored; backups as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResultLocation {
    /// A folder; created when missing, accessible by its owner only.
    Folder(PathBuf),
    /// A bucket, as `s3://bucket/prefix`; the region, the endpoint and the credentials come from the environment.
    Bucket(String),
}

/// Why a location cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidResultLocation {
    /// Neither a folder nor a bucket.
    #[error("name a folder or s3://bucket/prefix; {0} is neither")]
    Scheme(String),
    /// A folder has no links.
    #[error("links are for results in s3://bucket/prefix; a folder has none")]
    NoLinks,
    /// The folder.
    #[error("cannot make the folder {path}; choose one that this user may write")]
    Folder {
        /// Which.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The store.
    #[error("the bucket cannot be used")]
    Store(#[from] object_store::Error),
}

/// Why a result cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is not there.
    #[error("the result is not where it was put; was its folder emptied, or is it another process's own?")]
    Missing,
    /// The store failed.
    #[error("the place for results does not answer")]
    Store(#[source] object_store::Error),
    /// The folder failed.
    #[error("the folder of results cannot be used")]
    Folder(#[source] std::io::Error),
}

impl FromStr for ResultLocation {
    type Err = InvalidResultLocation;

    fn from_str(text: &str) -> Result<Self, InvalidResultLocation> {
        match text.split_once("://") {
            Some(("s3", rest)) if !rest.is_empty() => Ok(Self::Bucket(text.to_owned())),
            Some((scheme, _)) => Err(InvalidResultLocation::Scheme(format!("{scheme}://…"))),
            None if text.is_empty() => Err(InvalidResultLocation::Scheme("nothing".to_owned())),
            None => Ok(Self::Folder(text.into())),
        }
    }
}

impl fmt::Display for ResultLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::Bucket(url) => f.write_str(url),
        }
    }
}

impl ResultLocation {
    /// Opens the place: its store, and what the names in it begin with. A folder is made when it is missing; a bucket is not
    /// requested. `settings` are those of S3 by their usual names (`AWS_REGION`, `AWS_ENDPOINT`, `AWS_ACCESS_KEY_ID` …).
    pub fn open(
        &self,
        settings: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(Arc<dyn ObjectStore>, Path), InvalidResultLocation> {
        Ok(match self {
            Self::Folder(path) => (Arc::new(folder(path)?), Path::ROOT),
            Self::Bucket(url) => {
                let (store, prefix) = bucket(url, settings)?;
                (store, prefix)
            }
        })
    }
}

/// A folder, made when it is missing.
fn folder(path: &FilePath) -> Result<LocalFileSystem, InvalidResultLocation> {
    create_private(path).map_err(|source| InvalidResultLocation::Folder { path: path.to_owned(), source })?;
    Ok(LocalFileSystem::new_with_prefix(path)?.with_fsync(true))
}

/// A bucket, and what the names in it begin with.
fn bucket(
    url: &str,
    settings: impl IntoIterator<Item = (String, String)>,
) -> Result<(Arc<AmazonS3>, Path), InvalidResultLocation> {
    let mut builder = AmazonS3Builder::new().with_url(url);
    for (name, value) in settings {
        if let Ok(key) = name.to_ascii_lowercase().parse() {
            builder = builder.with_config(key, value);
        }
    }
    let prefix = url.split('/').skip(3).collect::<Vec<_>>().join("/");
    Ok((Arc::new(builder.build()?), Path::from(prefix)))
}

/// The results of all jobs.
#[derive(Clone, Debug)]
pub struct Results {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    folder: Option<PathBuf>,
    bucket: Option<Arc<AmazonS3>>,
    /// How long links to the bucket are valid; `None`: results are read through this process.
    link_lifetime: Option<Duration>,
    /// Bytes of the largest.
    largest: u64,
}

impl Results {
    /// Opens a place. `settings` are those of S3 by their usual names (`AWS_REGION`, `AWS_ENDPOINT`, `AWS_ACCESS_KEY_ID`
    /// …); a bucket is not contacted before the first result.
    pub fn open(
        place: &ResultLocation,
        settings: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, InvalidResultLocation> {
        match place {
            ResultLocation::Folder(path) => {
                Ok(Self::new(Arc::new(folder(path)?), Path::ROOT, Some(path.clone()), None))
            }
            ResultLocation::Bucket(url) => {
                let (store, prefix) = bucket(url, settings)?;
                Ok(Self::new(store.clone(), prefix, None, Some(store)))
            }
        }
    }

    fn new(
        store: Arc<dyn ObjectStore>,
        prefix: Path,
        folder: Option<PathBuf>,
        bucket: Option<Arc<AmazonS3>>,
    ) -> Self {
        Self { store, prefix, folder, bucket, link_lifetime: None, largest: MAX_RESULT }
    }

    /// The same place, whose results are read at the bucket itself, by links that are valid for so long.
    pub fn with_links(self, lifetime: Duration) -> Result<Self, InvalidResultLocation> {
        if self.bucket.is_none() {
            return Err(InvalidResultLocation::NoLinks);
        }
        Ok(Self { link_lifetime: Some(lifetime), ..self })
    }

    fn path(&self, object: &str) -> Path {
        object.split('/').fold(self.prefix.clone(), Path::join)
    }

    /// Begins a result.
    pub(crate) async fn begin(&self, object: &str) -> Result<Upload, Unreadable> {
        if let Some((folder, (parent, _))) = self.folder.as_ref().zip(object.rsplit_once('/')) {
            // An existing folder may be open to other users; the folders in it are accessible by the owner only.
            let path = folder.join(parent);
            blocking(move || create_private(&path)).await.map_err(Unreadable::Folder)?;
        }
        let upload = self.store.put_multipart(&self.path(object)).await.map_err(Unreadable::Store)?;
        let parts = WriteMultipart::new_with_chunk_size(upload, PART);
        Ok(Upload { parts, bytes: 0, largest: self.largest })
    }

    /// Streams a result. A failure while reading is an error in the stream.
    pub async fn read(&self, object: &str) -> Result<BoxStream<'static, std::io::Result<Bytes>>, Unreadable> {
        match self.store.get(&self.path(object)).await {
            Ok(found) => Ok(found.into_stream().map_err(std::io::Error::other).boxed()),
            Err(object_store::Error::NotFound { .. }) => Err(Unreadable::Missing),
            Err(error) => Err(Unreadable::Store(error)),
        }
    }

    /// A link by which a result can be read without a credential, with these headers; `None` where results are read through
    /// this process.
    pub async fn link(
        &self,
        object: &str,
        media_type: &str,
        disposition: &str,
    ) -> Result<Option<String>, Unreadable> {
        let Some((bucket, lifetime)) = self.bucket.as_ref().zip(self.link_lifetime) else { return Ok(None) };
        let headers = [("response-content-type", media_type), ("response-content-disposition", disposition)];
        let options = SignedUrlOptions::new().with_query(headers);
        let link = bucket.signed_url_opts(Method::GET, &self.path(object), lifetime, &options).await;
        link.map(|link| Some(link.into())).map_err(Unreadable::Store)
    }

    /// Removes a result; one that is not there is removed.
    pub(crate) async fn remove(&self, object: &str) -> Result<(), Unreadable> {
        match self.store.delete(&self.path(object)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(Unreadable::Store(error)),
        }
    }

    /// Removes every result of a person; returns how many there were.
    pub async fn remove_person(&self, person: i64) -> Result<usize, Unreadable> {
        let prefix = format!("{person}/");
        let theirs = self.list().try_filter(|name| std::future::ready(name.starts_with(&prefix)));
        let theirs: Vec<String> = theirs.try_collect().await?;
        for object in &theirs {
            self.remove(object).await?;
        }
        Ok(theirs.len())
    }

    /// The names of all results, as they were given.
    pub(crate) fn list(&self) -> BoxStream<'static, Result<String, Unreadable>> {
        let prefix = self.prefix.clone();
        let name = move |path: &Path| {
            let parts: Option<Vec<String>> =
                path.prefix_match(&prefix).map(|parts| parts.map(|part| part.as_ref().to_owned()).collect());
            parts.unwrap_or_default().join("/")
        };
        let all = self.store.list(Some(&self.prefix));
        all.map_ok(move |meta| name(&meta.location)).map_err(Unreadable::Store).boxed()
    }

    /// Removes what killed processes left half-written in a folder; returns how much. A bucket needs a life-cycle rule
    /// for that.
    pub(crate) async fn sweep(&self, now: Timestamp) -> Result<usize, Unreadable> {
        let Some(folder) = self.folder.clone() else { return Ok(0) };
        blocking(move || sweep(folder, now)).await.map_err(Unreadable::Folder)
    }
}

/// Runs on a blocking thread: a slow folder delays no other task.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}

fn sweep(folder: PathBuf, now: Timestamp) -> std::io::Result<usize> {
    let mut removed = 0;
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if is_half_written(&entry.path()) {
                let changed = Timestamp::try_from(entry.metadata()?.modified()?).unwrap_or(now);
                if now.duration_since(changed) > ABANDONED_AFTER {
                    std::fs::remove_file(entry.path())?;
                    removed += 1;
                }
            }
        }
    }
    Ok(removed)
}

/// The name of an incomplete file: its final name, `#` and a number.
fn is_half_written(path: &FilePath) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.rsplit_once('#').is_some_and(|(_, end)| !end.is_empty() && end.bytes().all(|b| b.is_ascii_digit()))
}

/// A result being written.
pub(crate) struct Upload {
    parts: WriteMultipart,
    bytes: u64,
    largest: u64,
}

impl Upload {
    /// Completes it and makes it visible; returns its length in bytes.
    pub(crate) async fn finish(self) -> Result<u64, Unreadable> {
        self.parts.finish().await.map_err(Unreadable::Store)?;
        Ok(self.bytes)
    }

    /// Removes what was written.
    pub(crate) async fn abort(self) {
        // Garbage collection removes what remains.
        let _ = self.parts.abort().await;
    }
}

impl export::Output for Upload {
    async fn write(&mut self, piece: Bytes) -> Result<(), export::Error> {
        self.bytes += piece.len() as u64;
        if self.bytes > self.largest {
            return Err(export::Error::Write(std::io::ErrorKind::FileTooLarge.into()));
        }
        self.parts.wait_for_capacity(PARTS_AHEAD).await.map_err(std::io::Error::other)?;
        self.parts.put(piece);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
