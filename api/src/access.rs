//! Who sends a request, and what they may see. Every request passes [`authenticate`] before its handler and is refused
//! unless it has the access that the policy of its route requires; a handler that names people asks [`Access`] for them,
//! so that a token of one person never opens another's numbers.

mod authenticate;
mod credential;

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::Extensions;
use axum::http::request::Parts;
use domain::Collection;
use jiff::Timestamp;
use jobs::ResultScope;
use store::{Person, Scope, Scopes, Store, Token, UserAccount};

pub(crate) use authenticate::{Authenticator, authenticate};

use crate::error::Error;
use crate::policy::RequiredAccess;

/// Extension of a request whose user a listener has authenticated by password: no token is needed then.
pub use listener::Authenticated as ListenerAuthenticated;

/// What the principal of a request may see.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    holder: Principal,
    /// Everything of the principal that a response can depend on.
    rights: Arc<str>,
}

#[derive(Clone, Debug)]
enum Principal {
    /// A client that a listener admits without credentials.
    Anybody,
    Token(Arc<Token>),
    /// A person who logged in, and until when; without an end where the password comes with every request.
    Account(Arc<UserAccount>, Timestamp),
}

impl Access {
    fn new(holder: Principal) -> Self {
        let rights = match &holder {
            Principal::Anybody => "anybody".into(),
            Principal::Token(token) => format!("token {:?} {}", token.person, token.scopes).into(),
            Principal::Account(account, _) => {
                format!("account {:?} {}", account.person, account.scopes).into()
            }
        };
        Self { holder, rights }
    }

    /// The one person whose numbers are open; `None`: everyone's.
    pub(crate) fn person(&self) -> Option<i64> {
        match &self.holder {
            Principal::Anybody => None,
            Principal::Token(token) => token.person,
            Principal::Account(account, _) => account.person,
        }
    }

    /// What authentication granted to a request.
    pub(crate) fn granted(extensions: &Extensions) -> Option<&Self> {
        extensions.get().map(|granted: &Granted| &granted.access)
    }

    /// Whether this person's numbers are open to the principal.
    pub(crate) fn sees(&self, person: &Person) -> bool {
        self.person().is_none_or(|only| only == person.id)
    }

    /// People whose numbers are open to the principal, by name.
    pub(crate) async fn people(&self, store: &Store) -> store::Result<Vec<Person>> {
        match self.person() {
            Some(only) => Ok(store.person_of(only).await?.into_iter().collect()),
            None => store.people().await,
        }
    }

    /// The account that logged in; `None` for a token and for an anonymous client.
    pub(crate) fn account(&self) -> Option<&UserAccount> {
        match &self.holder {
            Principal::Account(account, _) => Some(account),
            Principal::Anybody | Principal::Token(_) => None,
        }
    }

    /// Tells principals apart that may see different things.
    pub(crate) fn cache_key(&self) -> &Arc<str> {
        &self.rights
    }

    /// A name that no other principal has. An account's is its number: an account of the same name made later is another.
    pub(crate) fn principal_key(&self) -> String {
        match &self.holder {
            Principal::Anybody => "anybody".to_owned(),
            Principal::Token(token) => format!("token {}", token.id),
            Principal::Account(account, _) => format!("account {}", account.id),
        }
    }

    /// Whether a token or an account sends the request.
    fn is_identified(&self) -> bool {
        !matches!(self.holder, Principal::Anybody)
    }

    /// The principal as the audit trail names it.
    pub(crate) fn principal_name(&self) -> String {
        match &self.holder {
            Principal::Anybody => "anonymous".to_owned(),
            Principal::Token(token) => format!("token {} ({})", token.id, token.name),
            Principal::Account(account, _) => format!("account {}", account.name),
        }
    }

    /// Whether what the result of a job holds is open: a token for some kinds of data gets no others by way of jobs.
    pub(crate) fn may_read_result(&self, holds: &ResultScope) -> Result<(), Error> {
        if !self.scopes().is_some_and(Scopes::are_limited_to_themes) {
            return Ok(());
        }
        match holds {
            ResultScope::Collections(collections) => {
                collections.iter().try_for_each(|collection| self.may(Scope::Read(collection.theme())))
            }
            ResultScope::Everything => self.may(Scope::Rest),
            ResultScope::Nothing => Ok(()),
        }
    }

    /// Whether the request has what its route requires as a whole; the kinds of data that it is about, its handler checks.
    fn meets(&self, required: RequiredAccess) -> Result<(), Error> {
        match required {
            RequiredAccess::Public | RequiredAccess::Unscoped => Ok(()),
            RequiredAccess::SomeData => self.may_some_rest(),
            RequiredAccess::Scope(scope) => self.may(scope),
            RequiredAccess::Identified(scope) => {
                self.may(scope)?;
                match &self.holder {
                    Principal::Anybody => Err(Error::TokenRequired),
                    Principal::Token(_) | Principal::Account(..) => Ok(()),
                }
            }
        }
    }

    /// Whether what was in force a moment ago still is.
    fn in_force(&self, now: Timestamp) -> bool {
        match &self.holder {
            Principal::Anybody => true,
            Principal::Token(token) => token.in_force(now),
            Principal::Account(_, until) => now < *until,
        }
    }

    /// When a log-in ends.
    pub(crate) fn expires_at(&self) -> Option<Timestamp> {
        match &self.holder {
            Principal::Account(_, until) => Some(*until).filter(|until| *until < Timestamp::MAX),
            Principal::Anybody | Principal::Token(_) => None,
        }
    }

    /// The scopes of a token or an account.
    pub(crate) fn scopes(&self) -> Option<&Scopes> {
        match &self.holder {
            Principal::Anybody => None,
            Principal::Token(token) => Some(&token.scopes),
            Principal::Account(account, _) => Some(&account.scopes),
        }
    }

    fn has(&self, scope: Scope) -> bool {
        if scope == Scope::Admin && self.person().is_some() {
            // The audit trail is about everyone.
            return false;
        }
        // Reading may be open to every client that reaches the address; writing and administration never are.
        let open = !matches!(scope, Scope::Ingest | Scope::Admin);
        self.scopes().map_or(open, |scopes| scopes.has(scope))
    }

    fn may(&self, scope: Scope) -> Result<(), Error> {
        match &self.holder {
            Principal::Anybody if !self.has(scope) => Err(Error::TokenRequired),
            _ if !self.has(scope) => Err(Error::Scope(scope)),
            _ => Ok(()),
        }
    }

    fn may_some_rest(&self) -> Result<(), Error> {
        if self.scopes().is_none_or(Scopes::allows_any_rest) {
            Ok(())
        } else {
            Err(Error::Scope(Scope::Rest))
        }
    }
}

/// What [`authenticate`] granted a request: the caller's access, which meets what the route requires.
#[derive(Clone)]
pub(crate) struct Granted {
    access: Access,
    required: RequiredAccess,
}

impl Granted {
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Access {
    type Rejection = Error;

    /// For handlers of routes that require a scope as a whole. On any other route nothing is extracted: handlers there
    /// narrow a [`PartialAccess`].
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        match parts.extensions.get() {
            Some(Granted {
                access,
                required: RequiredAccess::Scope(_) | RequiredAccess::Identified(_) | RequiredAccess::Unscoped,
            }) => Ok(access.clone()),
            _ => Err(Error::TokenRequired),
        }
    }
}

/// The access of a caller who may see some kinds of data; a handler narrows it to those that the request is about.
pub(crate) struct PartialAccess(Access);

impl<S: Send + Sync> FromRequestParts<S> for PartialAccess {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        match parts.extensions.get() {
            Some(Granted { access, required: RequiredAccess::SomeData }) => Ok(Self(access.clone())),
            _ => Err(Error::TokenRequired),
        }
    }
}

impl PartialAccess {
    /// Access to all of these collections, or a refusal that names the first scope that is missing.
    pub(crate) fn limited_to(
        self,
        collections: impl IntoIterator<Item = Collection>,
    ) -> Result<Access, Error> {
        for collection in collections {
            self.0.may(Scope::Read(collection.theme()))?;
        }
        Ok(self.0)
    }

    /// Access to what is no health data: names of people, the list of metrics.
    pub(crate) fn names_only(self) -> Access {
        self.0
    }
}
