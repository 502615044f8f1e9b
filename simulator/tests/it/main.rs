//! The simulated cloud from outside: documents by the public API, answers through the router.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod documents;
mod faults;
mod http;
mod oauth;
mod schema;
mod support;
mod webhook;
