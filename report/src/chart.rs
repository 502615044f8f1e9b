//! Charts as inline SVG: a line or bars over the days, the usual range behind. Colours are the page's, so that they
//! change with it.

use std::fmt::Write as _;

use domain::{Day, DayRange};

use crate::read::Number;
use crate::rows::Shape;
use crate::text::Style;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 22.0;

/// Where days and values stand.
struct Scale {
    count: usize,
    low: f64,
    high: f64,
}

impl Scale {
    fn of(number: &Number, shape: Shape) -> Option<Self> {
        let known = number.days.iter().copied().flatten();
        let band = number.usual.iter().flat_map(|usual| [usual.day.0, usual.day.1]);
        let all: Vec<f64> = known.clone().chain(band).collect();
        known.clone().next()?;
        let (low, high) = (statistics::min(&all)?, statistics::max(&all)?);
        let low = if shape == Shape::Bars { low.min(0.0) } else { low };
        let room = ((high - low) * 0.08).max(f64::EPSILON * 8.0 + high.abs() * 0.01);
        let low = if shape == Shape::Bars { low } else { low - room };
        Some(Self { count: number.days.len(), low, high: high + room })
    }

    #[expect(clippy::cast_precision_loss, reason = "a month has 31 days")]
    fn slot(&self) -> f64 {
        (WIDTH - LEFT - RIGHT) / self.count as f64
    }

    #[expect(clippy::cast_precision_loss, reason = "a month has 31 days")]
    fn x(&self, n: usize) -> f64 {
        LEFT + (n as f64 + 0.5) * self.slot()
    }

    fn y(&self, value: f64) -> f64 {
        TOP + (self.high - value) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)
    }
}

/// The chart of a number, or nothing where nothing was measured. `title` describes it to readers who cannot see it.
pub(crate) fn chart(number: &Number, shape: Shape, days: DayRange, title: &str) -> Option<String> {
    let scale = Scale::of(number, shape)?;
    let style = number.row.style;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\" preserveAspectRatio=\"xMidYMid meet\">"
    );
    if let Some(usual) = &number.usual {
        let (top, bottom) = (scale.y(usual.day.1), scale.y(usual.day.0));
        let _ = write!(
            svg,
            "<rect class=\"usual\" x=\"{LEFT}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
            WIDTH - LEFT - RIGHT,
            (bottom - top).max(0.5)
        );
    }
    for value in ticks(&scale, style) {
        let y = scale.y(value);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"tick\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 3.5,
            style.number(value)
        );
    }
    for (n, day) in days.days().enumerate() {
        if let Some(label) = label(n, day, scale.count) {
            let _ = write!(
                svg,
                "<text class=\"tick\" x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
                scale.x(n),
                HEIGHT - 6.0
            );
        }
    }
    match shape {
        Shape::Bars => bars(&mut svg, &scale, number),
        Shape::Line => line(&mut svg, &scale, number),
    }
    svg.push_str("</svg>");
    Some(svg)
}

/// Two or three round values.
fn ticks(scale: &Scale, style: Style) -> Vec<f64> {
    // What is shown in hours, percent or milliseconds is round in those.
    let unit = match style {
        Style::Duration | Style::Clock => 3600.0,
        Style::Percent => 0.01,
        Style::Milliseconds => 0.001,
        Style::Energy => 4184.0,
        _ => 1.0,
    };
    let span = (scale.high - scale.low) / unit;
    let power = 10_f64.powf((span / 3.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|n| n * power).into_iter().find(|step| span / step <= 5.0);
    let step = step.unwrap_or(span.max(1.0)) * unit;
    let first = (scale.low / step).ceil();
    let mut ticks = Vec::new();
    for n in 0..6 {
        let value = (first + f64::from(n)) * step;
        if value <= scale.high {
            ticks.push(value);
        }
    }
    ticks
}

/// Every day of a week by its name, some of a month by their number.
fn label(n: usize, day: Day, count: usize) -> Option<String> {
    let date = day.date();
    if count <= 10 {
        return Some(date.strftime("%a %-d").to_string());
    }
    (n.is_multiple_of(5)).then(|| date.strftime("%-d %b").to_string())
}

fn bars(svg: &mut String, scale: &Scale, number: &Number) {
    let width = (scale.slot() * 0.66).min(36.0);
    for (n, value) in number.days.iter().enumerate() {
        let Some(value) = value else { continue };
        let (top, base) = (scale.y(*value), scale.y(0.0_f64.max(scale.low)));
        let _ = write!(
            svg,
            "<rect class=\"bar\" x=\"{:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{:.1}\" rx=\"2\"/>",
            scale.x(n) - width / 2.0,
            (base - top).max(0.0)
        );
    }
}

/// A line from day to day, broken where nothing was measured, and a dot a day.
fn line(svg: &mut String, scale: &Scale, number: &Number) {
    let mut path = String::new();
    let mut drawing = false;
    for (n, value) in number.days.iter().enumerate() {
        if let Some(value) = value {
            let _ =
                write!(path, "{}{:.1} {:.1}", if drawing { 'L' } else { 'M' }, scale.x(n), scale.y(*value));
        }
        drawing = value.is_some();
    }
    let _ = write!(svg, "<path class=\"line\" d=\"{path}\"/>");
    for (n, value) in number.days.iter().enumerate() {
        if let Some(value) = value {
            let _ = write!(
                svg,
                "<circle class=\"dot\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.6\"/>",
                scale.x(n),
                scale.y(*value)
            );
        }
    }
}
