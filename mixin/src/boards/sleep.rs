//! Sleep: last night in numbers, trends and habits.

use super::{
    WEEKDAY_NUMBERS, WEEKDAYS, baseline, contributors, contributors_now, newest, nights_at_goal, recorded,
    score, sleep_goal, stacked, states, trend,
};
use crate::board::{Board, Row, Subject, life_annotations};
use crate::config::Config;
use crate::names;
use crate::panel::{BLUE, GREEN, Kind, ORANGE, Panel, RED, STAGES};
use crate::query::Scope;

pub(super) fn board(config: &Config) -> Board {
    let s = &Scope::chosen(config);
    Board {
        uid: "myhealth-sleep",
        title: "Sleep",
        about: "Last night in numbers, and the habits behind it. A night belongs to the day it ends on; Night shows one minute by minute.",
        subject: Subject::Health,
        from: "now-30d",
        rows: vec![
            Row::new("Last night", last_night(s, config)),
            Row::new("Trends", trends(s)),
            Row::new("Habits", habits(s, config)),
            Row::new("Naps and interruptions", naps(s)),
        ],
        annotations: life_annotations(s),
    }
}

fn last_night(s: &Scope, config: &Config) -> Vec<Panel> {
    vec![
        score(s, "sleep_score", "Sleep score", "Oura's score of last night.", "myhealth-overview"),
        newest(s, "sleep_duration", "Time asleep", "Time asleep last night.").link("myhealth-night"),
        newest(s, "sleep_time_in_bed", "Time in bed", "From getting into bed to getting up."),
        newest(s, "sleep_efficiency", "Efficiency", "Share of the time in bed spent asleep; 85 % and more is usual.")
            .steps(&[(f64::NEG_INFINITY, RED), (0.75, ORANGE), (0.85, GREEN)]),
        newest(s, "sleep_latency", "Time to fall asleep", "Time from getting into bed to falling asleep. Under five minutes can mean a lack of sleep.")
            .steps(&[(f64::NEG_INFINITY, ORANGE), (300.0, GREEN), (1800.0, ORANGE)]),
        newest(s, "sleep_restless_periods", "Restless periods", "How often the night was restless."),
        clock(s, "sleep_bedtime_start_clock", "Bedtime", "When the night began on the sleeper's clock."),
        clock(s, "sleep_bedtime_end_clock", "Wake-up time", "When the night ended on the sleeper's clock."),
        nights_at_goal(config).size(6, 4),
        Panel::new(Kind::Stat, "Sleep debt", "Sleep missing against the goal over the measured nights of the last 14 days, ten at least. A surplus is no debt: 0.")
            .ask(recorded(names::SLEEP_DEBT), "{{person}}")
            .hours_and_minutes()
            .steps(&[(f64::NEG_INFINITY, GREEN), (18_000.0, ORANGE), (43_200.0, RED)])
            .nothing("no rules, or under 10 nights")
            .size(6, 4),
        contributors_now(s, "sleep_contributor", "the sleep score").size(8, 8),
        Panel::new(Kind::Pie, "Stages of last night", "Share of each sleep stage in the time in bed.")
            .ask(s.now("sleep_stage_duration"), "{{stage}} {{person}}")
            .unit_of("sleep_stage_duration")
            .colors(STAGES)
            .size(8, 8),
        Panel::new(Kind::Stat, "Oura's advice", "What Oura recommends about bedtime.")
            .ask(format!("{} == 1", s.now("bedtime_recommendation")), "{{person}}")
            .shows_label("state")
            .unit("none")
            .size(8, 8)
            .nothing("no advice today"),
    ]
}

/// A time of day as `23:05`. A label holds it: Grafana formats times of day in the viewer's zone, not in the sleeper's.
fn clock(s: &Scope, key: &str, title: &str, about: &str) -> Panel {
    // With 10000 in front, so that every hour and minute has two digits.
    let seconds = format!("(({} + 86400) % 86400)", s.now(key));
    let digits = format!("10000 + 100 * floor({seconds} / 3600) + floor({seconds} % 3600 / 60)");
    let counted = format!("count_values by (person) (\"clock\", {digits})");
    Panel::new(Kind::Stat, title, about)
        .ask(
            format!("label_replace({counted}, \"clock\", \"$1:$2\", \"clock\", \"1(..)(..)\")"),
            "{{person}}",
        )
        .shows_label("clock")
        .unit("none")
        .size(6, 4)
}

fn trends(s: &Scope) -> Vec<Panel> {
    vec![
        trend(s, "sleep_score", "Sleep score", "The score of each night, and its mean over a week.").range(0.0, 100.0),
        contributors(s, "sleep_contributor", "the sleep score"),
        stacked(s, "sleep_stage_duration", "Stages", "Each night by sleep stage; the bar is the time in bed.")
            .colors(STAGES),
        Panel::new(Kind::Lines, "Share of each stage", "Deep, light and REM sleep as shares of the time asleep. About a fifth deep and a fifth REM is usual for adults.")
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
        trend(s, "sleep_latency", "Time to fall asleep", "Time to fall asleep each night, and its mean over a week.")
            .minutes(),
        baseline(s, "sleep_breathing_rate", "Breathing rate", "Breaths per minute of each night, with the band of your own last four weeks. It hardly moves in health."),
    ]
}

fn habits(s: &Scope, config: &Config) -> Vec<Panel> {
    let mut weekdays = Panel::new(
        Kind::BarGauge,
        "Time asleep by weekday",
        "Mean time asleep of the nights that ended on each weekday, over the chosen range.",
    )
    .unit_of("sleep_duration")
    .at_least_zero();
    for (number, name) in WEEKDAY_NUMBERS.into_iter().zip(WEEKDAYS) {
        weekdays = weekdays.ask(
            s.mean_of_days("sleep_duration", &format!("day_of_week() == {number}")),
            &format!("{name} {{{{person}}}}"),
        );
    }
    vec![
        Panel::new(Kind::Points, "Bedtime and wake-up time", "When each night began and ended on the sleeper's clock, in hours from midnight: −1 is 23:00. The flatter the better.")
            .ask(s.day("sleep_bedtime_start_clock"), "bedtime {{person}}")
            .ask(s.day("sleep_bedtime_end_clock"), "wake-up {{person}}")
            .unit_of("sleep_bedtime_start_clock")
            .daily(),
        Panel::new(Kind::Lines, "Regularity", "Spread (standard deviation) of going to bed and getting up over 14 nights. Under half an hour is regular.")
            .ask(s.over("stddev_over_time", "sleep_bedtime_start_clock", "14d"), "bedtime {{person}}")
            .ask(s.over("stddev_over_time", "sleep_bedtime_end_clock", "14d"), "wake-up {{person}}")
            .minutes()
            .steps(&[(f64::NEG_INFINITY, GREEN), (1800.0, ORANGE), (5400.0, RED)])
            .at_least_zero()
            .daily(),
        Panel::new(Kind::Lines, "Bedtime and Oura's window", "When you went to bed, and the window in which Oura would have, in hours from midnight: −1 is 23:00.")
            .ask(s.day("sleep_bedtime_start_clock"), "bedtime {{person}}")
            .ask(s.day("optimal_bedtime_start"), "window opens {{person}}")
            .ask(s.day("optimal_bedtime_end"), "window closes {{person}}")
            .unit_of("optimal_bedtime_start")
            .connected()
            .daily(),
        weekdays.size(12, 8),
        Panel::new(Kind::Histogram, "Distribution of time asleep", "How often a night has how much sleep, over the chosen range.")
            .ask(s.day("sleep_duration"), "{{person}}")
            .unit_of("sleep_duration")
            .daily(),
        Panel::new(Kind::Bars, "Time asleep against the goal", "Sleep above or below the person's goal, night by night.")
            .ask(format!("{} - on (person) group_left () {}", s.day("sleep_duration"), sleep_goal(s, config)), "{{person}}")
            .hours()
            .centred()
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
            "Score gain from naps",
            "Points that the day's naps added to the scores of sleep and readiness.",
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
        .words(&[(0, "measured", GREEN), (1, "battery low", RED)])
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
