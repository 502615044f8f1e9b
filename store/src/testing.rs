//! Throw-away databases for tests: an embedded file, or a schema of its own on the PostgreSQL server that
//! `cargo xtask test` starts. A missing server is a failure, never a silent skip.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::backend::Backend;
use crate::transaction::{Tx, with_conn};
use crate::{Location, Store};

/// Names the server for tests.
pub const POSTGRES: &str = "MYHEALTH_TEST_POSTGRES_URL";

/// An embedded store that goes with the returned folder.
pub async fn sqlite() -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let location = Location::Sqlite(folder.path().join("test.db"));
    (Store::open(&location).await.expect("an embedded store"), folder)
}

/// A migrated store in a schema of its own.
pub async fn postgres() -> Store {
    let store = Store::open(&empty_postgres().await).await.expect("the test server answers");
    store.migrate().await.expect("the schema migrates");
    store
}

/// The place of an empty schema of its own.
pub async fn empty_postgres() -> Location {
    empty_database_url().await.parse().expect("the test server's URL parses")
}

/// The same as a URL, for programs.
pub async fn empty_database_url() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    #[expect(clippy::disallowed_methods, reason = "the test runner tells where its server is")]
    let url = std::env::var(POSTGRES).unwrap_or_else(|_| {
        panic!("{POSTGRES} is not set; run `cargo xtask test`, or `cargo xtask provision` by hand")
    });
    let schema = format!("t_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let mut admin = PgConnection::connect(&url).await.expect("the test server answers");
    let create = format!("drop schema if exists {schema} cascade; create schema {schema}");
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut admin).await.expect("a schema of our own");
    admin.close().await.expect("the connection closes");
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options=-c%20search_path%3D{schema}")
}

/// Does what an administrator would do by hand.
pub async fn administer(url: &str, sql: &str) {
    let mut admin = PgConnection::connect(url).await.expect("the test server answers");
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut admin).await.expect("the server does it");
    admin.close().await.expect("the connection closes");
}

/// Runs a statement in a file of SQLite, which is made when it is missing.
pub async fn administer_sqlite(path: &std::path::Path, sql: &str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut file = sqlx::SqliteConnection::connect_with(&options).await.expect("the file opens");
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut file).await.expect("the statement runs");
    file.close().await.expect("the file closes");
}

/// Whether the role of this URL may read a table.
pub async fn may_read(url: &str, table: &str) -> bool {
    let mut connection = PgConnection::connect(url).await.expect("the test server answers");
    let asked = sqlx::query_scalar("select has_table_privilege($1, 'select')").bind(table);
    asked.fetch_one(&mut connection).await.expect("the server knows the table")
}

/// The tables that the role of this URL may read, sorted, and whether it may write all of their rows.
pub async fn privileges(url: &str) -> Vec<(String, bool)> {
    let mut connection = PgConnection::connect(url).await.expect("the test server answers");
    let sql =
        "select relname::text, has_table_privilege(oid, 'insert') and has_table_privilege(oid, 'update')
               and has_table_privilege(oid, 'delete')
               from pg_class where relnamespace = current_schema()::regnamespace and relkind in ('r', 'v')
               and has_table_privilege(oid, 'select') order by 1";
    sqlx::query_as(sql).fetch_all(&mut connection).await.expect("the server lists privileges")
}

/// How many connections a role has.
pub async fn connections_of(url: &str, role: &str) -> i64 {
    let mut connection = PgConnection::connect(url).await.expect("the test server answers");
    let counted = sqlx::query_scalar("select count(*) from pg_stat_activity where usename = $1").bind(role);
    counted.fetch_one(&mut connection).await.expect("the server counts")
}

/// A writing transaction that writes nothing; until it is dropped, an embedded store has no other.
pub struct Writing {
    _tx: Tx,
}

/// Begins one.
pub async fn writing(store: &Store) -> Writing {
    Writing { _tx: store.begin().await.expect("the store can be written") }
}

/// Lets the embedded database grow no further, as a full disk would; ends with the connection that writes.
pub async fn fill(store: &Store) {
    let Backend::Sqlite { write, .. } = &store.backend else { panic!("a server's disk cannot be filled") };
    // Less than it has is as much as it has.
    sqlx::query("pragma max_page_count = 1").execute(write).await.expect("the limit is set");
}

/// Leaves rejected documents as a version did that did not note their days.
pub async fn forget_rejected_days(store: &Store) {
    let mut tx = store.begin().await.expect("the store can be written");
    for sql in ["update rejected set day = null", "update sync_state set rejected_day = null"] {
        with_conn!(&mut tx, conn => {
            sqlx::query(sql).execute(conn).await.expect("the column can be emptied");
        });
    }
    tx.commit().await.expect("the store can be written");
}

/// Rows of every table about people, by table and person.
pub async fn rows_by_person(store: &Store) -> BTreeMap<(String, i64), i64> {
    let mut rows = BTreeMap::new();
    for table in tables_of_people(store).await {
        let sql = format!("select person, count(*) from {table} group by person");
        let counts: Vec<(i64, i64)> = match &store.backend {
            Backend::Postgres(server) => sqlx::query_as(AssertSqlSafe(sql)).fetch_all(server.pool()).await,
            Backend::Sqlite { read, .. } => sqlx::query_as(AssertSqlSafe(sql)).fetch_all(read).await,
        }
        .expect("the table can be counted");
        rows.extend(counts.into_iter().map(|(person, count)| ((table.clone(), person), count)));
    }
    rows
}

/// The tables of an embedded store, sorted.
pub async fn tables(store: &Store) -> Vec<String> {
    let Backend::Sqlite { read, .. } = &store.backend else { panic!("an embedded store") };
    let sql = "select name from sqlite_master where type = 'table' order by 1";
    sqlx::query_scalar(sql).fetch_all(read).await.expect("the schema can be read")
}

/// The tables that have a column `person`.
pub async fn tables_of_people(store: &Store) -> Vec<String> {
    match &store.backend {
        Backend::Postgres(server) => {
            sqlx::query_scalar(
                "select table_name::text from information_schema.columns
                 join information_schema.tables using (table_schema, table_name)
                 where table_schema = current_schema() and column_name = 'person' and table_type = 'BASE TABLE'
                 order by 1",
            )
            .fetch_all(server.pool())
            .await
        }
        Backend::Sqlite { read, .. } => {
            sqlx::query_scalar(
                "select m.name from sqlite_master m join pragma_table_info(m.name) c
                 where m.type = 'table' and c.name = 'person' order by 1",
            )
            .fetch_all(read)
            .await
        }
    }
    .expect("the schema can be read")
}

/// Whether `remove_person` empties this table.
pub fn removes(table: &str) -> bool {
    crate::people::PERSON_TABLES.iter().any(|delete| delete.split_whitespace().nth(2) == Some(table))
}

/// Columns of the schema that are neither in a backup nor left out with a reason, and those named twice or not there.
pub async fn undecided_backup_columns(store: &Store) -> Vec<String> {
    use crate::backup::tables::{LEFT_OUT, TABLES};
    let Backend::Sqlite { read, .. } = &store.backend else { panic!("the embedded schema is the same") };
    let schema: Vec<(String, String)> = sqlx::query_as(
        "select m.name, c.name from sqlite_master m join pragma_table_info(m.name) c where m.type = 'table'",
    )
    .fetch_all(read)
    .await
    .expect("the schema can be read");
    let mut decided: Vec<(&str, &str)> =
        LEFT_OUT.iter().map(|(table, column, _)| (*table, *column)).collect();
    for table in TABLES {
        decided.extend(table.person_column().map(|column| (table.name(), column)));
        decided.extend(table.columns().map(|column| (table.name(), column)));
    }
    let times = |table: &str, column: &str| {
        decided.iter().filter(|decided| **decided == (table, column) || **decided == (table, "*")).count()
    };
    let wrong = schema.iter().filter(|(table, column)| times(table, column) != 1);
    let mut wrong: Vec<String> = wrong.map(|(table, column)| format!("{table}.{column}")).collect();
    let known = |table: &str, column: &str| {
        schema.iter().any(|(name, other)| name == table && (column == "*" || other == column))
    };
    wrong.extend(
        decided
            .iter()
            .filter(|(table, column)| !known(table, column))
            .map(|(table, column)| format!("no {table}.{column}")),
    );
    wrong
}

/// When the superseded versions were, as texts of the embedded database.
pub async fn replaced_times(store: &Store) -> Vec<String> {
    let Backend::Sqlite { read, .. } = &store.backend else { panic!("a server has the type") };
    let sql =
        "select cast(replaced_at as text) from document_revision order by person, collection, id, revision";
    sqlx::query_scalar(sql).fetch_all(read).await.expect("the table can be read")
}

/// Leaves the times of superseded versions as versions before migration 17 did.
pub async fn keep_years_of_replaced_versions(store: &Store) {
    let undo = [
        "update document_revision set replaced_at = cast(substr(replaced_at, 1, 4) as integer)",
        "delete from _sqlx_migrations where version >= 17",
    ];
    execute_all(store, &undo).await;
}

async fn execute_all(store: &Store, statements: &[&'static str]) {
    let mut tx = store.begin().await.expect("the store can be written");
    for sql in statements {
        with_conn!(&mut tx, conn => {
            sqlx::query(*sql).execute(conn).await.expect("the statement is executed");
        });
    }
    tx.commit().await.expect("the store can be written");
}

/// Leaves numbers as the rules of another version derived them: higher by 1000.
pub async fn derive_by_other_rules(store: &Store) {
    let derive = "update daily set value = value + 1000";
    execute_all(store, &[derive, "update derivation set rules = 2, target = null, next_day = null"]).await;
}

/// Leaves a schema as it was before numbers knew their rules and times their order.
pub async fn undo_newest_migrations(store: &Store) {
    let undo = [
        "drop index account_by_subject",
        "alter table account drop column issuer",
        "alter table account drop column subject",
        "alter table account drop column rules",
        "drop table derivation",
        "drop table api_token_number",
        "delete from _sqlx_migrations where version >= 14",
    ];
    execute_all(store, &undo).await;
    if store.is_embedded() {
        execute_all(store, &["update person set due_at = '2026-06-01T08:00:00.5Z'"]).await;
    } else {
        execute_all(store, &["update person set due_at = timestamptz '2026-06-01T08:00:00.5Z'"]).await;
    }
}
