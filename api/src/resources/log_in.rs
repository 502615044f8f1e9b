//! Logging in and out: programs get a token, browsers a cookie.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as With;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::AppendHeaders;
use axum::routing::{MethodRouter, post};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use store::{AuditAction, AuditOutcome, UserAccount};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::access::Access;
use crate::audit::Origin;
use crate::error::{Error, Failures};
use crate::login::password::{MAX_NAME, MAX_PASSWORD};
use crate::login::{check_password, cookie};
use crate::policy::{Policy, RateLimit, RequiredAccess};
use crate::routes::Routes;
use crate::state::State;

pub(super) fn routes() -> Routes<State> {
    let public = Policy { access: RequiredAccess::Public, ..Policy::READ };
    let policy = Policy { rate_limit: RateLimit::LogIns, ..public };
    // An account may log out, whatever it opens.
    let unscoped = Policy { access: RequiredAccess::Unscoped, ..Policy::READ };
    Routes::new()
        .add(policy, routes!(log_in))
        .add(unscoped, routes!(log_out))
        .add(policy, routes!(start_session))
        .add(unscoped, routes!(show_session))
        .add(unscoped, routes!(end_session))
        .add(public, routes!(list_methods))
}

/// The log-in as the handler of another path.
pub(crate) fn alias() -> MethodRouter<State> {
    post(log_in)
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

/// Who sends this request.
#[derive(Serialize, ToSchema)]
struct Myself {
    /// The account that logged in; absent for tokens and where no credential is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ann")]
    account: Option<String>,
    /// The one person whose numbers are open; absent: everyone's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ann")]
    person: Option<String>,
    /// What is open, as `myhealth token create --scope` writes it; absent where no credential is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "rest remote-read jobs")]
    scopes: Option<String>,
    /// When the log-in ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-03-30T10:00:00Z")]
    expires_at: Option<Timestamp>,
    /// Whether the browser's cookie says so, and `DELETE` of this path logs out.
    #[schema(example = true)]
    cookie: bool,
}

/// The ways to log in that are open.
#[derive(Serialize, ToSchema)]
struct Methods {
    /// Whether an account's name and password are accepted.
    #[schema(example = true)]
    password: bool,
    /// What people call the identity provider at which they can log in by `GET /api/v1/auth/sso`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Authelia")]
    single_sign_on: Option<String>,
}

/// Logs a person in for 24 hours.
///
/// A new password, `POST /api/v1/auth/logout` and the removal of the account end it earlier; a restart does not. Wrong
/// names and wrong passwords get the same response, and few attempts a minute are allowed.
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
    let keys = state.login.keys()?;
    let account = account(&state, &extensions, &body).await?;
    let now = (state.now)();
    let (access_token, expires_at) = keys.sign(&account, now);
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
    end_every_session(&state, &extensions, &access).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Logs a person in for 24 hours, in this browser.
///
/// The log-in is a cookie that scripts cannot read. It is accepted from pages of this origin only: a request that changes
/// something must name its origin, as browsers do.
#[utoipa::path(
    post, path = "/auth/session", operation_id = "create_session", tag = "log-in",
    request_body(content = Credentials, content_type = "application/json"),
    responses(
        (status = 204, description = "Logged in.", headers(("set-cookie" = String, description = "The log-in."))),
        Failures,
    ),
)]
async fn start_session(
    With(state): With<State>,
    extensions: Extensions,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1]), Error> {
    let keys = state.login.keys()?;
    let account = account(&state, &extensions, &body).await?;
    let now = (state.now)();
    let (token, expires_at) = keys.sign(&account, now);
    let seconds = expires_at.duration_since(now).as_secs();
    let kept = cookie::keep_session(&token, cookie::is_from_secure_page(&headers), seconds);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, kept)]))
}

/// Who sends this request.
///
/// 401 where a log-in is needed.
#[utoipa::path(
    get, path = "/auth/session", operation_id = "get_session", tag = "log-in",
    responses((status = 200, description = "The account, token or nothing.", body = Myself), Failures),
)]
async fn show_session(
    With(state): With<State>,
    headers: HeaderMap,
    access: Access,
) -> Result<Json<Myself>, Error> {
    let person = match access.person() {
        Some(id) => state.primary.person_of(id).await?.map(|person| person.name.to_string()),
        None => None,
    };
    let account = access.account().map(|account| account.name.clone());
    let cookie = account.is_some() && !headers.contains_key(header::AUTHORIZATION);
    let scopes = access.scopes().map(ToString::to_string);
    Ok(Json(Myself { account, person, scopes, expires_at: access.expires_at(), cookie }))
}

/// Logs out: ends every log-in of the account, on every device.
#[utoipa::path(
    delete, path = "/auth/session", operation_id = "delete_session", tag = "log-in",
    responses((status = 204, description = "All are over, and the browser forgets its own."), Failures),
)]
async fn end_session(
    With(state): With<State>,
    extensions: Extensions,
    access: Access,
) -> Result<(StatusCode, AppendHeaders<[(HeaderName, HeaderValue); 3]>), Error> {
    end_every_session(&state, &extensions, &access).await?;
    let [one, other] = cookie::forget_session().map(|cookie| (header::SET_COOKIE, cookie));
    // Numbers that the browser keeps to ask whether they have changed.
    let kept = (HeaderName::from_static("clear-site-data"), HeaderValue::from_static("\"cache\""));
    Ok((StatusCode::NO_CONTENT, AppendHeaders([one, other, kept])))
}

/// How people can log in here.
#[utoipa::path(
    get, path = "/auth/methods", operation_id = "list_log_in_methods", tag = "log-in",
    responses((status = 200, description = "What is open.", body = Methods), Failures),
)]
async fn list_methods(With(state): With<State>) -> Result<Json<Methods>, Error> {
    let open = state.login.keys().is_ok();
    let password = open && state.primary.has_accounts().await?;
    let single_sign_on = state.login.sign_on().filter(|_| open).map(|sign_on| sign_on.name.clone());
    Ok(Json(Methods { password, single_sign_on }))
}

/// The account of a body with name and password.
async fn account(state: &State, extensions: &Extensions, body: &[u8]) -> Result<UserAccount, Error> {
    let Credentials { name, password } = read(body)?;
    // Asked whatever the name is, so that no name takes longer than another.
    if !state.primary.has_accounts().await? {
        return Err(Error::LogInClosed("there is no account yet; `myhealth account add` makes the first"));
    }
    check_password(state, &Origin::of(extensions), &name, password).await
}

async fn end_every_session(state: &State, extensions: &Extensions, access: &Access) -> Result<(), Error> {
    let account = access.account().ok_or(Error::NoLogIn)?;
    state.primary.revoke_sessions(account.id).await?;
    let what = (AuditAction::LogOut, AuditOutcome::Accepted);
    let entry = Origin::of(extensions).entry((state.now)(), what, Some(access.principal_name()), None);
    state.audit.record(entry);
    Ok(())
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
