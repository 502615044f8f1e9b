//! A scripted provider.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sso::{Attempt, Callback, Error, Identity, Provider, Settings};

pub(crate) const SECRET: &str = "a secret of the client";

pub(crate) fn now() -> Timestamp {
    "2026-03-29T10:00:00Z".parse().unwrap()
}

pub(crate) struct Key {
    pub(crate) kid: &'static str,
    pub(crate) sign: EncodingKey,
    pub(crate) public: Vec<u8>,
}

impl Key {
    pub(crate) fn new(kid: &'static str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let public = pair.public_key().as_ref().to_vec();
        Self { kid, sign: EncodingKey::from_ec_der(pkcs8.as_ref()), public }
    }

    pub(crate) fn jwk(&self) -> Value {
        let part = |range: std::ops::Range<usize>| BASE64URL_NOPAD.encode(&self.public[range]);
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid, "x": part(1..33), "y": part(33..65)})
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.kid.to_owned()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, claims, &self.sign).unwrap()
    }
}

pub(crate) type Change<T> = Box<dyn Fn(&Script, &mut T) + Send + Sync>;

/// What the provider says, and how a test changes that.
pub(crate) struct Script {
    pub(crate) issuer: String,
    pub(crate) keys: Vec<Key>,
    /// The challenge of the attempt, as the browser brought it.
    pub(crate) challenge: String,
    pub(crate) nonce: String,
    pub(crate) metadata: Option<Change<Value>>,
    pub(crate) published: Option<Change<Value>>,
    pub(crate) claims: Option<Change<Value>>,
    pub(crate) token: Option<Change<String>>,
    pub(crate) user_info: Value,
    /// Answers of a path instead of the right ones.
    pub(crate) answers: HashMap<&'static str, (u16, String)>,
    pub(crate) asked: HashMap<&'static str, u32>,
}

pub(crate) type Shared = Arc<Mutex<Script>>;

pub(crate) fn answer(script: &mut Script, path: &'static str, right: Value) -> Response {
    *script.asked.entry(path).or_default() += 1;
    match script.answers.get(path) {
        Some((status, body)) => {
            (StatusCode::from_u16(*status).unwrap(), [("location", "http://127.0.0.1:1/")], body.clone())
                .into_response()
        }
        None => Json(right).into_response(),
    }
}

pub(crate) async fn metadata(State(shared): State<Shared>) -> Response {
    let mut script = shared.lock().unwrap();
    let at = |path: &str| format!("{}{path}", script.issuer);
    let mut right = json!({
        "issuer": script.issuer, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"),
        "jwks_uri": at("/keys"), "userinfo_endpoint": at("/me"),
    });
    if let Some(change) = &script.metadata {
        change(&script, &mut right);
    }
    answer(&mut script, "metadata", right)
}

pub(crate) async fn keys(State(shared): State<Shared>) -> Response {
    let mut script = shared.lock().unwrap();
    let mut right = json!({"keys": script.keys.iter().map(Key::jwk).collect::<Vec<_>>()});
    if let Some(change) = &script.published {
        change(&script, &mut right);
    }
    answer(&mut script, "keys", right)
}

pub(crate) async fn token(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let mut script = shared.lock().unwrap();
    let basic = headers["authorization"].to_str().unwrap().strip_prefix("Basic ").unwrap();
    let basic = data_encoding::BASE64.decode(basic.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(basic).unwrap(), "myhealth:a+secret+of+the+client");
    let challenge = BASE64URL_NOPAD.encode(&Sha256::digest(&form["code_verifier"]));
    let wanted = [("code", "the-code"), ("grant_type", "authorization_code"), ("redirect_uri", REDIRECT)];
    if challenge != script.challenge || wanted.iter().any(|(key, value)| form[*key] != **value) {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response();
    }
    let seconds = now().as_second();
    let mut claims = json!({
        "iss": script.issuer, "aud": "myhealth", "sub": "4711", "nonce": script.nonce, "iat": seconds,
        "exp": seconds + 300, "preferred_username": "ann", "groups": ["family", "users"],
        "email": "ann@example.org", "email_verified": true,
    });
    if let Some(change) = &script.claims {
        change(&script, &mut claims);
    }
    let mut token = script.keys[0].token(&claims);
    if let Some(change) = &script.token {
        change(&script, &mut token);
    }
    answer(
        &mut script,
        "token",
        json!({"access_token": "an access token", "token_type": "Bearer", "id_token": token}),
    )
}

pub(crate) async fn user_info(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    assert_eq!(headers["authorization"], "Bearer an access token");
    let mut script = shared.lock().unwrap();
    let right = script.user_info.clone();
    answer(&mut script, "userinfo", right)
}

pub(crate) const REDIRECT: &str = "https://health.example.org/api/v1/auth/sso/callback";

pub(crate) struct Fake {
    pub(crate) script: Shared,
    pub(crate) provider: Provider,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(Script {
            issuer: issuer.clone(),
            keys: vec![Key::new("one")],
            challenge: String::new(),
            nonce: String::new(),
            metadata: None,
            published: None,
            claims: None,
            token: None,
            user_info: json!({"sub": "4711", "groups": ["of userinfo"]}),
            answers: HashMap::new(),
            asked: HashMap::new(),
        }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", routing::get(metadata))
            .route("/keys", routing::get(keys))
            .route("/token", routing::post(token))
            .route("/me", routing::get(user_info))
            .with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { script, provider: provider(&issuer) }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap());
    }

    pub(crate) fn asked(&self, path: &str) -> u32 {
        self.script.lock().unwrap().asked.get(path).copied().unwrap_or_default()
    }

    /// A log-in that begins: the browser takes the address to the provider.
    pub(crate) async fn begin(&self, at: Timestamp) -> Result<Attempt, Error> {
        let attempt = Attempt::begin().unwrap();
        let url = self.provider.authorization_url(&attempt, at).await?;
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!((&*query["response_type"], &*query["code_challenge_method"]), ("code", "S256"));
        assert_eq!((&*query["client_id"], &*query["redirect_uri"]), ("myhealth", REDIRECT));
        assert_eq!(query["scope"], "openid profile groups");
        assert!(attempt.has_state(&query["state"]));
        self.change(|script| {
            script.challenge.clone_from(&query["code_challenge"]);
            script.nonce.clone_from(&query["nonce"]);
        });
        Ok(Attempt::from_text(&attempt.text()).unwrap())
    }

    /// The browser comes back with a code.
    pub(crate) async fn finish(&self, attempt: &Attempt, at: Timestamp) -> Result<Identity, Error> {
        self.provider.identity(attempt, &Callback { code: "the-code", issuer: None }, at).await
    }

    /// A whole log-in.
    pub(crate) async fn log_in(&self, at: Timestamp) -> Result<Identity, Error> {
        let attempt = self.begin(at).await?;
        self.finish(&attempt, at).await
    }
}

pub(crate) fn provider(issuer: &str) -> Provider {
    let settings = Settings {
        issuer: issuer.to_owned(),
        client_id: "myhealth".to_owned(),
        client_secret: Some(SECRET.to_owned().into()),
        redirect_uri: REDIRECT.to_owned(),
        scopes: vec!["profile".to_owned(), "groups".to_owned()],
        groups_claim: "groups".to_owned(),
        authorities: Vec::new(),
    };
    Provider::new(settings).unwrap()
}
