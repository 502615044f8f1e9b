//! Consent and tokens: the authorization-code flow as Oura runs it.
//!
//! What belongs here: `/oauth/authorize`, which consents at once, and `/oauth/token`. Codes live ten minutes and work
//! once; refresh tokens rotate and work once. PKCE is neither asked for nor checked.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

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

/// A consent: whose data, and which.
#[derive(Clone, Debug)]
struct Grant {
    person: usize,
    scopes: BTreeSet<String>,
}

/// Everything handed out. A value that was spent is gone, so using it again is using an unknown one.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    access: HashMap<String, (Grant, Timestamp)>,
    refresh: HashMap<String, (Grant, String)>,
    codes: HashMap<String, (Grant, String, Timestamp)>,
    issued: u64,
}

impl Tokens {
    /// A token that never expires.
    pub(super) fn add(&mut self, token: &str, person: usize, scopes: &[&str]) {
        let scopes = scopes.iter().map(ToString::to_string).collect();
        self.access.insert(token.to_owned(), (Grant { person, scopes }, Timestamp::MAX));
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
        self.codes.retain(|_, (grant, ..)| grant.person != person);
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

/// `GET /oauth/authorize`: the person is logged in and says yes.
pub(super) async fn authorize(State(cloud): State<Arc<Cloud>>, Query(query): Query<Parameters>) -> Response {
    let application = cloud.applications.iter().find(|app| Some(app.id.as_str()) == get(&query, "client_id"));
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
    let code = {
        let mut tokens = locked(&cloud.tokens);
        let code = tokens.issue("code");
        let expires = cloud.now().saturating_add(CODE_LIFE).unwrap_or(Timestamp::MAX);
        tokens.codes.insert(code.clone(), (Grant { person: 0, scopes }, application.id.clone(), expires));
        code
    };
    let state = get(&query, "state").map(|state| format!("&state={}", encode(state))).unwrap_or_default();
    let join = if application.redirect_uri.contains('?') { '&' } else { '?' };
    let location = format!("{}{join}code={code}{state}", application.redirect_uri);
    (StatusCode::FOUND, [(header::LOCATION, location)]).into_response()
}

/// `POST /oauth/token`.
pub(super) async fn token(
    State(cloud): State<Arc<Cloud>>,
    headers: HeaderMap,
    Form(form): Form<Parameters>,
) -> Response {
    let (id, secret) = credentials(&headers, &form);
    let Some(application) = cloud.applications.iter().find(|app| app.id == id && app.secret == secret) else {
        return refuse(StatusCode::UNAUTHORIZED, "invalid_client", "Unknown client or wrong secret.");
    };
    let now = cloud.now();
    let mut tokens = locked(&cloud.tokens);
    let grant = match get(&form, "grant_type") {
        Some("authorization_code") => get(&form, "code")
            .and_then(|code| tokens.codes.remove(code))
            .filter(|(_, client, expires)| *client == application.id && now < *expires)
            .filter(|_| get(&form, "redirect_uri") == Some(&application.redirect_uri))
            .map(|(grant, ..)| grant),
        Some("refresh_token") => get(&form, "refresh_token")
            .and_then(|token| tokens.refresh.remove(token))
            .filter(|(_, client)| *client == application.id)
            .map(|(grant, _)| grant),
        _ => return refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type", "Neither code nor refresh."),
    };
    match grant {
        Some(grant) => tokens.pair(grant, application, now),
        None => refuse(StatusCode::BAD_REQUEST, "invalid_grant", "Unknown, spent or expired."),
    }
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
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let six = ALPHABET.iter().position(|letter| *letter == byte)?;
        bits = bits << 6 | u32::try_from(six).ok()?;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Redacts the secret.
impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Application").field("id", &self.id).finish_non_exhaustive()
    }
}
