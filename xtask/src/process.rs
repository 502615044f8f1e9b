//! Programs that run beside us for a while: a service of ours, what it is compared with, what asks it. They end with us.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::run;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_mins(10);

/// A program that was started; told to stop when dropped.
pub(crate) struct Running {
    child: Child,
    line: String,
    /// What it says, if it is kept.
    log: Option<PathBuf>,
}

impl Running {
    /// Starts a program and discards its output. Of the command only program and arguments are used.
    pub(crate) fn start(command: &Command) -> Result<Self> {
        Self::spawn(command, None)
    }

    /// Starts a program whose words go into a file.
    pub(crate) fn logged(command: &Command, log: &Path) -> Result<Self> {
        Self::spawn(command, Some(log))
    }

    fn spawn(command: &Command, log: Option<&Path>) -> Result<Self> {
        let line = run::command_line(command);
        // Ends with us, however we end.
        let mut bound = Command::new("setpriv");
        bound.args(["--pdeathsig", "TERM"]).arg(command.get_program()).args(command.get_args());
        bound.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(log) = log {
            let file = File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
            bound.stdout(file.try_clone()?).stderr(file);
        }
        let child = bound.spawn().with_context(|| format!("`{line}` did not start"))?;
        Ok(Self { child, line, log: log.map(Path::to_owned) })
    }

    /// Everything printed so far.
    pub(crate) fn printed(&self) -> String {
        self.log.as_ref().and_then(|log| fs::read_to_string(log).ok()).unwrap_or_default()
    }

    /// The loopback port of the address that it prints after `name`, as soon as it does.
    pub(crate) fn port(&mut self, name: &str) -> Result<u16> {
        let mut port = None;
        self.until(&format!("the address of {name}"), |printed| {
            port = port_in(printed, name);
            port.is_some()
        })?;
        port.context("BUG: waited for it")
    }

    /// Asks again, with what was printed so far, until the answer is yes; fails at once when the program has ended.
    pub(crate) fn until(&mut self, what: &str, mut is: impl FnMut(&str) -> bool) -> Result<()> {
        let mut ended = None::<ExitStatus>;
        until(what, || {
            // Asked first: what it printed last counts.
            ended = self.child.try_wait().ok().flatten();
            is(&self.printed()) || ended.is_some()
        })?;
        match ended {
            Some(status) if !is(&self.printed()) => {
                let last = run::last_lines(&self.printed());
                bail!("`{}` ended before {what}: {status}.\nIts last lines:\n{last}", self.line)
            }
            _ => Ok(()),
        }
    }

    /// Seconds of the processor so far, of its workers too.
    pub(crate) fn processor(&self) -> Result<f64> {
        let id = self.child.id();
        let workers = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        let mut ticks = 0.0;
        for process in std::iter::once(id.to_string()).chain(workers.split_whitespace().map(str::to_owned)) {
            let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
            let numbers = stat.rsplit_once(')').context("no name in stat")?.1;
            for field in numbers.split_whitespace().skip(11).take(2) {
                ticks += field.parse::<f64>()?;
            }
        }
        // Linux tells them in hundredths.
        Ok(ticks / 100.0)
    }

    /// Megabytes in memory.
    pub(crate) fn resident(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1e3)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
            // Its number may be another's by now.
            return;
        }
        // Told, not killed: nginx has a worker that outlives its master when that is killed.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

fn port_in(printed: &str, name: &str) -> Option<u16> {
    // A line that is being written may end within the number.
    let lines = printed.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    let mut addresses =
        lines.filter_map(|line| line.trim().strip_prefix(name)?.trim().strip_prefix("http://"));
    addresses.find_map(|address| address.split('/').next()?.rsplit_once(':')?.1.parse().ok())
}

/// Asks again until the answer is yes: at once in the beginning, then in a tenth of the time it has taken so far.
pub(crate) fn until(what: &str, mut is: impl FnMut() -> bool) -> Result<()> {
    let started = Instant::now();
    while !is() {
        let waited = started.elapsed();
        if waited > PATIENCE {
            bail!("waited in vain for {what}");
        }
        thread::sleep((waited / 10).clamp(Duration::from_millis(2), Duration::from_millis(500)));
    }
    Ok(())
}

/// A port of the loopback address that is free at this moment.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on the loopback address")?;
    Ok(listener.local_addr()?.port())
}

/// An answer by HTTP.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One bare GET from the loopback address. `headers` end with their line breaks.
pub(crate) fn get(port: u16, path: &str, headers: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").context("no HTTP")?;
    let status = std::str::from_utf8(answer.get(9..12).context("no status")?)?.parse()?;
    Ok(Answer { status, body: answer.split_off(end + 4) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::shell;

    #[test]
    fn port_is_read_from_complete_lines() {
        let printed = "  page      http://127.0.0.1:41/\n  api docs  http://127.0.0.1:43/api/docs\n  api ready http://127.0.0.1:4";
        assert_eq!(port_in(printed, "page"), Some(41));
        assert_eq!(port_in(printed, "api docs"), Some(43));
        assert_eq!(port_in(printed, "api ready"), None);
    }

    #[test]
    fn program_that_exits_early_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut running = Running::logged(&shell("echo no such database; exit 3"), &log).unwrap();
        let error = running.port("page").unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("no such database"), "{error}");
        let mut quick = Running::logged(&shell("echo done"), &log).unwrap();
        quick.until("its word", |printed| printed == "done\n").unwrap();
    }

    #[test]
    fn running_program_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let script = "trap 'echo stopped; exit 0' TERM; echo begun; while :; do sleep 0.01; done";
        let mut running = Running::logged(&shell(script), &log).unwrap();
        running.until("its start", |printed| printed == "begun\n").unwrap();
        assert!(running.resident().unwrap() > 0.1 && running.processor().unwrap() >= 0.0);
        drop(running);
        assert_eq!(fs::read_to_string(log).unwrap(), "begun\nstopped\n");
    }
}
