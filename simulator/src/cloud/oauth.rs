//! Consent and tokens: the authorization-code flow as Oura runs it.
//!
//! What belongs here: authorize, which consents at once, token and revoke, at Oura's two front ends. An application is
//! registered at one of them, and the other refuses it. Codes live ten minutes and work once; refresh tokens rotate and
//! work once, and using one again is counted. PKCE is not asked for, and checked when a challenge was sent.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{self, post};
use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Cloud, locked};

/// An application registered at the developer portal.
#[derive(Clone)]
pub struct Application {
    /// `client_id`.
    pub id: String,
    /// `client_secret`.
    pub secret: String,
    /// The one `redirect_uri` that is accepted, byte for byte.
    pub redirect_uri: String,
    /// Life of an access token, seconds; Oura says 24 h in one place and 30 days in another.
    pub expires_in: i64,
    /// Scopes the person unticks on the consent page, without prefix.
    pub unticked: Vec<String>,
}

/// Scopes Oura enforces; unknown ones are dropped without a word.
pub const SCOPES: &[&str] = &[
    "email",
    "personal",
    "daily",
    "heartrate",
    "workout",
    "tag",
    "session",
    "spo2",
    "stress",
    "heart_health",
    "ring_configuration",
];

/// How long a code can be exchanged.
const CODE_LIFE: SignedDuration = SignedDuration::from_mins(10);

/// Where an application is registered, and which addresses know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrontEnd {
    /// `/oauth/…`, the documented one.
    Legacy,
    /// `/oauth/v2/ext/oauth-…`, of the new developer portal.
    Portal,
}

/// A consent: whose data, and which.
#[derive(Clone, Debug)]
struct Grant {
    id: u64,
    person: usize,
    scopes: BTreeSet<String>,
}

/// A consent on its way to the application.
#[derive(Debug)]
struct Code {
    grant: Grant,
    client: String,
    expires: Timestamp,
    challenge: Option<String>,
}

/// Everything handed out. A value that was spent is gone, so using it again is using an unknown one; only refresh tokens
/// are remembered, to count who uses one again.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    access: HashMap<String, (Grant, Timestamp)>,
    refresh: HashMap<String, (Grant, String)>,
    codes: HashMap<String, Code>,
    spent: HashSet<String>,
    reuses: u64,
    issued: u64,
}

impl Tokens {
    /// A token that never expires.
    pub(super) fn add(&mut self, token: &str, person: usize, scopes: &[&str]) {
        let scopes = scopes.iter().map(ToString::to_string).collect();
        self.issued += 1;
        self.access.insert(token.to_owned(), (Grant { id: self.issued, person, scopes }, Timestamp::MAX));
    }

    /// Whose a token is and what it may read.
    pub(super) fn access(&self, token: &str, now: Timestamp) -> Option<(usize, BTreeSet<String>)> {
        let (grant, expires) = self.access.get(token)?;
        (now < *expires).then(|| (grant.person, grant.scopes.clone()))
    }

    /// Whose a token is, expired or not.
    pub(super) fn owner(&self, token: &str) -> Option<usize> {
        self.access.get(token).map(|(grant, _)| grant.person)
    }

    /// Forgets everything of the person a token belongs to.
    pub(super) fn revoke(&mut self, token: &str) {
        let Some(person) = self.owner(token) else { return };
        self.access.retain(|_, (grant, _)| grant.person != person);
        self.refresh.retain(|_, (grant, _)| grant.person != person);
        self.codes.retain(|_, code| code.grant.person != person);
    }

    /// How often a spent refresh token came again.
    pub(super) fn reuses(&self) -> u64 {
        self.reuses
    }

    /// How many refresh tokens are good.
    pub(super) fn log_ins(&self) -> usize {
        self.refresh.len()
    }

    /// Forgets the consent that a token of this client belongs to.
    fn forget(&mut self, token: &str, client: &str) {
        let of_access = self.access.get(token).map(|(grant, _)| grant.id);
        let of_refresh =
            self.refresh.get(token).filter(|(_, owner)| owner == client).map(|(grant, _)| grant.id);
        let Some(id) = of_refresh.or(of_access) else { return };
        self.access.retain(|_, (grant, _)| grant.id != id);
        self.refresh.retain(|_, (grant, _)| grant.id != id);
    }

    /// Takes a refresh token out of circulation.
    fn spend(&mut self, token: &str) -> Option<(Grant, String)> {
        self.reuses += u64::from(self.spent.contains(token));
        let found = self.refresh.remove(token)?;
        self.spent.insert(token.to_owned());
        Some(found)
    }

    /// A name never used before. Not a secret: nothing here is worth guessing.
    fn issue(&mut self, kind: &str) -> String {
        self.issued += 1;
        format!("simulated-{kind}-{:06}", self.issued)
    }

    /// A fresh pair for a grant, as the token endpoint answers it.
    fn pair(&mut self, grant: Grant, application: &Application, now: Timestamp) -> Response {
        let (access, refresh) = (self.issue("access"), self.issue("refresh"));
        let granted: Vec<_> = grant.scopes.iter().map(|scope| format!("extapi:{scope}")).collect();
        let life = SignedDuration::from_secs(application.expires_in);
        let expires = now.saturating_add(life).unwrap_or(Timestamp::MAX);
        let answer = json!({
            "token_type": "bearer",
            "access_token": access,
            "expires_in": application.expires_in,
            "refresh_token": refresh,
            "scope": granted.join(" "),
        });
        self.access.insert(access, (grant.clone(), expires));
        self.refresh.insert(refresh, (grant, application.id.clone()));
        axum::Json(answer).into_response()
    }
}

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

/// Redacts the secret.
impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Application").field("id", &self.id).finish_non_exhaustive()
    }
}
