//! The API beside what it cannot beat: the bare statement by pgbench, and a handler that returns the same bytes.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::load::{LOAD_CORE, Load, median, spread, wrk};
use super::{Product, build};
use crate::postgres::{self, Server};
use crate::process::{Running, free_port, get, until};
use crate::programs::find;
use crate::{apt, run};

/// Ten years of a trend: uncached beside a bare SQL statement, cached beside a handler with the same bytes
///
/// One core for the server, another for the load and PostgreSQL. Rounds alternate, so that what else the machine does falls
/// on all. The statement is what one would write by hand, two columns and a row a day, prepared once a connection; the
/// server asks for the same numbers and writes them as JSON, and where days are missing it says why. Then how long wrong
/// and unknown tokens take. Needs Linux and Debian's wrk and postgresql; as root they are installed.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Rounds of each
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds a round
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Requests with each kind of token
    #[arg(long, default_value_t = 2000)]
    tokens: usize,
    #[command(flatten)]
    product: Product,
    /// Compare with this build of `api/examples/bare.rs` instead of building one
    #[arg(long, value_name = "PATH")]
    bare: Option<PathBuf>,
}

const TREND: &str = "/api/v1/trends/sleep_score?person=me&from=2016-01-01&to=2025-12-31";

/// Of somebody who has a value on six days of seven.
const GAPS: &str = "/api/v1/trends/sleep_score?person=gaps&from=2016-01-01&to=2025-12-31";

/// From the root of the repository.
const PEOPLE: &str = "xtask/src/bench/api.sql";

/// What browsers and most clients send.
const GZIP: &str = "Accept-Encoding: gzip";
const PLAIN: &str = "Accept-Encoding: identity";

const STATEMENT: &str = "select day, value from daily where person = 1 and metric = 'sleep_score' \
    and day between '2016-01-01' and '2025-12-31' order by day;";

/// Connections of a closed loop.
const CLIENTS: u32 = 8;

pub(crate) fn main(args: &Args) -> Result<()> {
    if find("wrk").is_none() {
        apt::install(&["wrk"])?;
    }
    let binary = args.product.path()?;
    let bare = match &args.bare {
        Some(told) => told.clone(),
        None => build(&["-p", "api", "--example", "bare"], "examples/bare")?,
    };
    let folder = run::root().join("target/bench-api");
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder)?;
    let programs = postgres::find_programs().context("install the package postgresql")?;
    let server = Server::start(&programs)?;
    let url = database(&programs, &server, &binary)?;
    let process = server.process()?.to_string();
    let advice = "look at the lines above";
    run::quietly(Command::new("taskset").args(["-a", "-c", "-p", LOAD_CORE, &process]), advice)?;

    let serve = |memory: &str| -> Result<(Running, u16)> {
        let port = free_port()?;
        let mut command = pinned(&binary);
        command.args(["serve", "--roles", "api", "--web.listen-address=127.0.0.1:0", "--log.level=warn"]);
        command.args([
            "--api.requests-per-second=0",
            "--api.cache-mebibytes",
            memory,
            "--database-url",
            &url,
        ]);
        let running = Running::start(command.arg(format!("--api.listen-address=127.0.0.1:{port}")))?;
        until("the API", || get(port, "/api/v1/health", "").is_ok_and(|answer| answer.status == 200))?;
        Ok((running, port))
    };
    let (_uncached, uncached) = serve("0")?;
    let (_cached, cached) = serve("32")?;
    let answer = get(cached, TREND, "")?;
    if answer.status != 200 {
        bail!("the trend is not answered: {}", answer.text());
    }
    let body = folder.join("body");
    fs::write(&body, &answer.body)?;
    let plain = free_port()?;
    let _plain = Running::start(pinned(&bare).arg(&body).arg(format!("127.0.0.1:{plain}")))?;
    until("the bare handler", || get(plain, "/", "").is_ok())?;
    let statement = folder.join("statement.sql");
    fs::write(&statement, STATEMENT)?;

    println!(
        "a trend of ten years by day, {} bytes, {} rounds of {} s, {CLIENTS} clients:",
        answer.body.len(),
        args.rounds,
        args.seconds
    );
    let names = [
        "statement by pgbench",
        "API, uncached",
        "API, uncached, gaps",
        "bare axum handler",
        "API, cached",
        "API, cached, gzip",
    ];
    let mut runs: [Vec<Load>; 6] = Default::default();
    for _ in 0..args.rounds {
        runs[0].push(pgbench(&programs, &url, &statement, args.seconds)?);
        runs[1].push(wrk(uncached, TREND, PLAIN, CLIENTS, args.seconds)?);
        runs[2].push(wrk(uncached, GAPS, PLAIN, CLIENTS, args.seconds)?);
        runs[3].push(wrk(plain, "/", PLAIN, CLIENTS, args.seconds)?);
        runs[4].push(wrk(cached, TREND, PLAIN, CLIENTS, args.seconds)?);
        runs[5].push(wrk(cached, TREND, GZIP, CLIENTS, args.seconds)?);
    }
    for (name, runs) in names.iter().zip(&runs) {
        let of = |pick: fn(&Load) -> f64| runs.iter().map(pick).collect::<Vec<f64>>();
        println!(
            "  {name:<22} {:>7.0} a second ({}), p50 {:.2} ms, p99 {:.2} ms",
            median(&of(|load| load.rate)),
            spread(&of(|load| load.rate)),
            median(&of(|load| load.half)),
            median(&of(|load| load.tail)),
        );
    }
    for (what, ours, theirs) in [
        ("uncached to the statement", 1, 0),
        ("with gaps to the statement", 2, 0),
        ("cached to the bare handler", 4, 3),
        ("the same with gzip", 5, 3),
    ] {
        let ratios: Vec<f64> =
            runs[ours].iter().zip(&runs[theirs]).map(|(ours, theirs)| ours.rate / theirs.rate).collect();
        println!("  {what:<26} {:.2} ({})", median(&ratios), spread(&ratios));
    }
    tokens(args, &binary, &url, cached)
}

fn pinned(program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(program);
    command
}

/// Two people with ten years.
fn database(programs: &Path, server: &Server, binary: &Path) -> Result<String> {
    let url = server.url();
    let mut migrate = Command::new(binary);
    run::quietly(migrate.args(["migrate", "--database-url", &url]), "look at the lines above")?;
    let mut psql = Command::new(programs.join("psql"));
    psql.args(["-q", "-v", "ON_ERROR_STOP=1", "-f"]).arg(run::root().join(PEOPLE)).arg(&url);
    run::quietly(&mut psql, "look at the statement")?;
    Ok(url)
}

fn pgbench(programs: &Path, url: &str, statement: &Path, seconds: u32) -> Result<Load> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new("taskset");
    command.args(["-c", LOAD_CORE]).arg(programs.join("pgbench")).current_dir(folder.path());
    command.args([
        "-n",
        "-M",
        "prepared",
        "-l",
        "-c",
        &CLIENTS.to_string(),
        "-j",
        "1",
        "-T",
        &seconds.to_string(),
        "-f",
    ]);
    let printed = run::quietly(command.arg(statement).arg(url), "look at the lines above")?;
    let rate =
        printed.lines().find_map(|line| line.strip_prefix("tps = ")).context("pgbench printed no rate")?;
    let rate = rate.split_whitespace().next().context("pgbench printed no rate")?.parse()?;
    let mut took = Vec::new();
    for entry in fs::read_dir(folder.path())? {
        for line in fs::read_to_string(entry?.path())?.lines() {
            took.push(line.split(' ').nth(2).context("pgbench logs a time")?.parse::<f64>()? / 1e3);
        }
    }
    took.sort_by(f64::total_cmp);
    let at = |part: usize| took.get(took.len() * part / 100).copied().unwrap_or(f64::NAN);
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let requests = took.len() as f64;
    Ok(Load { requests, rate, half: at(50), tail: at(99) })
}

/// Whether a guesser learns by the clock that a token's number exists, or that its secret begins right.
fn tokens(args: &Args, binary: &Path, url: &str, port: u16) -> Result<()> {
    let mut create = Command::new(binary);
    let token = run::quietly(
        create.args(["token", "create", "bench", "--database-url", url]),
        "look at the lines above",
    )?;
    let (head, secret) = token.trim().rsplit_once('_').context("a token has two halves")?;
    let last = if secret.ends_with('0') { "1" } else { "0" };
    let kinds = [
        (
            "wrong from its first digit",
            format!("{head}_{}{}", if secret.starts_with('0') { '1' } else { '0' }, &secret[1..]),
        ),
        ("wrong in its last digit", format!("{head}_{}{last}", &secret[..secret.len() - 1])),
        ("of an unknown number", format!("mh_999_{secret}")),
        ("no token at all", "nonsense".to_owned()),
    ];
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    let mut took: [Vec<f64>; 4] = Default::default();
    let mut answer = [0; 4096];
    for _ in 0..args.tokens {
        for ((_, token), took) in kinds.iter().zip(&mut took) {
            let request = format!(
                "GET /api/v1/people HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
            );
            let started = Instant::now();
            stream.write_all(request.as_bytes())?;
            let length = stream.read(&mut answer)?;
            took.push(started.elapsed().as_secs_f64() * 1e6);
            if !answer[..length].starts_with(b"HTTP/1.1 401") {
                bail!("a wrong token was answered: {}", String::from_utf8_lossy(&answer[..length]));
            }
        }
    }
    println!("{} requests with each token:", args.tokens);
    for ((name, _), took) in kinds.iter().zip(&mut took) {
        took.sort_by(f64::total_cmp);
        let at = |part: usize| took.get(took.len() * part / 100).copied().unwrap_or(f64::NAN);
        println!("  {name:<27} p25 {:.0} µs, median {:.0} µs, p75 {:.0} µs", at(25), at(50), at(75));
    }
    Ok(())
}
