//! Keys that sign log-ins: P-256 for ES256, whose public half anyone may have, and the 32 bytes of HS256 from before.

use std::fmt;

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

/// The text is no key.
#[derive(Debug, thiserror::Error)]
#[error(
    "a signing key is a P-256 private key as PKCS#8 in PEM; `openssl genpkey -algorithm EC -pkeyopt \
     ec_paramgen_curve:P-256` makes one"
)]
pub struct InvalidKey;

/// A key by which log-ins are signed or accepted.
pub(super) struct Key {
    /// The name in a log-in's header, from which the key cannot be found.
    pub(super) id: String,
    pub(super) sign: EncodingKey,
    pub(super) verify: DecodingKey,
    /// The public half; HS256 has none.
    pub(super) public: Option<PublicKey>,
}

/// A public key as RFC 7517 writes it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct PublicKey {
    /// Always `EC`.
    #[schema(example = "EC")]
    kty: &'static str,
    /// Always `P-256`.
    #[schema(example = "P-256")]
    crv: &'static str,
    /// Coordinate of the point, base64url.
    #[schema(example = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU")]
    x: String,
    /// Coordinate of the point, base64url.
    #[schema(example = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")]
    y: String,
    /// Its thumbprint (RFC 7638), which the header of a log-in names.
    #[schema(example = "qzRl5lNsaCGzVhCgTfkKSPFWcrfZtr0uSK3oxvD6ouA")]
    kid: String,
    /// Always `ES256`.
    #[schema(example = "ES256")]
    alg: &'static str,
    /// Always `sig`.
    #[serde(rename = "use")]
    #[schema(example = "sig")]
    purpose: &'static str,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Key {
    /// A key from its text: PKCS#8 in PEM, or 32 bytes in hexadecimal or base64.
    pub(super) fn parse(text: &SecretString) -> Result<Self, InvalidKey> {
        let text = text.expose_secret().trim().as_bytes();
        if text.starts_with(b"-----BEGIN ") {
            let key = PrivatePkcs8KeyDer::from_pem_slice(text).map_err(|_| InvalidKey)?;
            return Self::es256(key.secret_pkcs8_der());
        }
        let decoded = [&HEXLOWER_PERMISSIVE, &BASE64, &BASE64_NOPAD];
        let bytes =
            decoded.iter().find_map(|encoding| encoding.decode(text).ok().filter(|it| it.len() == 32));
        Ok(Self::hs256(&bytes.ok_or(InvalidKey)?))
    }

    fn es256(pkcs8: &[u8]) -> Result<Self, InvalidKey> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &SystemRandom::new());
        let pair = pair.map_err(|_| InvalidKey)?;
        // Uncompressed: a byte that says so, then both coordinates.
        let point = pair.public_key().as_ref();
        let (x, y) = point.get(1..).and_then(|both| both.split_at_checked(32)).ok_or(InvalidKey)?;
        let (x, y) = (BASE64URL_NOPAD.encode(x), BASE64URL_NOPAD.encode(y));
        let id = Sha256::digest(format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#));
        let id = BASE64URL_NOPAD.encode(&id);
        let (kty, crv, alg, purpose) = ("EC", "P-256", "ES256", "sig");
        let public = PublicKey { kty, crv, x, y, kid: id.clone(), alg, purpose };
        Ok(Self {
            id,
            sign: EncodingKey::from_ec_der(pkcs8),
            verify: DecodingKey::from_ec_der(point),
            public: Some(public),
        })
    }

    fn hs256(bytes: &[u8]) -> Self {
        let mut digest = Sha256::new_with_prefix(b"myhealth signing key\0");
        digest.update(bytes);
        let id = HEXLOWER.encode(&digest.finalize()[..8]);
        Self {
            id,
            sign: EncodingKey::from_secret(bytes),
            verify: DecodingKey::from_secret(bytes),
            public: None,
        }
    }

    /// The one algorithm of this key, whatever a log-in says of itself.
    pub(super) fn algorithm(&self) -> Algorithm {
        if self.public.is_some() { Algorithm::ES256 } else { Algorithm::HS256 }
    }
}

/// A new P-256 key as PKCS#8 in PEM.
pub fn generate() -> Result<SecretString, ring::error::Unspecified> {
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())?;
    let text = BASE64.encode(key.as_ref());
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("BUG: base64 is ASCII"))
        .collect();
    Ok(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n")).into())
}
