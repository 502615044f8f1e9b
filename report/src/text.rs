//! Numbers and words as people read them, safe inside HTML.

use std::fmt::{self, Write as _};

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// As it is, without a fraction when it has many digits.
    Plain,
    /// Seconds as hours and minutes.
    Duration,
    /// Seconds from midnight as a time of day; negative before midnight.
    Clock,
    /// A ratio as percent.
    Percent,
    /// Beats per minute.
    Beats,
    /// Breaths per minute.
    Breaths,
    /// Seconds as milliseconds.
    Milliseconds,
    /// A difference of temperature.
    Celsius,
    /// Joules as kilocalories.
    Energy,
}

/// Shown where nothing was measured.
pub(crate) const NO_VALUE: &str = "–";

const JOULES: f64 = 4184.0;

impl Style {
    /// The unit, for headings; empty where the number says it.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Plain | Self::Duration | Self::Clock => "",
            Self::Percent => "%",
            Self::Beats | Self::Breaths => "/min",
            Self::Milliseconds => "ms",
            Self::Celsius => "°C",
            Self::Energy => "kcal",
        }
    }

    /// A number as a table has it, without its unit.
    pub(crate) fn number(self, value: f64) -> String {
        match self {
            Self::Plain => grouped(value),
            Self::Duration => duration(value),
            Self::Clock => clock(value),
            Self::Percent => format!("{:.0}", value * 100.0),
            Self::Beats => format!("{value:.0}"),
            Self::Breaths => format!("{value:.1}"),
            Self::Milliseconds => format!("{:.0}", value * 1000.0),
            Self::Celsius => signed(&format!("{:.1}", value.abs()), value),
            Self::Energy => grouped(value / JOULES),
        }
    }

    /// A number with its unit.
    pub(crate) fn with_unit(self, value: f64) -> String {
        let (number, unit) = (self.number(value), self.unit());
        if unit.is_empty() { number } else { format!("{number}\u{a0}{unit}") }
    }

    /// A mean: a digit more where single days have none.
    pub(crate) fn mean(self, value: f64) -> String {
        match self {
            Self::Plain if value.abs() < 1000.0 => format!("{value:.1}"),
            Self::Beats => format!("{value:.1}\u{a0}/min"),
            Self::Celsius => signed(&format!("{:.2}\u{a0}°C", value.abs()), value),
            other => other.with_unit(value),
        }
    }

    /// A difference with its sign.
    pub(crate) fn difference(self, value: f64) -> String {
        let text = match self {
            Self::Plain if value.abs() < 100.0 => format!("{:.1}", value.abs()),
            Self::Duration | Self::Clock => duration(value.abs()),
            Self::Celsius => format!("{:.2}\u{a0}°C", value.abs()),
            Self::Beats => format!("{:.1}\u{a0}/min", value.abs()),
            Self::Percent => format!("{:.1}\u{a0}points", value.abs() * 100.0),
            other => other.with_unit(value.abs()),
        };
        signed(&text, value)
    }
}

/// A text of a size, with the sign of a number unless the size reads as zero.
fn signed(size: &str, value: f64) -> String {
    let zero = !size.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    match value {
        _ if zero => format!("±{size}"),
        value if value < 0.0 => format!("−{size}"),
        _ => format!("+{size}"),
    }
}

/// A whole number with thin spaces between thousands.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    if value < 0.0 && digits != "0" {
        text.push('−');
    }
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

fn minutes(seconds: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let minutes = (seconds / 60.0).round() as i64;
    minutes
}

/// Hours and minutes.
pub(crate) fn duration(seconds: f64) -> String {
    let minutes = minutes(seconds);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes}\u{a0}min"),
        (hours, minutes) => format!("{hours}\u{a0}h\u{a0}{minutes:02}"),
    }
}

fn clock(seconds: f64) -> String {
    let minutes = minutes(seconds).rem_euclid(24 * 60);
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Escapes a text for HTML.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                letter if letter.is_control() => f.write_char(' ')?,
                letter => f.write_char(letter)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_numbers_are_readable() {
        let check =
            |text: String, expected: &str| assert_eq!(text.replace(['\u{a0}', '\u{202f}'], " "), expected);
        check(Style::Plain.number(12_345.4), "12 345");
        check(Style::Plain.number(82.0), "82");
        check(Style::Plain.mean(81.25), "81.2");
        check(Style::Duration.number(27_030.0), "7 h 31");
        check(Style::Duration.number(59.0), "1 min");
        check(Style::Clock.number(-1_800.0), "23:30");
        check(Style::Clock.number(25_200.0), "07:00");
        check(Style::Percent.with_unit(0.914), "91 %");
        check(Style::Milliseconds.with_unit(0.052), "52 ms");
        check(Style::Celsius.number(-0.24), "−0.2");
        check(Style::Celsius.number(-0.02), "±0.0");
        check(Style::Energy.with_unit(418_400.0), "100 kcal");
        check(Style::Clock.difference(-1_500.0), "−25 min");
        check(Style::Plain.difference(0.01), "±0.0");
        check(Style::Plain.difference(3.0), "+3.0");
    }

    #[test]
    fn report_escapes_outside_text() {
        let text = Escaped("<img src=x onerror='a'>&\"\u{0}").to_string();
        assert_eq!(text, "&lt;img src=x onerror=&#39;a&#39;&gt;&amp;&quot; ");
    }
}
