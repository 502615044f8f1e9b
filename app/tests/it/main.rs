//! The binary as a user runs it: started, asked, killed and started again, with a real Prometheus and a real browser.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod audit;
mod backup;
mod causes;
mod commands;
mod cookbook;
mod crowd;
mod dashboards;
mod declared;
mod derivation;
mod end_to_end;
mod gateways;
mod generation;
mod history;
mod illness;
mod import;
mod killed;
mod login;
mod mixin;
mod monitoring;
mod outage;
mod output;
mod privileges;
mod process;
mod prometheus;
mod provisioning;
mod receivers;
mod refusals;
mod replica;
mod runbook;
mod service_metrics;
mod shutdown;
mod telemetry;
mod web;
mod webhooks;
mod work;
