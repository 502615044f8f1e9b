//! Which build this is.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::info::Info;
use service_metrics::{Labels, Revision, Version, table};

/// Version of the workspace.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Commit: as the builder named it, or of the git checkout (`build.rs`).
pub(crate) const REVISION: &str = match option_env!("MYHEALTH_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// Version, revision, target and how it was built, a line each.
pub(crate) fn long_version() -> String {
    let environment = if cfg!(target_env = "musl") {
        "-musl"
    } else if cfg!(target_env = "gnu") {
        "-gnu"
    } else {
        ""
    };
    let features = [
        if cfg!(target_feature = "crt-static") { "static" } else { "dynamic" },
        if cfg!(debug_assertions) { "debug" } else { "release" },
    ];
    format!(
        "{VERSION}\nrevision: {REVISION}\ntarget: {}-{}{environment}\nfeatures: {}",
        std::env::consts::ARCH,
        std::env::consts::OS,
        features.join(", ")
    )
}

/// `myhealth_build_info`: 1, with what this build is in its labels.
#[derive(Debug)]
pub(crate) struct BuildInfo;

impl Collector for BuildInfo {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let info = Info::new(Labels((Version(VERSION), Revision(REVISION))));
        info.encode(table::BUILD_INFO.describe(&mut encoder)?)
    }
}
