//! A panel in Perses' form. What Perses' plugins cannot draw is left out ([`Panel::perses`] is `None`, or a query is
//! missing); docs/adr/0030-the-same-boards-for-perses.md lists it.

use serde_json::{Value, json};

use super::units::{DURATION, HOURS_AND_MINUTES};
use super::{GREY, Kind, Look, NUMBER, Panel, Query, Zero};
use crate::board::Subject;

impl Panel {
    /// Perses' form of it: several panels where Grafana shows values of different units in one.
    pub(crate) fn perses(&self, subject: Subject) -> Vec<Value> {
        if self.has_several_units() {
            return self.queries().filter_map(|query| self.single(&query, subject)).collect();
        }
        let plugin = match self.kind {
            // Perses' table has rows at one moment only, its histogram draws native histograms only.
            Kind::Table if self.over_days => return Vec::new(),
            Kind::Histogram => return Vec::new(),
            Kind::Stat => self.stat(self.unit),
            Kind::Gauge => {
                let mut spec = json!({
                    "calculation": "last-number", "format": self.format(self.unit), "thresholds": self.thresholds(),
                });
                if let Some(most) = self.range.1 {
                    spec["max"] = json!(most / self.scale);
                }
                ("GaugeChart", spec)
            }
            Kind::BarGauge | Kind::Diverging => (
                "BarChart",
                json!({ "calculation": "last-number", "format": self.format(self.unit), "mode": "value" }),
            ),
            Kind::Pie => (
                "PieChart",
                json!({ "calculation": "last-number", "format": self.format(self.unit), "radius": 50, "mode": "percentage", "legend": { "position": "bottom", "mode": "list" } }),
            ),
            Kind::Lines | Kind::Bars | Kind::Stacked | Kind::Points => ("TimeSeriesChart", self.chart()),
            Kind::States | Kind::Calendar => {
                let mut spec = json!({ "mappings": self.value_mappings() });
                // Of ranges, Perses' legend names every value.
                if !self.words.is_empty() {
                    spec["legend"] = json!({ "position": "bottom", "mode": "list" });
                }
                ("StatusHistoryChart", spec)
            }
            Kind::Table => ("Table", self.table()),
        };
        let mut queries: Vec<_> = self.queries().filter(|query| query.look.unit().is_none()).collect();
        if matches!(self.kind, Kind::States | Kind::Calendar) {
            // Perses has the first row at the bottom.
            queries.reverse();
        }
        vec![self.resource(&self.title, subject, plugin, &queries)]
    }

    /// One value of a panel whose values have units of their own. A date has no unit in Perses.
    fn single(&self, query: &Query, subject: Subject) -> Option<Value> {
        let title = query.legend.replace(" {{person}}", "");
        let plugin = self.stat(query.look.unit()?);
        Some(self.resource(&title, subject, plugin, std::slice::from_ref(query)))
    }

    fn resource(
        &self,
        title: &str,
        subject: Subject,
        (kind, spec): (&str, Value),
        queries: &[Query],
    ) -> Value {
        let queries: Vec<_> = queries
            .iter()
            .map(|query| {
                let legend = if self.kind == Kind::Diverging {
                    format!("{{{{{NUMBER}}}}}")
                } else {
                    self.legend(query)
                };
                let mut spec = json!({ "query": query.expr, "seriesNameFormat": legend });
                if let Some(interval) = self.interval {
                    spec["minStep"] = json!(interval);
                }
                json!({
                    "kind": "TimeSeriesQuery",
                    "spec": { "plugin": { "kind": "PrometheusTimeSeriesQuery", "spec": spec } },
                })
            })
            .collect();
        let mut panel = json!({
            "kind": "Panel",
            "spec": {
                "display": { "name": title, "description": self.description(subject) },
                "plugin": { "kind": kind, "spec": spec },
                "queries": queries,
            },
        });
        if let Some(uid) = self.link {
            // A dashboard of the same project.
            panel["spec"]["links"] = json!([{ "name": "More", "url": uid }]);
        }
        panel
    }

    fn stat(&self, unit: &str) -> (&'static str, Value) {
        let mut spec = json!({
            "calculation": "last-number", "format": self.format(unit), "thresholds": self.thresholds(),
            "mappings": self.value_mappings(),
        });
        if let Some(label) = self.text_label {
            spec["metricLabel"] = json!(label);
        }
        ("StatChart", spec)
    }

    fn chart(&self) -> Value {
        let display = if matches!(self.kind, Kind::Bars | Kind::Stacked) { "bar" } else { "line" };
        let is_points = self.kind == Kind::Points;
        let visual = json!({
            "display": display,
            "lineWidth": u8::from(!is_points),
            "showPoints": if is_points { "always" } else { "auto" },
            "stack": if self.kind == Kind::Stacked { "all" } else { "none" },
            "connectNulls": self.connected,
        });
        let mut axis = json!({ "show": true, "format": self.format(self.unit) });
        for (name, end) in [("min", self.range.0), ("max", self.range.1)] {
            if let Some(end) = end {
                axis[name] = json!(end / self.scale);
            }
        }
        let position = if self.legend_right { "right" } else { "bottom" };
        let mut chart = json!({
            "legend": { "position": position, "mode": "list" }, "yAxis": axis, "visual": visual,
            "querySettings": self.query_settings(),
        });
        if self.steps.len() > 1 {
            chart["thresholds"] = self.thresholds();
        }
        chart
    }

    /// Edges of bands are dashed and grey; a query whose legend begins with a word that has a colour has that.
    fn query_settings(&self) -> Vec<Value> {
        let styled = |(index, query): (usize, &Query)| {
            if query.look == Look::Edge {
                return Some(json!({
                    "queryIndex": index, "colorMode": "fixed", "colorValue": GREY, "lineStyle": "dashed",
                }));
            }
            let word = query.legend.split(' ').next()?;
            let (_, color) = self.colors.iter().find(|(named, _)| *named == word)?;
            Some(json!({ "queryIndex": index, "colorMode": "fixed", "colorValue": color }))
        };
        self.queries.iter().enumerate().filter_map(styled).collect()
    }

    fn table(&self) -> Value {
        let Some(columns) = &self.columns else { return json!({}) };
        let shown = columns.names.iter().map(|(label, header)| {
            json!({ "name": if *label == "Value" { "value" } else { label }, "header": header, "enableSorting": true })
        });
        let dropped = columns.dropped.iter().map(|label| match *label {
            "Time" => "timestamp",
            "Value" => "value",
            label => label,
        });
        let hidden = dropped.map(|label| json!({ "name": label, "hide": true }));
        json!({ "density": "compact", "columnSettings": shown.chain(hidden).collect::<Vec<_>>() })
    }

    fn thresholds(&self) -> Value {
        let steps: Vec<_> = self
            .steps
            .iter()
            .filter(|(from, _)| from.is_finite())
            .map(|(from, color)| json!({ "value": from / self.scale, "color": color }))
            .collect();
        json!({ "defaultColor": self.steps[0].1, "steps": steps })
    }

    /// Words for codes; or, where cells have the colours of thresholds, a word for each.
    fn value_mappings(&self) -> Vec<Value> {
        let words = self.words.iter().map(|(code, word, color)| {
            let color = if color == "transparent" { "#00000000" } else { color };
            json!({ "kind": "Value", "spec": { "value": code.to_string(), "result": { "value": word, "color": color } } })
        });
        let coloured = self.kind == Kind::Calendar && self.words.is_empty();
        let ranges = self.steps.iter().enumerate().filter(|_| coloured).map(|(at, (from, color))| {
            let next = self.steps.get(at + 1).map(|(next, _)| next / self.scale);
            let from = from / self.scale;
            // Both ends count: the first range that has the value is taken, so the next begins at its own least value.
            let (mut spec, word) = match (from.is_finite(), next) {
                (false, Some(next)) => (json!({}), format!("below {next}")),
                (true, Some(next)) => (json!({ "from": from }), format!("{from} to {next}")),
                (true, None) => (json!({ "from": from }), format!("{from} and more")),
                (false, None) => (json!({}), "any".to_owned()),
            };
            if let Some(next) = next {
                spec["to"] = json!(next - 1e-6);
            }
            spec["result"] = json!({ "value": word, "color": color });
            json!({ "kind": "Range", "spec": spec })
        });
        words.chain(ranges).collect()
    }

    /// Perses' nearest unit; where it has none, the number alone.
    fn format(&self, unit: &str) -> Value {
        let (perses, decimals) = match unit {
            // Perses writes minus two hours as `-7,200,000.0ms`.
            _ if self.zero != Zero::Anywhere => ("decimal", None),
            "s" | HOURS_AND_MINUTES | DURATION => ("seconds", None),
            "suffix: h" => ("hours", Some(1)),
            "suffix: min" => ("minutes", Some(0)),
            "percentunit" => ("percent-decimal", Some(0)),
            "bytes" => ("bytes", None),
            "Bps" => ("bytes/sec", None),
            "reqps" => ("requests/sec", None),
            "cps" => ("counts/sec", None),
            "eps" => ("events/sec", None),
            _ => ("decimal", None),
        };
        let mut format = json!({ "unit": perses });
        if let Some(decimals) = self.decimals.filter(|_| perses != "seconds").or(decimals) {
            format["decimalPlaces"] = json!(decimals);
        }
        if perses == "decimal" && unit == "short" {
            format["shortValues"] = json!(true);
        }
        format
    }
}

impl Look {
    /// The unit, where it is not the panel's.
    fn unit(self) -> Option<&'static str> {
        match self {
            Self::In(unit) => Some(unit),
            _ => None,
        }
    }
}
