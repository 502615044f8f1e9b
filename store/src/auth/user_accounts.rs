//! Accounts of people who log in with a password. Password hashes are made and checked by `api`; here they are texts.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use secrecy::{ExposeSecret, SecretString};

use crate::Store;
use crate::auth::declared::refuse_declared_account;
use crate::auth::tokens::Scopes;
use crate::backend::with_pool;
use crate::error::Result;
use crate::transaction::with_conn;

/// A new account.
#[derive(Clone, Debug)]
pub struct NewUserAccount {
    /// Drawn at random, so that no two accounts ever share one.
    pub id: i64,
    /// The name typed at the log-in.
    pub name: String,
    /// The one person whose numbers it opens; `None` means everyone's.
    pub person: Option<i64>,
    /// What it opens.
    pub scopes: Scopes,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// The password's hash, a PHC string.
    pub password: SecretString,
}

/// An account as stored: everything but its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAccount {
    /// Its number, which log-ins name.
    pub id: i64,
    /// The name typed at the log-in.
    pub name: String,
    /// The one person whose numbers it opens; `None` means everyone's.
    pub person: Option<i64>,
    /// What it opens.
    pub scopes: Scopes,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Whether it is declared in the API's configuration file.
    pub declared: bool,
    /// Whether it logs in at an OpenID Connect provider, and has no password.
    pub single_sign_on: bool,
    /// The generation of log-ins in force.
    pub generation: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the password was set.
    pub password_changed_at: Timestamp,
    /// The last log-in.
    pub last_login_at: Option<Timestamp>,
}

impl UserAccount {
    /// Whether it opens anything at this moment.
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// The columns that [`Row`] reads.
macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "select id, name, person, scopes, expires_at, declared, generation, created_at, password_changed_at, \
             last_login_at, password, issuer from account ",
            $rest
        )
    };
}

/// An account and its password's hash.
struct Row(UserAccount, SecretString);

impl<'r, R: sqlx::Row> sqlx::FromRow<'r, R> for Row
where
    &'static str: sqlx::ColumnIndex<R>,
    bool: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    i64: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    String: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    jiff_sqlx::Timestamp: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let time = |column| Ok::<_, sqlx::Error>(row.try_get::<jiff_sqlx::Timestamp, _>(column)?.to_jiff());
        let optional = |column| {
            let at: Option<jiff_sqlx::Timestamp> = row.try_get(column)?;
            Ok::<_, sqlx::Error>(at.map(jiff_sqlx::Timestamp::to_jiff))
        };
        let account = UserAccount {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            person: row.try_get("person")?,
            scopes: Scopes::stored(&row.try_get::<String, _>("scopes")?),
            expires_at: optional("expires_at")?,
            declared: row.try_get("declared")?,
            single_sign_on: row.try_get::<Option<String>, _>("issuer")?.is_some(),
            generation: row.try_get("generation")?,
            created_at: time("created_at")?,
            password_changed_at: time("password_changed_at")?,
            last_login_at: optional("last_login_at")?,
        };
        Ok(Self(account, row.try_get::<String, _>("password")?.into()))
    }
}

impl Store {
    /// Stores a new account; `false` when the name is taken, and nothing changed.
    pub async fn create_account(&self, new: &NewUserAccount, now: Timestamp) -> Result<bool> {
        let mut tx = self.begin().await?;
        let created = with_conn!(&mut tx, conn => {
            sqlx::query(
                "insert into account
                     (id, name, person, password, generation, created_at, password_changed_at, scopes, expires_at)
                 values ($1, $2, $3, $4, 1, $5, $5, $6, $7) on conflict (name) do nothing",
            )
            .bind(new.id)
            .bind(&new.name)
            .bind(new.person)
            .bind(new.password.expose_secret())
            .bind(now.to_sqlx())
            .bind(new.scopes.to_string())
            .bind(new.expires_at.map(ToSqlx::to_sqlx))
            .execute(conn)
            .await?
            .rows_affected()
        });
        tx.commit().await?;
        Ok(created > 0)
    }

    /// Every account, by name.
    pub async fn accounts(&self) -> Result<Vec<UserAccount>> {
        let rows: Vec<Row> = with_pool!(self, pool => {
            sqlx::query_as(columns!("order by name")).fetch_all(pool).await?
        });
        Ok(rows.into_iter().map(|Row(account, _)| account).collect())
    }

    /// Whether there is an account.
    pub async fn has_accounts(&self) -> Result<bool> {
        let found: Option<i64> = with_pool!(self, pool => {
            sqlx::query_scalar("select id from account limit 1").fetch_optional(pool).await?
        });
        Ok(found.is_some())
    }

    /// The account that a log-in names.
    pub async fn account(&self, id: i64) -> Result<Option<UserAccount>> {
        let row: Option<Row> = with_pool!(self, pool => {
            sqlx::query_as(columns!("where id = $1")).bind(id).fetch_optional(pool).await?
        });
        Ok(row.map(|Row(account, _)| account))
    }

    /// The account of this name that has a password, and its hash; one statement, whether or not there is one.
    pub async fn account_with_password_hash(
        &self,
        name: &str,
    ) -> Result<Option<(UserAccount, SecretString)>> {
        let row: Option<Row> = with_pool!(self, pool => {
            sqlx::query_as(columns!("where name = $1 and issuer is null")).bind(name).fetch_optional(pool).await?
        });
        Ok(row.map(|Row(account, password)| (account, password)))
    }

    /// Replaces a password and ends every log-in made with the old one; `false` when there is no such account.
    pub async fn set_password(&self, name: &str, password: &SecretString, now: Timestamp) -> Result<bool> {
        let mut tx = self.begin().await?;
        refuse_declared_account(&mut tx, name).await?;
        let changed = with_conn!(&mut tx, conn => {
            sqlx::query(
                "update account set password = $2, generation = generation + 1, password_changed_at = $3
                 where name = $1 and issuer is null",
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

    /// Notes a log-in.
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

    /// Removes an account, and with it every log-in; `false` when there is no such account.
    pub async fn remove_account(&self, name: &str) -> Result<bool> {
        let mut tx = self.begin().await?;
        refuse_declared_account(&mut tx, name).await?;
        let removed = with_conn!(&mut tx, conn => {
            sqlx::query("delete from account where name = $1").bind(name).execute(conn).await?.rows_affected()
        });
        tx.commit().await?;
        self.changes.notify();
        Ok(removed > 0)
    }
}
