//! `demo` and `serve` under several users, each with a read-only root, no capabilities and little memory.

use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::container::{Container, Volume};
use super::engine::Engine;
use super::platform::TAG;
use crate::process::until;

/// As strict as the compose file, and with the limits of a small machine.
pub(super) const LIMITS: [&str; 6] = [
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--pids-limit=64",
    "--memory=64m",
    "--memory-swap=64m",
];

/// Published on free ports of loopback.
pub(super) const PORTS: [&str; 2] = ["--publish=127.0.0.1::9872", "--publish=127.0.0.1::8872"];

/// The image's own user, that of a NAS, and one that a cluster draws.
const USERS: [&str; 3] = ["65532:65532", "568:568", "1000650000:0"];

/// What a ring needs, of an application that Oura does not know: `serve` waits for a log-in.
const APPLICATION: [&str; 3] = [
    "--env=MYHEALTH_OURA_CLIENT_ID=none",
    "--env=MYHEALTH_OURA_CLIENT_SECRET=none",
    "--env=MYHEALTH_API_ALLOW_ANONYMOUS=true",
];

pub(super) fn check(engine: &Engine) -> Result<()> {
    for user in USERS {
        for (command, environment, gauge) in
            [("demo", &[][..], "oura_sleep_score{"), ("serve", &APPLICATION[..], "myhealth_build_info{")]
        {
            let volume = Volume::new(engine)?;
            let (first, memory) = run(engine, user, command, environment, gauge, &volume)?;
            let (again, _) = run(engine, user, command, environment, gauge, &volume)?;
            println!(
                "{command:<6} as {user:<13} first gauge after {first:.1} s, restarted {again:.1} s, {memory:.0} MB resident"
            );
        }
    }
    Ok(())
}

/// Starts, waits for a gauge, the API and Docker's own health check, and stops. Seconds to the gauge, and megabytes
/// resident then.
fn run(
    engine: &Engine,
    user: &str,
    command: &str,
    environment: &[&str],
    gauge: &str,
    volume: &Volume,
) -> Result<(f32, f64)> {
    let (user, data) = (format!("--user={user}"), volume.on_data());
    let options = [&LIMITS[..], &PORTS, environment, &[&user, &data, "--health-interval=1s"]].concat();
    let started = Instant::now();
    let container = Container::start(engine, &options, TAG, &[command])?;
    let scrape = || {
        container.response(9872, "/metrics", |answer| answer.status == 200 && answer.text().contains(gauge))
    };
    scrape()?;
    let seconds = started.elapsed().as_secs_f32();
    container.response(8872, "/api/v1/health", |answer| answer.status == 200)?;
    until("Docker's health check", || {
        container.inspect("{{.State.Health.Status}}").is_ok_and(|health| health == "healthy")
    })?;
    let metrics = scrape()?.text();
    let resident = metrics.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    let resident: f64 = resident.context("no process_resident_memory_bytes")?.trim().parse()?;
    let code = container.stop()?;
    if code != 0 || container.inspect("{{.State.OOMKilled}}")? != "false" {
        bail!("`{command}` under {user} was stopped and ended with {code}");
    }
    // A read-only root, a missing capability or too little memory shows here, even where the program went on.
    let (_, log) = container.logs()?;
    if let Some(line) = log.lines().find(|line| line.contains(" ERROR ")) {
        bail!("`{command}` under {user} logged an error: {line}");
    }
    Ok((seconds, resident / 1e6))
}
