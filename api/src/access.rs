//! Authentication and authorisation. Every path but those in [`OPEN`] passes here before its handler; a handler that names people
//! asks [`Access`] for them, so that a token of one person never opens another's numbers.

use std::sync::Arc;

use ::jobs::ResultScope;
use axum::extract::{FromRequestParts, Request, State as With};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use data_encoding::BASE64;
use domain::Collection;
use jiff::Timestamp;
use store::{AuditAction, AuditOutcome, Person, Scope, Scopes, Store, Token, UserAccount};

use crate::audit::{ClientAddress, Origin};
use crate::error::Error;
use crate::guards::Client;
use crate::resources::{admin, jobs};
use crate::state::State;
use crate::{guards, login, push, remote_read};

/// The paths that need no token: probes have none, a log-in has none yet, and public keys are public.
const OPEN: [&str; 4] =
    ["/api/v1/health", login::PATH, login::well_known::KEYS, login::well_known::CONFIGURATION];

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

/// Put into a request's extensions by a listener that has asked for a password itself: no token is needed then, and an
/// `Authorization` header must not come along.
#[derive(Clone, Copy, Debug)]
pub struct ListenerAuthenticated;

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

    /// Reading may be open to every client that reaches the address; creating jobs never is.
    fn may_create_jobs(&self) -> Result<(), Error> {
        match &self.holder {
            Principal::Anybody => Err(Error::TokenRequired),
            Principal::Token(_) | Principal::Account(..) => Ok(()),
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

/// The scope that a request needs as a whole.
#[derive(Clone, Copy)]
struct RequiredScope(Scope);

impl<S: Send + Sync> FromRequestParts<S> for Access {
    type Rejection = Error;

    /// What [`guard`] found; without it a handler gets nothing. A token that opens some kinds of data only is refused here: a
    /// handler that accepts it asks for [`PartialAccess`].
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        let access: Self = parts.extensions.get().cloned().ok_or(Error::TokenRequired)?;
        let RequiredScope(scope) = parts.extensions.get().copied().ok_or(Error::TokenRequired)?;
        access.may(scope)?;
        Ok(access)
    }
}

/// The same for a question about known collections: a token needs to open those only.
pub(crate) struct PartialAccess(Access);

impl<S: Send + Sync> FromRequestParts<S> for PartialAccess {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        let access: Access = parts.extensions.get().cloned().ok_or(Error::TokenRequired)?;
        access.may_some_rest()?;
        Ok(Self(access))
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

/// Routes whose answers leave as files.
const EXPORTS: [&str; 2] = ["/api/v1/export", "/api/v1/jobs/{id}/result"];

/// Authenticates a request before its handler, and records what was refused and what left.
pub(crate) async fn guard(
    With(state): With<Arc<State>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Error> {
    if request.uri().query().is_some_and(|query| query.len() > MAX_QUERY) {
        return Err(Error::QueryTooLong(MAX_QUERY));
    }
    let address = state.guards.address(&request);
    request.extensions_mut().insert(ClientAddress(address));
    if OPEN.contains(&request.uri().path()) {
        return Ok(next.run(request).await);
    }
    let origin = Origin::of(request.extensions());
    let client = state.guards.client(&request);
    let header = request.headers().get(AUTHORIZATION).cloned();
    let vouched = request.extensions().get::<ListenerAuthenticated>().is_some();
    let access = authenticate(&state, client, (header, vouched), &origin).await?;
    let answered = match authorise(&access, &mut request) {
        Ok(()) => {
            request.extensions_mut().insert(client);
            request.extensions_mut().insert(access.clone());
            request.extensions_mut().insert(state.clone());
            Ok(next.run(request).await)
        }
        Err(refusal) => Err(refusal),
    };
    let exports = origin.route().is_some_and(|route| EXPORTS.contains(&route));
    let what = match &answered {
        Ok(response) if response.status() == StatusCode::OK && exports => {
            Some((AuditAction::Export, AuditOutcome::Accepted))
        }
        Ok(response) if response.status() == StatusCode::FORBIDDEN => {
            Some((AuditAction::Access, AuditOutcome::Refused))
        }
        Err(Error::Scope(_)) => Some((AuditAction::Access, AuditOutcome::Refused)),
        _ => None,
    };
    if let Some(what) = what {
        let entry = origin.entry((state.now)(), what, Some(access.principal_name()), None);
        state.audit.record_unless_repeated(entry);
    }
    answered
}

/// Whether the principal may use the route at all; the scope is kept for the handler.
fn authorise(access: &Access, request: &mut Request) -> Result<(), Error> {
    let scope = match request.uri().path() {
        login::LOG_OUT => return Ok(()),
        remote_read::PATH => Scope::RemoteRead,
        push::PATH => Scope::Ingest,
        path if path.starts_with(jobs::PATH) => Scope::Jobs,
        path if path.starts_with(admin::PATH) => Scope::Admin,
        _ => Scope::Rest,
    };
    match scope {
        // The handler knows which kinds of data a request is about.
        Scope::Rest => access.may_some_rest()?,
        scope => access.may(scope)?,
    }
    if scope == Scope::Jobs && !matches!(*request.method(), Method::GET | Method::HEAD) {
        access.may_create_jobs()?;
    }
    request.extensions_mut().insert(RequiredScope(scope));
    Ok(())
}

/// The principal of a request. What was found out is good for a second, so that a hundred requests of a dashboard ask the
/// database once; a token that is revoked by another process opens nothing after that.
async fn authenticate(
    state: &State,
    client: Client,
    (header, vouched): (Option<HeaderValue>, bool),
    origin: &Origin,
) -> Result<Access, Error> {
    let now = (state.now)();
    let key =
        guards::CredentialKey::new(header.as_ref(), vouched, state.anonymous, state.primary.change_count());
    let known = state.guards.known(&key).await.filter(|access| access.in_force(now));
    let access = if let Some(access) = known {
        access
    } else {
        let _turn = state.guards.turn(client).await?;
        let access = Access::new(principal(state, header, vouched, now).await?);
        state.guards.remember(key, access.clone()).await;
        // Once a second at most, however often it is used.
        if let Principal::Token(token) = &access.holder {
            if token.last_used_at.is_none() {
                let what = (AuditAction::TokenFirstUse, AuditOutcome::Accepted);
                let entry = origin.clone().entry(now, what, Some(access.principal_name()), None);
                state.audit.record_unless_repeated(entry);
            }
            note_use(state, token, now);
        }
        access
    };
    Ok(access)
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
