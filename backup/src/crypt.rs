//! An object's bytes: the text compressed by gzip, and encrypted by age where that is wanted. `age --decrypt -i KEY OBJECT |
//! gunzip` shows it.

use std::io::{Read, Write};
use std::str::FromStr;

use age::x25519;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use secrecy::{ExposeSecret, SecretString};

use crate::error::{Damage, Error, Result};

/// The longest text in an object; a chunk is much shorter. Bounds the memory of a restore.
const TEXT_MAX: u64 = 256 * 1024 * 1024;

/// Work of a passphrase, as the power of two of scrypt: about a second on a computer, some on a small one. Fixed, so that a
/// key made on a fast computer opens on a slow one.
const WORK_FACTOR: u8 = 18;

/// How an encrypted object begins.
const AGE: &[u8] = b"age-encryption.org/";

/// The most work that is done to open one.
const WORK_FACTOR_MAX: u8 = 20;

/// Whom a backup is encrypted for.
#[derive(Clone, Debug)]
pub struct Recipient(x25519::Recipient);

/// A text that is no key of age's.
#[derive(Debug, thiserror::Error)]
pub enum InvalidKey {
    /// No recipient.
    #[error("a recipient begins with age1…, as `age-keygen` prints it")]
    Recipient,
    /// No identity in a file.
    #[error("the file has no identity: a line that begins with AGE-SECRET-KEY-1…, as `age-keygen` writes it")]
    Identity,
}

impl FromStr for Recipient {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        text.trim().parse().map(Self).map_err(|_| InvalidKey::Recipient)
    }
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// How a backup is to be encrypted.
#[derive(Clone, Debug)]
pub enum Encryption {
    /// Not at all.
    None,
    /// For these.
    Recipients(Vec<Recipient>),
    /// By a key that is protected by a passphrase and lies next to the backups.
    Passphrase(SecretString),
}

/// Keys that open a backup.
#[derive(Clone, Default)]
pub struct Identities {
    pub(crate) keys: Vec<x25519::Identity>,
    pub(crate) passphrase: Option<SecretString>,
}

impl std::fmt::Debug for Identities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identities").finish_non_exhaustive()
    }
}

impl Identities {
    /// Adds the identities of a file as `age-keygen` writes it.
    pub fn add_file(&mut self, text: &str) -> Result<(), InvalidKey> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys = lines.map(|line| line.parse::<x25519::Identity>().map_err(|_| InvalidKey::Identity));
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(InvalidKey::Identity);
        }
        self.keys.extend(keys);
        Ok(())
    }

    /// The passphrase that opens the key next to the backups.
    pub fn set_passphrase(&mut self, passphrase: SecretString) {
        self.passphrase = Some(passphrase);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.passphrase.is_none()
    }

    /// Opens the key next to the backups with the passphrase, if there is one.
    pub(crate) fn unlock(&mut self, key: &[u8]) -> Result<()> {
        let Some(passphrase) = &self.passphrase else { return Ok(()) };
        let mut identity = age::scrypt::Identity::new(passphrase.clone());
        identity.set_max_work_factor(WORK_FACTOR_MAX);
        let text = decrypt(key, "key.age", &[&identity])?;
        let text = std::str::from_utf8(&text).map_err(|_| Error::damaged("key.age", Damage::Format))?;
        self.add_file(text).map_err(|_| Error::damaged("key.age", Damage::Format))
    }
}

/// A new key, protected by a passphrase: whom to encrypt for, and what lies next to the backups.
pub(crate) fn new_protected_key(passphrase: &SecretString) -> Result<(Recipient, Bytes)> {
    let identity = x25519::Identity::generate();
    let mut recipient = age::scrypt::Recipient::new(passphrase.clone());
    recipient.set_work_factor(WORK_FACTOR);
    let text = format!("{}\n", identity.to_string().expose_secret());
    let key = encrypt(text.as_bytes(), &[&recipient])?;
    Ok((Recipient(identity.to_public()), key.into()))
}

/// An object's bytes of its text.
pub(crate) fn pack(text: &[u8], recipients: &[Recipient]) -> Result<Bytes> {
    let mut compressed = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::default());
    compressed.write_all(text)?;
    let compressed = compressed.finish()?;
    if recipients.is_empty() {
        return Ok(compressed.into());
    }
    let recipients: Vec<&dyn age::Recipient> =
        recipients.iter().map(|Recipient(recipient)| recipient as &dyn age::Recipient).collect();
    Ok(encrypt(&compressed, &recipients)?.into())
}

/// An object's text of its bytes.
pub(crate) fn unpack(bytes: &[u8], name: &str, identities: &Identities) -> Result<Vec<u8>> {
    let compressed = if bytes.starts_with(AGE) {
        let keys: Vec<&dyn age::Identity> =
            identities.keys.iter().map(|identity| identity as &dyn age::Identity).collect();
        decrypt(bytes, name, &keys)?
    } else {
        bytes.to_vec()
    };
    let mut text = Vec::new();
    let damaged = |_| Error::damaged(format!("the object {name}"), Damage::Compression);
    MultiGzDecoder::new(&*compressed).take(TEXT_MAX + 1).read_to_end(&mut text).map_err(damaged)?;
    if text.len() as u64 > TEXT_MAX {
        return Err(Error::damaged(format!("the object {name}"), Damage::Format));
    }
    Ok(text)
}

fn encrypt(bytes: &[u8], recipients: &[&dyn age::Recipient]) -> Result<Vec<u8>> {
    let recipients = recipients.iter().copied();
    let encryptor = age::Encryptor::with_recipients(recipients).map_err(std::io::Error::other)?;
    let mut writer = encryptor.wrap_output(Vec::with_capacity(bytes.len() + 1024))?;
    writer.write_all(bytes)?;
    Ok(writer.finish()?)
}

fn decrypt(bytes: &[u8], name: &str, identities: &[&dyn age::Identity]) -> Result<Vec<u8>> {
    if identities.is_empty() {
        return Err(Error::NoIdentity);
    }
    let damaged = || Error::damaged(format!("the object {name}"), Damage::Decryption);
    let failed = |error| match error {
        age::DecryptError::NoMatchingKeys
        | age::DecryptError::DecryptionFailed
        | age::DecryptError::KeyDecryptionFailed => Error::WrongIdentity,
        _ => damaged(),
    };
    let decryptor = age::Decryptor::new(bytes).map_err(failed)?;
    let mut reader = decryptor.decrypt(identities.iter().copied()).map_err(failed)?;
    let mut text = Vec::with_capacity(bytes.len());
    reader.read_to_end(&mut text).map_err(|_| damaged())?;
    Ok(text)
}

/// Runs processor work where it delays no other task.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}
