//! A person's log-in as this process sees it: the pair in use, and when it has to be renewed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use data_encoding::HEXLOWER;
use domain::Cause;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use store::{OuraGrant, causes};
use tokio::time::Instant;

use super::application::REQUEST_TIMEOUT;
use super::error::RenewalError;
use super::owner::{FaultPoint, GrantOwner, Observer};
use super::pair::{TokenPair, renew_at};
use super::renewal::Renewing;
use super::seal::{SealError, random};
use crate::failure::Failure;

/// What the lease is for.
const LEASE_NAME: &str = "refresh";

/// Two questions at Oura and the statements around them; who died with the lease blocks the others for this long.
const LEASE_DURATION: Duration = REQUEST_TIMEOUT.saturating_mul(2).saturating_add(Duration::from_secs(10));

/// How often a process that waits for another one's renewal looks.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Pause between attempts that failed without spending the token for sure.
const RETRY_DELAY: SignedDuration = SignedDuration::from_mins(1);

/// A person's log-in as this process sees it.
pub(super) struct StoredGrant {
    pub(super) account: GrantOwner,
    /// This process among those that share the database.
    holder: String,
    observer: Option<Observer>,
    /// The pair in use; read without waiting for a renewal.
    current: Mutex<Current>,
    /// Held for a renewal: one at a time in this process, then the lease.
    renewing: Arc<tokio::sync::Mutex<Renewing>>,
}

#[derive(Default)]
pub(super) struct Current {
    pair: Option<(i64, TokenPair)>,
    /// The generation whose access token Oura refused.
    refused: Option<i64>,
    /// The generation that came from a refusal and was refused as well: renewing does not help.
    pub(super) useless: Option<i64>,
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

    pub(super) fn now(&self) -> Timestamp {
        (self.account.clock)()
    }

    pub(super) fn at(&self, point: FaultPoint) {
        if let Some(observer) = &self.observer {
            observer(point);
        }
    }

    pub(super) fn current(&self) -> MutexGuard<'_, Current> {
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
}

pub(super) fn repeats(access: &SecretString, refused: Option<&SecretString>) -> bool {
    refused.is_some_and(|refused| refused.expose_secret() == access.expose_secret())
}

fn cause(credential: &OuraGrant) -> Option<Cause> {
    credential.failure.map(|(cause, _)| cause)
}
