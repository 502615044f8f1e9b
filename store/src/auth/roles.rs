//! Roles: names for sets of scopes that belong together, so that an operator does not have to know every scope.

use std::fmt;
use std::str::FromStr;

use crate::auth::tokens::{Scope, Scopes};

/// A named set of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Looks at numbers.
    Reader,
    /// Uses everything that is there for people: numbers, Prometheus, exports and reports.
    User,
    /// The same, sends documents and administers.
    Admin,
}

/// Every role: its word, and what it opens. The one place that says so.
const ROLES: [(Role, &str, &[Scope]); 3] = [
    (Role::Reader, "reader", &[Scope::Rest]),
    (Role::User, "user", &[Scope::Rest, Scope::RemoteRead, Scope::Jobs]),
    (Role::Admin, "admin", &[Scope::Rest, Scope::RemoteRead, Scope::Jobs, Scope::Ingest, Scope::Admin]),
];

impl Role {
    /// Every role.
    pub fn all() -> impl Iterator<Item = Self> {
        ROLES.into_iter().map(|(role, ..)| role)
    }

    fn row(self) -> (Self, &'static str, &'static [Scope]) {
        ROLES[self as usize]
    }

    /// What it opens.
    pub fn scopes(self) -> Scopes {
        Scopes::new(self.list().to_vec())
    }

    /// The same, one by one.
    pub fn list(self) -> &'static [Scope] {
        self.row().2
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().1)
    }
}

/// No role is called so.
#[derive(Debug, thiserror::Error)]
#[error("no role is called {0:?}; there are reader, user and admin")]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        let found = ROLES.into_iter().find(|(_, word, _)| *word == text);
        found.map(|(role, ..)| role).ok_or_else(|| UnknownRole(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_is_found_by_its_word_and_each_opens_more_than_the_one_before() {
        let mut before = Vec::new();
        for role in Role::all() {
            assert_eq!(role.to_string().parse::<Role>().unwrap(), role);
            let scopes = role.scopes();
            assert!(before.iter().all(|scope| scopes.has(*scope)), "{role}");
            before = role.list().to_vec();
        }
        assert_eq!(Role::User.scopes(), Scopes::of_account(Vec::new()), "what an account has by default");
        assert!("operator".parse::<Role>().is_err() && "Admin".parse::<Role>().is_err());
    }
}
