//! Which persons this exporter serves, where several share the work.

use std::fmt;
use std::str::FromStr;

use domain::Pseudonym;
use sha2::{Digest, Sha256};

/// One of `of` equal shares of all persons. The share of a person depends on the pseudonym alone, so that every
/// exporter, on any version and any machine, agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    of: u32,
}

impl Shard {
    /// All persons.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// Whether this person is in the share: the first 8 bytes of the SHA-256 of the pseudonym, as a big-endian number,
    /// modulo the number of shards.
    pub fn holds(self, name: &Pseudonym) -> bool {
        let digest = Sha256::digest(name.as_str().as_bytes());
        let first = digest.first_chunk().copied().map_or(0, u64::from_be_bytes);
        self.of == 1 || first % u64::from(self.of) == u64::from(self.index)
    }
}

/// As it is written: `0/10` to `9/10`.
impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// Why a text is no [`Shard`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a shard is INDEX/COUNT with an index from 0 and below the count, for example 0/3, 1/3 and 2/3")]
pub struct InvalidShard;

impl FromStr for Shard {
    type Err = InvalidShard;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (index, of) = text.split_once('/').ok_or(InvalidShard)?;
        let number = |text: &str| {
            let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| text.parse().ok()).flatten().ok_or(InvalidShard)
        };
        let (index, of) = (number(index)?, number(of)?);
        if index < of { Ok(Self { index, of }) } else { Err(InvalidShard) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn person_is_in_exactly_one_stable_shard() {
        let shards: Vec<Shard> = (0..10).map(|n| format!("{n}/10").parse().unwrap()).collect();
        let mut counts = [0; 10];
        for n in 0..1000 {
            let name = format!("p-{n}").parse().unwrap();
            let homes: Vec<usize> = (0..10).filter(|&shard| shards[shard].holds(&name)).collect();
            assert_eq!(homes.len(), 1, "{name}");
            counts[homes[0]] += 1;
        }
        assert!(counts.iter().all(|count| (60..140).contains(count)), "{counts:?}");
        // printf %s ann | sha256sum
        let home = 0x4991_5e0d_7d4b_402e_u64 % 10;
        let ann: Pseudonym = "ann".parse().unwrap();
        assert!(shards[usize::try_from(home).unwrap()].holds(&ann));
        assert!(Shard::WHOLE.holds(&ann));
    }

    #[test]
    fn invalid_shard_is_refused() {
        for good in ["0/1", "0/10", "9/10"] {
            assert_eq!(good.parse::<Shard>().map(|shard| shard.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "1", "1/1", "10/10", "-1/2", "+0/2", "0/0", "a/b", "0/2/3", "0/99999999999", " 0/2"] {
            assert_eq!(bad.parse::<Shard>(), Err(InvalidShard), "{bad:?}");
        }
    }
}
