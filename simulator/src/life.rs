//! What happens to a person, whether or not a ring sees it.
//!
//! What belongs here: nights, naps, workouts, illness, trips, when the ring is on the finger, when the phone syncs.
//! No scores and no JSON: those are Oura's opinion, in [`crate::oura`].
//!
//! Every fact is a method `fact(day)` and pure; a day is a local date, a night belongs to the day it ends on.

mod awake;
mod body;
mod calendar;
mod night;
mod person;
mod sync;
mod trip;
mod wear;

pub(crate) use awake::{Level, NON_WEAR, Waking, level};
pub(crate) use body::Body;
pub(crate) use calendar::{at, day_number, number, shift};
pub(crate) use night::{Fate, Kind, Period};
pub use person::{Life, Person};
pub(crate) use wear::Wear;

#[cfg(test)]
mod tests;
