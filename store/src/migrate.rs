//! The schema's versions. Migrations only go forward; an applied one is never edited.

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr};

use crate::Store;
use crate::backend::Backend;
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
    fn place(&self) -> String {
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

/// The version of the newest migration that this program knows.
fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |(version, ..)| *version)
}

/// sqlx's own record of what was applied.
const TABLE: &str = "_sqlx_migrations";
