//! Basic authentication with bcrypt hashes. Checking a password is slow on purpose, so verified passwords
//! are remembered, and only a few unknown ones are checked at a time.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::BASE64;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::client::Client;
use crate::concurrency::ConcurrencyLimit;
use crate::file::Invalid;

/// Passwords checked at a time: bounds the processor time that guessing can take.
const MAX_CONCURRENT: usize = 2;

/// Checks that run or wait; each takes some tens of milliseconds.
const CHECKS: usize = 64;

/// Of them, for one client.
const CHECKS_OF_ONE: usize = 16;

/// Most verified passwords that are remembered: one per user and configuration.
const MAX_VERIFIED: usize = 128;

/// The hash of a forgotten password, of the usual cost: an unknown user takes as long as a wrong password.
const DUMMY_HASH: &str = "$2b$10$jf5LIyqECjFBQ5PPD19GROq3BsqTR/.Dum5XMucicY5uH9LO//cxu";

/// The users of a listener.
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
    pub(crate) async fn verify(
        &self,
        credentials: &[u8],
        client: Client,
        memory: &VerifiedPasswords,
    ) -> Result<bool, Busy> {
        let Some((user, password)) = decode(credentials) else { return Ok(false) };
        let hash = self.hashes.get(&user).map_or(DUMMY_HASH, |hash| hash.expose_secret());
        let known = self.hashes.contains_key(&user);
        let proof = memory.proof(&user, &password, hash);
        if known && memory.remembers(&proof) {
            return Ok(true);
        }
        let place = memory.checks.try_acquire(client).ok_or(Busy)?;
        let turn = memory.turns.clone().acquire_owned().await.map_err(|_| Busy)?;
        if known && memory.remembers(&proof) {
            // A browser sends several requests with its first password.
            return Ok(true);
        }
        let hash = hash.to_owned();
        let right = tokio::task::spawn_blocking(move || {
            // Released when the check has ended, whether or not its client is still connected.
            let _held = (turn, place);
            bcrypt::verify(password, &hash).unwrap_or(false)
        });
        let right = right.await;
        let right = known && right.unwrap_or(false);
        if right {
            memory.remember(proof);
        }
        Ok(right)
    }
}

/// Too many passwords are waiting to be checked.
#[derive(Debug)]
pub(crate) struct Busy;

/// Verified passwords, as digests with a key of this process: neither passwords nor hashes.
pub(crate) struct VerifiedPasswords {
    key: [u8; 32],
    right: Mutex<HashSet<[u8; 32]>>,
    checks: ConcurrencyLimit<Client>,
    turns: Arc<Semaphore>,
}

impl VerifiedPasswords {
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        let checks = ConcurrencyLimit::new(CHECKS, CHECKS_OF_ONE);
        Ok(Self { key, right: Mutex::default(), checks, turns: Arc::new(Semaphore::new(MAX_CONCURRENT)) })
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
        // The time of looking up a keyed digest reveals nothing about the password.
        self.right.lock().unwrap_or_else(PoisonError::into_inner).contains(proof)
    }

    fn remember(&self, proof: [u8; 32]) {
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if right.len() >= MAX_VERIFIED {
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

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    fn client(address: &str) -> Client {
        Client::of(address.parse().unwrap())
    }

    /// `ann` with the password `secret`.
    fn ann() -> Users {
        let hash = bcrypt::hash("secret", 4).unwrap();
        Users::new(BTreeMap::from([("ann".to_owned(), hash.into())])).unwrap()
    }

    fn credentials(password: &str) -> String {
        BASE64.encode(format!("ann:{password}").as_bytes())
    }

    #[tokio::test]
    async fn guesses_of_one_client_leave_checks_to_others() {
        let (users, memory) = (ann(), VerifiedPasswords::new().unwrap());
        let (right, wrong) = (credentials("secret"), credentials("guess"));
        let (guesser, scraper) = (client("10.0.0.1"), client("10.0.0.2"));
        let turns = memory.turns.acquire_many(2).await.unwrap();
        let guess = || Box::pin(users.verify(wrong.as_bytes(), guesser, &memory));
        let mut crowd: Vec<_> = (0..CHECKS_OF_ONE).map(|_| guess()).collect();
        for one in &mut crowd {
            assert!(poll!(one).is_pending());
        }
        assert!(guess().await.is_err(), "one client has so many checks");
        let mut scrape = Box::pin(users.verify(right.as_bytes(), scraper, &memory));
        assert!(poll!(&mut scrape).is_pending(), "another client has its own");
        drop((turns, crowd));
        assert!(scrape.await.unwrap());
    }

    #[tokio::test]
    async fn client_that_hangs_up_gives_its_turn_back_when_the_check_has_ended() {
        let (users, memory) = (ann(), VerifiedPasswords::new().unwrap());
        // Checked at the usual cost, which takes a while.
        let unknown = BASE64.encode(b"eve:guess");
        let mut gone = Box::pin(users.verify(unknown.as_bytes(), client("10.0.0.1"), &memory));
        assert!(poll!(&mut gone).is_pending(), "it has begun");
        drop(gone);
        assert_eq!(memory.turns.available_permits(), MAX_CONCURRENT - 1);
        drop(memory.turns.acquire_many(2).await.unwrap());
    }

    #[tokio::test]
    async fn password_checked_meanwhile_is_not_checked_again() {
        let (users, memory) = (ann(), VerifiedPasswords::new().unwrap());
        let (right, browser) = (credentials("secret"), client("10.0.0.1"));
        let turns = memory.turns.acquire_many(2).await.unwrap();
        let mut waiting = Box::pin(users.verify(right.as_bytes(), browser, &memory));
        assert!(poll!(&mut waiting).is_pending());
        memory.remember(memory.proof("ann", "secret", users.hashes["ann"].expose_secret()));
        drop(turns);
        assert!(matches!(poll!(&mut waiting), std::task::Poll::Ready(Ok(true))), "without a check");
    }
}
