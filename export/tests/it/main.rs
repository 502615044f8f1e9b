//! Files as their readers see them, out of a real embedded store.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod python;
mod tables;
