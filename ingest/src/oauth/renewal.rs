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

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use data_encoding::HEXLOWER;
use domain::Cause;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use store::{OuraGrant, causes};
use tokio::time::Instant;

use super::application::{REQUEST_TIMEOUT, TokenError};
use super::metrics::Refresh;
use super::pair::{TokenPair, renew_at};
use super::scopes;
use super::seal::{Keys, SealError, random};
use super::tokens::{FaultPoint, GrantOwner, Observer, RenewalError};
use crate::oura::Failure;

/// What the lease is for.
const LEASE_NAME: &str = "refresh";

/// Two questions at Oura and the statements around them; who died with the lease blocks the others for this long.
const LEASE_DURATION: Duration = REQUEST_TIMEOUT.saturating_mul(2).saturating_add(Duration::from_secs(10));

/// How often a process that waits for another one's renewal looks.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Pause between attempts that failed without spending the token for sure.
const RETRY_DELAY: SignedDuration = SignedDuration::from_mins(1);

/// The most renewals in [`BUDGET_WINDOW`], each of which spends a refresh token: whatever Oura's servers answer, a log-in
/// is not renewed in a loop.
const BUDGET: usize = 5;
const BUDGET_WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// How often saving a new pair is tried, and the pause before each retry, before the error is returned.
const SAVE_ATTEMPTS: u32 = 5;
const SAVE_RETRY_DELAY: Duration = Duration::from_secs(1);

/// A person's log-in as this process sees it.
pub(super) struct StoredGrant {
    account: GrantOwner,
    /// This process among those that share the database.
    holder: String,
    observer: Option<Observer>,
    /// The pair in use; read without waiting for a renewal.
    current: Mutex<Current>,
    /// Held for a renewal: one at a time in this process, then the lease.
    renewing: Arc<tokio::sync::Mutex<Renewing>>,
}

#[derive(Default)]
struct Current {
    pair: Option<(i64, TokenPair)>,
    /// The generation whose access token Oura refused.
    refused: Option<i64>,
    /// The generation that came from a refusal and was refused as well: renewing does not help.
    useless: Option<i64>,
}

#[derive(Default)]
struct Renewing {
    /// A pair that waits to be stored, and the generation that it replaces.
    unsaved: Option<(i64, TokenPair, Refresh)>,
    /// When refresh tokens were sent in the last [`BUDGET_WINDOW`].
    sent: Vec<Timestamp>,
    /// The generation whose refresh token is known to be spent, should noting that have failed.
    spent: Option<i64>,
}

/// What to do with a pair.
enum Decision {
    Use,
    Renew,
    Fail(Failure),
}

impl StoredGrant {
    pub(super) fn new(account: GrantOwner, observer: Option<Observer>) -> Result<Self, SealError> {
        let holder = HEXLOWER.encode(&random::<8>()?);
        Ok(Self { account, holder, observer, current: Mutex::default(), renewing: Arc::default() })
    }

    pub(super) fn fallback(&self) -> Option<&SecretString> {
        self.account.fallback.as_ref()
    }

    fn now(&self) -> Timestamp {
        (self.account.clock)()
    }

    fn at(&self, point: FaultPoint) {
        if let Some(observer) = &self.observer {
            observer(point);
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The access token in use while it is far from its end.
    pub(super) fn usable_token(&self) -> Option<SecretString> {
        let current = self.current();
        let (_, pair) = current.pair.as_ref()?;
        (self.now() < renew_at(pair.obtained_at, pair.expires_at)).then(|| pair.access.clone())
    }

    pub(super) fn note_refusal(&self, refused: &SecretString, again: bool) {
        let mut current = self.current();
        if let Some((generation, pair)) = &current.pair
            && pair.access.expose_secret() == refused.expose_secret()
        {
            let generation = Some(*generation);
            current.refused = generation;
            if again {
                current.useless = generation;
            }
        }
    }

    pub(super) async fn needs_login(&self) -> bool {
        let GrantOwner { store, person, application, metrics, fallback, .. } = &self.account;
        // A database that is away says so where it is needed.
        let Ok(credential) = store.oura_grant(person.id).await else { return false };
        let needs = match credential {
            None => {
                self.current().pair = None;
                metrics.hide(person.name.as_str(), application.scopes());
                fallback.is_none()
            }
            Some(credential) => {
                self.show(&credential);
                let mut current = self.current();
                if current.pair.as_ref().is_some_and(|(generation, _)| *generation != credential.generation) {
                    current.pair = None;
                }
                let refused = current.refused == Some(credential.generation);
                let ended = refused || self.now() >= credential.pair.expires_at;
                ended && cause(&credential) == Some(Cause::LoginRequired)
            }
        };
        metrics.set_required(person.name.as_str(), needs);
        needs
    }

    /// When the log-in was made; `None` without one.
    pub(super) async fn logged_in_at(&self) -> Result<Option<Timestamp>, store::Error> {
        let credential = self.account.store.oura_grant(self.account.person.id).await?;
        Ok(credential.map(|credential| credential.logged_in_at))
    }

    fn show(&self, credential: &OuraGrant) {
        let GrantOwner { person, application, metrics, .. } = &self.account;
        let pair = &credential.pair;
        metrics.show(person.name.as_str(), pair.expires_at, application.scopes(), &pair.scopes);
    }

    /// Runs on a task of its own: the caller may be cancelled, and a renewal must not end half-way.
    pub(super) async fn ensure_valid(
        self: Arc<Self>,
        refused: Option<SecretString>,
    ) -> Result<SecretString, Failure> {
        let task = tokio::spawn(async move {
            let mut renewing = self.renewing.clone().lock_owned().await;
            self.ensure_valid_once(&mut renewing, refused.as_ref()).await
        });
        task.await.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(RenewalError::Stopping.into()),
        })
    }

    /// Waits for the renewal that is under way, and offers its pair to the store once more.
    pub(super) async fn finish(&self) {
        let mut renewing = self.renewing.lock().await;
        if let Err(error) = self.save(&mut renewing).await {
            tracing::error!(error = causes(&error), "the renewed log-in could not be stored");
        }
    }

    async fn ensure_valid_once(
        &self,
        renewing: &mut Renewing,
        refused: Option<&SecretString>,
    ) -> Result<SecretString, Failure> {
        self.save(renewing).await?;
        let mut leased = false;
        let access = self.ensure_valid_with_lease(renewing, refused, &mut leased).await;
        // A pair that waits to be stored keeps the others out as long as it can.
        if leased && renewing.unsaved.is_none() {
            let GrantOwner { store, person, .. } = &self.account;
            if let Err(error) = store.release_lease(person.id, LEASE_NAME, &self.holder).await {
                tracing::warn!(error = causes(&error), "a lease could not be released; it ends by itself");
            }
            self.at(FaultPoint::Released);
        }
        let required = matches!(access, Err(Failure::LoginRequired));
        self.account.metrics.set_required(self.account.person.name.as_str(), required);
        access
    }

    async fn ensure_valid_with_lease(
        &self,
        renewing: &mut Renewing,
        refused: Option<&SecretString>,
        leased: &mut bool,
    ) -> Result<SecretString, Failure> {
        let GrantOwner { store, person, application, metrics, fallback, .. } = &self.account;
        let began = Instant::now();
        let mut renewed = false;
        loop {
            let Some(credential) = store.oura_grant(person.id).await.map_err(RenewalError::Store)? else {
                self.current().pair = None;
                metrics.hide(person.name.as_str(), application.scopes());
                return fallback.clone().ok_or(Failure::LoginRequired);
            };
            self.show(&credential);
            let keys = self.account.keys.load().map_err(RenewalError::Seal)?;
            let pair = TokenPair::open(&keys, person.id, &credential.pair).map_err(RenewalError::Seal)?;
            self.current().pair = Some((credential.generation, pair.clone()));
            // One refusal is worth one renewal, whatever came of it.
            if renewed {
                return if self.is_usable(&pair, refused) {
                    Ok(pair.access)
                } else {
                    Err(Failure::Unauthorized)
                };
            }
            match self.decide(&credential, &pair, renewing, refused) {
                Decision::Use => return Ok(pair.access),
                Decision::Fail(failure) => return Err(failure),
                // What was read before the lease was taken may be old.
                Decision::Renew if *leased => match self.renew(renewing, &credential, &pair, refused).await {
                    Ok(sent) => renewed = sent,
                    Err(_) if self.is_usable(&pair, refused) => return Ok(pair.access),
                    Err(error) => return Err(error),
                },
                Decision::Renew => {
                    let now = self.now();
                    let until = now.saturating_add(LEASE_DURATION).unwrap_or(Timestamp::MAX);
                    let taken = store.take_lease(person.id, LEASE_NAME, &self.holder, until, now).await;
                    if taken.map_err(RenewalError::Store)? {
                        *leased = true;
                        self.at(FaultPoint::Leased);
                    } else if self.is_usable(&pair, refused) {
                        return Ok(pair.access);
                    } else if began.elapsed() > LEASE_DURATION + POLL_INTERVAL {
                        return Err(RenewalError::Busy.into());
                    } else {
                        tokio::time::sleep(POLL_INTERVAL).await;
                    }
                }
            }
        }
    }

    /// Whether Oura may still accept the access token.
    fn is_usable(&self, pair: &TokenPair, refused: Option<&SecretString>) -> bool {
        !repeats(&pair.access, refused) && self.now() < pair.expires_at
    }

    fn decide(
        &self,
        credential: &OuraGrant,
        pair: &TokenPair,
        renewing: &Renewing,
        refused: Option<&SecretString>,
    ) -> Decision {
        let now = self.now();
        let usable = self.is_usable(pair, refused);
        if usable && now < renew_at(pair.obtained_at, pair.expires_at) {
            return Decision::Use;
        }
        let otherwise = |failure| if usable { Decision::Use } else { Decision::Fail(failure) };
        let generation = Some(credential.generation);
        if cause(credential) == Some(Cause::LoginRequired) || renewing.spent == generation {
            return otherwise(Failure::LoginRequired);
        }
        // An empty one would only be refused; versions before this one could store it.
        if pair.refresh.expose_secret().trim().is_empty() {
            return otherwise(Failure::LoginRequired);
        }
        // Renewing has been tried for this refusal, by this process or another.
        let useless = cause(credential) == Some(Cause::Unauthorized) || self.current().useless == generation;
        if refused.is_some() && useless {
            return otherwise(Failure::Unauthorized);
        }
        // A clock that was set back must not make the pause longer.
        let paused = |(_, at): &(Cause, Timestamp)| *at <= now && now.duration_since(*at) < RETRY_DELAY;
        if credential.failure.as_ref().is_some_and(paused) {
            return otherwise(RenewalError::Paused.into());
        }
        // It may be spent. Trying it again can end the access token as well, so it waits until that is over.
        if credential.attempted_at.is_some() && usable {
            return Decision::Use;
        }
        Decision::Renew
    }

    /// Sends the refresh token and stores what comes for it; whether it was sent. After `Ok` the store says what counts.
    async fn renew(
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
    async fn save(&self, renewing: &mut Renewing) -> Result<(), RenewalError> {
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

fn repeats(access: &SecretString, refused: Option<&SecretString>) -> bool {
    refused.is_some_and(|refused| refused.expose_secret() == access.expose_secret())
}

fn cause(credential: &OuraGrant) -> Option<Cause> {
    credential.failure.map(|(cause, _)| cause)
}
