//! Activity: movement, training and rest.

use super::{contributors, contributors_now, newest, score, stacked, trend};
use crate::board::{Board, Row, Subject, life_annotations};
use crate::config::Config;
use crate::panel::{BLUE, GREEN, Kind, LEVELS, ORANGE, Panel, RED};
use crate::query::Scope;

pub(super) fn board(config: &Config) -> Board {
    let s = &Scope::chosen(config);
    Board {
        uid: "myhealth-activity",
        title: "Activity",
        about: "Movement, training and rest. Oura's day of movement runs from 04:00 to 04:00.",
        subject: Subject::Health,
        from: "now-30d",
        rows: vec![
            Row::new("Today", today(s)),
            Row::new("Minute by minute: drag to zoom in on a day", inside(s)),
            Row::new("Trends", trends(s)),
            Row::new("Training", training(s)),
            Row::new("Sessions", sessions(s)),
        ],
        annotations: life_annotations(s),
    }
}

fn today(s: &Scope) -> Vec<Panel> {
    let reached = |part: &str, whole: &str| format!("{} / {}", s.now(part), s.now(whole));
    vec![
        score(
            s,
            "activity_score",
            "Activity score",
            "Oura's score of the day's movement so far.",
            "myhealth-overview",
        ),
        newest(s, "activity_steps", "Steps", "Steps of the day so far."),
        Panel::new(
            Kind::Gauge,
            "Calorie goal",
            "Active calories of the day so far as a share of Oura's goal.",
        )
        .ask(reached("activity_active_energy", "activity_target_energy"), "{{person}}")
        .unit("percentunit")
        .steps(&[(f64::NEG_INFINITY, RED), (0.5, ORANGE), (1.0, GREEN)])
        .range(0.0, 1.5),
        newest(
            s,
            "activity_walking_distance",
            "Equivalent walking distance",
            "The walk that would have cost the day's active energy.",
        ),
        newest(
            s,
            "activity_remaining_distance",
            "Distance left to the goal",
            "Distance left to the goal; negative once it is passed.",
        )
        .steps(&[(f64::NEG_INFINITY, GREEN), (0.1, BLUE)]),
        newest(
            s,
            "activity_inactivity_alerts",
            "Reminders to move",
            "How often Oura reminded to get up today.",
        ),
        newest(
            s,
            "activity_average_met",
            "Average intensity",
            "Average metabolic rate of the day as a multiple of rest.",
        )
        .decimals(2)
        .size(4, 4),
        newest(
            s,
            "activity_active_energy",
            "Active calories",
            "Energy spent by moving today so far, in kilocalories.",
        )
        .size(4, 4),
        newest(
            s,
            "activity_total_energy",
            "Total calories",
            "Energy spent today in kilocalories, rest included.",
        )
        .size(4, 4),
        newest(s, "workouts", "Workouts", "Workouts of the newest day that has any.")
            .nothing("none today")
            .size(6, 4),
        newest(
            s,
            "activity_target_distance",
            "Distance goal",
            "The walking distance that Oura sets for today.",
        )
        .size(6, 4),
        contributors_now(s, "activity_contributor", "the activity score").size(12, 8),
        Panel::new(
            Kind::Pie,
            "The day by level of movement",
            "The newest day by level of movement; the levels add up to the day.",
        )
        .ask(s.now("activity_duration"), "{{level}} {{person}}")
        .unit_of("activity_duration")
        .colors(LEVELS)
        .size(12, 8),
    ]
}

fn inside(s: &Scope) -> Vec<Panel> {
    vec![
        Panel::new(
            Kind::Lines,
            "Intensity by the minute",
            "Metabolic rate as a multiple of rest. 3 is a brisk walk, 8 a run.",
        )
        .ask(s.points("activity_met"), "{{person}}")
        .unit_of("activity_met")
        .every("1m")
        .size(24, 7),
        Panel::new(Kind::States, "Level of movement", "Oura's level of movement every five minutes.")
            .ask(s.points("activity_class"), "{{person}}")
            .words(&[
                (0, "not worn", "transparent"),
                (1, "rest", LEVELS[4].1),
                (2, "inactive", LEVELS[3].1),
                (3, "low", LEVELS[2].1),
                (4, "medium", LEVELS[1].1),
                (5, "high", LEVELS[0].1),
            ])
            .every("5m")
            .size(24, 5),
    ]
}

fn trends(s: &Scope) -> Vec<Panel> {
    vec![
        trend(s, "activity_score", "Activity score", "The score of each day, and its mean over a week.")
            .range(0.0, 100.0),
        contributors(s, "activity_contributor", "the activity score"),
        Panel::new(Kind::Bars, "Steps", "Steps of each day, and their mean over a week.")
            .ask(s.day("activity_steps"), "{{person}}")
            .ask_mean(s.mean("activity_steps", "7d"), "mean of 7 days {{person}}")
            .unit_of("activity_steps")
            .at_least_zero()
            .daily(),
        Panel::new(Kind::Lines, "Active calories and goal", "Energy spent by moving, and Oura's goal.")
            .ask(s.day("activity_active_energy"), "spent {{person}}")
            .ask_edge(s.day("activity_target_energy"), "goal {{person}}")
            .unit_of("activity_active_energy")
            .at_least_zero()
            .daily(),
        stacked(
            s,
            "activity_duration",
            "Days by level of movement",
            "Each day by level of movement, from high to not worn.",
        )
        .colors(LEVELS),
        stacked(
            s,
            "activity_load",
            "Load by level",
            "Metabolic load of each day by level: intensity multiplied by time.",
        )
        .colors(LEVELS),
        Panel::new(Kind::Calendar, "Goal reached", "Days on which the movement goal was reached.")
            .ask(format!("{} <= bool 0", s.day("activity_remaining_distance")), "{{person}}")
            .words(&[(0, "missed", ORANGE), (1, "reached", GREEN)])
            .unit("bool_yes_no")
            .size(12, 6)
            .daily(),
        Panel::new(
            Kind::Stat,
            "Goal days",
            "Share of days in the chosen range on which the movement goal was reached.",
        )
        .ask(
            format!("avg_over_time(({} <= bool 0)[$__range:1d])", s.day("activity_remaining_distance")),
            "{{person}}",
        )
        .unit("percentunit")
        .steps(&[(f64::NEG_INFINITY, RED), (0.4, ORANGE), (0.7, GREEN)])
        .size(6, 6),
        Panel::new(Kind::Stat, "Total steps", "Steps of all days in the chosen range.")
            .ask(s.over("sum_over_time", "activity_steps", "$__range"), "{{person}}")
            .unit("short")
            .size(6, 6),
        Panel::new(
            Kind::Lines,
            "Sedentary time",
            "Time spent sitting or lying awake each day, and its mean over a week.",
        )
        .ask(s.day("activity_duration_sedentary"), "{{person}}")
        .ask_mean(s.mean("activity_duration_sedentary", "7d"), "mean of 7 days {{person}}")
        .unit_of("activity_duration")
        .at_least_zero()
        .daily(),
        Panel::new(Kind::Bars, "Reminders to move", "How often Oura reminded to get up, day by day.")
            .ask(s.day("activity_inactivity_alerts"), "{{person}}")
            .unit_of("activity_inactivity_alerts")
            .at_least_zero()
            .daily(),
    ]
}

fn training(s: &Scope) -> Vec<Panel> {
    let load = |function: &str, window: &str| {
        ["high", "medium"]
            .map(|level| s.over(function, &format!("activity_load_{level}"), window))
            .join(" + ignoring (level) ")
    };
    vec![
        workouts(s),
        stacked(s, "workout_duration", "Workouts by intensity", "Time of each day spent in workouts, by intensity."),
        Panel::new(Kind::Bars, "Workouts a week", "Workouts of the seven days up to each point.")
            .ask(s.over("sum_over_time", "workouts", "7d"), "{{person}}")
            .unit("short")
            .at_least_zero()
            .daily(),
        Panel::new(Kind::Bars, "Calories of workouts", "Energy spent in the workouts of each day.")
            .ask(s.day("workout_energy"), "{{person}}")
            .unit_of("workout_energy")
            .at_least_zero()
            .size(8, 8)
            .daily(),
        Panel::new(Kind::Bars, "Distance of workouts", "Distance covered in the workouts of each day.")
            .ask(s.day("workout_distance"), "{{person}}")
            .unit_of("workout_distance")
            .at_least_zero()
            .size(8, 8)
            .daily(),
        Panel::new(Kind::Lines, "Training load: week against month", "Hard and medium load of the last 7 days against the weekly mean of 28. About 1 is steady; well above it is a jump that the body has to catch up with.")
            .ask(format!("4 * ({}) / ({})", load("sum_over_time", "7d"), load("sum_over_time", "28d")), "{{person}}")
            .unit("none")
            .decimals(2)
            .steps(&[(f64::NEG_INFINITY, BLUE), (0.8, GREEN), (1.3, ORANGE), (1.5, RED)])
            .size(8, 8)
            .daily(),
    ]
}

/// A row for each day with a workout.
fn workouts(s: &Scope) -> Panel {
    let of = |key: &str| format!("max by (person) ({})", s.day(key));
    let kilocalories = format!("{} / 4184", of("workout_energy"));
    Panel::new(
        Kind::Table,
        "Workouts by day",
        "Each day with a workout: how many, their time by intensity, active energy and distance. The kind of sport is free text, which stays in the documents: the page and `/api/v1/workouts` have it.",
    )
    .over_days()
    .ask(s.date("workouts"), "")
    .ask(of("workouts"), "")
    .ask(of("workout_duration_easy"), "")
    .ask(of("workout_duration_moderate"), "")
    .ask(of("workout_duration_hard"), "")
    .ask(kilocalories, "")
    .ask(of("workout_distance"), "")
    .rows(
        &[],
        &[
            ("Value #A", "Date"),
            ("person", "Person"),
            ("Value #B", "Workouts"),
            ("Value #C", "Easy"),
            ("Value #D", "Moderate"),
            ("Value #E", "Hard"),
            ("Value #F", "Calories"),
            ("Value #G", "Distance"),
        ],
    )
    .column_unit("Date", Panel::DATE)
    .column_unit_of("Easy", "workout_duration_easy")
    .column_unit_of("Moderate", "workout_duration_moderate")
    .column_unit_of("Hard", "workout_duration_hard")
    .column_unit("Calories", "suffix: kcal")
    .column_unit_of("Distance", "workout_distance")
    .nothing("no workouts in this range")
    .size(24, 8)
    .daily()
}

fn sessions(s: &Scope) -> Vec<Panel> {
    vec![
        stacked(
            s,
            "session_duration",
            "Sessions by kind",
            "Time of each day in breathing, meditation, naps and rest.",
        ),
        Panel::new(Kind::Bars, "Sessions", "Sessions of each day.")
            .ask(s.day("sessions"), "{{person}}")
            .unit_of("sessions")
            .at_least_zero()
            .daily(),
    ]
}
