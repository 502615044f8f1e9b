//! What a request says of its principal: the `Authorization` header, or the cookie of a browser.

use axum::http::header::{AUTHORIZATION, UPGRADE};
use axum::http::{HeaderMap, Method};
use data_encoding::BASE64;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::guards::origin;
use crate::login::cookie;

/// A credential as it was sent.
#[derive(Debug)]
pub(super) enum Credential {
    /// A token or a signed log-in.
    Bearer(String),
    /// Any name with a token as the password, or an account's name and password.
    Basic {
        name: String,
        password: SecretString,
    },
    /// A signed log-in that a browser sends by itself.
    Cookie(String),
    /// A header that is none of these.
    Unreadable,
    None,
}

impl Credential {
    /// The credential of a request. A header counts before a cookie. A browser sends its cookies whichever page asks, so a request
    /// that does something must come from a page of this origin.
    pub(super) fn of(method: &Method, headers: &HeaderMap) -> Result<Self, Error> {
        if let Some(header) = headers.get(AUTHORIZATION) {
            return Ok(header.to_str().ok().and_then(authorization).unwrap_or(Self::Unreadable));
        }
        let Some(session) = cookie::session(headers) else { return Ok(Self::None) };
        let only_reads = method.is_safe() && !headers.contains_key(UPGRADE);
        if only_reads || origin::is_from_own_page(headers) {
            Ok(Self::Cookie(session.to_owned()))
        } else {
            Err(Error::ForeignOrigin)
        }
    }

    /// Tells credentials apart without keeping them.
    pub(super) fn digest(&self) -> Option<[u8; 32]> {
        let parts = match self {
            Self::Bearer(text) => ["bearer", text, ""],
            Self::Basic { name, password } => ["basic", name, password.expose_secret()],
            Self::Cookie(text) => ["cookie", text, ""],
            Self::Unreadable => ["unreadable", "", ""],
            Self::None => return None,
        };
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Some(digest.finalize().into())
    }
}

/// What an `Authorization` header holds.
fn authorization(header: &str) -> Option<Credential> {
    let (scheme, rest) = header.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Credential::Bearer(rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64.decode(rest.as_bytes()).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some(Credential::Basic { name: name.to_owned(), password: password.to_owned().into() })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn credential_is_read_from_bearer_and_basic_authentication() {
        let check = |header: &'static str, expected: Option<(&str, &str)>| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(header))]);
            let credential = Credential::of(&Method::GET, &headers).unwrap();
            let found = match &credential {
                Credential::Bearer(text) => Some(("", &**text)),
                Credential::Basic { name, password } => Some((&**name, password.expose_secret())),
                _ => None,
            };
            assert_eq!(found, expected, "{header}");
        };
        check("Bearer mh_1_aa", Some(("", "mh_1_aa")));
        check("bearer  mh_1_aa ", Some(("", "mh_1_aa")));
        check("Basic bWU6bWhfMV9hYQ==", Some(("me", "mh_1_aa")));
        check("Basic bWhfMV9hYQ==", None);
        check("Basic !", None);
        check("Digest x", None);
        check("mh_1_aa", None);
    }

    #[test]
    fn cookie_counts_for_reading_and_for_requests_of_own_pages_only() {
        let check = |method: Method, more: &[(&'static str, &'static str)], expected: bool| {
            let mut headers = HeaderMap::new();
            let all = [("host", "health.lan"), ("cookie", "myhealth-session=a.b.c")];
            for (name, value) in all.iter().chain(more) {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            let credential = Credential::of(&method, &headers);
            assert_eq!(matches!(credential, Ok(Credential::Cookie(_))), expected, "{method} {more:?}");
            assert_eq!(matches!(credential, Err(Error::ForeignOrigin)), !expected, "{method} {more:?}");
        };
        check(Method::GET, &[], true);
        check(Method::POST, &[], false);
        check(Method::DELETE, &[], false);
        check(Method::GET, &[("upgrade", "websocket")], false);
        check(Method::POST, &[("origin", "http://health.lan")], true);
        check(Method::POST, &[("origin", "http://health.lan:8080")], false);
        check(Method::POST, &[("origin", "http://health.lan"), ("sec-fetch-site", "same-site")], false);
        check(Method::GET, &[("upgrade", "websocket"), ("origin", "http://health.lan")], true);
    }

    #[test]
    fn header_counts_before_a_cookie() {
        let mut headers = HeaderMap::new();
        headers.insert("cookie", HeaderValue::from_static("myhealth-session=a.b.c"));
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Digest x"));
        assert!(matches!(Credential::of(&Method::GET, &headers), Ok(Credential::Unreadable)));
    }
}
