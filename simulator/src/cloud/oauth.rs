//! Consent and tokens: the authorization-code flow as Oura runs it.
//!
//! What belongs here: authorize, which consents at once, token and revoke, at Oura's two front ends. An application is
//! registered at one of them, and the other refuses it. Codes live ten minutes and work once; refresh tokens rotate and
//! work once, and using one again is counted. PKCE is not asked for, and checked when a challenge was sent.

pub(super) mod tokens;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{self, post};
use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD};
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::problem::locked;
use super::state::Cloud;
use tokens::{Application, CODE_LIFE, Code, FrontEnd, Grant, SCOPES};

type Parameters = Vec<(String, String)>;

/// The addresses of one front end.
pub(super) fn routes(front_end: FrontEnd, prefix: &str) -> Router<Arc<Cloud>> {
    type Ask = fn(FrontEnd, &Cloud, &HeaderMap, &Parameters) -> Response;
    let posted = |ask: Ask| {
        post(
            async move |State(cloud): State<Arc<Cloud>>, headers: HeaderMap, Form(form): Form<Parameters>| {
                ask(front_end, &cloud, &headers, &form)
            },
        )
    };
    Router::new()
        .route(&format!("{prefix}authorize"), routing::get(authorize))
        .route(&format!("{prefix}token"), posted(token))
        .route(&format!("{prefix}revoke"), posted(revoke))
}

/// The consent page: the person is logged in and says yes, or no.
async fn authorize(State(cloud): State<Arc<Cloud>>, Query(query): Query<Parameters>) -> Response {
    let mut applications = cloud.applications.iter().map(|(_, application)| application);
    let application = applications.find(|app| Some(app.id.as_str()) == get(&query, "client_id"));
    let registered = application.filter(|app| Some(app.redirect_uri.as_str()) == get(&query, "redirect_uri"));
    let Some(application) = registered else {
        return refuse(StatusCode::BAD_REQUEST, "invalid_request", "Unknown client or redirect URI.");
    };
    if get(&query, "response_type") != Some("code") || cloud.people.is_empty() {
        return refuse(
            StatusCode::BAD_REQUEST,
            "unsupported_response_type",
            "Only the code flow is simulated.",
        );
    }
    let asked = get(&query, "scope").unwrap_or_default().split_whitespace();
    let scopes = asked
        .map(|scope| scope.strip_prefix("extapi:").unwrap_or(scope))
        .filter(|scope| SCOPES.contains(scope) && !application.unticked.iter().any(|it| it == scope))
        .map(ToOwned::to_owned)
        .collect();
    let outcome = if cloud.denies.load(Ordering::Relaxed) {
        "error=access_denied".to_owned()
    } else {
        let mut tokens = locked(&cloud.tokens);
        let code = tokens.issue("code");
        let expires = cloud.now().saturating_add(CODE_LIFE).unwrap_or(Timestamp::MAX);
        let grant = Grant { id: tokens.issued, person: 0, scopes };
        let challenge = get(&query, "code_challenge").map(ToOwned::to_owned);
        tokens.codes.insert(code.clone(), Code { grant, client: application.id.clone(), expires, challenge });
        format!("code={code}")
    };
    let state = get(&query, "state").map(|state| format!("&state={}", encode(state))).unwrap_or_default();
    let join = if application.redirect_uri.contains('?') { '&' } else { '?' };
    let location = format!("{}{join}{outcome}{state}", application.redirect_uri);
    (StatusCode::FOUND, [(header::LOCATION, location)]).into_response()
}

/// Codes and refresh tokens for pairs.
fn token(front_end: FrontEnd, cloud: &Cloud, headers: &HeaderMap, form: &Parameters) -> Response {
    let Some((home, application)) = client(cloud, headers, form) else {
        return refuse(StatusCode::UNAUTHORIZED, "invalid_client", "Unknown client or wrong secret.");
    };
    let now = cloud.now();
    let kind = get(form, "grant_type");
    if *home != front_end {
        return match kind {
            Some("refresh_token") => refuse(StatusCode::BAD_REQUEST, "invalid_request", "Not here."),
            _ => refuse(StatusCode::UNAUTHORIZED, "invalid_client", "Not here."),
        };
    }
    let mut tokens = locked(&cloud.tokens);
    let grant = match kind {
        Some("authorization_code") => get(form, "code")
            .and_then(|code| tokens.codes.remove(code))
            .filter(|code| code.client == application.id && now < code.expires)
            .filter(|_| get(form, "redirect_uri") == Some(&application.redirect_uri))
            .filter(|code| proves(get(form, "code_verifier"), code.challenge.as_deref()))
            .map(|code| code.grant),
        Some("refresh_token") => get(form, "refresh_token")
            .and_then(|token| tokens.spend(token))
            .filter(|(_, client)| *client == application.id)
            .map(|(grant, _)| grant),
        _ => return refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type", "Neither code nor refresh."),
    };
    match grant {
        Some(grant) => tokens.pair(grant, application, now),
        None => refuse(StatusCode::BAD_REQUEST, "invalid_grant", "Unknown, spent or expired."),
    }
}

/// Revokes a consent: 200 also for an unknown token (RFC 7009, 2.2).
fn revoke(front_end: FrontEnd, cloud: &Cloud, headers: &HeaderMap, form: &Parameters) -> Response {
    let application = client(cloud, headers, form).filter(|(home, _)| *home == front_end);
    let Some((_, application)) = application else {
        return refuse(StatusCode::UNAUTHORIZED, "invalid_client", "Unknown client or wrong secret.");
    };
    locked(&cloud.tokens).forget(get(form, "token").unwrap_or_default(), &application.id);
    StatusCode::OK.into_response()
}

/// Whether the verifier belongs to the challenge, if there was one (RFC 7636, 4.6; S256).
fn proves(verifier: Option<&str>, challenge: Option<&str>) -> bool {
    let Some(challenge) = challenge else { return true };
    verifier.is_some_and(|verifier| BASE64URL_NOPAD.encode(&Sha256::digest(verifier)) == challenge)
}

/// The application that asks, by the id and secret it gives.
fn client<'a>(
    cloud: &'a Cloud,
    headers: &HeaderMap,
    form: &Parameters,
) -> Option<&'a (FrontEnd, Application)> {
    let (id, secret) = credentials(headers, form);
    cloud.applications.iter().find(|(_, app)| app.id == id && app.secret == secret)
}

/// The client's id and secret, from the form or from HTTP Basic.
fn credentials(headers: &HeaderMap, form: &Parameters) -> (String, String) {
    let basic = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Basic "))
        .and_then(decode)
        .and_then(|pair| pair.split_once(':').map(|(id, secret)| (id.to_owned(), secret.to_owned())));
    let posted = || {
        let field = |name| get(form, name).unwrap_or_default().to_owned();
        (field("client_id"), field("client_secret"))
    };
    basic.unwrap_or_else(posted)
}

fn get<'a>(parameters: &'a Parameters, name: &str) -> Option<&'a str> {
    parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn refuse(status: StatusCode, error: &str, description: &str) -> Response {
    let body = json!({ "status": status.as_u16(), "error": error, "error_description": description });
    (status, axum::Json(body)).into_response()
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encoded =
        text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") });
    encoded.collect()
}

/// Base64 of RFC 4648, padding optional.
fn decode(text: &str) -> Option<String> {
    let bytes = BASE64.decode(text.as_bytes()).or_else(|_| BASE64_NOPAD.decode(text.as_bytes()));
    String::from_utf8(bytes.ok()?).ok()
}
