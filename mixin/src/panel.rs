//! A panel: what it asks, how it looks. Only what Grafana's core draws.

mod json;

use domain::Unit;
use serde_json::{Value, json};

use super::query::first_of;
pub(crate) use json::datasource;

/// Green is good, red asks for attention.
pub(crate) const GREEN: &str = "green";
pub(crate) const YELLOW: &str = "dark-yellow";
pub(crate) const ORANGE: &str = "orange";
pub(crate) const RED: &str = "red";
pub(crate) const BLUE: &str = "blue";

/// From which value on which colour; the first goes from the bottom.
pub(crate) type Steps = &'static [(f64, &'static str)];

const BOTTOM: f64 = f64::NEG_INFINITY;
/// Oura's own words: 85 and up is optimal, 70 good, 60 fair.
pub(crate) const SCORE: Steps = &[(BOTTOM, RED), (60.0, ORANGE), (70.0, YELLOW), (85.0, GREEN)];
/// A number without a good or a bad side.
pub(crate) const NEUTRAL: Steps = &[(BOTTOM, BLUE)];
/// 1 is well, 0 is not.
pub(crate) const UP: Steps = &[(BOTTOM, RED), (1.0, GREEN)];
/// 0 is well, more is not.
pub(crate) const NONE: Steps = &[(BOTTOM, GREEN), (1e-9, RED)];

/// One expression.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) expr: String,
    pub(crate) legend: String,
    /// One value at the end of the range instead of a line through it.
    instant: bool,
    look: Look,
}

/// How one query's series are drawn among the others of a chart over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// As the panel says.
    Own,
    /// A smooth line over what it is the mean of.
    Mean,
    /// The edge of a band: thin, dashed, without a colour of its own.
    Edge,
    /// With an axis of its own on the right, in this unit.
    Right(&'static str),
}

/// How a panel draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Big numbers.
    Stat,
    /// A dial for a number with a known range.
    Gauge,
    /// Bars beside each other, one per series.
    BarGauge,
    /// Lines over time.
    Lines,
    /// Bars over time.
    Bars,
    /// Bars on top of each other.
    Stacked,
    /// Points over time.
    Points,
    /// Words or codes over time.
    States,
    /// A cell per point of time.
    Calendar,
    /// Rows.
    Table,
    /// Shares of a whole.
    Pie,
    /// How often which value.
    Histogram,
}

impl Kind {
    /// Whether it shows one moment.
    const fn is_instant(self) -> bool {
        matches!(self, Self::Stat | Self::Gauge | Self::BarGauge | Self::Table | Self::Pie)
    }
}

/// A panel under construction.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) about: String,
    queries: Vec<Query>,
    pub(crate) width: u8,
    pub(crate) height: u8,
    kind: Kind,
    unit: &'static str,
    /// Base units in one unit of the panel: what is asked for, thresholds and ends of the range are divided by it.
    scale: f64,
    steps: Steps,
    range: (Option<f64>, Option<f64>),
    decimals: Option<u8>,
    interval: Option<&'static str>,
    mappings: Vec<Value>,
    transformations: Vec<Value>,
    link: Option<&'static str>,
    time_from: Option<&'static str>,
    no_value: &'static str,
    /// Fixed colours by the first word of the legend.
    colors: &'static [(&'static str, &'static str)],
    /// The axis reaches at least here.
    reaches: Option<f64>,
    /// Whether gaps are bridged.
    connected: bool,
    /// Where many names fit.
    legend_right: bool,
}

impl Panel {
    pub(crate) fn new(kind: Kind, title: &str, about: &str) -> Self {
        let (width, height) = match kind {
            Kind::Stat | Kind::Gauge => (4, 4),
            Kind::BarGauge | Kind::Pie => (6, 8),
            Kind::Calendar => (24, 8),
            _ => (12, 8),
        };
        Self {
            title: title.to_owned(),
            about: about.to_owned(),
            queries: Vec::new(),
            width,
            height,
            kind,
            unit: "none",
            scale: 1.0,
            steps: NEUTRAL,
            range: (None, None),
            decimals: None,
            interval: None,
            mappings: Vec::new(),
            transformations: Vec::new(),
            link: None,
            time_from: None,
            no_value: "no data",
            colors: &[],
            reaches: None,
            connected: false,
            legend_right: false,
        }
    }

    pub(crate) fn ask(self, expr: impl Into<String>, legend: &str) -> Self {
        self.ask_as(Look::Own, expr, legend)
    }

    /// The mean of what was asked for before.
    pub(crate) fn ask_mean(self, expr: impl Into<String>, legend: &str) -> Self {
        self.ask_as(Look::Mean, expr, legend)
    }

    /// An edge of the band in which it usually is.
    pub(crate) fn ask_edge(self, expr: impl Into<String>, legend: &str) -> Self {
        self.ask_as(Look::Edge, expr, legend)
    }

    /// Something of another kind beside it, in a unit of its own.
    pub(crate) fn ask_beside(self, expr: impl Into<String>, legend: &str, unit: &'static str) -> Self {
        self.ask_as(Look::Right(unit), expr, legend)
    }

    fn ask_as(mut self, look: Look, expr: impl Into<String>, legend: &str) -> Self {
        let instant = self.kind.is_instant();
        self.queries.push(Query { expr: expr.into(), legend: legend.to_owned(), instant, look });
        self
    }

    /// What Prometheus is asked: in the panel's unit.
    pub(crate) fn queries(&self) -> impl Iterator<Item = Query> {
        self.queries.iter().map(|query| {
            let mut query = query.clone();
            if self.scale > 1.0 && !matches!(query.look, Look::Right(_)) {
                query.expr = format!("({}) / {}", query.expr, self.scale);
            }
            query
        })
    }

    /// The unit of a number in the catalogue.
    pub(crate) fn unit_of(self, key: &str) -> Self {
        self.unit_for(first_of(key).unit)
    }

    /// As people read it: energy in kilocalories, and on an axis, whose marks are round numbers of its unit, hours
    /// rather than multiples of 10,000 seconds.
    pub(crate) fn unit_for(self, unit: Unit) -> Self {
        match unit {
            Unit::Kilocalories => self.unit("suffix: kcal").scaled(4184.0),
            Unit::MetMinutes => self.unit("suffix: MET min").scaled(60.0),
            Unit::Seconds | Unit::WallClock if !self.kind.is_instant() => self.hours(),
            // 12,345 beside a chart, 12.3 K on its axis.
            Unit::Count if self.kind.is_instant() => self.unit("locale"),
            unit => self.unit(grafana_unit(unit)),
        }
    }

    /// Seconds as hours.
    pub(crate) fn hours(self) -> Self {
        self.unit("suffix: h").scaled(3600.0)
    }

    /// Seconds as minutes.
    pub(crate) fn minutes(self) -> Self {
        self.unit("suffix: min").scaled(60.0)
    }

    pub(crate) const fn scaled(mut self, scale: f64) -> Self {
        self.scale = scale;
        self
    }

    pub(crate) const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    /// The same colour for the same thing on every panel.
    pub(crate) const fn colors(mut self, colors: &'static [(&'static str, &'static str)]) -> Self {
        self.colors = colors;
        self
    }

    /// So that a line at nothing does not seem to tower.
    pub(crate) const fn reaches(mut self, value: f64) -> Self {
        self.reaches = Some(value);
        self
    }

    /// Measured now and then: a line between, not a gap.
    pub(crate) const fn connected(mut self) -> Self {
        self.connected = true;
        self
    }

    pub(crate) const fn legend_right(mut self) -> Self {
        self.legend_right = true;
        self
    }

    pub(crate) const fn steps(mut self, steps: Steps) -> Self {
        self.steps = steps;
        self
    }

    pub(crate) const fn range(mut self, least: f64, most: f64) -> Self {
        self.range = (Some(least), Some(most));
        self
    }

    /// Bars and shares start at nothing.
    pub(crate) const fn at_least_zero(mut self) -> Self {
        self.range.0 = Some(0.0);
        self
    }

    pub(crate) const fn decimals(mut self, decimals: u8) -> Self {
        self.decimals = Some(decimals);
        self
    }

    pub(crate) const fn size(mut self, width: u8, height: u8) -> Self {
        self.width = width;
        self.height = height;
        self
    }

    /// Asks no more often than this: one point a day is all that a day has.
    pub(crate) const fn every(mut self, interval: &'static str) -> Self {
        self.interval = Some(interval);
        self
    }

    pub(crate) const fn daily(self) -> Self {
        self.every("1d")
    }

    /// Shows this long, whatever the dashboard shows.
    pub(crate) const fn shows(mut self, time: &'static str) -> Self {
        self.time_from = Some(time);
        self
    }

    /// Where a click leads.
    pub(crate) const fn link(mut self, uid: &'static str) -> Self {
        self.link = Some(uid);
        self
    }

    /// What stands there when there is nothing, where nothing is good news.
    pub(crate) const fn nothing(mut self, text: &'static str) -> Self {
        self.no_value = text;
        self
    }

    /// Words and colours for codes.
    pub(crate) fn words(mut self, words: &[(i32, &str, &str)]) -> Self {
        let options: serde_json::Map<_, _> = (0..)
            .zip(words)
            .map(|(index, (code, text, color))| {
                (code.to_string(), json!({ "text": text, "color": color, "index": index }))
            })
            .collect();
        self.mappings.push(json!({ "type": "value", "options": options }));
        self
    }

    /// A table of one row per label set, without the columns that say nothing.
    pub(crate) fn rows(mut self, drop: &[&str], names: &[(&str, &str)]) -> Self {
        let excluded: serde_json::Map<_, _> = ["Time", "__name__", "job", "instance"]
            .iter()
            .chain(drop)
            .map(|name| ((*name).to_owned(), json!(true)))
            .collect();
        let renamed: serde_json::Map<_, _> =
            names.iter().map(|(from, to)| ((*from).to_owned(), json!(to))).collect();
        if self.queries.len() > 1 {
            self.transformations.push(json!({ "id": "merge", "options": {} }));
        }
        self.transformations.push(json!({
            "id": "organize",
            "options": { "excludeByName": excluded, "renameByName": renamed, "indexByName": {} },
        }));
        self
    }
}

/// How Grafana writes a number of this kind.
pub(crate) const fn grafana_unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Kilograms => "massg",
        Unit::Score | Unit::Points | Unit::ScoreDelta | Unit::Index | Unit::State => "none",
        Unit::Count => "short",
        Unit::Flag => "bool_yes_no",
        Unit::Seconds | Unit::Hrv => "s",
        Unit::WallClock => "dthms",
        Unit::Timestamp => "dateTimeAsIso",
        Unit::Percent | Unit::Saturation => "percentunit",
        Unit::BeatsPerMinute => "suffix: bpm",
        Unit::BreathsPerMinute => "suffix: /min",
        Unit::Celsius => "celsius",
        Unit::Kilocalories => "joule",
        Unit::Meters => "lengthm",
        Unit::Met => "suffix: MET",
        Unit::MetMinutes => "suffix: MET s",
        Unit::Years => "suffix: years",
        Unit::MetersPerSecond => "velocityms",
        Unit::OxygenUptake => "suffix: mL/kg/min",
    }
}
