//! Two tokens, the application they were given to, and what is known of them.

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use store::SealedTokens;

use super::seal::{Keys, SealError};

/// A pair this far from its end is renewed, or earlier where a fifth of its life is less.
const RENEWAL_MARGIN: SignedDuration = SignedDuration::from_hours(1);

/// An access token and the refresh token that comes with it.
#[derive(Clone, Debug)]
pub struct TokenPair {
    /// Opens the API until it ends.
    pub access: SecretString,
    /// Worth one new pair.
    pub refresh: SecretString,
    /// What the person ticked: plain names in order, with spaces between.
    pub scopes: String,
    /// The token address that issued it.
    pub token_url: String,
    /// The moment before it was asked for, by this machine's clock.
    pub obtained_at: Timestamp,
    /// End of the access token.
    pub expires_at: Timestamp,
    /// The application it was given to; `None` for pairs that earlier versions stored.
    pub client: Option<ClientCredentials>,
}

/// Id and secret of an application registered at Oura.
#[derive(Clone, Debug, Deserialize)]
pub struct ClientCredentials {
    /// `client_id`.
    pub id: String,
    /// `client_secret`.
    pub secret: SecretString,
}

/// What is sealed. Earlier versions pass over keys that they do not know.
#[derive(Deserialize)]
struct Secrets {
    access: SecretString,
    refresh: SecretString,
    client: Option<ClientCredentials>,
}

impl TokenPair {
    /// Seals the tokens and the application; the rest may be known.
    pub(super) fn seal(&self, keys: &Keys, person: i64) -> Result<SealedTokens, SealError> {
        let client = self.client.as_ref();
        let client = client.map(|client| json!({ "id": client.id, "secret": client.secret.expose_secret() }));
        let tokens = json!({
            "access": self.access.expose_secret(), "refresh": self.refresh.expose_secret(), "client": client,
        });
        Ok(SealedTokens {
            sealed: keys.seal(person, tokens.to_string().as_bytes())?,
            scopes: self.scopes.clone(),
            token_url: self.token_url.clone(),
            obtained_at: self.obtained_at,
            expires_at: self.expires_at,
        })
    }

    /// Opens what was sealed for this person.
    pub(super) fn open(keys: &Keys, person: i64, pair: &SealedTokens) -> Result<Self, SealError> {
        let opened = keys.open(person, &pair.sealed)?;
        let secrets: Secrets =
            serde_json::from_slice(opened.expose_secret()).map_err(|_| SealError::Broken)?;
        // Versions before this one could store an empty access token; it has ended.
        let is_empty = secrets.access.expose_secret().trim().is_empty();
        Ok(Self {
            access: secrets.access,
            refresh: secrets.refresh,
            client: secrets.client,
            scopes: pair.scopes.clone(),
            token_url: pair.token_url.clone(),
            obtained_at: pair.obtained_at,
            expires_at: if is_empty { pair.obtained_at } else { pair.expires_at },
        })
    }
}

/// When a pair is to be renewed: early enough to survive an hour of trouble at Oura, late enough not to ask all the
/// time where a token lives for minutes.
pub(super) fn renew_at(obtained_at: Timestamp, expires_at: Timestamp) -> Timestamp {
    let life = expires_at.duration_since(obtained_at).max(SignedDuration::ZERO);
    expires_at.saturating_sub(RENEWAL_MARGIN.min(life / 5)).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewal_is_due_an_hour_or_a_fifth_of_lifetime_before_expiry() {
        let obtained: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
        let check = |hours: i64, minutes_before: i64| {
            let expires = obtained + SignedDuration::from_hours(hours);
            let expected = expires - SignedDuration::from_mins(minutes_before);
            assert_eq!(renew_at(obtained, expires), expected, "{hours} h");
        };
        check(720, 60);
        check(24, 60);
        check(5, 60);
        check(1, 12);
        check(0, 0);
        let backwards = obtained - SignedDuration::from_hours(1);
        assert_eq!(renew_at(obtained, backwards), backwards, "a life that ended before it began is over");
    }
}
