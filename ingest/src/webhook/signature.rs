//! The sender of a webhook event: upper-case hexadecimal HMAC-SHA256 of the timestamp and the raw body, with the
//! application's secret. Pure; every comparison takes the same time whatever is compared.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// From here on a number of seconds lies thousands of years ahead, so that it is one of milliseconds.
const MILLISECONDS: i64 = 100_000_000_000;

/// Why a webhook event is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The signature is not that of these bytes by this secret.
    #[error("the signature does not fit")]
    Forged,
    /// It was signed by Oura, but too long ago or too far ahead; or without a time.
    #[error("the signature is too old, or a clock is wrong")]
    Expired,
}

/// Whether Oura signed these bytes, and within `window` of `now`. `timestamp` and `signature` are the headers
/// `x-oura-timestamp` and `x-oura-signature`.
pub fn verify(
    secret: &SecretString,
    timestamp: &str,
    signature: &str,
    body: &[u8],
    now: Timestamp,
    window: SignedDuration,
) -> Result<(), Refused> {
    let signature = HEXLOWER_PERMISSIVE.decode(signature.trim().as_bytes()).map_err(|_| Refused::Forged)?;
    let mut mac = keyed(secret);
    mac.update(timestamp.as_bytes());
    mac.update(body);
    mac.verify_slice(&signature).map_err(|_| Refused::Forged)?;
    // Only now is it worth knowing when that was.
    let signed = instant(timestamp).ok_or(Refused::Expired)?;
    if now.duration_since(signed).abs() <= window { Ok(()) } else { Err(Refused::Expired) }
}

fn instant(timestamp: &str) -> Option<Timestamp> {
    match timestamp.trim().parse().ok()? {
        number @ ..MILLISECONDS => Timestamp::from_second(number).ok(),
        number => Timestamp::from_millisecond(number).ok(),
    }
}

/// What Oura repeats when it verifies a callback. Made from the secret, so that every replica knows it without asking
/// another. No event can have this signature: the text begins with a letter, a timestamp with a digit.
pub(super) fn verification_token(secret: &SecretString, callback: &str) -> String {
    HEXLOWER.encode(&verification(secret, callback).finalize().into_bytes())
}

/// Whether a token is that of the callback.
pub(super) fn is_verification_token(secret: &SecretString, callback: &str, token: &str) -> bool {
    let token = HEXLOWER_PERMISSIVE.decode(token.as_bytes());
    token.is_ok_and(|token| verification(secret, callback).verify_slice(&token).is_ok())
}

fn verification(secret: &SecretString, callback: &str) -> Hmac<Sha256> {
    let mut mac = keyed(secret);
    mac.update(b"verification token of ");
    mac.update(callback.as_bytes());
    mac
}

fn keyed(secret: &SecretString) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret.expose_secret().as_bytes()).expect("BUG: HMAC takes a key of any length")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BODY: &[u8] = br#"{"event_type":"update"}"#;
    const SIGNED: &str = "1772323200";
    /// From `printf '1772323200{"event_type":"update"}' | openssl dgst -sha256 -hmac synthetic-secret`.
    const SIGNATURE: &str = "F72182719C605131ECDDBC679988971F8116B105F157CB3CFDDF6E3D74221F7C";

    fn now() -> Timestamp {
        Timestamp::from_second(1_772_323_200).unwrap()
    }

    fn check(secret: &str, timestamp: &str, signature: &str, body: &[u8], late: i64) -> Result<(), Refused> {
        let now = now() + SignedDuration::from_secs(late);
        verify(&secret.into(), timestamp, signature, body, now, SignedDuration::from_mins(5))
    }

    #[test]
    fn webhook_signature_of_oura_only_is_accepted() {
        let secret = "synthetic-secret";
        assert_eq!(check(secret, SIGNED, SIGNATURE, BODY, 0), Ok(()));
        assert_eq!(check(secret, SIGNED, &SIGNATURE.to_lowercase(), BODY, 0), Ok(()));
        let forged = Err(Refused::Forged);
        assert_eq!(check("another-secret", SIGNED, SIGNATURE, BODY, 0), forged);
        assert_eq!(check(secret, "1772323201", SIGNATURE, BODY, 0), forged);
        assert_eq!(check(secret, SIGNED, SIGNATURE, br#"{"event_type": "update"}"#, 0), forged);
        assert_eq!(check(secret, SIGNED, &SIGNATURE[..62], BODY, 0), forged);
        for garbled in ["", "zz", "é", &SIGNATURE[1..], &format!("{SIGNATURE}00")] {
            assert_eq!(check(secret, SIGNED, garbled, BODY, 0), forged, "{garbled}");
        }
    }

    #[test]
    fn webhook_signature_outside_the_time_window_is_refused() {
        let late = |seconds| check("synthetic-secret", SIGNED, SIGNATURE, BODY, seconds);
        assert_eq!((late(300), late(-300)), (Ok(()), Ok(())));
        assert_eq!((late(301), late(-301)), (Err(Refused::Expired), Err(Refused::Expired)));
    }

    #[test]
    fn webhook_timestamp_is_seconds_or_milliseconds() {
        assert_eq!(instant("1772323200"), Some(now()));
        assert_eq!(instant("1772323200000"), Some(now()));
        for odd in ["", "soon", "9223372036854775807", "-9223372036854775808", "17723232001772323200"] {
            assert_eq!(instant(odd), None, "{odd}");
        }
    }

    #[test]
    fn verification_token_is_unique_per_callback() {
        let (secret, url) = ("synthetic-secret".into(), "https://health.example.org/oura");
        let token = verification_token(&secret, url);
        assert!(is_verification_token(&secret, url, &token));
        assert!(!is_verification_token(&secret, "https://health.example.org/other", &token));
        assert!(!is_verification_token(&"another".into(), url, &token));
        for odd in ["", "00", "no hex", &token[1..]] {
            assert!(!is_verification_token(&secret, url, odd), "{odd}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_webhook_signature_is_refused(timestamp in "[0-9]{0,20}", signature in "[0-9A-F]{64}", body in any::<Vec<u8>>()) {
            prop_assert_eq!(check("synthetic-secret", &timestamp, &signature, &body, 0), Err(Refused::Forged));
        }
    }
}
