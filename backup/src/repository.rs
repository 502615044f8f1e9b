//! Several backups in a folder or bucket, which share their objects.
//!
//! `objects/ab/abcd…` are the objects, `listings/20261128T024139Z-<SHA-256>.json` the backups; `key.age` and `key.pub` are the
//! key of a passphrase. A listing is written last, so an interrupted backup is none; nothing is ever changed in place.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use jiff::{SignedDuration, Timestamp};
use jobs::{InvalidResultLocation, ResultLocation as Place};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};

use crate::chunk::hash;
use crate::crypt::{self, Encryption, Identities, Recipient, blocking};
use crate::error::{Damage, Error, Result};
use crate::listing::{FORMAT, Hash, Listing, Manifest, Object};

pub(crate) const KEY: &str = "key.age";
const RECIPIENT: &str = "key.pub";
pub(crate) const LISTINGS: &str = "listings";
pub(crate) const OBJECTS: &str = "objects";

/// The name of an object.
pub(crate) fn object_name(object: Hash) -> String {
    let name = object.to_string();
    format!("{OBJECTS}/{}/{name}", &name[..2])
}

/// The name of a listing: its time, and the hash of its text.
pub(crate) fn listing_name(created_at: Timestamp, text: &[u8]) -> String {
    format!("{LISTINGS}/{}-{}.json", created_at.strftime("%Y%m%dT%H%M%SZ"), hash(text))
}

/// Reads a listing; its text must have the hash of its name.
pub(crate) fn parse_listing(name: &str, text: &[u8]) -> Result<Listing> {
    let damaged = |damage| Error::damaged(name, damage);
    let stem = name.rsplit('/').next().unwrap_or(name).strip_suffix(".json");
    let wanted = stem.and_then(|stem| stem.rsplit_once('-')?.1.parse::<Hash>().ok());
    if wanted.ok_or_else(|| damaged(Damage::Format))? != hash(text) {
        return Err(damaged(Damage::Hash));
    }
    let found: serde_json::Value = serde_json::from_slice(text).map_err(|_| damaged(Damage::Format))?;
    let format = found.get("format").and_then(serde_json::Value::as_i64);
    match format.ok_or_else(|| damaged(Damage::Format))? {
        found if found > FORMAT => return Err(Error::Newer { found, known: FORMAT }),
        _ => {}
    }
    let listing: Listing = serde_json::from_value(found).map_err(|_| damaged(Damage::Format))?;
    if listing.schema > store::Store::schema() {
        return Err(Error::NewerSchema { found: listing.schema, known: store::Store::schema() });
    }
    Ok(listing)
}

/// A folder or bucket of backups.
#[derive(Clone, Debug)]
pub struct Repository {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    place: Place,
}

/// What a verification without a key found to be as it should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Objects that are there with their length.
    pub objects: u64,
    /// Those that were read, and have the hash of their name.
    pub read: u64,
    /// Bytes of all objects.
    pub bytes: u64,
}

impl Repository {
    /// Opens a place to write backups into; a folder is made.
    pub fn create(
        place: &Place,
        settings: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, InvalidResultLocation> {
        let (store, prefix) = place.open(settings)?;
        Ok(Self { store, prefix, place: place.clone() })
    }

    /// Opens a place to read backups from; a folder must be there.
    pub fn open(place: &Place, settings: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        if matches!(place, Place::Folder(path) if !path.is_dir()) {
            return Err(Error::None(place.to_string()));
        }
        Ok(Self::create(place, settings)?)
    }

    fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.prefix.clone(), Path::join)
    }

    pub(crate) async fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        self.store.put(&self.path(name), bytes.into()).await?;
        Ok(())
    }

    /// The bytes of this name; `None` when it is not there.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<Bytes>> {
        match self.store.get(&self.path(name)).await {
            Ok(found) => Ok(Some(found.bytes().await?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// An object's bytes, which have the hash of its name.
    pub(crate) async fn object(&self, object: Hash) -> Result<Bytes> {
        let what = || format!("the object {object}");
        let bytes = self.get(&object_name(object)).await?;
        let bytes = bytes.ok_or_else(|| Error::damaged(what(), Damage::Missing))?;
        if hash(&bytes) == object { Ok(bytes) } else { Err(Error::damaged(what(), Damage::Hash)) }
    }

    /// The names of all listings, the oldest first.
    pub(crate) async fn listing_names(&self) -> Result<Vec<String>> {
        let all = self.store.list(Some(&self.path(LISTINGS)));
        let name = |meta: object_store::ObjectMeta| {
            let name = meta
                .location
                .filename()
                .filter(|name| name.split_once('.').is_some_and(|(_, end)| end == "json"));
            name.map(|name| format!("{LISTINGS}/{name}"))
        };
        let mut names: Vec<String> =
            all.try_filter_map(|meta| std::future::ready(Ok(name(meta)))).try_collect().await?;
        names.sort_unstable();
        Ok(names)
    }

    pub(crate) async fn listing(&self, name: &str) -> Result<Listing> {
        let text = self.get(name).await?.ok_or_else(|| Error::damaged(name, Damage::Missing))?;
        parse_listing(name, &text)
    }

    /// The backup that was the newest at a moment; without one, the newest of all.
    pub async fn newest(&self, at: Option<Timestamp>) -> Result<Listing> {
        let names = self.listing_names().await?;
        let Some(first) = names.first() else { return Err(Error::None(self.place.to_string())) };
        let Some(at) = at else {
            return self.listing(names.last().unwrap_or(first)).await;
        };
        // The name has the time to the second; one of this very second counts.
        let bound = format!("{LISTINGS}/{}~", at.strftime("%Y%m%dT%H%M%SZ"));
        if let Some(name) = names.iter().rev().find(|name| **name < bound) {
            return self.listing(name).await;
        }
        let oldest = self.listing(first).await?.created_at;
        Err(Error::NoneSo { wanted: at, oldest })
    }

    /// Names and lengths of the objects that are there.
    pub(crate) async fn present(&self) -> Result<HashMap<Hash, u64>> {
        let all = self.store.list(Some(&self.path(OBJECTS)));
        let object = |meta: object_store::ObjectMeta| {
            let name = meta.location.filename().and_then(|name| name.parse().ok());
            name.map(|name: Hash| (name, meta.size))
        };
        Ok(all.try_filter_map(|meta| std::future::ready(Ok(object(meta)))).try_collect().await?)
    }

    /// Whom a backup here is to be encrypted for; makes the key of a passphrase when there is none. Without a wish for another,
    /// a key that is here is used.
    pub async fn recipients(&self, wanted: Option<&Encryption>) -> Result<Vec<Recipient>> {
        let known = match self.get(RECIPIENT).await? {
            Some(text) => {
                let text = String::from_utf8_lossy(&text).into_owned();
                Some(text.parse().map_err(|_| Error::damaged(RECIPIENT, Damage::Format))?)
            }
            None => None,
        };
        match (known, wanted) {
            (Some(key), None) => Ok(vec![key]),
            (Some(key), Some(Encryption::Passphrase(passphrase))) => {
                // Now is the time to notice a passphrase that opens nothing.
                let protected = self.get(KEY).await?.ok_or_else(|| Error::damaged(KEY, Damage::Missing))?;
                let passphrase = passphrase.clone();
                blocking(move || {
                    let mut identities = Identities::default();
                    identities.set_passphrase(passphrase);
                    identities.unlock(&protected)
                })
                .await?;
                Ok(vec![key])
            }
            (Some(_), Some(_)) => Err(Error::OtherEncryption),
            (None, Some(Encryption::Passphrase(passphrase))) => {
                let passphrase = passphrase.clone();
                let (key, protected) = blocking(move || crypt::new_protected_key(&passphrase)).await?;
                self.put(KEY, protected).await?;
                self.put(RECIPIENT, format!("{key}\n").into()).await?;
                Ok(vec![key])
            }
            (None, Some(Encryption::Recipients(recipients))) => Ok(recipients.clone()),
            (None, Some(Encryption::None)) => Ok(Vec::new()),
            (None, None) => Err(Error::NoIdentity),
        }
    }

    /// Checks without a key that every object of a backup is there, and reads those of `read` whole.
    pub async fn verify(&self, listing: &Listing, read: Option<&HashSet<Hash>>) -> Result<Verified> {
        let present = self.present().await?;
        let mut verified = Verified::default();
        for Object { object, bytes, .. } in listing.objects() {
            let what = || format!("the object {object}");
            match present.get(object) {
                None => return Err(Error::damaged(what(), Damage::Missing)),
                Some(length) if length != bytes => return Err(Error::damaged(what(), Damage::Truncated)),
                Some(_) => {}
            }
            verified.objects += 1;
            verified.bytes += bytes;
            if read.is_none_or(|read| read.contains(object)) {
                self.object(*object).await?;
                verified.read += 1;
            }
        }
        Ok(verified)
    }

    /// The manifest of a backup.
    pub async fn manifest(&self, listing: &Listing, identities: &Identities) -> Result<Manifest> {
        let bytes = self.object(listing.manifest.object).await?;
        let identities = identities.clone();
        blocking(move || parse_manifest(&bytes, &identities)).await
    }

    /// Opens the key of a passphrase with the passphrase.
    pub(crate) async fn unlock(&self, mut identities: Identities) -> Result<Identities> {
        match self.get(KEY).await? {
            Some(key) => blocking(move || identities.unlock(&key).map(|()| identities)).await,
            None => Ok(identities),
        }
    }

    /// Removes an object or listing; one that is not there is removed.
    pub(crate) async fn remove(&self, name: &str) -> Result<()> {
        match self.store.delete(&self.path(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Objects last written before a moment, with their lengths.
    pub(crate) async fn objects_before(&self, before: Timestamp) -> Result<Vec<(Hash, u64)>> {
        let all = self.store.list(Some(&self.path(OBJECTS)));
        let object = |meta: object_store::ObjectMeta| {
            let name = meta.location.filename().and_then(|name| name.parse().ok());
            let old = meta.last_modified.timestamp() < before.as_second();
            name.filter(|_| old).map(|name: Hash| (name, meta.size))
        };
        Ok(all.try_filter_map(|meta| std::future::ready(Ok(object(meta)))).try_collect().await?)
    }

    /// A reader of one backup.
    pub async fn read(&self, at: Option<Timestamp>, identities: Identities) -> Result<Reader> {
        let listing = self.newest(at).await?;
        let identities = self.unlock(identities).await?;
        Ok(Reader { repository: self.clone(), listing, identities })
    }
}

pub(crate) fn parse_manifest(bytes: &[u8], identities: &Identities) -> Result<Manifest> {
    let text = crypt::unpack(bytes, "of the manifest", identities)?;
    serde_json::from_slice(&text).map_err(|_| Error::damaged("the manifest", Damage::Format))
}

/// How long an object that no listing names may belong to a backup that is still being made.
pub(crate) const UNLISTED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// One backup of a repository.
#[derive(Debug)]
pub struct Reader {
    pub(crate) repository: Repository,
    /// What it consists of.
    pub listing: Listing,
    pub(crate) identities: Identities,
}
