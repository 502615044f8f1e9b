//! Privileges of the roles of PostgreSQL that do not own the schema.

use sqlx::{AssertSqlSafe, Postgres, Transaction};

use crate::Store;
use crate::backend::Backend;
use crate::error::{Error, Result};

/// What gauges are made of. No document of Oura's but the list of rings, no token and no log-in.
const READER_TABLES: [&str; 6] = ["person", "latest", "sync_state", "ring", "drift", "_sqlx_migrations"];

/// What a role may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privileges {
    /// Reads and writes rows of every table, and changes no table: `ingest` and `api`.
    Writer,
    /// Reads what gauges are made of: `exporter`.
    Reader,
}

impl Store {
    /// Gives a role its privileges on the schema of this database, after [`Store::migrate`] and by the owner of the tables.
    /// A role that does not exist is made, without a password. Safe to run again; on an error nothing is changed.
    pub async fn grant(&self, privileges: Privileges, role: &str) -> Result<()> {
        let Backend::Postgres(server) = &self.backend else { return Err(Error::NoRoles) };
        let mut tx = server.begin().await?;
        let known: bool = sqlx::query_scalar("select exists (select from pg_roles where rolname = $1)")
            .bind(role)
            .fetch_one(&mut *tx)
            .await?;
        if !known {
            execute(&mut tx, "create role %2$I login", role).await?;
        }
        execute(&mut tx, "grant usage on schema %1$I to %2$I", role).await?;
        match privileges {
            Privileges::Writer => {
                let rows = "grant select, insert, update, delete on";
                execute(&mut tx, &format!("{rows} all tables in schema %1$I to %2$I"), role).await?;
                execute(&mut tx, "grant usage, select on all sequences in schema %1$I to %2$I", role).await?;
                // Tables of migrations to come.
                let later = "alter default privileges in schema %1$I grant";
                execute(&mut tx, &format!("{later} select, insert, update, delete on tables to %2$I"), role)
                    .await?;
                execute(&mut tx, &format!("{later} usage, select on sequences to %2$I"), role).await?;
            }
            Privileges::Reader => {
                let tables = READER_TABLES.map(|table| format!("%1$I.{table}")).join(", ");
                execute(&mut tx, &format!("grant select on {tables} to %2$I"), role).await?;
            }
        }
        // What may not be granted is no error of the server, but a warning.
        let all_tables = privileges == Privileges::Writer;
        let granted: bool = sqlx::query_scalar(GRANTED)
            .bind(role)
            .bind(all_tables)
            .bind(&READER_TABLES[..])
            .fetch_one(&mut *tx)
            .await?;
        if !granted {
            return Err(Error::NotGranted);
        }
        tx.commit().await?;
        Ok(())
    }
}

/// Whether a role may use the schema and its tables: all with all rows, or some to read.
const GRANTED: &str = "select has_schema_privilege($1, current_schema(), 'usage') and not exists (
     select from pg_class
     where relnamespace = current_schema()::regnamespace and relkind in ('r', 'v') and case
         when $2 then not (has_table_privilege($1, oid, 'select') and has_table_privilege($1, oid, 'insert')
             and has_table_privilege($1, oid, 'update') and has_table_privilege($1, oid, 'delete'))
         else relname = any($3) and not has_table_privilege($1, oid, 'select')
     end
 )";

/// Executes a statement in which `%1$I` is the schema and `%2$I` the role: neither can be a parameter, so the server
/// quotes them.
async fn execute(tx: &mut Transaction<'static, Postgres>, template: &str, role: &str) -> Result<()> {
    let statement: String = sqlx::query_scalar("select format($1, current_schema(), $2)")
        .bind(template)
        .bind(role)
        .fetch_one(&mut **tx)
        .await?;
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut **tx).await?;
    Ok(())
}
