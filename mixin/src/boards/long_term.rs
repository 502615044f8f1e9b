//! Long term: years, seasons, records. All of it comes from history.

use super::{WEEKDAY_NUMBERS, WEEKDAYS, diverging};
use crate::board::{Annotation, Board, Row, Subject, life_annotations};
use crate::config::Config;
use crate::panel::{Kind, Panel, SCORE};
use crate::query::Scope;

/// The numbers of the long view: key, and name.
const NUMBERS: [(&str, &str); 8] = [
    ("sleep_score", "Sleep score"),
    ("readiness_score", "Readiness score"),
    ("activity_score", "Activity score"),
    ("sleep_duration", "Time asleep"),
    ("sleep_lowest_heart_rate", "Resting heart rate"),
    ("sleep_average_hrv", "HRV"),
    ("activity_steps", "Steps"),
    ("temperature_deviation", "Temperature deviation"),
];

pub(super) fn board(config: &Config) -> Board {
    let s = &Scope::chosen(config);
    Board {
        uid: "myhealth-long-term",
        title: "Long term",
        about: "Years, seasons, records and correlations. All of it is history: Prometheus needs remote read.",
        subject: Subject::Health,
        from: "now-3y",
        rows: vec![
            Row::new("Totals", in_all(s)),
            Row::new("Trends of 7, 30 and 90 days", months(s)),
            Row::new("Year over year", years(s)),
            Row::new("Seasons", seasons(s)),
            Row::new("Spread", spread(s)),
            Row::new("Calendar: a column per week", calendar(s)),
            Row::new("Records", records(s)),
            Row::new("Correlations over 90 days", together(s)),
        ],
        annotations: life_annotations(s).into_iter().map(Annotation::switched_off).collect(),
    }
}

fn in_all(s: &Scope) -> Vec<Panel> {
    let stat = |title: &str, about: &str, expr: String, unit| {
        Panel::new(Kind::Stat, title, about).ask(expr, "{{person}}").unit(unit).decimals(0)
    };
    vec![
        stat(
            "Nights",
            "Nights measured in the chosen range.",
            s.over("count_over_time", "sleep_duration", "$__range"),
            "locale",
        ),
        stat(
            "Time asleep",
            "Time asleep in the chosen range, all nights together.",
            s.over("sum_over_time", "sleep_duration", "$__range"),
            "none",
        )
        .hours(),
        stat(
            "Steps",
            "Steps of the chosen range.",
            s.over("sum_over_time", "activity_steps", "$__range"),
            "locale",
        ),
        stat(
            "Equivalent walking distance",
            "The walk that would have cost the active energy of the chosen range.",
            s.over("sum_over_time", "activity_walking_distance", "$__range"),
            "suffix: km",
        )
        .scaled(1000.0),
        stat(
            "Workouts",
            "Workouts of the chosen range.",
            s.over("sum_over_time", "workouts", "$__range"),
            "short",
        ),
        stat(
            "Optimal nights",
            "Share of nights in the chosen range with a sleep score of 85 and more.",
            format!("avg_over_time(({} >= bool 85)[$__range:1d])", s.day("sleep_score")),
            "percentunit",
        ),
    ]
}

fn months(s: &Scope) -> Vec<Panel> {
    NUMBERS
        .iter()
        .map(|(key, name)| {
            Panel::new(Kind::Lines, name, &format!("{name}: mean of the 7, 30 and 90 days up to each point."))
                .ask(s.mean(key, "7d"), "7 days {{person}}")
                .ask(s.mean(key, "30d"), "30 days {{person}}")
                .ask(s.mean(key, "90d"), "90 days {{person}}")
                .unit_of(key)
                .size(6, 7)
                .daily()
        })
        .collect()
}

fn years(s: &Scope) -> Vec<Panel> {
    NUMBERS
        .iter()
        .map(|(key, name)| {
            let mut panel = Panel::new(
                Kind::Lines,
                &format!("{name}, year over year"),
                &format!("{name}: mean of 30 days, next to the same season of the years before."),
            )
            .ask(s.mean(key, "30d"), "this year {{person}}")
            .unit_of(key)
            .size(6, 7)
            .shows("1y")
            .daily();
            // 364 days are 52 weeks: Mondays stay next to Mondays.
            for (years, offset) in [(1, "364d"), (2, "728d")] {
                panel = panel.ask(
                    s.over_until("avg_over_time", key, "30d", offset),
                    &format!("{years} year{} before {{{{person}}}}", if years == 1 { "" } else { "s" }),
                );
            }
            panel
        })
        .collect()
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn seasons(s: &Scope) -> Vec<Panel> {
    let by_month = |key: &str, name: &str| {
        let mut panel = Panel::new(
            Kind::BarGauge,
            &format!("{name} by month of the year"),
            &format!(
                "{name}: mean of all days of the chosen range that fall into each month, whatever the year."
            ),
        )
        .unit_of(key)
        .decimals(1)
        .size(6, 10);
        for (number, month) in (1..).zip(MONTHS) {
            panel = panel.ask(
                s.mean_of_days(key, &format!("month() == {number}")),
                &format!("{month} {{{{person}}}}"),
            );
        }
        panel
    };
    let mut panels = vec![
        by_month("sleep_duration", "Time asleep"),
        by_month("sleep_lowest_heart_rate", "Resting heart rate"),
        by_month("activity_steps", "Steps"),
        by_month("readiness_score", "Readiness"),
    ];
    let mut weekend =
        Panel::new(Kind::BarGauge, "Steps by weekday", "Mean steps of each weekday over the chosen range.")
            .unit("locale")
            .decimals(0)
            .at_least_zero()
            .size(24, 7);
    for (number, name) in WEEKDAY_NUMBERS.into_iter().zip(WEEKDAYS) {
        weekend = weekend.ask(
            s.mean_of_days("activity_steps", &format!("day_of_week() == {number}")),
            &format!("{name} {{{{person}}}}"),
        );
    }
    panels.push(weekend);
    panels
}

fn spread(s: &Scope) -> Vec<Panel> {
    let band = |key: &str, name: &str| {
        let mut panel = Panel::new(
            Kind::Lines,
            &format!("{name}: median and spread"),
            &format!("{name}: a tenth of the 90 days up to each point was above the upper line, a tenth below the lower, half above the middle."),
        )
        .unit_of(key)
        .size(8, 8)
        .daily();
        let at = |quantile: &str| format!("quantile_over_time({quantile}, {}[90d])", s.day(key));
        panel = panel.ask_edge(at("0.9"), "90 % below {{person}}");
        panel = panel.ask_mean(at("0.5"), "median {{person}}");
        panel.ask_edge(at("0.1"), "10 % below {{person}}")
    };
    vec![
        band("sleep_duration", "Time asleep"),
        band("sleep_average_hrv", "HRV"),
        band("sleep_lowest_heart_rate", "Resting heart rate"),
        Panel::new(Kind::Lines, "Regularity of bedtime", "Spread (standard deviation) of going to bed over the 28 nights up to each point.")
            .ask(s.over("stddev_over_time", "sleep_bedtime_start_clock", "28d"), "{{person}}")
            .minutes()
            .at_least_zero()
            .daily(),
        diverging(
            "Change in a year",
            "Slope of the straight line through the 365 days up to now, per year, in standard deviations of the same days.",
            &[
                ("Time asleep", slope(s, "sleep_duration")),
                ("Resting heart rate", slope(s, "sleep_lowest_heart_rate")),
                ("HRV", slope(s, "sleep_average_hrv")),
                ("Steps", slope(s, "activity_steps")),
            ],
        )
        .unit("suffix: σ/year")
        .decimals(2)
        .reaches(1.0)
        .size(12, 8),
    ]
}

fn slope(s: &Scope, key: &str) -> String {
    format!("31557600 * {} / {}", s.over("deriv", key, "365d"), s.over("stddev_over_time", key, "365d"))
}

/// Seven rows, Monday first. Steps of seven days begin on Thursdays, since 1970 did, and a week of ISO 8601 is that of its
/// Thursday: each row is so many days from there, at noon UTC, which is the same day nearly everywhere.
fn calendar(s: &Scope) -> Vec<Panel> {
    let weeks = |key: &str, title: &str, about: &str| {
        let mut panel = Panel::new(Kind::Calendar, title, about).unit_of(key).every("7d").size(24, 7);
        for (hours, weekday) in [60, 36, 12, -12, -36, -60, -84].into_iter().zip(WEEKDAYS) {
            let day = format!("{} offset {hours}h", s.day(key));
            panel = panel.ask(day, &format!("{weekday} {{{{person}}}}"));
        }
        panel
    };
    vec![
        weeks("sleep_score", "Sleep score", "A cell per night: rows are weekdays, columns weeks.")
            .steps(SCORE),
        weeks("readiness_score", "Readiness score", "A cell per day: rows are weekdays, columns weeks.")
            .steps(SCORE),
        weeks("activity_score", "Activity score", "A cell per day: rows are weekdays, columns weeks.")
            .steps(SCORE),
    ]
}

fn records(s: &Scope) -> Vec<Panel> {
    let record = |function: &str, key: &str, title: &str, about: &str| {
        Panel::new(Kind::Stat, title, &format!("{about}, and its date."))
            .ask(s.over(function, key, "$__range"), "record {{person}}")
            .ask_date(s.date_of(function, key), "on {{person}}")
            .unit_of(key)
            .size(8, 5)
    };
    vec![
        record(
            "max_over_time",
            "sleep_duration",
            "Longest night",
            "Most time asleep in one night of the chosen range",
        ),
        record(
            "min_over_time",
            "sleep_duration",
            "Shortest night",
            "Least time asleep in one night of the chosen range",
        ),
        record(
            "min_over_time",
            "sleep_lowest_heart_rate",
            "Lowest resting heart rate",
            "Lowest resting heart rate of the chosen range",
        ),
        record(
            "max_over_time",
            "sleep_average_hrv",
            "Highest HRV",
            "Highest nightly HRV of the chosen range",
        ),
        record("max_over_time", "activity_steps", "Most steps", "Most steps on one day of the chosen range"),
        record(
            "max_over_time",
            "temperature_deviation",
            "Warmest night",
            "Largest temperature deviation of the chosen range",
        ),
        Panel::new(
            Kind::Points,
            "Days with a yearly record of steps",
            "Days on which the steps were the highest of the 365 days up to then.",
        )
        .ask(
            format!(
                "{0} and {0} >= {1}",
                s.day("activity_steps"),
                s.over("max_over_time", "activity_steps", "365d")
            ),
            "most steps {{person}}",
        )
        .unit("short")
        .daily(),
        Panel::new(
            Kind::Points,
            "Lowest sleep scores",
            "Nights whose score was among the lowest fiftieth of the 365 up to then.",
        )
        .ask(
            format!("{0} and {0} <= quantile_over_time(0.02, {0}[365d])", s.day("sleep_score")),
            "{{person}}",
        )
        .unit_of("sleep_score")
        .daily(),
    ]
}

/// Pearson's correlation of two numbers over 90 days, the second taken so many days before the first.
fn correlation(s: &Scope, one: &str, other: &str, before: &str) -> String {
    let (a, b) =
        (format!("max by (person) ({})", s.day(one)), format!("max by (person) ({}{before})", s.day(other)));
    let over = |function: &str, expr: &str| format!("{function}(({expr})[90d:1d])");
    // Only days that have both count.
    let (a, b) = (format!("{a} + 0 * {b}"), format!("{b} + 0 * {a}"));
    format!(
        "({} - {} * {}) / ({} * {})",
        over("avg_over_time", &format!("({a}) * ({b})")),
        over("avg_over_time", &a),
        over("avg_over_time", &b),
        over("stddev_over_time", &a),
        over("stddev_over_time", &b),
    )
}

fn together(s: &Scope) -> Vec<Panel> {
    let pair = |one: &str, other: &str, before: &str, title: &str, about: &str| {
        Panel::new(Kind::Lines, title, &format!("{about} Correlation over the 90 days up to each point: 1 is together, −1 opposed, 0 no relation. It does not say why."))
            .ask(correlation(s, one, other, before), "{{person}}")
            .unit("none")
            .range(-1.0, 1.0)
            .decimals(2)
            .size(8, 8)
            // Five subqueries a point: four weeks apart they take a quarter of the time, and 90 days hide no more.
            .every("28d")
    };
    vec![
        pair(
            "readiness_score",
            "sleep_duration",
            "",
            "Readiness and sleep",
            "Readiness and the time asleep before it.",
        ),
        pair(
            "readiness_score",
            "sleep_average_hrv",
            "",
            "Readiness and HRV",
            "Readiness and the HRV of the night.",
        ),
        pair(
            "sleep_score",
            "activity_steps",
            " offset 1d",
            "Sleep after steps",
            "The night's score and the steps of the day before.",
        ),
        pair(
            "sleep_average_hrv",
            "activity_load_high",
            " offset 1d",
            "HRV after hard training",
            "The night's HRV and the hard load of the day before.",
        ),
        pair(
            "sleep_score",
            "sleep_bedtime_start_clock",
            "",
            "Sleep and bedtime",
            "The night's score and how late it began.",
        ),
        pair(
            "sleep_lowest_heart_rate",
            "temperature_deviation",
            "",
            "Pulse and temperature",
            "The resting heart rate and the skin temperature of the night.",
        ),
    ]
}
