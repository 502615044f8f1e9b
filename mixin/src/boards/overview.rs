//! Oura overview: how am I, and may I believe it.

use super::{newest, score, stacked, trend};
use crate::board::{Board, Row, Subject, life_annotations};
use crate::config::Config;
use crate::names;
use crate::panel::{GREEN, Kind, ORANGE, Panel, RED, YELLOW};
use crate::query::Scope;

pub(super) fn board(config: &Config) -> Board {
    let s = &Scope::chosen(config);
    Board {
        uid: "myhealth-overview",
        title: "Oura overview",
        about: "Today at a glance, against your own last weeks. Not a medical device.",
        subject: Subject::Health,
        from: "now-30d",
        rows: vec![
            Row::new("Today", today(s)),
            Row::new("Against your own last four weeks", usual(s)),
            Row::new("The last weeks", weeks(s)),
            Row::new("This week and the week before", compared(s)),
            Row::new("May I believe it", trust(s)),
        ],
        annotations: life_annotations(s),
    }
}

fn today(s: &Scope) -> Vec<Panel> {
    vec![
        score(
            s,
            "sleep_score",
            "Sleep",
            "Oura's score of last night. 85 and up is optimal, below 60 asks for attention.",
            "myhealth-sleep",
        ),
        score(
            s,
            "readiness_score",
            "Readiness",
            "Oura's score of how ready the body is for the day.",
            "myhealth-readiness",
        ),
        score(
            s,
            "activity_score",
            "Activity",
            "Oura's score of the day's movement so far.",
            "myhealth-activity",
        ),
        newest(s, "sleep_duration", "Slept", "Time asleep last night, naps not counted.")
            .steps(&[(f64::NEG_INFINITY, RED), (21_600.0, ORANGE), (25_200.0, GREEN)])
            .link("myhealth-sleep"),
        newest(
            s,
            "sleep_lowest_heart_rate",
            "Resting heart rate",
            "Lowest heart rate of last night: what Oura's app calls the resting heart rate.",
        )
        .link("myhealth-body"),
        newest(
            s,
            "sleep_average_hrv",
            "HRV",
            "Average heart-rate variability (RMSSD) of last night. Compare it with yourself only.",
        )
        .link("myhealth-readiness"),
        newest(
            s,
            "temperature_deviation",
            "Temperature",
            "Skin temperature of last night against your own average.",
        )
        .decimals(2)
        .steps(&[(f64::NEG_INFINITY, YELLOW), (-0.5, GREEN), (0.5, ORANGE), (1.0, RED)])
        .link("myhealth-readiness"),
        newest(s, "activity_steps", "Steps", "Steps of the day so far.").link("myhealth-activity"),
        newest(
            s,
            "activity_remaining_distance",
            "Distance left to the goal",
            "Distance left to the day's movement goal; negative once it is passed.",
        )
        .steps(&[(f64::NEG_INFINITY, GREEN), (0.1, YELLOW)])
        .link("myhealth-activity"),
        newest(s, "stress_high_duration", "Under stress", "Time of the day so far under high stress.")
            .link("myhealth-readiness"),
        Panel::new(
            Kind::Stat,
            "Resilience",
            "How well the body has coped with stress in the last weeks, from limited to exceptional.",
        )
        .ask(
            format!(
                "{} or {} * 2 or {} * 3 or {} * 4 or {} * 5",
                state(s, "limited"),
                state(s, "adequate"),
                state(s, "solid"),
                state(s, "strong"),
                state(s, "exceptional"),
            ),
            "{{person}}",
        )
        .words(&[
            (1, "limited", RED),
            (2, "adequate", ORANGE),
            (3, "solid", YELLOW),
            (4, "strong", GREEN),
            (5, "exceptional", GREEN),
        ])
        .link("myhealth-readiness"),
        newest(
            s,
            "ring_battery_level",
            "Ring battery",
            "How full the ring's battery was when the phone last asked.",
        )
        .steps(&[(f64::NEG_INFINITY, RED), (0.15, ORANGE), (0.3, GREEN)])
        .link("myhealth-body"),
    ]
}

/// 1 for each person whose resilience is at this level now, and no series for the others.
fn state(s: &Scope, level: &str) -> String {
    format!("({} == 1)", s.now_in("resilience_level", level))
}

fn usual(s: &Scope) -> Vec<Panel> {
    let mut bars = Panel::new(
        Kind::BarGauge,
        "Last night against your usual",
        "How far last night was from the median of your own 28 nights before, in spreads (distance of the quartiles / 1.349). Within 2 is usual.",
    )
    .range(-4.0, 4.0)
    .decimals(1)
    .unit("none")
    .steps(&[(f64::NEG_INFINITY, RED), (-3.0, ORANGE), (-2.0, GREEN), (2.0, ORANGE), (3.0, RED)])
    .size(12, 7);
    for (key, name) in [
        ("sleep_lowest_heart_rate", "resting heart rate"),
        ("sleep_average_hrv", "HRV"),
        ("sleep_breathing_rate", "breathing rate"),
        ("temperature_deviation", "temperature"),
        ("sleep_duration", "time asleep"),
        ("sleep_score", "sleep score"),
        ("readiness_score", "readiness score"),
    ] {
        bars = bars.ask(s.deviations(key), &format!("{name} {{{{person}}}}"));
    }
    vec![
        bars,
        Panel::new(
            Kind::Stat,
            "Signs of illness",
            "How many of four signs stand: warmer than usual, faster resting heart, lower HRV, faster breathing. From three on, the alert OuraIllnessSignal fires. Not a diagnosis.",
        )
        .ask(format!("max by (person) ({}{{person=~\"$person\"}})", names::ILLNESS_SIGNS), "{{person}}")
        .steps(&[(f64::NEG_INFINITY, GREEN), (2.0, ORANGE), (3.0, RED)])
        .size(4, 7)
        .link("myhealth-readiness"),
        Panel::new(Kind::Stat, "Sleep debt", "Sleep missing against the goal over the last 14 nights that were measured; negative is a surplus.")
            .ask(format!("max by (person) ({}{{person=~\"$person\"}})", names::SLEEP_DEBT), "{{person}}")
            .unit("s")
            .steps(&[(f64::NEG_INFINITY, GREEN), (18_000.0, ORANGE), (43_200.0, RED)])
            .size(4, 7)
            .link("myhealth-sleep"),
        Panel::new(Kind::Stat, "Sleep budget left", "What is left of the nights that may be short by the sleep objective, over 28 days. Below zero the objective is missed.")
            .ask(format!("max by (person) ({}{{person=~\"$person\"}})", names::SLEEP_BUDGET), "{{person}}")
            .unit("percentunit")
            .steps(&[(f64::NEG_INFINITY, RED), (0.0, ORANGE), (0.3, GREEN)])
            .size(4, 7)
            .link("myhealth-data-quality"),
    ]
}

fn weeks(s: &Scope) -> Vec<Panel> {
    vec![
        Panel::new(
            Kind::Lines,
            "Scores",
            "The three scores day by day. They move together over weeks and apart within one.",
        )
        .ask(s.day("sleep_score"), "sleep {{person}}")
        .ask(s.day("readiness_score"), "readiness {{person}}")
        .ask(s.day("activity_score"), "activity {{person}}")
        .range(0.0, 100.0)
        .daily(),
        stacked(
            s,
            "sleep_stage_duration",
            "Nights",
            "Each night by sleep stage; the bar is the time in bed.",
        )
        .colors(super::sleep::STAGES),
        Panel::new(
            Kind::Lines,
            "Resting heart rate",
            "Lowest heart rate of each night, and its mean over a week.",
        )
        .ask(s.day("sleep_lowest_heart_rate"), "{{person}}")
        .ask_mean(s.mean("sleep_lowest_heart_rate", "7d"), "{{person}}, mean of 7 days")
        .unit_of("sleep_lowest_heart_rate")
        .size(8, 8)
        .daily(),
        trend(
            s,
            "sleep_average_hrv",
            "HRV",
            "Heart-rate variability (RMSSD) of each night, and its mean over a week.",
        )
        .size(8, 8),
        Panel::new(Kind::Bars, "Temperature", "Skin temperature of each night against your own average.")
            .ask(s.day("temperature_deviation"), "{{person}}")
            .unit_of("temperature_deviation")
            .steps(&[(f64::NEG_INFINITY, GREEN), (0.5, ORANGE), (1.0, RED)])
            .size(8, 8)
            .daily(),
        Panel::new(Kind::Bars, "Steps", "Steps of each day; today's bar is still growing.")
            .ask(s.day("activity_steps"), "{{person}}")
            .unit_of("activity_steps")
            .at_least_zero()
            .daily(),
        Panel::new(
            Kind::Stacked,
            "Stress and recovery",
            "Time of each day under high stress and in high recovery, as Oura sees it.",
        )
        .ask(s.day("stress_high_duration"), "stress {{person}}")
        .ask(s.day("recovery_high_duration"), "recovery {{person}}")
        .colors(&[("stress", ORANGE), ("recovery", GREEN)])
        .unit_of("stress_high_duration")
        .at_least_zero()
        .daily(),
    ]
}

fn compared(s: &Scope) -> Vec<Panel> {
    let week = |key: &str, title: &str, about: &str| {
        Panel::new(Kind::Stat, title, about)
            .ask(s.mean(key, "7d"), "this week {{person}}")
            .ask(s.over_until("avg_over_time", key, "7d", "7d"), "before {{person}}")
            .unit_of(key)
            .decimals(1)
    };
    vec![
        week(
            "sleep_score",
            "Sleep score, a week",
            "Mean sleep score of the last 7 days and of the 7 before.",
        ),
        week(
            "readiness_score",
            "Readiness, a week",
            "Mean readiness score of the last 7 days and of the 7 before.",
        ),
        week(
            "sleep_duration",
            "Time asleep, a week",
            "Mean time asleep of the last 7 nights and of the 7 before.",
        ),
        week("sleep_average_hrv", "HRV, a week", "Mean HRV of the last 7 nights and of the 7 before."),
        week(
            "sleep_lowest_heart_rate",
            "Resting heart rate, a week",
            "Mean resting heart rate of the last 7 nights and of the 7 before.",
        ),
        week("activity_steps", "Steps, a week", "Mean steps a day of the last 7 days and of the 7 before."),
    ]
}

fn trust(s: &Scope) -> Vec<Panel> {
    vec![
        Panel::new(Kind::Table, "Firing alerts", "Alerts about these persons that fire now; the runbook says what each means.")
            .ask(r#"ALERTS{alertstate="firing",person=~"$person"}"#, "{{alertname}}")
            .rows(&["Value", "alertstate"], &[("alertname", "Alert"), ("severity", "Severity"), ("person", "Person"), ("area", "About")])
            .nothing("no alert fires")
            .size(8, 8),
        Panel::new(Kind::BarGauge, "Age of the newest day", "How long ago the newest day of each kind began (at its midnight UTC). A night is about a day old until the next one.")
            .ask(format!("time() - {}", s.beside_every_day(names::NEWEST_DAY)), "{{collection}} {{person}}")
            .unit("s")
            .steps(&[(f64::NEG_INFINITY, GREEN), (172_800.0, ORANGE), (259_200.0, RED)])
            .range(0.0, 345_600.0)
            .size(8, 8)
            .link("myhealth-data-quality"),
        Panel::new(Kind::Table, "Why a number is missing", "For each kind of data without a current value: what is known about the reason.")
            .ask(format!("max by (person, collection, reason) ({}{{person=~\"$person\"}} == 1)", names::ABSENCE), "{{reason}}")
            .rows(&["Value"], &[("collection", "Collection"), ("reason", "Reason"), ("person", "Person")])
            .nothing("nothing is missing")
            .size(8, 8)
            .link("myhealth-data-quality"),
    ]
}
