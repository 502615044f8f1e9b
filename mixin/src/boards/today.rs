//! Today: the dashboard to keep open on a phone. Few panels, the most important first: Grafana stacks them there.

use super::{against_usual, firing_alerts, illness_signs, nights_at_goal, stacked};
use crate::board::{Board, Row, Subject};
use crate::config::Config;
use crate::panel::{Kind, Panel, SCORE, SCORES, STAGES};
use crate::query::Scope;

pub(super) fn board(config: &Config) -> Board {
    let s = &Scope::chosen(config);
    Board {
        uid: "myhealth-today",
        title: "Today",
        about: "Last night and today on one page, for a phone. Not a medical device.",
        subject: Subject::Health,
        from: "now-14d",
        rows: vec![Row::new("Now", now(s, config)), Row::new("The last two weeks", weeks(s))],
        annotations: Vec::new(),
    }
}

fn now(s: &Scope, config: &Config) -> Vec<Panel> {
    vec![
        Panel::new(
            Kind::BarGauge,
            "Scores",
            "Oura's three scores now. 85 and up is optimal, below 60 asks for attention.",
        )
        .ask(s.now("sleep_score"), "Sleep {{person}}")
        .ask(s.now("readiness_score"), "Readiness {{person}}")
        .ask(s.now("activity_score"), "Activity {{person}}")
        .steps(SCORE)
        .range(0.0, 100.0)
        .link("myhealth-overview")
        .size(8, 6),
        numbers(
            s,
            "Last night",
            "The newest night: time asleep, lowest heart rate, average HRV, temperature against your own average.",
            &[
                ("sleep_duration", "Asleep"),
                ("sleep_lowest_heart_rate", "Resting heart rate"),
                ("sleep_average_hrv", "HRV"),
                ("temperature_deviation", "Temperature"),
            ],
        )
        .link("myhealth-night"),
        numbers(
            s,
            "Today",
            "The day so far: steps, active calories, time under high stress, the ring's battery.",
            &[
                ("activity_steps", "Steps"),
                ("activity_active_energy", "Active"),
                ("stress_high_duration", "High stress"),
                ("ring_battery_level", "Ring battery"),
            ],
        )
        .link("myhealth-activity"),
        against_usual(s).size(12, 8),
        firing_alerts().size(12, 8),
        nights_at_goal(config).size(12, 4).link("myhealth-sleep"),
        illness_signs().size(12, 4),
    ]
}

/// The newest values of several numbers, each in its unit.
fn numbers(s: &Scope, title: &str, about: &str, numbers: &[(&str, &str)]) -> Panel {
    numbers
        .iter()
        .fold(Panel::new(Kind::Stat, title, about), |panel, (key, name)| {
            panel.ask_in_unit_of(key, s.now(key), &format!("{name} {{{{person}}}}"))
        })
        .size(8, 6)
}

fn weeks(s: &Scope) -> Vec<Panel> {
    vec![
        Panel::new(Kind::Lines, "Scores", "Oura's three scores day by day.")
            .ask(s.day("sleep_score"), "sleep {{person}}")
            .ask(s.day("readiness_score"), "readiness {{person}}")
            .ask(s.day("activity_score"), "activity {{person}}")
            .colors(SCORES)
            .range(0.0, 100.0)
            .size(8, 7)
            .daily(),
        stacked(
            s,
            "sleep_stage_duration",
            "Nights",
            "Each night by sleep stage; the bar is the time in bed.",
        )
        .colors(STAGES)
        .size(8, 7),
        Panel::new(Kind::Bars, "Steps", "Steps of each day; today's bar is still growing.")
            .ask(s.day("activity_steps"), "{{person}}")
            .unit_of("activity_steps")
            .at_least_zero()
            .size(8, 7)
            .daily(),
    ]
}
