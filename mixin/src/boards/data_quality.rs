//! Data quality: an SRE's view of one's own data.

use super::{nights_at_goal, recorded, sleep_goal};
use crate::board::{Board, Row, Subject, life_annotations, utc_offset};
use crate::config::Config;
use crate::names;
use crate::panel::{BLUE, GREEN, Kind, NONE, ORANGE, Panel, RED, UP};
use crate::query::Scope;

/// One number per collection that has a value on every measured day: what coverage is counted by.
const COVERED: [(&str, &str); 8] = [
    ("sleep_score", "sleep score"),
    ("sleep_duration", "night"),
    ("readiness_score", "readiness"),
    ("activity_score", "activity"),
    ("stress_high_duration", "stress"),
    ("spo2_average", "oxygen"),
    ("resilience_contributor_stress", "resilience"),
    ("temperature_deviation", "temperature"),
];

pub(super) fn board(config: &Config) -> Board {
    let s = &Scope::chosen(config);
    Board {
        uid: "myhealth-data-quality",
        title: "Data quality",
        about: "Freshness, completeness, reasons for gaps, the sleep objective, and what Oura changed later.",
        subject: Subject::Health,
        from: "now-90d",
        rows: vec![
            Row::new("Freshness", fresh(s)),
            Row::new("Completeness", complete(s)),
            Row::new("Sleep objective and its budget", objective(s, config)),
            Row::new("Changed, rejected and unknown data", changed()),
            Row::new("Wear", worn(s)),
        ],
        annotations: life_annotations(s),
    }
}

fn fresh(s: &Scope) -> Vec<Panel> {
    let age = |name: &str| format!("time() - {}", s.status(name, "person, collection"));
    let steps = &[(f64::NEG_INFINITY, GREEN), (172_800.0, ORANGE), (259_200.0, RED)];
    vec![
        Panel::new(
            Kind::BarGauge,
            "Age of the newest day",
            "How long ago the newest day of each collection that has one every day began (at its midnight UTC).",
        )
        .ask(format!("time() - {}", s.status_of_daily_collections(names::NEWEST_DAY)), "{{collection}} {{person}}")
        .duration()
        .steps(steps)
        .range(0.0, 345_600.0)
        .size(8, 11),
        Panel::new(
            Kind::BarGauge,
            "Age of the newest value",
            "How long ago the newest value of each collection that has one every day was measured.",
        )
        .ask(format!("time() - {}", s.status_of_daily_collections(names::OBSERVED)), "{{collection}} {{person}}")
        .duration()
        .steps(steps)
        .range(0.0, 345_600.0)
        .size(8, 11),
        Panel::new(
            Kind::BarGauge,
            "Time since the last successful read",
            "How long ago each collection was last read from Oura without a failure.",
        )
        .ask(age(names::LAST_SUCCESS), "{{collection}} {{person}}")
        .duration()
        .decimals(0)
        .steps(&[(f64::NEG_INFINITY, GREEN), (3600.0, ORANGE), (7200.0, RED)])
        .range(0.0, 14_400.0)
        .size(8, 11),
        Panel::new(
            Kind::Calendar,
            "Sync status",
            "Whether the last attempt to read each collection from Oura succeeded.",
        )
        .ask(s.status(names::SYNC_UP, "person, collection"), "{{collection}} {{person}}")
        .words(&[(0, "failed", RED), (1, "works", GREEN)])
        .unit("bool_yes_no")
        .steps(UP)
        .nothing("no sync recorded in two days")
        .shows("2d")
        .every("15m")
        .size(24, 12),
        Panel::new(
            Kind::Table,
            "Current failures",
            "Collections whose last read failed, and the kind of failure.",
        )
        .ask(s.status(names::SYNC_FAILURE, "person, collection, kind"), "{{kind}}")
        .rows(&["Value"], &[("collection", "Collection"), ("kind", "Failure"), ("person", "Person")])
        .nothing("every read works")
        .size(12, 8),
        Panel::new(
            Kind::Table,
            "Missing data and reasons",
            "Each collection without a current value, and the reason as far as it is known.",
        )
        .ask(format!("{} == 1", s.status(names::ABSENCE, "person, collection, reason")), "{{reason}}")
        .rows(&["Value"], &[("collection", "Collection"), ("reason", "Reason"), ("person", "Person")])
        .nothing("nothing is missing")
        .size(12, 8),
    ]
}

fn complete(s: &Scope) -> Vec<Panel> {
    let coverage = |window: u16, title: &str| {
        let mut panel = Panel::new(
            Kind::BarGauge,
            title,
            &format!("Share of the last {window} days that have a value, by kind of data."),
        )
        .unit("percentunit")
        .steps(&[(f64::NEG_INFINITY, RED), (0.7, ORANGE), (0.9, GREEN)])
        .range(0.0, 1.0)
        .size(8, 9);
        for (key, name) in COVERED {
            let expr =
                format!("clamp_max({} / {window}, 1)", s.over("count_over_time", key, &format!("{window}d")));
            panel = panel.ask(expr, &format!("{name} {{{{person}}}}"));
        }
        panel
    };
    let mut days = Panel::new(
        Kind::Calendar,
        "Days with data",
        "A cell where a day has a value; a gap is a day without.",
    )
    .words(&[(1, "there", GREEN)])
    .unit("bool_yes_no")
    .daily();
    for (key, name) in COVERED {
        days = days.ask(format!("count by (person) ({})", s.day(key)), &format!("{name} {{{{person}}}}"));
    }
    vec![
        coverage(30, "Coverage of a month"),
        coverage(90, "Coverage of a quarter"),
        coverage(365, "Coverage of a year"),
        days,
        Panel::new(Kind::Lines, "Coverage over time", "Share of the 28 nights up to each point that were measured.")
            .ask(format!("clamp_max({} / 28, 1)", s.over("count_over_time", "sleep_duration", "28d")), "{{person}}")
            .unit("percentunit")
            .range(0.0, 1.0)
            .daily(),
        Panel::new(Kind::Lines, "UTC offset of the sleeper", "Offset of the sleeper's clock from UTC at waking: summer time and travel, which explain odd days.")
            .ask(utc_offset(s), "{{person}}")
            .hours()
            .daily(),
    ]
}

fn objective(s: &Scope, config: &Config) -> Vec<Panel> {
    vec![
        nights_at_goal(config).size(6, 5),
        Panel::new(Kind::Gauge, "Error budget of sleep left", "What is left of the short nights that the objective allows in 28 days: 100 % with none, 0 % when the objective is just met, below when it is missed.")
            .ask(recorded(names::SLEEP_BUDGET), "{{person}}")
            .unit("percentunit")
            .steps(&[(f64::NEG_INFINITY, RED), (0.0, ORANGE), (0.3, GREEN)])
            .range(-1.0, 1.0)
            .size(6, 5),
        Panel::new(Kind::Stat, "Burn rate", "How fast the budget is spent: 1 uses it up in exactly 28 days, 2 in 14.")
            .ask(recorded(names::SLEEP_BURN_FAST), "3 days {{person}}")
            .ask(recorded(names::SLEEP_BURN_SLOW), "7 days {{person}}")
            .unit("suffix: ×")
            .decimals(1)
            .steps(&[(f64::NEG_INFINITY, GREEN), (1.0, ORANGE), (2.0, RED)])
            .size(6, 5),
        Panel::new(Kind::Stat, "Nights measured", "Share of the last 28 days that have a night, which is what the objective is computed from.")
            .ask(format!("clamp_max({} / 28, 1)", s.over("count_over_time", "sleep_duration", "28d")), "{{person}}")
            .unit("percentunit")
            .steps(&[(f64::NEG_INFINITY, RED), (0.7, ORANGE), (0.9, GREEN)])
            .size(6, 5),
        Panel::new(Kind::Lines, "Nights at goal over time", "Share of the measured nights of the 28 days up to each point that met today's goal, from history.")
            .ask(
                format!(
                    "avg_over_time((max by (person) ({}) >= bool on (person) {})[28d:1d])",
                    s.day("sleep_duration"),
                    sleep_goal(s, config)
                ),
                "{{person}}",
            )
            .unit("percentunit")
            .steps(&[(f64::NEG_INFINITY, RED), (0.8, GREEN)])
            .range(0.0, 1.0)
            .size(24, 7)
            .daily(),
    ]
}

fn changed() -> Vec<Panel> {
    let documents = |outcome: &str| {
        format!("sum by (collection) (increase({}{{outcome=\"{outcome}\"}}[1d]))", names::DOCUMENTS)
    };
    vec![
        Panel::new(Kind::Lines, "New documents", "Documents seen for the first time, in the 24 hours up to each point.")
            .ask(documents("new"), "{{collection}}")
            .nothing("no document read yet")
            .legend_right()
            .unit("short")
            .at_least_zero(),
        Panel::new(Kind::Lines, "Changed documents", "Documents that Oura changed after they had been read, in the 24 hours up to each point. The older body is kept.")
            // Without the collections that have none, of which there are nineteen.
            .ask(documents("changed") + " > 0", "{{collection}}")
            .nothing("nothing changed")
            .unit("short")
            .at_least_zero(),
        Panel::new(Kind::Lines, "Rejected documents", "Documents that could not be read, in the 24 hours up to each point. They are kept, with the reason: `myhealth doctor`.")
            // Without the collections that have none, of which there are nineteen.
            .ask(documents("rejected") + " > 0", "{{collection}}")
            .nothing("nothing rejected")
            .unit("short")
            .steps(NONE)
            .at_least_zero(),
        Panel::new(Kind::Table, "Unknown fields", "Fields that Oura sends and this version does not know, by their place in the document.")
            .ask(format!("max by (collection, pointer) ({})", names::DRIFT), "{{pointer}}")
            .rows(&[], &[("collection", "Collection"), ("pointer", "Field"), ("Value", "Seen")])
            .nothing("everything is known"),
    ]
}

fn worn(s: &Scope) -> Vec<Panel> {
    vec![
        Panel::new(
            Kind::Bars,
            "Time not worn",
            "Time of each day without the ring on the finger: a gap with a reason.",
        )
        .ask(s.day("activity_duration_non_wear"), "{{person}}")
        .hours()
        .steps(&[(f64::NEG_INFINITY, BLUE), (43_200.0, ORANGE), (72_000.0, RED)])
        .at_least_zero()
        .size(8, 8)
        .daily(),
        Panel::new(
            Kind::Bars,
            "Nights cut short by the battery",
            "Nights that the ring could not measure to the end, in the 28 days up to each point.",
        )
        .ask(s.over("sum_over_time", "sleep_low_battery", "28d"), "{{person}}")
        .unit("short")
        .at_least_zero()
        .size(8, 8)
        .daily(),
        Panel::new(
            Kind::Bars,
            "Readings per day",
            "Heart-rate readings of the 24 hours up to each point: how much the ring measured.",
        )
        .ask(format!("sum by (person) ({})", s.over("count_over_time", "heart_rate", "1d")), "{{person}}")
        .unit("short")
        .at_least_zero()
        .size(8, 8)
        .daily(),
    ]
}
