//! A dashboard: rows of panels, variables, annotations, and Grafana's JSON of it.

use serde_json::{Value, json};

use super::names;
use super::panel::{Panel, WHO, datasource};
use super::query::Scope;

/// What a dashboard is about decides what can be chosen on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// People: choose them.
    Health,
    /// Our processes: choose job and instance.
    Service,
    /// Where they run: choose cluster's namespace.
    Kubernetes,
}

/// A dashboard.
pub(crate) struct Board {
    pub(crate) uid: &'static str,
    pub(crate) title: &'static str,
    pub(crate) about: &'static str,
    pub(crate) subject: Subject,
    /// The range it opens with.
    pub(crate) from: &'static str,
    pub(crate) rows: Vec<Row>,
    pub(crate) annotations: Vec<Annotation>,
}

/// Panels under a heading.
pub(crate) struct Row {
    pub(crate) title: String,
    /// Collapsed at first; its panels are not queried until it is opened.
    pub(crate) closed: bool,
    pub(crate) panels: Vec<Panel>,
}

impl Row {
    pub(crate) fn new(title: &str, panels: Vec<Panel>) -> Self {
        Self { title: title.to_owned(), closed: false, panels }
    }
}

/// Marks on every chart of a dashboard.
pub(crate) struct Annotation {
    pub(crate) name: &'static str,
    pub(crate) expr: String,
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
    color: &'static str,
    step: &'static str,
    /// Shown from the start.
    enabled: bool,
}

/// What explains a bump in a trend.
pub(crate) fn life_annotations(scope: &Scope) -> Vec<Annotation> {
    let daily = |name, expr, text, color, enabled| Annotation {
        name,
        expr,
        title: name,
        text,
        color,
        step: "1d",
        enabled,
    };
    vec![
        // As common as days: who wants them switches them on.
        daily("Tags", format!("{} > 0", scope.day("tags")), "{{person}}", "purple", false),
        daily("Workouts", format!("{} > 0", scope.day("workouts")), "{{person}}", "green", false),
        daily("Travel", travel(scope), "{{person}}: the clock moved by more than 90 minutes", "blue", true),
        daily("Rest mode", format!("{} > 0", scope.day("rest_mode_periods")), "{{person}}", "orange", true),
        Annotation {
            name: "Alerts",
            expr: r#"ALERTS{alertstate="firing",area="health",person=~"$person"}"#.to_owned(),
            title: "{{alertname}}",
            text: "{{person}}",
            color: "red",
            step: "5m",
            enabled: true,
        },
    ]
}

/// How far the sleeper's clock is from UTC: what the clock said at waking, less what UTC said; within half a day.
pub(crate) fn utc_offset(scope: &Scope) -> String {
    offset_from(&scope.day("sleep_bedtime_end_clock"), &scope.day("sleep_bedtime_end"))
}

/// The same arithmetic for any clock reading and its instant.
pub(crate) fn offset_from(clock: &str, instant: &str) -> String {
    format!("({clock} - ignoring (__name__) {instant} % 86400 + 129600) % 86400 - 43200")
}

/// Days on which the clock moved by more than summer time does.
fn travel(scope: &Scope) -> String {
    let at = |offset: &str| {
        let (clock, end) = (scope.day("sleep_bedtime_end_clock"), scope.day("sleep_bedtime_end"));
        offset_from(&format!("{clock}{offset}"), &format!("{end}{offset}"))
    };
    format!("abs(({}) - ({})) > 5400", at(""), at(" offset 1d"))
}

impl Board {
    pub(crate) fn panels(&self) -> impl Iterator<Item = &Panel> {
        self.rows.iter().flat_map(|row| &row.panels)
    }

    /// The file.
    pub(crate) fn json(&self) -> String {
        let mut tags = vec!["myhealth"];
        if self.subject == Subject::Health {
            tags.push("oura");
        }
        let board = json!({
            "uid": self.uid,
            "title": self.title,
            "description": self.description(),
            "tags": tags,
            "schemaVersion": 39,
            "version": 1,
            "editable": false,
            "graphTooltip": 1,
            "timezone": "browser",
            "weekStart": "monday",
            "refresh": if self.subject == Subject::Health { "5m" } else { "1m" },
            "time": { "from": self.from, "to": "now" },
            "timepicker": {},
            "links": [{
                "type": "dashboards", "title": "myhealth", "tags": ["myhealth"], "asDropdown": true,
                "includeVars": true, "keepTime": false, "targetBlank": false, "icon": "external link",
                "tooltip": "", "url": "",
            }],
            "annotations": { "list": self.annotations.iter().map(Annotation::json).collect::<Vec<_>>() },
            "templating": { "list": self.templating() },
            "panels": self.layout(),
        });
        format!("{board:#}\n")
    }

    /// What can be chosen, in the order in which one depends on the other.
    pub(crate) fn variables(&self) -> Vec<Variable> {
        let chosen = |name, label, selector: &str| Variable {
            name,
            label,
            expr: selector.to_owned(),
            source: name,
            choice: Choice::Several,
        };
        match self.subject {
            Subject::Health => {
                let newest = format!("{}{{person=~\"$person\"}}", names::NEWEST_DAY);
                let blank = "label_replace(vector(1), \"legend\", \" \", \"\", \"\")";
                let several = format!("count(count by (person) ({newest})) > 1");
                vec![
                    chosen("person", "Person", names::NEWEST_DAY),
                    Variable {
                        name: &WHO[1..],
                        label: "Person in legends",
                        expr: format!(
                            "label_replace({several}, \"legend\", \"{{{{person}}}}\", \"\", \"\") or on () {blank}"
                        ),
                        source: "legend",
                        choice: Choice::Computed,
                    },
                ]
            }
            Subject::Service => vec![
                chosen("job", "Job", names::BUILD_INFO),
                chosen("instance", "Instance", &format!("{}{{job=~\"$job\"}}", names::BUILD_INFO)),
            ],
            Subject::Kubernetes => {
                vec![chosen(
                    "namespace",
                    "Namespace",
                    "kube_pod_container_status_ready{container=\"myhealth\"}",
                )]
            }
        }
    }

    fn templating(&self) -> Vec<Value> {
        let source = json!({
            "type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus",
            "hide": 0, "refresh": 1, "regex": "", "multi": false, "includeAll": false, "options": [],
        });
        std::iter::once(source).chain(self.variables().iter().map(Variable::json)).collect()
    }

    /// What it shows, and where it comes from.
    pub(crate) fn description(&self) -> String {
        format!("{} Generated by `cargo xtask generate`; settings: mixin/src/config.rs.", self.about)
    }

    fn layout(&self) -> Vec<Value> {
        let (mut laid, mut y, mut id) = (Vec::new(), 0_u16, 1);
        for row in &self.rows {
            let mut head = json!({
                "id": id, "type": "row", "title": row.title, "collapsed": row.closed,
                "gridPos": { "x": 0, "y": y, "w": 24, "h": 1 }, "panels": [],
            });
            y += 1;
            let places: Vec<_> =
                Placed::flow(row.panels.iter().map(|panel| (panel.width, panel.height))).collect();
            let numbered = (id + 1..).zip(&row.panels).zip(&places);
            let mut panels: Vec<_> = numbered
                .map(|((id, panel), place)| panel.json(id, (place.x, y + place.y), self.subject))
                .collect();
            id += 1 + panels.len();
            if row.closed {
                head["panels"] = Value::Array(panels);
                laid.push(head);
            } else {
                y += places.iter().map(|place| place.y + u16::from(place.height)).max().unwrap_or(0);
                laid.push(head);
                laid.append(&mut panels);
            }
        }
        laid
    }
}

/// The place of a panel within its row, in columns of 24 and in lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) x: u8,
    pub(crate) y: u16,
    pub(crate) width: u8,
    pub(crate) height: u8,
}

impl Placed {
    /// Panels of these widths and heights flow from left to right and wrap.
    pub(crate) fn flow(sizes: impl Iterator<Item = (u8, u8)>) -> impl Iterator<Item = Self> {
        let (mut x, mut y, mut line) = (0, 0, 0);
        sizes.map(move |(width, height)| {
            if x + width > 24 {
                y += u16::from(line);
                (x, line) = (0, 0);
            }
            let placed = Self { x, y, width, height };
            x += width;
            line = line.max(height);
            placed
        })
    }
}

/// A choice at the top of a dashboard.
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    /// Series with the label that its values are.
    pub(crate) expr: String,
    /// That label.
    pub(crate) source: &'static str,
    pub(crate) choice: Choice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Any number of values; all of them at first.
    Several,
    /// The one value that the expression has; not shown.
    Computed,
}

impl Variable {
    fn json(&self) -> Value {
        let Self { name, label, expr, source, choice } = self;
        let several = *choice == Choice::Several;
        let (query, regex) = match choice {
            Choice::Several => (format!("label_values({expr}, {source})"), String::new()),
            Choice::Computed => (format!("query_result({expr})"), format!("/{source}=\"([^\"]*)\"/")),
        };
        let mut variable = json!({
            "type": "query", "name": name, "label": label, "datasource": datasource(),
            "query": { "query": query, "refId": name },
            "refresh": 2, "sort": u8::from(several), "multi": several, "includeAll": several, "regex": regex,
            "hide": if several { 0 } else { 2 }, "options": [],
            "current": { "selected": true, "text": " ", "value": " " },
        });
        if several {
            variable["allValue"] = json!(".+");
            variable["current"] = json!({ "selected": true, "text": ["All"], "value": ["$__all"] });
        }
        variable
    }
}

impl Annotation {
    /// For charts over so long a time that marks would hide them.
    pub(crate) const fn switched_off(mut self) -> Self {
        self.enabled = false;
        self
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name, "datasource": datasource(), "enable": self.enabled, "hide": false,
            "iconColor": self.color, "target": { "refId": "Anno", "expr": self.expr, "interval": self.step },
            "titleFormat": self.title, "textFormat": self.text, "tagKeys": "person", "useValueForTime": false,
        })
    }
}
