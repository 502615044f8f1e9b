//! Oura overview: today, the last weeks, and whether the data are complete.

use super::{against_usual, firing_alerts, illness_signs, newest, nights_at_goal, score, stacked, trend};
use crate::board::{Board, Row, Subject, life_annotations};
use crate::config::Config;
use crate::names;
use crate::panel::{BLUE, GREEN, Kind, ORANGE, Panel, RED, SCORES, STAGES};
use crate::query::Scope;

pub(super) fn board(config: &Config) -> Board {
    let s = &Scope::chosen(config);
    Board {
        uid: "myhealth-overview",
        title: "Oura overview",
        about: "Today at a glance, compared with your own last weeks. Not a medical device.",
        subject: Subject::Health,
        from: "now-30d",
        rows: vec![
            Row::new("Today", today(s)),
            Row::new("Compared with your last four weeks", usual(s, config)),
            Row::new("The last weeks", weeks(s)),
            Row::new("Means of 7, 30 and 90 days", means(s)),
            Row::new("Data quality", quality(s)),
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
        newest(s, "sleep_duration", "Time asleep", "Time asleep last night, naps not counted.")
            .link("myhealth-night"),
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
        .steps(&[(f64::NEG_INFINITY, BLUE), (-0.5, GREEN), (0.5, ORANGE), (1.0, RED)])
        .link("myhealth-readiness"),
        newest(s, "activity_steps", "Steps", "Steps of the day so far.").link("myhealth-activity"),
        newest(
            s,
            "activity_active_energy",
            "Active calories",
            "Energy spent by moving today so far, in kilocalories; the Activity dashboard has the total and the goal.",
        )
        .link("myhealth-activity"),
        newest(s, "stress_high_duration", "High stress", "Time of the day so far under high stress.")
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
            (3, "solid", BLUE),
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

fn usual(s: &Scope, config: &Config) -> Vec<Panel> {
    vec![
        against_usual(s).size(12, 8),
        nights_at_goal(config).size(6, 8).link("myhealth-sleep"),
        illness_signs().size(6, 8),
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
        .colors(SCORES)
        .range(0.0, 100.0)
        .daily(),
        stacked(
            s,
            "sleep_stage_duration",
            "Nights",
            "Each night by sleep stage; the bar is the time in bed.",
        )
        .colors(STAGES),
        Panel::new(
            Kind::Lines,
            "Resting heart rate",
            "Lowest heart rate of each night, and its mean over a week.",
        )
        .ask(s.day("sleep_lowest_heart_rate"), "{{person}}")
        .ask_mean(s.mean("sleep_lowest_heart_rate", "7d"), "mean of 7 days {{person}}")
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
            .centred()
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

/// Three windows, and the week before the last one.
fn means(s: &Scope) -> Vec<Panel> {
    let of = |key: &str, title: &str, what: &str| {
        Panel::new(
            Kind::Stat,
            title,
            &format!("Mean {what} of the last 7, 30 and 90 days, and of the 7 days before the last 7."),
        )
        .ask(s.mean(key, "7d"), "7 days {{person}}")
        .ask(s.over_until("avg_over_time", key, "7d", "7d"), "7 before {{person}}")
        .ask(s.mean(key, "30d"), "30 days {{person}}")
        .ask(s.mean(key, "90d"), "90 days {{person}}")
        .unit_of(key)
        .size(8, 4)
    };
    vec![
        of("sleep_score", "Sleep score", "sleep score").decimals(0),
        of("readiness_score", "Readiness score", "readiness score").decimals(0),
        of("activity_score", "Activity score", "activity score").decimals(0),
        of("sleep_duration", "Time asleep", "time asleep"),
        of("sleep_average_hrv", "HRV", "HRV").decimals(1),
        of("sleep_lowest_heart_rate", "Resting heart rate", "resting heart rate").decimals(1),
        of("activity_steps", "Steps", "steps a day").decimals(0),
        of("activity_active_energy", "Active calories", "active calories a day").decimals(0),
        of("stress_high_duration", "High stress", "time under high stress"),
    ]
}

fn quality(s: &Scope) -> Vec<Panel> {
    vec![
        firing_alerts().size(8, 8),
        Panel::new(Kind::BarGauge, "Age of the newest day", "How long ago the newest day of each kind began (at its midnight UTC). A night is about a day old until the next one.")
            .ask(format!("time() - {}", s.status_of_daily_collections(names::NEWEST_DAY)), "{{collection}} {{person}}")
            .duration()
            .steps(&[(f64::NEG_INFINITY, GREEN), (172_800.0, ORANGE), (259_200.0, RED)])
            .range(0.0, 345_600.0)
            .size(8, 8)
            .link("myhealth-data-quality"),
        Panel::new(Kind::Table, "Missing data and reasons", "Each kind of data without a current value, and the reason as far as it is known.")
            .ask(format!("max by (person, collection, reason) ({}{{person=~\"$person\"}} == 1)", names::ABSENCE), "{{reason}}")
            .rows(&["Value"], &[("collection", "Collection"), ("reason", "Reason"), ("person", "Person")])
            .nothing("nothing is missing")
            .size(8, 8)
            .link("myhealth-data-quality"),
    ]
}
