//! The kinds of change that a webhook event reports.

use std::fmt;
use std::str::FromStr;

/// A change of one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// It was created.
    Create,
    /// Its content changed.
    Update,
    /// It was deleted.
    Delete,
}

impl Change {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Create, Self::Update, Self::Delete];

    /// The word Oura uses: `event_type` on the wire, and the SQL value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No change is called so.
#[derive(Debug, thiserror::Error)]
#[error("no change has this name; they are create, update and delete")]
pub struct UnknownChange;

impl FromStr for Change {
    type Err = UnknownChange;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|change| change.name() == text).ok_or(UnknownChange)
    }
}
