//! The chart takes what environments and the platform give it: outputs of the runs that apply them are its values.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::Engine;
use crate::run;
use crate::steps::helm;

/// Runs that apply an environment, and runs that apply the platform.
const ENVIRONMENTS: [&str; 3] = [
    "dev_can_be_applied_and_gives_values",
    "staging_can_be_applied_and_gives_values",
    "prod_can_be_applied_and_gives_values",
];
const PLATFORMS: [&str; 2] = ["platform_gives_the_chart_its_values", "gateway_and_mesh_are_asked_for"];

/// In the copy where every folder has been tested.
pub(super) fn check(engine: &Engine, copy: &Path) -> Result<()> {
    let environments = values(engine, &copy.join("environments/cluster"), &ENVIRONMENTS)?;
    let platforms = values(engine, &copy.join("platform"), &PLATFORMS)?;
    for environment in &environments {
        let alone = std::slice::from_ref(environment);
        for files in [alone.to_vec()]
            .into_iter()
            .chain(platforms.iter().map(|platform| vec![environment.clone(), platform.clone()]))
        {
            let names: Vec<_> = files.iter().filter_map(|file| file.file_stem()?.to_str()).collect();
            helm::check_values(&names.join(" and "), files)?;
        }
    }
    println!(
        "terraform: the chart takes the values of {} environments with {} platforms",
        environments.len(),
        platforms.len()
    );
    Ok(())
}

/// Tests a folder once more, and writes the output `chart_values` of each of these runs into a file.
fn values(engine: &Engine, folder: &Path, runs: &[&str]) -> Result<Vec<PathBuf>> {
    let printed =
        run::quietly(engine.command(folder).args(["test", "-json", "-verbose"]), "look at the lines above.")?;
    let messages: Vec<Value> = printed.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let value_of = |run: &str| {
        let state = messages
            .iter()
            .find(|message| message["@testrun"] == run && message.get("test_state").is_some())?;
        state.pointer("/test_state/values/outputs/chart_values/value")
    };
    let mut files = Vec::new();
    for run in runs {
        let value = value_of(run)
            .with_context(|| format!("the run {run} of {} has no output chart_values", folder.display()))?;
        let file = folder.join(format!("{run}.json"));
        fs::write(&file, serde_json::to_vec_pretty(value)?)?;
        files.push(file);
    }
    Ok(files)
}
