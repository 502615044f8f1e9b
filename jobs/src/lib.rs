//! Long work on request: exports, backfills, reports. The queue is the store's; here are what a job is ([`Work`]), its worker
//! ([`Worker`]) and the place of its result ([`Results`]); and deriving numbers again after an upgrade ([`Rederiver`]).
//!
//! Not here: HTTP (`api`), SQL (`store`), how rows and reports are made (`export`, `report`), asking Oura (`ingest`,
//! handed in as [`Backfill`]).

mod gc;
mod metrics;
mod perform;
mod queue;
mod rederive;
mod results;
mod work;
mod worker;

pub use metrics::Metrics;
pub use perform::{Backfill, BackfillEnd, Progress};
pub use queue::{JobQueue, LIMITS, RETENTION};
pub use rederive::Rederiver;
pub use results::{InvalidResultLocation, ResultLocation, Results, Unreadable};
pub use work::{InvalidWork, Kind, ResultScope, Work};
pub use worker::Worker;
