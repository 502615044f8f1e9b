//! Logging in at an OpenID Connect provider: to it, and back from it. Both are followed by browsers only, so that what went wrong is
//! a word in the address of the page, which has the sentence.

use axum::extract::{Query, State as With};
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::AppendHeaders;
use serde::Deserialize;
use sso::{Attempt, Callback};
use utoipa::IntoParams;
use utoipa_axum::routes;

use crate::audit::Origin;
use crate::error::{Error, Failures, Unknown};
use crate::login::cookie;
use crate::login::single_sign_on::{self, Refused, SingleSignOn};
use crate::policy::{Policy, RateLimit, RequiredAccess};
use crate::routes::Routes;
use crate::state::State;

/// Keeps the attempt in the browser until the provider sends it back.
const ATTEMPT: [&str; 2] = ["myhealth-sign-on", "__Host-myhealth-sign-on"];

/// How long the provider may take: a person types a password there, and a code.
const ATTEMPT_SECONDS: i64 = 600;

/// The page, seen from here. A proxy may have put a prefix before all of it.
const PAGE: &str = "../../../";
const PAGE_FROM_CALLBACK: &str = "../../../../";

pub(super) fn routes() -> Routes<State> {
    let public = Policy { access: RequiredAccess::Public, ..Policy::READ };
    let limited = Policy { rate_limit: RateLimit::LogIns, ..public };
    Routes::new().add(limited, routes!(begin)).add(limited, routes!(finish))
}

/// What the provider sends back; providers add more, which is not read.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Returned {
    /// The code, to be exchanged for who it is.
    #[param(required = false, example = "4XpV")]
    #[serde(default)]
    code: String,
    /// Which attempt it is about.
    #[param(required = false, example = "u1Hr")]
    #[serde(default)]
    state: String,
    /// The provider.
    #[param(example = "https://auth.example.org")]
    iss: Option<String>,
    /// Why there is no code.
    #[param(example = "access_denied")]
    error: Option<String>,
}

type Redirect = (StatusCode, AppendHeaders<Vec<(HeaderName, HeaderValue)>>);

fn redirect(address: &str, cookies: impl IntoIterator<Item = HeaderValue>) -> Redirect {
    let address = address.parse().unwrap_or_else(|_| HeaderValue::from_static(PAGE));
    let mut headers = vec![(header::LOCATION, address)];
    headers.extend(cookies.into_iter().map(|cookie| (header::SET_COOKIE, cookie)));
    (StatusCode::SEE_OTHER, AppendHeaders(headers))
}

fn keep_attempt(text: &str, secure: bool, seconds: i64) -> HeaderValue {
    // The provider's page sends the browser here, so the cookie must come with a link of another site.
    cookie::set(ATTEMPT[usize::from(secure)], text, "/", "Lax", secure, seconds)
}

fn configured(state: &State) -> Result<std::sync::Arc<SingleSignOn>, Error> {
    state.login.sign_on().ok_or(Error::NoSignOn)
}

/// Sends the browser to the identity provider.
///
/// Back to the page with `log-in=unavailable` where the provider cannot be reached.
#[utoipa::path(
    get, path = "/auth/sso", operation_id = "log_in_at_provider", tag = "log-in",
    responses((status = 303, description = "The provider's page, or this service's own."), Failures, Unknown),
)]
async fn begin(With(state): With<State>) -> Result<Redirect, Error> {
    let sign_on = configured(&state)?;
    state.login.keys()?;
    Ok(match single_sign_on::begin(&sign_on, (state.now)()).await {
        Ok((attempt, address)) => {
            redirect(&address, [keep_attempt(&attempt.text(), sign_on.secure, ATTEMPT_SECONDS)])
        }
        Err(refused) => redirect(&format!("{PAGE}?log-in={}", refused.word()), []),
    })
}

/// Where the identity provider sends the browser back to.
///
/// Logs in and goes on to the page; with `log-in=` and a word where that failed.
#[utoipa::path(
    get, path = "/auth/sso/callback", operation_id = "log_in_from_provider", tag = "log-in", params(Returned),
    responses((status = 303, description = "The page."), Failures, Unknown),
)]
async fn finish(
    With(state): With<State>,
    extensions: Extensions,
    headers: HeaderMap,
    Query(returned): Query<Returned>,
) -> Result<Redirect, Error> {
    let sign_on = configured(&state)?;
    let keys = state.login.keys()?;
    let forgotten = keep_attempt("", sign_on.secure, 0);
    let attempt = cookie::value(&headers, ATTEMPT[usize::from(sign_on.secure)]).and_then(Attempt::from_text);
    let attempt = attempt.filter(|attempt| attempt.has_state(&returned.state));
    let account = match (attempt, &returned.error) {
        (None, _) => Err(Refused::Expired),
        (Some(_), Some(error)) => {
            let error: String = error.chars().filter(char::is_ascii_graphic).take(60).collect();
            tracing::info!(error, "the identity provider did not log a person in");
            Err(Refused::Denied)
        }
        (Some(attempt), None) => {
            let callback = Callback { code: &returned.code, issuer: returned.iss.as_deref() };
            let origin = Origin::of(&extensions);
            single_sign_on::sign_on(&state, &origin, &sign_on, (&attempt, &callback)).await
        }
    };
    Ok(match account {
        Ok(account) => {
            let now = (state.now)();
            let (token, expires_at) = keys.sign(&account, now);
            let seconds = expires_at.duration_since(now).as_secs();
            let session = cookie::keep_session(&token, sign_on.secure, seconds);
            redirect(PAGE_FROM_CALLBACK, [forgotten, session])
        }
        Err(refused) => redirect(&format!("{PAGE_FROM_CALLBACK}?log-in={}", refused.word()), [forgotten]),
    })
}
