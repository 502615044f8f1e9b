//! Holds `terraform/` to what can be known without an account: format, names and types by the providers' own schemas, every
//! module's tests, the order of what depends on each other, and a policy scan.

mod chart;
pub(crate) mod cost;
#[cfg(test)]
mod joins;
mod order;
mod provider;
mod schema;
mod scripts;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::folders::{copy_folder, files};
use crate::go_tools::Tool;
use crate::parallel::in_parallel;
use crate::{programs, python, run};

/// Fewer runs than this mean that tests were lost or not found.
const LEAST_RUNS: usize = 180;

/// Mistakes that the providers' schemas must find, and what is said about them.
const REFUSED: [(&str, &str); 4] = [
    ("resource \"aws_vpc\" \"x\" { cidr_blok = \"10.0.0.0/16\" }", "\"cidr_blok\" is not expected here"),
    ("resource \"aws_vpc\" \"x\" { enable_dns_support = [] }", "bool required"),
    ("resource \"aws_eip\" \"x\" {\n  adress {}\n}", "\"adress\" are not expected here"),
    ("resource \"aws_subnet\" \"x\" {}", "\"vpc_id\" is required"),
];

/// Every check, cheap ones first.
pub(super) fn run() -> Result<()> {
    let source = run::root().join("terraform");
    let tofu = Tool::Opentofu.folder()?.join("tofu");
    let mut engines = vec![Engine { name: "tofu", program: tofu }];
    if let Some(program) = programs::find("terraform") {
        engines.push(Engine { name: "terraform", program });
    }
    let mut fmt = engines[0].command(&source);
    run::visibly(fmt.args(["fmt", "-check", "-recursive", "-diff"]), "`tofu fmt -recursive terraform`")?;

    let folders = folders(&source)?;
    for folder in &folders {
        check_kinds_of_runs(&source.join(folder))?;
    }
    let mut types = provider::Types::new();
    for folder in &folders {
        for file in files(&source.join(folder), ".tf")? {
            types.extend(provider::types_in(&fs::read_to_string(file)?));
        }
    }
    let mirror = provider::mirror(&types)?;
    for engine in &engines {
        engine.check_refusals(&mirror)?;
        let passed = engine.test_all(&source, &folders, &mirror)?;
        println!("{}: {passed} runs passed in {} folders", engine.name, folders.len());
        if passed < LEAST_RUNS {
            bail!("{} ran {passed} tests, fewer than {LEAST_RUNS}: some were lost", engine.name);
        }
    }
    chart::check(&engines[0], &copy_of(engines[0].name))?;
    order::check(&engines[0], &copy_of(engines[0].name))?;
    scripts::check_site_function(&source)?;
    scripts::check(&source)?;
    scan(&source)
}

/// Policies, workflows and scripts.
fn scan(source: &Path) -> Result<()> {
    let advice = "look at the lines above; it needs python3-venv and PyPI.";
    let python = python::with("scanners", &python::SCANNERS, advice)?;
    let program = |name: &str| Command::new(python.with_file_name(name));
    let mut checkov = program("checkov");
    checkov.arg("-d").arg(source).args([
        "--framework",
        "terraform",
        "--compact",
        "--quiet",
        "--skip-download",
    ]);
    let advice = "fix it, or give the reason at the line: `#checkov:skip=ID:reason`.";
    run::visibly(&mut checkov, advice)?;

    let workflows = files(&run::root().join(".github/workflows"), ".yaml")?;
    let yml = files(&run::root().join(".github/workflows"), ".yml")?;
    let workflows: Vec<_> = workflows.into_iter().chain(yml).collect();
    let mut actionlint = program("actionlint");
    actionlint.arg("-shellcheck").arg(python.with_file_name("shellcheck")).args(&workflows);
    run::visibly(&mut actionlint, "fix the workflow.")?;
    let mut zizmor = program("zizmor");
    zizmor.args(["--offline", "--no-progress", "--quiet"]).args(&workflows);
    run::visibly(&mut zizmor, "fix the workflow.")?;
    let mut shellcheck = program("shellcheck");
    shellcheck
        .args(["-x", "-P", "SCRIPTDIR"])
        .args(files(&source.join("scripts"), ".sh")?)
        .arg(source.join("modules/single-node/setup.sh"));
    run::visibly(&mut shellcheck, "fix the script.")
}

/// A program that understands the configurations.
struct Engine {
    name: &'static str,
    program: PathBuf,
}

impl Engine {
    /// In a folder, without what the caller has set up for configurations of their own.
    fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(folder).env("TF_IN_AUTOMATION", "1").env("CHECKPOINT_DISABLE", "1");
        for name in programs::variable_names() {
            if name.starts_with("TF_") || name.starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// With a stand-in that accepted everything, every validation would pass.
    fn check_refusals(&self, mirror: &Path) -> Result<()> {
        let folder = tempfile::tempdir()?;
        for (mistake, complaint) in REFUSED {
            let source =
                "terraform {\n  required_providers {\n    aws = { source = \"hashicorp/aws\" }\n  }\n}\n";
            fs::write(folder.path().join("main.tf"), format!("{source}{mistake}\n"))?;
            let mut init = self.command(folder.path());
            init.args(["init", "-backend=false", "-input=false", "-no-color"]);
            run::quietly(init.arg(format!("-plugin-dir={}", mirror.display())), "look at the lines above.")?;
            let output = self.command(folder.path()).args(["validate", "-no-color"]).output()?;
            let said = String::from_utf8_lossy(&output.stderr);
            if output.status.success() || !said.contains(complaint) {
                bail!("{} accepts `{mistake}`, or does not say `{complaint}`:\n{said}", self.name);
            }
        }
        Ok(())
    }

    /// Validates and tests every folder, some at a time; the number of runs that passed.
    fn test_all(&self, source: &Path, folders: &[PathBuf], mirror: &Path) -> Result<usize> {
        let copy = copy_of(self.name);
        fs::remove_dir_all(&copy).ok();
        copy_folder(source, &copy).with_context(|| format!("cannot copy to {}", copy.display()))?;
        let passed = in_parallel(folders, |folder| {
            self.test(&copy.join(folder), mirror)
                .with_context(|| format!("{} in terraform/{}", self.name, folder.display()))
        })?;
        Ok(passed.into_iter().sum())
    }

    fn test(&self, folder: &Path, mirror: &Path) -> Result<usize> {
        let mut init = self.command(folder);
        init.args(["init", "-backend=false", "-input=false", "-no-color"]);
        init.arg(format!("-plugin-dir={}", mirror.display()));
        run::quietly(&mut init, "fix what it names.")?;
        run::quietly(self.command(folder).args(["validate", "-no-color"]), "fix what it names.")?;
        let mut test = self.command(folder);
        let output = test.args(["test", "-no-color"]).stdin(Stdio::null()).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!("a run failed:\n{said}{}", String::from_utf8_lossy(&output.stderr));
        }
        passed(&said).with_context(|| format!("`test` does not say how many runs passed:\n{said}"))
    }
}

/// The number in `Success! 5 passed, 0 failed.`
fn passed(said: &str) -> Option<usize> {
    let line = said.lines().rev().find_map(|line| line.trim().strip_prefix("Success! "))?;
    line.split_once(" passed")?.0.parse().ok()
}

/// Where an engine works: it leaves files next to the configurations.
fn copy_of(engine: &str) -> PathBuf {
    run::root().join("target/terraform").join(engine)
}

/// The folders with configurations, from `terraform/`.
fn folders(source: &Path) -> Result<Vec<PathBuf>> {
    let mut found = ["bootstrap", "platform"].map(PathBuf::from).to_vec();
    for group in ["modules", "environments"] {
        let entries = fs::read_dir(source.join(group)).with_context(|| format!("terraform/{group}"))?;
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                found.push(Path::new(group).join(entry.file_name()));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A folder is tested by a plan, an apply and an input that it refuses.
fn check_kinds_of_runs(folder: &Path) -> Result<()> {
    let mut tests = String::new();
    for file in files(&folder.join("tests"), ".tftest.hcl")? {
        tests += &fs::read_to_string(file)?;
    }
    for kind in ["command = plan", "command = apply", "expect_failures = ["] {
        if !tests.contains(kind) {
            bail!("no run of {} says `{kind}`", folder.display());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passed_runs_are_read_from_the_last_line() {
        assert_eq!(passed("tests/a.tftest.hcl... pass\n\nSuccess! 12 passed, 0 failed.\n"), Some(12));
        assert_eq!(passed("Success! 12 passed, 0 failed, 1 skipped.\n"), Some(12));
        assert_eq!(passed("Failure! 11 passed, 1 failed.\n"), None);
    }

    #[test]
    fn folder_without_a_refused_input_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tests")).unwrap();
        let file = folder.path().join("tests/all.tftest.hcl");
        fs::write(&file, "command = plan\ncommand = apply\n").unwrap();
        let error = check_kinds_of_runs(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("says `expect_failures = [`"), "{error}");
        fs::write(&file, "command = plan\ncommand = apply\nexpect_failures = [var.a]\n").unwrap();
        check_kinds_of_runs(folder.path()).unwrap();
    }
}
