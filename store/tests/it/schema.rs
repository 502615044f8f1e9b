//! Opening, migrating and refusing.

use store::{Error, Location, Store, testing};

fn refused(url: &str) -> String {
    url.parse::<Location>().unwrap_err().to_string()
}

#[test]
fn invalid_database_url_is_refused_without_echo() {
    for url in [
        "",
        "health.db",
        "mysql://root:hunter2@db/health",
        "postgres://u:hunter2@[::1/x",
        "sqlite:",
        "sqlite::memory:",
    ] {
        let text = refused(url);
        assert!(text.contains("postgres://user:password@host/name"), "{url}: {text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    let location: Location = "postgres://ann:hunter2@db.example:5433/health".parse().unwrap();
    assert_eq!(location.to_string(), "postgres://db.example:5433/health");
    assert_eq!(format!("{location:?}"), location.to_string());
}

#[tokio::test]
async fn unwritable_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let occupied = folder.path().join("file");
    std::fs::write(&occupied, "").unwrap();
    let path = occupied.join("health.db");
    let error = Store::open(&Location::Sqlite(path.clone())).await.unwrap_err();
    assert!(matches!(&error, Error::Directory { path: named, .. } if *named == path), "{error}");
    assert!(error.to_string().contains("--data-dir"));
}

#[tokio::test]
async fn file_that_is_not_a_database_is_refused_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("health.db");
    let text = "not a database, but the only copy of a text; ".repeat(40);
    std::fs::write(&path, &text).unwrap();
    let error = Store::open(&Location::Sqlite(path.clone())).await.unwrap_err();
    assert!(matches!(error, Error::NotOurs { .. }) && error.to_string().contains("--data-dir"), "{error}");
    assert_eq!(std::fs::read_to_string(path).unwrap(), text);
}

#[tokio::test]
async fn database_of_another_program_is_refused_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("health.db");
    testing::administer_sqlite(&path, "create table bookmark (url text)").await;
    let error = Store::open(&Location::Sqlite(path.clone())).await.unwrap_err();
    assert!(matches!(error, Error::NotOurs { .. }), "{error}");
    testing::administer_sqlite(&path, "drop table bookmark").await;
    Store::open(&Location::Sqlite(path)).await.unwrap();
}

#[tokio::test]
async fn new_database_opened_by_several_at_once_is_migrated_once() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Sqlite(folder.path().join("health.db"));
        let opened = futures_util::future::join_all((0..6).map(|_| Store::open(&location))).await;
        for store in opened {
            let store = store.unwrap();
            assert_eq!(store.pending().await.unwrap(), Vec::<&str>::new());
            store.close().await;
        }
    }
}

#[tokio::test]
async fn missing_server_is_unavailable() {
    let error = Store::open(&"postgres://nobody@127.0.0.1:1/none".parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn pending_migrations_are_named_until_applied() {
    let store = Store::open(&testing::empty_postgres().await).await.unwrap();
    let all = [
        "first schema",
        "credentials",
        "truth",
        "webhooks",
        "api tokens",
        "people come and go",
        "accounts",
        "jobs",
        "ring",
        "quarantine",
        "oura_account",
        "declared access",
        "audit",
        "derivation",
        "times",
        "single_sign_on",
        "replaced_at",
    ];
    assert_eq!(store.pending().await.unwrap(), all);
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();
    assert_eq!(store.pending().await.unwrap(), Vec::<&str>::new());
}

#[tokio::test]
async fn database_of_a_newer_version_is_refused_with_both_versions() {
    let url = testing::empty_database_url().await;
    let store = Store::open(&url.parse().unwrap()).await.unwrap();
    store.migrate().await.unwrap();
    let applied = "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
                   select 9999, description, success, checksum, execution_time from _sqlx_migrations limit 1";
    testing::administer(&url, applied).await;
    for error in [store.migrate().await.unwrap_err(), store.pending().await.unwrap_err()] {
        assert!(matches!(&error, Error::Newer { found: 9999, known, .. } if *known < 9999), "{error}");
        let text = error.to_string();
        assert!(text.contains("restore the backup") && text.contains("postgres://"), "{text}");
    }
}

#[tokio::test]
async fn embedded_store_reopens_with_its_data() {
    let (store, folder) = testing::sqlite().await;
    let person = crate::fixtures::me(&store).await;
    store.close().await;
    let again = Store::open(&Location::Sqlite(folder.path().join("test.db"))).await.unwrap();
    assert_eq!(again.people().await.unwrap(), [person]);
    assert_eq!(again.pending().await.unwrap(), Vec::<&str>::new());
}

#[cfg(unix)]
#[tokio::test]
async fn database_file_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let (store, folder) = testing::sqlite().await;
    crate::fixtures::me(&store).await;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
}

/// The exporter only reads, so its role in the database need not be allowed more.
#[tokio::test]
async fn checking_pending_migrations_creates_nothing() {
    let url = testing::empty_database_url().await;
    let read_only = format!("{url}%20-c%20default_transaction_read_only%3Don");
    let looker = Store::open(&read_only.parse().unwrap()).await.unwrap();
    assert_eq!(looker.pending().await.unwrap().first(), Some(&"first schema"));
    let owner = Store::open(&url.parse().unwrap()).await.unwrap();
    owner.migrate().await.unwrap();
    assert_eq!(looker.pending().await.unwrap(), Vec::<&str>::new());
    assert_eq!(looker.people().await.unwrap(), []);
    assert!(looker.migrate().await.is_err(), "the role is read-only");
}

#[tokio::test]
async fn every_table_has_a_name_for_its_statements() {
    let (store, _folder) = testing::sqlite().await;
    let mut tables = testing::tables(&store).await;
    tables.retain(|table| !table.starts_with("_sqlx") && !table.starts_with("sqlite_"));
    let mut names: Vec<&str> = store::StatementName::all().map(|name| name.table).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| *name != "other");
    assert_eq!(names, tables);
}

#[tokio::test]
async fn statements_are_counted_by_name_in_and_out_of_transactions() {
    for store in [testing::sqlite().await.0, testing::postgres().await] {
        let count = |name: &str| {
            let found = store.statements().into_iter().find(|(known, _)| known.to_string() == name);
            found.map_or(0, |(_, durations)| durations.count())
        };
        let before = (count("select person"), count("insert person"));
        store.ensure_person(&"ann".parse().unwrap(), "UTC", crate::fixtures::now()).await.unwrap();
        store.people().await.unwrap();
        assert!(
            count("select person") > before.0 && count("insert person") > before.1,
            "{:?}",
            store.statements()
        );
        assert!(store.statements().iter().all(|(_, durations)| durations.sum > 0.0));
    }
}

/// A new column is decided about in `store/src/backup/tables.rs`.
#[tokio::test]
async fn every_column_is_in_a_backup_or_left_out_for_a_reason() {
    let (store, _folder) = testing::sqlite().await;
    assert_eq!(testing::undecided_backup_columns(&store).await, Vec::<String>::new());
}

#[tokio::test]
async fn time_of_a_superseded_version_is_that_of_the_next() {
    use crate::fixtures::{now, put_at, score};
    let (store, folder) = testing::sqlite().await;
    let later = now() + jiff::SignedDuration::from_hours(5);
    for (value, at) in [(80, now()), (75, later), (70, later + jiff::SignedDuration::from_hours(1))] {
        put_at(&store, domain::Collection::DailySleep, vec![score("2026-03-01", value)], at).await;
    }
    let written = testing::replaced_times(&store).await;
    assert_eq!(written.len(), 2);
    assert!(written.iter().all(|at| at.len() == "2026-06-01T13:00:00.123000Z".len()), "{written:?}");
    testing::keep_years_of_replaced_versions(&store).await;
    assert_eq!(testing::replaced_times(&store).await, ["2026", "2026"]);
    store.close().await;
    let again = Store::open(&Location::Sqlite(folder.path().join("test.db"))).await.unwrap();
    assert_eq!(testing::replaced_times(&again).await, written);

    // The way back: a copy from before, which is whole by itself, and goes when a person is erased.
    let copy = folder.path().join("test.db.schema-16");
    let from_before = Store::open(&Location::Sqlite(copy.clone())).await.unwrap();
    assert_eq!(from_before.people().await.unwrap(), again.people().await.unwrap());
    from_before.close().await;
    assert!(again.overwrite_deleted().await.unwrap());
    assert!(!copy.exists());
}
