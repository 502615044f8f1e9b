//! The real router over a real embedded store.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admin;
mod audit;
mod authorisation;
mod bad_input;
mod browser_sessions;
mod caching;
mod conforms;
mod correlations;
mod daily;
mod dashboard;
mod documents;
mod events;
mod export;
mod guards;
mod jobs;
mod limits;
mod log;
mod login;
mod metrics;
mod nul;
mod openapi;
mod people;
mod points;
mod push;
mod recomputed;
mod reference;
mod remote_read;
mod series;
mod stale;
mod test_api;
mod trends;
