//! Which numbers a report shows, section by section: a table.

use crate::text::Style;

/// A section of the page.
pub(crate) struct Section {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) rows: &'static [Row],
}

/// A number of the page.
pub(crate) struct Row {
    /// The metric's id.
    pub(crate) metric: &'static str,
    pub(crate) title: &'static str,
    pub(crate) style: Style,
    pub(crate) summary: Summary,
    /// How it is drawn; `None` where the table says enough.
    pub(crate) chart: Option<Shape>,
}

/// How days become one number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Summary {
    Mean,
    /// Days without it count as none: there was none.
    Total,
}

/// How a chart is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// From its own lowest to its own highest: what matters is the change.
    Line,
    /// From zero: what matters is how much.
    Bars,
}

const fn row(
    metric: &'static str,
    title: &'static str,
    style: Style,
    summary: Summary,
    chart: Option<Shape>,
) -> Row {
    Row { metric, title, style, summary, chart }
}

use Shape::{Bars, Line};
use Style::{Beats, Breaths, Celsius, Clock, Duration, Energy, Milliseconds, Percent, Plain};
use Summary::{Mean, Total};

#[rustfmt::skip] // a table
pub(crate) const SECTIONS: [Section; 3] = [
    Section { id: "sleep", title: "Sleep", rows: &[
        row("sleep_score", "Sleep score", Plain, Mean, Some(Line)),
        row("sleep_duration", "Time asleep", Duration, Mean, Some(Bars)),
        row("sleep_stage_duration_deep", "Deep sleep", Duration, Mean, None),
        row("sleep_stage_duration_rem", "REM sleep", Duration, Mean, None),
        row("sleep_efficiency", "Efficiency", Percent, Mean, None),
        row("sleep_bedtime_start_clock", "To bed", Clock, Mean, None),
        row("sleep_bedtime_end_clock", "Up", Clock, Mean, None),
    ] },
    Section { id: "recovery", title: "Recovery", rows: &[
        row("readiness_score", "Readiness score", Plain, Mean, Some(Line)),
        row("sleep_lowest_heart_rate", "Resting heart rate", Beats, Mean, Some(Line)),
        row("sleep_average_hrv", "Heart-rate variability", Milliseconds, Mean, Some(Line)),
        row("temperature_deviation", "Temperature deviation", Celsius, Mean, Some(Line)),
        row("sleep_breathing_rate", "Breathing rate", Breaths, Mean, None),
    ] },
    Section { id: "activity", title: "Activity", rows: &[
        row("activity_score", "Activity score", Plain, Mean, None),
        row("activity_steps", "Steps", Plain, Mean, Some(Bars)),
        row("activity_active_energy", "Active energy", Energy, Mean, None),
        row("activity_duration_medium", "Medium activity", Duration, Mean, None),
        row("activity_duration_high", "High activity", Duration, Mean, None),
        row("workouts", "Workouts", Plain, Total, None),
    ] },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_rows_are_daily_metrics() {
        for row in SECTIONS.iter().flat_map(|section| section.rows) {
            let metric = domain::Metric::by_key(row.metric);
            assert!(metric.is_some_and(|metric| !metric.is_series()), "{}", row.metric);
        }
    }
}
