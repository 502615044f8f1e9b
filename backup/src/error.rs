//! Why a backup cannot be made or restored.

use jiff::Timestamp;

/// The result of everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure. Messages name the place and what to do, never a health value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The folder or bucket.
    #[error("the place of the backups does not answer as expected; what was there before is unchanged")]
    Place(#[from] object_store::Error),
    /// No folder, and no bucket.
    #[error(transparent)]
    Location(#[from] jobs::InvalidResultLocation),
    /// The file or pipe.
    #[error("the backup cannot be read or written to its end")]
    Io(#[from] std::io::Error),
    /// A backup that is not as it was made. Nothing was restored.
    #[error(
        "{what} is damaged: {damage}; nothing was restored. Choose another backup with --at, or another copy"
    )]
    Damaged {
        /// The object, or the part of the backup.
        what: String,
        /// How.
        damage: Damage,
    },
    /// Made by a later version.
    #[error(
        "the backup has the format {found} of a newer myhealth, and this one knows {known}; restore it with that version"
    )]
    Newer {
        /// The version in the backup.
        found: i64,
        /// The version of this program.
        known: i64,
    },
    /// Of a later schema.
    #[error(
        "the backup was made with the database schema {found} of a newer myhealth, and this one knows {known}; restore it with \
         that version"
    )]
    NewerSchema {
        /// The schema in the backup.
        found: i64,
        /// The schema of this program.
        known: i64,
    },
    /// No key was given.
    #[error(
        "the backup is encrypted; give its identity with --identity, or its passphrase with --passphrase-file"
    )]
    NoIdentity,
    /// None of the given keys opens it.
    #[error("the backup is encrypted for another key or passphrase; nothing was restored")]
    WrongIdentity,
    /// A folder without backups.
    #[error("there is no backup in {0}")]
    None(String),
    /// No backup is as old as that.
    #[error("there is no backup from {wanted} or before; the oldest is from {oldest}")]
    NoneSo {
        /// The wanted moment.
        wanted: Timestamp,
        /// The oldest backup's moment.
        oldest: Timestamp,
    },
    /// No person of this name.
    #[error("the backup has no person called {name}; it has {known}")]
    NoPerson {
        /// The wanted name.
        name: String,
        /// Everyone in it.
        known: String,
    },
    /// Another process took over.
    #[error("another process makes the backup, because this one was too slow to renew its lease")]
    LeaseLost,
    /// A repository with a passphrase was given other keys.
    #[error(
        "the backups there are protected by a passphrase: give that with --passphrase-file, or neither --recipient nor \
         --unencrypted"
    )]
    OtherEncryption,
}

impl Error {
    pub(crate) fn damaged(what: impl Into<String>, damage: Damage) -> Self {
        Self::Damaged { what: what.into(), damage }
    }

    /// Whether the backup itself is damaged, as opposed to unreachable.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }
}

/// What is wrong with a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Its bytes do not have the hash of its name.
    #[error("its content is not the one it was made with")]
    Hash,
    /// It is not there.
    #[error("it is missing")]
    Missing,
    /// It does not open with the right key.
    #[error("it does not decrypt")]
    Decryption,
    /// It does not unpack.
    #[error("it does not unpack")]
    Compression,
    /// Its text is not of the format.
    #[error("it is not of the format")]
    Format,
    /// Objects are not the ones of the listing, or in another order.
    #[error("its parts are missing, in another order, or of another backup")]
    Order,
    /// Rows differ from the manifest.
    #[error("its rows are not those that the manifest counts")]
    Counts,
    /// It ends too early.
    #[error("it ends before its end")]
    Truncated,
}
