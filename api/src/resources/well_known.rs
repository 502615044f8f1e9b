//! What others need to check a log-in themselves: the public keys (RFC 7517), and where they are (`openid-configuration`).

use axum::Json;
use axum::extract::State as With;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::error::{Error, Failures, Unknown};
use crate::login::keys::PublicKey;
use crate::policy::{Policy, RequiredAccess};
use crate::routes::Routes;
use crate::state::State;

/// Where the public keys are.
const KEYS: &str = "/.well-known/jwks.json";

/// Gateways keep keys about as long; a new key is published for longer than this before it signs.
const PUBLIC: [(HeaderName, &str); 1] = [(CACHE_CONTROL, "public, max-age=300")];

pub(crate) fn routes() -> Routes<State> {
    let policy = Policy { access: RequiredAccess::Public, ..Policy::READ };
    Routes::new().add(policy, routes!(keys)).add(policy, routes!(configuration))
}

/// Public keys, the one that signs first.
#[derive(Serialize, ToSchema)]
struct KeySet {
    /// The one that signs first.
    keys: Vec<PublicKey>,
}

/// Where the keys of an issuer are. There is no flow to be started here: log-ins are made by `POST /api/v1/auth/login`.
#[derive(Serialize, ToSchema)]
struct Configuration {
    /// What the claim `iss` of a log-in says.
    #[schema(example = "https://health.example.org")]
    issuer: String,
    /// The address of the keys.
    #[schema(example = "https://health.example.org/.well-known/jwks.json")]
    jwks_uri: String,
    /// Where log-ins are made.
    #[schema(example = "https://health.example.org/api/v1/auth/login")]
    token_endpoint: String,
    /// Always `ES256`.
    id_token_signing_alg_values_supported: [&'static str; 1],
    /// Always `token`.
    response_types_supported: [&'static str; 1],
    /// Always `public`.
    subject_types_supported: [&'static str; 1],
}

/// The public keys of log-ins.
///
/// The key that signs and those that are accepted besides. Empty where log-ins are closed, or signed with a key of before
/// (HS256), which has no public half.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", operation_id = "list_keys", tag = "log-in",
    responses((status = 200, description = "The keys.", body = KeySet), Failures),
)]
async fn keys(With(state): With<State>) -> ([(HeaderName, &'static str); 1], Json<KeySet>) {
    (PUBLIC, Json(KeySet { keys: state.login.public_keys() }))
}

/// Where the keys are, for gateways.
///
/// 404 until `--api.issuer` names the public address of this API.
#[utoipa::path(
    get, path = "/.well-known/openid-configuration", operation_id = "get_configuration", tag = "log-in",
    responses((status = 200, description = "The addresses.", body = Configuration), Failures, Unknown),
)]
async fn configuration(
    With(state): With<State>,
) -> Result<([(HeaderName, &'static str); 1], Json<Configuration>), Error> {
    let issuer = state.login.issuer_address().ok_or(Error::NoIssuer)?;
    let base = issuer.trim_end_matches('/');
    let configuration = Configuration {
        jwks_uri: format!("{base}{KEYS}"),
        token_endpoint: format!("{base}/api/v1/auth/login"),
        issuer: issuer.to_owned(),
        id_token_signing_alg_values_supported: ["ES256"],
        response_types_supported: ["token"],
        subject_types_supported: ["public"],
    };
    Ok((PUBLIC, Json(configuration)))
}
