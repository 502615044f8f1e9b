//! The exporter beside a web server that does nothing else, and with very many persons.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use domain::{Collection, METRICS};

use super::Product;
use super::load::{median, spread, wrk};
use crate::postgres::{self, Server};
use crate::process::{Running, free_port, get, until};
use crate::programs::find;
use crate::{apt, run};

/// Serve one person beside nginx, then very many persons to a real Prometheus
///
/// One core for the server, another for the load. Rounds alternate between the servers, so that what else the machine
/// does falls on both. Needs Linux and Debian's nginx-light, wrk, prometheus and postgresql; as root they are installed.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Rounds per server and encoding
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds a round
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Persons of the large database
    #[arg(long, default_value_t = 10_000)]
    people: usize,
    #[command(flatten)]
    product: Product,
}

/// Connections of a closed loop.
const CONNECTIONS: u32 = 32;

pub(crate) fn main(args: &Args) -> Result<()> {
    let needs = [("nginx", "nginx-light"), ("wrk", "wrk"), ("prometheus", "prometheus")];
    let missing: Vec<&str> = needs
        .into_iter()
        .filter(|(program, _)| find(program).is_none())
        .map(|(_, package)| package)
        .collect();
    if !missing.is_empty() {
        apt::install(&missing)?;
    }
    let binary = args.product.path()?;
    let folder = run::root().join("target/bench-exporter");
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder)?;
    one_person(args, &binary, &folder)?;
    many_persons(args, &binary, &folder)
}

fn one_person(args: &Args, binary: &Path, folder: &Path) -> Result<()> {
    let data = folder.join("one");
    let (demo_web, demo_api) = (free_port()?, free_port()?);
    let mut demo = Command::new(binary);
    demo.args(["demo", "--data-dir"]).arg(&data).args(["--since", "2026-09-01"]);
    demo.arg(format!("--web.listen-address=127.0.0.1:{demo_web}"));
    demo.arg(format!("--api.listen-address=127.0.0.1:{demo_api}"));
    let demo = Running::start(&demo)?;
    until("the demo's gauges", || {
        get(demo_web, "/metrics", "").is_ok_and(|answer| answer.text().contains("oura_readiness_score{"))
    })?;
    drop(demo);
    let database = fs::read_dir(&data)?.filter_map(|entry| Some(entry.ok()?.path()));
    let database = database.into_iter().find(|path| path.extension().is_some_and(|kind| kind == "db"));
    let database = format!("sqlite:{}", database.context("the demo made no database")?.display());

    let port = free_port()?;
    let started = Instant::now();
    let exporter = exporter(binary, port, &["--database-url", &database])?;
    until("the first scrape", || {
        get(port, "/metrics", "").is_ok_and(|answer| answer.text().contains("oura_activity_steps{"))
    })?;
    println!("start to first scrape with gauges   {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
    thread::sleep(Duration::from_secs(2));
    println!("resident, idle, one person          {:.1} MB", exporter.resident()?);

    let plain = get(port, "/metrics", "")?.body;
    let gzip = get(port, "/metrics", "Accept-Encoding: gzip\r\n")?.body;
    fs::write(folder.join("plain"), &plain)?;
    fs::write(folder.join("gzip"), &gzip)?;
    // Without sendfile nginx has to copy the text into the kernel, as every program has whose text is not a file.
    let (nginx_port, copying_port) = (free_port()?, free_port()?);
    let (nginx, copying) = (nginx(folder, nginx_port, true)?, nginx(folder, copying_port, false)?);
    let servers = [("myhealth", &exporter), ("nginx", &nginx), ("nginx, no sendfile", &copying)];
    for port in [nginx_port, copying_port] {
        until("nginx", || get(port, "/plain", "").is_ok())?;
    }
    for (kind, length, header) in
        [("plain", plain.len(), "Accept-Encoding: identity"), ("gzip", gzip.len(), "Accept-Encoding: gzip")]
    {
        let mut rates = [const { Vec::new() }; 3];
        let mut tails = [const { Vec::new() }; 3];
        let mut costs = [const { Vec::new() }; 3];
        for _ in 0..args.rounds {
            let file = format!("/{kind}");
            let urls = [(port, "/metrics"), (nginx_port, file.as_str()), (copying_port, file.as_str())];
            for (server, (port, path)) in urls.into_iter().enumerate() {
                let before = servers[server].1.processor()?;
                let load = wrk(port, path, header, CONNECTIONS, args.seconds)?;
                let took = servers[server].1.processor()? - before;
                costs[server].push(took * 1e6 / load.requests);
                rates[server].push(load.rate);
                tails[server].push(load.tail);
            }
        }
        println!("{kind}, {length} bytes, {} rounds, server and load on a core each:", args.rounds);
        for (server, (name, _)) in servers.into_iter().enumerate() {
            println!(
                "  {name:<18} {:>7.0} requests/s ({}), p99 {:.2} ms, {:.1} µs of the processor each ({})",
                median(&rates[server]),
                spread(&rates[server]),
                median(&tails[server]),
                median(&costs[server]),
                spread(&costs[server])
            );
        }
        for (server, (name, _)) in servers.into_iter().enumerate().skip(1) {
            let ratios = |ours: &[f64], theirs: &[f64]| -> Vec<f64> {
                ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect()
            };
            let rate = ratios(&rates[0], &rates[server]);
            // On a busy machine the better measure: what others do takes more from the rate than from this.
            let cost = ratios(&costs[server], &costs[0]);
            println!(
                "  beside {name}: rate {:.2} ({}), cost {:.2} ({})",
                median(&rate),
                spread(&rate),
                median(&cost),
                spread(&cost)
            );
        }
    }
    Ok(())
}

fn many_persons(args: &Args, binary: &Path, folder: &Path) -> Result<()> {
    let programs = postgres::find_programs().context("install the package postgresql")?;
    let server = Server::start(&programs)?;
    let psql = |url: &str, sql: &str| {
        let mut psql = Command::new(programs.join("psql"));
        psql.args(["-q", "-v", "ON_ERROR_STOP=1", url, "-c", sql]);
        run::quietly(&mut psql, "look at the statement")
    };
    let database = |name: &str, everybody: usize, shards: usize| -> Result<String> {
        psql(&server.url(), &format!("create database {name}"))?;
        let url = server.url();
        let url = format!("{}/{name}", url.rsplit_once('/').context("an address without a database")?.0);
        let mut migrate = Command::new(binary);
        run::quietly(migrate.args(["migrate", "--database-url", &url]), "look at the lines above")?;
        psql(&url, &people(everybody, shards))?;
        Ok(url)
    };

    let url = database("many", args.people, 1)?;
    println!("{} persons in PostgreSQL:", args.people);
    let (exporter, port) = ready(binary, &url, "0/1")?;
    let large = Cost::of(&exporter, port)?;
    large.say("everybody");
    scraped(port, folder)?;
    changed(port, &|sql| psql(&url, sql), (args.people / 10).max(1))?;
    drop(exporter);

    let small = database("thousand", 1_000, 1)?;
    let crowd = database("crowd", args.people * 10, 10)?;
    println!("a tenth of {} persons; the other nine tenths are persons without values:", args.people * 10);
    let mut ratios = Vec::new();
    for _ in 0..args.rounds {
        let (exporter, port) = ready(binary, &small, "0/1")?;
        let few = Cost::of(&exporter, port)?;
        few.say("all of a thousand");
        drop(exporter);
        let (exporter, port) = ready(binary, &crowd, "0/10")?;
        let many = Cost::of(&exporter, port)?;
        many.say("one of ten shards");
        ratios.push(many.processor / few.processor);
    }
    println!("  processor's time a person, shard to thousand: {:.2} ({})", median(&ratios), spread(&ratios));
    Ok(())
}

/// An exporter that has read everybody.
fn ready(binary: &Path, url: &str, shard: &str) -> Result<(Running, u16)> {
    let port = free_port()?;
    let exporter = exporter(binary, port, &["--database-url", url, "--shard", shard])?;
    until("readiness", || get(port, "/-/ready", "").is_ok_and(|answer| answer.status == 200))?;
    Ok((exporter, port))
}

/// What a start took.
struct Cost {
    people: f64,
    series: f64,
    plain: f64,
    gzip: f64,
    resident: f64,
    /// Seconds a person.
    processor: f64,
    read: f64,
}

impl Cost {
    fn of(exporter: &Running, port: u16) -> Result<Self> {
        let metrics = get(port, "/metrics", "")?.text();
        let says = |name: &str| number(&metrics, name);
        let people = says("myhealth_exporter_people");
        Ok(Self {
            people,
            series: says("myhealth_exporter_series"),
            plain: says("myhealth_exporter_body_bytes"),
            gzip: says("myhealth_exporter_compressed_body_bytes"),
            resident: exporter.resident()? * 1e6,
            processor: says("process_cpu_seconds_total") / people,
            read: says("myhealth_exporter_last_read_duration_seconds"),
        })
    }

    fn say(&self, name: &str) {
        println!(
            "  {name}: {:.0} persons, {:.0} series, {:.1} MB plain, {:.1} MB gzip, {:.0} MB resident, {:.0} B a series above the text",
            self.people,
            self.series,
            self.plain / 1e6,
            self.gzip / 1e6,
            self.resident / 1e6,
            (self.resident - self.plain - self.gzip) / self.series
        );
        println!(
            "    first reading {:.2} s; {:.0} µs of the processor a person, start and compression included",
            self.read,
            self.processor * 1e6
        );
    }
}

/// A real Prometheus, for some scrapes.
fn scraped(port: u16, folder: &Path) -> Result<()> {
    let own = free_port()?;
    let config = folder.join("prometheus.yml");
    fs::write(
        &config,
        format!(
            "global: {{scrape_interval: 15s, scrape_timeout: 15s}}\nscrape_configs:\n  - job_name: myhealth\n    static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
        ),
    )?;
    let mut prometheus = Command::new("taskset");
    prometheus.args(["-c", "1"]).arg(find("prometheus").context("install the package prometheus")?);
    prometheus.arg(format!("--config.file={}", config.display()));
    prometheus.arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()));
    prometheus.arg(format!("--web.listen-address=127.0.0.1:{own}"));
    let _prometheus = Running::start(&prometheus)?;
    let ask = |query: &str| {
        let answer = get(own, &format!("/api/v1/query?query={query}"), "").map(|answer| answer.text());
        let answer = answer.unwrap_or_default();
        let value = answer.rsplit_once(",\"").and_then(|(_, rest)| rest.split_once('"'));
        value.and_then(|(value, _)| value.parse::<f64>().ok())
    };
    until("a first scrape", || ask("sum(up)") == Some(1.0))?;
    thread::sleep(Duration::from_mins(1));
    println!(
        "    Prometheus every 15 s: {:?} scrapes in a minute, all good: {}, {:?} samples each, {:?} s the longest",
        ask("count_over_time(up[1m])").unwrap_or_default(),
        ask("min_over_time(up[1m])") == Some(1.0),
        ask("scrape_samples_scraped").unwrap_or_default(),
        ask("max_over_time(scrape_duration_seconds[1m])").unwrap_or_default()
    );
    Ok(())
}

/// One person's values change in the database.
fn changed(port: u16, psql: &dyn Fn(&str) -> Result<String>, person: usize) -> Result<()> {
    let mut waits = Vec::new();
    let mut rebuilds = Vec::new();
    for round in 1..=5 {
        psql(&format!(
            "update latest set value = 1000 + {round}, updated_at = clock_timestamp() where person = {person} and metric = 'activity_steps'"
        ))?;
        let written = Instant::now();
        let line = format!("oura_activity_steps{{person=\"p-{person:06}\"}} {}\n", 1000 + round);
        until("the change", || {
            let path = format!("/probe?target=p-{person:06}");
            get(port, &path, "").is_ok_and(|answer| answer.text().contains(&line))
        })?;
        waits.push(written.elapsed().as_secs_f64());
        rebuilds.push(number(
            &get(port, "/metrics", "")?.text(),
            "myhealth_exporter_last_rebuild_duration_seconds",
        ));
    }
    println!(
        "    one person changes: shown after {:.2} s ({}), rebuild {:.2} ms ({})",
        median(&waits),
        spread(&waits),
        median(&rebuilds) * 1e3,
        spread(&rebuilds)
    );
    Ok(())
}

/// So many persons. Those of the first of so many shards have a value of everything and every collection read; the
/// others are there and have nothing, which is quicker to make and is all that a shard sees of them.
fn people(count: usize, shards: usize) -> String {
    let list = |words: Vec<&str>| words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(",");
    let keys =
        list(METRICS.iter().filter(|metric| metric.has_current_value()).map(|metric| metric.key).collect());
    let collections = list(Collection::ALL.iter().map(|collection| collection.name()).collect());
    // As numeric, because 64 bits without a sign are no integer of PostgreSQL.
    let eight = "(select sum(get_byte(sha256(name::bytea), byte) * 256::numeric ^ (7 - byte)) from generate_series(0, 7) byte)";
    let here = format!("(select id as n from person where mod({eight}, {shards}) = 0) here");
    format!(
        "insert into person select n, 'p-' || lpad(n::text, 6, '0'), 'UTC', now() from generate_series(1, {count}) n;
         insert into latest select n, key, current_date, date_trunc('hour', now()), (n * 31 + length(key) * 7) % 997 / 4.0, now()
             from {here}, unnest(array[{keys}]) key;
         insert into sync_state (person, collection, newest_day, last_attempt_at, last_success_at)
             select n, name, current_date, now(), now() from {here}, unnest(array[{collections}]) name;
         analyze"
    )
}

/// The exporter on the first core.
fn exporter(binary: &Path, port: u16, words: &[&str]) -> Result<Running> {
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(binary).args(["serve", "--roles", "exporter"]).args(words);
    Running::start(command.arg(format!("--web.listen-address=127.0.0.1:{port}")))
}

fn nginx(folder: &Path, port: u16, sendfile: bool) -> Result<Running> {
    let sendfile = if sendfile { "on" } else { "off" };
    let own = folder.join(format!("nginx-sendfile-{sendfile}"));
    fs::create_dir_all(&own)?;
    let config = own.join("nginx.conf");
    let (root, own) = (folder.display(), own.display());
    let text = format!(
        "daemon off; worker_processes 1; user root; pid {own}/nginx.pid; error_log {own}/nginx.log;\n\
         events {{ worker_connections 512; }}\n\
         http {{\n  access_log off; sendfile {sendfile}; tcp_nopush on; keepalive_requests 100000000; open_file_cache max=10;\n  \
         client_body_temp_path {own}/t1; proxy_temp_path {own}/t2; fastcgi_temp_path {own}/t3; uwsgi_temp_path {own}/t4; scgi_temp_path {own}/t5;\n  \
         default_type text/plain;\n  server {{\n    listen 127.0.0.1:{port}; root {root};\n    \
         location /gzip {{ add_header Content-Encoding gzip; }}\n  }}\n}}\n"
    );
    fs::write(&config, text)?;
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(find("nginx").context("install the package nginx-light")?);
    Running::start(command.arg("-c").arg(config))
}

/// The value of a series without labels.
fn number(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or(f64::NAN)
}
