//! Routes, each added with its policy.

use axum::Extension;
use axum::http::Method;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::SecurityRequirement;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::policy::{Policy, RequiredAccess};

/// Ways of authentication that the description names; its schemes have these names too.
pub(crate) const SCHEMES: [&str; 2] = ["bearer", "basic"];

/// Routes with their policies and their description; `S` is the state that their handlers take.
pub(crate) struct Routes<S> {
    router: OpenApiRouter<S>,
    policies: Vec<(Method, String, Policy)>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes.
    pub(crate) fn new() -> Self {
        Self { router: OpenApiRouter::new(), policies: Vec::new() }
    }

    /// Adds handlers of one path, all with this policy. The description states what access they require.
    pub(crate) fn add(mut self, policy: Policy, handlers: UtoipaMethodRouter<S>) -> Self {
        let (schemas, mut paths, methods) = handlers;
        for (path, item) in &mut paths.paths {
            for (method, operation) in operations(item) {
                operation.security = security(policy.access);
                self.policies.push((method, path.clone(), policy));
            }
        }
        self.router = self.router.routes((schemas, paths, methods));
        self
    }

    /// Gives the handlers of these routes something that they share, as an extension.
    pub(crate) fn share<T: Clone + Send + Sync + 'static>(mut self, shared: T) -> Self {
        self.router = self.router.layer(Extension(shared));
        self
    }

    /// Adds the routes of another module.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.policies.extend(other.policies);
        self
    }

    /// The same routes below a prefix.
    pub(crate) fn nest(self, prefix: &str) -> Self {
        let policies = self.policies.into_iter();
        Self {
            router: OpenApiRouter::new().nest(prefix, self.router),
            policies: policies
                .map(|(method, path, policy)| (method, format!("{prefix}{path}"), policy))
                .collect(),
        }
    }

    /// All routes, added to a description, and the policy of each.
    pub(crate) fn describe(
        self,
        description: utoipa::openapi::OpenApi,
    ) -> (OpenApiRouter<S>, Vec<(Method, String, Policy)>) {
        (OpenApiRouter::with_openapi(description).merge(self.router), self.policies)
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    [
        (Method::GET, item.get.as_mut()),
        (Method::PUT, item.put.as_mut()),
        (Method::POST, item.post.as_mut()),
        (Method::DELETE, item.delete.as_mut()),
        (Method::PATCH, item.patch.as_mut()),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation?)))
}

/// What an operation states in place of the description's default, any credential. The names in a requirement are scopes
/// (OpenAPI 3.1).
fn security(access: RequiredAccess) -> Option<Vec<SecurityRequirement>> {
    match access {
        RequiredAccess::Public => Some(vec![SecurityRequirement::default()]),
        RequiredAccess::SomeData | RequiredAccess::Unscoped => None,
        RequiredAccess::Scope(scope) | RequiredAccess::Identified(scope) => {
            Some(SCHEMES.map(|scheme| SecurityRequirement::new(scheme, [scope.to_string()])).into())
        }
    }
}
