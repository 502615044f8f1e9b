//! Alerts about the services that carry the numbers. Those that make health alerts unreliable hold them back.

mod access;
mod backups;
mod jobs;
mod oura;
mod processes;

use crate::config::Config;
use crate::query::Scope;
use crate::rules::Group;

const INTERVAL: &str = "30s";
const ME: &[(&str, &str)] = &[("person", "me")];
const JOB: &[(&str, &str)] = &[("job", "myhealth")];

const ERRORS: &str = "job:myhealth_http_errors:ratio_rate5m";
const LATENCY: &str = "job:myhealth_http_request_duration_seconds:p95_5m";

pub(super) fn groups(config: &Config) -> Vec<Group> {
    let s = &Scope::everyone(config);
    vec![
        Group {
            name: "myhealth-answers",
            interval: INTERVAL,
            records: processes::records(config),
            alerts: processes::alerts(config),
        },
        Group {
            name: "myhealth-oura",
            interval: INTERVAL,
            records: Vec::new(),
            alerts: oura::reading(config),
        },
        Group {
            name: "myhealth-freshness",
            interval: INTERVAL,
            records: Vec::new(),
            alerts: oura::freshness(s, config),
        },
        Group {
            name: "myhealth-login",
            interval: INTERVAL,
            records: Vec::new(),
            alerts: access::login(config),
        },
        Group {
            name: "myhealth-webhooks",
            interval: INTERVAL,
            records: Vec::new(),
            alerts: access::webhooks(config),
        },
        Group {
            name: "myhealth-api-access",
            interval: INTERVAL,
            records: Vec::new(),
            alerts: access::people(config),
        },
        Group {
            name: "myhealth-jobs",
            interval: INTERVAL,
            records: Vec::new(),
            alerts: jobs::alerts(config),
        },
        Group {
            name: "myhealth-backups",
            interval: INTERVAL,
            records: Vec::new(),
            alerts: backups::alerts(config),
        },
    ]
}

fn of(config: &Config, name: &str, more: &str) -> String {
    let more = if more.is_empty() { String::new() } else { format!(",{more}") };
    format!("{name}{{{}{more}}}", config.service)
}

/// A series of a process in a proof.
fn series(name: &str, labels: &str) -> String {
    let more = if labels.is_empty() { String::new() } else { format!(",{labels}") };
    format!("{name}{{job=\"myhealth\",instance=\"one\"{more}}}")
}
