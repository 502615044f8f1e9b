//! Jobs from request to end, on both databases, by a clock that the test sets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod gc;
mod rederive;
mod worker;
mod world;
