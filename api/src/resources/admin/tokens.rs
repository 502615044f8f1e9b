//! Tokens, as operators make and revoke them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State as With};
use axum::http::{Extensions, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{AuditAction, NewToken, Scopes};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::request::{expiry, name_of, parse, person, record, refuse, scopes};
use crate::access::Access;
use crate::administration::{self, TokenError};
use crate::error::{Error, Failures, Unknown};
use crate::policy::Policy;
use crate::routes::Routes;
use crate::state::State;

pub(super) fn routes(read: Policy, write: Policy) -> Routes<State> {
    Routes::new()
        .add(read, routes!(list_tokens))
        .add(write, routes!(create_token))
        .add(write, routes!(revoke_token))
}

/// Tokens, in order of making.
#[derive(Serialize, ToSchema)]
struct Tokens {
    /// In order of making.
    tokens: Vec<Token>,
}

/// A token; its text is nowhere.
#[derive(Serialize, ToSchema)]
struct Token {
    /// Its number, by which it is revoked.
    #[schema(example = 3)]
    number: i64,
    /// What uses it.
    #[schema(example = "grafana")]
    name: String,
    /// The one person whose numbers it opens; absent: everyone's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ann")]
    person: Option<String>,
    /// What it opens.
    #[schema(example = "rest remote-read")]
    scopes: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime, example = "2026-03-01T10:00:00Z")]
    created_at: Timestamp,
    /// When it was last used, to the hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-03-29T10:00:00Z")]
    last_used_at: Option<Timestamp>,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2027-01-01T00:00:00Z")]
    expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-03-29T10:00:00Z")]
    revoked_at: Option<Timestamp>,
    /// Whether the API's configuration file declares it: it is changed there only.
    #[schema(example = false)]
    declared: bool,
}

/// A token to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    /// What uses it.
    #[schema(example = "grafana", min_length = 1, max_length = 64)]
    name: String,
    /// The one person whose numbers it opens. Without it: everyone's.
    #[schema(example = "ann")]
    person: Option<String>,
    /// `reader`, `user` or `admin`. Without it and without scopes: all that only reads.
    role: Option<String>,
    /// Scopes instead of a role.
    #[serde(default)]
    #[schema(example = json!(["read:sleep"]))]
    scopes: Vec<String>,
    /// The last day on which it works, in UTC.
    #[schema(example = "2199-12-31")]
    expires: Option<String>,
}

/// A new token.
#[derive(Serialize, ToSchema)]
struct CreatedToken {
    /// Its number, by which it is revoked.
    #[schema(example = 3)]
    number: i64,
    /// The token: shown this once, and kept nowhere.
    #[schema(example = "mh_3_0123…")]
    token: String,
}

/// Lists tokens.
#[utoipa::path(
    get, path = "/admin/tokens", operation_id = "list_tokens", tag = "administration",
    responses((status = 200, description = "The tokens.", body = Tokens), Failures),
)]
async fn list_tokens(With(state): With<State>, _: Access) -> Result<Json<Tokens>, Error> {
    let people = state.primary.people().await?;
    let tokens = state.primary.tokens().await?.into_iter().map(|token| Token {
        number: token.id,
        person: name_of(&people, token.person),
        name: token.name,
        scopes: token.scopes.to_string(),
        created_at: token.created_at,
        last_used_at: token.last_used_at,
        expires_at: token.expires_at,
        revoked_at: token.revoked_at,
        declared: token.declared,
    });
    Ok(Json(Tokens { tokens: tokens.collect() }))
}

/// Makes a token.
///
/// As `myhealth token create`: the response is the only time it is shown.
#[utoipa::path(
    post, path = "/admin/tokens", operation_id = "create_token", tag = "administration",
    request_body(content = TokenRequest, content_type = "application/json"),
    responses((status = 201, description = "The token.", body = CreatedToken), Failures),
)]
async fn create_token(
    With(state): With<State>,
    extensions: Extensions,
    access: Access,
    body: Bytes,
) -> Result<(StatusCode, Json<CreatedToken>), Error> {
    let request: TokenRequest = parse(&body)?;
    let now = (state.now)();
    if !administration::is_token_name(&request.name) {
        return Err(refuse("name", "1 to 64 bytes, and no control characters"));
    }
    let scopes = scopes(request.role.as_deref(), &request.scopes)?;
    let expires_at = expiry(request.expires.as_deref(), now)?;
    let person = person(&state, request.person.as_deref()).await?.map(|person| person.id);
    let scopes = scopes.unwrap_or_else(|| Scopes::new(Vec::new()));
    let new = NewToken { name: request.name, person, scopes, expires_at };
    let created = administration::create_token(&state.primary, &new, now).await;
    let (number, token) = created.map_err(|error| match error {
        TokenError::Random(_) => Error::NoRandomNumbers,
        TokenError::Store(error) => error.into(),
    })?;
    let subject = format!("token {number} ({})", new.name);
    record(&state, &extensions, &access, AuditAction::TokenCreate, subject);
    Ok((StatusCode::CREATED, Json(CreatedToken { number, token })))
}

/// Revokes a token.
///
/// As `myhealth token revoke`: every process refuses it after one second at most.
#[utoipa::path(
    delete, path = "/admin/tokens/{number}", operation_id = "delete_token", tag = "administration",
    params(("number" = String, Path, description = "Its number.", example = "999")),
    responses((status = 204, description = "Revoked."), Failures, Unknown),
)]
async fn revoke_token(
    With(state): With<State>,
    extensions: Extensions,
    access: Access,
    Path(number): Path<String>,
) -> Result<StatusCode, Error> {
    let number: i64 = number.parse().map_err(|_| refuse("number", "a token's number is a whole number"))?;
    if !state.primary.revoke_token(number, (state.now)()).await? {
        return Err(Error::UnknownToken(number));
    }
    record(&state, &extensions, &access, AuditAction::TokenRevoke, format!("token {number}"));
    Ok(StatusCode::NO_CONTENT)
}
