//! Oura in: the only part of the house that talks to Oura. [`plan`](plan::plan) says what to ask (pure), [`Client`]
//! asks and reads every page to the end with the log-in that [`oauth`] keeps alive, [`Ingest`] stores each window in one
//! transaction before it counts as read, [`Scheduler`] does so for everybody who is due, and [`webhook`] fetches at once what
//! Oura says has changed.
//!
//! Not here: SQL (`store`), what a document means (`domain`), clocks (time is an argument).

pub mod import;
mod metrics;
pub mod oauth;
mod oura;
pub mod plan;
mod scheduler;
mod sync;
pub mod webhook;

pub use metrics::Metrics;
pub use oauth::Tokens;
pub use oura::{Client, DocumentResponse, Failure, InvalidClient, Window, page};
pub use scheduler::{Access, ProgressFn, Scheduler};
pub use sync::{Clock, Ingest, Settings, SyncReport, SyncRun, WindowProgress};
