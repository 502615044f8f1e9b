//! What applies to a route before its handler runs: required access, rate limit, load shedding, body limit, caching.
//! A route is added together with its [`Policy`] ([`crate::routes::Routes::add`]), so none can be without one. [`attach`]
//! puts the policy of the matched route into the request, where every middleware finds it; none looks at paths.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State as With};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use store::{AuditAction, Scope};

/// The policy of one route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) access: RequiredAccess,
    pub(crate) rate_limit: RateLimit,
    pub(crate) load_shedding: LoadShedding,
    pub(crate) body: BodyLimit,
    pub(crate) caching: Caching,
    /// What a successful response is in the audit trail, where it is anything. Refusals are recorded on every route.
    pub(crate) audited: Option<AuditAction>,
}

/// What a request must prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequiredAccess {
    /// Nothing: a probe has no credential, and a client that logs in has none yet.
    Public,
    /// What authentication finds, whatever it opens: the request is about the principal itself.
    Unscoped,
    /// A credential that opens some kind of data. The handler narrows it to the kinds that the request is about, with
    /// [`crate::access::PartialAccess`].
    SomeData,
    /// This scope.
    Scope(Scope),
    /// This scope of a token or log-in, even where reading is open without credentials.
    Identified(Scope),
}

/// Which requests of one address are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RateLimit {
    /// Requests per second, bursts allowed.
    Requests,
    /// Attempts per minute, few enough that passwords cannot be guessed.
    LogIns,
}

/// How a request is admitted when there is more to do than can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoadShedding {
    /// Always, without a database too: probes must get through and report what is wrong.
    Exempt,
    /// After a short wait for one of the permits that most routes share, held until the response begins.
    Shared,
    /// After a longer wait for a permit of its own kind, held until the response has been sent. A dashboard sends
    /// Prometheus forty queries at once, which wait for each other; they must not take the permits of other clients.
    UntilSent,
}

/// How long a request body may be and take. Each kind has a memory budget of its own ([`crate::guards::body`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyLimit {
    /// Parameters, or no body at all.
    Small,
    /// Documents to store: a month of every collection but the time series, several times over.
    Documents,
}

impl BodyLimit {
    /// Largest body, in bytes.
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Self::Small => 16 * 1024,
            Self::Documents => 8 * 1024 * 1024,
        }
    }

    /// Longest time until its end.
    pub(crate) const fn timeout(self) -> Duration {
        match self {
            Self::Small => Duration::from_secs(10),
            Self::Documents => Duration::from_secs(20),
        }
    }
}

/// Whether responses are kept in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caching {
    /// No: quick to make, streamed, or of a request that changes something.
    Off,
    /// Until the person's data or their day changes: long to make and short to keep.
    UntilChange,
}

impl Policy {
    /// Reading data of kinds that depend on the request.
    pub(crate) const READ: Self = Self {
        access: RequiredAccess::SomeData,
        rate_limit: RateLimit::Requests,
        load_shedding: LoadShedding::Shared,
        body: BodyLimit::Small,
        caching: Caching::Off,
        audited: None,
    };

    /// The same, for responses that take long to make.
    pub(crate) const READ_CACHED: Self = Self { caching: Caching::UntilChange, ..Self::READ };

    /// Whatever needs one scope.
    pub(crate) const fn scope(scope: Scope) -> Self {
        Self { access: RequiredAccess::Scope(scope), ..Self::READ }
    }

    /// Paths outside the description: itself, its page, and paths that do not exist.
    const UNDESCRIBED: Self = Self::READ;
}

/// The policies of all routes; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policies(Arc<HashMap<String, Vec<(Method, Policy)>>>);

impl FromIterator<(Method, String, Policy)> for Policies {
    fn from_iter<T: IntoIterator<Item = (Method, String, Policy)>>(routes: T) -> Self {
        let mut policies: HashMap<String, Vec<(Method, Policy)>> = HashMap::new();
        for (method, path, policy) in routes {
            policies.entry(path).or_default().push((method, policy));
        }
        Self(Arc::new(policies))
    }
}

impl Policies {
    /// The same, and another path with the policies of one that is there.
    pub(crate) fn with_alias(self, alias: &str, path: &str) -> Self {
        let mut policies = HashMap::clone(&self.0);
        let same = policies.get(path).cloned().unwrap_or_default();
        policies.insert(alias.to_owned(), same);
        Self(Arc::new(policies))
    }

    /// The policy of a route by its path template. `HEAD` has that of `GET`; a method that the path does not take has that
    /// of the first it takes.
    fn of(&self, method: &Method, path: Option<&str>) -> Policy {
        let Some(methods) = path.and_then(|path| self.0.get(path)) else { return Policy::UNDESCRIBED };
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let declared = methods.iter().find(|(declared, _)| declared == method).or(methods.first());
        declared.map_or(Policy::UNDESCRIBED, |(_, policy)| *policy)
    }
}

/// Puts the policy of the matched route into the request.
pub(crate) async fn attach(With(policies): With<Policies>, mut request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let policy = policies.of(request.method(), path);
    request.extensions_mut().insert(policy);
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_is_that_of_the_route_and_its_method() {
        let routes = [
            (Method::GET, "/jobs".to_owned(), Policy::scope(Scope::Jobs)),
            (
                Method::POST,
                "/jobs".to_owned(),
                Policy { access: RequiredAccess::Identified(Scope::Jobs), ..Policy::READ },
            ),
        ];
        let policies = Policies::from_iter(routes);
        for (method, path, expected) in [
            (Method::GET, Some("/jobs"), RequiredAccess::Scope(Scope::Jobs)),
            (Method::HEAD, Some("/jobs"), RequiredAccess::Scope(Scope::Jobs)),
            (Method::POST, Some("/jobs"), RequiredAccess::Identified(Scope::Jobs)),
            (Method::DELETE, Some("/jobs"), RequiredAccess::Scope(Scope::Jobs)),
            (Method::GET, Some("/jobs/{id}"), RequiredAccess::SomeData),
            (Method::GET, None, RequiredAccess::SomeData),
        ] {
            assert_eq!(policies.of(&method, path).access, expected, "{method} {path:?}");
        }
    }
}
