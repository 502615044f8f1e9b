//! Which names this process answers to. A hostile web page can point a name of its own at a loopback address and then
//! read whatever answers there without a log-in (DNS rebinding). Names that only a local resolver can give out cannot
//! be abused so; public ones must be told.

use std::future::{Ready, ready};
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::Either;
use tower::{Service, layer};

/// Endings that no public registry gives out (RFC 6761, 6762, 8375, 9476 and the habits of clusters and homes).
const PRIVATE_SUFFIXES: [&str; 9] =
    ["localhost", "local", "internal", "lan", "home", "home.arpa", "test", "svc", "cluster.local"];

/// The names told, besides those that are always answered to.
#[derive(Clone, Debug)]
pub(crate) struct HostAllowList(Arc<[String]>);

impl HostAllowList {
    pub(crate) fn new(names: &[String]) -> Self {
        Self(names.iter().map(|name| name.to_ascii_lowercase()).collect())
    }

    /// Refuses requests for names that are neither private nor listed.
    pub(crate) fn guard(&self, router: Router) -> Router {
        let names = self.clone();
        router.layer(layer::layer_fn(move |inner| Guard { inner, names: names.clone() }))
    }

    /// Whether a request with these headers is for a name that is private or listed.
    pub(crate) fn allows(&self, headers: &HeaderMap) -> bool {
        let header = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        // HTTP/1.0 sends none; a browser always does.
        header.is_none_or(|host| is_ours(host, &self.0))
    }
}

/// A service by hand: axum's middleware functions copy the route and box a future at every request.
#[derive(Clone)]
struct Guard<S> {
    inner: S,
    names: HostAllowList,
}

impl<S: Service<Request, Response = Response>> Service<Request> for Guard<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if self.names.allows(request.headers()) {
            Either::Left(self.inner.call(request))
        } else {
            Either::Right(ready(Ok(misdirected())))
        }
    }
}

fn is_ours(host: &str, names: &[String]) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
    });
    let name = name.trim_end_matches('.');
    if name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok() {
        return true;
    }
    let name = name.to_ascii_lowercase();
    let private = PRIVATE_SUFFIXES
        .iter()
        .any(|ending| name.strip_suffix(ending).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')));
    !name.contains('.') || private || names.contains(&name)
}

fn misdirected() -> Response {
    let text = "This name is not one this process answers to. If it is yours, start it with --web.allowed-hosts NAME.\n";
    (StatusCode::MISDIRECTED_REQUEST, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_host_name_must_be_allowed() {
        let told = ["health.example.org".to_owned()];
        let check = |host: &str, expected| assert_eq!(is_ours(host, &told), expected, "{host}");
        check("127.0.0.1:9872", true);
        check("[::1]:9872", true);
        check("::1", true);
        check("localhost", true);
        check("raspberry:9872", true);
        check("raspberry.local", true);
        check("Myhealth.Default.SVC:9872", true);
        check("myhealth.default.svc.cluster.local.", true);
        check("health.example.org:443", true);
        check("HEALTH.example.org", true);
        check("evil.example:9872", false);
        check("127.0.0.1.evil.example", false);
        check("localhost.evil.example", false);
        check("evillocal.example", false);
        check("x.notlocal", false);
    }
}
