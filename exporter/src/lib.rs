//! Gauges out: the newest values as Prometheus text.
//!
//! Health values are read from `latest` when something changed, never from Oura and never from history; a scrape gets
//! a body that is ready. A value that is null, too old or nobody's any more is not there. The services' own metrics
//! are counted live in a registry and encoded at the scrape.

mod exposition;
mod process;
mod refresh;
mod scrape;
mod snapshot;

pub use process::ProcessCollector;
pub use refresh::{Clock, Exporter};
pub use scrape::router;
