//! From the headers of a request to the [`Access`] of its principal.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State as With};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use jiff::Timestamp;
use moka::future::Cache;
use secrecy::{ExposeSecret, SecretString};
use store::{AuditAction, AuditOutcome, Token};

use super::credential::Credential;
use super::{Access, Granted, ListenerAuthenticated, Principal};
use crate::audit::Origin;
use crate::error::Error;
use crate::guards::Client;
use crate::login;
use crate::login::password::{MAX_NAME, MAX_PASSWORD};
use crate::policy::{Policy, RequiredAccess};
use crate::state::{Anonymous, State};

/// How long a verified credential is used without reading the database again.
const VERIFIED_TTL: Duration = Duration::from_secs(1);

/// Most verified credentials kept.
const MAX_VERIFIED: u64 = 10_000;

/// Longest query string read: many times the longest useful one.
const MAX_QUERY: usize = 2048;

/// Authenticates requests; clones share the credentials verified a moment ago.
#[derive(Clone)]
pub(crate) struct Authenticator {
    state: Arc<State>,
    verified: Cache<CredentialKey, Access>,
}

/// A credential and where it was sent, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct CredentialKey {
    credential: Option<[u8; 32]>,
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
        credential: Credential,
        vouched: bool,
        origin: &Origin,
    ) -> Result<Access, Error> {
        let state = &*self.state;
        let now = (state.now)();
        let changes = state.primary.change_count();
        let key = CredentialKey { credential: credential.digest(), vouched, changes };
        if let Some(verified) = self.verified.get(&key).await.filter(|access| access.in_force(now)) {
            return Ok(verified);
        }
        let permit = state.guards.load_shedder.take_permit(client).await?;
        let found = self.principal(credential, vouched, now).await?;
        // A password waits for its own turn.
        drop(permit);
        let principal = match found {
            Found::Principal(principal) => principal,
            Found::Password { name, password } => {
                let account = login::check_password_again(state, (client, origin), &name, password).await?;
                let until = account.expires_at.unwrap_or(Timestamp::MAX);
                Principal::Account(Arc::new(account), until)
            }
        };
        let access = Access::new(principal);
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

    async fn principal(&self, credential: Credential, vouched: bool, now: Timestamp) -> Result<Found, Error> {
        match credential {
            Credential::Unreadable => Err(Error::TokenInvalid),
            Credential::Bearer(text) => {
                let principal = self.secret(&text, now).await?.ok_or(Error::TokenInvalid)?;
                Ok(Found::Principal(principal))
            }
            Credential::Basic { name, password } => {
                if let Some(principal) = self.secret(password.expose_secret(), now).await? {
                    return Ok(Found::Principal(principal));
                }
                // A token of ours that is not in force is no password that was mistyped.
                if store::is_token_text(password.expose_secret()) || !fits(&name, &password) {
                    return Err(Error::TokenInvalid);
                }
                if !self.state.primary.has_accounts().await? {
                    return Err(Error::TokenInvalid);
                }
                Ok(Found::Password { name, password })
            }
            Credential::Cookie(text) => match self.log_in(&text, now).await? {
                Some(principal) => Ok(Found::Principal(principal)),
                // A browser cannot leave out a cookie that has ended: where nothing is needed, nothing is asked for.
                None => self.without_credential(vouched).await.map_err(|error| match error {
                    Error::TokenRequired => Error::SessionEnded,
                    other => other,
                }),
            },
            Credential::None => self.without_credential(vouched).await,
        }
    }

    /// The principal of a token or a signed log-in. A log-in has dots, a token never.
    async fn secret(&self, text: &str, now: Timestamp) -> Result<Option<Principal>, Error> {
        if text.contains('.') {
            return self.log_in(text, now).await;
        }
        let token = self.state.primary.token(text, now).await?;
        Ok(token.map(Arc::new).map(Principal::Token))
    }

    async fn log_in(&self, text: &str, now: Timestamp) -> Result<Option<Principal>, Error> {
        let found = self.state.login.account(&self.state.primary, text, now).await?;
        Ok(found.map(|(account, until)| Principal::Account(Arc::new(account), until)))
    }

    async fn without_credential(&self, vouched: bool) -> Result<Found, Error> {
        let state = &*self.state;
        let open = match state.anonymous {
            _ if vouched => true,
            Anonymous::Allowed => true,
            Anonymous::WithoutTokens => {
                state.login.sign_on().is_none()
                    && !state.primary.has_tokens().await?
                    && !state.primary.has_accounts().await?
            }
            Anonymous::Refused => false,
        };
        if open { Ok(Found::Principal(Principal::Anybody)) } else { Err(Error::TokenRequired) }
    }
}

/// What a credential is, before a password is checked.
enum Found {
    Principal(Principal),
    Password { name: String, password: SecretString },
}

/// Whether an account can have this name and password.
fn fits(name: &str, password: &SecretString) -> bool {
    let name = !name.is_empty() && name.len() <= MAX_NAME && !name.contains('\0');
    name && password.expose_secret().len() <= MAX_PASSWORD
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
    let credential = Credential::of(request.method(), request.headers())?;
    let vouched = request.extensions().get::<ListenerAuthenticated>().is_some();
    let origin = Origin::of(request.extensions());
    let access = authenticator.access(client, credential, vouched, &origin).await?;
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
