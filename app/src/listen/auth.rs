//! Basic authentication with bcrypt hashes. Checking a password is slow on purpose, so what was right once is
//! remembered, and only a few unknown ones are checked at a time.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

use data_encoding::BASE64;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::file::Invalid;

/// Passwords checked at a time: somebody who guesses gets no more than this of the machine.
const AT_A_TIME: usize = 2;

/// Right passwords remembered: one per user and configuration.
const REMEMBERED: usize = 128;

/// The hash of a forgotten password, of the usual cost: an unknown user takes as long as a wrong password.
const NOBODY: &str = "$2b$10$jf5LIyqECjFBQ5PPD19GROq3BsqTR/.Dum5XMucicY5uH9LO//cxu";

/// Who may ask.
pub(crate) struct Users {
    hashes: BTreeMap<String, SecretString>,
}

impl Users {
    pub(crate) fn new(hashes: BTreeMap<String, SecretString>) -> Result<Self, Invalid> {
        for (user, hash) in &hashes {
            let parts = hash.expose_secret().parse::<bcrypt::HashParts>();
            parts.map_err(|_| {
                let field = format!("basic_auth_users.{user}");
                Invalid::field(
                    field,
                    "this is no bcrypt hash; make one with `htpasswd -nBC 10 \"\" | tr -d ':\\n'`",
                )
            })?;
        }
        Ok(Self { hashes })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Whether `credentials`, the text behind `Basic `, are right.
    pub(crate) async fn know(&self, credentials: &[u8], memory: &Memory) -> bool {
        let Some((user, password)) = decode(credentials) else { return false };
        let hash = self.hashes.get(&user).map_or(NOBODY, |hash| hash.expose_secret());
        let known = self.hashes.contains_key(&user);
        let proof = memory.proof(&user, &password, hash);
        if known && memory.remembers(&proof) {
            return true;
        }
        let Ok(_turn) = memory.turns.acquire().await else { return false };
        let hash = hash.to_owned();
        let right =
            tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash).unwrap_or(false)).await;
        let right = known && right.unwrap_or(false);
        if right {
            memory.remember(proof);
        }
        right
    }
}

/// What was right before, kept as digests with a key of this process: neither passwords nor hashes.
pub(crate) struct Memory {
    key: [u8; 32],
    right: Mutex<HashSet<[u8; 32]>>,
    turns: Semaphore,
}

impl Memory {
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self { key, right: Mutex::default(), turns: Semaphore::new(AT_A_TIME) })
    }

    /// The stored hash is part of it, so a changed password forgets the old one.
    fn proof(&self, user: &str, password: &str, hash: &str) -> [u8; 32] {
        let mut digest = Sha256::new();
        for part in [self.key.as_slice(), user.as_bytes(), password.as_bytes(), hash.as_bytes()] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }

    fn remembers(&self, proof: &[u8; 32]) -> bool {
        // Looking up a keyed digest tells a guesser nothing by its time.
        self.right.lock().unwrap_or_else(PoisonError::into_inner).contains(proof)
    }

    fn remember(&self, proof: [u8; 32]) {
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if right.len() >= REMEMBERED {
            right.clear();
        }
        right.insert(proof);
    }
}

/// User and password from base64.
fn decode(credentials: &[u8]) -> Option<(String, String)> {
    let text = BASE64.decode(credentials.trim_ascii()).ok()?;
    let text = String::from_utf8(text).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}
