//! Why an answer did not come, as a closed set of kinds: what is worth trying again, what a person must mend, and what
//! metrics and `doctor` call it.

use std::time::Duration;

use domain::Pseudonym;
use reqwest::StatusCode;
use serde_json::Value;

use crate::oauth::{LOGIN_REQUIRED, RENEWAL_FAILED, RenewalError};

/// The longest pause a `Retry-After` may ask of a running pass; beyond it the pass ends and the next one waits for it.
pub(super) const MAX_PAUSE: Duration = Duration::from_mins(5);

/// Why a request failed. Never carries a token or a body.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No connection, or it broke.
    #[error("Oura cannot be reached")]
    Network(#[source] reqwest::Error),
    /// No answer in time.
    #[error("Oura did not answer in time")]
    Timeout,
    /// 5xx.
    #[error("Oura has a fault of its own (status {0})")]
    Server(StatusCode),
    /// 429; with the pause asked for.
    #[error("Oura's request limit is reached")]
    RateLimited(Option<Duration>),
    /// 401: the token is missing, expired or revoked.
    #[error("Oura does not accept the token; it is expired, revoked or mistyped")]
    Unauthorized,
    /// 401 or 403 for this collection only: the consent leaves it out.
    #[error("the consent does not cover this collection; log in again and tick it")]
    Scope,
    /// 403: the membership lapsed, or the account may not.
    #[error("Oura refuses: the membership has lapsed or the account has no access")]
    Forbidden,
    /// 404.
    #[error("Oura does not know this address; check the base URL")]
    NotFound,
    /// 426: the phone app is too old for this kind of data.
    #[error("the Oura app on the phone must be updated")]
    AppTooOld,
    /// 400 or 422: Oura does not understand the question.
    #[error("Oura does not accept the request (status {0})")]
    Refused(StatusCode),
    /// The answer is no page of documents.
    #[error("Oura's answer is broken: {0}")]
    Malformed(String),
    /// The database refuses what was read.
    #[error("the database refuses what was read")]
    Store(#[source] store::Error),
    /// The collection has failed so often that it is left alone for a while; nothing was sent.
    #[error("the collection has failed too often and is left alone for {} s", pause.as_secs())]
    Resting {
        /// Kind of the failure that led to this.
        kind: &'static str,
        /// Until it is tried again.
        pause: Duration,
    },
    /// There is no log-in, or it is spent.
    #[error("nobody is logged in at Oura, or the log-in is spent; run `myhealth login`")]
    LoginRequired,
    /// The log-in has run out and could not be renewed now; it is tried again.
    #[error("the log-in at Oura could not be renewed")]
    RenewalFailed(#[source] Box<RenewalError>),
    /// The access token is another Oura account's than the person's.
    #[error(
        "the access token is another Oura account's than the one stored as {0}, so nothing was read with it; log in as \
         the right one, or give --replace-account to `myhealth login` or `sync` where {0} has really got another"
    )]
    OtherAccount(Pseudonym),
    /// The access token's Oura account is another person here.
    #[error(
        "the access token is the Oura account of {0} here, and one account is one person; nothing was read with it"
    )]
    SharedAccount(Pseudonym),
    /// A status nobody has documented.
    #[error("Oura answered with an unexpected status {0}")]
    Unexpected(StatusCode),
}

impl Failure {
    /// Every kind, for metrics that start at zero.
    pub const KINDS: [&'static str; 16] = [
        "network",
        "timeout",
        "server",
        "rate_limited",
        "unauthorized",
        "scope",
        "forbidden",
        "not_found",
        "app_too_old",
        "refused",
        "malformed",
        "store",
        LOGIN_REQUIRED,
        RENEWAL_FAILED,
        "wrong_account",
        "unexpected",
    ];

    /// The kind as a label value.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Network(_) => "network",
            Self::Timeout => "timeout",
            Self::Server(_) => "server",
            Self::RateLimited(_) => "rate_limited",
            Self::Unauthorized => "unauthorized",
            Self::Scope => "scope",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::AppTooOld => "app_too_old",
            Self::Refused(_) => "refused",
            Self::Malformed(_) => "malformed",
            Self::Store(_) => "store",
            Self::Resting { kind, .. } => kind,
            Self::LoginRequired => LOGIN_REQUIRED,
            Self::RenewalFailed(_) => RENEWAL_FAILED,
            Self::OtherAccount(_) | Self::SharedAccount(_) => "wrong_account",
            Self::Unexpected(_) => "unexpected",
        }
    }

    /// Whether the same request may succeed a little later.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Network(_) | Self::Timeout | Self::Server(_) | Self::RateLimited(_) | Self::Malformed(_)
        )
    }

    /// Whether no other request with this token will succeed either.
    pub fn is_final_for_token(&self) -> bool {
        matches!(
            self,
            Self::Unauthorized
                | Self::LoginRequired
                | Self::RenewalFailed(_)
                | Self::OtherAccount(_)
                | Self::SharedAccount(_)
        )
    }

    /// Whether asking for more now is useless (no network, a dead token) or unwelcome.
    pub fn ends_pass(&self) -> bool {
        let useless = self.is_final_for_token() || matches!(self, Self::Network(_));
        useless || self.pause().is_some_and(|pause| pause > MAX_PAUSE)
    }

    /// The pause Oura asked for.
    pub fn pause(&self) -> Option<Duration> {
        match self {
            Self::RateLimited(pause) => *pause,
            _ => None,
        }
    }

    pub(super) fn of(status: StatusCode, retry_after: Option<&str>, body: &[u8]) -> Self {
        match status {
            StatusCode::TOO_MANY_REQUESTS => Self::RateLimited(
                retry_after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs),
            ),
            // A missing scope comes as 401, though the token is fine for everything else; refreshing would not help.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if names_a_scope(body) => Self::Scope,
            StatusCode::UNAUTHORIZED => Self::Unauthorized,
            StatusCode::FORBIDDEN => Self::Forbidden,
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::UPGRADE_REQUIRED => Self::AppTooOld,
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Self::Refused(status),
            status if status.is_server_error() => Self::Server(status),
            status => Self::Unexpected(status),
        }
    }
}

fn names_a_scope(body: &[u8]) -> bool {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    let detail = value.as_ref().and_then(|value| value.get("detail")?.as_str());
    detail.is_some_and(|detail| detail.to_ascii_lowercase().contains("scope"))
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        // The address carries dates only, but a log needs none of it.
        let error = error.without_url();
        if error.is_timeout() { Self::Timeout } else { Self::Network(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, kind: &str) {
        let failure = Failure::of(StatusCode::from_u16(status).unwrap(), Some("7"), body.as_bytes());
        assert_eq!(failure.kind(), kind, "{status} {body}");
        assert!(Failure::KINDS.contains(&failure.kind()));
    }

    #[test]
    fn a_status_has_one_meaning_and_a_scope_is_no_dead_token() {
        check(401, r#"{"detail":"Token lacks the spo2 scope."}"#, "scope");
        check(403, r#"{"detail":"missing scope"}"#, "scope");
        check(401, r#"{"detail":"expired"}"#, "unauthorized");
        check(401, "", "unauthorized");
        check(403, "{}", "forbidden");
        check(404, "<html>", "not_found");
        check(422, r#"{"detail":[{"msg":"scope"}]}"#, "refused");
        check(400, "", "refused");
        check(426, "", "app_too_old");
        check(429, "", "rate_limited");
        check(503, "", "server");
        check(302, "", "unexpected");
    }

    #[test]
    fn the_pause_is_what_oura_asked_for() {
        let pause = |text| Failure::of(StatusCode::TOO_MANY_REQUESTS, text, b"").pause();
        assert_eq!(pause(Some("7")), Some(Duration::from_secs(7)));
        assert_eq!(pause(Some("soon")), None);
        assert_eq!(pause(None), None);
    }
}
