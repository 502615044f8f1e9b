//! Backups that the service makes by itself. Without `--backup.to` there are no such series, and no alerts.

use super::{JOB, of, series};
use crate::config::Config;
use crate::names;
use crate::rules::Severity::Warning;
use crate::rules::{Alert, Area, Proof};

pub(super) fn alerts(config: &Config) -> Vec<Alert> {
    // Every process sees the same newest backup.
    let newest = |name: &str| format!("max by (job) ({})", of(config, name, ""));
    vec![
        Alert {
            name: "MyHealthBackupOld",
            severity: Warning,
            area: Area::Service,
            expr: format!(
                "time() - {} > 2 * {}",
                newest(names::BACKUP_NEWEST),
                newest(names::BACKUP_INTERVAL)
            ),
            wait: "30m",
            keep: "",
            summary: "the newest verified backup is {{ $value | humanizeDuration }} old",
            description: "One backup was left out at least, or none was ever made. The log of the process says why; the backups from before are unchanged.".to_owned(),
            proof: Proof {
                series: vec![
                    (series(names::BACKUP_NEWEST, ""), "0x300".to_owned()),
                    (series(names::BACKUP_INTERVAL, ""), "3600x300".to_owned()),
                ],
                // Two intervals and half an hour after the epoch, at which these series begin.
                silent: "150m",
                firing: "152m",
                labels: JOB,
            },
        },
        Alert {
            name: "MyHealthBackupFailing",
            severity: Warning,
            area: Area::Service,
            expr: format!("sum by (job) (increase({}[1h])) > 2", of(config, names::BACKUP_FAILURES, "")),
            wait: "0s",
            keep: "30m",
            summary: "{{ $value | printf \"%.0f\" }} backups or verifications have failed",
            description: "Within an hour. A backup is tried again every five minutes; the backups from before are unchanged.".to_owned(),
            proof: Proof {
                series: vec![(series(names::BACKUP_FAILURES, ""), "0x9 1x9 2x9 4x40".to_owned())],
                silent: "29m",
                firing: "31m",
                labels: JOB,
            },
        },
    ]
}
