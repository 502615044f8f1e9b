//! What the chart renders for a values file, and how its problems are reported.

use anyhow::{Result, bail};
use serde_json::Value;

use crate::helm::Object;

/// A rendered values file.
pub(super) struct Rendering {
    /// Values that were given, merged.
    pub(super) values: Value,
    pub(super) objects: Vec<Object>,
}

impl Rendering {
    pub(super) fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Object> {
        self.objects.iter().filter(move |object| object.kind() == kind)
    }

    pub(super) fn is(&self, pointer: &str, expected: &str) -> bool {
        self.values.pointer(pointer).and_then(Value::as_str) == Some(expected)
    }
}

/// Fails with the first problems, if there are any.
pub(super) fn complain(what: &str, problems: &[String]) -> Result<()> {
    const SHOWN: usize = 20;
    if problems.is_empty() {
        return Ok(());
    }
    let more = problems.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!("\n… and {more} more") } else { String::new() };
    bail!("{what}:\n{}{more}", problems[..problems.len().min(SHOWN)].join("\n"))
}
