//! The probes of every listener, at the paths of Prometheus and of Kubernetes: whether the process runs, and whether it should
//! get requests. They answer a word each, without a password and without a limit.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Router, routing};

use crate::health::{self, Databases};
use crate::shutdown::Readiness;

/// What readiness depends on.
#[derive(Clone)]
pub(crate) struct Probes {
    pub(crate) readiness: Readiness,
    pub(crate) databases: Databases,
}

impl Probes {
    /// All of [`listener::PROBES`].
    pub(crate) fn router(self) -> Router {
        self.router_without_healthy().route("/-/healthy", routing::get(healthy))
    }

    /// The same for a listener that answers `/-/healthy` itself.
    pub(crate) fn router_without_healthy(self) -> Router {
        Router::new()
            .route("/health", routing::get(healthy))
            .route("/healthz", routing::get(healthy))
            .route("/livez", routing::get(healthy))
            .route("/readyz", routing::get(ready))
            .route("/-/ready", routing::get(ready))
            .with_state(self)
    }
}

async fn healthy() -> &'static str {
    "healthy\n"
}

async fn ready(State(probes): State<Probes>) -> (StatusCode, &'static str) {
    if !probes.readiness.is_ready() {
        return (StatusCode::SERVICE_UNAVAILABLE, "not ready\n");
    }
    match probes.databases.readiness() {
        health::Readiness::Ready => (StatusCode::OK, "ready\n"),
        health::Readiness::Degraded => (StatusCode::OK, "ready, but the database is unavailable\n"),
        health::Readiness::NotReady => {
            (StatusCode::SERVICE_UNAVAILABLE, "not ready: the database is unavailable to this process\n")
        }
    }
}
