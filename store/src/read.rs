//! Reading: what services show, over the pool for reading.

pub(crate) mod absence_reasons;
pub(crate) mod daily;
pub(crate) mod documents;
pub(crate) mod json_numbers;
pub(crate) mod latest;
mod newest;
pub(crate) mod numbers;
pub(crate) mod points;
mod rings;
