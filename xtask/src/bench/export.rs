//! A heart's ten years through the export route, in every format, from both databases.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use domain::Day;

use super::Product;
use super::load::{median, spread};
use crate::postgres::{self, Server};
use crate::process::{Running, free_port, get};
use crate::run;

/// Ten years of heart rate as files, streamed: points and bytes a second, memory above idle
///
/// 1,051,200 points, one every five minutes, are sent to the service as another program would, then exported in each
/// format by a process of its own. One core for the server, another for the reader and PostgreSQL. Needs Linux.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Rounds of each
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Days of points, 288 each
    #[arg(long, default_value_t = 3650)]
    days: u32,
    #[command(flatten)]
    product: Product,
}

const FORMATS: [&str; 5] = ["csv", "ndjson", "json", "parquet", "fhir"];

const FIRST: Day = Day::literal(2016, 1, 1);

/// Points of a day.
const POINTS: u32 = 288;

/// Days sent at a time: the API takes 10,000 rows.
const AT_A_TIME: u32 = 34;

const ADVICE: &str = "look at the lines above";

pub(crate) fn main(args: &Args) -> Result<()> {
    let binary = args.product.path()?;
    let folder = run::root().join("target/bench-export");
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder)?;
    let programs = postgres::find_programs().context("install the package postgresql")?;
    let server = Server::start(&programs)?;
    println!("{} points of heart rate, {} rounds:", args.days * POINTS, args.rounds);
    for (name, url) in
        [("sqlite", format!("sqlite:{}", folder.join("bench.db").display())), ("postgres", server.url())]
    {
        let service = Service { binary: &binary, url: &url };
        let token = service.fill(args.days)?;
        for format in FORMATS {
            println!("  {name:<9}{format:<8} {}", service.measure(format, &token, args)?);
        }
    }
    Ok(())
}

struct Service<'a> {
    binary: &'a Path,
    url: &'a str,
}

impl Service<'_> {
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]).arg(self.binary).args(words).args(["--database-url", self.url]);
        command
    }

    fn start(&self) -> Result<(Running, u16)> {
        let port = free_port()?;
        let mut serve = self.command(&["serve", "--roles", "api", "--web.listen-address=127.0.0.1:0"]);
        serve.args(["--log.level=warn", "--api.requests-per-second=0"]);
        let mut running = Running::start(serve.arg(format!("--api.listen-address=127.0.0.1:{port}")))?;
        running
            .until("the API", |_| get(port, "/api/v1/health", "").is_ok_and(|answer| answer.status == 200))?;
        Ok((running, port))
    }

    /// Puts the points in by the front door; returns a token.
    fn fill(&self, days: u32) -> Result<String> {
        run::quietly(&mut self.command(&["migrate"]), ADVICE)?;
        run::quietly(&mut self.command(&["person", "add", "me", "--time-zone", "UTC"]), ADVICE)?;
        let create = ["token", "create", "bench", "--scope", "rest", "--scope", "ingest"];
        let token = run::quietly(&mut self.command(&create), ADVICE)?.trim().to_owned();
        let (_running, port) = self.start()?;
        for first in (0..days).step_by(AT_A_TIME as usize) {
            let body = points(first..days.min(first + AT_A_TIME));
            let mut stream = connect(port)?;
            let length = body.len();
            write!(
                stream,
                "POST /api/v1/ingest HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
                 Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
            )?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            if !answer.starts_with("HTTP/1.1 200") || !answer.contains("\"rejected\":0") {
                bail!("the points are not taken: {answer}");
            }
        }
        Ok(token)
    }

    /// Exports by a process that has done nothing else.
    fn measure(&self, format: &str, token: &str, args: &Args) -> Result<String> {
        let (running, port) = self.start()?;
        let idle = running.resident()?;
        let path = format!("/api/v1/export?format={format}&what=points&metrics=heart_rate_awake");
        let (mut rates, mut streams, mut peak, mut bytes) = (Vec::new(), Vec::new(), idle, 0.0);
        for _ in 0..args.rounds {
            let (read, seconds) = download(port, &path, token, || {
                peak = peak.max(running.resident()?);
                Ok(())
            })?;
            bytes = read;
            rates.push(f64::from(args.days * POINTS) / seconds);
            streams.push(read / 1e6 / seconds);
        }
        Ok(format!(
            "{:>9.0} points/s ({}), {:>4.0} MB/s, {:>4.0} MB; {:.1} MB above the {idle:.0} MB of rest",
            median(&rates),
            spread(&rates),
            median(&streams),
            bytes / 1e6,
            peak - idle,
        ))
    }
}

/// Some days of a heart, as `/api/v1/ingest` takes them.
fn points(days: std::ops::Range<u32>) -> String {
    use std::fmt::Write as _;

    let mut body = String::from(r#"{"person":"me","collection":"heartrate","documents":["#);
    for n in days.start * POINTS..days.end * POINTS {
        let day = FIRST.plus(i64::from(n / POINTS));
        let minute = n % POINTS * 5;
        let comma = if body.ends_with('[') { "" } else { "," };
        let (hour, minute, bpm) = (minute / 60, minute % 60, 48 + n * 7 % 60);
        let _ = write!(
            body,
            r#"{comma}{{"timestamp":"{day}T{hour:02}:{minute:02}:00Z","bpm":{bpm},"source":"awake"}}"#
        );
    }
    body.push_str("]}");
    body
}

fn connect(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    Ok(stream)
}

/// Reads an answer to its end and does nothing with it; its bytes and seconds.
fn download(port: u16, path: &str, token: &str, mut look: impl FnMut() -> Result<()>) -> Result<(f64, f64)> {
    let mut stream = connect(port)?;
    let started = Instant::now();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    )?;
    let (mut piece, mut last, mut bytes) = (vec![0; 1 << 18], Vec::new(), 0_u32);
    loop {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            break;
        }
        if bytes == 0 && !piece.starts_with(b"HTTP/1.1 200") {
            bail!("no export: {}", String::from_utf8_lossy(&piece[..read]));
        }
        bytes = bytes.checked_add(u32::try_from(read)?).context("an export has less than 4 GB")?;
        last.extend_from_slice(&piece[..read]);
        last.drain(..last.len().saturating_sub(5));
        look()?;
    }
    // An answer that was cut short lacks its last chunk.
    if last != b"0\r\n\r\n" {
        bail!("the export ended early, after {bytes} bytes");
    }
    Ok((f64::from(bytes), started.elapsed().as_secs_f64()))
}
