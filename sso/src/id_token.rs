//! The ID token: signed by a key that the provider publishes, made by this provider, for this client, now, for this attempt.

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use crate::error::Error;

/// Algorithms that are accepted: those with a public key. Every program that knows the client's secret could sign by the others.
const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA];

/// How far the provider's clock may differ.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(2);

/// Oldest token: it is fetched as soon as the provider has made it.
const MAX_AGE: SignedDuration = SignedDuration::from_mins(15);

/// Longest token read, in bytes: one with some hundred groups.
const MAX_TOKEN: usize = 64 * 1024;

/// Longest subject (OpenID Connect Core, section 2).
const MAX_SUBJECT: usize = 255;

/// What the token must say.
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client: &'a str,
    pub(crate) nonce: &'a str,
}

/// The claims that are read.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    pub(crate) sub: String,
    aud: Audience,
    azp: Option<String>,
    nonce: Option<String>,
    iat: i64,
    exp: i64,
    nbf: Option<i64>,
    /// All others, the groups among them.
    #[serde(flatten)]
    pub(crate) others: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    Many(Vec<String>),
    /// One client, which the library compares.
    One(IgnoredAny),
}

fn refuse<T>(reason: &'static str) -> Result<T, Error> {
    Err(Error::Unacceptable { what: "ID token", reason })
}

/// The header of a token, before anything of it is known to be true.
pub(crate) fn header(token: &str) -> Result<Header, Error> {
    if token.len() > MAX_TOKEN {
        return refuse("it is longer than 64 KiB");
    }
    // `none` is no algorithm of the library, and fails here.
    let Ok(header) = jsonwebtoken::decode_header(token) else {
        return refuse("its header cannot be read, or names an unknown algorithm");
    };
    if !ALGORITHMS.contains(&header.alg) {
        return refuse("its algorithm is not one with a public key");
    }
    if header.crit.is_some() {
        return refuse("it has extensions that must be understood");
    }
    Ok(header)
}

/// The key of a header: by its id, or the only one that fits where the header names none.
pub(crate) fn key<'a>(header: &Header, keys: &'a [Jwk]) -> Option<&'a Jwk> {
    let mut fitting = keys.iter().filter(|key| {
        let common = &key.common;
        let signs = common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
        let algorithm = common.key_algorithm.as_ref();
        let algorithm = algorithm.is_none_or(|it| *it == KeyAlgorithm::from(header.alg));
        let named = header.kid.as_ref().is_none_or(|kid| common.key_id.as_ref() == Some(kid));
        let family = DecodingKey::from_jwk(key).is_ok_and(|key| key.family() == header.alg.family());
        signs && algorithm && named && family
    });
    let found = fitting.next();
    if header.kid.is_none() && fitting.next().is_some() { None } else { found }
}

/// The claims of a token that is signed by this key and says what is expected.
pub(crate) fn verify(
    token: &str,
    header: &Header,
    key: &Jwk,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<Claims, Error> {
    let mut rules = Validation::new(header.alg);
    rules.set_issuer(&[expected.issuer]);
    rules.set_audience(&[expected.client]);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // Below, by the clock that was handed in.
    rules.validate_exp = false;
    let Ok(key) = DecodingKey::from_jwk(key) else { return refuse("its key cannot be read") };
    let claims = match jsonwebtoken::decode::<Claims>(token, &key, &rules) {
        Ok(decoded) => decoded.claims,
        Err(error) => return refuse(reason(&error)),
    };
    if let Audience::Many(many) = &claims.aud
        && many.len() > 1
        && claims.azp.is_none()
    {
        return refuse("it is for several clients and does not say which one asked (azp)");
    }
    if claims.azp.as_ref().is_some_and(|azp| azp != expected.client) {
        return refuse("another client asked for it (azp)");
    }
    let nonce = claims.nonce.as_deref().unwrap_or_default();
    if !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return refuse("it is of another attempt (nonce)");
    }
    if claims.sub.is_empty() || claims.sub.len() > MAX_SUBJECT {
        return refuse("its subject is empty or longer than 255 bytes");
    }
    let moment = |seconds: i64| Timestamp::from_second(seconds).ok();
    let (Some(issued), Some(expires)) = (moment(claims.iat), moment(claims.exp)) else {
        return refuse("its times cannot be read");
    };
    let begins = claims.nbf.map_or(Some(issued), moment);
    if now.duration_since(expires) > CLOCK_SKEW {
        return refuse("it has ended; compare the clocks of both machines");
    }
    if begins.is_none_or(|begins| begins.max(issued).duration_since(now) > CLOCK_SKEW) {
        return refuse("it is of the future; compare the clocks of both machines");
    }
    if now.duration_since(issued) > MAX_AGE {
        return refuse("it was made more than 15 minutes ago");
    }
    Ok(claims)
}

fn reason(error: &jsonwebtoken::errors::Error) -> &'static str {
    use jsonwebtoken::errors::ErrorKind::{
        InvalidAlgorithm, InvalidAudience, InvalidIssuer, InvalidSignature, MissingRequiredClaim,
    };
    match error.kind() {
        InvalidSignature => "its signature is wrong",
        InvalidIssuer => "it is of another issuer",
        InvalidAudience => "it is for another client (aud)",
        InvalidAlgorithm => "its algorithm does not fit the key",
        MissingRequiredClaim(_) => "a claim is missing",
        _ => "it cannot be read",
    }
}

impl Claims {
    /// A claim by its name, or by a path into objects.
    pub(crate) fn find<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
        claims.get(path).or_else(|| {
            let mut parts = path.split('.');
            let first = claims.get(parts.next()?)?;
            parts.try_fold(first, |value, part| value.get(part))
        })
    }
}
