//! Sealing: what is stored of a log-in can be read only with a key that is not in the database.
//!
//! A sealed text is base64 of `version (1) | key id (4) | nonce (24) | ciphertext and tag`, XChaCha20-Poly1305 under a key
//! of 32 bytes. What it belongs to is authenticated with it, so that one person's log-in cannot be put in another's
//! row. The key id says which key is needed, so that a key can be replaced while the previous one still opens.

use std::io::Write;
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use secrecy::{ExposeSecret, SecretBox, SecretSlice, SecretString};
use sha2::{Digest, Sha256};

const VERSION: u8 = 1;
const KEY: usize = 32;
const HEADER: usize = 1 + 4;
const NONCE: usize = 24;

/// What the sealed text is; authenticated with it.
const PURPOSE: &str = "myhealth oura tokens";

/// Where a key is.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A file, read whenever the key is needed: it may appear, and change, while a service runs.
    File(PathBuf),
    /// The text itself, from the environment.
    Text(SecretString),
}

/// The key that seals, and the one of before, which still opens.
#[derive(Clone, Debug)]
pub struct Keyring {
    /// Seals and opens.
    pub current: KeySource,
    /// Opens what it sealed before it was replaced.
    pub previous: Option<KeySource>,
}

/// Why a log-in cannot be sealed or opened. Never carries a key or what was sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// No such file, or not ours to read.
    #[error("cannot read the secret key {path}")]
    Unreadable {
        /// The key file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file cannot be made.
    #[error("cannot create the secret key {path}")]
    Uncreatable {
        /// The key file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// No key in it.
    #[error(
        "{0} is no key; a key is 32 bytes, as 64 hexadecimal digits or in base64 (`openssl rand -hex 32` makes one)"
    )]
    Form(String),
    /// Another key is needed.
    #[error(
        "the stored log-in was sealed with another key (id {wanted}); give that one as the secret key or the previous \
         secret key, or run `myhealth login` again"
    )]
    OtherKey {
        /// Id of the key that opens it.
        wanted: String,
    },
    /// The right key, and it does not open.
    #[error("the stored log-in is damaged or belongs to another person; run `myhealth login` again")]
    Broken,
    /// A later version of this program sealed it.
    #[error("the stored log-in was sealed by a newer version of this program")]
    Version,
    /// The machine gives no randomness.
    #[error("the operating system gives no random numbers")]
    Random(getrandom::Error),
}

/// Keys in memory.
pub(super) struct Keys {
    current: Key,
    previous: Option<Key>,
}

struct Key {
    bytes: SecretBox<[u8; KEY]>,
    /// Tells keys apart without telling them.
    id: [u8; 4],
}

impl Keyring {
    /// Says whether the keys can be read, and are keys.
    pub fn check(&self) -> Result<(), SealError> {
        self.load().map(drop)
    }

    /// Creates the key file when it is missing; `true` when it was made now. Never touches a file that is there.
    pub fn create(path: &Path) -> Result<bool, SealError> {
        let failed = |source| SealError::Uncreatable { path: path.to_owned(), source };
        if path.exists() {
            return Ok(false);
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        writeln!(file, "{}", HEXLOWER.encode(&random::<KEY>()?)).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        match file.persist_noclobber(path) {
            Ok(_) => {}
            // Another process was faster; its key counts.
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(failed(error.error)),
        }
        // The name must survive a power cut as well, or the log-in would be sealed with a lost key.
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(true)
    }

    pub(super) fn load(&self) -> Result<Keys, SealError> {
        Ok(Keys {
            current: self.current.load()?,
            previous: self.previous.as_ref().map(KeySource::load).transpose()?,
        })
    }
}

impl KeySource {
    fn load(&self) -> Result<Key, SealError> {
        let (text, name) = match self {
            Self::Text(text) => (text.clone(), "the secret key of the environment".to_owned()),
            Self::File(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|source| SealError::Unreadable { path: path.clone(), source })?;
                (text.into(), path.display().to_string())
            }
        };
        Key::parse(text.expose_secret().trim()).ok_or(SealError::Form(name))
    }
}

impl Key {
    fn parse(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        let encodings = [&HEXLOWER_PERMISSIVE, &BASE64, &BASE64_NOPAD, &BASE64URL, &BASE64URL_NOPAD];
        let mut decoded = encodings.iter().filter_map(|encoding| encoding.decode(text).ok());
        let bytes: [u8; KEY] = decoded.find_map(|bytes| bytes.try_into().ok())?;
        let hash = Sha256::new().chain_update(b"myhealth key id\0").chain_update(bytes).finalize();
        let id = [hash[0], hash[1], hash[2], hash[3]];
        Some(Self { bytes: SecretBox::new(Box::new(bytes)), id })
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.bytes.expose_secret().into())
    }
}

impl Keys {
    /// Seals what belongs to a person.
    pub(super) fn seal(&self, person: i64, secret: &[u8]) -> Result<String, SealError> {
        let nonce = random::<NONCE>()?;
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(&self.current.id);
        let aad = bound_to(&sealed, person);
        let payload = Payload { msg: secret, aad: &aad };
        let secret = self.current.cipher().encrypt(&XNonce::from(nonce), payload);
        sealed.extend_from_slice(&nonce);
        sealed
            .extend_from_slice(&secret.expect("BUG: a token is shorter than the cipher's limit of 256 GiB"));
        Ok(BASE64.encode(&sealed))
    }

    /// Opens what was sealed for this person.
    pub(super) fn open(&self, person: i64, sealed: &str) -> Result<SecretSlice<u8>, SealError> {
        let sealed = BASE64.decode(sealed.as_bytes()).map_err(|_| SealError::Broken)?;
        let (header, rest) = sealed.split_at_checked(HEADER).ok_or(SealError::Broken)?;
        let (nonce, secret) = rest.split_at_checked(NONCE).ok_or(SealError::Broken)?;
        if header[0] != VERSION {
            return Err(SealError::Version);
        }
        let mut keys = std::iter::once(&self.current).chain(&self.previous);
        let key = keys
            .find(|key| key.id == header[1..])
            .ok_or_else(|| SealError::OtherKey { wanted: HEXLOWER.encode(&header[1..]) })?;
        let nonce: [u8; NONCE] = nonce.try_into().expect("BUG: split at this length");
        let aad = bound_to(header, person);
        let opened = key.cipher().decrypt(&XNonce::from(nonce), Payload { msg: secret, aad: &aad });
        opened.map(SecretSlice::from).map_err(|_| SealError::Broken)
    }
}

/// The data that is authenticated together with the secret.
fn bound_to(header: &[u8], person: i64) -> Vec<u8> {
    [header, PURPOSE.as_bytes(), &person.to_be_bytes()].concat()
}

/// Cryptographically random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N], SealError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(SealError::Random)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keyring(current: &str, previous: Option<&str>) -> Keyring {
        let text = |text: &str| KeySource::Text(text.to_owned().into());
        Keyring { current: text(current), previous: previous.map(text) }
    }

    const ONE: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const TWO: &str = "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";

    proptest! {
        #[test]
        fn sealed_secret_opens_only_for_its_person(secret: Vec<u8>, person: i64, other: i64) {
            let keys = keyring(ONE, None).load().unwrap();
            let sealed = keys.seal(person, &secret).unwrap();
            let opened = keys.open(person, &sealed).unwrap();
            prop_assert_eq!(opened.expose_secret(), secret.as_slice());
            if person != other {
                prop_assert!(matches!(keys.open(other, &sealed), Err(SealError::Broken)));
            }
        }

        #[test]
        fn sealed_secret_with_a_flipped_bit_does_not_open(secret: Vec<u8>, at: prop::sample::Index, bit in 0..8_u8) {
            let keys = keyring(ONE, None).load().unwrap();
            let mut sealed = BASE64.decode(keys.seal(1, &secret).unwrap().as_bytes()).unwrap();
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            prop_assert!(keys.open(1, &BASE64.encode(&sealed)).is_err());
        }

        #[test]
        fn arbitrary_text_is_not_opened_and_never_panics(text: String, bytes: Vec<u8>) {
            let keys = keyring(ONE, Some(TWO)).load().unwrap();
            prop_assert!(keys.open(1, &text).is_err());
            prop_assert!(keys.open(1, &BASE64.encode(&bytes)).is_err());
            drop(Key::parse(&text));
        }
    }

    #[test]
    fn sealing_twice_gives_different_text() {
        let keys = keyring(ONE, None).load().unwrap();
        assert_ne!(keys.seal(1, b"token").unwrap(), keys.seal(1, b"token").unwrap());
    }

    #[test]
    fn previous_key_opens_and_unknown_key_is_named() {
        let sealed = keyring(ONE, None).load().unwrap().seal(1, b"token").unwrap();
        let rotated = keyring(TWO, Some(ONE)).load().unwrap();
        assert_eq!(rotated.open(1, &sealed).unwrap().expose_secret(), b"token");
        let again = rotated.seal(1, b"token").unwrap();
        let Err(SealError::OtherKey { wanted }) = keyring(ONE, None).load().unwrap().open(1, &again) else {
            panic!("sealed with the current key");
        };
        assert_eq!(wanted.len(), 8);
    }

    #[test]
    fn encryption_key_is_32_bytes_in_hex_or_base64() {
        let id = |text: &str| Key::parse(text).map(|key| key.id);
        assert_eq!(id(ONE), id("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="));
        assert_eq!(id(ONE), id("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"));
        assert_eq!(id(ONE), id(&ONE.to_uppercase()));
        assert!(id(ONE).is_some());
        assert_ne!(id(ONE), id(TWO));
        for wrong in ["", "00", &ONE[1..], "correct horse battery staple", &ONE.repeat(2)] {
            assert_eq!(id(wrong), None, "{wrong}");
        }
        let error = keyring("swordfish", None).check().unwrap_err().to_string();
        assert!(error.contains("openssl rand -hex 32") && !error.contains("swordfish"), "{error}");
    }

    #[test]
    fn key_file_is_created_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        let ring = Keyring { current: KeySource::File(path.clone()), previous: None };
        assert!(matches!(ring.check(), Err(SealError::Unreadable { .. })));
        assert!(Keyring::create(&path).unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        ring.check().unwrap();
        assert!(!Keyring::create(&path).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&path, "").unwrap();
        assert!(!Keyring::create(&path).unwrap(), "an empty file is reported, not replaced");
        assert!(matches!(ring.check(), Err(SealError::Form(_))));
        let nowhere = folder.path().join("none/secret.key");
        assert!(matches!(Keyring::create(&nowhere), Err(SealError::Uncreatable { .. })));
    }
}
