//! Requests that a page of another origin makes a browser send. A page may send simple ones (a POST of plain text) to
//! any address that its reader's machine reaches, without asking first and from where no token is needed; CORS keeps it
//! only from reading the response. The rule is that of Go's `http.CrossOriginProtection`.

use std::sync::Arc;

use axum::extract::{Request, State as With};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::Error;

/// Whether a page of another origin, which is none of `trusted`, sends this request, and it is one that does something: its
/// method is not safe, or it opens a WebSocket, which browsers open to anywhere.
pub fn is_cross_origin(method: &Method, headers: &HeaderMap, trusted: &[HeaderValue]) -> bool {
    if method.is_safe() && !headers.contains_key(header::UPGRADE) {
        return false;
    }
    let origin = headers.get(header::ORIGIN);
    if origin.is_some_and(|origin| trusted.contains(origin)) {
        return false;
    }
    // What no page can set, and a proxy in front leaves as it is.
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    // Programs send neither, browsers of before 2023 and without TLS the origin alone.
    let authority = |origin: &HeaderValue| Some(origin.to_str().ok()?.split_once("://")?.1.to_owned());
    origin.is_some_and(|origin| {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        host.is_none() || authority(origin).as_deref() != host
    })
}

/// Whether a browser says that a page of this very origin sends the request. What is said by no header counts as another's.
pub(crate) fn is_from_own_page(headers: &HeaderMap) -> bool {
    let says = headers.contains_key("sec-fetch-site") || headers.contains_key(header::ORIGIN);
    says && !is_cross_origin(&Method::POST, headers, &[])
}

/// Refuses them.
pub(crate) async fn guard(With(trusted): With<Arc<[HeaderValue]>>, request: Request, next: Next) -> Response {
    if is_cross_origin(request.method(), request.headers(), &trusted) {
        return Error::ForeignOrigin.into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    #[track_caller]
    fn check(method: &Method, headers: &[(&'static str, &'static str)], expected: bool) {
        let trusted = [HeaderValue::from_static("https://grafana.example.org")];
        let mut all = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("127.0.0.1:8872"))]);
        let headers = headers.iter();
        all.extend(
            headers.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))),
        );
        assert_eq!(is_cross_origin(method, &all, &trusted), expected, "{method} {all:?}");
    }

    #[test]
    fn foreign_pages_are_distinguished_from_programs_and_own_pages() {
        let post = &Method::POST;
        check(post, &[], false);
        check(post, &[("origin", "http://127.0.0.1:8872")], false);
        check(post, &[("origin", "https://grafana.example.org"), ("sec-fetch-site", "cross-site")], false);
        // Behind a proxy that calls this process by another name.
        check(post, &[("origin", "https://health.example"), ("sec-fetch-site", "same-origin")], false);
        check(post, &[("sec-fetch-site", "none")], false);
        for origin in ["https://evil.example", "http://127.0.0.1:9000", "http://127.0.0.1", "null", ""] {
            for method in [post, &Method::PUT, &Method::DELETE, &Method::PATCH] {
                check(method, &[("origin", origin)], true);
            }
            check(&Method::GET, &[("origin", origin), ("upgrade", "websocket")], true);
            check(&Method::GET, &[("origin", origin)], false);
        }
        check(post, &[("origin", "http://127.0.0.1:8872"), ("sec-fetch-site", "cross-site")], true);
        check(post, &[("sec-fetch-site", "same-site")], true);
        check(&Method::GET, &[("upgrade", "websocket")], false);
    }

    #[test]
    fn own_page_must_say_so() {
        let check = |headers: &[(&'static str, &'static str)], expected| {
            let mut all = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("127.0.0.1:8872"))]);
            let headers = headers.iter();
            all.extend(
                headers.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))),
            );
            assert_eq!(is_from_own_page(&all), expected, "{all:?}");
        };
        check(&[], false);
        check(&[("origin", "http://127.0.0.1:8872")], true);
        check(&[("origin", "http://127.0.0.1:9999")], false);
        check(&[("origin", "null")], false);
        check(&[("origin", "https://health.example"), ("sec-fetch-site", "same-origin")], true);
        check(&[("origin", "http://127.0.0.1:8872"), ("sec-fetch-site", "same-site")], false);
    }

    #[test]
    fn origin_without_a_host_to_compare_is_foreign() {
        let headers =
            HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static("http://127.0.0.1:8872"))]);
        assert!(is_cross_origin(&Method::POST, &headers, &[]));
    }
}
