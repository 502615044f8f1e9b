//! The binary as a user runs it: started, asked, killed and started again, with a real Prometheus and a real browser.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod audit;
mod backup;
mod browser;
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
mod help;
mod history;
mod illness;
mod import;
mod killed;
mod login;
mod logs;
mod mixin;
mod monitoring;
mod outage;
mod output;
mod own_server;
mod privileges;
mod process;
mod prometheus;
mod provisioning;
mod rds;
mod receivers;
mod refusals;
mod replica;
mod rotation;
mod runbook;
mod service_metrics;
mod shutdown;
mod telemetry;
mod web;
mod webhooks;
mod work;
