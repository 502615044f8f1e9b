//! Reads Oura; no other crate talks to it. [`plan`](plan::plan) decides what to request (pure), [`Client`] sends the requests
//! and follows every page with the log-in that [`oauth`] renews, [`Ingest`] stores each window in one transaction before it
//! counts as read, [`Scheduler`] runs that for every person who is due, and [`webhook`] fetches changed documents at once.
//!
//! Not here: SQL (`store`), what a document means (`domain`), clocks (time is an argument).

mod failure;
mod http;
pub mod import;
mod metrics;
pub mod oauth;
mod oura;
pub mod plan;
mod scheduler;
mod sync;
pub mod webhook;

pub use failure::Failure;
pub use http::InvalidClient;
pub use metrics::Metrics;
pub use oauth::Tokens;
pub use oura::{Client, DocumentResponse, Window, page};
pub use scheduler::{Access, ProgressFn, Scheduler};
pub use sync::{Ingest, Settings, SyncReport, SyncRun, WindowProgress};

/// Reads the wall clock; only `app` provides one.
pub type Clock = std::sync::Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;
