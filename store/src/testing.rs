//! Throw-away databases for tests: an embedded file, or a schema of its own on the PostgreSQL server that
//! `cargo xtask test` starts. A missing server is a failure, never a silent skip.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

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
