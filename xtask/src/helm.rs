//! The chart: what of it is generated, and how it is rendered.

mod files;
mod render;
mod values;

use std::path::PathBuf;

use crate::run;

pub(crate) use files::files;
pub(crate) use render::{Helm, NAMESPACE, Object, RELEASE, objects};
pub(crate) use values::{Leaf, leaves};

/// The chart's folder.
pub(crate) fn chart() -> PathBuf {
    run::root().join("helm/myhealth")
}
