//! The scripts of a release, tried in a repository of their own: what must not be released is refused.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::run;

const CARGO: &str = "[workspace.package]\nversion = \"1.2.3\"\n";
const CHANGELOG: &str = "# Changelog\n\n## 1.2.3 - 2026-01-31\n\n### Added\n\n- Something.\n\n## 1.2.2 - 2026-01-01\n\n- Before.\n";

pub(super) fn check() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    let mut copy = Command::new("cp");
    copy.arg("-r").arg(run::root().join("packaging")).arg(root);
    run::quietly(&mut copy, "look at the lines above.")?;
    fs::write(root.join("Cargo.toml"), CARGO)?;
    fs::write(root.join("CHANGELOG.md"), CHANGELOG)?;
    git(root, &["init", "--quiet"])?;
    git(root, &["add", "--all"])?;
    git(root, &["commit", "--quiet", "--message", "A release"])?;

    let checked = script(root, "check-version.sh", &["1.2.3"])?;
    ensure!(checked.starts_with("1.2.3 may be released from "), "{checked}");
    let notes = script(root, "notes.sh", &["1.2.3"])?;
    ensure!(notes == "### Added\n\n- Something.\n\n", "the notes are {notes:?}");

    refused(root, "1.2.4", "Cargo.toml has version 1.2.3")?;
    fs::write(root.join("CHANGELOG.md"), CHANGELOG.replace("## 1.2.3 - 2026-01-31", "## Unreleased"))?;
    refused(root, "1.2.3", "has no line `## 1.2.3 - YYYY-MM-DD`")?;
    fs::write(root.join("CHANGELOG.md"), CHANGELOG.replace("### Added\n\n- Something.\n\n", ""))?;
    refused(root, "1.2.3", "nothing is below")?;
    fs::write(root.join("CHANGELOG.md"), format!("{CHANGELOG}\n"))?;
    refused(root, "1.2.3", "changes that are not committed")?;
    git(root, &["checkout", "--quiet", "CHANGELOG.md"])?;
    git(root, &["tag", "v1.2.3"])?;
    refused(root, "1.2.3", "the tag v1.2.3 exists")?;

    let archives = root.join("archives");
    fs::create_dir(&archives)?;
    for (digit, machine) in
        ["aarch64-macos", "x86_64-macos", "aarch64-linux", "x86_64-linux"].iter().enumerate()
    {
        let name = format!("myhealth-1.2.3-{machine}.tar.gz");
        fs::write(
            archives.join(format!("{name}.sha256")),
            format!("{}  {name}\n", digit.to_string().repeat(64)),
        )?;
    }
    let formula = script(root, "homebrew.sh", &["owner/myhealth", &archives.display().to_string()])?;
    ensure!(!formula.contains('@'), "the formula has places that are not filled in:\n{formula}");
    let url =
        "https://github.com/owner/myhealth/releases/download/v1.2.3/myhealth-1.2.3-aarch64-linux.tar.gz";
    let pair = format!("url \"{url}\"\n      sha256 \"{}\"", "2".repeat(64));
    ensure!(formula.contains(&pair), "the formula lacks {pair}:\n{formula}");
    println!("release: what must not be released is refused, notes and formula are made");
    Ok(())
}

fn git(root: &Path, arguments: &[&str]) -> Result<()> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["-c", "user.name=test", "-c", "user.email=test@example.org"]).args(arguments);
    run::quietly(&mut git, "look at the lines above.").map(drop)
}

fn command(root: &Path, name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(root.join("packaging/release").join(name));
    command.args(arguments);
    command
}

fn script(root: &Path, name: &str, arguments: &[&str]) -> Result<String> {
    run::quietly(&mut command(root, name, arguments), "fix the script in packaging/release.")
}

fn refused(root: &Path, version: &str, reason: &str) -> Result<()> {
    let output = command(root, "check-version.sh", &[version]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        !output.status.success() && said.contains(reason),
        "{version} is not refused with `{reason}`: {said}"
    );
    Ok(())
}
