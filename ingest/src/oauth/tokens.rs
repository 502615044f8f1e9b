//! The current access token. Every caller gets a valid one; near its end, or after Oura refused it, it is renewed
//! first.

use std::fmt;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use store::{OuraGrant, Store};

use super::application::Application;
use super::error::RenewalError;
use super::owner::{GrantOwner, Observer};
use super::pair::{ClientCredentials, TokenPair};
use super::seal::{Keyring, SealError};
use super::stored_grant::StoredGrant;
use crate::failure::Failure;

/// Where a client's access token comes from. Clones share it.
#[derive(Clone)]
pub struct Tokens(Source);

#[derive(Clone)]
enum Source {
    /// A configured token.
    Fixed(SecretString),
    /// A person's log-in.
    Stored(Arc<StoredGrant>),
}

impl From<SecretString> for Tokens {
    fn from(token: SecretString) -> Self {
        Self(Source::Fixed(token))
    }
}

impl From<String> for Tokens {
    fn from(token: String) -> Self {
        Self(Source::Fixed(token.into()))
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::Fixed(_) => "Tokens(fixed)",
            Source::Stored(_) => "Tokens(stored)",
        })
    }
}

impl Tokens {
    /// The access tokens of a person's log-in, now or as soon as there is one.
    pub fn stored(account: GrantOwner) -> Result<Self, SealError> {
        Self::observed(account, None)
    }

    /// The same, with an observer of its steps.
    pub fn observed(account: GrantOwner, observer: Option<Observer>) -> Result<Self, SealError> {
        Ok(Self(Source::Stored(Arc::new(StoredGrant::new(account, observer)?))))
    }

    /// The token that was typed in, if one was.
    pub(crate) fn typed(&self) -> Option<&SecretString> {
        match &self.0 {
            Source::Fixed(token) => Some(token),
            Source::Stored(stored) => stored.fallback(),
        }
    }

    /// An access token that should work.
    pub(crate) async fn access(&self) -> Result<SecretString, Failure> {
        match &self.0 {
            Source::Fixed(token) => Ok(token.clone()),
            Source::Stored(stored) => match stored.usable_token() {
                Some(access) => Ok(access),
                None => stored.clone().ensure_valid(None).await,
            },
        }
    }

    /// Another access token after `refused` was refused; `None` when there can be no other.
    pub(crate) async fn renew(&self, refused: SecretString) -> Result<Option<SecretString>, Failure> {
        match &self.0 {
            Source::Fixed(_) => Ok(None),
            Source::Stored(stored) => {
                stored.note_refusal(&refused, false);
                let access = stored.clone().ensure_valid(Some(refused.clone())).await?;
                Ok((access.expose_secret() != refused.expose_secret()).then_some(access))
            }
        }
    }

    /// The log-in that an access token comes from, or the token that was typed in, as a word that gives away neither.
    pub(crate) async fn name_of(&self, token: &SecretString) -> Result<String, store::Error> {
        let log_in = match &self.0 {
            Source::Fixed(_) => None,
            Source::Stored(stored) => stored.logged_in_at().await?,
        };
        Ok(match log_in {
            Some(at) => format!("log-in {}", at.as_second()),
            None => format!("token {}", HEXLOWER.encode(&Sha256::digest(token.expose_secret()))),
        })
    }

    /// Notes that the token which [`Tokens::renew`] gave was refused as well, so that it is not renewed again before its
    /// time: each renewal is a chance to lose the log-in.
    pub(crate) fn note_renewed_token_refused(&self, renewed: &SecretString) {
        if let Source::Stored(stored) = &self.0 {
            stored.note_refusal(renewed, true);
        }
    }

    /// Whether nothing can be read before a new log-in. Also notices a log-in by another process.
    pub async fn is_login_required(&self) -> bool {
        match &self.0 {
            Source::Fixed(_) => false,
            Source::Stored(stored) => stored.needs_login().await,
        }
    }

    /// Waits until no renewal is under way in this process; dropping one would lose the log-in.
    pub async fn finish(&self) {
        if let Source::Stored(stored) = &self.0 {
            stored.finish().await;
        }
    }
}

/// Stores the pair of a new consent.
pub async fn store_login(
    store: &Store,
    person: i64,
    keys: &Keyring,
    pair: &TokenPair,
    now: Timestamp,
) -> Result<(), RenewalError> {
    let sealed = pair.seal(&keys.load()?, person)?;
    store.save_oura_grant(person, &sealed, now).await?;
    // So that the result of a log-in shows at once.
    store.schedule_sync(person, None).await?;
    Ok(())
}

/// The application that the newest log-in was given to; `None` where there is no log-in, or none that an application was
/// stored with. Renewals keep it with each pair, so a changed secret replaces the previous one.
pub async fn stored_client(store: &Store, keys: &Keyring) -> Result<Option<ClientCredentials>, RenewalError> {
    let mut grants = store.oura_grants().await?;
    if grants.is_empty() {
        return Ok(None);
    }
    grants.sort_by_key(|(_, grant)| std::cmp::Reverse(grant.logged_in_at));
    let keys = keys.load()?;
    for (person, grant) in grants {
        if let Some(client) = TokenPair::open(&keys, person, &grant.pair)?.client {
            return Ok(Some(client));
        }
    }
    Ok(None)
}

/// Tells Oura to forget a person's log-in, where there are means to, and forgets it here. The first result is Oura's, the
/// second says whether there was one.
pub async fn log_out(
    store: &Store,
    person: i64,
    means: Option<(&Application, &Keyring)>,
) -> Result<(Result<(), RenewalError>, bool), store::Error> {
    let revoked = match (store.oura_grant(person).await?, means) {
        (Some(credential), Some((application, keys))) => revoke(person, application, keys, &credential).await,
        _ => Ok(()),
    };
    Ok((revoked, store.delete_oura_grant(person).await?))
}

async fn revoke(
    person: i64,
    application: &Application,
    keys: &Keyring,
    credential: &OuraGrant,
) -> Result<(), RenewalError> {
    let pair = TokenPair::open(&keys.load()?, person, &credential.pair)?;
    Ok(application.revoke(&pair).await?)
}
