//! Passwords that were right a while ago, as keyed digests: a program that sends one with every request would otherwise cost
//! a slow check each time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use ring::hmac;
use ring::rand::SystemRandom;
use secrecy::{ExposeSecret, SecretString};

/// Passwords remembered.
const MAX_VERIFIED: u64 = 1024;

/// How long one is remembered after its last use.
const IDLE_TIME: Duration = Duration::from_mins(10);

/// A digest of name, password and stored hash, so that a new password forgets the old one.
pub(super) type Proof = [u8; 32];

/// Clones share what is remembered.
#[derive(Clone)]
pub(super) struct VerifiedPasswords {
    /// Of this process only; `None` where the system gave no random numbers, and nothing is remembered.
    key: Option<Arc<hmac::Key>>,
    right: Cache<Proof, ()>,
}

impl fmt::Debug for VerifiedPasswords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedPasswords").finish_non_exhaustive()
    }
}

impl Default for VerifiedPasswords {
    fn default() -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok().map(Arc::new);
        let right = Cache::builder().max_capacity(MAX_VERIFIED).time_to_idle(IDLE_TIME).build();
        Self { key, right }
    }
}

impl VerifiedPasswords {
    /// What would be remembered of this password.
    pub(super) fn proof(&self, name: &str, password: &SecretString, hash: &SecretString) -> Option<Proof> {
        let mut context = hmac::Context::with_key(self.key.as_ref()?);
        for part in [name, password.expose_secret(), hash.expose_secret()] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.sign().as_ref().try_into().ok()
    }

    /// Whether it was right. The time of looking up a keyed digest depends on nothing that is known outside.
    pub(super) fn contains(&self, proof: &Proof) -> bool {
        self.right.get(proof).is_some()
    }

    pub(super) fn insert(&self, proof: Proof) {
        self.right.insert(proof, ());
    }
}
