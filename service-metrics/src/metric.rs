//! A row of the table, and how a metric is registered from it.

use std::fmt::{self, Debug};
use std::hash::Hash;
use std::marker::PhantomData;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabel as _, EncodeLabelSet, EncodeMetric, LabelSetEncoder, MetricEncoder,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Metric as Registrable, Registry, Unit};

use crate::labels::Label;

/// The prefix of the registry that services get, which is not repeated at registration.
const PREFIX: &str = "myhealth_";

/// Units by how a name ends.
static UNITS: [(&str, Unit); 2] = [("_seconds", Unit::Seconds), ("_bytes", Unit::Bytes)];

/// A metric's row without its types.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The name of its series, with unit and `_total`; of a histogram without `_bucket`, `_sum` and `_count`.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// What it says, without a final period.
    pub help: &'static str,
    /// Its section of the documentation.
    pub section: Section,
    /// Its labels in order.
    pub labels: fn() -> Vec<LabelWords>,
}

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Rises only.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Observations in buckets.
    Histogram,
    /// Always 1, with facts in its labels.
    Info,
}

/// A section of the documentation, which says which processes have its metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Every process.
    Process,
    /// The role `exporter`: next to the numbers.
    Exporter,
    /// The role `ingest`.
    Ingest,
    /// Shown only while there is something to report.
    Conditional,
    /// Every process that serves HTTP, and its database.
    Listeners,
    /// The role `api`.
    Api,
    /// The role `ingest` with a log-in at Oura.
    LogIn,
    /// The role `ingest` with webhooks.
    Webhooks,
    /// The roles `api` and `ingest`.
    Jobs,
}

/// A label's name, and its words where they are a closed set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelWords {
    /// The label's name.
    pub name: &'static str,
    /// Every value it can have; `None` where that depends on data.
    pub words: Option<Vec<String>>,
}

impl Kind {
    /// The type as Prometheus' text format names it, which knows no `info`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge | Self::Info => "gauge",
            Self::Histogram => "histogram",
        }
    }

    const fn of(kind: MetricType) -> Option<Self> {
        match kind {
            MetricType::Counter => Some(Self::Counter),
            MetricType::Gauge => Some(Self::Gauge),
            MetricType::Histogram => Some(Self::Histogram),
            MetricType::Info => Some(Self::Info),
            MetricType::Unknown => None,
        }
    }
}

impl Row {
    /// The name in OpenMetrics' metadata without its unit, and the unit: encoders append unit and `_total`.
    fn family(&self) -> (&'static str, Option<&'static Unit>) {
        let suffix = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        let name = self.name.strip_suffix(suffix).unwrap_or(self.name);
        let with_unit =
            UNITS.iter().find_map(|(suffix, unit)| Some((name.strip_suffix(suffix)?, Some(unit))));
        with_unit.unwrap_or((name, None))
    }
}

/// A metric with labels of the types `L`.
#[derive(Clone, Copy, Debug)]
pub struct Metric<L> {
    row: Row,
    labels: PhantomData<fn() -> L>,
}

impl<L: LabelSet> Metric<L> {
    pub(crate) const fn new(name: &'static str, kind: Kind, help: &'static str, section: Section) -> Self {
        Self { row: Row { name, kind, help, section, labels: L::labels }, labels: PhantomData }
    }

    /// Its row in the table.
    pub const fn row(&self) -> Row {
        self.row
    }

    /// The name of its series, with unit and `_total`.
    pub const fn name(&self) -> &'static str {
        self.row.name
    }

    /// What it says, without a final period.
    pub const fn help(&self) -> &'static str {
        self.row.help
    }

    /// Registers a metric under this row's name. The registry has the prefix `myhealth`.
    pub fn register(&self, registry: &mut Registry, metric: impl Registrable) {
        debug_assert_eq!(Kind::of(metric.metric_type()), Some(self.row.kind), "{}", self.row.name);
        let (name, unit) = self.row.family();
        let name = name.strip_prefix(PREFIX).unwrap_or(name);
        match unit {
            Some(unit) => registry.register_with_unit(name, self.row.help, unit.clone(), metric),
            None => registry.register(name, self.row.help, metric),
        }
    }

    /// Makes and registers the metric's series by label. A counter with closed labels has all of them from the start, so that
    /// a rate is zero before it is something.
    pub fn family<M>(&self, registry: &mut Registry) -> Family<Labels<L>, M>
    where
        M: Default
            + Clone
            + EncodeMetric
            + prometheus_client::metrics::TypedMetric
            + Send
            + Sync
            + Debug
            + 'static,
    {
        let family = Family::<Labels<L>, M>::default();
        if self.row.kind == Kind::Counter {
            for labels in L::all().unwrap_or_default() {
                drop(family.get_or_create(&Labels(labels)));
            }
        }
        self.register(registry, family.clone());
        family
    }

    /// Begins the metric in a collector's output.
    ///
    /// # Errors
    ///
    /// When the output cannot be written.
    pub fn describe<'s>(
        &self,
        encoder: &'s mut DescriptorEncoder<'_>,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        let (name, unit) = self.row.family();
        // The registry adds the period that a collector has to write.
        let help = format!("{}.", self.row.help);
        let kind = match self.row.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
            Kind::Info => MetricType::Info,
        };
        encoder.encode_descriptor(name, &help, unit, kind)
    }
}

impl Metric<()> {
    /// Makes and registers the metric.
    pub fn single<M: Registrable + Clone + Default>(&self, registry: &mut Registry) -> M {
        let metric = M::default();
        self.register(registry, metric.clone());
        metric
    }
}

/// The labels of one metric.
pub trait LabelSet: Clone + Debug + Eq + Hash + Send + Sync + 'static {
    /// Names and words, in order.
    fn labels() -> Vec<LabelWords>;

    /// Every combination; `None` where a label is open.
    fn all() -> Option<Vec<Self>>;

    /// Writes the labels of one series.
    ///
    /// # Errors
    ///
    /// When the output cannot be written.
    fn write(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result;
}

/// The labels of one series.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct Labels<L>(pub L);

impl<L: LabelSet> EncodeLabelSet for Labels<L> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.0.write(encoder)
    }
}

fn words<A: Label>() -> LabelWords {
    let words = A::all().map(|all| all.iter().map(|label| label.word().into_owned()).collect());
    LabelWords { name: A::NAME, words }
}

fn write<A: Label>(encoder: &mut LabelSetEncoder<'_>, label: &A) -> fmt::Result {
    (A::NAME, label.word()).encode(encoder.encode_label())
}

impl LabelSet for () {
    fn labels() -> Vec<LabelWords> {
        Vec::new()
    }

    fn all() -> Option<Vec<Self>> {
        Some(vec![()])
    }

    fn write(&self, _: &mut LabelSetEncoder<'_>) -> fmt::Result {
        Ok(())
    }
}

impl<A: Label> LabelSet for (A,) {
    fn labels() -> Vec<LabelWords> {
        vec![words::<A>()]
    }

    fn all() -> Option<Vec<Self>> {
        Some(A::all()?.into_iter().map(|a| (a,)).collect())
    }

    fn write(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        write(encoder, &self.0)
    }
}

impl<A: Label, B: Label> LabelSet for (A, B) {
    fn labels() -> Vec<LabelWords> {
        vec![words::<A>(), words::<B>()]
    }

    fn all() -> Option<Vec<Self>> {
        let (all, b) = (A::all()?, B::all()?);
        Some(all.into_iter().flat_map(|a| b.iter().map(move |b| (a.clone(), b.clone()))).collect())
    }

    fn write(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        write(encoder, &self.0)?;
        write(encoder, &self.1)
    }
}

impl<A: Label, B: Label, C: Label> LabelSet for (A, B, C) {
    fn labels() -> Vec<LabelWords> {
        vec![words::<A>(), words::<B>(), words::<C>()]
    }

    fn all() -> Option<Vec<Self>> {
        let (all, c) = (<(A, B)>::all()?, C::all()?);
        Some(
            all.into_iter()
                .flat_map(|(a, b)| c.iter().map(move |c| (a.clone(), b.clone(), c.clone())))
                .collect(),
        )
    }

    fn write(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        write(encoder, &self.0)?;
        write(encoder, &self.1)?;
        write(encoder, &self.2)
    }
}
