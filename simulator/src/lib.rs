//! A simulated Oura cloud and the synthetic people who wear its rings.
//!
//! ```text
//! life    what happened: nights, trips, illnesses, workouts, when the ring was worn, when the phone synced
//! oura    what Oura makes of it: scores and documents, on the wire, as known at an instant
//! cloud   how it is asked: HTTP, ranges, pages, tokens, faults, webhooks
//! export  how it is downloaded: the account export
//! ```
//!
//! What belongs here: everything Oura does that a client has to survive. What does not: any word of our other crates.
//! The simulator is an independent oracle, written from Oura's API alone, so that a misreading in `domain` is
//! found instead of repeated.
//!
//! Three laws, each held by a test:
//!
//! - **Same seed, same bytes.** A document is a pure function of (seed, day, now). Chance is `ChaCha8` keyed by (seed,
//!   day, channel) and arithmetic is `+ - * /` and comparison only, which IEEE 754 fixes, so bytes agree on every machine
//!   with the same time-zone data.
//! - **Random access.** No state runs from day to day: any day of a life costs the same.
//! - **Time is an argument.** Nothing here reads a clock or sleeps.

mod chance;
mod cloud;
mod export;
mod life;
mod math;
mod oura;

pub use cloud::{Application, Cloud, Deliveries, Fault, Faults, Request, SCOPES, Wrong};
pub use life::{Life, Person};
pub use oura::{COLLECTIONS, Collection, Shape};
