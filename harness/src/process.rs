//! Programs that run in the background: a service, what it is compared with, its clients. They end with their parent.

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
const TIMEOUT: Duration = Duration::from_mins(10);

/// A running program; gets a TERM when dropped.
pub struct Running {
    child: Child,
    line: String,
    /// Where its output goes, if it is kept.
    log: Option<PathBuf>,
}

impl Running {
    /// Starts a program and discards its output. Of the command only program and arguments are used.
    pub fn start(command: &Command) -> Result<Self> {
        Self::spawn(command, None)
    }

    /// Starts a program with its output in a file.
    pub fn logged(command: &Command, log: &Path) -> Result<Self> {
        Self::spawn(command, Some(log))
    }

    fn spawn(command: &Command, log: Option<&Path>) -> Result<Self> {
        let line = run::command_line(command);
        // Ends with its parent, however that ends.
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
    pub fn printed(&self) -> String {
        self.log.as_ref().and_then(|log| fs::read_to_string(log).ok()).unwrap_or_default()
    }

    /// Waits for the address that it prints after `name`, or logs as the field `name`; the port of it.
    pub fn port(&mut self, name: &str) -> Result<u16> {
        let mut port = None;
        self.until(&format!("the address of {name}"), |printed| {
            port = port_in(printed, name);
            port.is_some()
        })?;
        port.context("BUG: waited for it")
    }

    /// Waits until a condition on its output so far holds; fails at once when the program has ended.
    pub fn until(&mut self, what: &str, mut is: impl FnMut(&str) -> bool) -> Result<()> {
        let mut ended = None::<ExitStatus>;
        until(what, || {
            // Before the condition, so that its last output counts.
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

    /// Processor time so far in seconds, with its workers.
    pub fn processor(&self) -> Result<f64> {
        let process = proc(self.child.id())?;
        let workers = process.task_main_thread()?.children()?;
        let workers = workers.into_iter().map(processor_seconds).sum::<Result<f64>>()?;
        Ok(processor_seconds(self.child.id())? + workers)
    }

    /// Megabytes in memory.
    pub fn resident(&self) -> Result<f64> {
        megabytes(proc(self.child.id())?.status()?.vmrss)
    }

    /// The most megabytes it ever had in memory.
    pub fn peak(&self) -> Result<f64> {
        megabytes(proc(self.child.id())?.status()?.vmhwm)
    }

    /// Waits for its end; whether it succeeded, with its peak memory and processor time as last seen.
    pub fn finish(mut self) -> Result<Finished> {
        let (mut peak, mut processor) = (0.0, 0.0);
        let status = loop {
            // A process that has just ended has no memory.
            peak = self.peak().unwrap_or(peak);
            processor = processor_seconds(self.child.id()).unwrap_or(processor);
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            thread::sleep(Duration::from_millis(10));
        };
        if !status.success() {
            bail!("`{}` failed: {status}.\nIts last lines:\n{}", self.line, run::last_lines(&self.printed()));
        }
        Ok(Finished { peak, processor, printed: self.printed() })
    }
}

/// A program that has ended successfully.
pub struct Finished {
    /// The most megabytes it had in memory.
    pub peak: f64,
    /// Processor time in seconds.
    pub processor: f64,
    /// Everything that it printed.
    pub printed: String,
}

fn proc(id: u32) -> Result<procfs::process::Process> {
    Ok(procfs::process::Process::new(id.try_into()?)?)
}

fn megabytes(kibibytes: Option<u64>) -> Result<f64> {
    let kibibytes = u32::try_from(kibibytes.context("the process has ended")?)?;
    Ok(f64::from(kibibytes) * 1024.0 / 1e6)
}

fn processor_seconds(id: u32) -> Result<f64> {
    let stat = proc(id)?.stat()?;
    let ticks = u32::try_from(stat.utime + stat.stime)?;
    Ok(f64::from(ticks) / f64::from(u32::try_from(procfs::ticks_per_second())?))
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
            // Another process may have its id by now.
            return;
        }
        // TERM, not KILL: a worker of nginx outlives a killed master.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

fn port_in(printed: &str, name: &str) -> Option<u16> {
    // A line that is being written may end within the number.
    let lines = printed.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    let field = format!(" {name}=http://");
    let mut addresses = lines.filter_map(|line| {
        let printed = line.trim().strip_prefix(name).and_then(|rest| rest.trim().strip_prefix("http://"));
        printed.or_else(|| Some(line.split_once(&field)?.1))
    });
    addresses.find_map(|address| address.split(['/', ' ', ',']).next()?.rsplit_once(':')?.1.parse().ok())
}

/// Polls a condition until it holds: at once in the beginning, then after a tenth of the time waited so far.
pub fn until(what: &str, mut is: impl FnMut() -> bool) -> Result<()> {
    let started = Instant::now();
    while !is() {
        let waited = started.elapsed();
        if waited > TIMEOUT {
            bail!("timed out after {waited:?} waiting for {what}");
        }
        thread::sleep((waited / 10).clamp(Duration::from_millis(2), Duration::from_millis(500)));
    }
    Ok(())
}

/// A port of the loopback address that is free at this moment.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on the loopback address")?;
    Ok(listener.local_addr()?.port())
}

/// A response by HTTP.
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One bare GET from the loopback address. `headers` end with their line breaks.
pub fn get(port: u16, path: &str, headers: &str) -> Result<Answer> {
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
        let logged =
            "INFO started revision=unknown web=http://127.0.0.1:41,http://[::1]:42 api=http://127.0.0.1:43\n";
        assert_eq!((port_in(logged, "web"), port_in(logged, "api")), (Some(41), Some(43)));
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
    fn finished_program_has_its_output_and_a_failed_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let finished = Running::logged(&shell("sleep 0.1; echo done"), &log).unwrap().finish().unwrap();
        assert_eq!(finished.printed, "done\n");
        assert!(finished.peak > 0.1 && finished.processor >= 0.0, "{} MB", finished.peak);
        let failed = Running::logged(&shell("echo no such database; exit 3"), &log).unwrap().finish();
        let error = failed.err().unwrap().to_string();
        assert!(error.contains("exit status: 3") && error.contains("no such database"), "{error}");
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
