//! HTTP as Oura is requested with it: addresses, limits on time, and which responses are not Oura's.

use std::time::Duration;

use reqwest::header::{self, HeaderMap};
use reqwest::{StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::value::RawValue;

/// The longest pause that is accepted. Oura's limits open again within minutes; a peer that asks for days costs one
/// request an hour, and not the days.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// How long one answer may take, to its last byte. After so long nothing is tried again in the same run either: one
/// collection that hangs must not hold up a whole run.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);

/// The client would send the token where it must not go, or nowhere.
#[derive(Debug, thiserror::Error)]
pub enum InvalidClient {
    /// No http(s) URL.
    #[error("{0:?} is not an http(s) address")]
    Malformed(String),
    /// Plain http to another machine shows the token to the network.
    #[error("{0} would send the token unencrypted; use https (plain http is for this machine only)")]
    Unencrypted(Url),
    /// A header cannot carry the token.
    #[error("the token has characters that no HTTP header may carry; it must be one line of plain text")]
    Token,
    /// The HTTP client cannot be set up, which only its TLS can fail.
    #[error(
        "cannot set up TLS to Oura; install the system's CA certificates (`ca-certificates` in Debian), or name a bundle in \
         SSL_CERT_FILE"
    )]
    Tls(#[from] reqwest::Error),
}

/// An address that secrets may be sent to: https, or http on this machine.
pub(crate) fn address(text: &str) -> Result<Url, InvalidClient> {
    let url: Url = text.parse().map_err(|_| InvalidClient::Malformed(text.to_owned()))?;
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        "https" => Ok(url),
        "http" if local => Ok(url),
        "http" => Err(InvalidClient::Unencrypted(url)),
        _ => Err(InvalidClient::Malformed(url.to_string())),
    }
}

pub(crate) fn fits_a_header(token: &SecretString) -> Result<(), InvalidClient> {
    let value = header::HeaderValue::from_str(token.expose_secret());
    value.map(drop).map_err(|_| InvalidClient::Token)
}

/// A place below an API's address; segments are escaped.
pub(crate) fn url_below(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    let mut path = url.path_segments_mut().expect("BUG: an http address has a path");
    path.pop_if_empty().extend(segments);
    drop(path);
    url
}

/// The one way to talk to Oura: limits on time, no detours.
pub(crate) fn http_client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .user_agent(concat!("myhealth/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10))
        .timeout(REQUEST_TIMEOUT)
        // A redirect is nothing this API does; following one could carry the token elsewhere.
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

/// The pause that a response asks for, in seconds or as a date; never longer than [`LONGEST_PAUSE`]. A date is compared
/// with the response's own: only the peer's clock is that of its dates.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let asked = text(header::RETRY_AFTER)?;
    let pause = if !asked.is_empty() && asked.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number holds are a long pause too.
        asked.parse().map_or(LONGEST_PAUSE, Duration::from_secs)
    } else {
        let until = httpdate::parse_http_date(asked).ok()?;
        let now = httpdate::parse_http_date(text(header::DATE)?).ok()?;
        until.duration_since(now).unwrap_or_default()
    };
    Some(pause.min(LONGEST_PAUSE))
}

/// Whether a response other than success comes from something between this machine and Oura. Oura refuses with JSON or
/// without a body; a firewall, a proxy or a network that wants a log-in sends a page, or sends the client elsewhere.
pub(crate) fn is_foreign(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> bool {
    let of_the_network = matches!(
        status,
        StatusCode::PROXY_AUTHENTICATION_REQUIRED | StatusCode::NETWORK_AUTHENTICATION_REQUIRED
    );
    let is_json = || serde_json::from_slice::<&RawValue>(body).is_ok();
    of_the_network || is_web_page(headers, body) || (!body.trim_ascii().is_empty() && !is_json())
}

/// Whether a response is markup, whatever its status.
pub(crate) fn is_web_page(headers: &HeaderMap, body: &[u8]) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    let markup = ["text/html", "application/xhtml+xml", "text/xml", "application/xml"];
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    !body.is_empty()
        && (body.starts_with(b"<") || markup.iter().any(|it| media_type.eq_ignore_ascii_case(it)))
}
