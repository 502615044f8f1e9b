//! How a person is called in labels, paths and logs: a pseudonym, never an e-mail or an Oura id.

use std::fmt;
use std::str::FromStr;

/// A short name that is safe as a label value and a path segment: `[a-z0-9][a-z0-9_-]{0,31}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pseudonym(String);

/// Why a text is not a [`Pseudonym`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a person's name here is 1 to 32 of a-z, 0-9, '_' and '-', starting with a letter or digit")]
pub struct InvalidPseudonym;

impl Pseudonym {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Pseudonym {
    type Err = InvalidPseudonym;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = text.as_bytes();
        let starts_well = bytes.first().is_some_and(|&byte| plain(byte));
        if starts_well && bytes.len() <= 32 && bytes.iter().all(|&b| plain(b) || b == b'_' || b == b'-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidPseudonym)
        }
    }
}

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudonym_must_be_label_safe() {
        for good in ["me", "p-01", "a_b", "0"] {
            assert_eq!(good.parse::<Pseudonym>().map(|p| p.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "Ann", "a@b.c", "-x", "a\nb", &"x".repeat(33)] {
            assert_eq!(bad.parse::<Pseudonym>(), Err(InvalidPseudonym), "{bad:?}");
        }
    }
}
