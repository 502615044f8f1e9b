//! The tables of a backup. Everything that cannot be derived or obtained again is in it; a test compares this list with the
//! schema, so that a new column is decided here.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a column holds, and how a cell of it is written: whole numbers, texts, truth values; a date as `2026-03-29`, a
/// moment as `2026-03-29T12:00:00.000000Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Text,
    Bool,
    Date,
    Time,
}

/// A value of a row. The order is that of keys, the same on every database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// No value.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text, a date or a moment.
    Text(String),
}

/// Which rows of a table belong to a part of the backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Those of the installation.
    Installation,
    /// The one row of the installation that holds a number given last; it exists in an empty store as well.
    Counter,
    /// Those with the person's number in the column `person`, or `id` in the table of persons.
    Person(&'static str),
    /// The same; those without a person are the installation's.
    PersonOrInstallation,
}

/// A table of the backup.
#[derive(Debug)]
pub struct Table {
    pub(crate) name: &'static str,
    pub(crate) rows: Rows,
    /// The columns besides the person, with their kinds.
    pub(crate) columns: &'static [(&'static str, Kind)],
    /// What names a row besides the person. Rows are ordered by it.
    pub(crate) key: &'static [&'static str],
    /// Rows are ordered by the column `day` first, so that a new day changes the end of the backup only.
    pub(crate) by_day: bool,
}

impl Table {
    /// The table of this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.name == name)
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The names of its columns, in the order of a row's cells.
    pub fn columns(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|(name, _)| *name)
    }

    /// The position of a column among a row's cells.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|(column, _)| *column == name)
    }

    /// The position of the column `day` where rows are ordered by it.
    pub fn day_column(&self) -> Option<usize> {
        self.column("day").filter(|_| self.by_day)
    }

    /// Whether a part of a backup has rows of it: a person's part, or the installation's.
    pub fn is_of(&self, person: Option<i64>) -> bool {
        match self.rows {
            Rows::Installation | Rows::Counter => person.is_none(),
            Rows::Person(_) => person.is_some(),
            Rows::PersonOrInstallation => true,
        }
    }

    /// The column with the person's number, where the table has one.
    pub(crate) fn person_column(&self) -> Option<&'static str> {
        match self.rows {
            Rows::Installation | Rows::Counter => None,
            Rows::Person(column) => Some(column),
            Rows::PersonOrInstallation => Some("person"),
        }
    }

    /// The kind of a column.
    pub(crate) fn kind(&self, name: &str) -> Option<Kind> {
        self.columns.iter().find(|(column, _)| *column == name).map(|(_, kind)| *kind)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const INT: Kind = Kind::Int;
const TEXT: Kind = Kind::Text;
const BOOL: Kind = Kind::Bool;
const DATE: Kind = Kind::Date;
const TIME: Kind = Kind::Time;
const OF_PERSON: Rows = Rows::Person("person");

/// In the order in which they are restored: what a row refers to comes before it.
pub(crate) const TABLES: &[Table] = &[
    Table {
        name: "person",
        rows: Rows::Person("id"),
        columns: &[("name", TEXT), ("time_zone", TEXT), ("created_at", TIME), ("revision", INT)],
        key: &[],
        by_day: false,
    },
    Table { name: "person_number", rows: Rows::Counter, columns: &[("last", INT)], key: &[], by_day: false },
    Table {
        name: "api_token_number",
        rows: Rows::Counter,
        columns: &[("last", INT)],
        key: &[],
        by_day: false,
    },
    Table {
        name: "account",
        rows: Rows::PersonOrInstallation,
        columns: &[
            ("id", INT),
            ("name", TEXT),
            ("password", TEXT),
            ("generation", INT),
            ("created_at", TIME),
            ("password_changed_at", TIME),
            ("last_login_at", TIME),
            ("scopes", TEXT),
            ("expires_at", TIME),
            ("declared", BOOL),
            ("issuer", TEXT),
            ("subject", TEXT),
            ("rules", TEXT),
        ],
        key: &["id"],
        by_day: false,
    },
    Table {
        name: "api_token",
        rows: Rows::PersonOrInstallation,
        columns: &[
            ("id", INT),
            ("hash", TEXT),
            ("name", TEXT),
            ("scopes", TEXT),
            ("created_at", TIME),
            ("last_used_at", TIME),
            ("revoked_at", TIME),
            ("expires_at", TIME),
            ("declared", BOOL),
        ],
        key: &["id"],
        by_day: false,
    },
    Table {
        name: "audit",
        rows: Rows::Installation,
        columns: &[
            ("at", TIME),
            ("action", TEXT),
            ("outcome", TEXT),
            ("principal", TEXT),
            ("client", TEXT),
            ("route", TEXT),
            ("subject", TEXT),
        ],
        // Several entries can have one moment.
        key: &["at"],
        by_day: false,
    },
    Table {
        name: "oura_account",
        rows: OF_PERSON,
        columns: &[("oura_user", TEXT)],
        key: &["oura_user"],
        by_day: false,
    },
    Table {
        name: "sync_state",
        rows: OF_PERSON,
        columns: &[
            ("collection", TEXT),
            ("first_day", DATE),
            ("last_day", DATE),
            ("newest_day", DATE),
            ("last_attempt_at", TIME),
            ("last_success_at", TIME),
            ("failure", TEXT),
            ("rejected_at", TIME),
            ("rejected_day", DATE),
        ],
        key: &["collection"],
        by_day: false,
    },
    Table {
        name: "drift",
        rows: OF_PERSON,
        columns: &[
            ("collection", TEXT),
            ("pointer", TEXT),
            ("word", TEXT),
            ("first_seen_at", TIME),
            ("last_seen_at", TIME),
            ("documents", INT),
        ],
        key: &["collection", "pointer", "word"],
        by_day: false,
    },
    Table {
        name: "webhook_event",
        rows: OF_PERSON,
        columns: &[
            ("collection", TEXT),
            ("id", TEXT),
            ("change", TEXT),
            ("event_at", TIME),
            ("received_at", TIME),
            ("generation", INT),
            ("attempts", INT),
            ("not_before", TIME),
        ],
        key: &["collection", "id"],
        by_day: false,
    },
    Table {
        name: "rejected",
        rows: OF_PERSON,
        columns: &[
            ("collection", TEXT),
            ("id", TEXT),
            ("reason", TEXT),
            ("body", TEXT),
            ("first_seen_at", TIME),
            ("last_seen_at", TIME),
            ("origin", TEXT),
            ("day", DATE),
            ("answered_from", DATE),
            ("answered_to", DATE),
            ("not_before", TIME),
        ],
        key: &["collection", "id"],
        by_day: false,
    },
    Table {
        name: "document",
        rows: OF_PERSON,
        columns: &[
            ("collection", TEXT),
            ("id", TEXT),
            ("day", DATE),
            ("body", TEXT),
            ("fingerprint", INT),
            ("revision", INT),
            ("first_seen_at", TIME),
            ("changed_at", TIME),
            ("origin", TEXT),
            ("missing_since", TIME),
        ],
        key: &["collection", "id"],
        by_day: true,
    },
    Table {
        name: "document_revision",
        rows: OF_PERSON,
        columns: &[
            ("collection", TEXT),
            ("id", TEXT),
            ("revision", INT),
            ("day", DATE),
            ("body", TEXT),
            ("changed_at", TIME),
            ("replaced_at", TIME),
        ],
        key: &["collection", "id", "revision"],
        by_day: true,
    },
];

/// What is left out, and why. `*` is the whole table.
#[cfg(feature = "testing")]
pub(crate) const LEFT_OUT: &[(&str, &str, &str)] = &[
    ("person", "due_at", "everyone is due at once"),
    ("oura_account", "confirmed_with", "names a log-in, which is not in a backup"),
    ("webhook_event", "claimed_until", "no worker of the restored store has it"),
    ("daily", "*", "derived from documents"),
    ("series", "*", "derived from documents"),
    ("latest", "*", "derived from documents"),
    ("derivation", "*", "the restored numbers are derived by the rules of the program that restores"),
    ("credential", "*", "a refresh token works once, so the one in a backup is spent (docs/adr/0023)"),
    ("lease", "*", "names living processes"),
    ("job", "*", "ends within days, and its result is not in the database"),
    ("declared_access", "*", "a row that processes lock, without content"),
    ("_sqlx_migrations", "*", "the store that is restored into has its own"),
];
