//! REST over the store, what is known day by day and answers to long questions, and Prometheus remote read.
//! [`router()`] is the whole service.
//!
//! What belongs here is HTTP: paths, parameters, wire types, errors. Not here: SQL (`store`), what a number means
//! (`domain`), the clock and the listener (`app`).

mod access;
pub mod administration;
mod audit;
mod blocking;
mod closest;
mod cursor;
mod error;
mod extract;
pub mod guards;
pub mod login;
mod middleware;
mod params;
mod policy;
mod push;
mod remote_read;
mod resources;
mod response_cache;
mod router;
mod routes;
mod stale;
mod state;
mod trends;

pub use access::ListenerAuthenticated;
pub use audit::AuditTrail;
pub use guards::Guards;
pub use login::LogIn;
pub use router::{openapi, router, router_with};
pub use state::{Anonymous, State};
