//! Failures of the database and of what it is asked to do.

use std::path::PathBuf;

use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteError;

/// The result of every store method.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the store. Messages name the place and what to do, never a health value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no database URL.
    #[error(
        "the database URL is not usable: {reason}; write postgres://user:password@host/name or sqlite:path/to/file.db"
    )]
    Url {
        /// What is wrong with it; the URL itself can hold a password and is not repeated.
        reason: String,
    },
    /// The embedded database's folder cannot be written.
    #[error(
        "cannot open the database {path}; {}",
        crate::denied::remedy(path, source, "choose a folder that this user may write with --data-dir")
    )]
    Directory {
        /// The database file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The database cannot be reached or does not answer.
    #[error("the database is unavailable; check its address, credentials and disk space")]
    Unavailable {
        /// What the driver said.
        source: sqlx::Error,
    },
    /// The log-in at the server cannot be read.
    #[error("cannot read how to log in at the database")]
    Login {
        /// Which file or service does not give it.
        source: crate::LoginError,
    },
    /// The server stores text in an encoding that cannot hold every text of Oura's and of people.
    #[error(
        "the database {database:?} has the encoding {encoding}, and myhealth needs UTF8; make another with \
         `createdb --encoding=UTF8 --template=template0 NAME` and name it instead (`pg_dump` and `psql` move what is stored)"
    )]
    Encoding {
        /// Its name.
        database: String,
        /// As PostgreSQL calls it.
        encoding: String,
    },
    /// A text with the character NUL, which PostgreSQL cannot store; so nothing that is stored has such a name.
    #[error("a text holds the character NUL, which no name, id or document can")]
    Nul(#[source] sqlx::Error),
    /// A statement failed.
    #[error("the database refused a statement")]
    Database(#[source] sqlx::Error),
    /// The embedded database has no roles.
    #[error("the embedded database has no roles; grants are for PostgreSQL")]
    NoRoles,
    /// The role that migrates may not pass on what it has.
    #[error(
        "the server did not grant all of it; the owner of the tables needs the schema with the right to grant it: `grant all on \
         schema public to OWNER with grant option`"
    )]
    NotGranted,
    /// A declared account or token is changed in the file only.
    #[error(
        "{what} is declared in the API's configuration file (--api.config.file): change or remove it there"
    )]
    Declared {
        /// The kind and name of the entry.
        what: String,
    },
    /// A declared entry names a person that the database does not have.
    #[error(
        "no person is called {name}; declare one under `people`, or add one with `myhealth person add {name}`"
    )]
    UnknownPerson {
        /// The name in the file.
        name: String,
    },
    /// A migration failed.
    #[error("cannot migrate the database")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The database was migrated by a newer version of this program, and there is no way back.
    #[error(
        "the database {place} has the schema {found} of a newer myhealth, and this one knows {known}; run that version again, or \
         restore the backup from before the upgrade"
    )]
    Newer {
        /// Where the database is, without credentials.
        place: String,
        /// The newest migration that was applied to it.
        found: i64,
        /// The newest migration of this program.
        known: i64,
    },
    /// A file or database of another program.
    #[error(
        "{place} is no database of myhealth, and was not changed; name another place with --data-dir or --database-url"
    )]
    NotOurs {
        /// Where it is, without credentials.
        place: String,
    },
    /// The embedded database's volume has no room.
    #[error("cannot write the database {path}; {}", crate::denied::FULL)]
    Full {
        /// The database file.
        path: PathBuf,
        /// What the driver said.
        source: sqlx::Error,
    },
    /// A reader of another process keeps the write-ahead log.
    #[error(
        "deleted rows are still in the write-ahead log, because another process reads the database; stop it and run the command \
         again"
    )]
    StillRead,
    /// A backup is restored into an empty store only.
    #[error(
        "{place} is not empty, and a backup is restored into an empty database only; name another one with --data-dir or \
         --database-url"
    )]
    NotEmpty {
        /// Where the database is, without credentials.
        place: String,
    },
    /// A row of a backup does not fit its table.
    #[error("the backup cannot be restored by this version")]
    BadRow(#[from] crate::backup::restore::BadRow),
    /// A stored value is not what its column promises.
    #[error(
        "the stored {what} cannot be read back; `myhealth rebuild` derives everything again from the documents"
    )]
    Corrupt {
        /// Which value.
        what: &'static str,
    },
}

impl From<sqlx::Error> for Error {
    fn from(source: sqlx::Error) -> Self {
        let code = source.as_database_error().and_then(DatabaseError::code);
        // Text is UTF-8 everywhere in this program, so an invalid byte can only be NUL.
        if code.is_some_and(|code| code == "22021") {
            Self::Nul(source)
        } else if is_outage(&source) {
            Self::Unavailable { source }
        } else {
            Self::Database(source)
        }
    }
}

/// Whether it is the database's condition that failed a statement, and not the statement: another one would have failed
/// as well, and the same one may succeed later.
pub(crate) fn is_outage(error: &sqlx::Error) -> bool {
    use sqlx::Error::{
        BeginFailed, Configuration, Database, Io, PoolClosed, PoolTimedOut, Protocol, Tls, WorkerCrashed,
    };
    match error {
        Io(_) | Tls(_) | PoolTimedOut | PoolClosed | Protocol(_) | Configuration(_) | WorkerCrashed
        | BeginFailed => true,
        Database(error) => {
            let Some(code) = error.code() else { return false };
            match error.try_downcast_ref::<SqliteError>() {
                // The low byte of an extended code is its primary code.
                Some(_) => code.parse().is_ok_and(|code: i32| SQLITE_OUTAGES.contains(&(code & 0xff))),
                None => POSTGRES_OUTAGES.iter().any(|class| code.starts_with(class)),
            }
        }
        _ => false,
    }
}

/// Whether the embedded database's volume has no room left.
pub(crate) fn is_full(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    let code = error.try_downcast_ref::<SqliteError>().and_then(DatabaseError::code);
    code.and_then(|code| code.parse().ok()).is_some_and(|code: i32| code & 0xff == SQLITE_FULL)
}

const SQLITE_FULL: i32 = 13;

/// Whether an embedded database's file is of another kind.
pub(crate) fn is_other_file(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    let code = error.try_downcast_ref::<SqliteError>().and_then(DatabaseError::code);
    code.and_then(|code| code.parse().ok()).is_some_and(|code: i32| code & 0xff == SQLITE_NOT_A_DATABASE)
}

const SQLITE_NOT_A_DATABASE: i32 = 26;

/// Primary codes: busy, locked, out of memory, read-only, I/O error, corrupt, full, cannot open, protocol, no database.
const SQLITE_OUTAGES: [i32; 10] = [5, 6, 7, 8, 10, 11, 13, 14, 15, 26];

/// Beginnings of SQLSTATE: connection, read-only transaction, credentials, no such database, resources, operator
/// intervention, system error, configuration file, internal error.
const POSTGRES_OUTAGES: [&str; 9] = ["08", "25006", "28", "3D", "53", "57", "58", "F0", "XX"];

/// An error and what it came from, on one line. A cause that the text has already is not repeated.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |error| error.source()) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.extend([": ", &cause]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Failure {
        text: &'static str,
        source: Option<Box<Failure>>,
    }

    #[test]
    fn cause_is_written_once() {
        let chain = |texts: &[&'static str]| {
            let mut failure: Option<Box<Failure>> = None;
            for text in texts.iter().rev().copied() {
                failure = Some(Box::new(Failure { text, source: failure }));
            }
            causes(&*failure.unwrap())
        };
        assert_eq!(chain(&["cannot read", "no such file"]), "cannot read: no such file");
        assert_eq!(chain(&["cannot read: no such file", "no such file"]), "cannot read: no such file");
        assert_eq!(chain(&["refused", "refused", "by the server"]), "refused: by the server");
    }
}
