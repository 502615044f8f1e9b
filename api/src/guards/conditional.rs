//! Responses that the client has already are not sent again: a strong `ETag` of the bytes, and 304 (RFC 9110). The response
//! is made first, with the rights of the caller, so a 304 tells nothing that a 200 would not.

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use twox_hash::XxHash3_128;

use crate::error::Error;

/// Longest answer that is hashed; longer ones stand in memory already, but hashing them takes longer than sending.
const MAX_HASHED: u64 = 8 << 20;

/// The client may keep it, and must revalidate it each time.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// The tag of these bytes: XXH3, the same at all times and everywhere. Nothing is proved by a tag, it only tells one answer from
/// another, so that it need not take longer than writing them (SHA-256 took a tenth of a long answer).
pub(crate) fn tag(body: &[u8]) -> HeaderValue {
    let tag = format!("\"{:032x}\"", XxHash3_128::oneshot(body));
    tag.try_into().expect("BUG: hexadecimal is a header")
}

/// Tags what is whole in memory; streams pass untouched.
pub(crate) async fn answer(request: Request, next: Next) -> Response {
    if request.method() != Method::GET {
        return next.run(request).await;
    }
    let known: Vec<HeaderValue> = request.headers().get_all(header::IF_NONE_MATCH).iter().cloned().collect();
    let response = next.run(request).await;
    // What says itself how it may be kept is no data of a person.
    if response.status() != StatusCode::OK || response.headers().contains_key(header::CACHE_CONTROL) {
        return response;
    }
    let (mut parts, mut body) = response.into_parts();
    if !parts.headers.contains_key(header::ETAG) {
        if body.size_hint().exact().is_none_or(|length| length > MAX_HASHED) {
            return Response::from_parts(parts, body);
        }
        let Ok(bytes) = whole(body).await else { return Error::Gone.into_response() };
        parts.headers.insert(header::ETAG, tag(&bytes));
        body = Body::from(bytes);
    }
    parts.headers.insert(header::CACHE_CONTROL, PRIVATE);
    parts.headers.append(header::VARY, HeaderValue::from_static("authorization"));
    if is_known(&parts.headers, &known) {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.remove(header::CONTENT_ENCODING);
        body = Body::empty();
    }
    Response::from_parts(parts, body)
}

async fn whole(body: Body) -> Result<Bytes, axum::Error> {
    to_bytes(body, usize::try_from(MAX_HASHED).unwrap_or(usize::MAX)).await
}

fn is_known(headers: &HeaderMap, known: &[HeaderValue]) -> bool {
    let tag = headers.get(header::ETAG).map(HeaderValue::as_bytes);
    let opaque = |text: &str| text.trim().trim_start_matches("W/").as_bytes().to_vec();
    known.iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).any(|one| {
        let one = opaque(one);
        one == b"*" || tag.is_some_and(|tag| tag == one)
    })
}

/// Once compressed the bytes are others, and the tag promises only the same content.
pub(crate) fn weaken(mut response: Response) -> Response {
    let encoded = response.headers().contains_key(header::CONTENT_ENCODING);
    if encoded && let Some(tag) = response.headers().get(header::ETAG) {
        let weak = [b"W/", tag.as_bytes()].concat();
        if let (false, Ok(weak)) = (tag.as_bytes().starts_with(b"W/"), HeaderValue::from_bytes(&weak)) {
            response.headers_mut().insert(header::ETAG, weak);
        }
    }
    response
}
