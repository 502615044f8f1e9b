//! A panel: its queries and how it looks, as far as Grafana's core and Perses' own plugins can draw it.

mod colors;
mod json;
mod kind;
mod perses;
mod units;

use domain::Unit;

use super::query::first_of;
use colors::NEUTRAL;
pub(crate) use colors::{BLUE, GREEN, GREY, LEVELS, NONE, ORANGE, RED, SCORE, SCORES, STAGES, UP};
pub(crate) use json::datasource;
use kind::{Columns, Look, RowLink, Zero};
pub(crate) use kind::{Kind, NUMBER, WHO};
use units::{DATE, DURATION, HOURS_AND_MINUTES, grafana_unit};

/// One expression.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) expr: String,
    pub(crate) legend: String,
    /// One value at the end of the range instead of a line through it.
    pub(crate) instant: bool,
    look: Look,
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
    steps: Vec<(f64, &'static str)>,
    range: (Option<f64>, Option<f64>),
    decimals: Option<u8>,
    interval: Option<&'static str>,
    /// Words and colours for codes.
    words: Vec<(i32, String, String)>,
    columns: Option<Columns>,
    link: Option<&'static str>,
    time_from: Option<&'static str>,
    /// What is shown when there is nothing, where nothing is good news or has one reason.
    no_value: Option<&'static str>,
    /// Shows the text of this label instead of the value, which decides the colour.
    text_label: Option<&'static str>,
    /// Rows of a table over the whole range, one a day, instead of at its end.
    over_days: bool,
    /// A column whose rows lead to a time range, and where.
    row_link: Option<RowLink>,
    zero: Zero,
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
            Kind::BarGauge | Kind::Diverging | Kind::Pie => (6, 8),
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
            steps: NEUTRAL.to_vec(),
            range: (None, None),
            decimals: None,
            interval: None,
            words: Vec::new(),
            columns: None,
            link: None,
            time_from: None,
            no_value: None,
            text_label: None,
            over_days: false,
            row_link: None,
            zero: Zero::Anywhere,
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

    /// In the unit of a number of the catalogue instead of the panel's.
    pub(crate) fn ask_in_unit_of(self, key: &str, expr: impl Into<String>, legend: &str) -> Self {
        let of_key = Self::new(self.kind, "", "").unit_of(key);
        let (expr, scale) = (expr.into(), of_key.scale);
        let expr = if scale > 1.0 { format!("({expr}) / {scale}") } else { expr };
        self.ask_as(Look::In(of_key.unit), expr, legend)
    }

    /// When that was, in milliseconds since 1970.
    pub(crate) fn ask_date(self, expr: impl Into<String>, legend: &str) -> Self {
        self.ask_as(Look::In(DATE), expr, legend)
    }

    /// Something of another kind next to it, in a unit of its own.
    pub(crate) fn ask_beside(self, expr: impl Into<String>, legend: &str, unit: &'static str) -> Self {
        self.ask_as(Look::Right(unit), expr, legend)
    }

    fn ask_as(mut self, look: Look, expr: impl Into<String>, legend: &str) -> Self {
        let instant = self.kind.is_instant() && !self.over_days;
        self.queries.push(Query { expr: expr.into(), legend: legend.to_owned(), instant, look });
        self
    }

    /// What Prometheus is asked: in the panel's unit.
    pub(crate) fn queries(&self) -> impl Iterator<Item = Query> {
        self.queries.iter().map(|query| {
            let mut query = query.clone();
            if self.scale > 1.0 && !matches!(query.look, Look::Right(_) | Look::In(_)) {
                query.expr = format!("({}) / {}", query.expr, self.scale);
            }
            query
        })
    }

    /// The unit of a number in the catalogue.
    pub(crate) fn unit_of(self, key: &str) -> Self {
        self.unit_for(first_of(key).unit)
    }

    /// As people read it: energy in kilocalories, durations in hours and minutes; on an axis, whose marks are round
    /// numbers of its unit, hours rather than multiples of 10,000 seconds.
    pub(crate) fn unit_for(self, unit: Unit) -> Self {
        match unit {
            Unit::Kilocalories => self.unit("suffix: kcal").scaled(4184.0),
            Unit::MetMinutes => self.unit("suffix: MET min").scaled(60.0),
            Unit::Seconds if !self.kind.is_instant() => self.hours(),
            // The evening before is negative.
            Unit::WallClock if !self.kind.is_instant() => Self { zero: Zero::Within, ..self.hours() },
            Unit::Seconds => self.hours_and_minutes(),
            // 12,345 beside a chart, 12.3 K on its axis.
            Unit::Count if self.kind.is_instant() => self.unit("locale"),
            unit => self.unit(grafana_unit(unit)),
        }
    }

    /// Seconds as hours.
    pub(crate) fn hours(self) -> Self {
        self.unit("suffix: h").scaled(3600.0)
    }

    /// Seconds of less than four days as hours and minutes, of less than an hour as minutes and seconds.
    pub(crate) fn hours_and_minutes(self) -> Self {
        self.unit(HOURS_AND_MINUTES).decimals(1)
    }

    /// Seconds of any length, as the two largest units that they have.
    pub(crate) fn duration(self) -> Self {
        self.unit(DURATION).decimals(1)
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

    /// Zero in the middle of the axis: what is above and what is below it look alike.
    pub(crate) const fn centred(mut self) -> Self {
        self.zero = Zero::Centred;
        self
    }

    /// Shows the text of a label instead of the value; the value decides the colour.
    pub(crate) const fn shows_label(mut self, label: &'static str) -> Self {
        self.text_label = Some(label);
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

    pub(crate) fn steps(mut self, steps: &[(f64, &'static str)]) -> Self {
        self.steps = steps.to_vec();
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

    /// What is shown when there is nothing, where nothing is good news or has one reason.
    pub(crate) const fn nothing(mut self, text: &'static str) -> Self {
        self.no_value = Some(text);
        self
    }

    /// A table with a row for each day of the range; before its queries.
    pub(crate) const fn over_days(mut self) -> Self {
        self.over_days = true;
        self
    }

    /// A click on a row leads to a dashboard, with the range between these two columns of milliseconds.
    pub(crate) const fn row_link(mut self, uid: &'static str, from: &'static str, to: &'static str) -> Self {
        self.row_link = Some(RowLink { uid, from, to });
        self
    }

    /// Words and colours for codes.
    pub(crate) fn words(mut self, words: &[(i32, &str, &str)]) -> Self {
        let owned = words.iter().map(|(code, word, color)| (*code, (*word).to_owned(), (*color).to_owned()));
        self.words = owned.collect();
        self
    }

    /// A table of one row per label set, without these labels; `names` are those of its columns.
    pub(crate) fn rows(mut self, dropped: &[&'static str], names: &[(&'static str, &'static str)]) -> Self {
        let columns = self.columns.get_or_insert_default();
        columns.dropped = [&["Time", "__name__", "job", "instance"], dropped].concat();
        columns.names = names.to_vec();
        self
    }

    /// The unit of a column, by the name that is shown.
    pub(crate) fn column_unit(mut self, column: &'static str, unit: &'static str) -> Self {
        self.columns.get_or_insert_default().units.push((column, unit));
        self
    }

    /// The same, of a number of the catalogue.
    pub(crate) fn column_unit_of(self, column: &'static str, key: &str) -> Self {
        let unit = Self::new(Kind::Table, "", "").unit_of(key).unit;
        self.column_unit(column, unit)
    }

    /// Milliseconds since 1970 as a date.
    pub(crate) const DATE: &'static str = DATE;
}
