//! Log-ins at Oura. Secrets come and go sealed: nothing here can read them. Every change names the generation it was
//! made from, so that a process which slept through a renewal cannot put an older pair over a newer one.

use domain::Cause;
use jiff::Timestamp;

use crate::Store;
use crate::error::Result;
use crate::sql::{execute, read, row, run, select};
use crate::sync::cause;
use crate::time::Time;

/// A person's log-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OuraGrant {
    /// Number of the pair; grows with every pair.
    pub generation: i64,
    /// The pair.
    pub pair: SealedTokens,
    /// When the person gave the consent.
    pub logged_in_at: Timestamp,
    /// When the refresh token was sent, while it is unknown whether Oura accepted it.
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

row! {
    struct GrantRow {
        person: i64,
        generation: i64,
        sealed: String,
        scopes: String,
        token_url: String,
        logged_in_at: Time,
        obtained_at: Time,
        expires_at: Time,
        attempted_at: Option<Time>,
        failure: Option<String>,
        failed_at: Option<Time>,
    }
}

impl From<GrantRow> for OuraGrant {
    fn from(row: GrantRow) -> Self {
        let pair = SealedTokens {
            sealed: row.sealed,
            scopes: row.scopes,
            token_url: row.token_url,
            obtained_at: row.obtained_at.get(),
            expires_at: row.expires_at.get(),
        };
        Self {
            generation: row.generation,
            pair,
            logged_in_at: row.logged_in_at.get(),
            attempted_at: row.attempted_at.map(Time::get),
            failure: row.failure.as_deref().map(cause).zip(row.failed_at.map(Time::get)),
        }
    }
}

impl Store {
    /// A person's log-in; `None` before the first and after log-out.
    pub async fn oura_grant(&self, person: i64) -> Result<Option<OuraGrant>> {
        let row: Option<GrantRow> = read!(
            self,
            query_as.fetch_optional,
            select::<GrantRow>("from credential where person = $1 and sealed is not null"),
            person
        );
        Ok(row.map(OuraGrant::from))
    }

    /// Everyone's log-in, by person.
    pub async fn oura_grants(&self) -> Result<Vec<(i64, OuraGrant)>> {
        let rows: Vec<GrantRow> = read!(
            self,
            query_as.fetch_all,
            select::<GrantRow>("from credential where sealed is not null order by person")
        );
        Ok(rows.into_iter().map(|row| (row.person, row.into())).collect())
    }

    /// Stores the pair of a new consent, in place of whatever was there. Returns its generation.
    pub async fn save_oura_grant(&self, person: i64, pair: &SealedTokens, now: Timestamp) -> Result<i64> {
        let mut tx = self.begin().await?;
        let generation = run!(
            &mut tx,
            query_scalar.fetch_one,
            "insert into credential
                 (person, generation, sealed, scopes, token_url, logged_in_at, obtained_at, expires_at)
             values ($1, 1, $2, $3, $4, $5, $6, $7)
             on conflict (person) do update
             set generation = credential.generation + 1, sealed = excluded.sealed, scopes = excluded.scopes,
                 token_url = excluded.token_url, logged_in_at = excluded.logged_in_at,
                 obtained_at = excluded.obtained_at, expires_at = excluded.expires_at,
                 attempted_at = null, failure = null, failed_at = null
             returning generation",
            person,
            &pair.sealed,
            &pair.scopes,
            &pair.token_url,
            Time::from(now),
            Time::from(pair.obtained_at),
            Time::from(pair.expires_at)
        );
        tx.commit().await?;
        Ok(generation)
    }

    /// Notes that the refresh token of this generation is about to be sent. `false`: there is a newer pair, or none.
    pub async fn begin_refresh(&self, person: i64, generation: i64, now: Timestamp) -> Result<bool> {
        let changed = execute!(
            self,
            "update credential set attempted_at = $3
                 where person = $1 and generation = $2 and sealed is not null",
            person,
            generation,
            Time::from(now)
        );
        Ok(changed == 1)
    }

    /// Replaces the pair of this generation by the next one. `false`: there is a newer pair, or none; nothing changed.
    pub async fn finish_refresh(&self, person: i64, generation: i64, pair: &SealedTokens) -> Result<bool> {
        let changed = execute!(
            self,
            "update credential
                 set generation = generation + 1, sealed = $3, scopes = $4, token_url = $5, obtained_at = $6,
                     expires_at = $7, attempted_at = null, failure = null, failed_at = null
                 where person = $1 and generation = $2 and sealed is not null",
            person,
            generation,
            &pair.sealed,
            &pair.scopes,
            &pair.token_url,
            Time::from(pair.obtained_at),
            Time::from(pair.expires_at)
        );
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
        let changed = execute!(
            self,
            "update credential
                 set failure = $3, failed_at = $4, attempted_at = case when $5 then null else attempted_at end
                 where person = $1 and generation = $2 and sealed is not null",
            person,
            generation,
            cause.word(),
            Time::from(now),
            answered
        );
        Ok(changed == 1)
    }

    /// Forgets a person's log-in. The generation stays and grows, so that a renewal that is under way finds that it came
    /// too late. `false`: there was none.
    pub async fn delete_oura_grant(&self, person: i64) -> Result<bool> {
        let changed = execute!(
            self,
            "update credential
             set generation = generation + 1, sealed = null, scopes = '', attempted_at = null, failure = null,
                 failed_at = null
             where person = $1 and sealed is not null",
            person
        );
        Ok(changed == 1)
    }
}
