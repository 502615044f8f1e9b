//! A container of ours, and what it answers and prints.

use std::process::Stdio;

use anyhow::{Context, Result, bail};

use super::engine::Engine;
use crate::process::{self, Answer, until};
use crate::run;

/// A container that runs in the background; removed with its anonymous volumes when dropped.
pub(crate) struct Container<'a> {
    engine: &'a Engine,
    pub(crate) id: String,
}

impl<'a> Container<'a> {
    /// `docker run --detach OPTIONS IMAGE COMMAND`.
    pub(crate) fn start(engine: &'a Engine, options: &[&str], image: &str, command: &[&str]) -> Result<Self> {
        let arguments = [&["run", "--detach"], options, &[image], command].concat();
        Ok(Self { engine, id: engine.quietly(&arguments)? })
    }

    /// `docker create`: only its files are wanted.
    pub(crate) fn create(engine: &'a Engine, image: &str) -> Result<Self> {
        Ok(Self { engine, id: engine.quietly(&["create", image])? })
    }

    /// The loopback port that was published for a port of the container.
    pub(crate) fn port(&self, of: u16) -> Result<u16> {
        let printed = self.engine.quietly(&["port", &self.id, &format!("{of}/tcp")])?;
        let port = printed.lines().next().and_then(|line| line.rsplit(':').next());
        port.and_then(|port| port.parse().ok()).with_context(|| format!("no published port: {printed:?}"))
    }

    /// One field of `docker inspect`.
    pub(crate) fn inspect(&self, format: &str) -> Result<String> {
        self.engine.quietly(&["inspect", "--format", format, &self.id])
    }

    /// Asks the published port again until the response is wanted; fails at once when the container has ended.
    pub(crate) fn response(&self, of: u16, path: &str, wanted: impl Fn(&Answer) -> bool) -> Result<Answer> {
        let mut found = None;
        let mut ended = None;
        let mut port = None;
        until(&format!("{path} of a container"), || {
            port = port.or_else(|| self.port(of).ok());
            found = port.and_then(|port| process::get(port, path, "").ok()).filter(&wanted);
            ended = self
                .inspect("{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}")
                .ok()
                .filter(|state| !state.starts_with("running"));
            found.is_some() || ended.is_some()
        })?;
        match (found, ended) {
            (Some(answer), _) => Ok(answer),
            (None, ended) => {
                let (stdout, stderr) = self.logs()?;
                let ended = ended.unwrap_or_default();
                bail!(
                    "the container ended ({ended}, the last word: out of memory) before {path} was there.\nIts last lines:\n{}",
                    run::last_lines(&(stdout + &stderr))
                )
            }
        }
    }

    /// Standard output and standard error so far.
    pub(crate) fn logs(&self) -> Result<(String, String)> {
        let output = self.engine.docker(&["logs", &self.id]).stdin(Stdio::null()).output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((text(&output.stdout), text(&output.stderr)))
    }

    /// Stops it as an operator would and returns its exit code.
    pub(crate) fn stop(&self) -> Result<i32> {
        self.engine.quietly(&["stop", "--time", "30", &self.id])?;
        Ok(self.inspect("{{.State.ExitCode}}")?.parse()?)
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        let removed = self.engine.quietly(&["rm", "--force", "--volumes", &self.id]);
        if let Err(error) = removed {
            eprintln!("a container could not be removed: {error:#}");
        }
    }
}

/// A named volume; removed when dropped.
pub(crate) struct Volume<'a> {
    engine: &'a Engine,
    pub(crate) name: String,
}

impl<'a> Volume<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Result<Self> {
        Ok(Self { engine, name: engine.quietly(&["volume", "create"])? })
    }

    /// The option that mounts it on the folder of data.
    pub(crate) fn on_data(&self) -> String {
        format!("--volume={}:/data", self.name)
    }
}

impl Drop for Volume<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.engine.quietly(&["volume", "rm", "--force", &self.name]) {
            eprintln!("a volume could not be removed: {error:#}");
        }
    }
}
