//! Sleep: last night in detail, habits over weeks.

use super::{baseline, contributors, contributors_now, newest, score, stacked, states, trend};
use crate::board::{Board, Row, Subject, life_annotations};
use crate::config::Config;
use crate::names;
use crate::panel::{BLUE, GREEN, Kind, ORANGE, Panel, RED};
use crate::query::Scope;

pub(super) fn board(config: &Config) -> Board {
    let s = &Scope::chosen(config);
    Board {
        uid: "myhealth-sleep",
        title: "Sleep",
        about: "Last night in detail, and the habits behind it. A night belongs to the day it ends on.",
        subject: Subject::Health,
        from: "now-30d",
        rows: vec![
            Row::new("Last night", last_night(s)),
            Row::new("Inside the nights: zoom in on one", inside(s)),
            Row::new("Trends", trends(s)),
            Row::new("Habits", habits(s, config)),
            Row::new("Naps and interruptions", naps(s)),
        ],
        annotations: life_annotations(s),
    }
}

fn last_night(s: &Scope) -> Vec<Panel> {
    vec![
        score(s, "sleep_score", "Sleep score", "Oura's score of last night.", "myhealth-overview"),
        newest(s, "sleep_duration", "Asleep", "Time asleep last night."),
        newest(s, "sleep_time_in_bed", "In bed", "From getting into bed to getting up."),
        newest(s, "sleep_efficiency", "Efficiency", "Share of the time in bed spent asleep; 85 % and more is usual.")
            .steps(&[(f64::NEG_INFINITY, RED), (0.75, ORANGE), (0.85, GREEN)]),
        newest(s, "sleep_latency", "Fell asleep in", "Time from getting into bed to falling asleep. Under five minutes can mean a lack of sleep.")
            .steps(&[(f64::NEG_INFINITY, ORANGE), (300.0, GREEN), (1800.0, ORANGE)]),
        newest(s, "sleep_restless_periods", "Restless periods", "How often the night was restless."),
        clock(s, "sleep_bedtime_start_clock", "To bed", "When the night began on the sleeper's clock."),
        clock(s, "sleep_bedtime_end_clock", "Up", "When the night ended on the sleeper's clock."),
        Panel::new(Kind::Stat, "Sleep debt", "Sleep missing against the goal over the last 14 nights that were measured; negative is a surplus.")
            .ask(format!("max by (person) ({}{{person=~\"$person\"}})", names::SLEEP_DEBT), "{{person}}")
            .unit("s")
            .steps(&[(f64::NEG_INFINITY, GREEN), (18_000.0, ORANGE), (43_200.0, RED)])
        .size(8, 4),
        contributors_now(s, "sleep_contributor", "the sleep score").size(8, 8),
        Panel::new(Kind::Pie, "Stages of last night", "Share of each sleep stage in the time in bed.")
            .ask(s.now("sleep_stage_duration"), "{{stage}} {{person}}")
            .unit_of("sleep_stage_duration")
            .colors(STAGES)
            .size(8, 8),
        Panel::new(Kind::Stat, "Oura's advice", "What Oura recommends about bedtime.")
            .ask(format!("{} == 1", s.now("bedtime_recommendation")), "{{state}} {{person}}")
            .words(&[(1, "now", "blue")])
            .size(8, 8)
        .nothing("no advice today"),
    ]
}

/// A time of day: what is before midnight is counted from there, and negative.
fn clock(s: &Scope, key: &str, title: &str, about: &str) -> Panel {
    Panel::new(Kind::Stat, title, about)
        .ask(format!("({} + 86400) % 86400", s.now(key)), "{{person}}")
        .unit_of(key)
        .size(8, 4)
}

/// As on the night's own chart.
pub(super) const STAGES: &[(&str, &str)] =
    &[("deep", "dark-blue"), ("light", "light-blue"), ("rem", "purple"), ("awake", "orange")];

fn inside(s: &Scope) -> Vec<Panel> {
    vec![
        Panel::new(Kind::States, "Stages", "Sleep stage every five minutes. Choose a night by dragging over it.")
            .ask(s.points("sleep_phase"), "{{person}}")
            .words(&[(1, "deep", "dark-blue"), (2, "light", "light-blue"), (3, "REM", "purple"), (4, "awake", "orange")])
            .every("5m")
            .size(24, 5),
        Panel::new(Kind::Lines, "Heart rate in the night", "Heart rate every five minutes of sleep. A good night's lowest point comes before its second half.")
            .ask(s.points("sleep_heart_rate"), "{{person}}")
            .unit_of("sleep_heart_rate")
            .every("5m"),
        Panel::new(Kind::Lines, "HRV in the night", "Heart-rate variability (RMSSD) every five minutes of sleep.")
            .ask(s.points("sleep_hrv"), "{{person}}")
            .unit_of("sleep_hrv")
            .every("5m"),
        Panel::new(Kind::States, "Movement", "Movement every thirty seconds of sleep.")
            .ask(s.points("sleep_movement"), "{{person}}")
            .words(&[(1, "none", "dark-blue"), (2, "restless", "dark-yellow"), (3, "tossing", "orange"), (4, "active", "red")])
            .every("30s")
            .size(24, 5),
    ]
}

fn trends(s: &Scope) -> Vec<Panel> {
    vec![
        trend(s, "sleep_score", "Sleep score", "The score of each night, and its mean over a week.").range(0.0, 100.0),
        contributors(s, "sleep_contributor", "the sleep score"),
        stacked(s, "sleep_stage_duration", "Stages", "Each night by sleep stage; the bar is the time in bed.")
            .colors(STAGES),
        Panel::new(Kind::Lines, "Share of the stages", "Deep, light and REM sleep as shares of the time asleep. About a fifth deep and a fifth REM is usual for adults.")
            .ask(
                format!(
                    "{} / ignoring (stage) group_left () {}",
                    s.day_where("sleep_stage_duration", r#"stage!="awake""#),
                    s.day("sleep_duration"),
                ),
                "{{stage}} {{person}}",
            )
            .unit("percentunit")
            .colors(STAGES)
            .at_least_zero()
            .daily(),
        trend(s, "sleep_duration", "Time asleep", "Time asleep each night, and its mean over a week."),
        trend(s, "sleep_efficiency", "Efficiency", "Share of the time in bed spent asleep, and its mean over a week."),
        trend(s, "sleep_latency", "Falling asleep", "Time to fall asleep each night, and its mean over a week.")
            .minutes(),
        baseline(s, "sleep_breathing_rate", "Breathing rate", "Breaths per minute of each night, with the band of your own last four weeks. It hardly moves in health."),
    ]
}

fn habits(s: &Scope, config: &Config) -> Vec<Panel> {
    let goal = config.health.sleep_hours;
    let mut weekdays = Panel::new(
        Kind::BarGauge,
        "Time asleep by weekday",
        "Mean time asleep of the nights that ended on each weekday, over the chosen range.",
    )
    .unit("s")
    .at_least_zero();
    for (number, name) in [(1, "Mon"), (2, "Tue"), (3, "Wed"), (4, "Thu"), (5, "Fri"), (6, "Sat"), (0, "Sun")]
    {
        weekdays = weekdays.ask(
            s.mean_of_days("sleep_duration", &format!("day_of_week() == {number}")),
            &format!("{name} {{{{person}}}}"),
        );
    }
    vec![
        Panel::new(Kind::Points, "To bed and up", "When each night began and ended on the sleeper's clock, in hours from midnight: −1 is 23:00. The flatter the better.")
            .ask(s.day("sleep_bedtime_start_clock"), "to bed {{person}}")
            .ask(s.day("sleep_bedtime_end_clock"), "up {{person}}")
            .unit_of("sleep_bedtime_start_clock")
            .daily(),
        Panel::new(Kind::Lines, "Regularity", "Spread (standard deviation) of going to bed and getting up over 14 nights. Under half an hour is regular.")
            .ask(s.over("stddev_over_time", "sleep_bedtime_start_clock", "14d"), "to bed {{person}}")
            .ask(s.over("stddev_over_time", "sleep_bedtime_end_clock", "14d"), "up {{person}}")
            .minutes()
            .steps(&[(f64::NEG_INFINITY, GREEN), (1800.0, ORANGE), (5400.0, RED)])
            .at_least_zero()
            .daily(),
        Panel::new(Kind::Lines, "Bedtime and Oura's window", "When you went to bed, and the window in which Oura would have, in hours from midnight: −1 is 23:00.")
            .ask(s.day("sleep_bedtime_start_clock"), "to bed {{person}}")
            .ask(s.day("optimal_bedtime_start"), "window opens {{person}}")
            .ask(s.day("optimal_bedtime_end"), "window closes {{person}}")
            .unit_of("optimal_bedtime_start")
            .connected()
            .daily(),
        weekdays.size(12, 8),
        Panel::new(Kind::Histogram, "How long nights are", "How often a night has how much sleep, over the chosen range.")
            .ask(s.day("sleep_duration"), "{{person}}")
            .unit_of("sleep_duration")
            .daily(),
        Panel::new(Kind::Bars, "Sleep debt, night by night", &format!("Sleep above (negative) or below {goal} hours each night."))
            .ask(format!("{} - {}", goal * 3600.0, s.day("sleep_duration")), "{{person}}")
            .hours()
            .steps(&[(f64::NEG_INFINITY, GREEN), (3600.0, ORANGE), (7200.0, RED)])
            .daily(),
    ]
}

fn naps(s: &Scope) -> Vec<Panel> {
    vec![
        Panel::new(Kind::Bars, "Naps", "Sleep periods of each day besides the night, once Oura counts them.")
            .ask(s.day("sleep_naps"), "{{person}}")
            .unit_of("sleep_naps")
            .at_least_zero()
            .size(8, 8)
            .daily(),
        Panel::new(Kind::Bars, "Time asleep in naps", "How long the naps of each day were.")
            .ask(s.day("sleep_nap_duration"), "{{person}}")
            .unit_of("sleep_nap_duration")
            .at_least_zero()
            .size(8, 8)
            .daily(),
        // Without the days that have none, the few bars would be as wide as the gaps between them.
        Panel::new(
            Kind::Stacked,
            "What naps gave",
            "Points the day's naps added to the scores of sleep and readiness.",
        )
        .ask(
            format!("max by (person) ({} or 0 * {})", s.day("sleep_nap_score_delta"), s.day("sleep_naps")),
            "sleep {{person}}",
        )
        .ask(
            format!(
                "max by (person) ({} or 0 * {})",
                s.day("sleep_nap_readiness_delta"),
                s.day("sleep_naps")
            ),
            "readiness {{person}}",
        )
        .unit_of("sleep_nap_score_delta")
        .size(8, 8)
        .daily(),
        trend(
            s,
            "sleep_restless_periods",
            "Restless periods",
            "Restless periods of each night, and their mean over a week.",
        )
        .size(8, 8),
        Panel::new(
            Kind::Calendar,
            "Nights with a low ring battery",
            "Nights that the ring could not measure to the end.",
        )
        .ask(s.day("sleep_low_battery"), "{{person}}")
        .words(&[(0, "measured", "green"), (1, "battery low", "red")])
        .unit_of("sleep_low_battery")
        .size(8, 8)
        .daily(),
        states(
            s,
            "sleep_algorithm",
            "Oura's algorithm",
            "Which of Oura's algorithms scored the night; a change explains a step in the trends.",
            &[("v1", ORANGE), ("v2", BLUE)],
        )
        .size(8, 8),
    ]
}
