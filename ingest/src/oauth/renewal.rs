//! One renewal at a time, and none lost.
//!
//! A refresh token works once, so a renewal goes: take the lease, read again, note that the token is about to be sent,
//! send it, store the new pair, release the lease. Only a stored pair is used. What can happen between two of these
//! steps, and what is done about it:
//!
//! - killed before sending, or Oura never got it: the next attempt sends it again and it works;
//! - killed after sending, or no response came: whether it is spent is unknown. The access token is used to its end, then
//!   the refresh token is sent once more. If Oura refuses it, only a new log-in helps, which the failure states;
//! - refused: it is noted and never sent again;
//! - answered, but the database is away: the pair stays in memory until it can be stored;
//! - answered with the very access token that was refused: the pair is stored, and not renewed before its end.

use std::time::Duration;

use domain::Cause;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use store::{OuraGrant, causes};

use super::application::TokenError;
use super::error::RenewalError;
use super::metrics::Refresh;
use super::owner::{FaultPoint, GrantOwner};
use super::pair::TokenPair;
use super::scopes;
use super::seal::Keys;
use super::stored_grant::{StoredGrant, repeats};
use crate::failure::Failure;

/// The most renewals in [`BUDGET_WINDOW`], each of which spends a refresh token: whatever Oura's servers answer, a log-in
/// is not renewed in a loop.
const BUDGET: usize = 5;
const BUDGET_WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// How often saving a new pair is tried, and the pause before each retry, before the error is returned.
const SAVE_ATTEMPTS: u32 = 5;
const SAVE_RETRY_DELAY: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Renewing {
    /// A pair that waits to be stored, and the generation that it replaces.
    pub(super) unsaved: Option<(i64, TokenPair, Refresh)>,
    /// When refresh tokens were sent in the last [`BUDGET_WINDOW`].
    sent: Vec<Timestamp>,
    /// The generation whose refresh token is known to be spent, should noting that have failed.
    pub(super) spent: Option<i64>,
}

impl StoredGrant {
    /// Sends the refresh token and stores what comes for it; whether it was sent. After `Ok` the store says what counts.
    pub(super) async fn renew(
        &self,
        renewing: &mut Renewing,
        credential: &OuraGrant,
        pair: &TokenPair,
        refused: Option<&SecretString>,
    ) -> Result<bool, Failure> {
        let GrantOwner { store, person, application, .. } = &self.account;
        let generation = credential.generation;
        let now = self.now();
        // A clock that was set back does not keep a renewal waiting.
        renewing.sent.retain(|at| *at <= now && now.duration_since(*at) < BUDGET_WINDOW);
        if renewing.sent.len() >= BUDGET {
            return Err(RenewalError::TooOften.into());
        }
        if !store.begin_refresh(person.id, generation, now).await.map_err(RenewalError::Store)? {
            return Ok(false);
        }
        renewing.sent.push(now);
        self.at(FaultPoint::Marked);
        let answer = application.refresh(&pair.refresh, &credential.pair.token_url, now).await;
        self.at(FaultPoint::Answered);
        match answer {
            Ok(next) => {
                let missing = scopes::missing(application.scopes(), &next.scopes).join(" ");
                let outcome = if repeats(&next.access, refused) {
                    tracing::error!(person = %person.name, "Oura's log-in server repeats the access token that the API refuses; the log-in is not renewed again before it ends");
                    Refresh::Repeated
                } else {
                    tracing::info!(person = %person.name, expires_at = %next.expires_at, missing, "log-in renewed");
                    Refresh::Renewed
                };
                renewing.unsaved = Some((generation, next, outcome));
                self.save(renewing).await?;
                if matches!(outcome, Refresh::Repeated) {
                    self.current().useless = Some(generation + 1);
                }
                Ok(true)
            }
            Err(error) => {
                let failure = self.note_failure(renewing, credential, error).await;
                self.at(FaultPoint::Noted);
                Err(failure)
            }
        }
    }

    /// Stores the pair that waits to be stored, if there is one.
    pub(super) async fn save(&self, renewing: &mut Renewing) -> Result<(), RenewalError> {
        let Some((generation, pair, outcome)) = &renewing.unsaved else { return Ok(()) };
        let GrantOwner { person, keys, metrics, .. } = &self.account;
        let mut attempt = 1;
        let stored = loop {
            match self.save_once(&keys.load()?, *generation, pair, *outcome).await {
                Ok(stored) => break stored,
                Err(error) if attempt == SAVE_ATTEMPTS => {
                    metrics.count(Refresh::Unsaved);
                    tracing::error!(
                        error = causes(&error),
                        "the renewed log-in cannot be stored; it stays in memory"
                    );
                    return Err(error);
                }
                Err(_) => tokio::time::sleep(SAVE_RETRY_DELAY).await,
            }
            attempt += 1;
        };
        if stored {
            metrics.count(*outcome);
        } else {
            tracing::info!(person = %person.name, "a newer log-in was stored meanwhile; it counts");
        }
        renewing.unsaved = None;
        self.at(FaultPoint::Saved);
        Ok(())
    }

    async fn save_once(
        &self,
        keys: &Keys,
        generation: i64,
        pair: &TokenPair,
        outcome: Refresh,
    ) -> Result<bool, RenewalError> {
        let GrantOwner { store, person, .. } = &self.account;
        let sealed = pair.seal(keys, person.id)?;
        let stored = store.finish_refresh(person.id, generation, &sealed).await?;
        if stored && matches!(outcome, Refresh::Repeated) {
            // For the other processes and the next start: each would try the same once more.
            let next = generation + 1;
            store.record_refresh_failure(person.id, next, Cause::Unauthorized, true, self.now()).await?;
        }
        Ok(stored)
    }

    async fn note_failure(
        &self,
        renewing: &mut Renewing,
        credential: &OuraGrant,
        error: TokenError,
    ) -> Failure {
        let GrantOwner { store, person, metrics, .. } = &self.account;
        let generation = credential.generation;
        let (cause, answered, outcome) = match &error {
            TokenError::Unreachable(_) | TokenError::Limited => (Cause::RenewalFailed, true, Refresh::Unsent),
            TokenError::Unanswered(_) => (Cause::RenewalFailed, false, Refresh::Unanswered),
            TokenError::Refused { .. } if error.is_final() => (Cause::LoginRequired, true, Refresh::Refused),
            TokenError::Refused { .. } => (Cause::RenewalFailed, true, Refresh::Refused),
        };
        metrics.count(outcome);
        let required = cause == Cause::LoginRequired;
        if required {
            renewing.spent = Some(generation);
            tracing::error!(
                person = %person.name,
                kind = cause.word(),
                error = causes(&error),
                "the log-in is spent; run `myhealth login` before the access token ends"
            );
        } else {
            tracing::warn!(person = %person.name, kind = cause.word(), error = causes(&error), "the log-in was not renewed");
        }
        // What became of an earlier attempt is no clearer when this one did not get through.
        let known = required || (answered && credential.attempted_at.is_none());
        let noted = store.record_refresh_failure(person.id, generation, cause, known, self.now()).await;
        if let Err(error) = noted {
            tracing::warn!(error = causes(&error), "the failure of a renewal could not be noted");
        }
        if required { Failure::LoginRequired } else { RenewalError::Token(error).into() }
    }
}
