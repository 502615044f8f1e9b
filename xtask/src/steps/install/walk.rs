//! The walk of a newcomer: demo, a real ring's settings, restart, upgrade, a mistake, PostgreSQL.

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use super::file;
use super::images::{self, PREVIOUS};
use super::stack::Stack;
use crate::image::TAG;
use crate::image::engine::Engine;
use crate::process::{get, until};

/// History that the gauges do not have: by remote read, through Prometheus.
const HISTORY: &str = "count_over_time(oura_sleep_score{source=\"history\"}[20d]) > 15";

/// An application that Oura does not know: everything starts and waits for a log-in.
const RING: [&str; 3] =
    ["MYHEALTH_COMMAND=serve", "MYHEALTH_OURA_CLIENT_ID=none", "MYHEALTH_OURA_CLIENT_SECRET=none"];

const UP: [&str; 3] = ["up", "--detach", "--wait"];

pub(super) fn check(engine: &Engine) -> Result<()> {
    images::ensure(engine)?;
    let stack = Stack::new(engine)?;
    let previous = format!("MYHEALTH_IMAGE={PREVIOUS}");
    let current = format!("MYHEALTH_IMAGE={TAG}");

    stack.set(&[&previous])?;
    file::check(&stack)?;
    demo(&stack)?;

    stack.set(&[&[&*previous][..], &RING].concat())?;
    stack.quietly(&UP)?;
    let token = real_ring(&stack)?;

    stack.quietly(&["down"])?;
    stack.quietly(&UP)?;
    keeps(&stack, &token, "after down and up")?;

    stack.set(&[&[&*current][..], &RING].concat())?;
    stack.quietly(&UP)?;
    let revision =
        ["image", "inspect", "--format", "{{index .Config.Labels \"org.opencontainers.image.revision\"}}"];
    let running = stack.quietly(&["ps", "--quiet", "myhealth"])?;
    let image = engine.quietly(&["inspect", "--format", "{{.Image}}", running.trim()])?;
    ensure!(
        engine.quietly(&[&revision[..], &[&image]].concat())? != "previous",
        "the image was not replaced"
    );
    keeps(&stack, &token, "after the upgrade")?;

    stack.set(&[&[&*current, "MYHEALTH_TIME_ZONE=Mars/Olympus"][..], &RING].concat())?;
    mistake(&stack)?;
    stack.quietly(&["down", "--volumes"])?;

    postgres(&stack, &current)
}

/// From `up` to the first gauge, a scrape, history and an alert.
fn demo(stack: &Stack) -> Result<()> {
    let started = Instant::now();
    let mut up =
        stack.compose(&UP).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn()?;
    until("the first gauge", || {
        get(stack.web, "/metrics", "").is_ok_and(|answer| answer.text().contains("oura_sleep_score{"))
    })?;
    let first = started.elapsed().as_secs_f32();
    if !up.wait()?.success() {
        bail!("`docker compose up` failed:\n{}", stack.logs()?);
    }
    println!(
        "demo: first gauge {first:.1} s after `up`, all healthy after {:.1} s",
        started.elapsed().as_secs_f32()
    );
    stack.until_query("up{job=\"myhealth\"} == 1")?;
    stack.until_query(HISTORY)?;
    println!(
        "demo: Prometheus scrapes, and reads history; {:.1} s after `up`",
        started.elapsed().as_secs_f32()
    );
    until("an alert in Alertmanager", || {
        get(stack.alertmanager, "/api/v2/alerts", "").is_ok_and(|answer| answer.text().contains("\"Walk\""))
    })?;
    println!("demo: an alert reached Alertmanager");
    stack.quietly(&["run", "--rm", "grafana-password"]).map(drop)
}

/// The API is closed but for Prometheus, whose declared token opens remote read. Returns a token made by hand.
fn real_ring(stack: &Stack) -> Result<String> {
    let closed = stack.api("/api/v1/people", None)?.status;
    ensure!(closed == 401, "the API answers {closed} without a token");
    // No result, since this person has no history; no warning either, which a refused remote read leaves.
    let read = stack.query("oura_sleep_score{source=\"history\"}")?;
    ensure!(read["status"] == "success" && read.get("warnings").is_none(), "remote read was refused: {read}");
    let printed = stack.quietly(&["exec", "myhealth", "/usr/bin/myhealth", "token", "create", "walk"])?;
    let token = printed.split_whitespace().find(|word| word.starts_with("mh_"));
    let token = token.with_context(|| format!("no token was printed: {printed}"))?.to_owned();
    keeps(stack, &token, "once it was made")?;
    println!("serve: closed without a token; Prometheus' own and one made by hand open it");
    Ok(token)
}

fn keeps(stack: &Stack, token: &str, when: &str) -> Result<()> {
    let status = stack.api("/api/v1/people", Some(token))?.status;
    ensure!(status == 200, "a token that was made by hand gets {status} {when}:\n{}", stack.logs()?);
    stack.until_query("up{job=\"myhealth\"} == 1")?;
    println!("serve: what was stored is there {when}");
    Ok(())
}

/// A wrong value ends `up` with a failure, and the log says which one in one sentence.
fn mistake(stack: &Stack) -> Result<()> {
    let up = stack.compose(&UP).output()?;
    ensure!(!up.status.success(), "`up` succeeds with a wrong value");
    let logs = stack.compose(&["logs", "--no-color", "--no-log-prefix", "--tail=40", "myhealth"]).output()?;
    let logs = String::from_utf8_lossy(&logs.stdout).into_owned();
    let mut sentences: Vec<_> = logs.lines().filter(|line| line.starts_with("error: ")).collect();
    // Docker starts it again and again.
    sentences.dedup();
    let [sentence] = sentences[..] else { bail!("{} sentences:\n{logs}", sentences.len()) };
    ensure!(sentence.contains("Mars/Olympus") && sentence.contains("IANA name"), "{sentence}");
    println!("wrong value: {sentence}");
    Ok(())
}

/// The profile with PostgreSQL: migrated, closed but for tokens, and kept.
fn postgres(stack: &Stack, image: &str) -> Result<()> {
    let lines = [
        image,
        "COMPOSE_PROFILES=postgres",
        "MYHEALTH_POSTGRES_PASSWORD=4f2d0d8f5f0a4d7c",
        "MYHEALTH_ENCRYPTION_KEY=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "MYHEALTH_DATABASE_URL=postgres://myhealth:${MYHEALTH_POSTGRES_PASSWORD}@postgres/myhealth",
    ];
    stack.set(&[&lines[..], &RING].concat())?;
    let started = Instant::now();
    stack.quietly(&UP)?;
    println!("postgres: all healthy after {:.1} s", started.elapsed().as_secs_f32());
    let token = real_ring(stack)?;
    stack.quietly(&["down"])?;
    stack.quietly(&UP)?;
    keeps(stack, &token, "after down and up")
}
