//! A panel in Grafana's form.

use serde_json::{Value, json};

use super::{BLUE, GREY, HOURS_AND_MINUTES, Kind, Look, NUMBER, Panel, Query, WHO, Zero};
use crate::board::Subject;

impl Look {
    /// Options that differ from the panel's.
    fn properties(self) -> Value {
        let line = |width: u8, more: &[(&str, Value)]| {
            let plain = [
                ("custom.drawStyle", json!("line")),
                ("custom.lineWidth", json!(width)),
                ("custom.fillOpacity", json!(0)),
                ("custom.showPoints", json!("never")),
                ("custom.stacking", json!({ "mode": "none", "group": "B" })),
            ];
            let all = plain.iter().chain(more).map(|(id, value)| json!({ "id": id, "value": value }));
            all.collect()
        };
        match self {
            Self::Own => json!([]),
            Self::Mean => line(2, &[]),
            Self::Edge => line(
                1,
                &[("custom.lineStyle", json!({ "fill": "dash", "dash": [6, 4] })), ("color", fixed(GREY))],
            ),
            Self::Right(unit) => json!([
                { "id": "custom.axisPlacement", "value": "right" }, { "id": "unit", "value": unit },
            ]),
            Self::In(unit) => in_unit(unit),
        }
    }
}

/// A unit with the decimals that it needs.
fn in_unit(unit: &str) -> Value {
    let decimals = match unit {
        HOURS_AND_MINUTES => 1,
        "celsius" => 2,
        _ => 0,
    };
    json!([{ "id": "unit", "value": unit }, { "id": "decimals", "value": decimals }])
}

fn fixed(color: &str) -> Value {
    json!({ "mode": "fixed", "fixedColor": color })
}

impl Kind {
    const fn plugin(self) -> &'static str {
        match self {
            Self::Stat => "stat",
            Self::Gauge => "gauge",
            Self::BarGauge => "bargauge",
            Self::Diverging => "barchart",
            Self::Lines | Self::Bars | Self::Stacked | Self::Points => "timeseries",
            Self::States => "state-timeline",
            Self::Calendar => "status-history",
            Self::Table => "table",
            Self::Pie => "piechart",
            Self::Histogram => "histogram",
        }
    }
}

impl Panel {
    /// Grafana's form of it.
    pub(crate) fn json(&self, id: usize, (x, y): (u8, u16), subject: Subject) -> Value {
        let is_table = matches!(self.kind, Kind::Table | Kind::Diverging);
        let targets: Vec<_> = ('A'..)
            .zip(self.queries())
            .map(|(letter, query)| {
                json!({
                    "datasource": datasource(),
                    "editorMode": "code",
                    "expr": query.expr,
                    "format": if is_table { "table" } else { "time_series" },
                    "instant": query.instant,
                    "range": !query.instant,
                    "legendFormat": self.legend(&query),
                    "refId": letter.to_string(),
                })
            })
            .collect();
        let mut panel = json!({
            "id": id,
            "type": self.kind.plugin(),
            "title": self.title,
            "description": self.description(subject),
            "datasource": datasource(),
            "gridPos": { "x": x, "y": y, "w": self.width, "h": self.height },
            "targets": targets,
            "fieldConfig": { "defaults": self.field(subject), "overrides": self.overrides() },
            "options": self.options(),
            "transformations": self.transformations(),
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

    /// The name of a series. A person is part of it only while several are chosen; a chart's only series has the name of
    /// the chart then.
    pub(crate) fn legend(&self, query: &Query) -> String {
        if !query.expr.contains("$person") {
            return query.legend.clone();
        }
        if let Some(label) = self.text_label {
            return format!("{{{{{label}}}}} {WHO}");
        }
        match (query.legend.as_str(), self.kind.is_instant()) {
            ("{{person}}", true) => WHO.to_owned(),
            ("{{person}}", false) => format!("{} {WHO}", self.title),
            (legend, _) => legend.replace("{{person}}", WHO),
        }
    }

    /// What it shows, and why it may show nothing.
    pub(crate) fn description(&self, subject: Subject) -> String {
        match self.no_value {
            Some(_) => self.about.clone(),
            None => format!("{} {}", self.about, self.why_empty(subject).1),
        }
    }

    /// Instead of nothing: a few words for the panel, a sentence for its description.
    fn why_empty(&self, subject: Subject) -> (&'static str, &'static str) {
        let any = |part: &str| self.queries.iter().any(|query| query.expr.contains(part));
        match subject {
            Subject::Health if self.kind.is_instant() && !any("[") => {
                ("no current value", "Empty without a current value; Data quality has the reason.")
            }
            Subject::Health => (
                "no days in this range",
                "Empty without such days in the range, or when Prometheus has no remote read of history.",
            ),
            Subject::Service => {
                ("not reported", "Empty while no chosen process has this role, or nothing has happened yet.")
            }
            Subject::Kubernetes if any("node_") => ("needs node-exporter", "Needs node-exporter."),
            Subject::Kubernetes if any("container_") && !any("kube_pod_container") => {
                ("needs kubelet metrics", "Needs the kubelet's cAdvisor metrics.")
            }
            Subject::Kubernetes if any("kubelet_") => {
                ("no volume", "Needs the kubelet's metrics and a volume claim named myhealth….")
            }
            Subject::Kubernetes => {
                ("no such object", "Needs kube-state-metrics and objects named myhealth….")
            }
        }
    }

    /// Whether each of several values has a unit of its own.
    pub(super) fn has_several_units(&self) -> bool {
        self.queries.iter().all(|query| matches!(query.look, Look::In(_)))
    }

    fn field(&self, subject: Subject) -> Value {
        // A big number that is neither good nor bad has the colour of text.
        let neutral = matches!(self.kind, Kind::Stat | Kind::Gauge | Kind::Table);
        let steps: Vec<_> = self
            .steps
            .iter()
            .map(|(from, color)| {
                let color = if neutral && *color == BLUE && self.steps.len() == 1 { "text" } else { color };
                json!({ "color": color, "value": from.is_finite().then_some(*from / self.scale) })
            })
            .collect();
        let by_value = self.kind.is_instant() && self.kind != Kind::Pie
            || matches!(self.kind, Kind::Calendar | Kind::States);
        let no_value = self.no_value.unwrap_or(self.why_empty(subject).0);
        let mut field = json!({
            "unit": self.unit,
            "color": { "mode": if by_value { "thresholds" } else { "palette-classic" } },
            "thresholds": { "mode": "absolute", "steps": steps },
            "mappings": self.mappings(no_value),
            "noValue": no_value,
            "custom": self.custom(),
        });
        for (name, value) in [("min", self.range.0), ("max", self.range.1)] {
            if let Some(value) = value {
                field[name] = json!(value / self.scale);
            }
        }
        if let Some(decimals) = self.decimals {
            field["decimals"] = json!(decimals);
        }
        field
    }

    /// Words for codes; and where nothing is there, the colour of the lowest threshold would say that it is bad.
    fn mappings(&self, no_value: &str) -> Vec<Value> {
        let mut mappings = Vec::new();
        if !self.words.is_empty() {
            let options: serde_json::Map<_, _> = (0..)
                .zip(&self.words)
                .map(|(index, (code, text, color))| {
                    (code.to_string(), json!({ "text": text, "color": color, "index": index }))
                })
                .collect();
            mappings.push(json!({ "type": "value", "options": options }));
        }
        // Of nothing, Grafana's clock makes `000ms`.
        let is_clock = |query: &Query| query.look == Look::In(HOURS_AND_MINUTES);
        let clock = self.unit == HOURS_AND_MINUTES || self.queries.iter().any(is_clock);
        if clock && self.kind != Kind::Table && self.words.is_empty() {
            let zero = json!({ "0": { "text": "0 min", "index": 0 } });
            mappings.push(json!({ "type": "value", "options": zero }));
        }
        if matches!(self.kind, Kind::Stat | Kind::Gauge) {
            let result = json!({ "text": no_value, "color": "text", "index": 99 });
            mappings.push(json!({ "type": "special", "options": { "match": "null+nan", "result": result } }));
        }
        mappings
    }

    fn transformations(&self) -> Vec<Value> {
        let organize = |dropped: &[&str], names: &[(&str, &str)]| {
            let excluded: serde_json::Map<_, _> =
                dropped.iter().map(|name| ((*name).to_owned(), json!(true))).collect();
            let renamed: serde_json::Map<_, _> =
                names.iter().map(|(from, to)| ((*from).to_owned(), json!(to))).collect();
            let order: serde_json::Map<_, _> =
                (0..).zip(names).map(|(at, (from, _))| ((*from).to_owned(), json!(at))).collect();
            let order = if self.over_days { order } else { serde_json::Map::new() };
            json!({
                "id": "organize",
                "options": { "excludeByName": excluded, "renameByName": renamed, "indexByName": order },
            })
        };
        if self.kind == Kind::Diverging {
            return vec![organize(&["Time", "person"], &[])];
        }
        let Some(columns) = &self.columns else { return Vec::new() };
        let mut list = Vec::new();
        if self.queries.len() > 1 {
            list.push(json!({ "id": "merge", "options": {} }));
        }
        if self.over_days {
            // The newest day first.
            list.push(json!({ "id": "sortBy", "options": { "sort": [{ "field": "Time", "desc": true }] } }));
        }
        list.push(organize(&columns.dropped, &columns.names));
        list
    }

    fn overrides(&self) -> Vec<Value> {
        let looks = ('A'..).zip(&self.queries).filter(|(_, query)| query.look != Look::Own);
        let looks = looks.map(|(letter, query)| {
            let matcher = json!({ "id": "byFrameRefID", "options": letter.to_string() });
            json!({ "matcher": matcher, "properties": query.look.properties() })
        });
        let colors = self.colors.iter().map(|(word, color)| {
            json!({
                "matcher": { "id": "byRegexp", "options": format!("/^{word}\\b/") },
                "properties": [{ "id": "color", "value": fixed(color) }],
            })
        });
        looks.chain(colors).chain(self.column_overrides()).collect()
    }

    /// Units of columns, and where a click on the first one leads.
    fn column_overrides(&self) -> Vec<Value> {
        let Some(columns) = &self.columns else { return Vec::new() };
        let of = |name: &str, properties: Value| json!({ "matcher": { "id": "byName", "options": name }, "properties": properties });
        let mut list: Vec<_> = columns.units.iter().map(|(name, unit)| of(name, in_unit(unit))).collect();
        if self.over_days {
            // Not every number has a value on every day.
            let matcher = json!({ "id": "byType", "options": "number" });
            list.push(json!({ "matcher": matcher, "properties": [{ "id": "noValue", "value": "–" }] }));
        }
        if let (Some(link), Some((_, first))) = (self.row_link, columns.names.first()) {
            let end = |column: &str| format!("${{__data.fields[\"{column}\"].numeric}}");
            let url =
                format!("/d/{}?${{person:queryparam}}&from={}&to={}", link.uid, end(link.from), end(link.to));
            list.push(of(first, json!([{ "id": "links", "value": [{ "title": "Open", "url": url }] }])));
            let hidden = json!([{ "id": "custom.hidden", "value": true }]);
            list.extend([link.from, link.to].map(|column| of(column, hidden.clone())));
        }
        list
    }

    fn custom(&self) -> Value {
        // Several filled areas on each other are mud.
        let fill = if self.queries.len() == 1
            && self.queries[0].legend == "{{person}}"
            && self.zero != Zero::Centred
        {
            10
        } else {
            0
        };
        let drawn = |style: &str, fill: u8, stacking: &str| {
            let mut drawn = json!({
                "drawStyle": style, "lineWidth": 1, "fillOpacity": fill, "showPoints": "auto", "pointSize": 4,
                "spanNulls": self.connected, "lineInterpolation": "linear",
                "stacking": { "mode": stacking, "group": "A" },
                "thresholdsStyle": { "mode": if self.steps.len() > 1 { "dashed" } else { "off" } },
            });
            if let Some(value) = self.reaches {
                drawn["axisSoftMax"] = json!(value);
            }
            if self.zero == Zero::Centred {
                drawn["axisCenteredZero"] = json!(true);
            }
            drawn
        };
        match self.kind {
            Kind::Lines => drawn("line", fill, "none"),
            Kind::Points => drawn("points", 0, "none"),
            Kind::Bars => drawn("bars", 70, "none"),
            Kind::Stacked => drawn("bars", 80, "normal"),
            // Along each bar, the colours of the thresholds that it passes.
            Kind::Diverging => json!({
                "lineWidth": 0, "fillOpacity": 80, "gradientMode": "scheme", "axisCenteredZero": true,
                "axisSoftMin": self.reaches.map(|value| -value), "axisSoftMax": self.reaches,
            }),
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
        let placement = if self.legend_right { "right" } else { "bottom" };
        let legend =
            json!({ "displayMode": "list", "placement": placement, "showLegend": true, "calcs": [] });
        match self.kind {
            Kind::Stat => json!({
                "reduceOptions": last, "colorMode": "value", "graphMode": "none",
                "textMode": if self.text_label.is_some() { "name" } else { "auto" },
                "justifyMode": "auto",
                // Values of different units are a list, readable on a phone too.
                "orientation": if self.queries.iter().any(|query| matches!(query.look, Look::In(_))) { "horizontal" } else { "auto" },
            }),
            Kind::Gauge => {
                json!({ "reduceOptions": last, "showThresholdLabels": false, "showThresholdMarkers": true, "orientation": "auto" })
            }
            Kind::BarGauge => {
                json!({ "reduceOptions": last, "orientation": "horizontal", "displayMode": "basic", "showUnfilled": true, "valueMode": if self.steps.len() == 1 { "text" } else { "color" }, "text": { "titleSize": 12 } })
            }
            Kind::Diverging => json!({
                "xField": NUMBER, "orientation": "horizontal", "showValue": "always", "stacking": "none",
                "barWidth": 0.8, "groupWidth": 0.7, "barRadius": 0, "fullHighlight": false,
                "xTickLabelRotation": 0, "xTickLabelSpacing": 0, "tooltip": { "mode": "single", "sort": "none" },
                "legend": { "displayMode": "list", "placement": "bottom", "showLegend": false, "calcs": [] },
            }),
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
