//! People who log in with a password. What a password hashes to is made and checked by `api`; here it is a text.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use secrecy::{ExposeSecret, SecretString};

use crate::Store;
use crate::backend::with_pool;
use crate::error::Result;
use crate::transaction::with_conn;

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewUserAccount {
    /// Drawn at random, so that no two accounts ever share one.
    pub id: i64,
    /// What is typed at the log-in.
    pub name: String,
    /// Whose numbers it opens; `None` means everyone's.
    pub person: Option<i64>,
    /// The password's hash, a PHC string.
    pub password: SecretString,
}

/// An account as stored: everything but its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAccount {
    /// Its number, which log-ins name.
    pub id: i64,
    /// What is typed at the log-in.
    pub name: String,
    /// Whose numbers it opens; `None` means everyone's.
    pub person: Option<i64>,
    /// The generation of log-ins in force.
    pub generation: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the password was set.
    pub password_changed_at: Timestamp,
    /// When somebody logged in last.
    pub last_login_at: Option<Timestamp>,
}

type Time = jiff_sqlx::Timestamp;
type Row = (i64, String, Option<i64>, i64, Time, Time, Option<Time>);

fn account((id, name, person, generation, created, changed, last): Row) -> UserAccount {
    let (created_at, password_changed_at) = (created.to_jiff(), changed.to_jiff());
    let last_login_at = last.map(Time::to_jiff);
    UserAccount { id, name, person, generation, created_at, password_changed_at, last_login_at }
}

impl Store {
    /// Stores a new account; `false` when the name is taken, and nothing changed.
    pub async fn create_account(&self, new: &NewUserAccount, now: Timestamp) -> Result<bool> {
        let mut tx = self.begin().await?;
        let created = with_conn!(&mut tx, conn => {
            sqlx::query(
                "insert into account (id, name, person, password, generation, created_at, password_changed_at)
                 values ($1, $2, $3, $4, 1, $5, $5) on conflict (name) do nothing",
            )
            .bind(new.id)
            .bind(&new.name)
            .bind(new.person)
            .bind(new.password.expose_secret())
            .bind(now.to_sqlx())
            .execute(conn)
            .await?
            .rows_affected()
        });
        tx.commit().await?;
        Ok(created > 0)
    }

    /// Everyone who can log in, by name.
    pub async fn accounts(&self) -> Result<Vec<UserAccount>> {
        let rows: Vec<Row> = with_pool!(self, pool => {
            sqlx::query_as(
                "select id, name, person, generation, created_at, password_changed_at, last_login_at
                 from account order by name",
            )
            .fetch_all(pool)
            .await?
        });
        Ok(rows.into_iter().map(account).collect())
    }

    /// Whether anybody can log in.
    pub async fn has_accounts(&self) -> Result<bool> {
        let found: Option<i64> = with_pool!(self, pool => {
            sqlx::query_scalar("select id from account limit 1").fetch_optional(pool).await?
        });
        Ok(found.is_some())
    }

    /// The account that a log-in names.
    pub async fn account(&self, id: i64) -> Result<Option<UserAccount>> {
        let row: Option<Row> = with_pool!(self, pool => {
            sqlx::query_as(
                "select id, name, person, generation, created_at, password_changed_at, last_login_at
                 from account where id = $1",
            )
            .bind(id)
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(account))
    }

    /// The account of this name, and what its password hashes to; one statement, whether or not there is one.
    pub async fn account_with_password_hash(
        &self,
        name: &str,
    ) -> Result<Option<(UserAccount, SecretString)>> {
        type WithPassword = (i64, String, Option<i64>, i64, Time, Time, Option<Time>, String);
        let row: Option<WithPassword> = with_pool!(self, pool => {
            sqlx::query_as(
                "select id, name, person, generation, created_at, password_changed_at, last_login_at, password
                 from account where name = $1",
            )
            .bind(name)
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(|(id, name, person, generation, created, changed, last, password)| {
            (account((id, name, person, generation, created, changed, last)), password.into())
        }))
    }

    /// Replaces a password and ends every log-in made with the old one; `false` when nobody is called so.
    pub async fn set_password(&self, name: &str, password: &SecretString, now: Timestamp) -> Result<bool> {
        let mut tx = self.begin().await?;
        let changed = with_conn!(&mut tx, conn => {
            sqlx::query(
                "update account set password = $2, generation = generation + 1, password_changed_at = $3
                 where name = $1",
            )
            .bind(name)
            .bind(password.expose_secret())
            .bind(now.to_sqlx())
            .execute(conn)
            .await?
            .rows_affected()
        });
        tx.commit().await?;
        self.changes.notify();
        Ok(changed > 0)
    }

    /// Ends every log-in of an account; `false` when there is no such account.
    pub async fn revoke_sessions(&self, id: i64) -> Result<bool> {
        let mut tx = self.begin().await?;
        let changed = with_conn!(&mut tx, conn => {
            sqlx::query("update account set generation = generation + 1 where id = $1")
                .bind(id)
                .execute(conn)
                .await?
                .rows_affected()
        });
        tx.commit().await?;
        self.changes.notify();
        Ok(changed > 0)
    }

    /// Notes that somebody logged in.
    pub async fn record_login(&self, id: i64, now: Timestamp) -> Result<()> {
        let mut tx = self.begin().await?;
        with_conn!(&mut tx, conn => {
            sqlx::query("update account set last_login_at = $2 where id = $1")
                .bind(id)
                .bind(now.to_sqlx())
                .execute(conn)
                .await?;
        });
        tx.commit().await
    }

    /// Removes an account, and with it every log-in; `false` when nobody is called so.
    pub async fn remove_account(&self, name: &str) -> Result<bool> {
        let mut tx = self.begin().await?;
        let removed = with_conn!(&mut tx, conn => {
            sqlx::query("delete from account where name = $1").bind(name).execute(conn).await?.rows_affected()
        });
        tx.commit().await?;
        self.changes.notify();
        Ok(removed > 0)
    }
}
