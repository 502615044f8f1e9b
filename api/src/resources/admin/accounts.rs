//! Accounts, as operators make and remove them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State as With};
use axum::http::{Extensions, StatusCode};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use store::{AuditAction, NewUserAccount, Scopes};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::request::{expiry, name_of, parse, person, record, refuse, scopes};
use crate::access::Access;
use crate::administration;
use crate::error::{Error, Failures, Unknown, shown};
use crate::policy::Policy;
use crate::routes::Routes;
use crate::state::State;

pub(super) fn routes(read: Policy, write: Policy) -> Routes<State> {
    Routes::new()
        .add(read, routes!(list_accounts))
        .add(write, routes!(add_account))
        .add(write, routes!(remove_account))
        .add(write, routes!(set_password))
}

/// Accounts, by name.
#[derive(Serialize, ToSchema)]
struct Accounts {
    /// By name.
    accounts: Vec<Account>,
}

/// An account; its password is nowhere.
#[derive(Serialize, ToSchema)]
struct Account {
    /// What is typed at the log-in.
    #[schema(example = "ann")]
    name: String,
    /// The one person whose numbers it opens; absent: everyone's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ann")]
    person: Option<String>,
    /// What it opens.
    #[schema(example = "rest remote-read jobs")]
    scopes: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime, example = "2026-03-01T10:00:00Z")]
    created_at: Timestamp,
    /// The last log-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-03-29T10:00:00Z")]
    last_login_at: Option<Timestamp>,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2027-01-01T00:00:00Z")]
    expires_at: Option<Timestamp>,
    /// Whether the API's configuration file declares it: it is changed there only.
    #[schema(example = false)]
    declared: bool,
    /// Whether it logs in at an identity provider, and has no password.
    #[schema(example = false)]
    single_sign_on: bool,
}

/// A new account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    /// What is typed at the log-in.
    #[schema(example = "ann", min_length = 1, max_length = 64)]
    name: String,
    /// The one person whose numbers it opens.
    #[schema(example = "ann")]
    person: Option<String>,
    /// Opens everyone's numbers instead.
    #[serde(default)]
    #[schema(example = false)]
    everyone: bool,
    /// `reader`, `user` or `admin`. Without it and without scopes: `user`.
    #[schema(example = "user")]
    role: Option<String>,
    /// Scopes instead of a role.
    #[serde(default)]
    #[schema(example = json!([]))]
    scopes: Vec<String>,
    /// The last day on which it works, in UTC.
    #[schema(example = "2199-12-31")]
    expires: Option<String>,
    /// The password, at least 12 characters.
    #[schema(value_type = String, format = Password, example = "correct horse battery staple", min_length = 12, max_length = 256)]
    password: SecretString,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// The password, at least 12 characters.
    #[schema(value_type = String, format = Password, example = "correct horse battery staple", min_length = 12, max_length = 256)]
    password: SecretString,
}

/// Lists accounts.
#[utoipa::path(
    get, path = "/admin/accounts", operation_id = "list_accounts", tag = "administration",
    responses((status = 200, description = "The accounts.", body = Accounts), Failures),
)]
async fn list_accounts(With(state): With<State>, _: Access) -> Result<Json<Accounts>, Error> {
    let people = state.primary.people().await?;
    let accounts = state.primary.accounts().await?.into_iter().map(|account| Account {
        person: name_of(&people, account.person),
        name: account.name,
        scopes: account.scopes.to_string(),
        created_at: account.created_at,
        last_login_at: account.last_login_at,
        expires_at: account.expires_at,
        declared: account.declared,
        single_sign_on: account.single_sign_on,
    });
    Ok(Json(Accounts { accounts: accounts.collect() }))
}

/// Makes an account.
///
/// As `myhealth account add`; 409 where the name is taken.
#[utoipa::path(
    post, path = "/admin/accounts", operation_id = "create_account", tag = "administration",
    request_body(content = NewAccount, content_type = "application/json"),
    responses((status = 204, description = "Made: it can log in."), Failures),
)]
async fn add_account(
    With(state): With<State>,
    extensions: Extensions,
    access: Access,
    body: Bytes,
) -> Result<StatusCode, Error> {
    let new: NewAccount = parse(&body)?;
    let now = (state.now)();
    if !administration::is_account_name(&new.name) {
        return Err(refuse("name", "1 to 64 bytes, and no control characters"));
    }
    if new.person.is_some() == new.everyone {
        return Err(refuse("person", "give either a person or `\"everyone\": true`"));
    }
    let scopes = scopes(new.role.as_deref(), &new.scopes)?;
    let expires_at = expiry(new.expires.as_deref(), now)?;
    let person = person(&state, new.person.as_deref()).await?.map(|person| person.id);
    let account = NewUserAccount {
        id: administration::account_number().map_err(|_| Error::NoRandomNumbers)?,
        name: new.name,
        person,
        scopes: scopes.unwrap_or_else(|| Scopes::of_account(Vec::new())),
        expires_at,
        password: state.login.hash_password(new.password).await?,
    };
    if !state.primary.create_account(&account, now).await? {
        return Err(Error::Taken("an account"));
    }
    record(&state, &extensions, &access, AuditAction::AccountCreate, format!("account {}", account.name));
    Ok(StatusCode::NO_CONTENT)
}

/// Sets a new password.
///
/// As `myhealth account password`: every log-in with the old one ends.
#[utoipa::path(
    put, path = "/admin/accounts/{name}/password", operation_id = "set_password", tag = "administration",
    params(("name" = String, Path, description = "The account.", example = "nora")),
    request_body(content = NewPassword, content_type = "application/json"),
    responses((status = 204, description = "Set."), Failures, Unknown),
)]
async fn set_password(
    With(state): With<State>,
    extensions: Extensions,
    access: Access,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<StatusCode, Error> {
    let new: NewPassword = parse(&body)?;
    let hash = state.login.hash_password(new.password).await?;
    if !state.primary.set_password(&name, &hash, (state.now)()).await? {
        return Err(Error::UnknownAccount(shown(&name)));
    }
    record(&state, &extensions, &access, AuditAction::PasswordChange, format!("account {name}"));
    Ok(StatusCode::NO_CONTENT)
}

/// Removes an account; its log-ins end.
///
/// As `myhealth account remove`.
#[utoipa::path(
    delete, path = "/admin/accounts/{name}", operation_id = "delete_account", tag = "administration",
    params(("name" = String, Path, description = "The account.", example = "nora")),
    responses((status = 204, description = "Removed."), Failures, Unknown),
)]
async fn remove_account(
    With(state): With<State>,
    extensions: Extensions,
    access: Access,
    Path(name): Path<String>,
) -> Result<StatusCode, Error> {
    if !state.primary.remove_account(&name).await? {
        return Err(Error::UnknownAccount(shown(&name)));
    }
    record(&state, &extensions, &access, AuditAction::AccountRemove, format!("account {name}"));
    Ok(StatusCode::NO_CONTENT)
}
