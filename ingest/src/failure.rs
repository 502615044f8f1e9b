//! Why a request failed, in detail; [`Cause`] is its summary for the other crates.

use std::time::Duration;

use domain::{Cause, Pseudonym};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::http::{is_foreign, retry_after};
use crate::oauth::error::RenewalError;

/// The longest `Retry-After` that a sync run waits for; beyond it the run ends and the next one starts after it.
pub(crate) const MAX_INLINE_RETRY_AFTER: Duration = Duration::from_mins(5);

/// Why a request failed. Never carries a token or a body.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No connection.
    #[error("Oura cannot be reached")]
    Network(#[source] reqwest::Error),
    /// The connection broke before the end of the response, or its end cannot be decompressed.
    #[error("Oura's answer broke off")]
    Interrupted(#[source] reqwest::Error),
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
    #[error(
        "Oura refuses: the membership has lapsed, the account has no access, or the request was not accepted"
    )]
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
    /// A web page: of a firewall, a proxy, or a network that wants a log-in.
    #[error(
        "a web page came instead of Oura's answer (status {0}); a firewall, proxy or network log-in sent it"
    )]
    Intercepted(StatusCode),
    /// The answer is no page of documents.
    #[error("Oura's answer is broken: {0}")]
    Malformed(String),
    /// The answer has no end, or is larger than any page.
    #[error("Oura's answer is too large: {0}")]
    TooLarge(String),
    /// The database refuses what was read.
    #[error("the database refuses what was read")]
    Store(#[source] store::Error),
    /// The collection has failed so often that it is left alone for a while; nothing was sent.
    #[error("the collection has failed too often and is left alone for {} s", pause.as_secs())]
    Resting {
        /// Cause of the failure that led to this.
        cause: Cause,
        /// Until it is tried again.
        pause: Duration,
    },
    /// There is no log-in, or it is spent.
    #[error("there is no log-in at Oura, or it is spent; run `myhealth login`")]
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
    /// An undocumented status.
    #[error("Oura answered with an unexpected status {0}")]
    Unexpected(StatusCode),
    /// Reading the response ended in a panic.
    #[error("BUG: reading Oura's answer panicked; please report it with the log")]
    Panicked,
}

impl Failure {
    /// What it is called everywhere else.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Network(_) | Self::Interrupted(_) => Cause::Network,
            Self::Timeout => Cause::Timeout,
            Self::Server(_) => Cause::Server,
            Self::RateLimited(_) => Cause::RateLimited,
            Self::Unauthorized => Cause::Unauthorized,
            Self::Scope => Cause::Scope,
            Self::Forbidden => Cause::Forbidden,
            Self::NotFound => Cause::NotFound,
            Self::AppTooOld => Cause::AppTooOld,
            Self::Refused(_) => Cause::Refused,
            Self::Intercepted(_) => Cause::Intercepted,
            Self::Malformed(_) | Self::TooLarge(_) => Cause::Malformed,
            Self::Store(_) => Cause::Store,
            Self::Resting { cause, .. } => *cause,
            Self::LoginRequired => Cause::LoginRequired,
            Self::RenewalFailed(_) => Cause::RenewalFailed,
            Self::OtherAccount(_) | Self::SharedAccount(_) => Cause::WrongAccount,
            Self::Unexpected(_) | Self::Panicked => Cause::Unexpected,
        }
    }

    /// Whether the same request may succeed a little later. An open circuit stays open for longer than that, and what is
    /// too large is not fetched five times.
    pub fn is_transient(&self) -> bool {
        !matches!(self, Self::Resting { .. } | Self::TooLarge(_)) && self.cause().is_transient()
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

    /// Whether asking for other collections now is useless (no connection, a dead token) or unwelcome. A response that
    /// broke off is its own collection's alone.
    pub fn ends_sync_run(&self) -> bool {
        let useless = self.is_final_for_token() || matches!(self, Self::Network(_));
        useless || self.retry_after().is_some_and(|pause| pause > MAX_INLINE_RETRY_AFTER)
    }

    /// The pause Oura asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited(pause) => *pause,
            _ => None,
        }
    }

    /// What a response other than 200 means.
    pub(crate) fn of(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        match status {
            StatusCode::TOO_MANY_REQUESTS => Self::RateLimited(retry_after(headers)),
            status if status.is_server_error() && status != StatusCode::NETWORK_AUTHENTICATION_REQUIRED => {
                Self::Server(status)
            }
            // Only an application says so, in whatever form.
            StatusCode::UNPROCESSABLE_ENTITY => Self::Refused(status),
            status if is_foreign(status, headers, body) => Self::Intercepted(status),
            // A missing scope comes as 401, though the token is fine for everything else; refreshing would not help.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if names_a_scope(body) => Self::Scope,
            StatusCode::UNAUTHORIZED => Self::Unauthorized,
            StatusCode::FORBIDDEN => Self::Forbidden,
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::UPGRADE_REQUIRED => Self::AppTooOld,
            StatusCode::BAD_REQUEST => Self::Refused(status),
            status => Self::Unexpected(status),
        }
    }
}

fn names_a_scope(body: &[u8]) -> bool {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    let detail = value.as_ref().and_then(|value| value.get("detail")?.as_str());
    detail.is_some_and(|detail| detail.to_ascii_lowercase().contains("scope"))
}

impl From<RenewalError> for Failure {
    fn from(error: RenewalError) -> Self {
        Self::RenewalFailed(Box::new(error))
    }
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        // The address carries dates only, but a log needs none of it.
        let error = error.without_url();
        if error.is_connect() {
            Self::Network(error)
        } else if error.is_timeout() {
            Self::Timeout
        } else {
            Self::Interrupted(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header;

    use super::*;
    use crate::http::LONGEST_PAUSE;

    fn of(status: u16, headers: &[(header::HeaderName, &str)], body: &str) -> Failure {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        Failure::of(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes())
    }

    #[test]
    fn status_has_one_meaning_and_a_missing_scope_is_no_dead_token() {
        for (status, body, cause) in [
            (401, r#"{"detail":"Token lacks the spo2 scope."}"#, Cause::Scope),
            (403, r#"{"detail":"missing scope"}"#, Cause::Scope),
            (401, r#"{"detail":"expired"}"#, Cause::Unauthorized),
            (401, "", Cause::Unauthorized),
            (403, "{}", Cause::Forbidden),
            (403, "", Cause::Forbidden),
            (404, "{}", Cause::NotFound),
            (422, r#"{"detail":[{"msg":"scope"}]}"#, Cause::Refused),
            (400, "", Cause::Refused),
            (426, "", Cause::AppTooOld),
            (429, "", Cause::RateLimited),
            (503, "", Cause::Server),
            (302, "", Cause::Unexpected),
        ] {
            assert_eq!(of(status, &[], body).cause(), cause, "{status} {body}");
        }
    }

    #[test]
    fn page_of_a_firewall_is_no_word_of_oura() {
        let html = [(header::CONTENT_TYPE, "text/html; charset=UTF-8")];
        for status in [302, 400, 401, 403, 404, 406, 407, 426, 451, 511] {
            for (headers, body) in [
                (&html[..], "<!DOCTYPE html><html><body>scope of this request: blocked</body></html>"),
                (&html[..], "Request blocked."),
                (&[], "\u{feff}\n <html></html>"),
                (&[], "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"),
                (&[], "error code: 1020"),
            ] {
                let cause = of(status, headers, body).cause();
                assert_eq!(cause, Cause::Intercepted, "{status} {body}");
            }
        }
        assert_eq!(of(407, &[], "").cause(), Cause::Intercepted);
        assert_eq!(of(511, &[], "").cause(), Cause::Intercepted);
        // A gateway responds so for a server that is down, and a rate limit is one also when a gateway enforces it.
        assert_eq!(of(503, &html, "<html>").cause(), Cause::Server);
        assert_eq!(of(429, &html, "<html>").cause(), Cause::RateLimited);
    }

    fn pause(headers: &[(header::HeaderName, &str)]) -> Option<Duration> {
        of(429, headers, "").retry_after()
    }

    #[test]
    fn pause_is_what_oura_asked_for_within_an_hour() {
        let after = |text| pause(&[(header::RETRY_AFTER, text)]);
        assert_eq!(after(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(after("0"), Some(Duration::ZERO));
        for long in ["86400", "9223372036854775807", "9999999999999999999", "99999999999999999999999999"] {
            assert_eq!(after(long), Some(LONGEST_PAUSE), "{long}");
        }
        for none in ["", "soon", "-5", "1e9", "7 seconds"] {
            assert_eq!(after(none), None, "{none}");
        }
        assert_eq!(pause(&[]), None);
    }

    #[test]
    fn pause_until_a_date_counts_from_the_date_of_the_response() {
        let date = (header::DATE, "Fri, 27 Nov 2026 20:00:00 GMT");
        let until = |text| pause(&[date.clone(), (header::RETRY_AFTER, text)]);
        assert_eq!(until("Fri, 27 Nov 2026 20:02:00 GMT"), Some(Duration::from_mins(2)));
        assert_eq!(until("Friday, 27-Nov-26 20:02:00 GMT"), Some(Duration::from_mins(2)));
        assert_eq!(until("Fri Nov 27 20:02:00 2026"), Some(Duration::from_mins(2)));
        assert_eq!(until("Fri, 27 Nov 2026 19:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(until("Fri, 31 Dec 9999 23:59:59 GMT"), Some(LONGEST_PAUSE));
        assert_eq!(until("Fri, 27 Nov 2026 25:02:00 GMT"), None);
        assert_eq!(
            pause(&[(header::RETRY_AFTER, "Fri, 27 Nov 2026 20:02:00 GMT")]),
            None,
            "no clock to compare"
        );
    }
}
