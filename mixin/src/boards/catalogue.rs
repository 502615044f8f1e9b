//! Every number: one chart per family of the catalogue.

use domain::{Collection, Metric};

use super::families;
use crate::board::{Board, Row, Subject, life_annotations};
use crate::config::Config;
use crate::panel::{Kind, Panel};
use crate::query::{Scope, label_name};

/// The collections whose rows are open: one value a day each, so they cost little.
const OPEN: [Collection; 3] = [Collection::DailySleep, Collection::DailyReadiness, Collection::DailyActivity];

pub(super) fn board(config: &Config) -> Board {
    let s = &Scope::chosen(config);
    let rows = Collection::ALL
        .iter()
        .map(|collection| Row {
            title: collection.name().to_owned(),
            // Closed rows are not queried.
            closed: !OPEN.contains(collection),
            panels: families()
                .filter(|metric| metric.collection == *collection)
                .map(|metric| panel(s, metric))
                .collect(),
        })
        .filter(|row: &Row| !row.panels.is_empty());
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|row| row.closed);
    Board {
        uid: "myhealth-every-number",
        title: "Every number",
        about: "One chart for each number that myhealth knows, a row for each of Oura's collections. A click on a row opens it.",
        subject: Subject::Health,
        from: "now-30d",
        rows,
        annotations: life_annotations(s),
    }
}

fn panel(s: &Scope, metric: &Metric) -> Panel {
    let label = label_name(metric.family());
    let legend = label.map_or("{{person}}".to_owned(), |label| format!("{{{{{label}}}}} {{{{person}}}}"));
    let every = if metric.is_series() { "5m" } else { "1d" };
    let about = metric.help_text();
    let kind = if metric.is_series() { Kind::Points } else { Kind::Lines };
    let panel = if metric.states().is_empty() {
        let expr = if metric.is_series() { s.points(metric.family()) } else { s.day(metric.family()) };
        Panel::new(kind, &metric.name(), &about).ask(expr, &legend)
    } else {
        let words = [(1, "yes", "blue")];
        Panel::new(Kind::States, &metric.name(), &about)
            .ask(format!("{} == 1", s.day(metric.family())), &legend)
            .words(&words)
    };
    panel.unit_for(metric.unit).every(every).size(8, 8)
}
