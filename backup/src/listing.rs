//! What a backup consists of. The listing is not encrypted: it names objects, lengths and persons' numbers, by which backups
//! can be verified, thinned out and freed of a person without a key. The manifest is an object like the others.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{Cell, Table};

/// The version of the format.
pub(crate) const FORMAT: i64 = 1;

/// A SHA-256; written in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash(pub(crate) [u8; 32]);

/// Not 64 lower-case hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("a SHA-256 is 64 lower-case hexadecimal digits")]
pub struct InvalidHash;

impl FromStr for Hash {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| InvalidHash)?;
        bytes.try_into().map(Self).map_err(|_| InvalidHash)
    }
}

impl TryFrom<String> for Hash {
    type Error = InvalidHash;

    fn try_from(text: String) -> Result<Self, InvalidHash> {
        text.parse()
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An object of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the names are those of the format")]
pub(crate) struct Object {
    /// The hash of its bytes, which is its name.
    pub(crate) object: Hash,
    /// Its length in bytes.
    pub(crate) bytes: u64,
    /// The hash of what is in it, unpacked: whether a later backup has the same.
    pub(crate) content: Hash,
}

/// The objects of one person, or of the installation, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    /// The person's number; `None` for the installation.
    pub(crate) person: Option<i64>,
    pub(crate) chunks: Vec<Object>,
}

/// What a backup consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// The version of the format.
    pub(crate) format: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// The version of the program that made it.
    pub program: String,
    /// The version of the database's schema.
    pub schema: i64,
    /// For whom it is encrypted, as age writes recipients; empty: it is not.
    pub recipients: Vec<String>,
    /// Counts and hashes of the rows.
    pub(crate) manifest: Object,
    /// The installation first, then the persons by number.
    pub(crate) parts: Vec<Part>,
    /// Persons who were erased from it after it was made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) erased: Vec<i64>,
}

impl Listing {
    /// Every object, the manifest last.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Object> {
        self.parts.iter().flat_map(|part| &part.chunks).chain([&self.manifest])
    }

    /// How many objects it has.
    pub fn objects_count(&self) -> usize {
        self.objects().count()
    }

    /// Bytes of all its objects.
    pub fn bytes(&self) -> u64 {
        self.objects().map(|object| object.bytes).sum()
    }

    /// Its text: ends with a line feed.
    pub(crate) fn text(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec(self).expect("BUG: a listing is JSON");
        text.push(b'\n');
        text
    }
}

/// Rows of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableCounts {
    /// How many.
    pub rows: u64,
    /// The SHA-256 of their lines, in order.
    pub sha256: String,
}

/// Rows of a part, by table and collection.
#[derive(Clone, Debug, Default)]
pub struct Counts(BTreeMap<String, (u64, Sha256)>);

impl Counts {
    /// Counts a row by its line.
    pub(crate) fn count(&mut self, table: &Table, row: &[Cell], line: &[u8]) {
        let collection = table.column("collection").and_then(|column| row.get(column));
        let name = match collection {
            Some(Cell::Text(collection)) => format!("{}/{collection}", table.name()),
            _ => table.name().to_owned(),
        };
        let (rows, hash) = self.0.entry(name).or_default();
        *rows += 1;
        hash.update(line);
    }

    /// What has been counted.
    pub fn finish(self) -> BTreeMap<String, TableCounts> {
        let finish = |(name, (rows, hash)): (String, (u64, Sha256))| {
            (name, TableCounts { rows, sha256: HEXLOWER.encode(&hash.finalize()) })
        };
        self.0.into_iter().map(finish).collect()
    }
}

/// The rows of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonCounts {
    /// The person's number.
    pub number: i64,
    /// The person's name.
    pub name: String,
    /// By table, and collection where the table has one: `document/sleep`.
    pub rows: BTreeMap<String, TableCounts>,
}

/// Counts and hashes of everything in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The rows of the installation, by table.
    pub installation: BTreeMap<String, TableCounts>,
    /// Everyone, by number.
    pub people: Vec<PersonCounts>,
}

impl Manifest {
    /// Rows of a table, of everyone together.
    pub fn rows(&self, table: &str) -> u64 {
        let of = |rows: &BTreeMap<String, TableCounts>| -> u64 {
            let named = rows.iter().filter(|(name, _)| name.split('/').next() == Some(table));
            named.map(|(_, counts)| counts.rows).sum()
        };
        of(&self.installation) + self.people.iter().map(|person| of(&person.rows)).sum::<u64>()
    }
}
