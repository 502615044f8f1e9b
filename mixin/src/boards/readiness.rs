//! Readiness and recovery: how the body copes with the days.

use super::{baseline, contributors, contributors_now, newest, score, states, trend};
use crate::board::{Board, Row, Subject, life_annotations};
use crate::config::Config;
use crate::names;
use crate::panel::{BLUE, GREEN, Kind, ORANGE, Panel, RED};
use crate::query::Scope;

pub(super) fn board(config: &Config) -> Board {
    let s = &Scope::chosen(config);
    Board {
        uid: "myhealth-readiness",
        title: "Readiness and recovery",
        about: "How the body copes with the days: readiness, temperature, stress, resilience. Not a medical device.",
        subject: Subject::Health,
        from: "now-60d",
        rows: vec![
            Row::new("Today", today(s)),
            Row::new("Warning signs", signs(s, config)),
            Row::new("Readiness", trends(s)),
            Row::new("Stress and resilience", stress(s)),
            Row::new("Training load and recovery", load(s)),
        ],
        annotations: life_annotations(s),
    }
}

fn today(s: &Scope) -> Vec<Panel> {
    vec![
        score(
            s,
            "readiness_score",
            "Readiness score",
            "Oura's score of how ready the body is for the day.",
            "myhealth-overview",
        ),
        newest(
            s,
            "temperature_deviation",
            "Temperature",
            "Skin temperature of last night against your own average.",
        )
        .decimals(2)
        .steps(&[(f64::NEG_INFINITY, BLUE), (-0.5, GREEN), (0.5, ORANGE), (1.0, RED)]),
        newest(
            s,
            "temperature_trend_deviation",
            "Temperature, smoothed",
            "The temperature deviation, smoothed by Oura over several nights.",
        )
        .decimals(2),
        newest(s, "sleep_average_hrv", "HRV", "Average heart-rate variability (RMSSD) of last night."),
        newest(s, "stress_high_duration", "High stress", "Time of the day so far under high stress."),
        newest(s, "recovery_high_duration", "High recovery", "Time of the day so far in high recovery."),
        contributors_now(s, "readiness_contributor", "the readiness score").size(8, 8),
        Panel::new(
            Kind::BarGauge,
            "Resilience contributors",
            "What each aspect gives to the resilience level, in points.",
        )
        .ask(s.now("resilience_contributor"), "{{contributor}} {{person}}")
        .steps(super::SCORE)
        .range(0.0, 100.0)
        .size(8, 8),
        Panel::new(
            Kind::Stat,
            "Week and month",
            "Mean readiness of 7 and of 28 days. A week well below the month is a reason to slow down.",
        )
        .ask(s.mean("readiness_score", "7d"), "7 days {{person}}")
        .ask(s.mean("readiness_score", "28d"), "28 days {{person}}")
        .decimals(0)
        .steps(super::SCORE)
        .size(4, 8),
        Panel::new(Kind::Stat, "Days below 60", "Days of the last 28 with a readiness below 60.")
            .ask(format!("sum_over_time(({} < bool 60)[28d:1d])", s.day("readiness_score")), "{{person}}")
            .unit("suffix: days")
            .steps(&[(f64::NEG_INFINITY, GREEN), (3.0, ORANGE), (7.0, RED)])
            .size(4, 8),
    ]
}

fn signs(s: &Scope, config: &Config) -> Vec<Panel> {
    let limit = config.health.warm_celsius;
    vec![
        Panel::new(Kind::Bars, "Signs of illness", "How many of four signs there were: warmer than usual, faster resting heart, lower HRV, faster breathing. Recorded since this Prometheus knows the rule. Not a diagnosis.")
            .ask(
                format!("max by (person) (max_over_time({}{{person=~\"$person\"}}[$__interval]))", names::ILLNESS_SIGNS),
                "{{person}}",
            )
            .unit("none")
            .steps(&[(f64::NEG_INFINITY, GREEN), (2.0, ORANGE), (3.0, RED)])
            .range(0.0, 4.0)
            .nothing("not recorded yet")
            .every("1h"),
        Panel::new(Kind::Bars, "Temperature", &format!("Skin temperature of each night against your own average, and Oura's smoothed line. From {limit} °C on it counts as a sign."))
            .ask(s.day("temperature_deviation"), "{{person}}")
            .ask_mean(s.day("temperature_trend_deviation"), "smoothed {{person}}")
            .unit_of("temperature_deviation")
            .steps(&[(f64::NEG_INFINITY, GREEN), (0.5, ORANGE), (1.0, RED)])
            .centred()
            .daily(),
        baseline(s, "sleep_lowest_heart_rate", "Resting heart rate", "Lowest heart rate of each night in the band of your own last four weeks. Above the band for days: illness, alcohol, heat, overload."),
        baseline(s, "sleep_average_hrv", "HRV", "Heart-rate variability of each night in the band of your own last four weeks. Below the band for days: the body is busy."),
    ]
}

fn trends(s: &Scope) -> Vec<Panel> {
    vec![
        trend(s, "readiness_score", "Readiness score", "The score of each day, and its mean over a week.")
            .range(0.0, 100.0),
        contributors(s, "readiness_contributor", "the readiness score"),
        Panel::new(
            Kind::Lines,
            "Week against month",
            "Mean readiness of 7 days and of 28. The week below the month is a reason to slow down.",
        )
        .ask(s.mean("readiness_score", "7d"), "7 days {{person}}")
        .ask(s.mean("readiness_score", "28d"), "28 days {{person}}")
        .unit_of("readiness_score")
        .daily(),
        Panel::new(
            Kind::Histogram,
            "Readiness score distribution",
            "How often which readiness score, over the chosen range.",
        )
        .ask(s.day("readiness_score"), "{{person}}")
        .unit_of("readiness_score")
        .daily(),
        Panel::new(
            Kind::Bars,
            "Rest mode",
            "Length of the rest-mode periods that start on each day, once they have ended.",
        )
        .ask(s.day("rest_mode_duration"), "{{person}}")
        .unit_of("rest_mode_duration")
        .at_least_zero()
        .daily(),
        Panel::new(Kind::Calendar, "Readiness, day by day", "A cell per day, coloured by score.")
            .ask(s.day("readiness_score"), "{{person}}")
            .unit_of("readiness_score")
            .steps(super::SCORE)
            .size(12, 8)
            .daily(),
    ]
}

fn stress(s: &Scope) -> Vec<Panel> {
    vec![
        Panel::new(
            Kind::Stacked,
            "Stress and recovery",
            "Time of each day under high stress and in high recovery.",
        )
        .colors(&[("stress", ORANGE), ("recovery", GREEN)])
        .ask(s.day("stress_high_duration"), "stress {{person}}")
        .ask(s.day("recovery_high_duration"), "recovery {{person}}")
        .unit_of("stress_high_duration")
        .at_least_zero()
        .daily(),
        Panel::new(
            Kind::Lines,
            "Stress as a share of stress and recovery",
            "Stress as a share of stress and recovery, mean of a week.",
        )
        .ask(
            format!(
                "{0} / ({0} + ignoring (__name__) {1})",
                s.mean("stress_high_duration", "7d"),
                s.mean("recovery_high_duration", "7d")
            ),
            "{{person}}",
        )
        .unit("percentunit")
        .range(0.0, 1.0)
        .daily(),
        states(
            s,
            "stress_summary",
            "Day summaries",
            "Restored, normal or stressful.",
            &[("restored", GREEN), ("normal", BLUE), ("stressful", ORANGE)],
        ),
        states(
            s,
            "resilience_level",
            "Resilience level",
            "How well the body coped with stress over weeks, from limited to exceptional.",
            &[
                ("limited", RED),
                ("adequate", ORANGE),
                ("solid", BLUE),
                ("strong", GREEN),
                ("exceptional", "#0B6E6B"),
            ],
        ),
        Panel::new(
            Kind::Lines,
            "Resilience contributors",
            "What each aspect gave to the resilience level, in points.",
        )
        .ask(s.day("resilience_contributor"), "{{contributor}} {{person}}")
        .range(0.0, 100.0)
        .size(24, 8)
        .daily(),
    ]
}

fn load(s: &Scope) -> Vec<Panel> {
    vec![
        Panel::new(Kind::Lines, "Readiness after the day before", "Readiness of each day next to the hard and medium load of the day before, in MET hours. A fall after a peak is the price; how fast it comes back is fitness.")
            .ask(s.day("readiness_score"), "readiness {{person}}")
            .ask_beside(
                format!("sum by (person) ({} offset 1d) / 3600", s.day_where("activity_load", r#"level=~"high|medium""#)),
                "load of the day before {{person}}",
                "suffix: MET h",
            )
            .unit("none")
            .daily(),
        Panel::new(Kind::Lines, "Readiness after the night", "Readiness of each day next to the hours slept before it.")
            .ask(s.day("readiness_score"), "readiness {{person}}")
            .ask_beside(format!("{} / 3600", s.day("sleep_duration")), "hours asleep {{person}}", "suffix: h")
            .unit("none")
            .daily(),
    ]
}
