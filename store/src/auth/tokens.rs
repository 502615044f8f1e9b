//! Tokens by which programs read the API: `mh_`, the row's number, `_`, and 256 random bits in hexadecimal. Only the
//! hash of the random part is stored; because it is random, a plain SHA-256 cannot be searched. A declared token
//! ([`crate::declared`]) has no number in its text, because the file knows none: it is found by the hash of its whole text.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use domain::Theme;
use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::Store;
use crate::auth::declared::refuse_declared_token;
use crate::backend::with_pool;
use crate::error::Result;
use crate::sql::run;
use crate::transaction::{Tx, with_conn};

/// What every token begins with, so that scanners for leaked secrets can know it.
const PREFIX: &str = "mh_";

/// Shortest text of a declared token, in bytes: a shorter one could be found from its hash.
pub const MIN_DECLARED_TOKEN: usize = 32;

/// A number that no token has.
const NO_TOKEN: i64 = 0;

/// How exactly the last use is kept: a write per request would be the busiest row of the database.
const LAST_USE_PRECISION: SignedDuration = SignedDuration::from_hours(1);

/// One thing a token opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything that REST answers.
    Rest,
    /// What REST answers about one kind of data.
    Read(Theme),
    /// Prometheus remote read.
    RemoteRead,
    /// Sending documents.
    Ingest,
    /// Asking for long work, watching it, cancelling it, and fetching what it made.
    Jobs,
    /// Reading the audit trail.
    Admin,
}

impl Scope {
    /// Every scope.
    pub fn all() -> impl Iterator<Item = Self> {
        let themes = Theme::ALL.iter().copied().map(Self::Read);
        [Self::Rest, Self::RemoteRead, Self::Ingest, Self::Jobs, Self::Admin].into_iter().chain(themes)
    }

    /// The scopes of a token that was made without any: writing has to be asked for.
    const READING: [Self; 2] = [Self::Rest, Self::RemoteRead];

    /// The scopes of an account that was made without any.
    const OF_ACCOUNTS: [Self; 3] = [Self::Rest, Self::RemoteRead, Self::Jobs];
}

/// The scope's word: `rest`, `remote-read`, `ingest`, `read:sleep` …
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rest => f.write_str("rest"),
            Self::RemoteRead => f.write_str("remote-read"),
            Self::Ingest => f.write_str("ingest"),
            Self::Jobs => f.write_str("jobs"),
            Self::Admin => f.write_str("admin"),
            Self::Read(theme) => write!(f, "{READ}{theme}"),
        }
    }
}

/// What stands before the theme of a scope.
const READ: &str = "read:";

/// No scope is called so.
#[derive(Debug, thiserror::Error)]
#[error(
    "no scope is called {0:?}; there are rest, remote-read, ingest, jobs, admin, and read:sleep and its like"
)]
pub struct UnknownScope(String);

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = match text.strip_prefix(READ) {
            Some(theme) => theme.parse().ok().map(Self::Read),
            None => Self::all().find(|scope| scope.to_string() == text),
        };
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

    /// The scopes of an account; none given means reading and jobs.
    pub fn of_account(scopes: Vec<Scope>) -> Self {
        Self(if scopes.is_empty() { Scope::OF_ACCOUNTS.to_vec() } else { scopes })
    }

    /// Whether they open what this scope opens: all of REST opens each kind of data.
    pub fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope) || matches!(scope, Scope::Read(_)) && self.0.contains(&Scope::Rest)
    }

    /// Whether they open anything that REST answers.
    pub fn allows_any_rest(&self) -> bool {
        self.0.iter().any(|scope| matches!(scope, Scope::Rest | Scope::Read(_)))
    }

    /// Whether they open some kinds of data only.
    pub fn are_limited_to_themes(&self) -> bool {
        let kinds = self.0.iter().any(|scope| matches!(scope, Scope::Read(_)));
        kinds && !self.0.contains(&Scope::Rest)
    }

    /// As stored. A word of a newer version opens nothing here.
    pub(crate) fn stored(text: &str) -> Self {
        Self(text.split(' ').filter_map(|word| word.parse().ok()).collect())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(Scope::to_string).collect();
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
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
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
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// Whether it is declared in the API's configuration file.
    pub declared: bool,
}

impl Token {
    /// Whether its last use is known to the hour.
    pub fn was_used_within_precision(&self, now: Timestamp) -> bool {
        self.last_used_at.is_some_and(|at| now.duration_since(at).abs() < LAST_USE_PRECISION)
    }

    /// Whether it opens anything at this moment.
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// The columns that [`Row`] reads.
macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "select id, name, person, scopes, created_at, last_used_at, revoked_at, expires_at, declared, hash \
             from api_token ",
            $rest
        )
    };
}

/// A token and its hash.
struct Row(Token, String);

impl<'r, R: sqlx::Row> sqlx::FromRow<'r, R> for Row
where
    &'static str: sqlx::ColumnIndex<R>,
    bool: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    i64: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    String: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    jiff_sqlx::Timestamp: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let optional = |column| {
            let at: Option<jiff_sqlx::Timestamp> = row.try_get(column)?;
            Ok::<_, sqlx::Error>(at.map(jiff_sqlx::Timestamp::to_jiff))
        };
        let token = Token {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            person: row.try_get("person")?,
            scopes: Scopes::stored(&row.try_get::<String, _>("scopes")?),
            created_at: row.try_get::<jiff_sqlx::Timestamp, _>("created_at")?.to_jiff(),
            last_used_at: optional("last_used_at")?,
            revoked_at: optional("revoked_at")?,
            expires_at: optional("expires_at")?,
            declared: row.try_get("declared")?,
        };
        Ok(Self(token, row.try_get("hash")?))
    }
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
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

/// Whether a text has the shape of a token made by [`Store::create_token`].
pub fn is_token_text(text: &str) -> bool {
    parts(text).is_some()
}

/// A number that no token has had. Concurrent callers wait for this row.
pub(super) async fn next_number(tx: &mut Tx) -> Result<i64> {
    Ok(run!(tx, query_scalar.fetch_one, "update api_token_number set last = last + 1 returning last"))
}

impl Store {
    /// Stores a new token made of `random`, which must come from the operating system, and returns its text: the only
    /// time it is seen.
    pub async fn create_token(&self, new: &NewToken, random: [u8; 32], now: Timestamp) -> Result<String> {
        let secret = hexadecimal(&random);
        let hash = hexadecimal(&Sha256::digest(secret.as_bytes()));
        let mut tx = self.begin().await?;
        let id = next_number(&mut tx).await?;
        with_conn!(&mut tx, conn => {
            sqlx::query(
                "insert into api_token (id, hash, name, person, scopes, created_at, expires_at)
                 values ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(id)
            .bind(&hash)
            .bind(&new.name)
            .bind(new.person)
            .bind(new.scopes.to_string())
            .bind(now.to_sqlx())
            .bind(new.expires_at.map(ToSqlx::to_sqlx))
            .execute(conn)
            .await?;
        });
        tx.commit().await?;
        Ok(format!("{PREFIX}{id}_{secret}"))
    }

    /// Every token ever made, in order of making.
    pub async fn tokens(&self) -> Result<Vec<Token>> {
        let rows: Vec<Row> = with_pool!(self, pool => {
            sqlx::query_as(columns!("order by id")).fetch_all(pool).await?
        });
        Ok(rows.into_iter().map(|Row(token, _)| token).collect())
    }

    /// Whether there is a token that has not been revoked; an expired one counts, because its end must not open the API.
    pub async fn has_tokens(&self) -> Result<bool> {
        let found: Option<i64> = with_pool!(self, pool => {
            sqlx::query_scalar("select id from api_token where revoked_at is null limit 1").fetch_optional(pool).await?
        });
        Ok(found.is_some())
    }

    /// The token in force that has this text: one statement for every text, and a comparison of hashes in constant time. The
    /// row is found by the number in the text, or by the hash of a declared one, which gives nothing of the token away.
    pub async fn token(&self, text: &str, now: Timestamp) -> Result<Option<Token>> {
        let (id, secret) = parts(text).unwrap_or((NO_TOKEN, text));
        let hash = hexadecimal(&Sha256::digest(secret.as_bytes()));
        let whole = hexadecimal(&Sha256::digest(text.as_bytes()));
        let rows: Vec<Row> = with_pool!(self, pool => {
            sqlx::query_as(columns!(
                "where id = $1 and not declared or hash = $2 and declared and revoked_at is null"
            ))
            .bind(id)
            .bind(&whole)
            .fetch_all(pool)
            .await?
        });
        let found = rows.into_iter().find(|Row(token, stored)| {
            let expected = if token.declared { &whole } else { &hash };
            let long_enough = !token.declared || text.len() >= MIN_DECLARED_TOKEN;
            long_enough && bool::from(stored.as_bytes().ct_eq(expected.as_bytes()))
        });
        Ok(found.map(|Row(token, _)| token).filter(|token| token.in_force(now)))
    }

    /// Notes that a token was used, unless that is known to the hour already.
    pub async fn record_token_use(&self, token: &Token, now: Timestamp) -> Result<()> {
        if token.was_used_within_precision(now) {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        with_conn!(&mut tx, conn => {
            sqlx::query("update api_token set last_used_at = $1 where id = $2")
                .bind(now.to_sqlx())
                .bind(token.id)
                .execute(conn)
                .await?;
        });
        tx.commit().await
    }

    /// Revokes a token permanently; `false` when none in force has this number.
    pub async fn revoke_token(&self, id: i64, now: Timestamp) -> Result<bool> {
        let mut tx = self.begin().await?;
        refuse_declared_token(&mut tx, id).await?;
        let revoked = with_conn!(&mut tx, conn => {
            sqlx::query("update api_token set revoked_at = $1 where id = $2 and revoked_at is null")
                .bind(now.to_sqlx())
                .bind(id)
                .execute(conn)
                .await?
                .rows_affected()
        });
        tx.commit().await?;
        self.changes.notify();
        Ok(revoked > 0)
    }
}
