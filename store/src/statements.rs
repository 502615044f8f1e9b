//! How long statements take, by what they do to which table: a closed set of names, whatever values they are given.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::error::BoxDynError;
use sqlx::{Database, Execute, SqlStr};
use tokio::time::Instant;
use tracing::Span;

use crate::Store;

/// Upper bounds of the buckets, in seconds.
pub const STATEMENT_BUCKETS: [f64; 9] = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0];

/// What a statement begins with.
const OPERATIONS: [&str; 4] = ["select", "insert", "update", "delete"];

/// Words behind which a table is named.
const TABLE_FOLLOWS: [&str; 4] = ["from", "into", "update", "join"];

/// The tables of the schema.
pub(crate) const TABLES: [&str; 21] = [
    "account",
    "api_token",
    "api_token_number",
    "audit",
    "credential",
    "daily",
    "declared_access",
    "derivation",
    "document",
    "document_revision",
    "drift",
    "job",
    "latest",
    "lease",
    "oura_account",
    "person",
    "person_number",
    "rejected",
    "series",
    "sync_state",
    "webhook_event",
];

/// What a statement does, and the first table that it names; `other` where that is neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StatementName {
    /// `select`, `insert`, `update`, `delete` or `other`.
    pub operation: &'static str,
    /// A table of the schema or `other`.
    pub table: &'static str,
}

impl StatementName {
    fn of(sql: &str) -> Self {
        let words = sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let mut words = words.filter(|word| !word.is_empty()).peekable();
        let operation = words.peek().and_then(|first| OPERATIONS.into_iter().find(|known| first == known));
        let mut before = "";
        let table = words.find_map(|word| {
            // A column may be called as a table is.
            let names_table = TABLE_FOLLOWS.contains(&before);
            before = word;
            names_table.then(|| TABLES.binary_search(&word).ok()).flatten()
        });
        Self { operation: operation.unwrap_or("other"), table: table.map_or("other", |at| TABLES[at]) }
    }

    /// Every name that a statement can have.
    pub fn all() -> impl Iterator<Item = Self> {
        let operations = OPERATIONS.into_iter().chain(["other"]);
        operations.flat_map(|operation| {
            TABLES.into_iter().chain(["other"]).map(move |table| Self { operation, table })
        })
    }
}

impl std::fmt::Display for StatementName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.operation, self.table)
    }
}

/// How long the statements of one name took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StatementDurations {
    /// How many took at most as long as each of [`STATEMENT_BUCKETS`] and longer than the one before; the last: longer
    /// than all.
    pub buckets: [u64; STATEMENT_BUCKETS.len() + 1],
    /// All durations together, in seconds.
    pub sum: f64,
}

impl StatementDurations {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

/// The durations of all statements of a store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Statements(Arc<Mutex<BTreeMap<StatementName, StatementDurations>>>);

impl Statements {
    /// Begins to measure a statement.
    pub(crate) fn begin(&self, sql: &SqlStr) -> Running {
        Running { statements: self.clone(), name: StatementName::of(sql.as_str()), began: Instant::now() }
    }

    fn observe(&self, name: StatementName, seconds: f64) {
        // Nothing panics while it holds this lock.
        let mut durations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let durations = durations.entry(name).or_default();
        durations.buckets[STATEMENT_BUCKETS.partition_point(|bound| *bound < seconds)] += 1;
        durations.sum += seconds;
    }
}

/// A statement that runs until this is dropped: when its last row was taken, or when it failed or was given up.
pub(crate) struct Running {
    statements: Statements,
    name: StatementName,
    began: Instant,
}

impl Running {
    /// A span of a trace, by its name alone.
    pub(crate) fn span(&self) -> Span {
        tracing::info_span!("db.statement", db.query.summary = %self.name)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.statements.observe(self.name, self.began.elapsed().as_secs_f64());
    }
}

/// A statement whose text has been read; what the driver is given instead.
pub(crate) struct Statement<Db: Database> {
    pub(crate) sql: SqlStr,
    arguments: Option<Result<Option<Db::Arguments>, BoxDynError>>,
    persistent: bool,
}

impl<Db: Database> Statement<Db> {
    pub(crate) fn of<'q>(mut query: impl Execute<'q, Db>) -> Self {
        let (arguments, persistent) = (query.take_arguments(), query.persistent());
        Self { sql: query.sql(), arguments: Some(arguments), persistent }
    }
}

impl<Db: Database> Execute<'_, Db> for Statement<Db> {
    fn sql(self) -> SqlStr {
        self.sql
    }

    /// This crate executes texts; the driver keeps what it prepared by them.
    fn statement(&self) -> Option<&Db::Statement> {
        None
    }

    fn take_arguments(&mut self) -> Result<Option<Db::Arguments>, BoxDynError> {
        self.arguments.take().unwrap_or(Ok(None))
    }

    fn persistent(&self) -> bool {
        self.persistent
    }
}

impl Store {
    /// How long statements took since the store was opened, by name; those of transactions too.
    pub fn statements(&self) -> Vec<(StatementName, StatementDurations)> {
        let durations = self.statements.0.lock().unwrap_or_else(PoisonError::into_inner);
        durations.iter().map(|(name, durations)| (*name, *durations)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statement_is_named_by_its_operation_and_first_table() {
        let name = |sql: &str| StatementName::of(sql).to_string();
        for (sql, expected) in [
            ("select person, day, value from daily where person = $1", "select daily"),
            (
                "select 1 from unnest($1) whose(person) cross join lateral (select day from daily d) found",
                "select daily",
            ),
            ("insert into document_revision select * from document", "insert document_revision"),
            ("update person set due_at = $1", "update person"),
            ("delete from \"latest\" where person = $1", "delete latest"),
            ("select 1", "select other"),
            ("with x as (select 1 from job) select * from x", "other job"),
            ("", "other other"),
        ] {
            assert_eq!(name(sql), expected, "{sql}");
        }
    }

    #[test]
    fn tables_are_sorted_as_the_search_requires() {
        assert!(TABLES.is_sorted());
    }

    #[test]
    fn duration_counts_in_the_first_bucket_that_holds_it() {
        let statements = Statements::default();
        let name = StatementName { operation: "select", table: "daily" };
        for seconds in [0.0005, 0.002, 60.0] {
            statements.observe(name, seconds);
        }
        let durations = statements.0.lock().unwrap()[&name];
        assert_eq!(durations.buckets, [1, 0, 1, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!((durations.count(), durations.sum), (3, 60.0025));
    }
}
