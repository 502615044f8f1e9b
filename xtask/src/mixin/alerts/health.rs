//! Alerts about health. Baselines are the person's own and come from history; what is new comes from the gauges.
//! None of it is a diagnosis.

use super::super::config::{Config, Health};
use super::super::names;
use super::super::query::{Scope, first_of};
use super::super::rules::Severity::{Info, Warning};
use super::super::rules::{Alert, Area, Group, Proof, Record};
use super::{days, month, steps};

/// Health rules read years through remote read: often enough to live past the lookback of five minutes, no oftener.
const INTERVAL: &str = "2m";

/// A baseline on fewer days than this would call every night unusual.
const LEAST_DAYS: u8 = 14;

const ME: &[(&str, &str)] = &[("person", "me")];

pub(super) fn groups(config: &Config) -> Vec<Group> {
    let s = &Scope::everybody(config);
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
            records: objective(s, h),
            alerts: objective_alerts(h),
        },
        Group { name: "myhealth-health", interval: INTERVAL, records: Vec::new(), alerts: health(s, h) },
        Group { name: "myhealth-habits", interval: INTERVAL, records: Vec::new(), alerts: habits(s, h) },
    ]
}

/// A number with a baseline: its key, names of its records, and the least spread a month may be said to have.
struct Baseline {
    key: &'static str,
    mean: &'static str,
    spread: &'static str,
    deviations: &'static str,
    least: f64,
}

const PULSE: Baseline = Baseline {
    key: "sleep_lowest_heart_rate",
    mean: "person:oura_sleep_lowest_heart_rate_beats_per_minute:avg_28d",
    spread: "person:oura_sleep_lowest_heart_rate_beats_per_minute:stddev_28d",
    deviations: "person:oura_sleep_lowest_heart_rate:deviations",
    least: 1.0,
};
const HRV: Baseline = Baseline {
    key: "sleep_average_hrv",
    mean: "person:oura_sleep_average_hrv_seconds:avg_28d",
    spread: "person:oura_sleep_average_hrv_seconds:stddev_28d",
    deviations: "person:oura_sleep_average_hrv:deviations",
    least: 0.003,
};
const BREATH: Baseline = Baseline {
    key: "sleep_breathing_rate",
    mean: "person:oura_sleep_breathing_rate_breaths_per_minute:avg_28d",
    spread: "person:oura_sleep_breathing_rate_breaths_per_minute:stddev_28d",
    deviations: "person:oura_sleep_breathing_rate:deviations",
    least: 0.2,
};
const OXYGEN: Baseline = Baseline {
    key: "spo2_average",
    mean: "person:oura_spo2_average_ratio:avg_28d",
    spread: "person:oura_spo2_average_ratio:stddev_28d",
    deviations: "person:oura_spo2_average:deviations",
    least: 0.003,
};

/// One series per person and sign, 0 or 1.
const SIGN: &str = "person_sign:oura_illness_sign:bool";
const TO_BEDTIME: &str = "person:oura_time_to_bedtime_seconds:avg_14d";

fn record(name: &'static str, expr: String) -> Record {
    Record { name, expr, label: None }
}

fn baselines(s: &Scope, h: &Health) -> Vec<Record> {
    let mut records = Vec::new();
    for Baseline { key, mean, spread, deviations, least } in [PULSE, HRV, BREATH, OXYGEN] {
        // Up to yesterday: last night is compared with the nights before it, not with itself.
        let over = |function: &str| format!("max by (person) ({})", s.over_until(function, key, "28d", "1d"));
        let enough = format!("{} >= {LEAST_DAYS}", over("count_over_time"));
        records.push(record(mean, format!("{} and on (person) {enough}", over("avg_over_time"))));
        records.push(record(spread, format!("{} and on (person) {enough}", over("stddev_over_time"))));
        records.push(record(
            deviations,
            format!("({} - on (person) {mean}) / on (person) clamp_min({spread}, {least})", s.now(key)),
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

/// Sleep as a service: an objective, what it allows, and how fast that is used up.
fn objective(s: &Scope, h: &Health) -> Vec<Record> {
    let goal = h.sleep_hours * 3600.0;
    let allowed = 1.0 - h.sleep_objective;
    let met = |window: &str| {
        format!("avg_over_time((max by (person) ({}) >= bool {goal})[{window}:1d])", s.day("sleep_duration"))
    };
    let over = |function: &str| format!("max by (person) ({})", s.over(function, "sleep_duration", "14d"));
    // Ten nights of fourteen; a debt from three nights says nothing.
    let debt = format!(
        "{goal} * {0} - on (person) {1} and on (person) {0} >= 10",
        over("count_over_time"),
        over("sum_over_time")
    );
    vec![
        record(names::SLEEP_SLO, met("28d")),
        record(names::SLEEP_BUDGET, format!("1 - (1 - {}) / {allowed:.3}", names::SLEEP_SLO)),
        record(names::SLEEP_BURN_FAST, format!("(1 - {}) / {allowed:.3}", met("3d"))),
        record(names::SLEEP_BURN_SLOW, format!("(1 - {}) / {allowed:.3}", met("7d"))),
        record(names::SLEEP_DEBT, debt),
    ]
}

/// History of a number in a proof.
fn past(key: &str, values: &[f64]) -> (String, String) {
    (series(key, r#"person="me",source="history""#), days(values))
}

/// Days before something happens in a proof: a little more than a baseline needs.
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

#[expect(clippy::too_many_lines, reason = "a table: one alert after the other")]
fn health(s: &Scope, h: &Health) -> Vec<Alert> {
    vec![
        Alert {
            name: "OuraIllnessSignal",
            severity: Warning,
            area: Area::Health,
            expr: format!("{} >= {}", names::ILLNESS_SIGNS, h.signs),
            wait: "30m",
            keep: "6h",
            summary: "{{ $labels.person }}: the body may be fighting something",
            description: format!(
                "{{{{ $value }}}} of four signs stand against the last 28 nights: skin temperature at least {} °C above average, \
                 resting heart rate up, HRV down, breathing faster (by {} standard deviations). Take it easy today. Not a diagnosis.",
                h.warm_celsius, h.deviations
            ),
            proof: Proof {
                series: with(ordinary(), vec![
                    turns("temperature_deviation", 0.1, 0.8),
                    turns(PULSE.key, 51.0, 58.0),
                    turns(HRV.key, 0.053, 0.040),
                    turns(BREATH.key, 14.2, 14.3),
                ]),
                silent: "16d",
                firing: "16d1h",
                labels: ME,
            },
        },
        Alert {
            name: "OuraTemperatureHigh",
            severity: Warning,
            area: Area::Health,
            expr: format!("{} >= {}", s.now("temperature_deviation"), h.hot_celsius),
            wait: "30m",
            keep: "6h",
            summary: "{{ $labels.person }}: skin temperature {{ $value | printf \"%.1f\" }} °C above average",
            description: format!(
                "Last night's skin temperature was {} °C or more above the person's own average, which fever, a hot room or alcohol can do. Not a diagnosis.",
                h.hot_celsius
            ),
            proof: Proof { series: vec![turns("temperature_deviation", 0.9, 1.0)], silent: "16d", firing: "16d1h", labels: ME },
        },
        Alert {
            name: "OuraRestingHeartRateHigh",
            severity: Info,
            area: Area::Health,
            expr: format!(
                "max by (person) ({}) > on (person) {} + 2 * clamp_min({}, {}) and on (person) max by (person) ({}) >= 3",
                s.over("min_over_time", PULSE.key, "3d"), PULSE.mean, PULSE.spread, PULSE.least, s.over("count_over_time", PULSE.key, "3d"),
            ),
            wait: "30m",
            keep: "6h",
            summary: "{{ $labels.person }}: resting heart rate high for three nights",
            description: "Each of the last three nights had a resting heart rate more than two standard deviations above the 28 nights before: overload, heat, alcohol or illness.".to_owned(),
            proof: Proof {
                series: vec![past(PULSE.key, &[month(50.0, 52.0, USUAL), vec![58.0; 4]].concat())],
                silent: "18d1h",
                firing: "18d2h",
                labels: ME,
            },
        },
        Alert {
            name: "OuraHrvLow",
            severity: Info,
            area: Area::Health,
            expr: format!(
                "max by (person) ({}) < on (person) ({} - clamp_min({}, {})) and on (person) max by (person) ({}) >= 5",
                s.mean(HRV.key, "7d"), HRV.mean, HRV.spread, HRV.least, s.over("count_over_time", HRV.key, "7d"),
            ),
            wait: "30m",
            keep: "6h",
            summary: "{{ $labels.person }}: HRV low for a week",
            description: "The mean HRV of the last seven nights is more than one standard deviation below that of four weeks: the body is busy recovering.".to_owned(),
            proof: Proof {
                series: vec![past(HRV.key, &[month(0.050, 0.056, USUAL), vec![0.030; 7]].concat())],
                silent: "18d23h",
                firing: "19d2h",
                labels: ME,
            },
        },
        Alert {
            name: "OuraReadinessLow",
            severity: Warning,
            area: Area::Health,
            expr: format!(
                "max by (person) ({}) < {} and on (person) max by (person) ({}) >= 3",
                s.over("max_over_time", "readiness_score", "3d"), h.readiness, s.over("count_over_time", "readiness_score", "3d"),
            ),
            wait: "30m",
            keep: "6h",
            summary: "{{ $labels.person }}: readiness low for three days",
            description: format!("The best readiness of the last three days is {{{{ $value }}}}, below {}. Rest is not weakness.", h.readiness),
            proof: Proof {
                series: vec![past("readiness_score", &[80.0, 75.0, 55.0, 50.0, 58.0, 57.0])],
                silent: "4d",
                firing: "4d2h",
                labels: ME,
            },
        },
        Alert {
            name: "OuraBloodOxygenLow",
            severity: Warning,
            area: Area::Health,
            expr: format!(
                "(max by (person) ({mean}) < {limit} or max by (person) ({mean}) < on (person) ({usual} - {fall})) and on (person) max by (person) ({count}) >= 2",
                mean = s.mean(OXYGEN.key, "3d"), limit = h.oxygen_ratio, usual = OXYGEN.mean, fall = h.oxygen_fall_ratio,
                count = s.over("count_over_time", OXYGEN.key, "3d"),
            ),
            wait: "30m",
            keep: "6h",
            summary: "{{ $labels.person }}: blood oxygen {{ $value | humanizePercentage }} over three nights",
            description: format!(
                "The mean of the last three nights is below {} or has fallen by {} below the person's own four weeks. A loose ring reads low too. See a doctor if it lasts. Not a diagnosis.",
                h.oxygen_ratio, h.oxygen_fall_ratio
            ),
            proof: Proof {
                series: vec![past(OXYGEN.key, &[month(0.97, 0.98, USUAL), vec![0.93; 4]].concat())],
                silent: "17d1h",
                firing: "17d2h",
                labels: ME,
            },
        },
        Alert {
            name: "OuraBreathingChanged",
            severity: Warning,
            area: Area::Health,
            expr: format!(
                "abs(max by (person) ({}) - on (person) {}) > on (person) 3 * clamp_min({}, {}) and on (person) max by (person) ({}) >= 2",
                s.mean(BREATH.key, "2d"), BREATH.mean, BREATH.spread, BREATH.least, s.over("count_over_time", BREATH.key, "2d"),
            ),
            wait: "30m",
            keep: "6h",
            summary: "{{ $labels.person }}: breathing rate changed by {{ $value | printf \"%.1f\" }} a minute",
            description: "The mean breathing rate of two nights is more than three standard deviations from the 28 nights before. In health it hardly moves. Not a diagnosis.".to_owned(),
            proof: Proof {
                series: vec![past(BREATH.key, &[month(14.0, 14.4, USUAL), vec![17.0; 3]].concat())],
                silent: "15d23h",
                firing: "16d1h",
                labels: ME,
            },
        },
        Alert {
            name: "OuraStressHigh",
            severity: Info,
            area: Area::Health,
            expr: format!(
                "max by (person) ({}) == 1 and on (person) max by (person) ({}) >= 3",
                s.over_state("min_over_time", "stress_summary", "stressful", "3d"),
                s.over_state("count_over_time", "stress_summary", "stressful", "3d"),
            ),
            wait: "30m",
            keep: "6h",
            summary: "{{ $labels.person }}: three stressful days in a row",
            description: "Oura called each of the last three days stressful. Look for recovery time today.".to_owned(),
            proof: Proof {
                series: vec![("oura_stress_summary{person=\"me\",state=\"stressful\",source=\"history\"}".to_owned(), days(&[0.0, 1.0, 1.0, 1.0, 1.0]))],
                silent: "3d",
                firing: "3d2h",
                labels: ME,
            },
        },
    ]
}

#[expect(clippy::too_many_lines, reason = "a table: one alert after the other")]
fn habits(s: &Scope, h: &Health) -> Vec<Alert> {
    let days_without_goal = format!("{}d", h.movement_days);
    let remaining = "activity_remaining_distance";
    vec![
        Alert {
            name: "OuraSleepDebt",
            severity: Warning,
            area: Area::Health,
            expr: format!("{} > {}", names::SLEEP_DEBT, h.sleep_debt_hours * 3600.0),
            wait: "30m",
            keep: "12h",
            summary: "{{ $labels.person }}: {{ $value | humanizeDuration }} of sleep missing in two weeks",
            description: format!(
                "Against {} hours a night, more than {} hours are missing over the nights of the last 14 days.",
                h.sleep_hours, h.sleep_debt_hours
            ),
            proof: Proof {
                // 53 minutes short each night: more than twelve hours after fourteen of them.
                series: vec![past("sleep_duration", &[22_000.0; 16])],
                silent: "12d23h",
                firing: "13d2h",
                labels: ME,
            },
        },
        Alert {
            name: "OuraBedtimeIrregular",
            severity: Info,
            area: Area::Health,
            expr: format!(
                "max by (person) ({}) > {} and on (person) max by (person) ({}) >= 10",
                s.over("stddev_over_time", "sleep_bedtime_start_clock", "14d"),
                u32::from(h.bedtime_minutes) * 60,
                s.over("count_over_time", "sleep_bedtime_start_clock", "14d"),
            ),
            wait: "30m",
            keep: "12h",
            summary: "{{ $labels.person }}: bedtime spreads by {{ $value | humanizeDuration }}",
            description: format!(
                "The standard deviation of bedtime over 14 nights is above {} minutes. A steady bedtime does more for sleep than an early one.",
                h.bedtime_minutes
            ),
            proof: Proof {
                series: vec![past(
                    "sleep_bedtime_start_clock",
                    &[vec![0.0; 14], month(-9_000.0, 9_000.0, 12)].concat(),
                )],
                silent: "16d",
                firing: "22d",
                labels: ME,
            },
        },
        Alert {
            name: "OuraRingBatteryLow",
            severity: Warning,
            area: Area::Health,
            expr: format!(
                "{} < {} and on (person) {} == 0 and on (person) {TO_BEDTIME} < {}",
                s.now("ring_battery_level"),
                h.battery_ratio,
                s.now("ring_charging"),
                u32::from(h.battery_hours) * 3600,
            ),
            wait: "5m",
            keep: "",
            summary: "{{ $labels.person }}: charge the ring before bed ({{ $value | humanizePercentage }})",
            description: format!(
                "The battery is below {} within {} hours of the usual bedtime and the ring is not charging: it may not last the night.",
                h.battery_ratio, h.battery_hours
            ),
            proof: Proof {
                // To bed at 23:00 on a clock two hours ahead of UTC: the three hours before begin at 18:00 UTC.
                series: vec![
                    past("sleep_bedtime_start_clock", &[-3_600.0; 16]),
                    (
                        "oura_sleep_bedtime_end_clock_seconds{person=\"me\"}".to_owned(),
                        "25200+0x400".to_owned(),
                    ),
                    (
                        "oura_sleep_bedtime_end_timestamp_seconds{person=\"me\"}".to_owned(),
                        "1227600+0x400".to_owned(),
                    ),
                    ("oura_ring_battery_level_ratio{person=\"me\"}".to_owned(), "0.2+0x400".to_owned()),
                    ("oura_ring_charging{person=\"me\"}".to_owned(), "0+0x400".to_owned()),
                ],
                silent: "14d18h",
                firing: "14d20h",
                labels: ME,
            },
        },
        Alert {
            name: "OuraMovementGoalMissed",
            severity: Info,
            area: Area::Health,
            expr: format!(
                "max by (person) ({}) > 0 and on (person) max by (person) ({}) >= {} unless on (person) max by (person) ({}) > 0",
                s.over_until("min_over_time", remaining, &days_without_goal, "1d"),
                s.over_until("count_over_time", remaining, &days_without_goal, "1d"),
                h.movement_days,
                s.over("max_over_time", "rest_mode_periods", "7d"),
            ),
            wait: "30m",
            keep: "12h",
            summary: "{{ $labels.person }}: the movement goal was missed for days",
            description: format!(
                "The goal was missed on each of the last {} days, today not counted, and rest mode was off.",
                h.movement_days
            ),
            proof: Proof {
                series: vec![past(
                    remaining,
                    &[-100.0, -50.0, 900.0, 800.0, 700.0, 900.0, 600.0, 500.0, 400.0],
                )],
                silent: "7d",
                firing: "7d2h",
                labels: ME,
            },
        },
        Alert {
            name: "OuraRingNotWorn",
            severity: Info,
            area: Area::Health,
            expr: format!("{} > {}", s.now("activity_duration_non_wear"), u32::from(h.unworn_hours) * 3600),
            wait: "30m",
            keep: "6h",
            summary: "{{ $labels.person }}: the ring was off for {{ $value | humanizeDuration }}",
            description: format!(
                "The newest day has more than {} hours without the ring: gaps in the charts have this reason.",
                h.unworn_hours
            ),
            proof: Proof {
                series: vec![turns("activity_duration_non_wear", 43_200.0, 43_260.0)],
                silent: "16d",
                firing: "16d1h",
                labels: ME,
            },
        },
    ]
}

fn objective_alerts(h: &Health) -> Vec<Alert> {
    let hours = h.sleep_hours;
    let goal = hours * 3600.0;
    let night = |good: usize, bad: usize| {
        past("sleep_duration", &[vec![goal + 600.0; good], vec![goal - 600.0; bad]].concat())
    };
    vec![
        Alert {
            name: "OuraSleepBudgetBurnsFast",
            severity: Warning,
            area: Area::Health,
            // Two windows: the short one says that it goes on, the long one that it is no single bad night.
            expr: format!("{} >= 3 and on (person) {} >= 2", names::SLEEP_BURN_FAST, names::SLEEP_BURN_SLOW),
            wait: "30m",
            keep: "12h",
            summary: "{{ $labels.person }}: short nights use up the month's budget {{ $value | printf \"%.1f\" }} times too fast",
            description: format!(
                "Most of the last nights had less than {hours} hours. At this rate the nights that may be short in 28 days are used up in under two weeks."
            ),
            proof: Proof { series: vec![night(12, 6)], silent: "13d", firing: "15d", labels: ME },
        },
        Alert {
            name: "OuraSleepBudgetSpent",
            severity: Info,
            area: Area::Health,
            expr: format!("{} < 0", names::SLEEP_BUDGET),
            wait: "30m",
            keep: "12h",
            summary: "{{ $labels.person }}: the sleep objective of four weeks is missed",
            description: format!(
                "Fewer than {} % of the last 28 nights had {hours} hours. It comes back as good nights push the short ones out of the window.",
                h.sleep_objective * 100.0
            ),
            proof: Proof { series: vec![night(12, 8)], silent: "14d", firing: "16d", labels: ME },
        },
    ]
}
