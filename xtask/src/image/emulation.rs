//! The program of another architecture, run by qemu: its demo answers a scrape.

use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use super::container::Container;
use super::engine::Engine;
use super::platform::Platform;
use crate::process::{Running, get, until};
use crate::{apt, programs};

pub(super) fn check(engine: &Engine, platform: Platform) -> Result<()> {
    if programs::find(platform.emulator()).is_none() {
        apt::install(&["qemu-user-static"])?;
    }
    let folder = tempfile::tempdir()?;
    // With its libraries, where it has any.
    let root = folder.path().join("root");
    let container = Container::create(engine, &platform.tag())?;
    engine.quietly(&["cp", &format!("{}:/", container.id), &root.display().to_string()])?;

    let mut demo = Command::new(platform.emulator());
    demo.arg("-L").arg(&root).arg(root.join("usr/bin/myhealth"));
    demo.args(["demo", "--web.listen-address=127.0.0.1:0", "--api.listen-address=127.0.0.1:0"]);
    demo.arg("--data-dir").arg(folder.path().join("data"));
    let started = Instant::now();
    let mut running = Running::logged(&demo, &folder.path().join("log"))?;
    let port = running.port("web")?;
    until("a gauge", || {
        get(port, "/metrics", "").is_ok_and(|answer| answer.text().contains("oura_sleep_score{"))
    })?;
    println!(
        "{}: demo answers a scrape after {:.0} s under {}",
        platform.name(),
        started.elapsed().as_secs_f32(),
        platform.emulator()
    );
    Ok(())
}
