//! Whose data an access token opens: asked before anything that was read with it is stored. A log-in, a renewal or a
//! token on a command line may be another Oura account's than the one stored about a person.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use store::{AccountClaim, Person, Store, causes};

use super::client::Client;
use crate::failure::Failure;

/// How long Oura may take to answer: what is read waits for it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The access token that was asked about last.
#[derive(Debug, Default)]
pub(super) struct AccountCheck(Mutex<Option<(SecretString, Confirmation)>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Confirmation {
    /// It is the person's account.
    Confirmed,
    /// Oura did not answer, and nothing speaks against it. Asked again by the next sync run.
    Pending,
}

impl AccountCheck {
    fn of(&self, token: &SecretString) -> Option<Confirmation> {
        let asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (asked, confirmation) = asked.as_ref()?;
        (asked.expose_secret() == token.expose_secret()).then_some(*confirmation)
    }

    fn note(&self, token: SecretString, confirmation: Confirmation) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((token, confirmation));
    }
}

impl Client {
    /// Proves that the access token in use belongs to the Oura account that is stored as `person`, and records the
    /// account of a person without one. Requests it once for each access token; `retry` requests it again where Oura did not
    /// respond. Without a response a new log-in or another token does not count as the person's.
    pub(crate) async fn check_account(
        &self,
        store: &Store,
        person: &Person,
        retry: bool,
    ) -> Result<Result<(), Failure>, store::Error> {
        // The read that needs the token reports that there is none.
        let Ok(token) = self.tokens.access().await else { return Ok(Ok(())) };
        match self.account_check.of(&token) {
            Some(Confirmation::Confirmed) => return Ok(Ok(())),
            Some(Confirmation::Pending) if !retry => return Ok(Ok(())),
            _ => {}
        }
        let asked = tokio::time::timeout(REQUEST_TIMEOUT, self.oura_user_id()).await;
        // Asking may have renewed it.
        let Ok(token) = self.tokens.access().await else { return Ok(Ok(())) };
        let name = self.tokens.name_of(&token).await?;
        let confirmation = match asked.unwrap_or(Err(Failure::Timeout)) {
            Ok(account) => match store.claim_account(person.id, &account, Some(&name)).await? {
                AccountClaim::Confirmed => Confirmation::Confirmed,
                AccountClaim::OtherAccount => return Ok(Err(Failure::OtherAccount(person.name.clone()))),
                AccountClaim::OtherPerson(other) => return Ok(Err(Failure::SharedAccount(other))),
            },
            Err(failure) => {
                let known = store.oura_account(person.id).await?;
                let is_new = known.is_some_and(|known| known.confirmed_with.is_some_and(|with| with != name));
                if is_new {
                    return Ok(Err(failure));
                }
                tracing::debug!(
                    person = %person.name, kind = %failure.cause(), error = causes(&failure),
                    "Oura did not say whose access token it is; asking again with the next sync run"
                );
                Confirmation::Pending
            }
        };
        self.account_check.note(token, confirmation);
        Ok(Ok(()))
    }
}
