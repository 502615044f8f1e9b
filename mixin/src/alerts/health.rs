//! Alerts about health. Baselines are the person's own and come from history; what is new comes from the gauges.
//! None of it is a diagnosis.

mod habits;
mod objective;
mod signs;

use super::{days, month, steps};
use crate::config::{Config, Health};
use crate::names;
use crate::query::{Scope, first_of};
use crate::rules::{Group, Record, RecordProof};

/// Health rules read years through remote read: often enough to live past the lookback of five minutes, no oftener.
const INTERVAL: &str = "2m";

const ME: &[(&str, &str)] = &[("person", "me")];

pub(super) fn groups(config: &Config) -> Vec<Group> {
    let s = &Scope::everyone(config);
    let h = &config.health;
    vec![
        Group {
            name: "myhealth-baselines",
            interval: INTERVAL,
            records: baselines(s, h),
            alerts: Vec::new(),
        },
        Group {
            name: "myhealth-sleep-objective",
            interval: INTERVAL,
            records: objective::records(s, h),
            alerts: objective::alerts(h),
        },
        Group {
            name: "myhealth-health",
            interval: INTERVAL,
            records: Vec::new(),
            alerts: signs::alerts(s, h),
        },
        Group {
            name: "myhealth-habits",
            interval: INTERVAL,
            records: Vec::new(),
            alerts: habits::alerts(s, h),
        },
    ]
}

/// Values of recording rules that no alert's proof shows.
pub(super) fn proofs(config: &Config) -> Vec<RecordProof> {
    objective::proofs(&config.health)
}

/// A number with a usual range (`domain::usual`): its key, and the names of its records.
struct Baseline {
    key: &'static str,
    median: &'static str,
    spread: &'static str,
    deviations: &'static str,
}

const PULSE: Baseline = Baseline {
    key: "sleep_lowest_heart_rate",
    median: "person:oura_sleep_lowest_heart_rate_beats_per_minute:median_28d",
    spread: "person:oura_sleep_lowest_heart_rate_beats_per_minute:spread_28d",
    deviations: "person:oura_sleep_lowest_heart_rate:deviations",
};
const HRV: Baseline = Baseline {
    key: "sleep_average_hrv",
    median: "person:oura_sleep_average_hrv_seconds:median_28d",
    spread: "person:oura_sleep_average_hrv_seconds:spread_28d",
    deviations: "person:oura_sleep_average_hrv:deviations",
};
const BREATH: Baseline = Baseline {
    key: "sleep_breathing_rate",
    median: "person:oura_sleep_breathing_rate_breaths_per_minute:median_28d",
    spread: "person:oura_sleep_breathing_rate_breaths_per_minute:spread_28d",
    deviations: "person:oura_sleep_breathing_rate:deviations",
};
const OXYGEN: Baseline = Baseline {
    key: "spo2_average",
    median: "person:oura_spo2_average_ratio:median_28d",
    spread: "person:oura_spo2_average_ratio:spread_28d",
    deviations: "person:oura_spo2_average:deviations",
};

/// One series per person and sign, 0 or 1.
const SIGN: &str = "person_sign:oura_illness_sign:bool";
const TO_BEDTIME: &str = "person:oura_time_to_bedtime_seconds:avg_14d";

fn record(name: &'static str, expr: String) -> Record {
    Record { name, expr, label: None }
}

fn baselines(s: &Scope, h: &Health) -> Vec<Record> {
    let mut records = Vec::new();
    for Baseline { key, median, spread, deviations } in [PULSE, HRV, BREATH, OXYGEN] {
        let usual = |expr: &str| format!("max by (person) ({expr})");
        records.push(record(median, usual(&s.usual_median(key))));
        records.push(record(spread, format!("{} and on (person) {median}", usual(&s.usual_spread(key)))));
        records.push(record(
            deviations,
            format!("({} - on (person) {median}) / on (person) {spread}", s.now(key)),
        ));
    }
    let d = h.deviations;
    for (word, expr) in [
        ("temperature", format!("{} >= bool {}", s.now("temperature_deviation"), h.warm_celsius)),
        ("pulse", format!("{} >= bool {d}", PULSE.deviations)),
        ("hrv", format!("{} <= bool -{d}", HRV.deviations)),
        ("breathing", format!("{} >= bool {d}", BREATH.deviations)),
    ] {
        records.push(Record { name: SIGN, expr, label: Some(("sign", word)) });
    }
    records.push(record(names::ILLNESS_SIGNS, format!("sum by (person) ({SIGN})")));
    let clock = format!("max by (person) ({})", s.mean("sleep_bedtime_start_clock", "14d"));
    let (wake, end) = (s.now("sleep_bedtime_end_clock"), s.now("sleep_bedtime_end"));
    // The clock at waking less UTC at waking is the sleeper's offset, wherever they are; see `board::offset_from`.
    let offset = format!("(({wake} - on (person) {end} % 86400 + 129600) % 86400 - 43200)");
    records.push(record(
        TO_BEDTIME,
        format!("({clock} - on (person) {offset} - time() % 86400 + 259200) % 86400"),
    ));
    records
}

/// History of a number in a proof.
fn past(key: &str, values: &[f64]) -> (String, String) {
    (series(key, r#"person="me",source="history""#), days(values))
}

/// Days before something happens in a proof: a little more than a usual range needs.
const USUAL: usize = 16;

/// The gauge of a number in a proof: one value for a while, another from then on.
fn turns(key: &str, usual: f64, then: f64) -> (String, String) {
    (series(key, r#"person="me""#), steps(&[(usual, USUAL * 24), (then, 48)]))
}

fn series(key: &str, labels: &str) -> String {
    let metric = first_of(key);
    let own = metric.label.filter(|_| metric.key == key);
    let own = own.map_or(String::new(), |label| format!("{}=\"{}\",", label.name, label.value));
    format!("{}{{{own}{labels}}}", metric.name())
}

/// A month of ordinary nights behind a body.
fn ordinary() -> Vec<(String, String)> {
    vec![
        past(PULSE.key, &month(50.0, 52.0, USUAL + 2)),
        past(HRV.key, &month(0.050, 0.056, USUAL + 2)),
        past(BREATH.key, &month(14.0, 14.4, USUAL + 2)),
    ]
}

fn with(mut one: Vec<(String, String)>, other: Vec<(String, String)>) -> Vec<(String, String)> {
    one.extend(other);
    one
}

#[cfg(test)]
mod tests {
    use domain::usual;

    use super::*;

    #[test]
    fn record_names_state_the_days_of_the_usual_range() {
        let ending = format!("_{}d", usual::DAYS);
        for baseline in [PULSE, HRV, BREATH, OXYGEN] {
            assert!(baseline.median.ends_with(&ending) && baseline.spread.ends_with(&ending));
        }
    }
}
