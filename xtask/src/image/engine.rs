//! The Docker engine: the one that runs, or one of our own that leaves no bridge, rule or mount behind.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process::{Running, until};
use crate::{apt, programs, run};

/// Addresses that belong to nothing else (RFC 2544), so that they clash with no network of the machine.
const BRIDGE: &str = "198.18.0.1/24";
const POOL: &str = "base=198.18.16.0/20,size=24";

const ADVICE: &str = "look at the lines above; name a running engine in DOCKER_HOST, or start one.";

/// A way to an engine.
pub(crate) struct Engine {
    client: PathBuf,
    /// None: that of the environment, or the client's default.
    host: Option<String>,
    /// Stopped when dropped.
    _own: Option<Own>,
}

impl Engine {
    /// The engine of `DOCKER_HOST`, the one that runs here, or one of our own.
    pub(crate) fn connect() -> Result<Self> {
        let named = programs::variable("DOCKER_HOST").is_some();
        if let Some(client) = client() {
            // Two engines in one network namespace take each other's bridge and rules.
            for host in if named { vec![None] } else { vec![None, running()] } {
                let engine = Self { client: client.clone(), host, _own: None };
                if engine.docker(&["version"]).stdout(Stdio::null()).stderr(Stdio::null()).status()?.success()
                {
                    return Ok(engine);
                }
            }
            if named {
                bail!("no engine answers at DOCKER_HOST.\nWhat to do: start it, or unset the variable.");
            }
        }
        let own = Own::start()?;
        let client = client().context("package docker.io is installed but `docker` is not on the path")?;
        Ok(Self { client, host: Some(own.host()), _own: Some(own) })
    }

    /// A command of Docker's client, in the root of the repository.
    pub(crate) fn docker(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.client);
        command.current_dir(run::root()).args(arguments);
        self.reach(&mut command);
        command
    }

    /// Lets a program talk to this engine.
    pub(crate) fn reach(&self, command: &mut Command) {
        command.env("DOCKER_BUILDKIT", "1");
        if let Some(host) = &self.host {
            command.env("DOCKER_HOST", host);
        }
    }

    /// Runs a command of Docker's client and returns what it printed, without the line end.
    pub(crate) fn quietly(&self, arguments: &[&str]) -> Result<String> {
        Ok(run::quietly(&mut self.docker(arguments), ADVICE)?.trim_end().to_owned())
    }

    /// Builds an image from a Dockerfile that is a text, with a folder as its context.
    pub(crate) fn build(&self, tag: &str, dockerfile: &str, context: &Path) -> Result<()> {
        let mut docker = self.docker(&["build", "--quiet", "--tag", tag, "--file", "-"]);
        let mut child = docker.arg(context).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        let mut input = child.stdin.take().expect("BUG: its input is a pipe");
        input.write_all(dockerfile.as_bytes())?;
        drop(input);
        if !child.wait()?.success() {
            bail!("cannot build the image {tag}.\nWhat to do: {ADVICE}");
        }
        Ok(())
    }

    pub(crate) fn has_image(&self, tag: &str) -> Result<bool> {
        let mut docker = self.docker(&["image", "inspect", tag]);
        Ok(docker.stdout(Stdio::null()).stderr(Stdio::null()).status()?.success())
    }
}

/// Debian's client first: it brings what builds with it, while one without its buildx plug-in cannot build.
fn client() -> Option<PathBuf> {
    let debian = PathBuf::from("/usr/bin/docker");
    if debian.is_file() { Some(debian) } else { programs::find("docker") }
}

/// The address of an engine that runs here, as its command line has it.
fn running() -> Option<String> {
    let processes = fs::read_dir("/proc").ok()?;
    processes.filter_map(|process| fs::read(process.ok()?.path().join("cmdline")).ok()).find_map(|line| {
        let line = String::from_utf8_lossy(&line);
        let words: Vec<&str> = line.split('\0').collect();
        if Path::new(words.first()?).file_name()? != "dockerd" {
            return None;
        }
        let at = words.iter().position(|word| *word == "-H" || *word == "--host")?;
        words.get(at + 1).map(ToString::to_string)
    })
}

/// An engine that we started.
struct Own {
    daemon: Option<Running>,
    folder: tempfile::TempDir,
    bridges: BTreeSet<String>,
    forward: String,
}

impl Own {
    fn start() -> Result<Self> {
        if !apt::is_root() {
            bail!(
                "no Docker engine runs here, and only root can start one.\nWhat to do: start Docker, or name an engine in DOCKER_HOST."
            );
        }
        if programs::find("dockerd").is_none() {
            apt::install(&["docker.io", "iptables"])?;
        }
        // A socket's path must be short. The layers stay in target/, so that the next run finds them.
        let folder = tempfile::Builder::new().prefix("myhealth-docker-").tempdir()?;
        let layers = run::root().join("target/docker");
        fs::create_dir_all(&layers)?;
        let (bridges, forward) = (bridges()?, forward_policy()?);
        let mut own = Self { daemon: None, folder, bridges, forward };
        let mut daemon = Command::new("dockerd");
        daemon.arg("--data-root").arg(&layers).arg("--exec-root").arg(own.folder.path().join("exec"));
        daemon.arg("--pidfile").arg(own.folder.path().join("pid")).arg("--host").arg(own.host());
        daemon.args(["--bip", BRIDGE, "--default-address-pool", POOL]);
        let log = own.folder.path().join("log");
        own.daemon = Some(Running::logged(&daemon, &log)?);
        let socket = own.folder.path().join("socket");
        let daemon = own.daemon.as_mut().expect("BUG: just started");
        daemon.until("its start", |printed| socket.exists() && printed.contains("API listen on"))?;
        Ok(own)
    }

    fn host(&self) -> String {
        format!("unix://{}", self.folder.path().join("socket").display())
    }

    /// What a stopped engine leaves in the kernel.
    fn clean(&self) -> Result<()> {
        for bridge in bridges()?.difference(&self.bridges) {
            run::quietly(Command::new("ip").args(["link", "delete", bridge]), ADVICE)?;
        }
        for family in ["iptables", "ip6tables"] {
            let rules = run::quietly(&mut Command::new(format!("{family}-save")), ADVICE)?;
            let kept: Vec<&str> = rules.lines().filter(|line| !is_of_docker(line)).collect();
            let mut restore = Command::new(format!("{family}-restore")).stdin(Stdio::piped()).spawn()?;
            let mut input = restore.stdin.take().expect("BUG: its input is a pipe");
            writeln!(input, "{}", kept.join("\n"))?;
            drop(input);
            restore.wait()?;
        }
        run::quietly(Command::new("iptables").args(["-P", "FORWARD", &self.forward]), ADVICE)?;
        Ok(())
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        drop(self.daemon.take());
        // Container processes outlive the engine for a moment.
        let gone = until("the engine's mounts", || {
            let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
            !mounts.contains(&self.folder.path().display().to_string())
        });
        if let Err(error) = gone.and_then(|()| self.clean()) {
            eprintln!("the Docker engine left something behind: {error:#}");
        }
    }
}

fn is_of_docker(rule: &str) -> bool {
    ["DOCKER", "docker0", " br-"].iter().any(|mark| rule.contains(mark))
}

fn bridges() -> Result<BTreeSet<String>> {
    let printed =
        run::quietly(Command::new("ip").args(["-brief", "link", "show", "type", "bridge"]), ADVICE)?;
    Ok(printed.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

fn forward_policy() -> Result<String> {
    let printed = run::quietly(Command::new("iptables").args(["-S", "FORWARD"]), ADVICE)?;
    let policy = printed.lines().next().and_then(|line| line.rsplit(' ').next());
    Ok(policy.context("iptables names no policy for FORWARD")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::is_of_docker;

    #[test]
    fn rules_of_other_programs_are_kept() {
        assert!(is_of_docker("-A FORWARD -j DOCKER-USER"));
        assert!(is_of_docker("-A POSTROUTING -s 198.18.16.0/24 ! -o br-0c1a -j MASQUERADE"));
        assert!(!is_of_docker("-A INPUT -p tcp --dport 22 -j ACCEPT"));
    }
}
