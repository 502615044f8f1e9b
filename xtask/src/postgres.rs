//! A PostgreSQL server of our own: fresh, empty, on a free port of the loopback address, gone when we are.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::apt::is_root;
use crate::process::free_port;
use crate::run;

/// Where Debian installs one folder per major version.
const VERSIONS: &str = "/usr/lib/postgresql";
const OLDEST: u32 = 15;
/// The account that Debian's package makes; PostgreSQL refuses to run as root.
const ACCOUNT: &str = "postgres";
/// Directories are called this and our process id.
const PREFIX: &str = "myhealth-test-postgres-";
const START_TIMEOUT: Duration = Duration::from_mins(1);
const ADVICE: &str =
    "What to do: fix what these lines name, such as a full disk or a TMPDIR with a long path, and try again.";
/// From the root of the repository.
const SUPERVISE: &str = "xtask/src/supervise.sh";

/// The folder with `initdb` and `postgres` of the newest installed version that is new enough.
pub(crate) fn find_programs() -> Option<PathBuf> {
    let folders = fs::read_dir(VERSIONS).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    newest(folders.filter(|folder| folder.join("bin/initdb").is_file())).map(|folder| folder.join("bin"))
}

/// The folder with the highest number for a name. As text, 9.6 would win over 15.
fn newest(folders: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    let version = |folder: &PathBuf| folder.file_name()?.to_str()?.parse::<u32>().ok();
    folders.filter(|folder| version(folder) >= Some(OLDEST)).max_by_key(version)
}

/// A running server. Dropping it stops it and removes its files; see `supervise.sh` for every other way to end.
pub(crate) struct Server {
    port: u16,
    directory: PathBuf,
    supervisor: Child,
    /// Closing this stops the server.
    leash: Option<ChildStdin>,
    /// Held while we live, so that other runs can tell a directory in use from one left over.
    _lock: File,
}

impl Server {
    /// Starts a server and waits until it takes connections.
    pub(crate) fn start(programs: &Path) -> Result<Self> {
        let temporary = std::env::temp_dir();
        remove_stale(&temporary);
        let directory = temporary.join(format!("{PREFIX}{}", std::process::id()));
        let lock = create(&directory)?;
        let port = free_port()?;
        let mut supervisor = spawn(programs, &directory, port)?;
        let leash = supervisor.stdin.take();
        let mut server = Self { port, directory, supervisor, leash, _lock: lock };
        server.wait_until_ready()?;
        Ok(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://{ACCOUNT}@127.0.0.1:{}/postgres", self.port)
    }

    /// The process that all others of the server come from.
    pub(crate) fn process(&self) -> Result<u32> {
        let text = fs::read_to_string(self.directory.join("data/postmaster.pid"))?;
        text.lines().next().and_then(|line| line.trim().parse().ok()).context("the server says no process")
    }

    /// Waits for the server to end by itself, which it should not.
    pub(crate) fn wait(&mut self) -> Result<()> {
        let status = self.supervisor.wait()?;
        bail!("PostgreSQL ended by itself: {status}.\nIts last lines:\n{}\n{ADVICE}", self.last_lines())
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let started = Instant::now();
        // The file's eighth line is the server's state; `pg_ctl --wait` reads it too.
        let state = self.directory.join("data/postmaster.pid");
        while fs::read_to_string(&state).ok().as_deref().and_then(|text| text.lines().nth(7)).map(str::trim)
            != Some("ready")
        {
            if let Some(status) = self.supervisor.try_wait()? {
                bail!(
                    "PostgreSQL did not start: {status}.\nIts last lines:\n{}\n{ADVICE}",
                    self.last_lines()
                );
            }
            if started.elapsed() > START_TIMEOUT {
                bail!(
                    "PostgreSQL was not ready after {START_TIMEOUT:?}.\nIts last lines:\n{}\n\
                     What to do: try again when the machine is less busy.",
                    self.last_lines()
                );
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn last_lines(&self) -> String {
        run::last_lines(&fs::read_to_string(self.directory.join("server.log")).unwrap_or_default())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.leash.take());
        if let Err(error) = self.supervisor.wait() {
            eprintln!("PostgreSQL may still run: {error}");
        }
        // Still there only if the server ended by itself.
        fs::remove_dir_all(&self.directory).ok();
    }
}

/// Makes the server's directory, its lock and an empty database in it.
fn create(directory: &Path) -> Result<File> {
    let context = || format!("cannot prepare {} (TMPDIR decides where it is)", directory.display());
    DirBuilder::new().mode(0o700).create(directory).with_context(context)?;
    // Locked before it is renamed: a lock file of this name is always locked while its run lives.
    let (unnamed, named) = (directory.join("lock.new"), directory.join("lock"));
    let lock = File::create(&unnamed).with_context(context)?;
    lock.lock().with_context(context)?;
    fs::rename(unnamed, named).with_context(context)?;
    if is_root() {
        let advice = "install the package `postgresql`, which makes the account.";
        run::quietly(Command::new("chown").arg(format!("{ACCOUNT}:")).arg(directory), advice)?;
    }
    Ok(lock)
}

fn spawn(programs: &Path, directory: &Path, port: u16) -> Result<Child> {
    let data = directory.join("data");
    let mut initdb = unprivileged(&programs.join("initdb"));
    initdb.current_dir(directory).arg("--pgdata").arg(&data);
    initdb.args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]);
    initdb.arg(format!("--username={ACCOUNT}"));
    run::quietly(&mut initdb, "look for a full disk, or run it by hand.")?;

    let mut postgres = unprivileged(&programs.join("postgres"));
    postgres
        .arg("-D")
        .arg(&data)
        .arg("-k")
        .arg(directory)
        .args(["-h", "127.0.0.1", "-p"])
        .arg(port.to_string());
    // Every test has its own pool. Nothing here needs to survive a power cut.
    for setting in ["max_connections=300", "fsync=off", "synchronous_commit=off", "full_page_writes=off"] {
        postgres.args(["-c", setting]);
    }
    let mut supervise = Command::new("sh");
    supervise.arg(run::root().join(SUPERVISE)).arg(directory);
    supervise.arg(postgres.get_program()).args(postgres.get_args());
    supervise.current_dir(directory).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // Out of reach of Ctrl-C, which ends us and only thereby the supervisor: its clean-up must not be cut short.
    supervise.process_group(0);
    supervise.spawn().context("`sh` did not start")
}

/// A command that drops root's rights, and gets INT when its parent dies, even if the supervisor was killed.
fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "INT"]);
    if is_root() {
        command.args(["--reuid", ACCOUNT, "--regid", ACCOUNT, "--init-groups"]);
    }
    command.arg("--").arg(program);
    command
}

/// Removes the directories of runs that ended without clean-up. What cannot be removed is left to the next run.
fn remove_stale(temporary: &Path) {
    for entry in fs::read_dir(temporary).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let in_use = || match File::open(entry.path().join("lock")) {
            Ok(lock) => lock.try_lock().is_err(),
            // No lock yet: a run is making it just now.
            Err(_) => true,
        };
        if ours && !in_use() {
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_newest(names: &[&str], expected: Option<&str>) {
        let folders = names.iter().map(|name| Path::new(VERSIONS).join(name));
        assert_eq!(newest(folders), expected.map(|name| Path::new(VERSIONS).join(name)), "{names:?}");
    }

    #[test]
    fn newest_postgres_version_is_used() {
        check_newest(&["15", "17", "16"], Some("17"));
        check_newest(&["9.6", "15"], Some("15"));
        check_newest(&["100", "17"], Some("100"));
    }

    #[test]
    fn old_or_unreadable_postgres_versions_are_ignored() {
        check_newest(&["14", "13"], None);
        check_newest(&["latest", "9.6"], None);
        check_newest(&[], None);
    }

    #[test]
    fn only_unlocked_directories_are_stale() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let folder = temporary.path().join(name);
            fs::create_dir(&folder).unwrap();
            folder
        };
        let (held, left) = (folder("myhealth-test-postgres-1"), folder("myhealth-test-postgres-2"));
        let (new, foreign) = (folder("myhealth-test-postgres-3"), folder("other-program"));
        let lock = File::create(held.join("lock")).unwrap();
        lock.lock().unwrap();
        File::create(left.join("lock")).unwrap();
        File::create(foreign.join("lock")).unwrap();

        remove_stale(temporary.path());

        let there = [&held, &left, &new, &foreign].map(|folder| folder.exists());
        assert_eq!(there, [true, false, true, true]);
    }
}
