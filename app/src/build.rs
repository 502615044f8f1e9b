//! Which build this is.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::info::Info;
use service_metrics::{Labels, Revision, Version, table};

/// Version of the workspace.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Commit, when the builder told it.
pub(crate) const REVISION: &str = match option_env!("MYHEALTH_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// Version for people.
pub(crate) const LONG: &str = VERSION;

/// `myhealth_build_info`: 1, with what this build is in its labels.
#[derive(Debug)]
pub(crate) struct BuildInfo;

impl Collector for BuildInfo {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let info = Info::new(Labels((Version(VERSION), Revision(REVISION))));
        info.encode(table::BUILD_INFO.describe(&mut encoder)?)
    }
}
