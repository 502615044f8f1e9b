//! The token: a request `connect` to the service `rds-db`, presigned by Signature Version 4 and without its scheme.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use object_store::aws::AwsCredential;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::Endpoint;

/// What a query must not hold unescaped: all but RFC 3986's unreserved characters.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The longest that RDS takes a token for.
const VALID_SECONDS: &str = "900";

pub(crate) fn token(
    Endpoint { host, port, user }: &Endpoint,
    region: &str,
    credentials: &AwsCredential,
    now: Timestamp,
) -> String {
    let now = now.to_zoned(TimeZone::UTC);
    let (day, time) = (now.strftime("%Y%m%d").to_string(), now.strftime("%Y%m%dT%H%M%SZ").to_string());
    let scope = format!("{day}/{region}/rds-db/aws4_request");
    let credential = format!("{}/{scope}", credentials.key_id);
    // In the order of their names, as they are signed.
    let parameters = [
        ("Action", Some("connect")),
        ("DBUser", Some(user)),
        ("X-Amz-Algorithm", Some("AWS4-HMAC-SHA256")),
        ("X-Amz-Credential", Some(&credential)),
        ("X-Amz-Date", Some(&time)),
        ("X-Amz-Expires", Some(VALID_SECONDS)),
        ("X-Amz-Security-Token", credentials.token.as_deref()),
        ("X-Amz-SignedHeaders", Some("host")),
    ];
    let set = parameters.iter().filter_map(|(name, value)| Some((name, (*value)?)));
    let query: Vec<_> =
        set.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, ESCAPED))).collect();
    let query = query.join("&");

    let request = format!("GET\n/\n{query}\nhost:{host}:{port}\n\nhost\n{}", hash(""));
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hash(&request));
    let secret = format!("AWS4{}", credentials.secret_key);
    let key = [&*day, region, "rds-db", "aws4_request"]
        .iter()
        .fold(secret.into_bytes(), |key, text| authenticate(&key, text));
    let signature = HEXLOWER.encode(&authenticate(&key, &to_sign));
    format!("{host}:{port}/?{query}&X-Amz-Signature={signature}")
}

fn hash(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text))
}

fn authenticate(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("BUG: HMAC takes keys of every length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
