//! Log-ins at Oura. Secrets come and go sealed: nothing here can read them. Every change names the generation it was
//! made from, so that a process which slept through a renewal cannot put an older pair over a newer one.

use domain::Cause;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;

use crate::Store;
use crate::backend::with_pool;
use crate::error::Result;
use crate::sync::cause;
use crate::transaction::with_conn;

/// A person's log-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OuraGrant {
    /// Number of the pair; grows with every pair.
    pub generation: i64,
    /// The pair.
    pub pair: SealedTokens,
    /// When the person gave the consent.
    pub logged_in_at: Timestamp,
    /// When the refresh token was sent, as long as nobody knows what became of it.
    pub attempted_at: Option<Timestamp>,
    /// Cause of the failure that came after the last success, and when.
    pub failure: Option<(Cause, Timestamp)>,
}

/// Access and refresh token as they are stored, with what may be known without a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedTokens {
    /// Both tokens, sealed; a text.
    pub sealed: String,
    /// What the person ticked: names without prefix, with spaces between.
    pub scopes: String,
    /// The token address that issued the pair.
    pub token_url: String,
    /// When the access token was issued.
    pub obtained_at: Timestamp,
    /// When the access token ends.
    pub expires_at: Timestamp,
}

type Time = jiff_sqlx::Timestamp;
type Row = (i64, i64, String, String, String, Time, Time, Time, Option<Time>, Option<String>, Option<Time>);

fn grant_from_row(row: Row) -> (i64, OuraGrant) {
    let (
        person,
        generation,
        sealed,
        scopes,
        token_url,
        logged_in,
        obtained,
        expires,
        attempted,
        failure,
        failed,
    ) = row;
    let pair = SealedTokens {
        sealed,
        scopes,
        token_url,
        obtained_at: obtained.to_jiff(),
        expires_at: expires.to_jiff(),
    };
    let credential = OuraGrant {
        generation,
        pair,
        logged_in_at: logged_in.to_jiff(),
        attempted_at: attempted.map(Time::to_jiff),
        failure: failure.as_deref().map(cause).zip(failed.map(Time::to_jiff)),
    };
    (person, credential)
}

impl Store {
    /// A person's log-in; `None` before the first and after log-out.
    pub async fn oura_grant(&self, person: i64) -> Result<Option<OuraGrant>> {
        let row: Option<Row> = with_pool!(self, pool => {
            sqlx::query_as(
                "select person, generation, sealed, scopes, token_url, logged_in_at, obtained_at, expires_at,
                        attempted_at, failure, failed_at
                 from credential where person = $1 and sealed is not null",
            )
            .bind(person)
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(|row| grant_from_row(row).1))
    }

    /// Everyone's log-in, by person.
    pub async fn oura_grants(&self) -> Result<Vec<(i64, OuraGrant)>> {
        let rows: Vec<Row> = with_pool!(self, pool => {
            sqlx::query_as(
                "select person, generation, sealed, scopes, token_url, logged_in_at, obtained_at, expires_at,
                        attempted_at, failure, failed_at
                 from credential where sealed is not null order by person",
            )
            .fetch_all(pool)
            .await?
        });
        Ok(rows.into_iter().map(grant_from_row).collect())
    }

    /// Stores the pair of a new consent, in place of whatever was there. Returns its generation.
    pub async fn save_oura_grant(&self, person: i64, pair: &SealedTokens, now: Timestamp) -> Result<i64> {
        let mut tx = self.begin().await?;
        let generation = with_conn!(&mut tx, conn => {
            sqlx::query_scalar(
                "insert into credential
                     (person, generation, sealed, scopes, token_url, logged_in_at, obtained_at, expires_at)
                 values ($1, 1, $2, $3, $4, $5, $6, $7)
                 on conflict (person) do update
                 set generation = credential.generation + 1, sealed = excluded.sealed, scopes = excluded.scopes,
                     token_url = excluded.token_url, logged_in_at = excluded.logged_in_at,
                     obtained_at = excluded.obtained_at, expires_at = excluded.expires_at,
                     attempted_at = null, failure = null, failed_at = null
                 returning generation",
            )
            .bind(person)
            .bind(&pair.sealed)
            .bind(&pair.scopes)
            .bind(&pair.token_url)
            .bind(now.to_sqlx())
            .bind(pair.obtained_at.to_sqlx())
            .bind(pair.expires_at.to_sqlx())
            .fetch_one(conn)
            .await?
        });
        tx.commit().await?;
        Ok(generation)
    }

    /// Notes that the refresh token of this generation is about to be sent. `false`: there is a newer pair, or none.
    pub async fn begin_refresh(&self, person: i64, generation: i64, now: Timestamp) -> Result<bool> {
        let mut tx = self.begin().await?;
        let changed = with_conn!(&mut tx, conn => {
            sqlx::query(
                "update credential set attempted_at = $3
                 where person = $1 and generation = $2 and sealed is not null",
            )
            .bind(person)
            .bind(generation)
            .bind(now.to_sqlx())
            .execute(conn)
            .await?
            .rows_affected()
        });
        tx.commit().await?;
        Ok(changed == 1)
    }

    /// Replaces the pair of this generation by the next one. `false`: there is a newer pair, or none; nothing changed.
    pub async fn finish_refresh(&self, person: i64, generation: i64, pair: &SealedTokens) -> Result<bool> {
        let mut tx = self.begin().await?;
        let changed = with_conn!(&mut tx, conn => {
            sqlx::query(
                "update credential
                 set generation = generation + 1, sealed = $3, scopes = $4, token_url = $5, obtained_at = $6,
                     expires_at = $7, attempted_at = null, failure = null, failed_at = null
                 where person = $1 and generation = $2 and sealed is not null",
            )
            .bind(person)
            .bind(generation)
            .bind(&pair.sealed)
            .bind(&pair.scopes)
            .bind(&pair.token_url)
            .bind(pair.obtained_at.to_sqlx())
            .bind(pair.expires_at.to_sqlx())
            .execute(conn)
            .await?
            .rows_affected()
        });
        tx.commit().await?;
        Ok(changed == 1)
    }

    /// Notes how an attempt to renew this generation failed. `answered`: it is known what became of the refresh token,
    /// because Oura answered or never received it. `false`: there is a newer pair, or none; nothing changed.
    pub async fn record_refresh_failure(
        &self,
        person: i64,
        generation: i64,
        cause: Cause,
        answered: bool,
        now: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.begin().await?;
        let changed = with_conn!(&mut tx, conn => {
            sqlx::query(
                "update credential
                 set failure = $3, failed_at = $4, attempted_at = case when $5 then null else attempted_at end
                 where person = $1 and generation = $2 and sealed is not null",
            )
            .bind(person)
            .bind(generation)
            .bind(cause.word())
            .bind(now.to_sqlx())
            .bind(answered)
            .execute(conn)
            .await?
            .rows_affected()
        });
        tx.commit().await?;
        Ok(changed == 1)
    }

    /// Forgets a person's log-in. The generation stays and grows, so that a renewal that is under way finds that it came
    /// too late. `false`: there was none.
    pub async fn delete_oura_grant(&self, person: i64) -> Result<bool> {
        let mut tx = self.begin().await?;
        let changed = with_conn!(&mut tx, conn => {
            sqlx::query(
                "update credential
                 set generation = generation + 1, sealed = null, scopes = '', attempted_at = null, failure = null,
                     failed_at = null
                 where person = $1 and sealed is not null",
            )
            .bind(person)
            .execute(conn)
            .await?
            .rows_affected()
        });
        tx.commit().await?;
        Ok(changed == 1)
    }
}
