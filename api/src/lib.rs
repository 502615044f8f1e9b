//! REST over the store, what is known day by day and answers to long questions, and Prometheus remote read.
//! [`router()`] is the whole service.
//!
//! What belongs here is HTTP: paths, parameters, wire types, errors. Not here: SQL (`store`), what a number means
//! (`domain`), the clock and the listener (`app`).

mod access;
mod closest;
mod cursor;
pub mod edges;
mod error;
mod extract;
pub mod login;
mod long;
mod middleware;
mod params;
mod push;
mod remote_read;
mod resources;
mod router;
mod state;
mod trends;

pub use access::{Anonymous, Vouched};
pub use edges::Edges;
pub use login::LogIn;
pub use router::{openapi, router};
pub use state::State;
