//! What can go wrong, each with its status and its words: RFC 9457 `application/problem+json`.
//!
//! A refusal says which parameter, what came and what to write. A failure on our side says nothing of its cause to the
//! client; [`crate::middleware`] logs it once.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::policy::BodyLimit;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// 400: a parameter that cannot be used.
    #[error("{parameter}: {reason}")]
    Parameter { parameter: &'static str, reason: String },
    /// 400: a query string that says something else than the documented parameters.
    #[error("{0}")]
    Query(String),
    /// 400: the path is not readable.
    #[error("the path is not UTF-8 after percent-decoding")]
    Path,
    /// 400: several people, and the question names none.
    #[error("person: several people are known here; choose one of: {0}")]
    PersonRequired(String),
    /// 400: a remote-read question that cannot be answered.
    #[error("{0}")]
    RemoteRead(String),
    /// 401: nothing says who asks.
    #[error(
        "a token is needed: send `Authorization: Bearer mh_…`, or the token as the password of basic authentication; \
         `myhealth token create` makes one, and POST /api/v1/auth/login a log-in"
    )]
    TokenRequired,
    /// 401: a token that is wrong, revoked or unreadable.
    #[error(
        "the token is not in force: mistyped, ended, revoked, or of another database; `myhealth token list` shows all"
    )]
    TokenInvalid,
    /// 401: a browser's log-in that is over.
    #[error("the log-in has ended; log in again")]
    SessionEnded,
    /// 401: name and password do not fit together.
    #[error("no account has this name and this password")]
    LogInRefused,
    /// 403: log-ins are closed.
    #[error("log-ins are closed: {0}")]
    LogInClosed(&'static str),
    /// 403: a log-out without a log-in.
    #[error("this is no log-in of a person; a token is ended by `myhealth token revoke`")]
    NoLogIn,
    /// 403: the token is for something else.
    #[error("the token does not have the scope {0}; `myhealth token create --scope {0}` makes one that has")]
    Scope(store::Scope),
    /// 404: no such person.
    #[error("no person is called {0:?}; /api/v1/people lists everyone")]
    UnknownPerson(String),
    /// 404: no people at all.
    #[error(
        "no person has been added yet; `myhealth login` adds the first person, `myhealth demo` shows a synthetic one"
    )]
    Nobody,
    /// 404: no such metric.
    #[error("no metric is called {key:?}; {}", suggestion(.close))]
    UnknownMetric { key: String, close: Vec<&'static str> },
    /// 404: gateways do not know where this is.
    #[error("log-ins have no public issuer; --api.issuer https://… names one (docs/api.md)")]
    NoIssuer,
    /// 404: no provider is configured.
    #[error(
        "no identity provider is configured; single_sign_on in the file of --api.config.file names one (docs/api.md)"
    )]
    NoSignOn,
    /// 404: no such path.
    #[error("nothing is served here; /api/docs lists every path")]
    UnknownPath,
    /// 405.
    #[error("this path does not take this method; /api/docs says which it takes")]
    Method,
    /// 400: a body that ended before its end.
    #[error("the body ended before its end")]
    BodyCut,
    /// 408: a body that did not come.
    #[error("the body did not come within {} seconds; send it at once", .0.timeout().as_secs())]
    BodySlow(BodyLimit),
    /// 413.
    #[error("the body is larger than the {} KiB that this path accepts", .0.bytes() / 1024)]
    Body(BodyLimit),
    /// 414.
    #[error("the query is longer than {0} bytes")]
    QueryTooLong(usize),
    /// 429: more than one address, or one token or account, may send.
    #[error("too many requests; send the next in {0} seconds")]
    TooMany(u64),
    /// 409: the name is taken.
    #[error("{0} of this name exists already")]
    Taken(&'static str),
    /// 404: no such account.
    #[error("no account with a password is called {0:?}; /api/v1/admin/accounts lists all")]
    UnknownAccount(String),
    /// 404: no such token.
    #[error("no token in force has the number {0}; /api/v1/admin/tokens lists all")]
    UnknownToken(i64),
    /// 500: no secret can be made.
    #[error("the operating system gives no random numbers")]
    NoRandomNumbers,
    /// 404: no such job, or one about a person that the caller may not access.
    #[error("no job is called {0:?}; jobs are forgotten a week after they ended, or when they are deleted")]
    UnknownJob(String),
    /// 409: a job without a result.
    #[error("there is no result: the job is {0}")]
    NoResult(&'static str),
    /// 415.
    #[error("the body must be application/json")]
    MediaType,
    /// 422: an idempotency key that was used before.
    #[error("this Idempotency-Key was used for something else; use another for another request")]
    KeyTaken,
    /// 429: the queue of a person is full.
    #[error("too many unfinished jobs for this person (limit: 10); wait for one to end, or delete one")]
    ManyJobs,
    /// 403: a page of another origin.
    #[error("pages of another origin may not send this; --api.cors-origins lists those that may")]
    ForeignOrigin,
    /// 426.
    #[error("this path is a WebSocket; /events next to it is plain HTTP")]
    NoWebSocket,
    /// 503: no place for results is configured.
    #[error(
        "there is no place for results; start the service with --jobs.results FOLDER or s3://bucket/prefix"
    )]
    NoResults,
    /// 500: a result that cannot be read.
    #[error(transparent)]
    Result(jobs::Unreadable),
    /// 503: more at the same time than can be answered.
    #[error("too many requests at the same time; retry in a moment")]
    Busy,
    /// 503: the database did not do what is needed of it a moment ago; its probe has logged why.
    #[error("the database is unavailable; it is asked again in a moment")]
    DatabaseGone,
    /// Any other refusal of a layer below.
    #[error("the request was refused")]
    Refused(StatusCode),
    /// 500: a zone name in the database that this system does not know.
    #[error("the time zone of a person cannot be used: {0}; check the name and that tzdata is installed")]
    TimeZone(#[source] jiff::Error),
    /// 500: a handler panicked; the panic hook has said where.
    #[error("a handler panicked")]
    Panic,
    /// 500, or 503 when the database is unavailable, or 400 for a text it cannot hold.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The client no longer reads the response.
    #[error("the reader of a streamed answer has gone")]
    Gone,
    /// 504.
    #[error("the answer took too long; ask for fewer days")]
    Timeout,
}

/// What came, cut to a length that is safe to repeat.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

fn suggestion(close: &[&str]) -> String {
    if close.is_empty() {
        "/api/v1/metrics lists every one".to_owned()
    } else {
        format!("did you mean {}? /api/v1/metrics lists every one", close.join(", "))
    }
}

/// A refusal or failure, as RFC 9457 describes it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Names the kind of problem; stable.
    #[serde(rename = "type")]
    #[schema(format = "uri-reference", example = "/problems/invalid-parameter")]
    kind: &'static str,
    /// The kind in words; stable.
    #[schema(example = "A parameter cannot be used")]
    title: &'static str,
    /// The HTTP status again.
    #[schema(example = 400)]
    status: u16,
    /// What is wrong this time, and what to write instead.
    #[schema(example = "from: \"yesterday\" is not a date; write it as YYYY-MM-DD, for example 2026-03-29")]
    detail: String,
}

/// The media type of a [`Problem`].
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// Seconds after which asking again makes sense once the database did not answer.
const RETRY_AFTER: u64 = 5;

/// How to say who asks.
const CHALLENGE: &str = "Bearer realm=\"myhealth\", Basic realm=\"myhealth\"";

impl Error {
    /// What a bare status of a layer below means.
    pub(crate) fn bare(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::UnknownPath,
            StatusCode::METHOD_NOT_ALLOWED => Self::Method,
            StatusCode::GATEWAY_TIMEOUT => Self::Timeout,
            other => Self::Refused(other),
        }
    }

    fn problem(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Parameter { .. } | Self::PersonRequired(_) => {
                (StatusCode::BAD_REQUEST, "/problems/invalid-parameter", "A parameter cannot be used")
            }
            Self::Query(_) | Self::Path | Self::BodyCut | Self::Store(store::Error::Nul(_)) => {
                (StatusCode::BAD_REQUEST, "/problems/invalid-query", "The question cannot be read")
            }
            Self::RemoteRead(_) => {
                (StatusCode::BAD_REQUEST, "/problems/invalid-remote-read", "The question cannot be answered")
            }
            Self::TokenRequired | Self::TokenInvalid | Self::SessionEnded => {
                (StatusCode::UNAUTHORIZED, "/problems/unauthorized", "A token is needed")
            }
            Self::LogInRefused => {
                (StatusCode::UNAUTHORIZED, "/problems/log-in-refused", "Name or password is wrong")
            }
            Self::LogInClosed(_) => (StatusCode::FORBIDDEN, "/problems/log-in-closed", "Log-ins are closed"),
            Self::Scope(_) | Self::NoLogIn => {
                (StatusCode::FORBIDDEN, "/problems/forbidden", "The token is for something else")
            }
            Self::Taken(_) => (StatusCode::CONFLICT, "/problems/taken", "The name is taken"),
            Self::Store(store::Error::Declared { .. }) => {
                (StatusCode::CONFLICT, "/problems/declared", "Declared in the configuration file")
            }
            Self::UnknownAccount(_) | Self::UnknownToken(_) => {
                (StatusCode::NOT_FOUND, "/problems/unknown-access", "No such account or token")
            }
            Self::UnknownPerson(_) | Self::Nobody => {
                (StatusCode::NOT_FOUND, "/problems/unknown-person", "No such person")
            }
            Self::UnknownMetric { .. } => {
                (StatusCode::NOT_FOUND, "/problems/unknown-metric", "No such metric")
            }
            Self::UnknownPath | Self::NoIssuer | Self::NoSignOn => {
                (StatusCode::NOT_FOUND, "/problems/unknown-path", "No such path")
            }
            Self::Method => {
                (StatusCode::METHOD_NOT_ALLOWED, "/problems/method-not-allowed", "Method not allowed")
            }
            Self::BodySlow(_) => {
                (StatusCode::REQUEST_TIMEOUT, "/problems/body-timeout", "The body did not come")
            }
            Self::Body(_) => {
                (StatusCode::PAYLOAD_TOO_LARGE, "/problems/body-too-large", "The body is too large")
            }
            Self::QueryTooLong(_) => {
                (StatusCode::URI_TOO_LONG, "/problems/query-too-long", "The query is too long")
            }
            Self::TooMany(_) => {
                (StatusCode::TOO_MANY_REQUESTS, "/problems/too-many-requests", "Too many requests")
            }
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "/problems/busy", "Too much to do"),
            Self::Refused(status) => (*status, "/problems/refused", "The request was refused"),
            Self::Store(store::Error::Unavailable { .. }) | Self::DatabaseGone => (
                StatusCode::SERVICE_UNAVAILABLE,
                "/problems/database-unavailable",
                "The database is unavailable",
            ),
            Self::UnknownJob(_) => (StatusCode::NOT_FOUND, "/problems/unknown-job", "No such job"),
            Self::NoResult(_) => (StatusCode::CONFLICT, "/problems/no-result", "There is no result"),
            Self::MediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "/problems/media-type", "Another media type is needed")
            }
            Self::KeyTaken => {
                (StatusCode::UNPROCESSABLE_ENTITY, "/problems/idempotency-key", "The key was used before")
            }
            Self::ManyJobs => (StatusCode::TOO_MANY_REQUESTS, "/problems/many-jobs", "Too many jobs"),
            Self::ForeignOrigin => (StatusCode::FORBIDDEN, "/problems/forbidden", "Another origin"),
            Self::NoWebSocket => {
                (StatusCode::UPGRADE_REQUIRED, "/problems/no-websocket", "A WebSocket is needed")
            }
            Self::NoResults => {
                (StatusCode::SERVICE_UNAVAILABLE, "/problems/no-place-for-results", "No place for results")
            }
            Self::TimeZone(_)
            | Self::Panic
            | Self::Gone
            | Self::NoRandomNumbers
            | Self::Result(_)
            | Self::Store(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "/problems/internal", "Something failed on this side")
            }
            Self::Timeout => (StatusCode::GATEWAY_TIMEOUT, "/problems/timeout", "The answer took too long"),
        }
    }

    /// Whether it is counted and not logged: refused by the thousand, where there is too much to do.
    pub(crate) fn is_shed(&self) -> bool {
        matches!(self, Self::Busy | Self::DatabaseGone)
    }

    /// Whether it is the database that is unavailable.
    pub(crate) fn is_of_the_database(&self) -> bool {
        matches!(self, Self::Store(store::Error::Unavailable { .. }))
    }

    /// Seconds after which asking again makes sense.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooMany(seconds) => Some(*seconds),
            Self::Busy => Some(1),
            Self::ManyJobs => Some(60),
            Self::DatabaseGone => Some(RETRY_AFTER),
            _ => self.is_of_the_database().then_some(RETRY_AFTER),
        }
    }

    /// The words for the client. A cause may name hosts, files or statements, so it stays in the log.
    fn detail(&self) -> String {
        match self {
            Self::Store(error @ (store::Error::Nul(_) | store::Error::Declared { .. })) => error.to_string(),
            Self::TimeZone(_) | Self::Panic | Self::Result(_) | Self::Store(_) => {
                "the cause is in the server's log, under the x-request-id of this answer".to_owned()
            }
            other => other.to_string(),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, kind, title) = self.problem();
        let problem = Problem { kind, title, status: status.as_u16(), detail: self.detail() };
        let mut response = (status, axum::Json(problem)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
        }
        if status.is_server_error() {
            response.extensions_mut().insert(Arc::new(self));
        }
        response
    }
}

/// Responses that every request may get, for the documentation.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "only its documentation is used")]
pub(crate) enum Failures {
    /// A parameter is unknown, malformed, out of range or missing; `detail` says which and what to write.
    #[response(status = 400, content_type = "application/problem+json")]
    Parameter(Problem),
    /// No token, or one that is not in force.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(Problem),
    /// The token does not have the scope, or a page of another origin sends the request.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// The body did not come in time: 10 seconds, 20 for `/api/v1/ingest`.
    #[response(status = 408, content_type = "application/problem+json")]
    Slow(Problem),
    /// The body is too large: 8 MiB to send documents, 16 KiB elsewhere.
    #[response(status = 413, content_type = "application/problem+json")]
    Body(Problem),
    /// The query is longer than 2,048 bytes.
    #[response(status = 414, content_type = "application/problem+json")]
    Query(Problem),
    /// The address, token or account sends too many requests; send the next after `Retry-After` seconds.
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(Problem),
    /// Something failed on this side; the log has the cause.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(Problem),
    /// The database is unavailable, or too much is asked at a time; ask again after `Retry-After` seconds.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
    /// The answer took longer than 30 seconds; ask for fewer days.
    #[response(status = 504, content_type = "application/problem+json")]
    Timeout(Problem),
}

/// Further responses to requests that name a person or a thing, for the documentation.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "only its documentation is used")]
pub(crate) enum Unknown {
    /// No such person or metric.
    #[response(status = 404, content_type = "application/problem+json")]
    Unknown(Problem),
}
