//! The vocabulary of every other crate: which numbers a person has ([`catalogue`]), which day they belong to
//! ([`day`]), in which unit ([`mod@unit`]), where Oura states them ([`collection`], [`document`], [`change`]) and how a document
//! becomes numbers ([`mod@derive`]), how numbers stand in a time series ([`history`]), why reading fails ([`failure`]),
//! and what is usual for a person ([`usual`]).
//!
//! This crate is pure: no clock, no environment, no async, no I/O. Time is always an argument.

pub mod catalogue;
pub mod change;
pub mod collection;
pub mod compare;
pub mod day;
pub mod derive;
pub mod document;
pub mod drift;
pub mod event;
pub mod failure;
pub mod history;
mod json;
pub mod person;
pub mod reason;
pub mod ring;
pub mod theme;
pub mod unit;
pub mod usual;

pub use catalogue::{Label, METRICS, Metric, Pick, Source};
pub use change::Change;
pub use collection::{Cadence, Collection, CollectionInfo, EventShape, Window};
pub use day::{Day, DayRange, TRAILING_DAYS};
pub use derive::{Daily, Derived, Series};
pub use document::{Document, Rejected};
pub use event::Event;
pub use failure::Cause;
pub use person::{InvalidPseudonym, Pseudonym};
pub use reason::Reason;
pub use ring::{Ring, Rings};
pub use theme::Theme;
pub use unit::Unit;
