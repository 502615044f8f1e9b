//! The schema's versions. Migrations only go forward; an applied one is never edited.

use std::path::{Path, PathBuf};

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlitePool};

use crate::Store;
use crate::backend::{Backend, create_file};
use crate::error::{Error, Result, is_full};
use crate::location::Location;

/// Version, name and text; see the folder `migrations`.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "first schema", include_str!("../migrations/0001_first_schema.sql")),
    (2, "credentials", include_str!("../migrations/0002_credentials.sql")),
    (3, "truth", include_str!("../migrations/0003_truth.sql")),
    (4, "webhooks", include_str!("../migrations/0004_webhooks.sql")),
    (5, "api tokens", include_str!("../migrations/0005_api_tokens.sql")),
    (6, "people come and go", include_str!("../migrations/0006_people.sql")),
    (7, "accounts", include_str!("../migrations/0007_accounts.sql")),
    (8, "jobs", include_str!("../migrations/0008_jobs.sql")),
    (9, "ring", include_str!("../migrations/0009_ring.sql")),
    (10, "quarantine", include_str!("../migrations/0010_quarantine.sql")),
    (11, "oura_account", include_str!("../migrations/0011_oura_account.sql")),
    (12, "declared access", include_str!("../migrations/0012_declared_access.sql")),
    (13, "audit", include_str!("../migrations/0013_audit.sql")),
    (14, "derivation", include_str!("../migrations/0014_derivation.sql")),
    (15, "times", include_str!("../migrations/0015_times.sql")),
    (16, "single_sign_on", include_str!("../migrations/0016_single_sign_on.sql")),
    (17, "replaced_at", include_str!("../migrations/0017_replaced_at.sql")),
];

fn migrator(embedded: bool) -> Migrator {
    let migrations = MIGRATIONS.iter().map(|(version, name, text)| {
        // The idiom of MySQL's version comments: what stands in the marks is code for SQLite, a comment for PostgreSQL.
        let text = if embedded {
            text.replace("/*sqlite:", "").replace(":sqlite*/", "")
        } else {
            (*text).to_owned()
        };
        let sql = AssertSqlSafe(text).into_sql_str();
        Migration::new(*version, (*name).into(), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
}

impl Store {
    /// Brings the schema to this version. Safe to run again, and by several processes at once.
    pub async fn migrate(&self) -> Result<()> {
        self.refuse_other_programs().await?;
        self.keep_copy_before_migrating().await?;
        let migrator = migrator(self.is_embedded());
        let migrated = match &self.backend {
            Backend::Postgres(server) => {
                let mut connection = server.acquire().await?;
                migrator.run(&mut *connection).await
            }
            Backend::Sqlite { write, .. } => migrator.run(write).await,
        };
        migrated.map_err(|error| match (error, &self.backend) {
            (MigrateError::VersionMissing(found), _) if found > newest() => self.newer(found),
            (MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_), _) => {
                Error::NotOurs { place: self.place() }
            }
            (MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _), backend) => {
                match backend {
                    Backend::Sqlite { path, .. } if is_full(&error) => {
                        Error::Full { path: path.to_path_buf(), source: error }
                    }
                    _ => error.into(),
                }
            }
            (error, _) => error.into(),
        })
    }

    /// Copies the embedded database before its stored rows change: the way back to the version before. Each schema is copied once; a
    /// copy that cannot be written is warned about, and the migration goes on.
    async fn keep_copy_before_migrating(&self) -> Result<()> {
        let Backend::Sqlite { write, path, .. } = &self.backend else { return Ok(()) };
        let known: bool = sqlx::query_scalar("select count(*) > 0 from sqlite_master where name = $1")
            .bind(TABLE)
            .fetch_one(write)
            .await?;
        if !known {
            return Ok(());
        }
        let applied = write.acquire().await?.list_applied_migrations(TABLE).await?;
        let Some(newest_applied) = applied.iter().map(|migration| migration.version).max() else {
            return Ok(());
        };
        if newest_applied >= newest() {
            return Ok(());
        }
        let copy = copy_name(path, newest_applied);
        if copy.try_exists().unwrap_or(true) {
            return Ok(());
        }
        match copy_to(write, &copy).await {
            Ok(()) => tracing::info!(copy = %copy.display(), "copied the database before migrating it"),
            Err(error) => {
                tracing::warn!(copy = %copy.display(), error, "cannot copy the database before migrating it");
            }
        }
        Ok(())
    }

    /// A file of SQLite that has tables and none of ours belongs to another program. In PostgreSQL they may share a database.
    async fn refuse_other_programs(&self) -> Result<()> {
        let Backend::Sqlite { read, .. } = &self.backend else { return Ok(()) };
        let foreign: bool = sqlx::query_scalar(
            "select count(*) > 0 and sum(name = $1) = 0 from sqlite_master where type = 'table'",
        )
        .bind(TABLE)
        .fetch_one(read)
        .await?;
        if foreign { Err(Error::NotOurs { place: self.place() }) } else { Ok(()) }
    }

    /// Where the database is, without credentials.
    pub(crate) fn place(&self) -> String {
        match &self.backend {
            Backend::Postgres(server) => server.to_string(),
            Backend::Sqlite { path, .. } => Location::Sqlite(path.to_path_buf()).to_string(),
        }
    }

    fn newer(&self, found: i64) -> Error {
        Error::Newer { place: self.place(), found, known: newest() }
    }

    /// Names of the migrations that have not been applied. A server with pending migrations must not start.
    pub async fn pending(&self) -> Result<Vec<&'static str>> {
        // Only looks, so that a role which may only read can start.
        let applied = match &self.backend {
            Backend::Postgres(server) => {
                let mut conn = server.acquire().await?;
                let known = sqlx::query_scalar("select to_regclass($1) is not null").bind(TABLE);
                if known.fetch_one(&mut *conn).await? {
                    conn.list_applied_migrations(TABLE).await?
                } else {
                    Vec::new()
                }
            }
            Backend::Sqlite { read, .. } => {
                let mut conn = read.acquire().await?;
                let known = sqlx::query_scalar("select count(*) > 0 from sqlite_master where name = $1");
                if known.bind(TABLE).fetch_one(&mut *conn).await? {
                    conn.list_applied_migrations(TABLE).await?
                } else {
                    Vec::new()
                }
            }
        };
        if let Some(found) =
            applied.iter().map(|migration| migration.version).find(|version| *version > newest())
        {
            return Err(self.newer(found));
        }
        let done = |version: i64| applied.iter().any(|migration| migration.version == version);
        Ok(MIGRATIONS.iter().filter(|(version, ..)| !done(*version)).map(|(_, name, _)| *name).collect())
    }
}

impl Store {
    /// The version of the schema that this program's store has.
    pub fn schema() -> i64 {
        newest()
    }
}

/// The name of the copy with a schema.
fn copy_name(database: &Path, schema: i64) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(format!(".schema-{schema}"));
    name.into()
}

/// Copies a database into a file that appears whole or not at all, and that only its owner can read.
async fn copy_to(pool: &SqlitePool, copy: &Path) -> std::result::Result<(), String> {
    let mut part = copy.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let failed = |error: std::io::Error| error.to_string();
    // One that a killed process left is empty again.
    create_file(&part).and_then(|file| file.set_len(0)).map_err(failed)?;
    let name = part.to_str().ok_or("the path is not UTF-8")?;
    let copied = sqlx::query("vacuum into $1").bind(name).execute(pool).await;
    if let Err(error) = copied {
        drop(std::fs::remove_file(&part));
        return Err(error.to_string());
    }
    std::fs::File::open(&part).and_then(|file| file.sync_all()).map_err(failed)?;
    std::fs::rename(&part, copy).map_err(failed)
}

/// Removes the copies that were made before migrations; returns how many there were.
pub(crate) fn remove_copies(database: &Path) -> std::io::Result<usize> {
    let (Some(folder), Some(name)) = (database.parent(), database.file_name().and_then(|name| name.to_str()))
    else {
        return Ok(0);
    };
    let prefix = format!("{name}.schema-");
    let mut removed = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix)) {
            std::fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// The version of the newest migration that this program knows.
fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |(version, ..)| *version)
}

/// sqlx's own record of what was applied.
const TABLE: &str = "_sqlx_migrations";
