//! The provider: where it is (discovery), which keys it signs with, and what it says of a person.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use data_encoding::BASE64;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::Jwk;
use reqwest::{RequestBuilder, Response, Url, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::attempt::Attempt;
use crate::error::{Error, word};
use crate::id_token::{self, Claims, Expected};
use crate::settings::{InvalidSettings, Settings, secure_address};
use crate::signatures;

/// Longest time for one response; a person waits for several.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Largest response read, in bytes.
const MAX_BODY: usize = 256 * 1024;

/// Keys looked at.
const MAX_KEYS: usize = 100;

/// Groups looked at.
const MAX_GROUPS: usize = 1000;

/// Longest name of a person at the provider that is kept, in characters.
const MAX_NAME: usize = 40;

/// How long addresses and keys are used without asking again.
const METADATA_TTL: SignedDuration = SignedDuration::from_hours(1);

/// Keys are not requested more often than this, even where tokens name unknown ones.
const KEYS_INTERVAL: SignedDuration = SignedDuration::from_mins(1);

/// Who logged in, as the provider says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Which account of the provider, for good.
    pub subject: String,
    /// What people call it; may change, and is shown only.
    pub name: String,
    /// Its address, where the provider has verified that it is the person's own.
    pub verified_email: Option<String>,
    /// The groups it is in.
    pub groups: Vec<String>,
}

/// What the provider sends the browser back with.
#[derive(Clone, Debug, Default)]
pub struct Callback<'a> {
    /// The code, to be exchanged.
    pub code: &'a str,
    /// The issuer (RFC 9207), where the provider states it.
    pub issuer: Option<&'a str>,
}

/// A provider, and what is known of it; clones share that.
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

struct Inner {
    settings: Settings,
    http: reqwest::Client,
    known: Mutex<Option<Arc<Known>>>,
}

/// What was read of the provider, and when.
struct Known {
    metadata: Metadata,
    keys: Vec<Jwk>,
    at: Timestamp,
}

/// The addresses of OpenID Connect Discovery.
#[derive(Clone, Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: SecretString,
    access_token: Option<SecretString>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.0.settings.issuer).finish_non_exhaustive()
    }
}

impl Provider {
    /// A provider with these settings; nothing is requested yet.
    pub fn new(settings: Settings) -> Result<Self, InvalidSettings> {
        signatures::install();
        settings.check()?;
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("myhealth/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(TIMEOUT)
            .timeout(TIMEOUT)
            // An address of the metadata is the address; a detour could carry code and secret elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never());
        if !settings.authorities.is_empty() {
            let authorities = reqwest::Certificate::from_pem_bundle(&settings.authorities);
            http = http.tls_certs_merge(authorities.map_err(InvalidSettings::Authorities)?);
        }
        let http = http.build().map_err(InvalidSettings::Client)?;
        Ok(Self(Arc::new(Inner { settings, http, known: Mutex::default() })))
    }

    /// The provider's page on which this attempt goes on. The provider is asked first, so that no person is sent to one that
    /// does not answer.
    pub async fn authorization_url(&self, attempt: &Attempt, now: Timestamp) -> Result<Url, Error> {
        let known = self.read(now).await?;
        let mut url = address("authorization_endpoint", &known.metadata.authorization_endpoint)?;
        let settings = &self.0.settings;
        let mut scopes = vec!["openid"];
        scopes.extend(settings.scopes.iter().map(|scope| &**scope).filter(|scope| *scope != "openid"));
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &settings.client_id)
            .append_pair("redirect_uri", &settings.redirect_uri)
            .append_pair("scope", &scopes.join(" "))
            .append_pair("state", &attempt.state())
            .append_pair("nonce", &attempt.nonce())
            .append_pair("code_challenge", &attempt.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok(url)
    }

    /// Exchanges the code of a callback and checks who it is. The caller has compared `state`.
    pub async fn identity(
        &self,
        attempt: &Attempt,
        callback: &Callback<'_>,
        now: Timestamp,
    ) -> Result<Identity, Error> {
        let settings = &self.0.settings;
        if callback.issuer.is_some_and(|issuer| issuer != settings.issuer) {
            return Err(Error::Unacceptable { what: "response", reason: "it is of another issuer (iss)" });
        }
        let known = self.known(now).await?;
        let tokens = self.exchange(&known.metadata, attempt, callback.code).await?;
        let nonce = attempt.nonce();
        let expected = Expected { issuer: &settings.issuer, client: &settings.client_id, nonce: &nonce };
        let claims = self.claims(tokens.id_token.expose_secret(), &known, &expected, now).await?;
        let Claims { sub: subject, mut others, .. } = claims;
        if Claims::find(&others, &settings.groups_claim).is_none()
            && let (Some(endpoint), Some(token)) = (&known.metadata.userinfo_endpoint, &tokens.access_token)
        {
            // Some providers state the groups here only.
            let more = self.user_info(endpoint, token, &subject).await?;
            others.extend(more);
        }
        let groups = Claims::find(&others, &settings.groups_claim).map_or_else(Vec::new, groups);
        let verified = others.get("email_verified").and_then(Value::as_bool) == Some(true);
        let email = others.get("email").and_then(Value::as_str).filter(|_| verified);
        let verified_email = email.map(str::to_owned);
        let named =
            ["preferred_username", "email", "name"].into_iter().find_map(|claim| others.get(claim)?.as_str());
        let name: String =
            named.unwrap_or(&subject).chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
        Ok(Identity { subject, name, verified_email, groups })
    }

    /// The claims of an ID token. A key that is not known yet may be new.
    async fn claims(
        &self,
        token: &str,
        known: &Known,
        expected: &Expected<'_>,
        now: Timestamp,
    ) -> Result<Claims, Error> {
        let header = id_token::header(token)?;
        if let Some(key) = id_token::key(&header, &known.keys) {
            return id_token::verify(token, &header, key, expected, now);
        }
        let unknown = Error::Unacceptable { what: "ID token", reason: "no key of the provider fits it" };
        if now.duration_since(known.at) < KEYS_INTERVAL {
            return Err(unknown);
        }
        let known = self.read(now).await?;
        let key = id_token::key(&header, &known.keys).ok_or(unknown)?;
        id_token::verify(token, &header, key, expected, now)
    }

    async fn exchange(&self, metadata: &Metadata, attempt: &Attempt, code: &str) -> Result<Tokens, Error> {
        const WHAT: &str = "token endpoint";
        let settings = &self.0.settings;
        let verifier = attempt.verifier();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &*settings.redirect_uri),
            ("code_verifier", &*verifier),
        ];
        let mut request = self.0.http.post(address(WHAT, &metadata.token_endpoint)?);
        let methods = &metadata.token_endpoint_auth_methods_supported;
        let takes = |method: &str| methods.iter().any(|supported| supported == method);
        match &settings.client_secret {
            // The default of the specification.
            Some(secret) if methods.is_empty() || takes("client_secret_basic") => {
                request = request.header(header::AUTHORIZATION, basic(&settings.client_id, secret));
            }
            Some(secret) => {
                form.extend([("client_id", &*settings.client_id), ("client_secret", secret.expose_secret())]);
            }
            None => form.push(("client_id", &*settings.client_id)),
        }
        let response = send(request.form(&form), WHAT).await?;
        let status = response.status();
        let body = body(response, WHAT).await?;
        if status.is_client_error()
            && let Ok(refusal) = serde_json::from_slice::<Refusal>(&body)
        {
            return Err(Error::Refused(word(&refusal.error)));
        }
        if !status.is_success() {
            return Err(Error::Status { what: WHAT, status: status.as_u16() });
        }
        parse(&body, WHAT)
    }

    async fn user_info(
        &self,
        endpoint: &str,
        token: &SecretString,
        subject: &str,
    ) -> Result<Map<String, Value>, Error> {
        const WHAT: &str = "userinfo endpoint";
        let request = self.0.http.get(address(WHAT, endpoint)?).bearer_auth(token.expose_secret());
        let claims: Map<String, Value> = get(request, WHAT).await?;
        if claims.get("sub").and_then(Value::as_str) != Some(subject) {
            return Err(Error::Unacceptable {
                what: "user information",
                reason: "it is about another subject",
            });
        }
        Ok(claims)
    }

    /// Addresses and keys, read again when they are old.
    async fn known(&self, now: Timestamp) -> Result<Arc<Known>, Error> {
        let known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known.filter(|known| now.duration_since(known.at).abs() < METADATA_TTL) {
            Some(known) => Ok(known),
            None => self.read(now).await,
        }
    }

    async fn read(&self, now: Timestamp) -> Result<Arc<Known>, Error> {
        const WHAT: &str = "metadata";
        let settings = &self.0.settings;
        let base = settings.issuer.trim_end_matches('/');
        let metadata: Metadata =
            get(self.0.http.get(format!("{base}/.well-known/openid-configuration")), WHAT).await?;
        if metadata.issuer != settings.issuer {
            return Err(Error::Issuer { found: word(&metadata.issuer) });
        }
        let Keys { keys } = get(self.0.http.get(address("jwks_uri", &metadata.jwks_uri)?), "keys").await?;
        // Keys of unknown kinds are not ours to judge.
        let keys =
            keys.into_iter().take(MAX_KEYS).filter_map(|key| serde_json::from_value(key).ok()).collect();
        let known = Arc::new(Known { metadata, keys, at: now });
        *self.0.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known.clone());
        Ok(known)
    }
}

/// An address of the metadata.
fn address(what: &'static str, text: &str) -> Result<Url, Error> {
    secure_address(text).ok_or(Error::Address { what })
}

/// Client and secret as RFC 6749 wants them: each form-encoded, then as basic authentication.
fn basic(client: &str, secret: &SecretString) -> String {
    let encoded = |text: &str| {
        let mut url = Url::parse("https://localhost").expect("BUG: this is an address");
        url.query_pairs_mut().append_key_only(text);
        url.query().unwrap_or_default().to_owned()
    };
    let both = format!("{}:{}", encoded(client), encoded(secret.expose_secret()));
    format!("Basic {}", BASE64.encode(both.as_bytes()))
}

/// The groups of a claim: a list of names, or one name.
fn groups(claim: &Value) -> Vec<String> {
    match claim {
        Value::String(one) => vec![one.clone()],
        Value::Array(many) => {
            many.iter().take(MAX_GROUPS).filter_map(|group| Some(group.as_str()?.to_owned())).collect()
        }
        _ => Vec::new(),
    }
}

async fn send(request: RequestBuilder, what: &'static str) -> Result<Response, Error> {
    let request = request.header(header::ACCEPT, "application/json");
    request.send().await.map_err(|source| Error::Unreachable { what, source: source.without_url() })
}

async fn get<T: DeserializeOwned>(request: RequestBuilder, what: &'static str) -> Result<T, Error> {
    let response = send(request, what).await?;
    if !response.status().is_success() {
        return Err(Error::Status { what, status: response.status().as_u16() });
    }
    parse(&body(response, what).await?, what)
}

fn parse<T: DeserializeOwned>(body: &[u8], what: &'static str) -> Result<T, Error> {
    // Of serde's words only the place is repeated: they can quote a value.
    serde_json::from_slice(body).map_err(|source| Error::Malformed { what, source })
}

async fn body(mut response: Response, what: &'static str) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    let failed = |source: reqwest::Error| Error::Unreachable { what, source: source.without_url() };
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(Error::TooLarge { what, most: MAX_BODY });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_and_secret_are_encoded_before_they_are_joined() {
        let header = basic("my:health", &"p+q r".to_owned().into());
        let text = BASE64.decode(header.strip_prefix("Basic ").unwrap().as_bytes()).unwrap();
        assert_eq!(text, b"my%3Ahealth:p%2Bq+r");
    }

    #[test]
    fn groups_are_read_from_every_shape_of_the_claim() {
        let check = |claim: Value, expected: &[&str]| assert_eq!(groups(&claim), expected, "{claim}");
        check(serde_json::json!(["a", 1, "b", null]), &["a", "b"]);
        check(serde_json::json!("a"), &["a"]);
        check(serde_json::json!({"a": true}), &[]);
        let claims = serde_json::json!({"realm_access": {"roles": ["x"]}, "https://a.b/groups": ["y"]});
        let claims = claims.as_object().unwrap();
        assert_eq!(Claims::find(claims, "realm_access.roles").map(groups), Some(vec!["x".to_owned()]));
        assert_eq!(Claims::find(claims, "https://a.b/groups").map(groups), Some(vec!["y".to_owned()]));
        assert_eq!(Claims::find(claims, "groups"), None);
    }
}
