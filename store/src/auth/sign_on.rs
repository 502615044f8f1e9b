//! Accounts of people who log in at an OpenID Connect provider. They are made at the first log-in, and what they open is set by
//! every one: it follows from the groups at the provider and the rules in the configuration file.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sha2::{Digest, Sha256};

use crate::Store;
use crate::auth::tokens::{Scopes, hexadecimal};
use crate::auth::user_accounts::UserAccount;
use crate::error::{Error, Result};
use crate::transaction::{Tx, with_conn};

/// A log-in at the provider.
#[derive(Clone, Debug)]
pub struct SignOn {
    /// The number a new account gets, drawn at random; one that is known keeps its own.
    pub id: i64,
    /// The provider.
    pub issuer: String,
    /// The person's permanent name there.
    pub subject: String,
    /// What a new account is called; a name that is taken gets a suffix.
    pub name: String,
    /// The one person whose numbers it opens; `None` means everyone's.
    pub person: Option<i64>,
    /// What it opens.
    pub scopes: Scopes,
    /// The version of the rules by which it opens that.
    pub rules: String,
}

impl Store {
    /// The account of this log-in, new or with its rights of today.
    pub async fn sign_on(&self, sign_on: &SignOn, now: Timestamp) -> Result<UserAccount> {
        let mut tx = self.begin().await?;
        if !update(&mut tx, sign_on).await? {
            let suffix = hexadecimal(&Sha256::digest(&sign_on.subject)[..4]);
            let other = format!("{} {suffix}", sign_on.name);
            // The second insert finds the name taken, the update another replica that was faster.
            let made = insert(&mut tx, sign_on, &sign_on.name, now).await?
                || insert(&mut tx, sign_on, &other, now).await?
                || update(&mut tx, sign_on).await?;
            if !made {
                return Err(Error::Corrupt { what: "account" });
            }
        }
        let id: i64 = with_conn!(&mut tx, conn => {
            sqlx::query_scalar("select id from account where issuer = $1 and subject = $2")
                .bind(&sign_on.issuer)
                .bind(&sign_on.subject)
                .fetch_one(conn)
                .await?
        });
        tx.commit().await?;
        self.changes.notify();
        self.account(id).await?.ok_or(Error::Corrupt { what: "account" })
    }
}

/// Sets what a known account opens; `false` when there is none.
async fn update(tx: &mut Tx, sign_on: &SignOn) -> Result<bool> {
    let changed = with_conn!(tx, conn => {
        sqlx::query("update account set person = $3, scopes = $4, rules = $5 where issuer = $1 and subject = $2")
            .bind(&sign_on.issuer)
            .bind(&sign_on.subject)
            .bind(sign_on.person)
            .bind(sign_on.scopes.to_string())
            .bind(&sign_on.rules)
            .execute(conn)
            .await?
            .rows_affected()
    });
    Ok(changed > 0)
}

/// Makes an account; `false` when the name or the subject is there already.
async fn insert(tx: &mut Tx, sign_on: &SignOn, name: &str, now: Timestamp) -> Result<bool> {
    let made = with_conn!(tx, conn => {
        sqlx::query(
            "insert into account
                 (id, name, person, password, generation, created_at, password_changed_at, scopes, issuer, subject, rules)
             values ($1, $2, $3, '', 1, $4, $4, $5, $6, $7, $8) on conflict do nothing",
        )
        .bind(sign_on.id)
        .bind(name)
        .bind(sign_on.person)
        .bind(now.to_sqlx())
        .bind(sign_on.scopes.to_string())
        .bind(&sign_on.issuer)
        .bind(&sign_on.subject)
        .bind(&sign_on.rules)
        .execute(conn)
        .await?
        .rows_affected()
    });
    Ok(made > 0)
}

/// Ends the log-ins that were made by other rules than these, and by any where there is no provider any more. Returns how many
/// accounts that concerns.
pub(super) async fn end_sessions_of_other_rules(tx: &mut Tx, rules: Option<&str>) -> Result<u64> {
    let rules = rules.unwrap_or_default();
    Ok(with_conn!(tx, conn => {
        sqlx::query("update account set generation = generation + 1, rules = $1 where issuer is not null and rules <> $1")
            .bind(rules)
            .execute(conn)
            .await?
            .rows_affected()
    }))
}
