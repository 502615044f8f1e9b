//! Log-ins as JSON Web Tokens (RFC 7519), signed with ES256 by a key that every replica of the service shares: a gateway
//! checks one by the public half, a replica without a memory of having made it, and a restart ends none. It names an account
//! and the generation of its log-ins, which the store compares, so a log-in can be ended.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Header, Validation};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use store::UserAccount;

pub use super::keys::InvalidKey;
use super::keys::{Key, PublicKey};

/// How long a log-in is good for.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// How far the clocks of replicas may differ.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(2);

/// Issuer and audience of log-ins by HS256, and the defaults of those by ES256.
const ISSUER: &str = "myhealth";
const AUDIENCE: &str = "myhealth/api";

/// Longest token read.
const MAX_TOKEN: usize = 1024;

/// The claims of a log-in.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    /// The account's number.
    sub: String,
    /// The generation of its log-ins.
    #[serde(rename = "gen")]
    generation: i64,
    iat: i64,
    /// Not valid before; ours say nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    exp: i64,
}

/// A log-in that is signed and has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) account: i64,
    pub(super) generation: i64,
    pub(super) expires_at: Timestamp,
}

/// Who issues log-ins, and for whom: a token of another service that happens to share the key is none of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// The claim `iss`; the public address of the API where gateways check log-ins.
    pub issuer: String,
    /// The claim `aud`.
    pub audience: String,
}

impl Default for Issuer {
    fn default() -> Self {
        Self { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned() }
    }
}

/// The key that signs, and those that are accepted besides: replaced ones until their log-ins end, and the next one before
/// it signs.
pub struct SessionKeys {
    current: Key,
    accepted: Vec<Key>,
    issuer: Issuer,
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionKeys").field("current", &self.current).finish_non_exhaustive()
    }
}

impl SessionKeys {
    /// The key that signs, from its text.
    pub fn new(current: &SecretString, issuer: Issuer) -> Result<Self, InvalidKey> {
        sso::signatures::install();
        Ok(Self { current: Key::parse(current)?, accepted: Vec::new(), issuer })
    }

    /// Accepts and publishes another key as well.
    pub fn accept(&mut self, key: &SecretString) -> Result<(), InvalidKey> {
        let key = Key::parse(key)?;
        // The first key of a secret store has none before it, so both may be the same.
        if self.all().all(|known| known.id != key.id) {
            self.accepted.push(key);
        }
        Ok(())
    }

    /// Whether log-ins are signed by a key without a public half.
    pub fn sign_without_public_key(&self) -> bool {
        self.current.public.is_none()
    }

    /// The public keys, the one that signs first.
    pub(super) fn public(&self) -> Vec<PublicKey> {
        self.all().filter_map(|key| key.public.clone()).collect()
    }

    /// The issuer where it is an address.
    pub(super) fn address(&self) -> Option<&str> {
        let issuer = &*self.issuer.issuer;
        (issuer.starts_with("https://") || issuer.starts_with("http://")).then_some(issuer)
    }

    fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.accepted)
    }

    /// Issuer and audience of the log-ins of a key: HS256 is accepted as it was made.
    fn issuer(&self, key: &Key) -> Issuer {
        if key.public.is_some() { self.issuer.clone() } else { Issuer::default() }
    }

    /// A log-in of this account, and when it ends.
    pub(crate) fn sign(&self, account: &UserAccount, now: Timestamp) -> (String, Timestamp) {
        let issued = now.as_second();
        let expires = issued + LIFETIME.as_secs();
        let Issuer { issuer, audience } = self.issuer(&self.current);
        let claims = Claims {
            iss: issuer,
            aud: audience,
            sub: account.id.to_string(),
            generation: account.generation,
            iat: issued,
            nbf: None,
            exp: expires,
        };
        let header = Header { kid: Some(self.current.id.clone()), ..Header::new(self.current.algorithm()) };
        let token = jsonwebtoken::encode(&header, &claims, &self.current.sign);
        let expires_at = Timestamp::from_second(expires).expect("BUG: tomorrow is a moment");
        (token.expect("BUG: numbers and words are JSON, and the key was tried when it was read"), expires_at)
    }

    /// The session of a token, if one of our keys signed it for us, it has begun and not ended.
    pub(super) fn read(&self, token: &str, now: Timestamp) -> Option<Session> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let header = jsonwebtoken::decode_header(token).ok()?;
        // Extensions that must be understood (RFC 7515, 4.1.11): none of them is.
        if header.crit.is_some() {
            return None;
        }
        let named = header.kid?;
        let key = self.all().find(|key| key.id == named)?;
        // The key decides the algorithm, never the token.
        let mut rules = Validation::new(key.algorithm());
        let Issuer { issuer, audience } = self.issuer(key);
        rules.set_issuer(&[issuer]);
        rules.set_audience(&[audience]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Below, by the clock that was handed in.
        rules.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &key.verify, &rules).ok()?.claims;
        let issued = Timestamp::from_second(claims.iat).ok()?;
        let expires_at = Timestamp::from_second(claims.exp).ok()?;
        let begins = claims.nbf.map_or(Some(issued), |nbf| Timestamp::from_second(nbf).ok())?;
        let in_force = now < expires_at && begins.max(issued).duration_since(now) <= CLOCK_SKEW;
        if !in_force || expires_at.duration_since(issued) > LIFETIME {
            return None;
        }
        Some(Session { account: claims.sub.parse().ok()?, generation: claims.generation, expires_at })
    }
}

#[cfg(test)]
mod tests;
