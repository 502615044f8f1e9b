//! Who sends a request, and what they may see. Every request passes [`authenticate`] before its handler and is refused
//! unless it has the access that the policy of its route requires; a handler that names people asks [`Access`] for them,
//! so that a token of one person never opens another's numbers.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{FromRequestParts, Request, State as With};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use data_encoding::BASE64;
use domain::Collection;
use jiff::Timestamp;
use jobs::ResultScope;
use moka::future::Cache;
use sha2::{Digest, Sha256};
use store::{AuditAction, AuditOutcome, Person, Scope, Scopes, Store, Token, UserAccount};

use crate::audit::Origin;
use crate::error::Error;
use crate::guards::Client;
use crate::policy::{Policy, RequiredAccess};
use crate::state::State;

/// Longest query string read: many times the longest useful one.
const MAX_QUERY: usize = 2048;

/// Whether a request without a token is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Anonymous {
    /// Always: synthetic data, or an address that something else guards.
    Allowed,
    /// Until the first token or account is made: a listener that only this machine reaches.
    WithoutTokens,
    /// Never.
    Refused,
}

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
    /// A person who logged in, and until when.
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

    /// The scopes of a token or an account.
    fn scopes(&self) -> Option<&Scopes> {
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

/// How long a verified credential is used without reading the database again.
const VERIFIED_TTL: Duration = Duration::from_secs(1);

/// Most verified credentials kept.
const MAX_VERIFIED: u64 = 10_000;

/// Authenticates requests; clones share the credentials verified a moment ago.
#[derive(Clone)]
pub(crate) struct Authenticator {
    state: Arc<State>,
    verified: Cache<CredentialKey, Access>,
}

/// A credential and where it was sent, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct CredentialKey {
    header: Option<[u8; 32]>,
    vouched: bool,
    /// A log-out in this process counts at once.
    changes: u64,
}

impl Authenticator {
    pub(crate) fn new(state: Arc<State>) -> Self {
        let verified = Cache::builder().max_capacity(MAX_VERIFIED).time_to_live(VERIFIED_TTL).build();
        Self { state, verified }
    }

    /// The access of a request. A verified credential is good for a second, so that a hundred requests of a dashboard read
    /// the database once; a token that another process revokes opens nothing after that.
    async fn access(
        &self,
        client: Client,
        header: Option<HeaderValue>,
        vouched: bool,
        origin: &Origin,
    ) -> Result<Access, Error> {
        let state = &*self.state;
        let now = (state.now)();
        let digest = header.as_ref().map(|header| Sha256::digest(header.as_bytes()).into());
        let key = CredentialKey { header: digest, vouched, changes: state.primary.change_count() };
        if let Some(verified) = self.verified.get(&key).await.filter(|access| access.in_force(now)) {
            return Ok(verified);
        }
        let _permit = state.guards.load_shedder.take_permit(client).await?;
        let access = Access::new(principal(state, header, vouched, now).await?);
        self.verified.insert(key, access.clone()).await;
        // Once a second at most, however often it is used.
        if let Principal::Token(token) = &access.holder {
            if token.last_used_at.is_none() {
                let what = (AuditAction::TokenFirstUse, AuditOutcome::Accepted);
                let entry = origin.clone().entry(now, what, Some(access.principal_name()), None);
                state.audit.record_unless_repeated(entry);
            }
            note_use(state, token, now);
        }
        Ok(access)
    }
}

/// Refuses requests that do not have the access that their route requires, and hands it to the handlers of the others. Records
/// what was refused, and what left as a file.
pub(crate) async fn authenticate(
    With(authenticator): With<Authenticator>,
    Extension(Policy { access: required, audited, .. }): Extension<Policy>,
    Extension(client): Extension<Client>,
    mut request: Request,
    next: Next,
) -> Result<Response, Error> {
    if request.uri().query().is_some_and(|query| query.len() > MAX_QUERY) {
        return Err(Error::QueryTooLong(MAX_QUERY));
    }
    if required == RequiredAccess::Public {
        return Ok(next.run(request).await);
    }
    let header = request.headers().get(AUTHORIZATION).cloned();
    let vouched = request.extensions().get::<ListenerAuthenticated>().is_some();
    let origin = Origin::of(request.extensions());
    let access = authenticator.access(client, header, vouched, &origin).await?;
    let principal = access.principal_name();
    if access.is_identified() {
        authenticator.state.guards.rate_limiters.check_principal(&access.principal_key())?;
    }
    let response = match access.meets(required) {
        Ok(()) => {
            request.extensions_mut().insert(Granted { access, required });
            Ok(next.run(request).await)
        }
        Err(refusal) => Err(refusal),
    };
    let what = match &response {
        // A link to a file opens it.
        Ok(response) if [StatusCode::OK, StatusCode::TEMPORARY_REDIRECT].contains(&response.status()) => {
            audited.map(|action| (action, AuditOutcome::Accepted))
        }
        Ok(response) if response.status() == StatusCode::FORBIDDEN => {
            Some((AuditAction::Access, AuditOutcome::Refused))
        }
        Err(Error::Scope(_)) => Some((AuditAction::Access, AuditOutcome::Refused)),
        _ => None,
    };
    if let Some(what) = what {
        let state = &authenticator.state;
        state.audit.record_unless_repeated(origin.entry((state.now)(), what, Some(principal), None));
    }
    response
}

async fn principal(
    state: &State,
    header: Option<HeaderValue>,
    vouched: bool,
    now: Timestamp,
) -> Result<Principal, Error> {
    if let Some(header) = header {
        let text = header.to_str().ok().and_then(secret).ok_or(Error::TokenInvalid)?;
        // A signed log-in has dots, a token never.
        if text.contains('.') {
            let (account, until) = state.login.account(&state.primary, &text, now).await?;
            return Ok(Principal::Account(Arc::new(account), until));
        }
        let token = state.primary.token(&text, now).await?;
        return token.map(Arc::new).map(Principal::Token).ok_or(Error::TokenInvalid);
    }
    let open = match state.anonymous {
        _ if vouched => true,
        Anonymous::Allowed => true,
        Anonymous::WithoutTokens => {
            !state.primary.has_tokens().await? && !state.primary.has_accounts().await?
        }
        Anonymous::Refused => false,
    };
    if open { Ok(Principal::Anybody) } else { Err(Error::TokenRequired) }
}

/// The token of an `Authorization` header: a bearer token, or the password of basic authentication with any user.
fn secret(header: &str) -> Option<String> {
    let (scheme, rest) = header.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64.decode(rest.as_bytes()).ok()?).ok()?;
    decoded.split_once(':').map(|(_, password)| password.to_owned())
}

/// Next to the response, not before it: where one writer is allowed, it may be busy with a whole history.
fn note_use(state: &State, token: &Arc<Token>, now: Timestamp) {
    if token.was_used_within_precision(now) {
        return;
    }
    let (store, token) = (state.primary.clone(), token.clone());
    tokio::spawn(async move {
        if let Err(error) = store.record_token_use(&token, now).await {
            tracing::warn!(error = store::causes(&error), token = token.id, "cannot note the use of a token");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_read_from_bearer_and_basic_authentication() {
        let check =
            |header, expected: Option<&str>| assert_eq!(secret(header).as_deref(), expected, "{header}");
        check("Bearer mh_1_aa", Some("mh_1_aa"));
        check("bearer  mh_1_aa ", Some("mh_1_aa"));
        check("Basic bWU6bWhfMV9hYQ==", Some("mh_1_aa"));
        check("Basic bWhfMV9hYQ==", None);
        check("Basic !", None);
        check("Digest x", None);
        check("mh_1_aa", None);
    }
}
