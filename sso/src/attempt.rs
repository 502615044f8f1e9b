//! One attempt to log in, from the button to the provider's answer. All that is secret about it follows from one random value,
//! which the browser keeps: every replica can finish what another one began.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use secrecy::zeroize::Zeroize as _;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

/// A log-in that was begun.
pub struct Attempt([u8; 32]);

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").finish_non_exhaustive()
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Attempt {
    /// A new one.
    pub fn begin() -> Result<Self, getrandom::Error> {
        let mut random = [0; 32];
        getrandom::fill(&mut random)?;
        Ok(Self(random))
    }

    /// The one that a browser kept.
    pub fn from_text(text: &str) -> Option<Self> {
        BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }

    /// What the browser keeps, and nothing else may see.
    pub fn text(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }

    /// Whether a response of the provider is of this attempt.
    pub fn has_state(&self, state: &str) -> bool {
        self.state().as_bytes().ct_eq(state.as_bytes()).into()
    }

    pub(crate) fn state(&self) -> String {
        self.derive("state")
    }

    pub(crate) fn nonce(&self) -> String {
        self.derive("nonce")
    }

    /// The code verifier of RFC 7636.
    pub(crate) fn verifier(&self) -> String {
        self.derive("verifier")
    }

    /// Its challenge, by the method S256.
    pub(crate) fn challenge(&self) -> String {
        BASE64URL_NOPAD.encode(&Sha256::digest(self.verifier()))
    }

    /// A value from which neither the secret nor another value can be found.
    fn derive(&self, purpose: &str) -> String {
        let mut digest = Sha256::new_with_prefix(b"myhealth single sign-on\0");
        digest.update(purpose);
        digest.update([0]);
        digest.update(self.0);
        BASE64URL_NOPAD.encode(&digest.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempt_survives_in_the_browser_and_its_values_differ() {
        let attempt = Attempt::begin().unwrap();
        let kept = Attempt::from_text(&attempt.text()).unwrap();
        assert!(kept.has_state(&attempt.state()));
        let values =
            [attempt.text(), attempt.state(), attempt.nonce(), attempt.verifier(), attempt.challenge()];
        for (n, value) in values.iter().enumerate() {
            assert!(value.len() == 43 && !values[..n].contains(value), "{value}");
        }
        assert!(!Attempt::begin().unwrap().has_state(&attempt.state()));
        assert!(!attempt.has_state("") && !attempt.has_state(&attempt.nonce()));
        for wrong in ["", "x", &"A".repeat(44), "Ã"] {
            assert!(Attempt::from_text(wrong).is_none(), "{wrong}");
        }
    }
}
