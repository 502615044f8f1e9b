//! Jobs from asking to their end, on both databases, by a clock that is set by hand.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod gc;
mod rederive;
mod worker;
mod world;
