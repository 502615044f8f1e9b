//! A provider that does what it should, and one that lies in every way a token or a response can.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod fake;
mod provider;
