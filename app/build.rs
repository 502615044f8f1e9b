//! Names the commit that a release is built from in a git checkout, unless the builder does (`MYHEALTH_REVISION`). Debug builds
//! have none: they would be compiled again after every commit.

use std::path::Path;
use std::process::Command;

const VARIABLE: &str = "MYHEALTH_REVISION";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed={VARIABLE}");
    #[expect(clippy::disallowed_methods, reason = "cargo tells a build script by variables")]
    let (named, profile) = (std::env::var_os(VARIABLE), std::env::var("PROFILE"));
    if named.is_some() || profile.as_deref() != Ok("release") {
        return;
    }
    // An archive of the sources is no checkout, and a machine may have no git: then the revision stays unknown.
    let Some(revision) = git(&["rev-parse", "HEAD"]) else { return };
    println!("cargo:rustc-env={VARIABLE}={revision}");
    // The log of HEAD changes with every commit and every switch of branches.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|log| Path::new(log).exists()) {
        println!("cargo:rerun-if-changed={log}");
    }
}

fn git(words: &[&str]) -> Option<String> {
    let output = Command::new("git").args(words).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned()).filter(|text| !text.is_empty())
}
