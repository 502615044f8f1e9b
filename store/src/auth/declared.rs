//! Accounts and tokens declared in the API's configuration file, reconciled with the database. A declared entry is changed
//! and removed in the file only; one that is no longer in the file is revoked. Every replica reconciles the same file, one
//! after the other, and an unchanged file changes nothing.

use domain::Pseudonym;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use secrecy::{ExposeSecret, SecretString};

use crate::auth::sign_on::end_sessions_of_other_rules;
use crate::auth::tokens::{Scopes, next_number};
use crate::error::{Error, Result};
use crate::transaction::{Tx, with_conn};
use crate::{Person, Store};

/// Everything a file declares.
#[derive(Clone, Debug, Default)]
pub struct DeclaredAccess {
    /// People who exist from the start, with their IANA time zone. They are never removed by a file.
    pub people: Vec<(Pseudonym, String)>,
    /// Log-ins with a password; names are unique.
    pub accounts: Vec<DeclaredAccount>,
    /// Tokens of programs; names and hashes are unique.
    pub tokens: Vec<DeclaredToken>,
    /// The version of the rules for log-ins at a provider; `None`: there is no provider.
    pub sign_on_rules: Option<String>,
}

/// An account as declared.
#[derive(Clone, Debug)]
pub struct DeclaredAccount {
    /// The number a new account gets, drawn at random; one that is known keeps its own.
    pub id: i64,
    /// The name typed at the log-in.
    pub name: String,
    /// The one person whose numbers it opens; `None` means everyone's.
    pub person: Option<Pseudonym>,
    /// The password's argon2id hash, a PHC string.
    pub password: SecretString,
    /// What it opens.
    pub scopes: Scopes,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// A token as declared.
#[derive(Clone, Debug)]
pub struct DeclaredToken {
    /// The name of the program that uses it.
    pub name: String,
    /// SHA-256 of the token's whole text, in lower-case hexadecimal.
    pub hash: String,
    /// The one person whose numbers it opens; `None` means everyone's.
    pub person: Option<Pseudonym>,
    /// What it opens.
    pub scopes: Scopes,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// How many entries a reconciliation changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Accounts and tokens that are new or differ from before.
    pub changed: u64,
    /// Accounts and tokens that the file no longer has, and log-ins at a provider by rules of before.
    pub revoked: u64,
}

type Time = jiff_sqlx::Timestamp;

impl Store {
    /// Makes the declared accounts and tokens those of `declared`, in one transaction: after an error the ones before are in
    /// force. An account of the same name that was made by hand becomes the declared one.
    pub async fn reconcile_access(&self, declared: &DeclaredAccess, now: Timestamp) -> Result<Reconciled> {
        for (name, zone) in &declared.people {
            let person = self.ensure_person(name, zone, now).await?;
            if person.time_zone != *zone {
                self.set_time_zone(person.id, zone).await?;
            }
        }
        let people = self.people().await?;
        let mut tx = self.begin().await?;
        with_conn!(&mut tx, conn => {
            // Another replica waits for this row until the commit.
            sqlx::query("update declared_access set reconciled_at = $1").bind(now.to_sqlx()).execute(conn).await?;
        });
        let mut reconciled = Reconciled::default();
        reconcile_accounts(&mut tx, declared, &people, now, &mut reconciled).await?;
        reconcile_tokens(&mut tx, declared, &people, now, &mut reconciled).await?;
        reconciled.revoked += end_sessions_of_other_rules(&mut tx, declared.sign_on_rules.as_deref()).await?;
        tx.commit().await?;
        if reconciled != Reconciled::default() {
            self.changes.notify();
        }
        Ok(reconciled)
    }
}

/// Refuses to change the account of this name by hand where it is declared.
pub(crate) async fn refuse_declared_account(tx: &mut Tx, name: &str) -> Result<()> {
    let declared: Option<bool> = with_conn!(tx, conn => {
        sqlx::query_scalar("select declared from account where name = $1").bind(name).fetch_optional(conn).await?
    });
    refuse_declared(declared, || format!("the account {name}"))
}

/// The same for the token of this number.
pub(crate) async fn refuse_declared_token(tx: &mut Tx, id: i64) -> Result<()> {
    let declared: Option<bool> = with_conn!(tx, conn => {
        sqlx::query_scalar("select declared from api_token where id = $1 and revoked_at is null")
            .bind(id)
            .fetch_optional(conn)
            .await?
    });
    refuse_declared(declared, || format!("token {id}"))
}

fn refuse_declared(declared: Option<bool>, what: impl FnOnce() -> String) -> Result<()> {
    if declared == Some(true) { Err(Error::Declared { what: what() }) } else { Ok(()) }
}

/// The number of a declared person.
fn number(person: Option<&Pseudonym>, people: &[Person]) -> Result<Option<i64>> {
    let Some(name) = person else { return Ok(None) };
    match people.iter().find(|person| person.name == *name) {
        Some(person) => Ok(Some(person.id)),
        None => Err(Error::UnknownPerson { name: name.to_string() }),
    }
}

/// What of an account can be declared.
type AccountRow = (String, Option<i64>, String, String, Option<Time>, bool);

async fn reconcile_accounts(
    tx: &mut Tx,
    declared: &DeclaredAccess,
    people: &[Person],
    now: Timestamp,
    reconciled: &mut Reconciled,
) -> Result<()> {
    let known: Vec<AccountRow> = with_conn!(&mut *tx, conn => {
        sqlx::query_as("select name, person, password, scopes, expires_at, declared from account")
            .fetch_all(conn)
            .await?
    });
    for (name, ..) in known.iter().filter(|(.., is_declared)| *is_declared) {
        if declared.accounts.iter().all(|account| account.name != *name) {
            with_conn!(&mut *tx, conn => {
                sqlx::query("delete from account where name = $1").bind(name).execute(conn).await?;
            });
            reconciled.revoked += 1;
        }
    }
    for account in &declared.accounts {
        let person = number(account.person.as_ref(), people)?;
        let row: AccountRow = (
            account.name.clone(),
            person,
            account.password.expose_secret().to_owned(),
            account.scopes.to_string(),
            account.expires_at.map(ToSqlx::to_sqlx),
            true,
        );
        if known.contains(&row) {
            continue;
        }
        reconciled.changed += 1;
        with_conn!(&mut *tx, conn => {
            // A new password ends the log-ins made with the old one; other changes hold for them at once.
            sqlx::query(
                "insert into account
                     (id, name, person, password, scopes, expires_at, declared, generation, created_at, password_changed_at)
                 values ($1, $2, $3, $4, $5, $6, true, 1, $7, $7)
                 on conflict (name) do update set
                     person = excluded.person, scopes = excluded.scopes, expires_at = excluded.expires_at, declared = true,
                     generation = account.generation + case when account.password = excluded.password then 0 else 1 end,
                     password_changed_at = case when account.password = excluded.password
                         then account.password_changed_at else excluded.password_changed_at end,
                     password = excluded.password, issuer = null, subject = null, rules = null",
            )
            .bind(account.id)
            .bind(&account.name)
            .bind(person)
            .bind(account.password.expose_secret())
            .bind(account.scopes.to_string())
            .bind(account.expires_at.map(ToSqlx::to_sqlx))
            .bind(now.to_sqlx())
            .execute(conn)
            .await?;
        });
    }
    Ok(())
}

/// What of a token can be declared.
type TokenRow = (String, String, Option<i64>, String, Option<Time>);

async fn reconcile_tokens(
    tx: &mut Tx,
    declared: &DeclaredAccess,
    people: &[Person],
    now: Timestamp,
    reconciled: &mut Reconciled,
) -> Result<()> {
    let known: Vec<TokenRow> = with_conn!(&mut *tx, conn => {
        sqlx::query_as(
            "select name, hash, person, scopes, expires_at from api_token where declared and revoked_at is null",
        )
        .fetch_all(conn)
        .await?
    });
    let same = |row: &TokenRow, token: &DeclaredToken| row.0 == token.name && row.1 == token.hash;
    // Revoked first, so that entries may swap their names.
    for row in known.iter().filter(|row| !declared.tokens.iter().any(|token| same(row, token))) {
        with_conn!(&mut *tx, conn => {
            sqlx::query("update api_token set revoked_at = $1 where hash = $2 and declared and revoked_at is null")
                .bind(now.to_sqlx())
                .bind(&row.1)
                .execute(conn)
                .await?;
        });
        reconciled.revoked += 1;
    }
    for token in &declared.tokens {
        let person = number(token.person.as_ref(), people)?;
        let (scopes, expires_at) = (token.scopes.to_string(), token.expires_at.map(ToSqlx::to_sqlx));
        let before = known.iter().find(|row| same(row, token));
        if before.is_some_and(|row| (row.2, &row.3, &row.4) == (person, &scopes, &expires_at)) {
            continue;
        }
        reconciled.changed += 1;
        let id = if before.is_none() { Some(next_number(tx).await?) } else { None };
        with_conn!(&mut *tx, conn => {
            let statement = if before.is_some() {
                sqlx::query(
                    "update api_token set person = $3, scopes = $4, expires_at = $5
                     where name = $1 and hash = $2 and declared and revoked_at is null",
                )
            } else {
                sqlx::query(
                    "insert into api_token (id, name, hash, person, scopes, expires_at, created_at, declared)
                     values ($7, $1, $2, $3, $4, $5, $6, true)",
                )
            };
            let statement = statement.bind(&token.name).bind(&token.hash).bind(person).bind(&scopes).bind(expires_at);
            let statement = match id {
                Some(id) => statement.bind(now.to_sqlx()).bind(id),
                None => statement,
            };
            statement.execute(conn).await?;
        });
    }
    Ok(())
}
