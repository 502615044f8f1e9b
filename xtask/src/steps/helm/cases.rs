//! The values files: those that ship, and fragments of `helm/tests` on the least that an installation needs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::rendering::complain;
use crate::helm::{self, Helm};
use crate::parallel::in_parallel;
use crate::run;

/// Files of other charts next to those of this one.
const OF_OTHER_CHARTS: [&str; 3] = ["app-template", "kube-prometheus-stack", "prometheus-adapter"];

/// Values files that are given together.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) files: Vec<PathBuf>,
}

impl Case {
    /// Whether it is one of those that ship.
    pub(super) fn ships(&self) -> bool {
        self.files.len() == 1 && self.files[0].starts_with(helm::chart())
    }
}

fn folder(name: &str) -> PathBuf {
    run::root().join("helm/tests").join(name)
}

fn yaml_in(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_stem().context("a file without a name")?.to_string_lossy().into_owned();
        files.push((name, path));
    }
    files.sort();
    Ok(files)
}

/// The word after `# NAME: ` at the beginning of a file.
fn header(path: &Path, name: &str) -> Result<String> {
    let text = fs::read_to_string(path)?;
    let value = text.lines().find_map(|line| line.strip_prefix(&format!("# {name}: ")));
    Ok(value.with_context(|| format!("{} has no line `# {name}: …`", path.display()))?.to_owned())
}

/// Every file that ships, both bases, and every fragment on each base that it is for.
pub(super) fn accepted() -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (name, path) in yaml_in(&helm::chart().join("values"))? {
        if !OF_OTHER_CHARTS.contains(&name.as_str()) {
            cases.push(Case { name, files: vec![path] });
        }
    }
    for (name, path) in yaml_in(&folder("base"))? {
        cases.push(Case { name, files: vec![path] });
    }
    for (name, path) in yaml_in(&folder("fragments"))? {
        for base in header(&path, "On")?.split_whitespace() {
            let files = vec![folder("base").join(format!("{base}.yaml")), path.clone()];
            cases.push(Case { name: format!("{name} on {base}"), files });
        }
    }
    Ok(cases)
}

/// Every file of `refused` is refused, with the message that it names.
pub(super) fn check_refused(helms: &[&Helm]) -> Result<()> {
    let files = yaml_in(&folder("refused"))?;
    let problems = in_parallel(&files, |(name, path)| {
        let base = folder("base").join(format!("{}.yaml", header(path, "On")?));
        let message = header(path, "Refused")?;
        let mut problems = Vec::new();
        for helm in helms {
            match helm.template(&helm::chart(), &[&base, path])? {
                Ok(_) => problems.push(format!("{} accepts {name}", helm.name)),
                Err(error) if !error.contains(&message) => {
                    problems.push(format!("{} does not say `{message}` for {name}:\n{error}", helm.name));
                }
                Err(_) => {}
            }
        }
        Ok(problems)
    })?;
    complain("what must be refused is not", &problems.concat())?;
    println!("helm: {} mistakes refused by both, each with its message", files.len());
    Ok(())
}
