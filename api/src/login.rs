//! People log in with a name and a password and get a signed token ([`session`]) that is good for a day. Accounts are made by
//! the operator (`myhealth account add`, or declared); without one, or without a key to sign with, log-ins are closed.

pub mod keys;
pub mod password;
pub mod session;
mod signatures;

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as With;
use axum::http::{Extensions, StatusCode};
use axum::routing::{MethodRouter, post};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use store::{AuditAction, AuditOutcome, Store, UserAccount};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::access::Access;
use crate::audit::Origin;
use crate::error::{Error, Failures};
use crate::guards::metrics::Outcome;
use crate::policy::{Policy, RateLimit, RequiredAccess};
use crate::routes::Routes;
use crate::state::State;
use keys::PublicKey;
use password::{Checker, MAX_PASSWORD};
use session::SessionKeys;

/// Longest name of an account, in bytes.
pub const MAX_NAME: usize = 64;

pub(crate) fn routes() -> Routes<State> {
    let policy = Policy { access: RequiredAccess::Public, rate_limit: RateLimit::LogIns, ..Policy::READ };
    // An account may log out, whatever it opens.
    let unscoped = Policy { access: RequiredAccess::Unscoped, ..Policy::READ };
    Routes::new().add(policy, routes!(log_in)).add(unscoped, routes!(log_out))
}

/// The log-in as the handler of another path.
pub(crate) fn alias() -> MethodRouter<State> {
    post(log_in)
}

/// What log-ins need. Clones share the turns of the password checks.
#[derive(Clone, Debug)]
pub struct LogIn {
    keys: Option<Arc<SessionKeys>>,
    checker: Arc<Checker>,
}

impl LogIn {
    /// Log-ins signed with these keys; without any, log-ins are closed.
    pub fn new(keys: Option<SessionKeys>) -> Self {
        Self { keys: keys.map(Arc::new), checker: Arc::default() }
    }

    /// The public keys of log-ins, the one that signs first; none where log-ins are closed or signed with a shared key.
    pub(crate) fn public_keys(&self) -> Vec<PublicKey> {
        self.keys.as_ref().map_or_else(Vec::new, |keys| keys.public())
    }

    /// The public address of this API, if the issuer of log-ins is one.
    pub(crate) fn issuer_address(&self) -> Option<&str> {
        self.keys.as_ref()?.address()
    }

    /// The account that a log-in names, and until when, if it is in force.
    pub(crate) async fn account(
        &self,
        store: &Store,
        token: &str,
        now: Timestamp,
    ) -> Result<(UserAccount, Timestamp), Error> {
        let keys = self.keys.as_ref().ok_or(Error::TokenInvalid)?;
        let session = keys.read(token, now).ok_or(Error::TokenInvalid)?;
        let account = store.account(session.account).await?;
        let account =
            account.filter(|account| account.generation == session.generation && account.in_force(now));
        let account = account.ok_or(Error::TokenInvalid)?;
        let until = account.expires_at.map_or(session.expires_at, |end| end.min(session.expires_at));
        Ok((account, until))
    }
}

/// Name and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    /// The account's name.
    #[schema(example = "ann", min_length = 1, max_length = 64)]
    name: String,
    /// The password.
    #[schema(value_type = String, format = Password, example = "correct horse battery staple", min_length = 1, max_length = 256)]
    password: SecretString,
}

/// A log-in.
#[derive(Serialize, ToSchema)]
struct Session {
    /// Send it as `Authorization: Bearer …`.
    #[schema(example = "eyJ0eXAiOiJKV1Qi…")]
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until it ends.
    #[schema(example = 86_400)]
    expires_in: i64,
    /// When it ends.
    #[schema(value_type = String, format = DateTime, example = "2026-03-30T10:00:00Z")]
    expires_at: Timestamp,
}

/// Logs a person in for 24 hours.
///
/// A new password, `POST /api/v1/auth/logout` and the removal of the account end it earlier; a restart does not. Wrong
/// names and wrong passwords are told alike, and few attempts a minute are allowed.
#[utoipa::path(
    post, path = "/auth/login", operation_id = "log_in", tag = "log-in",
    request_body(content = Credentials, content_type = "application/json"),
    responses((status = 200, description = "The log-in.", body = Session), Failures),
)]
async fn log_in(
    With(state): With<State>,
    extensions: Extensions,
    body: Bytes,
) -> Result<Json<Session>, Error> {
    let metrics = &state.guards.metrics;
    let origin = Origin::of(&extensions);
    let credentials = read(&body)?;
    let closed = |reason| Error::LogInClosed(reason);
    let keys = state.login.keys.as_ref().ok_or_else(|| {
        closed("no key to sign log-ins with is known; `myhealth account add` makes one, or --api.signing-key-file names it")
    })?;
    // Asked whatever the name is, so that no name takes longer than another.
    if !state.primary.has_accounts().await? {
        return Err(closed("there is no account yet; `myhealth account add` makes the first"));
    }
    let found = state.primary.account_with_password_hash(&credentials.name).await?;
    let (account, hash) = found.unzip();
    let right = state.login.checker.check(credentials.password, hash).await;
    let now = (state.now)();
    let account = match (right, account) {
        (Ok(true), Some(account)) if account.in_force(now) => account,
        (Ok(_), account) => {
            metrics.log_in(Outcome::Refused);
            // An unknown name is not repeated: it may be a password typed in the wrong field.
            let subject =
                account.map_or("an unknown account".to_owned(), |it| format!("account {}", it.name));
            let what = (AuditAction::LogIn, AuditOutcome::Refused);
            state.audit.record(origin.entry(now, what, None, Some(subject)));
            return Err(Error::LogInRefused);
        }
        (Err(busy), _) => {
            metrics.log_in(Outcome::Busy);
            return Err(busy);
        }
    };
    metrics.log_in(Outcome::Accepted);
    let what = (AuditAction::LogIn, AuditOutcome::Accepted);
    state.audit.record(origin.entry(now, what, Some(format!("account {}", account.name)), None));
    let (access_token, expires_at) = keys.sign(&account, now);
    note(&state, account.id, now);
    let expires_in = expires_at.duration_since(now).as_secs();
    Ok(Json(Session { access_token, token_type: "Bearer", expires_in, expires_at }))
}

/// Ends every log-in of the account, on every device.
#[utoipa::path(
    post, path = "/auth/logout", operation_id = "log_out", tag = "log-in",
    responses(
        (status = 204, description = "All are over."),
        Failures,
    ),
)]
async fn log_out(
    With(state): With<State>,
    extensions: Extensions,
    access: Access,
) -> Result<StatusCode, Error> {
    let account = access.account().ok_or(Error::NoLogIn)?;
    state.primary.revoke_sessions(account.id).await?;
    let what = (AuditAction::LogOut, AuditOutcome::Accepted);
    let entry = Origin::of(&extensions).entry((state.now)(), what, Some(access.principal_name()), None);
    state.audit.record(entry);
    Ok(StatusCode::NO_CONTENT)
}

fn read(body: &[u8]) -> Result<Credentials, Error> {
    let refuse = |reason: &str| Error::Parameter { parameter: "body", reason: reason.to_owned() };
    // serde's own words can quote a value.
    let credentials: Credentials = serde_json::from_slice(body)
        .map_err(|_| refuse("expected {\"name\": \"…\", \"password\": \"…\"} in JSON"))?;
    // In characters, as the description counts: what is longer in bytes than an account can have is wrong, not malformed.
    let fits = |text: &str, most| (1..=most).contains(&text.chars().count());
    if !fits(&credentials.name, MAX_NAME) || credentials.name.contains('\0') {
        return Err(refuse("a name has 1 to 64 characters, and none is NUL"));
    }
    if !fits(secrecy::ExposeSecret::expose_secret(&credentials.password), MAX_PASSWORD) {
        return Err(refuse("a password has 1 to 256 characters"));
    }
    Ok(credentials)
}

/// Next to the response, as the use of a token is noted.
fn note(state: &State, account: i64, now: Timestamp) {
    let store = state.primary.clone();
    tokio::spawn(async move {
        if let Err(error) = store.record_login(account, now).await {
            tracing::warn!(error = store::causes(&error), "cannot note a log-in");
        }
    });
}
