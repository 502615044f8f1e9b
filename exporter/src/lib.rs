//! Gauges out: the newest values as Prometheus text.
//!
//! Health values are read from `latest` when something changed, never from Oura and never from history; a scrape gets
//! a body that is ready, plain and compressed. A value that is null, too old or nobody's any more is not there. The
//! services' own metrics are counted live in a registry and written at the scrape.
//!
//! From the store to a scrape: `refresh` reads who changed, `person` writes their lines, `gauges` and `block` put them
//! in their places, `text` cuts and compresses what is new of it, `body` is what stands ready, `answer` sends it.

#[cfg(all(feature = "bench", target_os = "linux"))]
pub mod bench;
mod block;
mod body;
mod cached_text;
mod freshness;
mod gauges;
mod gzip;
mod metrics;
mod negotiate;
mod own;
mod person;
mod refresh;
mod scrape;
mod shard;
mod table;
mod text;

pub use refresh::{Clock, Exporter};
pub use scrape::Telemetry;
pub use shard::{InvalidShard, Shard};
