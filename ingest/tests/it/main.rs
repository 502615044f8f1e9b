//! Ingest at its boundary: a real HTTP server in front, a real store behind.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accounts;
mod archives;
mod client;
mod export;
mod fuzzed;
mod helpers;
mod isolation;
mod oauth;
mod scheduler;
mod storm;
mod sync_runs;
mod webhooks;
