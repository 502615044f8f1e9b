//! Answers to long questions, as plain functions and types: what is read, summed up and compared. HTTP is in
//! [`crate::resources`]; what a mean or a slope is, in the crate `statistics`.
//!
//! Everything counts in civil days of the person, so neither a clock change nor the zone of this machine moves a value.
//! A metric of kind `points` has one number a day here, the mean of the day's points; only buckets look at the points
//! themselves. Which day a point belongs to, `points` says.

pub(crate) mod aggregate;
pub(crate) mod bucket;
mod compare;
pub(crate) mod correlate;
mod coverage;
pub(crate) mod effect;
mod events;
mod points;
mod query;
mod readings;
mod response;
mod table;

pub(crate) use compare::Compare;
pub(crate) use query::{Gaps, TrendQuery, Windows};
pub(crate) use response::{Trend, trend};
pub(crate) use table::{Table, table};
