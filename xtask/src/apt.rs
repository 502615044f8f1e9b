//! Debian packages, when and only when something is missing.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run;

/// Asked by Debian's packages before they start a service; 101 forbids it. Our tests start their own servers.
const POLICY: &str = "/usr/sbin/policy-rc.d";
const FORBID: &str = "#!/bin/sh\n# Written by `cargo xtask` while it installs packages. Left over? It may be removed.\nexit 101\n";

/// Installs packages; as anyone but root, says how to.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    if !is_root() {
        bail!(
            "these packages are missing: {names}\nWhat to do: run `sudo apt-get update && \
             sudo apt-get install --no-install-recommends {names}`, then try again."
        );
    }
    eprintln!("installing {names}");
    let _no_services = NoServices::new(Path::new(POLICY))?;
    let advice = format!("look at the lines above; by hand: `apt-get update && apt-get install {names}`.");
    run::quietly(&mut apt_get(&["update"]), &advice)?;
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(packages);
    // Once more after a failure: dpkg now and then loses its unpacked archives on a busy machine.
    run::quietly_retried(&mut || apt_get(&arguments), &advice)?;
    Ok(())
}

/// Whether we may install packages, and must not run PostgreSQL as ourselves.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    // Another apt-get may be at work: wait for it.
    command.args(["-o", "DPkg::Lock::Timeout=300"]).args(arguments);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Keeps packages from starting their services, for as long as it lives.
struct NoServices<'a> {
    ours: Option<&'a Path>,
}

impl<'a> NoServices<'a> {
    /// Another program's policy stays; one that a killed run of ours left behind is removed.
    fn new(policy: &'a Path) -> Result<Self> {
        if fs::read(policy).is_ok_and(|text| text == FORBID.as_bytes()) {
            return Ok(Self { ours: Some(policy) });
        }
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(policy);
        let mut file = match file {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Ok(Self { ours: None });
            }
            file => file.with_context(|| format!("cannot write {}", policy.display()))?,
        };
        let guard = Self { ours: Some(policy) };
        file.write_all(FORBID.as_bytes()).with_context(|| format!("cannot write {}", policy.display()))?;
        Ok(guard)
    }
}

impl Drop for NoServices<'_> {
    fn drop(&mut self) {
        if let Some(policy) = self.ours
            && let Err(error) = fs::remove_file(policy)
        {
            eprintln!("{} could not be removed and keeps services from starting: {error}", policy.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_masked_only_during_installation() {
        let folder = tempfile::tempdir().unwrap();
        let policy = folder.path().join("policy-rc.d");
        {
            let _no_services = NoServices::new(&policy).unwrap();
            assert_eq!(Command::new(&policy).status().unwrap().code(), Some(101));
        }
        assert!(!policy.exists());
    }

    #[test]
    fn policy_file_of_a_killed_run_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let policy = folder.path().join("policy-rc.d");
        fs::write(&policy, FORBID).unwrap();
        drop(NoServices::new(&policy).unwrap());
        assert!(!policy.exists());
    }

    #[test]
    fn policy_file_of_another_program_stays() {
        let folder = tempfile::tempdir().unwrap();
        let policy = folder.path().join("policy-rc.d");
        fs::write(&policy, "theirs").unwrap();
        drop(NoServices::new(&policy).unwrap());
        assert_eq!(fs::read_to_string(&policy).unwrap(), "theirs");
    }
}
