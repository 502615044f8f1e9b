//! Colours that mean something. They are few, and the same on every panel.

/// Good. Every two of these four differ for every kind of colour vision, and each is readable on white and on Grafana's
/// dark panels (`tests::status_colours_differ_for_every_kind_of_colour_vision`).
pub(crate) const GREEN: &str = "#0DA49F";
/// Fair, or without a good or a bad side.
pub(crate) const BLUE: &str = "#3665B4";
/// Not good.
pub(crate) const ORANGE: &str = "#CD8203";
/// Asks for attention.
pub(crate) const RED: &str = "#BB3435";
/// No value, no ring.
pub(crate) const GREY: &str = "#8E8E8E";

/// From which value on which colour; the first goes from the bottom.
type Steps = &'static [(f64, &'static str)];

const BOTTOM: f64 = f64::NEG_INFINITY;
/// Oura's own words: 85 and up is optimal, 70 good, 60 fair.
pub(crate) const SCORE: Steps = &[(BOTTOM, RED), (60.0, ORANGE), (70.0, BLUE), (85.0, GREEN)];
/// A number without a good or a bad side.
pub(crate) const NEUTRAL: Steps = &[(BOTTOM, BLUE)];
/// 1 is well, 0 is not.
pub(crate) const UP: Steps = &[(BOTTOM, RED), (1.0, GREEN)];
/// 0 is well, more is not.
pub(crate) const NONE: Steps = &[(BOTTOM, GREEN), (1e-9, RED)];

/// Sleep stages, darker is deeper.
pub(crate) const STAGES: &[(&str, &str)] =
    &[("deep", "#274C8F"), ("light", "#7FB2E5"), ("rem", "#8E5BB5"), ("awake", "#CD8203")];
/// Levels of movement, warmer is more.
pub(crate) const LEVELS: &[(&str, &str)] = &[
    ("high", RED),
    ("medium", ORANGE),
    ("low", "#EBCB7A"),
    ("sedentary", "#7FB2E5"),
    ("resting", "#274C8F"),
    ("non_wear", GREY),
];
/// The three scores.
pub(crate) const SCORES: &[(&str, &str)] =
    &[("sleep", "#3665B4"), ("readiness", "#0DA49F"), ("activity", "#CD8203")];

#[cfg(test)]
mod tests {
    use super::*;

    type Rgb = [f64; 3];

    /// Machado, Oliveira and Fernandes (2009), severity 1: normal, protan, deutan and tritan colour vision.
    const VISIONS: [[Rgb; 3]; 4] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ];

    fn dot(one: Rgb, other: Rgb) -> f64 {
        one.iter().zip(other).map(|(a, b)| a * b).sum()
    }

    fn linear(color: &str) -> Rgb {
        [1, 3, 5].map(|at| {
            let part = f64::from(u8::from_str_radix(&color[at..at + 2], 16).unwrap()) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        })
    }

    fn seen(color: &str, vision: [Rgb; 3]) -> Rgb {
        vision.map(|row| dot(row, linear(color)).clamp(0.0, 1.0))
    }

    /// Oklab, in which equal distances look equally different.
    fn oklab(color: Rgb) -> Rgb {
        let [l, m, s] = [
            [0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9],
            [0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6],
            [0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5],
        ]
        .map(|row| dot(row, color).cbrt());
        [
            [0.210_454_255_3, 0.793_617_785, -0.004_072_046_8],
            [1.977_998_495_1, -2.428_592_205, 0.450_593_709_9],
            [0.025_904_037_1, 0.782_771_766_2, -0.808_675_766],
        ]
        .map(|row| dot(row, [l, m, s]))
    }

    /// The least difference of two colours for any kind of colour vision.
    fn difference(one: &str, other: &str) -> f64 {
        let differences = VISIONS.map(|vision| {
            let (a, b) = (oklab(seen(one, vision)), oklab(seen(other, vision)));
            a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
        });
        differences.into_iter().fold(f64::INFINITY, f64::min)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let light = |color| dot([0.2126, 0.7152, 0.0722], linear(color)) + 0.05;
        let (one, other) = (light(one), light(other));
        one.max(other) / one.min(other)
    }

    #[test]
    fn status_colours_differ_for_every_kind_of_colour_vision() {
        // Grafana's own green and orange: 0.06; its orange and dark yellow: 0.02.
        let colors = [GREEN, BLUE, ORANGE, RED];
        for (at, one) in colors.iter().enumerate() {
            for other in &colors[at + 1..] {
                assert!(difference(one, other) > 0.14, "{one} {other}: {}", difference(one, other));
            }
            // 3 is what WCAG asks of large text and of graphics.
            for background in ["#FFFFFF", "#181B1F"] {
                assert!(contrast(one, background) >= 3.0, "{one}: {}", contrast(one, background));
            }
        }
    }

    #[test]
    fn colours_of_one_chart_differ_for_every_kind_of_colour_vision() {
        for colors in [STAGES, LEVELS, SCORES] {
            for (at, (_, one)) in colors.iter().enumerate() {
                for (_, other) in &colors[at + 1..] {
                    assert!(difference(one, other) > 0.08, "{one} {other}: {}", difference(one, other));
                }
            }
        }
    }
}
