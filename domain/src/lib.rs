//! The words every other crate speaks: which numbers a person has ([`catalogue`]), which day they belong to
//! ([`day`]), in which unit ([`unit`]), where Oura says them ([`collection`], [`document`]) and how a document
//! becomes numbers ([`derive`]), and how numbers stand in a time series ([`history`]).
//!
//! What belongs here is pure: no clock, no environment, no async, no I/O. Time is always an argument.

pub mod catalogue;
pub mod collection;
pub mod day;
pub mod derive;
pub mod document;
pub mod history;
pub mod person;
pub mod unit;

pub use catalogue::{Label, METRICS, Metric, Pick, Source};
pub use collection::{Collection, Window};
pub use day::{Day, DayRange};
pub use derive::{Daily, Derived, Series};
pub use document::{Document, Rejected};
pub use person::Pseudonym;
pub use unit::Unit;
