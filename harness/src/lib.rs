//! Real programs for benches and chores: found or installed, started, waited for, and ended with their parent.
//!
//! For machines of developers and CI, by the standard library and the system's own tools; nothing here ships.
#![expect(clippy::print_stderr, reason = "progress of command-line tools")]

pub mod apt;
pub mod postgres;
pub mod process;
pub mod programs;
pub mod run;
