//! What a process does for the data: reading from Oura, the log-in it does that with, webhooks, jobs.

use super::{CHOSEN, of, rate};
use crate::config::Config;
use crate::names;
use crate::panel::{GREEN, Kind, ORANGE, Panel, RED};

pub(super) fn oura(config: &Config) -> Vec<Panel> {
    let limit = config.services.oura_requests;
    vec![
        Panel::new(Kind::Lines, "Requests to Oura", "Requests a second, by collection.")
            .ask(format!("sum by (collection) ({})", rate(names::OURA_REQUESTS)), "{{collection}}")
            .legend_right()
            .unit("reqps")
            .at_least_zero()
            .size(8, 8),
        Panel::new(Kind::Lines, "Requests in five minutes", &format!("Oura allows a token 5,000 requests in five minutes; an alert fires from {limit} on."))
            .ask(format!("sum by (instance) (increase({}[5m]))", of(names::OURA_REQUESTS)), "{{instance}}")
            .unit("short")
            .steps(&[(f64::NEG_INFINITY, GREEN), (4000.0, RED)])
            .at_least_zero()
            .size(8, 8),
        Panel::new(Kind::Lines, "Failures by kind", "Requests to Oura that failed, per second and kind. The runbook says what each kind means.")
            .ask(format!("sum by (kind) ({}) > 0", rate(names::OURA_FAILURES)), "{{kind}}")
            .unit("reqps")
            .at_least_zero()
            .nothing("no failures")
            .size(8, 8),
        Panel::new(Kind::Lines, "Received from Oura", "Bytes a second of responses.")
            .ask(format!("sum by (instance) ({})", rate(names::OURA_RECEIVED)), "{{instance}}")
            .unit("Bps")
            .at_least_zero()
            .size(8, 8),
        Panel::new(Kind::Lines, "Documents by outcome", "Documents read per second, by outcome. Unchanged ones cost a comparison; new and changed ones are stored.")
            .ask(format!("sum by (outcome) ({})", rate(names::DOCUMENTS)), "{{outcome}}")
            .unit("cps")
            .at_least_zero()
            .size(8, 8),
        Panel::new(Kind::Lines, "Sync backlog", "Windows of days that the running sync still has to read; a first sync starts high and falls.")
            .ask(of(names::BACKLOG), "{{instance}}")
            .unit("short")
            .at_least_zero()
            .size(8, 8),
    ]
}

pub(super) fn login() -> Vec<Panel> {
    vec![
        Panel::new(
            Kind::Stat,
            "Token expiry",
            "How long the access token is still valid. It is renewed well before.",
        )
        .ask(format!("min by (person) ({}) - time()", of(names::TOKEN_EXPIRY)), "{{person}}")
        .duration()
        .steps(&[(f64::NEG_INFINITY, RED), (1800.0, ORANGE), (3600.0, GREEN)])
        .nothing("no log-in")
        .size(6, 7),
        Panel::new(Kind::Bars, "Token renewals", "Renewals of the token in each hour, by outcome.")
            .ask(format!("sum by (result) (increase({}[1h]))", of(names::REFRESHES)), "{{result}}")
            .unit("short")
            .at_least_zero()
            .reaches(4.0)
            .every("1h")
            .size(9, 7),
        Panel::new(
            Kind::Table,
            "Scopes not granted",
            "Scopes that were requested and not granted: their collections stay empty until the next log-in.",
        )
        .ask(format!("max by (person, scope) ({}) == 0", of(names::SCOPE)), "{{scope}}")
        .rows(&["Value"], &[("person", "Person"), ("scope", "Scope")])
        .nothing("all granted")
        .size(9, 7),
    ]
}

pub(super) fn webhooks() -> Vec<Panel> {
    vec![
        Panel::new(Kind::Lines, "Events", "Webhook events and their documents per second, by outcome.")
            .ask(format!("sum by (result) ({})", rate(names::WEBHOOK_EVENTS)), "received: {{result}}")
            .ask(format!("sum by (result) ({})", rate(names::WEBHOOK_FETCHES)), "fetched: {{result}}")
            .unit("eps")
            .at_least_zero()
            .size(8, 7),
        Panel::new(Kind::Lines, "Queue", "Events whose document is still to be fetched.")
            .ask(format!("max({})", of(names::WEBHOOK_QUEUE)), "waiting")
            .unit("short")
            .at_least_zero()
            .size(8, 7),
        Panel::new(Kind::Lines, "From event to database", "95 % and half of events were stored faster.")
            .ask(
                format!(
                    "histogram_quantile(0.95, sum by (le) ({}))",
                    rate(&format!("{}_bucket", names::WEBHOOK_LAG))
                ),
                "95 %",
            )
            .ask(
                format!(
                    "histogram_quantile(0.5, sum by (le) ({}))",
                    rate(&format!("{}_bucket", names::WEBHOOK_LAG))
                ),
                "50 %",
            )
            .unit("s")
            .at_least_zero()
            .size(8, 7),
        Panel::new(Kind::Stat, "Age of the oldest event", "How long the oldest queued event has waited.")
            .ask(format!("max({})", of(names::WEBHOOK_OLDEST)), "oldest")
            .duration()
            .steps(&[(f64::NEG_INFINITY, GREEN), (300.0, ORANGE), (900.0, RED)])
            .decimals(0)
            .nothing("none queued")
            .size(8, 5),
        Panel::new(
            Kind::Stat,
            "Subscription expiry",
            "How long the first subscription to end is still valid. They are renewed a week before.",
        )
        .ask(format!("min({} > 0) - time()", of(names::WEBHOOK_EXPIRY)), "first")
        .duration()
        .steps(&[(f64::NEG_INFINITY, RED), (172_800.0, ORANGE), (604_800.0, GREEN)])
        .nothing("no webhooks")
        .size(8, 5),
        Panel::new(Kind::Stat, "Subscriptions", "Subscriptions by state.")
            .ask(format!("max by (state) ({})", of(names::WEBHOOK_SUBSCRIPTIONS)), "{{state}}")
            .unit("short")
            .nothing("no webhooks")
            .size(8, 5),
    ]
}

pub(super) fn jobs() -> Vec<Panel> {
    let by_kind = |state: &str| {
        let name = names::JOBS;
        format!("max by (kind) ({name}{{{CHOSEN},state=\"{state}\"}})")
    };
    vec![
        Panel::new(Kind::Lines, "Queued and running jobs", "Exports, reports and backfills that run as jobs, of all processes.")
            .ask(by_kind("queued"), "{{kind}} queued")
            .ask(by_kind("running"), "{{kind}} running")
            .unit("short")
            .at_least_zero()
            .reaches(2.0)
            .size(8, 7),
        Panel::new(
            Kind::Bars,
            "Attempts by outcome",
            "Attempts in each hour, by outcome. Postponed ones are tried again; lost ones belonged to a worker whose lease expired.",
        )
        .ask(format!("sum by (result) (increase({}[1h]))", of(names::JOB_ATTEMPTS)), "{{result}}")
        .unit("short")
        .at_least_zero()
        .reaches(4.0)
        .every("1h")
        .size(8, 7),
        Panel::new(Kind::Stat, "Longest wait", "How long the oldest queued job has waited.")
            .ask(format!("max({})", of(names::JOBS_OLDEST)), "longest")
            .duration()
            .steps(&[(f64::NEG_INFINITY, GREEN), (900.0, ORANGE), (3600.0, RED)])
            .nothing("no jobs")
            .size(4, 7),
        Panel::new(Kind::Stat, "Finished jobs", "Finished jobs whose rows are kept, by state.")
            .ask(
                format!("sum by (state) (max by (kind, state) ({}{{{CHOSEN},state=~\"done|failed|cancelled\"}}))", names::JOBS),
                "{{state}}",
            )
            .unit("short")
            .nothing("no jobs")
            .size(4, 7),
    ]
}
