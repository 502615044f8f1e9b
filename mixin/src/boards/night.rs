//! Night: one night in detail, chosen from a list.

use super::stacked;
use crate::board::{Board, Row, Subject};
use crate::config::Config;
use crate::panel::{GREEN, Kind, ORANGE, Panel, RED, SCORE, STAGES};
use crate::query::Scope;

/// Columns of the list that hold where a night begins and ends.
const ENDS: (&str, &str) = ("From", "To");

pub(super) fn board(config: &Config) -> Board {
    let s = &Scope::chosen(config);
    Board {
        uid: "myhealth-night",
        title: "Night",
        about: "The newest night of the chosen range in detail. A click on a date in the list of nights chooses that night.",
        subject: Subject::Health,
        from: "now-36h",
        rows: vec![
            Row::new("In numbers", numbers(s)),
            Row::new("Minute by minute", inside(s)),
            Row::new("Choose a night", nights(s)),
        ],
        annotations: Vec::new(),
    }
}

fn numbers(s: &Scope) -> Vec<Panel> {
    let of = |key: &str, title: &str, about: &str| {
        Panel::new(Kind::Stat, title, about).ask(s.newest_day(key), "{{person}}").unit_of(key).size(3, 4)
    };
    vec![
        of("sleep_score", "Sleep score", "Oura's score of the night.").steps(SCORE),
        of("sleep_duration", "Time asleep", "Time asleep, naps not counted."),
        of("sleep_time_in_bed", "Time in bed", "From getting into bed to getting up."),
        of(
            "sleep_efficiency",
            "Efficiency",
            "Share of the time in bed spent asleep; 85 % and more is usual.",
        )
        .steps(&[(f64::NEG_INFINITY, RED), (0.75, ORANGE), (0.85, GREEN)]),
        of("sleep_latency", "Time to fall asleep", "Time from getting into bed to falling asleep."),
        of("sleep_lowest_heart_rate", "Lowest heart rate", "Lowest heart rate of the night."),
        of("sleep_average_hrv", "HRV", "Average heart-rate variability (RMSSD) of the night."),
        of("sleep_breathing_rate", "Breathing rate", "Breaths per minute of the night.").decimals(1),
    ]
}

/// Points of the newest night, without the end of the night before.
fn within(s: &Scope, key: &str) -> String {
    let start = s.day("sleep_bedtime_start");
    format!(
        "{} and on (person) max by (person) (last_over_time({start}[2d] @ end())) <= time()",
        s.points(key)
    )
}

fn inside(s: &Scope) -> Vec<Panel> {
    vec![
        Panel::new(Kind::States, "Stages", "Sleep stage every five minutes.")
            .ask(within(s, "sleep_phase"), "{{person}}")
            .words(&[
                (1, "deep", STAGES[0].1),
                (2, "light", STAGES[1].1),
                (3, "REM", STAGES[2].1),
                (4, "awake", STAGES[3].1),
            ])
            .every("5m")
            .size(24, 5),
        Panel::new(
            Kind::Lines,
            "Heart rate",
            "Heart rate every five minutes of sleep. A good night's lowest point comes before its second half.",
        )
        .ask(within(s, "sleep_heart_rate"), "{{person}}")
        .unit_of("sleep_heart_rate")
        .every("5m"),
        Panel::new(Kind::Lines, "HRV", "Heart-rate variability (RMSSD) every five minutes of sleep.")
            .ask(within(s, "sleep_hrv"), "{{person}}")
            .unit_of("sleep_hrv")
            .every("5m"),
        Panel::new(Kind::States, "Movement", "Movement every thirty seconds of sleep.")
            .ask(within(s, "sleep_movement"), "{{person}}")
            .words(&[(1, "none", STAGES[0].1), (2, "restless", STAGES[1].1), (3, "tossing", ORANGE), (4, "active", RED)])
            .every("30s")
            .size(24, 5),
    ]
}

fn nights(s: &Scope) -> Vec<Panel> {
    let end = |key: &str, shift: i32| format!("max by (person) (1000 * ({} + {shift}))", s.day(key));
    let of = |key: &str| format!("max by (person) ({})", s.day(key));
    vec![
        Panel::new(
            Kind::Table,
            "Nights",
            "The last 30 days. A click on a date sets the range to that night, a quarter of an hour more on both sides.",
        )
        .over_days()
        .ask(end("sleep_bedtime_end", 0), "")
        .ask(of("sleep_duration"), "")
        .ask(of("sleep_score"), "")
        .ask(of("sleep_lowest_heart_rate"), "")
        .ask(end("sleep_bedtime_start", -900), "")
        .ask(end("sleep_bedtime_end", 900), "")
        .rows(
            &[],
            &[
                ("Value #A", "Date"),
                ("person", "Person"),
                ("Value #B", "Time asleep"),
                ("Value #C", "Sleep score"),
                ("Value #D", "Lowest heart rate"),
                ("Value #E", ENDS.0),
                ("Value #F", ENDS.1),
            ],
        )
        .column_unit("Date", Panel::DATE)
        .column_unit_of("Time asleep", "sleep_duration")
        .column_unit_of("Lowest heart rate", "sleep_lowest_heart_rate")
        .row_link("myhealth-night", ENDS.0, ENDS.1)
        .shows("30d")
        .daily()
        .size(12, 10),
        stacked(s, "sleep_stage_duration", "Stages of the last 30 nights", "Each night by sleep stage; the bar is the time in bed.")
            .colors(STAGES)
            .shows("30d")
            .size(12, 10),
    ]
}
