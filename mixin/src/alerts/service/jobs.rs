//! Exports, reports and backfills that run as jobs.

use super::{of, series};
use crate::config::Config;
use crate::names;
use crate::rules::Severity::Warning;
use crate::rules::{Alert, Area, Proof};

const EXPORTS: &[(&str, &str)] = &[("job", "myhealth"), ("kind", "export")];

pub(super) fn alerts(config: &Config) -> Vec<Alert> {
    // Every process counts the same rows.
    let jobs = |state: &str| {
        format!("max by (job, kind) ({})", of(config, names::JOBS, &format!("state=\"{state}\"")))
    };
    let attempts = |result: &str| {
        let attempts = of(config, names::JOB_ATTEMPTS, &format!("result=\"{result}\""));
        format!("sum by (job, kind) (increase({attempts}[1h]))")
    };
    vec![
        Alert {
            name: "MyHealthJobsNotDone",
            severity: Warning,
            area: Area::Service,
            expr: format!("{} > 0 unless {} > 0", jobs("queued"), jobs("running")),
            wait: "15m",
            keep: "",
            summary: "{{ $labels.kind }}: {{ $value }} jobs wait and none runs",
            description: "No job of this kind has started for 15 minutes; a retried job waits a few minutes at most. Nothing is lost: the queue is in the database.".to_owned(),
            proof: Proof {
                series: vec![
                    (series(names::JOBS, r#"kind="export",state="queued""#), "0x10 2x40".to_owned()),
                    // A long one at work before them is no fault.
                    (series(names::JOBS, r#"kind="export",state="running""#), "0x10 1x10 0x30".to_owned()),
                    (series(names::JOBS, r#"kind="backfill",state="queued""#), "1x60".to_owned()),
                    (series(names::JOBS, r#"kind="backfill",state="running""#), "1x60".to_owned()),
                ],
                silent: "36m",
                firing: "37m",
                labels: EXPORTS,
            },
        },
        Alert {
            name: "MyHealthJobsFailing",
            severity: Warning,
            area: Area::Service,
            expr: format!("{} > 2", attempts("failed")),
            wait: "0s",
            keep: "30m",
            summary: "{{ $labels.kind }}: {{ $value | printf \"%.0f\" }} jobs have failed",
            description: "Within an hour, and after all their attempts. Each job says its reason for a week.".to_owned(),
            proof: Proof {
                series: vec![(series(names::JOB_ATTEMPTS, r#"kind="export",result="failed""#), "0x9 1x9 2x9 4x40".to_owned())],
                silent: "29m",
                firing: "31m",
                labels: EXPORTS,
            },
        },
        Alert {
            name: "MyHealthJobsLost",
            severity: Warning,
            area: Area::Service,
            expr: format!("{} > 2", attempts("lost")),
            wait: "0s",
            keep: "30m",
            summary: "{{ $labels.kind }}: {{ $value | printf \"%.0f\" }} attempts were taken away",
            description: "Their process could give no sign of life for half a minute, or came back after that: it stalls, or the database hangs. Another attempt does the work again.".to_owned(),
            proof: Proof {
                series: vec![(series(names::JOB_ATTEMPTS, r#"kind="export",result="lost""#), "0x9 1x9 2x9 4x40".to_owned())],
                silent: "29m",
                firing: "31m",
                labels: EXPORTS,
            },
        },
    ]
}
