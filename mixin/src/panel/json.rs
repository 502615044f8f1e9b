//! A panel in Grafana's form.

use serde_json::{Value, json};

use super::{Kind, Look, Panel};

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
                &[
                    ("custom.lineStyle", json!({ "fill": "dash", "dash": [6, 4] })),
                    ("color", json!({ "mode": "fixed", "fixedColor": "#8e8e8e" })),
                ],
            ),
            Self::Right(unit) => json!([
                { "id": "custom.axisPlacement", "value": "right" }, { "id": "unit", "value": unit },
            ]),
        }
    }
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
}

impl Panel {
    /// Grafana's form of it.
    pub(crate) fn json(&self, id: usize, (x, y): (u8, u16)) -> Value {
        let table = self.kind == Kind::Table;
        let targets: Vec<_> = ('A'..)
            .zip(self.queries())
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
            "fieldConfig": { "defaults": self.field(), "overrides": self.overrides() },
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
            .map(|(from, color)| {
                json!({ "color": color, "value": from.is_finite().then_some(*from / self.scale) })
            })
            .collect();
        let by_value = matches!(
            self.kind,
            Kind::Stat | Kind::Gauge | Kind::BarGauge | Kind::Calendar | Kind::States | Kind::Table
        );
        let mut field = json!({
            "unit": self.unit,
            "color": { "mode": if by_value { "thresholds" } else { "palette-classic" } },
            "thresholds": { "mode": "absolute", "steps": steps },
            "mappings": self.mappings(),
            "noValue": self.no_value,
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

    /// Where nothing is there, the colour of the lowest threshold would say that it is bad.
    fn mappings(&self) -> Vec<Value> {
        let mut mappings = self.mappings.clone();
        if matches!(self.kind, Kind::Stat | Kind::Gauge) {
            let result = json!({ "text": self.no_value, "color": "text", "index": 99 });
            mappings.push(json!({ "type": "special", "options": { "match": "null+nan", "result": result } }));
        }
        mappings
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
                "properties": [{ "id": "color", "value": { "mode": "fixed", "fixedColor": color } }],
            })
        });
        looks.chain(colors).collect()
    }

    fn custom(&self) -> Value {
        // Several filled areas on each other are mud.
        let fill = if self.queries.len() == 1 && self.queries[0].legend == "{{person}}" { 10 } else { 0 };
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
            drawn
        };
        match self.kind {
            Kind::Lines => drawn("line", fill, "none"),
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
        let placement = if self.legend_right { "right" } else { "bottom" };
        let legend =
            json!({ "displayMode": "list", "placement": placement, "showLegend": true, "calcs": [] });
        match self.kind {
            Kind::Stat => json!({
                "reduceOptions": last, "colorMode": "value", "graphMode": "none", "textMode": "auto",
                "justifyMode": "auto", "orientation": "auto",
            }),
            Kind::Gauge => {
                json!({ "reduceOptions": last, "showThresholdLabels": false, "showThresholdMarkers": true, "orientation": "auto" })
            }
            Kind::BarGauge => {
                json!({ "reduceOptions": last, "orientation": "horizontal", "displayMode": "basic", "showUnfilled": true, "valueMode": "color", "text": { "titleSize": 12 } })
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
