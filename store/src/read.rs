//! Reading: what services show, over the pool for reading.

pub(crate) mod absence_reasons;
pub(crate) mod daily;
pub(crate) mod documents;
pub(crate) mod json_numbers;
pub(crate) mod latest;
pub(crate) mod points;
mod rings;
pub(crate) mod series;
