//! Who may: our log-ins at Oura, Oura's events, people at the API.

use super::{JOB, ME, of, series};
use crate::alerts::steps;
use crate::config::Config;
use crate::names;
use crate::rules::Severity::{Critical, Info, Warning};
use crate::rules::{Alert, Area, Proof};

pub(super) fn login(config: &Config) -> Vec<Alert> {
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

pub(super) fn webhooks(config: &Config) -> Vec<Alert> {
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
            description: "Signatures, times or bodies were invalid. Likely: requests that are not Oura's, another client secret, or a wrong clock.".to_owned(),
            proof: Proof {
                series: vec![(series(names::WEBHOOK_EVENTS, r#"result="forged""#), "0+0x10 2+2x20".to_owned())],
                silent: "13m",
                firing: "18m",
                labels: JOB,
            },
        },
    ]
}

pub(super) fn people(config: &Config) -> Vec<Alert> {
    vec![Alert {
        name: "MyHealthLogInsGuessed",
        severity: Warning,
        area: Area::Service,
        expr: format!(
            "sum by (job) (increase({}[15m])) > 10",
            of(config, names::LOG_INS, r#"outcome="refused""#)
        ),
        wait: "0s",
        keep: "15m",
        summary: "{{ $labels.job }}: {{ $value | printf \"%.0f\" }} log-ins were refused",
        description:
            "Within 15 minutes. Likely: an attempt to guess passwords, or a program with an old password."
                .to_owned(),
        proof: Proof {
            series: vec![(series(names::LOG_INS, r#"outcome="refused""#), "0+0x10 2+2x20".to_owned())],
            silent: "13m",
            firing: "18m",
            labels: JOB,
        },
    }]
}
