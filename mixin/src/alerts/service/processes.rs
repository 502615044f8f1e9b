//! Processes and their answers: up, fast, without errors, with a database.

use super::{ERRORS, JOB, LATENCY, of, series};
use crate::alerts::steps;
use crate::config::Config;
use crate::names;
use crate::rules::Severity::{Critical, Warning};
use crate::rules::{Alert, Area, Proof, Record};

pub(super) fn records(config: &Config) -> Vec<Record> {
    let count =
        |more| format!("sum by (job) (rate({}[5m]))", of(config, &format!("{}_count", names::HTTP), more));
    let buckets = of(config, &format!("{}_bucket", names::HTTP), "");
    vec![
        Record {
            name: ERRORS,
            expr: format!("({} or 0 * {1}) / ({1} > 0)", count(r#"code=~"5..""#), count("")),
            label: None,
        },
        Record {
            name: LATENCY,
            expr: format!("histogram_quantile(0.95, sum by (job, le) (rate({buckets}[5m])))"),
            label: None,
        },
    ]
}

#[expect(clippy::too_many_lines, reason = "a table: one alert after the other")]
pub(super) fn alerts(config: &Config) -> Vec<Alert> {
    let c = &config.services;
    vec![
        Alert {
            name: "MyHealthDown",
            severity: Critical,
            area: Area::ServiceBlindsHealth,
            expr: format!("max by (job) ({}) == 0", of(config, "up", "")),
            wait: "5m",
            keep: "",
            summary: "{{ $labels.job }} is down",
            description: "Prometheus has reached no process of this job for five minutes: no gauges, no alerts about health.".to_owned(),
            proof: Proof { series: vec![(series("up", ""), steps(&[(1.0, 10), (0.0, 20)]))], silent: "14m", firing: "15m", labels: JOB },
        },
        Alert {
            name: "MyHealthCrashLooping",
            severity: Critical,
            area: Area::Service,
            expr: format!("changes({}[15m]) >= 3", of(config, "process_start_time_seconds", "")),
            wait: "0s",
            keep: "10m",
            summary: "{{ $labels.instance }} starts again and again",
            description: "It was started {{ $value }} times within a quarter of an hour. Its log says why it ended.".to_owned(),
            proof: Proof {
                series: vec![(series("process_start_time_seconds", ""), steps(&[(100.0, 20), (200.0, 3), (300.0, 3), (400.0, 20)]))],
                silent: "25m",
                firing: "26m",
                labels: &[("job", "myhealth"), ("instance", "one")],
            },
        },
        Alert {
            name: "MyHealthTaskFailing",
            severity: Critical,
            area: Area::Service,
            expr: format!(
                "max by (job) (increase({}[15m])) > 0 or max by (job) (increase({}[15m])) > 0",
                of(config, names::RESTARTS, ""),
                of(config, names::PANICS, "")
            ),
            wait: "0s",
            keep: "15m",
            summary: "{{ $labels.job }}: a task panicked and was started again",
            description: "A role, a listener or a sync run of this process met a bug. The others go on; what failed is tried again with growing pauses. The log names it.".to_owned(),
            proof: Proof {
                series: vec![(series(names::RESTARTS, r#"task="ingest""#), "0x20 1x40".to_owned())],
                silent: "20m",
                firing: "22m",
                labels: JOB,
            },
        },
        Alert {
            name: "MyHealthErrorRateHigh",
            severity: Critical,
            area: Area::Service,
            expr: format!("{ERRORS} > {}", c.error_ratio),
            wait: "5m",
            keep: "5m",
            summary: "{{ $labels.job }}: {{ $value | humanizePercentage }} of answers are errors",
            description: format!("More than {} % of answers are server errors for five minutes.", c.error_ratio * 100.0),
            proof: Proof {
                series: vec![
                    (series(&format!("{}_count", names::HTTP), r#"code="200""#), "0+94x40".to_owned()),
                    (series(&format!("{}_count", names::HTTP), r#"code="500""#), "0+0x20 6+6x20".to_owned()),
                ],
                silent: "29m",
                firing: "31m",
                labels: JOB,
            },
        },
        Alert {
            name: "MyHealthLatencyHigh",
            severity: Warning,
            area: Area::Service,
            expr: format!("{LATENCY} > {}", c.latency_seconds),
            wait: "5m",
            keep: "5m",
            summary: "{{ $labels.job }}: 5 % of answers take longer than {{ $value | humanizeDuration }}",
            description: format!("The 95th percentile of answer times is above {} s for five minutes.", c.latency_seconds),
            proof: Proof {
                series: vec![
                    (series(&format!("{}_bucket", names::HTTP), r#"le="0.1""#), "0+100x20 2000+0x20".to_owned()),
                    (series(&format!("{}_bucket", names::HTTP), r#"le="1""#), "0+100x20 2000+0x20".to_owned()),
                    (series(&format!("{}_bucket", names::HTTP), r#"le="5""#), "0+100x40".to_owned()),
                    (series(&format!("{}_bucket", names::HTTP), r#"le="+Inf""#), "0+100x40".to_owned()),
                ],
                silent: "25m",
                firing: "27m",
                labels: JOB,
            },
        },
        Alert {
            name: "MyHealthDatabaseFailing",
            severity: Critical,
            area: Area::ServiceBlindsHealth,
            expr: format!(
                "min by (job) ({}) == 0 or min by (job) ({}) == 0 or sum by (job) (increase({}[5m])) > 0",
                of(config, names::STORE_UP, ""),
                of(config, names::EXPORTER_UP, ""),
                of(config, names::OURA_FAILURES, r#"kind="store""#),
            ),
            wait: "5m",
            keep: "5m",
            summary: "{{ $labels.job }} cannot use its database",
            description: "For five minutes the database has not done what a process of this job needs: answer, and take writes where Oura is read. The gauges stand still; nothing is lost, because nothing is acknowledged before it is stored.".to_owned(),
            proof: Proof {
                series: vec![(series(names::STORE_UP, ""), steps(&[(1.0, 10), (0.0, 20)]))],
                silent: "14m",
                firing: "15m",
                labels: JOB,
            },
        },
        Alert {
            name: "MyHealthWritesFailing",
            severity: Critical,
            area: Area::ServiceBlindsHealth,
            // A nearly full disk takes small writes and no large ones, so that it is up again and again.
            expr: format!("sum by (job) (increase({}[5m])) > 0", of(config, names::WRITE_FAILURES, "")),
            wait: "2m",
            keep: "5m",
            summary: "{{ $labels.job }}: its database does not take every write",
            description: "Writing has failed within the last minutes, by the condition of the database: full, read-only, out of connections, or with I/O errors. What could not be stored is read again later.".to_owned(),
            proof: Proof {
                series: vec![(series(names::WRITE_FAILURES, ""), "0+0x20 1+1x20".to_owned())],
                silent: "22m",
                firing: "23m",
                labels: JOB,
            },
        },
        Alert {
            name: "MyHealthDatabasePoolExhausted",
            severity: Warning,
            area: Area::Service,
            // The embedded database writes with one connection, which a first sync keeps busy.
            expr: format!(
                "sum by (job, instance, pool) ({}) >= sum by (job, instance, pool) ({})",
                of(config, names::POOL_USED, r#"pool!="write""#),
                of(config, names::POOL_MAX, ""),
            ),
            wait: "5m",
            keep: "",
            summary: "{{ $labels.instance }}: every database connection is in use",
            description: "For five minutes all {{ $value }} connections of the pool have been in use; requests wait for each other.".to_owned(),
            proof: Proof {
                series: vec![
                    (series(names::POOL_USED, r#"pool="postgres""#), steps(&[(9.0, 10), (10.0, 20)])),
                    (series(names::POOL_MAX, r#"pool="postgres""#), steps(&[(10.0, 30)])),
                ],
                silent: "14m",
                firing: "15m",
                labels: &[("job", "myhealth"), ("instance", "one"), ("pool", "postgres")],
            },
        },
        Alert {
            name: "MyHealthConfigReloadFailed",
            severity: Warning,
            area: Area::Service,
            expr: format!("{} == 0", of(config, names::RELOADED, "")),
            wait: "5m",
            keep: "",
            summary: "{{ $labels.instance }}: the new web configuration has a mistake",
            description: "The old one is still in force, so a renewed certificate or a changed password is not. The log says where the mistake is.".to_owned(),
            proof: Proof {
                series: vec![(series(names::RELOADED, ""), steps(&[(1.0, 10), (0.0, 20)]))],
                silent: "14m",
                firing: "15m",
                labels: &[("job", "myhealth"), ("instance", "one")],
            },
        },
        Alert {
            name: "MyHealthFilesNearLimit",
            severity: Warning,
            area: Area::Service,
            expr: format!("{} / {} > 0.8", of(config, "process_open_fds", ""), of(config, "process_max_fds", "")),
            wait: "10m",
            keep: "",
            summary: "{{ $labels.instance }}: {{ $value | humanizePercentage }} of file descriptors are in use",
            description: "At the limit no connection is accepted. Look for a client that opens connections and leaves them.".to_owned(),
            proof: Proof {
                series: vec![(series("process_open_fds", ""), steps(&[(800.0, 10), (900.0, 20)])), (series("process_max_fds", ""), steps(&[(1000.0, 30)]))],
                silent: "19m",
                firing: "20m",
                labels: &[("job", "myhealth"), ("instance", "one")],
            },
        },
    ]
}
