//! Backups: everything that cannot be derived or obtained again, in a format of its own (docs/backup-format.md) that other
//! programs can read. A backup is a sequence of objects, each named by its SHA-256 and each of one person, and a listing that
//! names them. In a folder or bucket the objects of several backups lie together, so that a new backup adds what is new; as a
//! file they are members of a tar archive.
//!
//! Not here: SQL (`store`), flags, the clock (time is an argument).

mod chunk;
mod copy;
mod crypt;
mod error;
mod listing;
mod make;
mod read;
mod repository;
mod retention;
mod schedule;
mod tarball;

pub use copy::copy;
pub use crypt::{Encryption, Identities, InvalidKey, Recipient};
pub use error::{Damage, Error, Result};
pub use listing::{Counts, Listing, Manifest, PersonCounts, TableCounts};
pub use make::{Made, Progress, back_up};
pub use read::{Selection, Source, Summary, check, restore};
pub use repository::{Reader, Repository, Verified};
pub use retention::{Keep, Pruned};
pub use schedule::{Clock, Schedule, Scheduled};
pub use tarball::{ArchiveReader, ArchiveWriter};
