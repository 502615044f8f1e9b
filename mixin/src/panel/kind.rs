//! How panels, their queries and their columns draw.

/// How one query's series are drawn among the others of a chart over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// As the panel says.
    Own,
    /// A smooth line over what it is the mean of.
    Mean,
    /// The edge of a band: thin, dashed, without a colour of its own.
    Edge,
    /// With an axis of its own on the right, in this unit.
    Right(&'static str),
    /// In a unit of its own.
    In(&'static str),
}

/// How a panel draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Big numbers.
    Stat,
    /// A dial for a number with a known range.
    Gauge,
    /// Bars next to each other, one per series.
    BarGauge,
    /// Bars to both sides of zero, one per value of the label [`NUMBER`].
    Diverging,
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
    pub(super) const fn is_instant(self) -> bool {
        matches!(self, Self::Stat | Self::Gauge | Self::BarGauge | Self::Diverging | Self::Table | Self::Pie)
    }
}

/// The label that names the bars of [`Kind::Diverging`].
pub(crate) const NUMBER: &str = "number";
/// The variable that is `{{person}}` while several persons are chosen, and a blank otherwise.
pub(crate) const WHO: &str = "$who";

/// The columns of a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    /// Labels that are not shown.
    pub(super) dropped: Vec<&'static str>,
    /// Labels, `Value`, or `Value #A` of several queries, and what they are called.
    pub(super) names: Vec<(&'static str, &'static str)>,
    /// Units by the name that is shown; a column without one has the panel's.
    pub(super) units: Vec<(&'static str, &'static str)>,
}

/// A link from a row of a table: to a dashboard, with the range between two columns of milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowLink {
    pub(super) uid: &'static str,
    pub(super) from: &'static str,
    pub(super) to: &'static str,
}

/// Where zero is among the values of a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zero {
    /// Not known, or below.
    Anywhere,
    /// Durations on both sides of it.
    Within,
    /// In the middle of the axis.
    Centred,
}
