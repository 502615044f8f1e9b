//! A first sync of a whole life, and a second one that has nothing to do.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{Product, build, load};
use crate::postgres::{self, Server};
use crate::run;

/// Sync years of a simulated life into both databases: seconds, rows per second, peak memory
///
/// The simulated cloud is another process and answers from memory; how long merely downloading the same bytes takes is
/// measured beside it. The first run warms the cloud and is not counted. PostgreSQL is a fresh server with the settings
/// of the tests (fsync off). Needs Linux, where a process's peak memory is read from /proc.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Counted runs per database
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// The first day of the life
    #[arg(long, value_name = "DAY", default_value = "2016-11-21")]
    since: String,
    #[command(flatten)]
    product: Product,
}

/// How often a running process's peak memory is looked at; the peak itself never falls.
const LOOK: Duration = Duration::from_millis(10);

pub(crate) fn main(args: &Args) -> Result<()> {
    let recorded = build(&["-p", "simulator", "--example", "recorded"], "examples/recorded")?;
    let binary = args.product.path()?;
    let cloud = Cloud::start(&recorded, &args.since)?;
    let sync = |database: &Database| sync(&binary, &cloud.address, &args.since, database);
    eprintln!("warming the cloud (its first answers are computed)");
    sync(&Database::embedded(0)?)?;
    let downloads: Vec<Download> = (0..args.runs).map(|_| cloud.download()).collect::<Result<_>>()?;
    let seconds = || downloads.iter().map(|download| download.time.as_secs_f64());
    let download = median(seconds());
    println!(
        "download  {} answers, {:.0} MB: {}",
        downloads[0].answers,
        megabytes(downloads[0].bytes),
        spread(seconds(), "s")
    );
    for backend in ["sqlite", "postgres"] {
        let (mut first, mut again) = (Vec::new(), Vec::new());
        for n in 1..=args.runs {
            let database = if backend == "sqlite" { Database::embedded(n)? } else { Database::server()? };
            first.push(sync(&database)?);
            again.push(sync(&database)?);
        }
        for run in &again {
            if !run.printed.contains(" 0 new documents, 0 changed, ") {
                bail!("a repeated sync wrote rows: {}", run.printed);
            }
        }
        let seconds = || first.iter().map(|run| run.time.as_secs_f64());
        let (documents, points) = (first[0].documents()?, downloads[0].points);
        println!(
            "{backend:<9} first sync {}, {:.2} x download",
            spread(seconds(), "s"),
            median(seconds()) / download
        );
        println!(
            "          {documents} documents, {:.0} a second; {points} heart-rate points, {:.0} a second",
            documents / median(seconds()),
            points / median(seconds())
        );
        println!(
            "          processor time of the sync alone {}; peak {}",
            spread(first.iter().map(|run| run.processor), "s"),
            spread(first.iter().map(|run| megabytes(run.peak)), "MB")
        );
        println!(
            "          second sync {}, 0 rows written; peak {}",
            spread(again.iter().map(|run| run.time.as_secs_f64()), "s"),
            spread(again.iter().map(|run| megabytes(run.peak)), "MB")
        );
    }
    Ok(())
}

/// The simulated cloud; killed when dropped.
struct Cloud {
    process: Child,
    address: String,
}

impl Cloud {
    fn start(program: &Path, since: &str) -> Result<Self> {
        let mut process = Command::new(program)
            .arg(since)
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the simulated cloud")?;
        let mut address = String::new();
        let output = process.stdout.take().expect("BUG: its output is a pipe");
        BufReader::new(output).read_line(&mut address)?;
        let address = address.trim().to_owned();
        if address.is_empty() {
            bail!("the simulated cloud did not start; --since takes a day such as 2016-11-21");
        }
        Ok(Self { process, address })
    }

    /// The addresses asked for so far.
    fn recorded(&self) -> Result<Vec<String>> {
        let mut connection = Connection::open(&self.address)?;
        let list = connection.get("/recorded")?;
        Ok(String::from_utf8(list)?.lines().map(str::to_owned).collect())
    }

    /// Reads every answer again over one connection and does nothing with it.
    fn download(&self) -> Result<Download> {
        let paths = self.recorded()?;
        let mut connection = Connection::open(&self.address)?;
        let started = Instant::now();
        let bodies: Vec<Vec<u8>> = paths.iter().map(|path| connection.get(path)).collect::<Result<_>>()?;
        let time = started.elapsed();
        let points = bodies.iter().flat_map(|body| body.windows(6)).filter(|bytes| *bytes == b"\"bpm\":");
        #[expect(clippy::cast_precision_loss, reason = "some millions")]
        let points = points.count() as f64;
        Ok(Download {
            time,
            answers: bodies.len(),
            bytes: bodies.iter().map(|body| body.len() as u64).sum(),
            points,
        })
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// All answers, read by a client that does nothing with them.
struct Download {
    time: Duration,
    answers: usize,
    bytes: u64,
    points: f64,
}

/// As little of HTTP/1.1 as our own server needs.
struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    fn open(address: &str) -> Result<Self> {
        let host = address.strip_prefix("http://").context("an http address")?;
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::with_capacity(1 << 16, stream) })
    }

    fn get(&mut self, path: &str) -> Result<Vec<u8>> {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer bench\r\n\r\n");
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut length = None;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                bail!("the simulated cloud hung up");
            }
            match line.trim_end().split_once(':') {
                None if line.trim_end().is_empty() => break,
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = Some(value.trim().parse()?);
                }
                _ => {}
            }
        }
        let mut body = vec![0; length.context("an answer without a length")?];
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }
}

/// A fresh database; gone when dropped.
struct Database {
    arguments: Vec<String>,
    folder: Option<PathBuf>,
    _server: Option<Server>,
}

impl Database {
    fn embedded(n: usize) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("myhealth-bench-{}-{n}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let arguments = vec!["--data-dir".to_owned(), folder.display().to_string()];
        Ok(Self { arguments, folder: Some(folder), _server: None })
    }

    fn server() -> Result<Self> {
        let programs =
            postgres::find_programs().context("install the package `postgresql`, version 15 or newer")?;
        let server = Server::start(&programs)?;
        let arguments = vec!["--database-url".to_owned(), server.url()];
        Ok(Self { arguments, folder: None, _server: Some(server) })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            fs::remove_dir_all(folder).ok();
        }
    }
}

/// A finished `myhealth sync`.
struct Sync {
    time: Duration,
    /// Seconds that processors worked for it, which a busy machine hardly changes.
    processor: f64,
    /// Bytes.
    peak: u64,
    printed: String,
}

impl Sync {
    fn documents(&self) -> Result<f64> {
        let words = self.printed.split_whitespace().collect::<Vec<_>>();
        let at =
            words.iter().position(|word| *word == "new").context("a sync says how many documents are new")?;
        Ok(words[at - 1].parse()?)
    }
}

fn sync(binary: &Path, cloud: &str, since: &str, database: &Database) -> Result<Sync> {
    let advice = "look at what it says.";
    if database.folder.is_none() {
        run::quietly(Command::new(binary).env_clear().arg("migrate").args(&database.arguments), advice)?;
    }
    let mut command = Command::new(binary);
    command.env_clear().args(["sync", "--oura-url", cloud, "--oura-token", "bench", "--history-from", since]);
    // The recorded cloud has no limit to respect.
    command.args(["--oura-requests-per-minute", "10000000"]);
    command.args(["--log.level", "warn"]).args(&database.arguments);
    let started = Instant::now();
    let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let facts = PathBuf::from(format!("/proc/{}", process.id()));
    let (mut peak, mut processor) = (0, 0.0);
    let status = loop {
        peak = peak_of(&facts).unwrap_or(peak);
        processor = processor_of(&facts).unwrap_or(processor);
        if let Some(status) = process.try_wait()? {
            break status;
        }
        thread::sleep(LOOK);
    };
    let time = started.elapsed();
    let mut printed = String::new();
    process.stdout.take().expect("BUG: its output is a pipe").read_to_string(&mut printed)?;
    if !status.success() {
        bail!("`{}` failed: {status}\n{printed}", run::command_line(&command));
    }
    Ok(Sync { time, processor, peak, printed })
}

/// The most memory a process ever had, in bytes.
fn peak_of(facts: &Path) -> Option<u64> {
    let text = fs::read_to_string(facts.join("status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// The seconds a process has worked, by itself and in the kernel.
fn processor_of(facts: &Path) -> Option<f64> {
    // Linux counts in hundredths on every machine it runs on.
    const TICKS: f64 = 100.0;
    let text = fs::read_to_string(facts.join("stat")).ok()?;
    // The name in parentheses may hold anything; the fields after it are numbered from 3.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
    Some((ticks(14)? + ticks(15)?) / TICKS).filter(|seconds| *seconds > 0.0)
}

#[expect(clippy::cast_precision_loss, reason = "megabytes for people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    load::median(&values.collect::<Vec<_>>())
}

/// The median with the smallest and largest.
fn spread(values: impl Iterator<Item = f64>, unit: &str) -> String {
    let values: Vec<f64> = values.collect();
    let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{:.1} {unit} ({smallest:.1} to {largest:.1})", load::median(&values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_has_its_spread() {
        assert_eq!(spread([3.0, 1.0, 2.0].into_iter(), "s"), "2.0 s (1.0 to 3.0)");
    }

    #[test]
    fn peak_memory_of_a_process_is_read() {
        assert!(peak_of(Path::new("/proc/self")).is_some_and(|peak| peak > 1 << 20));
    }
}
