//! Who asks, and what he may see. Every path below `/api` but the health question and the log-in passes here before its
//! handler; a handler that names people asks [`Access`] for them, so that a token of one person never opens another's
//! numbers.

use std::sync::Arc;

use ::jobs::ResultScope;
use axum::extract::{FromRequestParts, Request, State as With};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use data_encoding::BASE64;
use domain::Collection;
use jiff::Timestamp;
use store::{Person, Scope, Store, Token, UserAccount};

use crate::error::Error;
use crate::guards::Client;
use crate::resources::jobs;
use crate::state::State;
use crate::{guards, login, push, remote_read};

/// The paths that nobody needs a token for: probes have none, and who logs in has none yet.
const OPEN: [&str; 2] = ["/api/v1/health", login::PATH];

/// Longest query string read: many times the longest useful one.
const MAX_QUERY: usize = 2048;

/// Whether a request without a token is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Anonymous {
    /// Always: nobody's data, or a door that something else guards.
    Allowed,
    /// Until the first token or account is made: a listener that only this machine reaches.
    WithoutTokens,
    /// Never.
    Refused,
}

/// Extension of a request whose user a listener has authenticated by password: no token is needed then.
pub use listener::Authenticated as ListenerAuthenticated;

/// What the one who asks may see.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    holder: Principal,
    /// All that the answer to a question can depend on of who asks it.
    rights: Arc<str>,
}

#[derive(Clone, Debug)]
enum Principal {
    /// Somebody a listener lets in without asking.
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
            Principal::Account(account, _) => format!("account {:?}", account.person).into(),
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

    /// Whether this person's numbers are open to the one who asks.
    pub(crate) fn sees(&self, person: &Person) -> bool {
        self.person().is_none_or(|only| only == person.id)
    }

    /// Those whose numbers are open to the one who asks, by name.
    pub(crate) async fn people(&self, store: &Store) -> store::Result<Vec<Person>> {
        match self.person() {
            Some(only) => Ok(store.person_of(only).await?.into_iter().collect()),
            None => store.people().await,
        }
    }

    /// Who logged in; nobody did where a token or no proof was asked for.
    pub(crate) fn account(&self) -> Option<&UserAccount> {
        match &self.holder {
            Principal::Account(account, _) => Some(account),
            Principal::Anybody | Principal::Token(_) => None,
        }
    }

    /// Tells apart those who may see different things.
    pub(crate) fn cache_key(&self) -> &Arc<str> {
        &self.rights
    }

    /// A name for whoever asks, under which his requests are his own. An account's is its number: who is called the same
    /// after it is removed is somebody else.
    pub(crate) fn principal_key(&self) -> String {
        match &self.holder {
            Principal::Anybody => "anybody".to_owned(),
            Principal::Token(token) => format!("token {}", token.id),
            Principal::Account(account, _) => format!("account {}", account.id),
        }
    }

    /// Whether what the result of a job holds is open: a token for some kinds of data gets no others by way of jobs.
    pub(crate) fn may_read_result(&self, holds: &ResultScope) -> Result<(), Error> {
        match (&self.holder, holds) {
            (Principal::Token(token), ResultScope::Collections(collections))
                if token.scopes.are_limited_to_themes() =>
            {
                collections.iter().try_for_each(|collection| self.may(Scope::Read(collection.theme())))
            }
            (Principal::Token(token), ResultScope::Everything) if token.scopes.are_limited_to_themes() => {
                self.may(Scope::Rest)
            }
            _ => Ok(()),
        }
    }

    /// Reading may be open to whoever reaches the address; asking for work never is.
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

    fn has(&self, scope: Scope) -> bool {
        match &self.holder {
            // Reading may be open to whoever reaches the address; writing never is.
            Principal::Anybody | Principal::Account(..) => scope != Scope::Ingest,
            Principal::Token(token) => token.scopes.has(scope),
        }
    }

    fn may(&self, scope: Scope) -> Result<(), Error> {
        match &self.holder {
            Principal::Anybody if !self.has(scope) => Err(Error::TokenRequired),
            _ if !self.has(scope) => Err(Error::Scope(scope)),
            _ => Ok(()),
        }
    }

    fn may_some_rest(&self) -> Result<(), Error> {
        match &self.holder {
            Principal::Token(token) if !token.scopes.allows_any_rest() => Err(Error::Scope(Scope::Rest)),
            _ => Ok(()),
        }
    }
}

/// The scope that a request needs as a whole.
#[derive(Clone, Copy)]
struct RequiredScope(Scope);

impl<S: Send + Sync> FromRequestParts<S> for Access {
    type Rejection = Error;

    /// What [`guard`] found; a handler that it does not stand before sees nothing. A token that opens some kinds of data
    /// only is refused here: what takes it says so by asking for [`PartialAccess`].
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

    /// Access to what is no health data: who lives here, which metrics there are.
    pub(crate) fn names_only(self) -> Access {
        self.0
    }
}

/// Stands before every handler.
pub(crate) async fn guard(
    With(state): With<Arc<State>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Error> {
    if request.uri().query().is_some_and(|query| query.len() > MAX_QUERY) {
        return Err(Error::QueryTooLong(MAX_QUERY));
    }
    let path = request.uri().path();
    if !OPEN.contains(&path) {
        let scope = match path {
            remote_read::PATH => Scope::RemoteRead,
            push::PATH => Scope::Ingest,
            path if path.starts_with(jobs::PATH) => Scope::Jobs,
            _ => Scope::Rest,
        };
        let header = request.headers().get(AUTHORIZATION).cloned();
        let vouched = request.extensions().get::<ListenerAuthenticated>().is_some();
        let client = state.guards.client(&request);
        let access = access(&state, client, header, vouched).await?;
        match scope {
            // Which kinds of data a question is about, its handler knows.
            Scope::Rest => access.may_some_rest()?,
            scope => access.may(scope)?,
        }
        if scope == Scope::Jobs && !matches!(*request.method(), Method::GET | Method::HEAD) {
            access.may_create_jobs()?;
        }
        request.extensions_mut().insert(client);
        request.extensions_mut().insert(RequiredScope(scope));
        request.extensions_mut().insert(access);
        request.extensions_mut().insert(state);
    }
    Ok(next.run(request).await)
}

/// Who asks. What was found out is good for a second, so that a hundred questions of a dashboard ask the database once;
/// a token that is revoked by another process opens nothing after that.
async fn access(
    state: &State,
    client: Client,
    header: Option<HeaderValue>,
    vouched: bool,
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

/// The token of an `Authorization` header: a bearer token, or the password of basic authentication, whoever the user.
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

/// Beside the answer, not before it: where one writer is allowed, it may be busy with a whole history.
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
