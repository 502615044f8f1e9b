//! Who asks, and what he may see. Every path below `/api` but the health question passes here before its handler; a
//! handler that names people asks [`Access`] for them, so that a token of one person never opens another's numbers.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State as With};
use axum::http::HeaderValue;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use data_encoding::BASE64;
use store::{Person, Scope, Token};

use crate::error::Error;
use crate::state::State;
use crate::{push, remote_read};

/// The paths that nobody needs a token for: probes have none.
const OPEN: [&str; 1] = ["/api/v1/health"];

/// Whether a request without a token is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anonymous {
    /// Always: nobody's data, or a door that something else guards.
    Allowed,
    /// Until the first token is made: a listener that only this machine reaches.
    WithoutTokens,
    /// Never.
    Refused,
}

/// Put into a request's extensions by a listener that has asked for a password itself: no token is needed then, and an
/// `Authorization` header must not come along.
#[derive(Clone, Copy, Debug)]
pub struct Vouched;

/// What the one who asks may see.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    token: Option<Arc<Token>>,
}

impl Access {
    /// Whether this person's numbers are open to the one who asks.
    pub(crate) fn sees(&self, person: &Person) -> bool {
        self.token.as_ref().and_then(|token| token.person).is_none_or(|only| only == person.id)
    }

    fn may(&self, scope: Scope) -> Result<(), Error> {
        match &self.token {
            Some(token) if !token.scopes.has(scope) => Err(Error::Scope(scope.name())),
            // Reading may be open to whoever reaches the address; writing never is.
            None if scope == Scope::Ingest => Err(Error::TokenRequired),
            _ => Ok(()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Access {
    type Rejection = Error;

    /// What [`guard`] found; a handler that it does not stand before sees nothing.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        parts.extensions.get().cloned().ok_or(Error::TokenRequired)
    }
}

/// Stands before every handler.
pub(crate) async fn guard(
    With(state): With<State>,
    mut request: Request,
    next: Next,
) -> Result<Response, Error> {
    let path = request.uri().path();
    if !OPEN.contains(&path) {
        let scope = match path {
            remote_read::PATH => Scope::RemoteRead,
            push::PATH => Scope::Ingest,
            _ => Scope::Rest,
        };
        let header = request.headers().get(AUTHORIZATION).cloned();
        let vouched = request.extensions().get::<Vouched>().is_some();
        let access = access(&state, header, vouched).await?;
        access.may(scope)?;
        request.extensions_mut().insert(access);
    }
    Ok(next.run(request).await)
}

async fn access(state: &State, header: Option<HeaderValue>, vouched: bool) -> Result<Access, Error> {
    if let Some(header) = header {
        let text = header.to_str().ok().and_then(secret).ok_or(Error::TokenInvalid)?;
        let token = Arc::new(state.store.token(&text).await?.ok_or(Error::TokenInvalid)?);
        note_use(state, token.clone());
        return Ok(Access { token: Some(token) });
    }
    let open = match state.anonymous {
        _ if vouched => true,
        Anonymous::Allowed => true,
        Anonymous::WithoutTokens => !state.store.has_tokens().await?,
        Anonymous::Refused => false,
    };
    if open { Ok(Access { token: None }) } else { Err(Error::TokenRequired) }
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
fn note_use(state: &State, token: Arc<Token>) {
    let (store, now) = (state.store.clone(), (state.now)());
    tokio::spawn(async move {
        if let Err(error) = store.note_token_use(&token, now).await {
            tracing::warn!(error = store::causes(&error), token = token.id, "cannot note the use of a token");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_send_a_token_are_read() {
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
