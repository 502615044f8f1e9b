//! Tokens by which programs read the API: `mh_`, the row's number, `_`, and 256 random bits in hexadecimal. Only the
//! hash of the random part is stored; because it is random, a plain SHA-256 cannot be searched.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::Store;
use crate::backend::{with_conn, with_pool};
use crate::error::Result;

/// What every token begins with, so that scanners for leaked secrets can know it.
const PREFIX: &str = "mh_";

/// How exactly the last use is kept: a write per request would be the busiest row of the database.
const COARSE: SignedDuration = SignedDuration::from_hours(1);

/// One thing a token opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Days, points and trends by REST.
    Rest,
    /// Prometheus remote read.
    RemoteRead,
    /// Sending documents.
    Ingest,
}

impl Scope {
    const ALL: [Self; 3] = [Self::Rest, Self::RemoteRead, Self::Ingest];

    /// What a token opens that was made without a word about scopes: writing has to be asked for.
    const READING: [Self; 2] = [Self::Rest, Self::RemoteRead];

    /// The scope's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::RemoteRead => "remote-read",
            Self::Ingest => "ingest",
        }
    }
}

/// No scope is called so.
#[derive(Debug, thiserror::Error)]
#[error("no scope is called {0:?}; there are rest, remote-read and ingest")]
pub struct UnknownScope(String);

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|scope| scope.name() == text);
        found.ok_or_else(|| UnknownScope(text.chars().take(40).collect()))
    }
}

/// What a token opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// These scopes; none given means all that only read.
    pub fn new(scopes: Vec<Scope>) -> Self {
        Self(if scopes.is_empty() { Scope::READING.to_vec() } else { scopes })
    }

    /// Whether this scope is one of them.
    pub fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// As stored. A word of a newer version opens nothing here.
    fn stored(text: &str) -> Self {
        Self(text.split(' ').filter_map(|word| word.parse().ok()).collect())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|scope| scope.name()).collect();
        f.write_str(&names.join(" "))
    }
}

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What its owner calls it.
    pub name: String,
    /// Whose numbers it opens; `None` means everyone's.
    pub person: Option<i64>,
    /// What it opens.
    pub scopes: Scopes,
}

/// A token as stored: everything but its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its number, the part of its text that is no secret.
    pub id: i64,
    /// What its owner calls it.
    pub name: String,
    /// Whose numbers it opens; `None` means everyone's.
    pub person: Option<i64>,
    /// What it opens.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to the hour.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

type TimeColumn = Option<jiff_sqlx::Timestamp>;
type Row = (i64, String, Option<i64>, String, jiff_sqlx::Timestamp, TimeColumn, TimeColumn);

fn token((id, name, person, scopes, created, used, revoked): Row) -> Token {
    let time = |column: TimeColumn| column.map(jiff_sqlx::Timestamp::to_jiff);
    let (last_used_at, revoked_at) = (time(used), time(revoked));
    let scopes = Scopes::stored(&scopes);
    Token { id, name, person, scopes, created_at: created.to_jiff(), last_used_at, revoked_at }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The number and the secret of a token's text.
fn parts(text: &str) -> Option<(i64, &str)> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    Some((id.parse().ok()?, secret))
}

impl Store {
    /// Stores a new token made of `random`, which must come from the operating system, and returns its text: the only
    /// time it is seen.
    pub async fn create_token(&self, new: &NewToken, random: [u8; 32], now: Timestamp) -> Result<String> {
        let secret = hexadecimal(&random);
        let hash = hexadecimal(&Sha256::digest(secret.as_bytes()));
        let mut tx = self.backend.begin().await?;
        let id: i64 = with_conn!(&mut tx, conn => {
            sqlx::query_scalar(
                "insert into api_token (id, hash, name, person, scopes, created_at)
                 select coalesce(max(id), 0) + 1, $1, $2, $3, $4, $5 from api_token
                 returning id",
            )
            .bind(&hash)
            .bind(&new.name)
            .bind(new.person)
            .bind(new.scopes.to_string())
            .bind(now.to_sqlx())
            .fetch_one(conn)
            .await?
        });
        tx.commit().await?;
        Ok(format!("{PREFIX}{id}_{secret}"))
    }

    /// Every token ever made, in order of making.
    pub async fn tokens(&self) -> Result<Vec<Token>> {
        let rows: Vec<Row> = with_pool!(self, pool => {
            sqlx::query_as(
                "select id, name, person, scopes, created_at, last_used_at, revoked_at from api_token order by id",
            )
            .fetch_all(pool)
            .await?
        });
        Ok(rows.into_iter().map(token).collect())
    }

    /// Whether any token is in force.
    pub async fn has_tokens(&self) -> Result<bool> {
        let found: Option<i64> = with_pool!(self, pool => {
            sqlx::query_scalar("select id from api_token where revoked_at is null limit 1").fetch_optional(pool).await?
        });
        Ok(found.is_some())
    }

    /// The token in force that has this text. Finding the row takes its number alone; the secret is compared in
    /// constant time.
    pub async fn token(&self, text: &str) -> Result<Option<Token>> {
        let Some((id, secret)) = parts(text) else { return Ok(None) };
        let hash = hexadecimal(&Sha256::digest(secret.as_bytes()));
        let stored: Option<String> = with_pool!(self, pool => {
            sqlx::query_scalar("select hash from api_token where id = $1 and revoked_at is null")
                .bind(id)
                .fetch_optional(pool)
                .await?
        });
        if !stored.is_some_and(|stored| bool::from(stored.as_bytes().ct_eq(hash.as_bytes()))) {
            return Ok(None);
        }
        let row: Option<Row> = with_pool!(self, pool => {
            sqlx::query_as(
                "select id, name, person, scopes, created_at, last_used_at, revoked_at from api_token where id = $1",
            )
            .bind(id)
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(token))
    }

    /// Notes that a token was used, unless that is known to the hour already.
    pub async fn note_token_use(&self, token: &Token, now: Timestamp) -> Result<()> {
        let known = |at: Timestamp| now.duration_since(at).abs() < COARSE;
        if token.last_used_at.is_some_and(known) {
            return Ok(());
        }
        let mut tx = self.backend.begin().await?;
        with_conn!(&mut tx, conn => {
            sqlx::query("update api_token set last_used_at = $1 where id = $2")
                .bind(now.to_sqlx())
                .bind(token.id)
                .execute(conn)
                .await?;
        });
        tx.commit().await
    }

    /// Revokes a token for ever; `false` when none in force has this number.
    pub async fn revoke_token(&self, id: i64, now: Timestamp) -> Result<bool> {
        let mut tx = self.backend.begin().await?;
        let revoked = with_conn!(&mut tx, conn => {
            sqlx::query("update api_token set revoked_at = $1 where id = $2 and revoked_at is null")
                .bind(now.to_sqlx())
                .bind(id)
                .execute(conn)
                .await?
                .rows_affected()
        });
        tx.commit().await?;
        Ok(revoked > 0)
    }
}
