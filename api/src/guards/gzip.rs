//! Compression of cached responses, once for all requests.

use std::io::Write as _;

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// What fits into one packet is not compressed.
pub(crate) const MIN_COMPRESSED: u16 = 1024;

/// Whether a client takes gzip. A named coding wins over `*`.
pub(crate) fn accepted(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let items: Vec<&str> = values.flat_map(|value| value.split(',')).collect();
    let accepts = |coding: &str| {
        items.iter().find_map(|item| {
            let mut parts = item.split(';').map(str::trim);
            let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
            named
                .then(|| !parts.any(|part| part.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0_f32))))
        })
    };
    accepts("gzip").or_else(|| accepts("*")).unwrap_or(false)
}

/// The gzip member of a body, as quickly as the answers that are not kept are compressed.
pub(crate) fn member(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), Compression::fast());
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.expect("BUG: memory takes every byte").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_only_to_clients_that_accept_it() {
        for (accept, expected) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5, br", true),
            ("*", true),
            ("gzip;q=0, *", false),
            ("*;q=0.0", false),
            ("identity", false),
            ("x-gzip2", false),
            (",;q=,", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, accept.parse().unwrap())]);
            assert_eq!(accepted(&headers), expected, "{accept}");
        }
        assert!(!accepted(&HeaderMap::new()));
    }
}
