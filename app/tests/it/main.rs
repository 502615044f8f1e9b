//! The binary as a user runs it: started, asked, killed and started again, with a real Prometheus and a real browser.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod commands;
mod dashboards;
mod end_to_end;
mod illness;
mod killed;
mod monitoring;
mod process;
mod refusals;
mod service_metrics;
mod telemetry;
