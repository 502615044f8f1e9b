//! Gauges out: the newest values as Prometheus text.
//!
//! Health values are read from `latest` when something changed, never from Oura and never from history; a scrape gets
//! a body that is ready, plain and compressed. A value that is null, too old, or of a removed person is absent. The
//! services' own metrics are counted live in a registry and written at the scrape.
//!
//! What is read: `refresh` reads the persons that changed, `person` and `freshness` hold what is known of them, `shard` selects the
//! persons of this process.
//! What is shown: `table` has the families, `gauges` the lines of all persons, `body` what scrapes see, `scrape` the routes. How
//! text is kept ready, compressed and sent is the crate `exposition`.

#[cfg(all(feature = "bench", target_os = "linux"))]
pub mod bench;
mod body;
mod freshness;
mod gauges;
mod metrics;
mod person;
mod refresh;
mod scrape;
mod shard;
mod table;

pub use refresh::{Clock, Exporter};
pub use scrape::Telemetry;
pub use shard::{InvalidShard, Shard};
