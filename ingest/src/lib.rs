//! Oura in: the only part of the house that talks to Oura. [`plan`](plan::plan) says what to ask (pure), [`Client`]
//! asks and reads every page to the end, [`Ingest`] stores each window in one transaction before it counts as read.
//!
//! Not here: SQL (`store`), what a document means (`domain`), clocks (time is an argument).

pub mod import;
mod metrics;
mod oura;
pub mod plan;
mod sync;

pub use metrics::Metrics;
pub use oura::{Client, Failure, InvalidClient, Window, page};
pub use sync::{Clock, Ingest, Pass, Report, Settings, Step};
