//! Alerts about the services that carry the numbers. Those that make health alerts unreliable hold them back.

use super::super::config::Config;
use super::super::names;
use super::super::query::Scope;
use super::super::rules::Severity::{Critical, Info, Warning};
use super::super::rules::{Alert, Area, Group, Proof, Record};
use super::steps;

const INTERVAL: &str = "30s";
const ME: &[(&str, &str)] = &[("person", "me")];
const JOB: &[(&str, &str)] = &[("job", "myhealth")];

const ERRORS: &str = "job:myhealth_http_errors:ratio_rate5m";
const LATENCY: &str = "job:myhealth_http_request_duration_seconds:p95_5m";

pub(super) fn groups(config: &Config) -> Vec<Group> {
    let s = &Scope::everybody(config);
    vec![
        Group {
            name: "myhealth-answers",
            interval: INTERVAL,
            records: answers(config),
            alerts: process(config),
        },
        Group { name: "myhealth-oura", interval: INTERVAL, records: Vec::new(), alerts: oura(config) },
        Group {
            name: "myhealth-freshness",
            interval: INTERVAL,
            records: Vec::new(),
            alerts: freshness(s, config),
        },
        Group { name: "myhealth-login", interval: INTERVAL, records: Vec::new(), alerts: login(config) },
        Group {
            name: "myhealth-webhooks",
            interval: INTERVAL,
            records: Vec::new(),
            alerts: webhooks(config),
        },
    ]
}

fn of(config: &Config, name: &str, more: &str) -> String {
    let more = if more.is_empty() { String::new() } else { format!(",{more}") };
    format!("{name}{{{}{more}}}", config.service)
}

fn answers(config: &Config) -> Vec<Record> {
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

/// A series of a process in a proof.
fn series(name: &str, labels: &str) -> String {
    let more = if labels.is_empty() { String::new() } else { format!(",{labels}") };
    format!("{name}{{job=\"myhealth\",instance=\"one\"{more}}}")
}

#[expect(clippy::too_many_lines, reason = "a table: one alert after the other")]
fn process(config: &Config) -> Vec<Alert> {
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
                "min by (job) ({}) == 0 or sum by (job) (increase({}[5m])) > 0",
                of(config, names::STORE_UP, ""),
                of(config, names::OURA_FAILURES, r#"kind="store""#),
            ),
            wait: "5m",
            keep: "5m",
            summary: "{{ $labels.job }} cannot use its database",
            description: "Reading the newest values or storing documents has failed for five minutes. The gauges stand still; nothing is lost, because nothing is acknowledged before it is stored.".to_owned(),
            proof: Proof {
                series: vec![(series(names::STORE_UP, ""), steps(&[(1.0, 10), (0.0, 20)]))],
                silent: "14m",
                firing: "15m",
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

fn oura(config: &Config) -> Vec<Alert> {
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
            summary: "{{ $labels.collection }}: Oura sends fields that nobody knows yet",
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

fn freshness(s: &Scope, config: &Config) -> Vec<Alert> {
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
            expr: format!("time() - {} > {sync}", s.beside(names::LAST_SUCCESS, "person")),
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
            expr: format!("{} == 0", s.beside(names::SYNC_UP, "person, collection")),
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

fn login(config: &Config) -> Vec<Alert> {
    let c = &config.services;
    let required = format!(
        "max by (person) ({}) == 1 or max by (person) ({}{{kind=~\"login_required|unauthorized\"}}) == 1",
        of(config, names::LOGIN_REQUIRED, ""),
        names::SYNC_FAILURE
    );
    vec![
        Alert {
            name: "MyHealthLoginRequired",
            severity: Critical,
            area: Area::ServiceBlindsHealth,
            expr: required,
            wait: "5m",
            keep: "",
            summary: "{{ $labels.person }} has to log in at Oura again",
            description: "Oura refuses the token and no renewal is possible: run `myhealth login`. What was missed is read afterwards. Health alerts of this person are held back meanwhile.".to_owned(),
            proof: Proof {
                series: vec![(format!("{}{{person=\"me\",collection=\"sleep\",kind=\"login_required\"}}", names::SYNC_FAILURE), "_x10 1+0x20".to_owned())],
                silent: "14m",
                firing: "15m",
                labels: ME,
            },
        },
        Alert {
            name: "MyHealthTokenExpiring",
            severity: Warning,
            area: Area::Service,
            expr: format!("min by (person) ({}) - time() < {}", of(config, names::TOKEN_EXPIRY, ""), u32::from(c.token_minutes) * 60),
            wait: "5m",
            keep: "",
            summary: "{{ $labels.person }}: the token ends in {{ $value | humanizeDuration }}",
            description: "It should have been renewed long before. Reading goes on until it ends; look at the renewals' results.".to_owned(),
            proof: Proof {
                series: vec![(series(names::TOKEN_EXPIRY, r#"person="me""#), steps(&[(3600.0, 60)]))],
                silent: "35m",
                firing: "36m",
                labels: ME,
            },
        },
        Alert {
            name: "MyHealthScopeMissing",
            severity: Info,
            area: Area::Service,
            expr: format!("max by (person, scope) ({}) == 0", of(config, names::SCOPE, "")),
            wait: "1h",
            keep: "",
            summary: "{{ $labels.person }} did not grant {{ $labels.scope }}",
            description: "The collections behind this scope stay empty. Log in again and tick it, or leave it out of --oura-scopes.".to_owned(),
            proof: Proof {
                series: vec![(series(names::SCOPE, r#"person="me",scope="heartrate""#), steps(&[(1.0, 10), (0.0, 100)]))],
                silent: "69m",
                firing: "70m",
                labels: &[("person", "me"), ("scope", "heartrate")],
            },
        },
    ]
}

fn webhooks(config: &Config) -> Vec<Alert> {
    let c = &config.services;
    let hours = u32::from(c.webhook_hours);
    vec![
        Alert {
            name: "MyHealthWebhookLapsing",
            severity: Warning,
            area: Area::Service,
            expr: format!("min by (job) ({} > 0) - time() < {}", of(config, names::WEBHOOK_EXPIRY, ""), hours * 3600),
            wait: "15m",
            keep: "",
            summary: "{{ $labels.job }}: a webhook subscription ends in {{ $value | humanizeDuration }}",
            description: "It is renewed a week before; that has failed. Without it news come with the next poll. `myhealth webhook sync` tries again and says what is wrong.".to_owned(),
            proof: Proof {
                series: vec![(series(names::WEBHOOK_EXPIRY, ""), steps(&[(f64::from(hours * 3600 + 600), 60)]))],
                silent: "25m",
                firing: "26m",
                labels: JOB,
            },
        },
        Alert {
            name: "MyHealthWebhookQueueStuck",
            severity: Warning,
            area: Area::Service,
            expr: format!("max by (job) ({}) > 900", of(config, names::WEBHOOK_OLDEST, "")),
            wait: "5m",
            keep: "",
            summary: "{{ $labels.job }}: an event has waited for {{ $value | humanizeDuration }}",
            description: "Announced documents are not fetched. Nothing is lost, the queue is in the database; look at Oura's failures.".to_owned(),
            proof: Proof {
                series: vec![(series(names::WEBHOOK_OLDEST, ""), "0+60x60".to_owned())],
                silent: "20m",
                firing: "22m",
                labels: JOB,
            },
        },
        Alert {
            name: "MyHealthWebhookForged",
            severity: Warning,
            area: Area::Service,
            expr: format!("sum by (job) (increase({}[15m])) > 10", of(config, names::WEBHOOK_EVENTS, r#"result=~"forged|expired|malformed""#)),
            wait: "0s",
            keep: "15m",
            summary: "{{ $labels.job }}: {{ $value | printf \"%.0f\" }} webhook events were refused",
            description: "Signatures, times or bodies were wrong: somebody knocks, the client secret differs, or the clock is off.".to_owned(),
            proof: Proof {
                series: vec![(series(names::WEBHOOK_EVENTS, r#"result="forged""#), "0+0x10 2+2x20".to_owned())],
                silent: "13m",
                firing: "18m",
                labels: JOB,
            },
        },
    ]
}
