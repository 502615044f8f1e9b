//! Log-ins as JSON Web Tokens (RFC 7519), signed with HMAC-SHA-256 by a key that every replica of the service shares:
//! whoever checks one needs no memory of having made it, and a restart ends none. It names an account and the generation
//! of its log-ins, which the store compares, so a log-in can be ended.

use std::fmt;
use std::sync::Once;

use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result as JwtResult};
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::UserAccount;

/// How long a log-in is good for.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// How far the clocks of replicas may differ.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(2);

/// Who signs, and for whom: a token of another service that happens to share the key is none of ours.
const ISSUER: &str = "myhealth";
const AUDIENCE: &str = "myhealth/api";

/// Longest token read.
const MAX_TOKEN: usize = 1024;

/// What is said of an account.
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

/// The text is no key.
#[derive(Debug, thiserror::Error)]
#[error("a signing key is 32 bytes in hexadecimal or base64; `openssl rand -hex 32` makes one")]
pub struct InvalidKey;

/// The key that signs, and one that it replaced, whose log-ins stay good until they end.
pub struct SessionKeys {
    current: Key,
    previous: Option<Key>,
}

struct Key {
    /// Names the key without telling it.
    id: String,
    sign: EncodingKey,
    verify: DecodingKey,
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionKeys").field("id", &self.current.id).finish_non_exhaustive()
    }
}

impl Key {
    fn parse(text: &SecretString) -> Result<Self, InvalidKey> {
        let text = text.expose_secret().trim().as_bytes();
        let decoded = [&HEXLOWER_PERMISSIVE, &BASE64, &BASE64_NOPAD];
        let bytes =
            decoded.iter().find_map(|encoding| encoding.decode(text).ok().filter(|it| it.len() == 32));
        let bytes = bytes.ok_or(InvalidKey)?;
        let mut digest = Sha256::new_with_prefix(b"myhealth signing key\0");
        digest.update(&bytes);
        let id = HEXLOWER.encode(&digest.finalize()[..8]);
        Ok(Self { id, sign: EncodingKey::from_secret(&bytes), verify: DecodingKey::from_secret(&bytes) })
    }
}

impl SessionKeys {
    /// Keys from their texts.
    pub fn new(current: &SecretString, previous: Option<&SecretString>) -> Result<Self, InvalidKey> {
        static PROVIDER: CryptoProvider = CryptoProvider {
            signer_factory: signer,
            verifier_factory: verifier,
            key_utils: KeyUtils::new_unimplemented(),
        };
        static INSTALL: Once = Once::new();
        // Nobody else in this process uses the library.
        INSTALL.call_once(|| {
            let _ = PROVIDER.install_default();
        });
        Ok(Self { current: Key::parse(current)?, previous: previous.map(Key::parse).transpose()? })
    }

    /// A log-in of this account, and when it ends.
    pub(super) fn sign(&self, account: &UserAccount, now: Timestamp) -> (String, Timestamp) {
        let issued = now.as_second();
        let expires = issued + LIFETIME.as_secs();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: account.id.to_string(),
            generation: account.generation,
            iat: issued,
            nbf: None,
            exp: expires,
        };
        let header = Header { kid: Some(self.current.id.clone()), ..Header::new(Algorithm::HS256) };
        let token = jsonwebtoken::encode(&header, &claims, &self.current.sign);
        let expires_at = Timestamp::from_second(expires).expect("BUG: tomorrow is a moment");
        (token.expect("BUG: numbers and words are JSON, and HMAC takes every key"), expires_at)
    }

    /// What a token says, if one of our keys signed it for us, it has begun and not ended.
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
        let key = [Some(&self.current), self.previous.as_ref()]
            .into_iter()
            .flatten()
            .find(|key| key.id == named)?;
        // The algorithm is ours to say, never the token's.
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_issuer(&[ISSUER]);
        rules.set_audience(&[AUDIENCE]);
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

/// HMAC-SHA-256 for the library, which has no cryptography of its own here.
struct Hs256(Hmac<Sha256>);

impl Hs256 {
    fn new(key: &[u8]) -> JwtResult<Self> {
        Hmac::new_from_slice(key).map(Self).map_err(|_| ErrorKind::InvalidKeyFormat.into())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the library calls it so")]
fn signer(algorithm: &Algorithm, key: &EncodingKey) -> JwtResult<Box<dyn JwtSigner>> {
    match algorithm {
        Algorithm::HS256 => Ok(Box::new(Hs256::new(key.as_bytes())?)),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the library calls it so")]
fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> JwtResult<Box<dyn JwtVerifier>> {
    match algorithm {
        Algorithm::HS256 => Ok(Box::new(Hs256::new(key.try_get_as_bytes()?)?)),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        Ok(self.0.clone().chain_update(message).finalize().into_bytes().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    /// In constant time, and of the whole signature only.
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        let verified = self.0.clone().chain_update(message).verify_slice(signature);
        verified.map_err(|_| SignatureError::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64URL_NOPAD;
    use serde_json::{Value, json};

    use super::*;

    const ONE: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const TWO: &str = "f00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn secret(text: &str) -> SecretString {
        text.to_owned().into()
    }

    fn keys(current: &str, previous: Option<&str>) -> SessionKeys {
        SessionKeys::new(&secret(current), previous.map(secret).as_ref()).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn ann() -> UserAccount {
        let now = at("2026-03-29T10:00:00Z");
        UserAccount {
            id: 7,
            name: "ann".into(),
            person: None,
            generation: 3,
            created_at: now,
            password_changed_at: now,
            last_login_at: None,
        }
    }

    #[test]
    fn session_lasts_a_day_and_survives_key_rotation() {
        let now = at("2026-03-29T10:00:00Z");
        let (token, expires_at) = keys(ONE, None).sign(&ann(), now);
        let session = Session { account: 7, generation: 3, expires_at };
        assert_eq!(expires_at, at("2026-03-30T10:00:00Z"));
        let read = |keys: SessionKeys, at| keys.read(&token, at);
        assert_eq!(read(keys(ONE, None), now), Some(session));
        assert_eq!(read(keys(TWO, Some(ONE)), at("2026-03-30T09:59:59Z")), Some(session));
        assert_eq!(read(keys(TWO, None), now), None, "the key is gone");
        assert_eq!(read(keys(ONE, None), expires_at), None);
        assert_eq!(read(keys(ONE, None), at("2026-03-29T09:57:00Z")), None, "made in the future");
        assert_eq!(read(keys(ONE, None), at("2026-03-29T09:59:00Z")), Some(session), "clocks differ");
    }

    /// Signs whatever a forger may write, with the right key where he has it.
    fn forged(header: &Value, claims: &Value, key: &str) -> String {
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let message = format!("{}.{}", part(header), part(claims));
        let key = HEXLOWER.decode(key.as_bytes()).unwrap();
        let mac = Hmac::<Sha256>::new_from_slice(&key).unwrap().chain_update(&message).finalize();
        format!("{message}.{}", BASE64URL_NOPAD.encode(&mac.into_bytes()))
    }

    #[test]
    fn session_with_foreign_claims_or_signature_is_refused() {
        let now = at("2026-03-29T10:00:00Z");
        let keys = keys(ONE, None);
        let kid = keys.current.id.clone();
        let header = json!({"alg": "HS256", "typ": "JWT", "kid": kid});
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "7", "gen": 3, "iat": now.as_second(), "exp": now.as_second() + 60,
        });
        let with = |base: &Value, name: &str, value: Value| {
            let mut changed = base.clone();
            changed[name] = value;
            changed
        };
        assert!(keys.read(&forged(&header, &claims, ONE), now).is_some(), "the forger's hand is good");
        assert_eq!(keys.read(&forged(&header, &claims, TWO), now), None, "another key");
        for (name, value) in [
            ("alg", json!("none")),
            ("alg", json!("HS512")),
            ("alg", json!("RS256")),
            ("kid", json!("other")),
            ("kid", Value::Null),
            ("crit", json!(["exp"])),
            ("crit", json!(["b64"])),
            ("crit", json!([])),
            ("crit", json!("exp")),
        ] {
            assert_eq!(
                keys.read(&forged(&with(&header, name, value.clone()), &claims, ONE), now),
                None,
                "{name} {value}"
            );
        }
        for (name, value) in [
            ("iss", json!("someone")),
            ("aud", json!("else")),
            ("sub", json!("x")),
            ("exp", json!(now.as_second())),
            ("exp", json!(now.as_second() + 90_000)),
            ("exp", Value::Null),
            ("iat", json!(now.as_second() + 3600)),
            ("nbf", json!(now.as_second() + 121)),
            ("nbf", json!(i64::MAX)),
            ("nbf", json!("soon")),
            ("gen", Value::Null),
        ] {
            assert_eq!(
                keys.read(&forged(&header, &with(&claims, name, value.clone()), ONE), now),
                None,
                "{name} {value}"
            );
        }
        let begun = with(&claims, "nbf", json!(now.as_second() + 119));
        assert!(keys.read(&forged(&header, &begun, ONE), now).is_some(), "clocks differ");
        let good = forged(&header, &claims, ONE);
        let (message, signature) = good.rsplit_once('.').unwrap();
        for bad in [
            message.to_owned(),
            format!("{message}."),
            format!("{message}.{}", &signature[..20]),
            format!("{good}.x"),
            good.replace('.', ""),
            "a".repeat(2000),
            String::new(),
        ] {
            assert_eq!(keys.read(&bad, now), None, "{bad}");
        }
    }

    #[test]
    fn signing_key_is_32_bytes_and_redacted() {
        let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        assert_eq!(keys(ONE, None).current.id, keys(base64, None).current.id);
        assert_eq!(keys(&ONE.to_uppercase(), None).current.id, keys(&format!("{ONE}\n"), None).current.id);
        for wrong in ["", "00", "correct horse battery staple", &ONE[1..]] {
            assert!(SessionKeys::new(&secret(wrong), None).is_err(), "{wrong}");
        }
        assert!(!format!("{:?}", keys(ONE, None)).contains("0001"));
    }
}
