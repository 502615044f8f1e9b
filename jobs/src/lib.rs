//! Long work that somebody asked for: exports, backfills, reports. The queue is the store's; here is what a job is
//! ([`Work`]), who works on it ([`Worker`]) and where its result lies ([`Results`]).
//!
//! Not here: HTTP (`api`), SQL (`store`), how rows and reports are made (`export`, `report`), asking Oura (`ingest`,
//! handed in as [`Backfill`]).

mod gc;
mod metrics;
mod perform;
mod queue;
mod results;
mod work;
mod worker;

pub use metrics::Metrics;
pub use perform::{Backfill, BackfillEnd, Progress};
pub use queue::{JobQueue, LIMITS, RETENTION};
pub use results::{InvalidResultLocation, ResultLocation, Results, Unreadable};
pub use work::{InvalidWork, Kind, ResultScope, Work};
pub use worker::Worker;
