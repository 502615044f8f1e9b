//! Passwords. Only their argon2id hashes are kept, with the parameters that OWASP recommends (19 MiB, two passes), and
//! only a few are checked at a time: who guesses gets neither more memory nor more processor than that.

use std::sync::Arc;

use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::password_hash::{self, PasswordHasher};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use secrecy::zeroize::Zeroize as _;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::error::Error;

/// Shortest password, in characters: nothing else than length is asked for (NIST SP 800-63B).
pub const MIN_PASSWORD: usize = 12;

/// Longest name of an account, in bytes.
pub const MAX_NAME: usize = 64;

/// Longest password, in bytes: a sentence or two.
pub const MAX_PASSWORD: usize = 256;

/// Passwords checked at a time, 19 MiB each.
const MAX_CONCURRENT: usize = 2;

/// Who may wait for a turn; a turn is some tens of milliseconds.
const MAX_WAITING: usize = 16;

/// What an unknown name is checked against, so that it takes as long as a wrong password: the hash of a forgotten one.
const DUMMY_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bdYLoGd/uBfaiqWTJ/6DdA$EFJovjwP63gH9Mzn9bYX0kP7kQEOlAx0JU+ByybNg2k";

/// A password that cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPassword {
    /// Too short or too long.
    #[error("a password has at least 12 characters and at most 256 bytes; a sentence is a good one")]
    Length,
    /// Not a hash that this program makes.
    #[error("it is no argon2id hash with m=19456,t=2,p=1; `myhealth account hash` prints one")]
    Declared,
    /// The system gave no random salt.
    #[error("the password cannot be hashed: {0}")]
    Hash(argon2::password_hash::Error),
}

/// What is kept of a new password: a PHC string.
pub fn keep(password: &SecretString) -> Result<SecretString, InvalidPassword> {
    let text = password.expose_secret();
    if text.chars().count() < MIN_PASSWORD || text.len() > MAX_PASSWORD {
        return Err(InvalidPassword::Length);
    }
    hash(text).map(Into::into).map_err(InvalidPassword::Hash)
}

/// Checks a hash that was made elsewhere. It must cost what ours cost: a cheaper one is guessed sooner, a dearer one holds
/// up other log-ins, and either would tell known names from unknown ones by the time a refusal takes.
pub fn check_hash(hash: &SecretString) -> Result<(), InvalidPassword> {
    let cost = |hash: &str| {
        let hash = PasswordHash::new(hash).ok()?;
        Some((
            hash.algorithm,
            hash.version,
            hash.params,
            hash.salt.is_some(),
            hash.hash.map(|hash| hash.len()),
        ))
    };
    let expected = cost(DUMMY_HASH);
    if cost(hash.expose_secret()) == expected { Ok(()) } else { Err(InvalidPassword::Declared) }
}

fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
    Ok(Argon2::default().hash_password(password.as_bytes())?.to_string())
}

fn verify(password: &str, hash: &str) -> bool {
    let matches = || -> Result<bool, password_hash::Error> {
        let hash = PasswordHash::new(hash).map_err(password_hash::Error::from)?;
        let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else { return Ok(false) };
        let algorithm = Algorithm::try_from(hash.algorithm.as_str())?;
        let version = hash.version.map_or(Ok(Version::default()), Version::try_from)?;
        let argon2 = Argon2::new(algorithm, version, Params::try_from(&hash)?);
        let mut output = [0; Output::MAX_LENGTH];
        let output = &mut output[..expected.len()];
        let mut scratch = Scratch::new(argon2.params().block_count());
        argon2.hash_password_into_with_memory(password.as_bytes(), salt, output, &mut scratch.0)?;
        // Compared in constant time.
        Ok(Output::new(output).map_err(password_hash::Error::from)? == *expected)
    };
    matches().unwrap_or(false)
}

/// The memory of one hash, given back to the system when dropped.
struct Scratch(Vec<Block>);

/// More than 32 MiB, up to which glibc may take an allocation from the arena of the thread that asks. An arena keeps what is
/// freed, and there are eight for each processor. What is larger is mapped by itself and unmapped when freed; of
/// what is reserved only what is touched takes memory.
const RESERVED: usize = 33 << 20;

impl Scratch {
    fn new(blocks: usize) -> Self {
        let mut memory = Vec::with_capacity(blocks.max(RESERVED / Block::SIZE));
        memory.resize(blocks, Block::new());
        Self(memory)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Checks passwords, a few at a time.
#[derive(Debug)]
pub(super) struct Checker {
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for Checker {
    fn default() -> Self {
        let places = |many| Arc::new(Semaphore::new(many));
        Self { turns: places(MAX_CONCURRENT), waiting: places(MAX_CONCURRENT + MAX_WAITING) }
    }
}

impl Checker {
    /// What is kept of a new password.
    pub(super) async fn keep(&self, password: SecretString) -> Result<SecretString, Error> {
        let hash = self.in_turn(move || keep(&password)).await?;
        hash.map_err(|error| Error::Parameter { parameter: "password", reason: error.to_string() })
    }

    /// Whether the password is right; without a hash it never is, and takes as long.
    pub(super) async fn check(
        &self,
        password: SecretString,
        hash: Option<SecretString>,
    ) -> Result<bool, Error> {
        self.in_turn(move || {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| DUMMY_HASH.to_owned().into());
            verify(password.expose_secret(), hash.expose_secret()) && known
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let place = self.waiting.clone().try_acquire_owned().map_err(|_| Error::Busy)?;
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| Error::Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            // Released with the memory, not when the client has disconnected.
            let _held = (place, turn);
            work()
        });
        done.await.map_err(|_| Error::Panic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_is_stored_as_salted_argon2id_hash() {
        let password = "correct horse battery staple".to_owned().into();
        let (one, other) = (keep(&password).unwrap(), keep(&password).unwrap());
        assert!(one.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_ne!(one.expose_secret(), other.expose_secret());
        assert!(verify("correct horse battery staple", one.expose_secret()));
        assert!(!verify("correct horse battery stapl", one.expose_secret()));
        assert!(!verify("x", "no hash"));
        assert!(!verify("x", "$argon2id$v=19$m=19456,t=2,p=1$bdYLoGd/uBfaiqWTJ/6DdA"), "only a salt");
    }

    #[test]
    fn hash_for_unknown_names_costs_what_a_new_one_costs() {
        let new = keep(&"correct horse battery staple".to_owned().into()).unwrap();
        let (new, nobody) =
            (PasswordHash::new(new.expose_secret()).unwrap(), PasswordHash::new(DUMMY_HASH).unwrap());
        assert_eq!(
            (nobody.algorithm, nobody.version, nobody.params, nobody.hash.map(|hash| hash.len())),
            (new.algorithm, new.version, new.params, new.hash.map(|hash| hash.len()))
        );
    }

    #[test]
    fn scratch_memory_is_mapped_apart_from_the_arenas() {
        const LARGEST_MMAP_THRESHOLD: usize = 32 << 20;
        let scratch = Scratch::new(Params::default().block_count());
        assert_eq!(scratch.0.len() * Block::SIZE, 19 << 20);
        assert!(scratch.0.capacity() * Block::SIZE > LARGEST_MMAP_THRESHOLD);
    }

    #[test]
    fn declared_hash_must_cost_what_a_new_one_costs() {
        let new = keep(&"correct horse battery staple".to_owned().into()).unwrap();
        assert!(check_hash(&new).is_ok());
        let new = new.expose_secret();
        for wrong in [
            "",
            "correct horse battery staple",
            "$2b$12$abcdefghijklmnopqrstuv",
            &new.replace("argon2id", "argon2i"),
            &new.replace("m=19456", "m=8"),
            &new.replace("m=19456", "m=4194304"),
            &new.replace("t=2", "t=1"),
            &new[..new.len() - 2],
            new.rsplit_once('$').unwrap().0,
        ] {
            assert!(check_hash(&wrong.to_owned().into()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn password_length_out_of_range_is_refused() {
        for wrong in ["", "12345678901", &"ü".repeat(129)] {
            assert!(matches!(keep(&wrong.to_owned().into()), Err(InvalidPassword::Length)), "{wrong}");
        }
        assert!(keep(&"ü".repeat(12).into()).is_ok());
    }

    #[tokio::test]
    async fn unknown_account_is_refused_and_excess_checks_are_shed() {
        let checker = Checker::default();
        assert!(!checker.check("nobody".to_owned().into(), None).await.unwrap());
        let all = checker.turns.acquire_many(MAX_CONCURRENT.try_into().unwrap()).await.unwrap();
        let mut crowd: Vec<_> = (0..MAX_CONCURRENT + MAX_WAITING)
            .map(|_| Box::pin(checker.check("x".to_owned().into(), None)))
            .collect();
        for one in &mut crowd {
            assert!(futures_util::poll!(one).is_pending());
        }
        assert!(matches!(checker.check("x".to_owned().into(), None).await, Err(Error::Busy)));
        drop(all);
        assert!(!crowd.remove(0).await.unwrap());
    }
    #[tokio::test]
    async fn password_check_keeps_its_permit_after_the_client_disconnects() {
        let checker = Checker::default();
        let mut gone = Box::pin(checker.check("x".to_owned().into(), None));
        assert!(futures_util::poll!(&mut gone).is_pending(), "it has begun");
        drop(gone);
        assert_eq!(checker.turns.available_permits(), MAX_CONCURRENT - 1);
        assert_eq!(checker.waiting.available_permits(), MAX_CONCURRENT + MAX_WAITING - 1);
        drop(checker.turns.acquire_many(MAX_CONCURRENT.try_into().unwrap()).await.unwrap());
        assert_eq!(checker.waiting.available_permits(), MAX_CONCURRENT + MAX_WAITING, "it has ended");
    }
}
