//! A first sync of a whole life, and a second one that has nothing to do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use harness::postgres::{self, Server};
use harness::process::{Finished, Running};
use harness::run;
use tempfile::TempDir;

use crate::load::{median, spread};
use crate::{Product, build};

/// Sync years of a simulated life into both databases: seconds, rows per second, peak memory
///
/// The simulated cloud is another process and answers from memory; how long merely downloading the same bytes takes is
/// measured as well. The first run warms the cloud and is not counted. PostgreSQL is a fresh server with the settings
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

pub(crate) fn main(args: &Args) -> Result<()> {
    let recorded = build(&["-p", "simulator", "--example", "recorded"], "examples/recorded")?;
    let binary = args.product.path()?;
    let folder = tempfile::tempdir()?;
    let cloud = Cloud::start(&recorded, &args.since, folder.path())?;
    let sync = |database: &Database| sync(&binary, &cloud.address, &args.since, database, folder.path());
    eprintln!("warming the cloud (its first responses are computed)");
    sync(&Database::new("sqlite")?)?;
    let downloads: Vec<Download> = (0..args.runs).map(|_| cloud.download()).collect::<Result<_>>()?;
    let seconds: Vec<f64> = downloads.iter().map(|download| download.seconds).collect();
    println!(
        "download  {} responses, {:.0} MB: {}",
        downloads[0].answers,
        downloads[0].bytes / 1e6,
        summary(seconds.iter().copied(), "s")
    );
    for backend in ["sqlite", "postgres"] {
        let (mut first, mut again) = (Vec::new(), Vec::new());
        for _ in 0..args.runs {
            let database = Database::new(backend)?;
            first.push(sync(&database)?);
            again.push(sync(&database)?);
        }
        if let Some(run) =
            again.iter().find(|run| !run.finished.printed.contains(" 0 new documents, 0 changed, "))
        {
            bail!("a repeated sync wrote rows: {}", run.finished.printed);
        }
        let took: Vec<f64> = first.iter().map(|run| run.seconds).collect();
        let (documents, points) = (first[0].documents()?, downloads[0].points);
        println!(
            "{backend:<9} first sync {}, {:.2} x download",
            summary(took.iter().copied(), "s"),
            median(&took) / median(&seconds)
        );
        println!(
            "          {documents} documents, {:.0} a second; {points} heart-rate points, {:.0} a second",
            documents / median(&took),
            points / median(&took)
        );
        println!(
            "          processor time of the sync alone {}; peak {}",
            summary(first.iter().map(|run| run.finished.processor), "s"),
            summary(first.iter().map(|run| run.finished.peak), "MB")
        );
        println!(
            "          second sync {}, 0 rows written; peak {}",
            summary(again.iter().map(|run| run.seconds), "s"),
            summary(again.iter().map(|run| run.finished.peak), "MB")
        );
    }
    Ok(())
}

/// The simulated cloud.
struct Cloud {
    _process: Running,
    address: String,
}

impl Cloud {
    fn start(program: &Path, since: &str, folder: &Path) -> Result<Self> {
        let mut process = Running::logged(Command::new(program).arg(since), &folder.join("cloud.log"))?;
        let port = process.port("").context("--since takes a day such as 2016-11-21")?;
        Ok(Self { _process: process, address: format!("http://127.0.0.1:{port}") })
    }

    /// The paths that were requested so far.
    fn recorded(&self) -> Result<Vec<String>> {
        let mut connection = Connection::open(&self.address)?;
        let list = connection.get("/recorded")?;
        Ok(String::from_utf8(list)?.lines().map(str::to_owned).collect())
    }

    /// Reads every response again over one connection and discards it.
    fn download(&self) -> Result<Download> {
        let paths = self.recorded()?;
        let mut connection = Connection::open(&self.address)?;
        let started = Instant::now();
        let bodies: Vec<Vec<u8>> = paths.iter().map(|path| connection.get(path)).collect::<Result<_>>()?;
        let seconds = started.elapsed().as_secs_f64();
        let points =
            bodies.iter().flat_map(|body| body.windows(6)).filter(|bytes| *bytes == b"\"bpm\":").count();
        let bytes = bodies.iter().map(Vec::len).sum::<usize>();
        #[expect(clippy::cast_precision_loss, reason = "some millions")]
        Ok(Download { seconds, answers: bodies.len(), bytes: bytes as f64, points: points as f64 })
    }
}

/// All responses, read by a client that discards them.
struct Download {
    seconds: f64,
    answers: usize,
    bytes: f64,
    points: f64,
}

/// As little of HTTP/1.1 as the simulator needs.
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
                bail!("the simulated cloud closed the connection");
            }
            match line.trim_end().split_once(':') {
                None if line.trim_end().is_empty() => break,
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = Some(value.trim().parse()?);
                }
                _ => {}
            }
        }
        let mut body = vec![0; length.context("a response without a length")?];
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }
}

/// A fresh database; removed when dropped.
struct Database {
    arguments: [String; 2],
    _folder: TempDir,
    server: Option<Server>,
}

impl Database {
    fn new(backend: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        if backend == "sqlite" {
            let arguments = ["--data-dir".to_owned(), folder.path().display().to_string()];
            return Ok(Self { arguments, _folder: folder, server: None });
        }
        let programs =
            postgres::find_programs().context("install the package `postgresql`, version 15 or newer")?;
        let server = Server::start(&programs)?;
        Ok(Self {
            arguments: ["--database-url".to_owned(), server.url()],
            _folder: folder,
            server: Some(server),
        })
    }
}

/// A finished `myhealth sync`.
struct Sync {
    seconds: f64,
    finished: Finished,
}

impl Sync {
    fn documents(&self) -> Result<f64> {
        let words = self.finished.printed.split_whitespace().collect::<Vec<_>>();
        let at = words
            .iter()
            .position(|word| *word == "new")
            .context("a sync prints how many documents are new")?;
        Ok(words[at - 1].parse()?)
    }
}

fn sync(binary: &Path, cloud: &str, since: &str, database: &Database, folder: &Path) -> Result<Sync> {
    if database.server.is_some() {
        let mut migrate = Command::new(binary);
        run::quietly(migrate.env_clear().arg("migrate").args(&database.arguments), "look at its output.")?;
    }
    // Without the caller's settings.
    let mut command = Command::new("env");
    command.arg("-i").arg(binary).args([
        "sync",
        "--oura-url",
        cloud,
        "--oura-token",
        "bench",
        "--history-from",
        since,
    ]);
    // The recorded cloud has no limit to respect.
    command.args(["--oura-requests-per-minute", "10000000", "--log.level", "warn"]).args(&database.arguments);
    let started = Instant::now();
    let finished = Running::logged(&command, &folder.join("sync.log"))?.finish()?;
    Ok(Sync { seconds: started.elapsed().as_secs_f64(), finished })
}

/// The median with the smallest and largest.
fn summary(values: impl Iterator<Item = f64>, unit: &str) -> String {
    let values: Vec<f64> = values.collect();
    format!("{:.1} {unit} ({})", median(&values), spread(&values))
}
