//! A body's fingerprint: whether what came is what is stored.

use sha2::{Digest, Sha256};

/// The first 8 bytes of the SHA-256, as SQL's signed integer.
pub(crate) fn fingerprint(body: &str) -> i64 {
    let digest = Sha256::digest(body.as_bytes());
    let (head, _) = digest.split_first_chunk::<8>().expect("BUG: SHA-256 has 32 bytes");
    i64::from_be_bytes(*head)
}
