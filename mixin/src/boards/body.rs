//! Heart and body: pulse, breath, oxygen, vessels, and the ring that measures them.

use super::{baseline, newest, trend};
use crate::board::{Board, Row, Subject, life_annotations};
use crate::config::Config;
use crate::panel::{BLUE, GREEN, Kind, ORANGE, Panel, RED};
use crate::query::Scope;

pub(super) fn board(config: &Config) -> Board {
    let s = &Scope::chosen(config);
    Board {
        uid: "myhealth-body",
        title: "Heart and body",
        about: "Pulse, breath, oxygen, vessels, and the ring that measures them. Not a medical device.",
        subject: Subject::Health,
        from: "now-30d",
        rows: vec![
            Row::new("Now", now(s)),
            Row::new("Heart rate over the day: drag to zoom in", clock(s)),
            Row::new("Heart at night", night(s)),
            Row::new("Breath and oxygen", breath(s)),
            Row::new("Vessels and fitness", vessels(s)),
            Row::new("Sessions: drag to zoom in", sessions(s)),
            Row::new("The ring", ring(s)),
        ],
        annotations: life_annotations(s),
    }
}

fn now(s: &Scope) -> Vec<Panel> {
    vec![
        Panel::new(Kind::Stat, "Heart rate", "The newest heart rate by what the wearer was doing.")
            .ask(s.now("heart_rate"), "{{context}} {{person}}")
            .unit_of("heart_rate")
            .size(8, 4),
        newest(s, "sleep_lowest_heart_rate", "Resting heart rate", "Lowest heart rate of last night."),
        newest(s, "sleep_average_hrv", "HRV", "Average heart-rate variability (RMSSD) of last night."),
        newest(s, "spo2_average", "Blood oxygen", "Average oxygen saturation of last night.")
            .decimals(1)
            .steps(&[(f64::NEG_INFINITY, RED), (0.92, ORANGE), (0.95, GREEN)]),
        newest(s, "sleep_breathing_rate", "Breathing rate", "Average breathing rate of last night.")
            .decimals(1),
        newest(s, "vascular_age", "Vascular age", "How old the blood vessels seem; comes every week or two."),
        newest(
            s,
            "pulse_wave_velocity",
            "Pulse wave velocity",
            "How fast the pulse travels along the vessels; stiffer vessels are faster.",
        )
        .decimals(1),
        newest(s, "vo2_max", "VO₂ max", "Estimated aerobic capacity; many rings never report it.")
            .decimals(1),
        newest(
            s,
            "breathing_disturbance_index",
            "Breathing disturbance",
            "How often breathing was disturbed last night, on Oura's scale of 0 to 100.",
        ),
        newest(
            s,
            "ring_battery_level",
            "Ring battery",
            "How full the ring's battery was when the phone last asked.",
        )
        .steps(&[(f64::NEG_INFINITY, RED), (0.15, ORANGE), (0.3, GREEN)]),
        newest(s, "ring_charging", "Charging", "Whether the ring is charging.").size(4, 4),
    ]
}

fn clock(s: &Scope) -> Vec<Panel> {
    vec![
        Panel::new(Kind::Points, "Heart rate", "Every reading, by what the wearer was doing.")
            .ask(s.points("heart_rate"), "{{context}} {{person}}")
            .unit_of("heart_rate")
            .every("5m")
            .size(24, 9),
        Panel::new(
            Kind::Lines,
            "Range of each day",
            "Highest, mean and lowest awake heart rate of the 24 hours up to each point.",
        )
        .ask(s.over("max_over_time", "heart_rate_awake", "1d"), "highest {{person}}")
        .ask(s.over("avg_over_time", "heart_rate_awake", "1d"), "mean {{person}}")
        .ask(s.over("min_over_time", "heart_rate_awake", "1d"), "lowest {{person}}")
        .unit_of("heart_rate")
        .daily(),
        Panel::new(
            Kind::Histogram,
            "Heart rate distribution",
            "How often which heart rate, over the chosen range, waking and sleeping.",
        )
        .ask(s.points("heart_rate"), "{{context}} {{person}}")
        .unit_of("heart_rate")
        .every("5m"),
    ]
}

fn night(s: &Scope) -> Vec<Panel> {
    vec![
        baseline(
            s,
            "sleep_lowest_heart_rate",
            "Resting heart rate",
            "Lowest heart rate of each night in the band of your own last four weeks.",
        ),
        baseline(
            s,
            "sleep_average_hrv",
            "HRV",
            "Heart-rate variability (RMSSD) of each night in the band of your own last four weeks.",
        ),
        trend(
            s,
            "sleep_average_heart_rate",
            "Average heart rate",
            "Average heart rate of each night, and its mean over a week.",
        ),
        Panel::new(
            Kind::Lines,
            "Nightly dip of the heart rate",
            "How far the lowest heart rate of the night is below its average: a deep dip is a calm night.",
        )
        .ask(
            format!("{} - {}", s.day("sleep_average_heart_rate"), s.day("sleep_lowest_heart_rate")),
            "{{person}}",
        )
        .unit_of("sleep_average_heart_rate")
        .at_least_zero()
        .daily(),
    ]
}

fn breath(s: &Scope) -> Vec<Panel> {
    vec![
        Panel::new(
            Kind::Lines,
            "Blood oxygen",
            "Average oxygen saturation of each night, and its mean over a week.",
        )
        .ask(s.day("spo2_average"), "{{person}}")
        .ask_mean(s.mean("spo2_average", "7d"), "mean of 7 days {{person}}")
        .unit_of("spo2_average")
        .steps(&[(f64::NEG_INFINITY, RED), (0.92, ORANGE), (0.95, GREEN)])
        .decimals(1)
        .size(8, 8)
        .daily(),
        trend(
            s,
            "breathing_disturbance_index",
            "Breathing disturbance",
            "How often breathing was disturbed each night, on Oura's scale of 0 to 100.",
        )
        .size(8, 8),
        baseline(
            s,
            "sleep_breathing_rate",
            "Breathing rate",
            "Breaths per minute of each night in the band of your own last four weeks.",
        )
        .size(8, 8),
    ]
}

fn vessels(s: &Scope) -> Vec<Panel> {
    let sparse = |key: &str, title: &str, about: &str| {
        Panel::new(Kind::Lines, title, about)
            .ask(s.day(key), "{{person}}")
            .unit_of(key)
            .connected()
            .size(8, 8)
            .daily()
    };
    vec![
        sparse("vascular_age", "Vascular age", "How old the blood vessels seem; comes every week or two."),
        sparse(
            "pulse_wave_velocity",
            "Pulse wave velocity",
            "How fast the pulse travels along the vessels; stiffer vessels are faster.",
        ),
        sparse("vo2_max", "VO₂ max", "Estimated aerobic capacity; many rings never report it."),
    ]
}

fn sessions(s: &Scope) -> Vec<Panel> {
    let points = |key: &str, title: &str, about: &str| {
        Panel::new(Kind::Points, title, about)
            .ask(s.points(key), "{{person}}")
            .unit_of(key)
            .size(8, 8)
            .every("5s")
    };
    vec![
        points(
            "session_heart_rate",
            "Heart rate in sessions",
            "Heart rate every five seconds of a session. Zoom in on one.",
        ),
        points(
            "session_hrv",
            "HRV in sessions",
            "Heart-rate variability every five seconds of a session. Zoom in on one.",
        ),
        points(
            "session_motion",
            "Movement in sessions",
            "Movements every five seconds of a session. Zoom in on one.",
        ),
    ]
}

fn ring(s: &Scope) -> Vec<Panel> {
    vec![
        Panel::new(
            Kind::Lines,
            "Battery",
            "How full the ring's battery was. The slope between charges tells its age.",
        )
        .ask(s.points("ring_battery_level"), "{{person}}")
        .unit_of("ring_battery_level")
        .steps(&[(f64::NEG_INFINITY, RED), (0.15, ORANGE), (0.3, GREEN)])
        .range(0.0, 1.0)
        .connected()
        .every("1h"),
        Panel::new(Kind::States, "Charging", "When the ring was charging, and when it was in its charger.")
            .ask(s.points("ring_charging"), "charging {{person}}")
            .ask(s.points("ring_in_charger"), "in the charger {{person}}")
            .words(&[(0, "no", "transparent"), (1, "yes", BLUE)])
            .unit("bool_yes_no")
            .every("15m"),
        Panel::new(
            Kind::Lines,
            "Lowest battery of each day",
            "The lowest battery level of the 24 hours up to each point.",
        )
        .ask(s.over("min_over_time", "ring_battery_level", "1d"), "{{person}}")
        .unit_of("ring_battery_level")
        .steps(&[(f64::NEG_INFINITY, RED), (0.15, ORANGE), (0.3, GREEN)])
        .range(0.0, 1.0)
        .daily(),
        Panel::new(Kind::Bars, "Not worn", "Time of each day without the ring on the finger.")
            .ask(s.day("activity_duration_non_wear"), "{{person}}")
            .unit_of("activity_duration")
            .at_least_zero()
            .daily(),
    ]
}
