//! What is read from Oura, and how old it is.

use super::{JOB, ME, of, series};
use crate::alerts::steps;
use crate::config::Config;
use crate::names;
use crate::query::Scope;
use crate::rules::Severity::{Info, Warning};
use crate::rules::{Alert, Area, Proof};

pub(super) fn reading(config: &Config) -> Vec<Alert> {
    let c = &config.services;
    let failures = |kinds: &str| of(config, names::OURA_FAILURES, &format!("kind=~\"{kinds}\""));
    vec![
        Alert {
            name: "MyHealthOuraFailing",
            severity: Warning,
            area: Area::Service,
            expr: format!(
                "sum by (job) (increase({}[30m])) / sum by (job) (increase({}[30m])) > 0.5",
                failures("server|network|timeout|malformed|unexpected"), of(config, names::OURA_REQUESTS, ""),
            ),
            wait: "15m",
            keep: "15m",
            summary: "{{ $labels.job }}: {{ $value | humanizePercentage }} of requests to Oura fail",
            description: "Oura or the way to it is broken. Requests go on with pauses; what is missed is read later.".to_owned(),
            proof: Proof {
                series: vec![
                    (series(names::OURA_REQUESTS, r#"collection="sleep""#), "0+10x120".to_owned()),
                    (series(names::OURA_FAILURES, r#"collection="sleep",kind="server""#), "0+0x60 10+10x60".to_owned()),
                ],
                silent: "85m",
                firing: "95m",
                labels: JOB,
            },
        },
        Alert {
            name: "MyHealthRateLimitNear",
            severity: Warning,
            area: Area::Service,
            expr: format!(
                "sum by (job) (increase({}[5m])) > {} or sum by (job) (increase({}[5m])) > 0",
                of(config, names::OURA_REQUESTS, ""), c.oura_requests, failures("rate_limited"),
            ),
            wait: "0s",
            keep: "10m",
            summary: "{{ $labels.job }} is close to Oura's rate limit",
            description: format!("More than {} requests in five minutes, or answers of 429. Oura allows 5,000.", c.oura_requests),
            proof: Proof {
                series: vec![(series(names::OURA_REQUESTS, r#"collection="sleep""#), "0+700x10 7900+900x20".to_owned())],
                silent: "10m",
                firing: "15m",
                labels: JOB,
            },
        },
        Alert {
            name: "MyHealthDocumentsRejected",
            severity: Warning,
            area: Area::Service,
            expr: format!("sum by (job, collection) (increase({}[1h])) > 0", of(config, names::DOCUMENTS, r#"outcome="rejected""#)),
            wait: "0s",
            keep: "1h",
            summary: "{{ $labels.collection }}: documents could not be read",
            description: "Oura sent documents that this version cannot read. They are kept with the reason (`myhealth doctor`) and read again after an upgrade.".to_owned(),
            proof: Proof {
                series: vec![(series(names::DOCUMENTS, r#"collection="sleep",outcome="rejected""#), "0+0x10 1+0x20".to_owned())],
                silent: "10m",
                firing: "11m",
                labels: &[("job", "myhealth"), ("collection", "sleep")],
            },
        },
        Alert {
            name: "MyHealthBacklogStuck",
            severity: Warning,
            area: Area::Service,
            expr: format!("min_over_time({0}[30m]) > 0 and delta({0}[30m]) >= 0", of(config, names::BACKLOG, "")),
            wait: "15m",
            keep: "",
            summary: "{{ $labels.instance }}: reading history does not move",
            description: "{{ $value }} windows of days have been left to read for 45 minutes, and they do not get fewer.".to_owned(),
            proof: Proof {
                series: vec![(series(names::BACKLOG, ""), "0+0x9 100-2x30 40+0x80".to_owned())],
                silent: "80m",
                firing: "90m",
                labels: &[("job", "myhealth"), ("instance", "one")],
            },
        },
        Alert {
            name: "MyHealthOuraDrift",
            severity: Info,
            area: Area::Service,
            expr: format!("count by (job, collection) ({})", of(config, names::DRIFT, "")),
            wait: "15m",
            keep: "",
            summary: "{{ $labels.collection }}: Oura sends unknown fields",
            description: "{{ $value }} fields or words are new. Nothing fails; they are kept in the documents. `myhealth doctor` lists them; a newer version may read them.".to_owned(),
            proof: Proof {
                series: vec![(series(names::DRIFT, r#"collection="sleep",pointer="/new_field""#), "_x10 3+0x30".to_owned())],
                silent: "24m",
                firing: "26m",
                labels: &[("job", "myhealth"), ("collection", "sleep")],
            },
        },
    ]
}

pub(super) fn freshness(s: &Scope, config: &Config) -> Vec<Alert> {
    let c = &config.services;
    let seconds = |hours: u32| hours * 3600;
    let (sync, data) = (seconds(u32::from(c.sync_hours)), seconds(24 * u32::from(c.data_days)));
    let newest = format!(
        "max by (person) ({}{{collection=~\"daily_sleep|daily_readiness|daily_activity\",{}}})",
        names::NEWEST_DAY,
        config.live
    );
    let mine = |name: &str, more: &str| format!("{name}{{person=\"me\"{more}}}");
    vec![
        Alert {
            name: "MyHealthSyncStale",
            severity: Warning,
            area: Area::ServiceBlindsHealth,
            expr: format!("time() - {} > {sync}", s.status(names::LAST_SUCCESS, "person")),
            wait: "5m",
            keep: "",
            summary: "{{ $labels.person }}: nothing was read from Oura for {{ $value | humanizeDuration }}",
            description: format!("No collection was read for more than {} hours. Health alerts of this person are held back meanwhile.", c.sync_hours),
            proof: Proof {
                series: vec![(mine(names::LAST_SUCCESS, r#",collection="sleep""#), "0+0x200".to_owned())],
                silent: "2h5m",
                firing: "2h6m",
                labels: ME,
            },
        },
        Alert {
            name: "MyHealthDataStale",
            severity: Warning,
            area: Area::ServiceBlindsHealth,
            // A day is named by its midnight, so a day that is complete is already a day old.
            expr: format!("time() - {newest} > {}", data + 86_400),
            wait: "30m",
            keep: "",
            summary: "{{ $labels.person }}: no new day from the ring since {{ $value | humanizeDuration }}",
            description: format!("Oura has had no new day for more than {} days: the phone does not sync or the ring is not worn. Health alerts of this person are held back meanwhile.", c.data_days),
            proof: Proof {
                series: vec![(mine(names::NEWEST_DAY, r#",collection="daily_sleep""#), "0+0x4400".to_owned())],
                silent: "72h29m",
                firing: "72h32m",
                labels: ME,
            },
        },
        Alert {
            name: "MyHealthCollectionFailing",
            severity: Info,
            area: Area::Service,
            expr: format!("{} == 0", s.status(names::SYNC_UP, "person, collection")),
            wait: "1h",
            keep: "",
            summary: "{{ $labels.person }}: {{ $labels.collection }} cannot be read",
            description: "Every attempt of the last hour failed while others may work: often a scope that was not granted. `myhealth doctor` says which.".to_owned(),
            proof: Proof {
                series: vec![(mine(names::SYNC_UP, r#",collection="daily_spo2""#), steps(&[(1.0, 10), (0.0, 100)]))],
                silent: "69m",
                firing: "70m",
                labels: &[("person", "me"), ("collection", "daily_spo2")],
            },
        },
        Alert {
            name: "MyHealthHistoryMissing",
            severity: Warning,
            area: Area::Service,
            expr: format!(
                "{} unless on (person) max by (person) ({})",
                s.now("activity_score"), s.over("count_over_time", "activity_score", "28d"),
            ),
            wait: "15m",
            keep: "",
            summary: "{{ $labels.person }}: Prometheus sees no history",
            description: "The gauges are there, but `source=\"history\"` has no day of the last 28: personal baselines are blind. Check `remote_read` in Prometheus and the API it names.".to_owned(),
            proof: Proof {
                series: vec![
                    (mine("oura_activity_score", ""), steps(&[(80.0, 60)])),
                    // The other one has a history, and no alert.
                    ("oura_activity_score{person=\"you\"}".to_owned(), steps(&[(80.0, 60)])),
                    ("oura_activity_score{person=\"you\",source=\"history\"}".to_owned(), "80".to_owned()),
                ],
                silent: "14m",
                firing: "15m",
                labels: ME,
            },
        },
    ]
}
