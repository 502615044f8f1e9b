//! Backups of real stores on both databases: made, damaged, restored.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bucket;
mod damage;
mod restored;
mod shared;
mod world;
