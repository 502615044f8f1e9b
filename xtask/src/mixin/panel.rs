//! A panel: what it asks, how it looks. Only what Grafana's core draws.

use domain::Unit;
use serde_json::{Value, json};

use super::query::first_of;

/// Green is good, red asks for attention.
pub(crate) const GREEN: &str = "green";
pub(crate) const YELLOW: &str = "yellow";
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
    const fn plugin(self) -> &'static str {
        match self {
            Self::Stat => "stat",
            Self::Gauge => "gauge",
            Self::BarGauge => "bargauge",
            Self::Lines | Self::Bars | Self::Stacked | Self::Points => "timeseries",
            Self::States => "state-timeline",
            Self::Calendar => "status-history",
            Self::Table => "table",
            Self::Pie => "piechart",
            Self::Histogram => "histogram",
        }
    }

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
    pub(crate) queries: Vec<Query>,
    pub(crate) width: u8,
    pub(crate) height: u8,
    kind: Kind,
    unit: &'static str,
    steps: Steps,
    range: (Option<f64>, Option<f64>),
    decimals: Option<u8>,
    interval: Option<&'static str>,
    mappings: Vec<Value>,
    transformations: Vec<Value>,
    link: Option<&'static str>,
    time_from: Option<&'static str>,
    no_value: &'static str,
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
            steps: NEUTRAL,
            range: (None, None),
            decimals: None,
            interval: None,
            mappings: Vec::new(),
            transformations: Vec::new(),
            link: None,
            time_from: None,
            no_value: "no data",
        }
    }

    pub(crate) fn ask(mut self, expr: impl Into<String>, legend: &str) -> Self {
        let instant = self.kind.is_instant();
        self.queries.push(Query { expr: expr.into(), legend: legend.to_owned(), instant });
        self
    }

    /// The unit of a number in the catalogue.
    pub(crate) fn unit_of(self, key: &str) -> Self {
        self.unit(grafana_unit(first_of(key).unit))
    }

    pub(crate) const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
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

    /// Grafana's form of it.
    pub(crate) fn json(&self, id: usize, (x, y): (u8, u16)) -> Value {
        let table = self.kind == Kind::Table;
        let targets: Vec<_> = ('A'..)
            .zip(&self.queries)
            .map(|(letter, query)| {
                json!({
                    "datasource": datasource(),
                    "editorMode": "code",
                    "expr": query.expr,
                    "format": if table { "table" } else { "time_series" },
                    "instant": query.instant,
                    "range": !query.instant,
                    "legendFormat": query.legend,
                    "refId": letter.to_string(),
                })
            })
            .collect();
        let mut panel = json!({
            "id": id,
            "type": self.kind.plugin(),
            "title": self.title,
            "description": self.about,
            "datasource": datasource(),
            "gridPos": { "x": x, "y": y, "w": self.width, "h": self.height },
            "targets": targets,
            "fieldConfig": { "defaults": self.field(), "overrides": [] },
            "options": self.options(),
            "transformations": self.transformations,
        });
        if let Some(interval) = self.interval {
            panel["interval"] = json!(interval);
        }
        if let Some(time) = self.time_from {
            panel["timeFrom"] = json!(time);
        }
        if let Some(uid) = self.link {
            panel["links"] = json!([{
                "type": "link", "title": "More", "url": format!("/d/{uid}?${{person:queryparam}}&${{__url_time_range}}"),
                "tooltip": "", "icon": "", "tags": [], "asDropdown": false, "includeVars": false, "keepTime": false,
                "targetBlank": false,
            }]);
        }
        panel
    }

    fn field(&self) -> Value {
        let steps: Vec<_> = self
            .steps
            .iter()
            .map(|(from, color)| json!({ "color": color, "value": from.is_finite().then_some(*from) }))
            .collect();
        let by_value = matches!(
            self.kind,
            Kind::Stat | Kind::Gauge | Kind::BarGauge | Kind::Calendar | Kind::States | Kind::Table
        );
        let mut field = json!({
            "unit": self.unit,
            "color": { "mode": if by_value { "thresholds" } else { "palette-classic" } },
            "thresholds": { "mode": "absolute", "steps": steps },
            "mappings": self.mappings,
            "noValue": self.no_value,
            "custom": self.custom(),
        });
        for (name, value) in [("min", self.range.0), ("max", self.range.1)] {
            if let Some(value) = value {
                field[name] = json!(value);
            }
        }
        if let Some(decimals) = self.decimals {
            field["decimals"] = json!(decimals);
        }
        field
    }

    fn custom(&self) -> Value {
        let drawn = |style: &str, fill: u8, stacking: &str| {
            json!({
                "drawStyle": style, "lineWidth": 1, "fillOpacity": fill, "showPoints": "auto", "pointSize": 4,
                "spanNulls": false, "lineInterpolation": "linear",
                "stacking": { "mode": stacking, "group": "A" },
                "thresholdsStyle": { "mode": if self.steps.len() > 1 { "dashed" } else { "off" } },
            })
        };
        match self.kind {
            Kind::Lines => drawn("line", 8, "none"),
            Kind::Points => drawn("points", 0, "none"),
            Kind::Bars => drawn("bars", 70, "none"),
            Kind::Stacked => drawn("bars", 80, "normal"),
            Kind::States | Kind::Calendar => json!({ "lineWidth": 0, "fillOpacity": 80 }),
            Kind::Histogram => json!({ "fillOpacity": 70, "lineWidth": 1 }),
            Kind::Table => {
                json!({ "align": "auto", "cellOptions": { "type": if self.steps.len() > 1 { "color-text" } else { "auto" } } })
            }
            Kind::Stat | Kind::Gauge | Kind::BarGauge | Kind::Pie => json!({}),
        }
    }

    fn options(&self) -> Value {
        let last = json!({ "calcs": ["lastNotNull"], "fields": "", "values": false });
        let legend = json!({ "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] });
        match self.kind {
            Kind::Stat => json!({
                "reduceOptions": last, "colorMode": "value", "graphMode": "none", "textMode": "auto",
                "justifyMode": "auto", "orientation": "auto",
            }),
            Kind::Gauge => {
                json!({ "reduceOptions": last, "showThresholdLabels": false, "showThresholdMarkers": true, "orientation": "auto" })
            }
            Kind::BarGauge => {
                json!({ "reduceOptions": last, "orientation": "horizontal", "displayMode": "basic", "showUnfilled": true, "valueMode": "color" })
            }
            Kind::Lines | Kind::Bars | Kind::Stacked | Kind::Points => {
                json!({ "legend": legend, "tooltip": { "mode": "multi", "sort": "none" } })
            }
            Kind::States => {
                json!({ "mergeValues": true, "showValue": "never", "alignValue": "left", "rowHeight": 0.9, "legend": legend, "tooltip": { "mode": "single", "sort": "none" } })
            }
            Kind::Calendar => {
                json!({ "showValue": "never", "colWidth": 0.9, "rowHeight": 0.9, "legend": legend, "tooltip": { "mode": "single", "sort": "none" } })
            }
            Kind::Table => {
                json!({ "showHeader": true, "cellHeight": "sm", "footer": { "show": false, "reducer": ["sum"], "countRows": false, "fields": "" } })
            }
            Kind::Pie => {
                json!({ "reduceOptions": last, "pieType": "donut", "legend": legend, "tooltip": { "mode": "single", "sort": "none" }, "displayLabels": ["percent"] })
            }
            Kind::Histogram => {
                json!({ "legend": legend, "combine": false, "tooltip": { "mode": "single", "sort": "none" } })
            }
        }
    }
}

/// Chosen on the dashboard, so that a plain file works wherever it is provisioned.
pub(crate) fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
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
