//! The application registered at Oura, and the three questions it asks Oura's identity servers.
//!
//! A code and a refresh token work once. A question that was sent and not answered may have spent them, so nothing
//! here is ever sent twice to the same address.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::{StatusCode, Url, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::consent::Consent;
use super::pair::{ClientCredentials, TokenPair};
use super::scopes;
use crate::http::{InvalidClient, address, is_foreign};

/// How long an answer may take, connecting included. Giving up loses the token, so this is generous.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// The largest answer read; a pair of tokens is a few kilobytes.
const MAX_RESPONSE: usize = 256 * 1024;

/// Life of an access token whose answer states none: the shorter of the two lives that Oura documents.
const DEFAULT_TOKEN_LIFETIME: i64 = 86_400;

/// A longer life than this is a fault.
const MAX_TOKEN_LIFETIME: i64 = 366 * 86_400;

/// A shorter lifetime is raised to this; otherwise the log-in would be renewed with every request.
const SHORTEST_LIFE: i64 = 60;

/// What the portal says about the application, and where Oura's identity servers are.
#[derive(Clone, Debug)]
pub struct ApplicationSettings {
    /// `client_id`.
    pub client_id: String,
    /// `client_secret`.
    pub client_secret: SecretString,
    /// Byte for byte as registered.
    pub redirect_uri: String,
    /// Scopes to ask for, with spaces between.
    pub scopes: String,
    /// Where a person consents.
    pub authorize_url: String,
    /// Where codes and refresh tokens are exchanged, the likeliest first.
    pub token_urls: Vec<String>,
    /// Where tokens are revoked, in the same order.
    pub revoke_urls: Vec<String>,
}

/// One of Oura's identity servers. An application works with the one it was registered at.
#[derive(Clone, Debug)]
struct FrontEnd {
    token_url: Url,
    revoke_url: Option<Url>,
}

/// An application of Oura's API. Clones share connections.
#[derive(Clone, Debug)]
pub struct Application {
    http: reqwest::Client,
    client_id: String,
    client_secret: SecretString,
    redirect_uri: String,
    scopes: String,
    authorize_url: Url,
    front_ends: Vec<FrontEnd>,
}

/// Why Oura gave no tokens. Never carries one.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No connection: nothing was sent.
    #[error("Oura's log-in server cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// 429: it asked for patience.
    #[error("Oura's log-in server asks for patience")]
    Limited,
    /// It refused.
    #[error("Oura's log-in server refuses: {reason} (status {status})")]
    Refused {
        /// The answer's status.
        status: StatusCode,
        /// The answer's word for it.
        reason: Reason,
    },
    /// The question was sent and the answer did not come, or says nothing: what was sent may be spent.
    #[error("Oura's log-in server gave no usable answer ({0}); what was sent to it may be spent")]
    Unanswered(String),
}

/// Oura's word for a refusal; a closed set, because text from a server must not appear in logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The code or refresh token is spent, expired or revoked.
    Grant,
    /// The client's id or secret is wrong here.
    Client,
    /// The request is not understood here; an application of another front end looks so.
    Request,
    /// Anything else, or nothing.
    Unknown,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Grant => "invalid_grant, it is spent, expired or revoked",
            Self::Client => "invalid_client, check the client id and secret",
            Self::Request => "invalid_request, check at which portal the application is registered",
            Self::Unknown => "no reason given",
        })
    }
}

impl TokenError {
    /// Whether it is known that this refresh token will never work again.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Refused { reason: Reason::Grant, .. } => true,
            // Without a word, 400 is about what was sent and 401 about who sent it (RFC 6749, 5.2).
            Self::Refused { reason: Reason::Unknown, status } => *status == StatusCode::BAD_REQUEST,
            _ => false,
        }
    }

    /// Whether another front end may know the application.
    fn may_be_elsewhere(&self) -> bool {
        matches!(self, Self::Refused { status, .. }
            if matches!(*status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED))
    }
}

/// RFC 6749, 5.1.
#[derive(Deserialize)]
struct TokenResponse {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    expires_in: Option<Value>,
    scope: Option<String>,
}

impl Application {
    /// An application by these settings. A TLS provider must be installed in the process.
    pub fn new(settings: ApplicationSettings) -> Result<Self, InvalidClient> {
        let mut revoke_urls = settings.revoke_urls.iter();
        let front_ends: Vec<_> = settings
            .token_urls
            .iter()
            .map(|token_url| {
                let revoke_url = revoke_urls.next().map(|url| address(url)).transpose()?;
                Ok(FrontEnd { token_url: address(token_url)?, revoke_url })
            })
            .collect::<Result<_, InvalidClient>>()?;
        if front_ends.is_empty() {
            return Err(InvalidClient::Malformed(String::new()));
        }
        let http = reqwest::Client::builder()
            .user_agent(concat!("myhealth/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .timeout(REQUEST_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            // A connection that died while idle must not swallow a token, and nothing may be sent twice.
            .pool_max_idle_per_host(0)
            .retry(reqwest::retry::never())
            .build()?;
        Ok(Self {
            http,
            client_id: settings.client_id,
            client_secret: settings.client_secret,
            redirect_uri: settings.redirect_uri,
            scopes: settings.scopes,
            authorize_url: address(&settings.authorize_url)?,
            front_ends,
        })
    }

    /// Where Oura sends the browser after the consent.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// The scopes asked for.
    pub fn scopes(&self) -> &str {
        &self.scopes
    }

    /// The page on which a person gives this consent.
    pub fn authorize_url(&self, consent: &Consent) -> Url {
        let mut url = self.authorize_url.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", &self.scopes)
            .append_pair("state", consent.state())
            .append_pair("code_challenge", &consent.challenge())
            .append_pair("code_challenge_method", "S256");
        url
    }

    /// The first pair of a consent.
    pub async fn exchange(
        &self,
        consent: &Consent,
        code: &SecretString,
        now: Timestamp,
    ) -> Result<TokenPair, TokenError> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", consent.verifier()),
        ];
        let mut refused = None;
        for front_end in &self.front_ends {
            match self.request_tokens(&front_end.token_url, &form).await {
                Ok(answer) => return self.pair(answer, None, &front_end.token_url, now),
                Err(error) if error.may_be_elsewhere() => refused = Some(more_specific(refused, error)),
                Err(error) => return Err(error),
            }
        }
        Err(refused.expect("BUG: there is at least one front end"))
    }

    /// The next pair. `issuer` is the token address that issued this one: it is asked first, and when it says that the
    /// token is spent, no other is.
    pub(super) async fn refresh(
        &self,
        refresh: &SecretString,
        issuer: &str,
        now: Timestamp,
    ) -> Result<TokenPair, TokenError> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.expose_secret())];
        let mut front_ends: Vec<_> = self.front_ends.iter().collect();
        front_ends.sort_by_key(|front_end| front_end.token_url.as_str() != issuer);
        let mut refused = None;
        for front_end in front_ends {
            match self.request_tokens(&front_end.token_url, &form).await {
                Ok(answer) => return self.pair(answer, Some(refresh), &front_end.token_url, now),
                Err(error) if error.is_final() && front_end.token_url.as_str() == issuer => {
                    return Err(error);
                }
                Err(error) if error.may_be_elsewhere() => refused = Some(more_specific(refused, error)),
                Err(error) => return Err(error),
            }
        }
        Err(refused.expect("BUG: there is at least one front end"))
    }

    /// Tells Oura to forget a pair.
    pub async fn revoke(&self, pair: &TokenPair) -> Result<(), TokenError> {
        let issued = |front_end: &&FrontEnd| front_end.token_url.as_str() == pair.token_url;
        let front_end = self.front_ends.iter().find(issued).unwrap_or(&self.front_ends[0]);
        let Some(url) = &front_end.revoke_url else {
            return Err(TokenError::Unanswered("no address".into()));
        };
        for (hint, token) in [("refresh_token", &pair.refresh), ("access_token", &pair.access)] {
            let form = [("token", token.expose_secret()), ("token_type_hint", hint)];
            self.post(url, &form).await?;
        }
        Ok(())
    }

    async fn request_tokens(&self, url: &Url, form: &[(&str, &str)]) -> Result<TokenResponse, TokenError> {
        let body = self.post(url, form).await?;
        serde_json::from_slice(&body).map_err(|error| {
            // The position only: an error of serde quotes what it read.
            let (line, column) = (error.line(), error.column());
            TokenError::Unanswered(format!("no pair of tokens in it, line {line}, column {column}"))
        })
    }

    /// Sends a form with the client's credentials, once.
    async fn post(&self, url: &Url, form: &[(&str, &str)]) -> Result<Vec<u8>, TokenError> {
        let mut fields = form.to_vec();
        fields.push(("client_id", &self.client_id));
        fields.push(("client_secret", self.client_secret.expose_secret()));
        let unanswered = |error: reqwest::Error| {
            let error = error.without_url();
            TokenError::Unanswered(store::causes(&error))
        };
        let request = self.http.post(url.clone()).header(header::ACCEPT, "application/json").form(&fields);
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() => return Err(TokenError::Unreachable(error.without_url())),
            Err(error) => return Err(unanswered(error)),
        };
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
            if body.len() + chunk.len() > MAX_RESPONSE {
                return Err(TokenError::Unanswered("the answer does not end".into()));
            }
            body.extend_from_slice(&chunk);
        }
        match response.status() {
            status if status.is_success() => Ok(body),
            // What a firewall or a proxy refuses, Oura may not have seen; it says nothing of the token.
            status
                if !status.is_server_error()
                    && status != StatusCode::TOO_MANY_REQUESTS
                    && is_foreign(status, response.headers(), &body) =>
            {
                Err(TokenError::Unanswered(format!("a web page came instead, status {status}")))
            }
            StatusCode::TOO_MANY_REQUESTS => Err(TokenError::Limited),
            status if status.is_client_error() || status.is_redirection() => {
                Err(TokenError::Refused { status, reason: reason(&body) })
            }
            status => Err(TokenError::Unanswered(format!("status {status}"))),
        }
    }

    /// What an answer is worth from `now` on, the moment before it was asked for.
    fn pair(
        &self,
        answer: TokenResponse,
        previous: Option<&SecretString>,
        token_url: &Url,
        now: Timestamp,
    ) -> Result<TokenPair, TokenError> {
        let access = answer.access_token;
        if header::HeaderValue::from_str(access.expose_secret()).is_err() {
            return Err(TokenError::Unanswered("an access token no header can carry".into()));
        }
        if is_blank(&access) {
            return Err(TokenError::Unanswered("an empty access token in it".into()));
        }
        // An answer that names no new refresh token leaves the one of before (RFC 6749, 6); an empty one is none.
        let named = answer.refresh_token.filter(|refresh| !is_blank(refresh));
        let Some(refresh) = named.or_else(|| previous.cloned()) else {
            return Err(TokenError::Unanswered("no refresh token in it".into()));
        };
        let life = SignedDuration::from_secs(token_lifetime(answer.expires_in.as_ref()));
        Ok(TokenPair {
            access,
            refresh,
            scopes: scopes::granted(answer.scope.as_deref(), &self.scopes),
            token_url: token_url.to_string(),
            obtained_at: now,
            expires_at: now.saturating_add(life).unwrap_or(Timestamp::MAX),
            client: Some(ClientCredentials {
                id: self.client_id.clone(),
                secret: self.client_secret.clone(),
            }),
        })
    }
}

fn is_blank(token: &SecretString) -> bool {
    token.expose_secret().trim().is_empty()
}

/// Seconds an access token lives; some servers write the number as a text.
fn token_lifetime(stated: Option<&Value>) -> i64 {
    let seconds = match stated {
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    seconds
        .filter(|seconds| *seconds > 0)
        .map_or(DEFAULT_TOKEN_LIFETIME, |seconds| seconds.clamp(SHORTEST_LIFE, MAX_TOKEN_LIFETIME))
}

fn reason(body: &[u8]) -> Reason {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    match value.as_ref().and_then(|value| value.get("error")?.as_str()) {
        Some("invalid_grant") => Reason::Grant,
        Some("invalid_client" | "unauthorized_client") => Reason::Client,
        Some("invalid_request") => Reason::Request,
        _ => Reason::Unknown,
    }
}

/// Of two refusals the one that says more: a front end that does not know the application knows nothing of its tokens.
fn more_specific(before: Option<TokenError>, now: TokenError) -> TokenError {
    match before {
        Some(before) if before.is_final() || !now.is_final() => before,
        _ => now,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn token_lifetime_is_bounded() {
        let check = |stated: Value, expected| assert_eq!(token_lifetime(Some(&stated)), expected, "{stated}");
        check(json!(2_592_000), 2_592_000);
        check(json!("86400"), 86_400);
        check(json!(1), SHORTEST_LIFE);
        for no_lifetime in [json!(0), json!(-1), json!(u64::MAX), json!(1e300), json!("soon"), json!(null)] {
            check(no_lifetime, DEFAULT_TOKEN_LIFETIME);
        }
        check(json!(i64::MAX), MAX_TOKEN_LIFETIME);
        assert_eq!(token_lifetime(None), DEFAULT_TOKEN_LIFETIME);
    }

    #[test]
    fn only_invalid_grant_is_final() {
        let refused = |status, body: &str| TokenError::Refused { status, reason: reason(body.as_bytes()) };
        let (bad, unauthorized) = (StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED);
        assert!(refused(bad, r#"{"error":"invalid_grant"}"#).is_final());
        assert!(refused(unauthorized, r#"{"error":"invalid_grant"}"#).is_final());
        assert!(refused(bad, "").is_final());
        assert!(!refused(bad, r#"{"error":"invalid_request"}"#).is_final());
        for other in [r#"{"error":"invalid_client"}"#, "<html>"] {
            assert!(!refused(unauthorized, other).is_final());
        }
        assert!(!refused(StatusCode::NOT_FOUND, "").is_final());
        assert!(!TokenError::Limited.is_final());
        assert!(!TokenError::Unanswered(String::new()).is_final());
    }
}
