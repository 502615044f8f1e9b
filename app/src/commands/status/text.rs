//! Numbers as a terminal shows them.

use domain::{Metric, Unit};

/// A value with its unit.
pub(super) fn value(metric: &Metric, value: f64) -> String {
    match metric.unit {
        Unit::Seconds => duration(value),
        Unit::Hrv => format!("{:.0} ms", value * 1000.0),
        Unit::BeatsPerMinute => format!("{value:.0} bpm"),
        Unit::Celsius => format!("{value:+.2} °C"),
        Unit::Percent | Unit::Saturation => format!("{:.0} %", value * 100.0),
        Unit::State => state(metric, value).unwrap_or("?").to_owned(),
        _ => format!("{value:.0}"),
    }
}

/// The word of a state.
fn state(metric: &Metric, value: f64) -> Option<&'static str> {
    let states = metric.states();
    let place = (0_u32..).zip(states).find(|(place, _)| (value - f64::from(*place)).abs() < 0.5);
    place.map(|(_, state)| *state)
}

/// Hours and minutes of seconds.
pub(super) fn duration(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let minutes = (seconds / 60.0).round() as i64;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes:02} min"),
    }
}

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A bar a day, from the least to the greatest of these days; a dot where there is no value.
pub(super) fn sparkline(days: &[Option<f64>]) -> String {
    let values = || days.iter().flatten().copied();
    let (least, greatest) =
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let bar = |value: f64| {
        let share = if greatest > least { (value - least) / (greatest - least) } else { 0.5 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 7")]
        let place = (share * 7.0).round() as usize;
        BARS[place.min(7)]
    };
    days.iter().map(|day| day.map_or('·', bar)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparkline_spans_the_least_and_the_greatest_and_dots_gaps() {
        assert_eq!(sparkline(&[Some(1.0), None, Some(8.0), Some(4.5)]), "▁·█▅");
        assert_eq!(sparkline(&[Some(3.0), Some(3.0)]), "▅▅");
        assert_eq!(sparkline(&[None, None]), "··");
    }

    #[test]
    fn value_is_in_the_unit_people_use() {
        let shown = |key: &str, number: f64| value(Metric::by_key(key).unwrap(), number);
        assert_eq!(shown("sleep_duration", 26_130.0), "7 h 16 min");
        assert_eq!(shown("sleep_average_hrv", 0.048), "48 ms");
        assert_eq!(shown("temperature_deviation", -0.214), "-0.21 °C");
        assert_eq!(shown("resilience_level", 2.0), "solid");
        assert_eq!(shown("activity_steps", 9431.0), "9431");
    }
}
