//! `cargo xtask image`: the image, built from the Dockerfile by a Docker engine as a user would, and tried in containers.

mod base;
pub(crate) mod container;
mod contents;
mod emulation;
pub(crate) mod engine;
mod platform;
mod refusals;
mod runs;

use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use self::engine::Engine;
use self::platform::Platform;
use crate::run;

pub(crate) use self::base::debian;
pub(crate) use self::platform::TAG;

/// Build the image from the Dockerfile and try it in containers
///
/// Uses the Docker engine of `DOCKER_HOST`, or the one that runs; as root on Debian it installs and starts one of its own and
/// leaves nothing of it behind but its layers below target/. A base image that no registry gives is made from Debian's packages
/// and the toolchain of this machine. Needs a Docker that builds with `BuildKit`, as every one does since 23.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask image                                  the image as it is released, and its checks\n  \
    cargo xtask image --profile quick                  built in a third of the time, as CI does\n  \
    cargo xtask image --platforms linux/arm64,linux/arm/v7   other programs, run under qemu-user")]
pub(crate) struct Args {
    /// Instead of this machine's: build for these, and run the program under qemu-user
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',')]
    platforms: Vec<Platform>,
    /// Profile of cargo: `dist` is released, `quick` is built sooner
    #[arg(long, default_value = "dist")]
    profile: String,
    /// Build only
    #[arg(long)]
    build_only: bool,
    /// Try the image that was built before
    #[arg(long, conflicts_with = "build_only")]
    check_only: bool,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let engine = Engine::connect()?;
    if !args.check_only {
        base::ensure(&engine)?;
    }
    for platform in &args.platforms {
        if !args.check_only {
            build(&engine, &args.profile, &platform.tag(), &["--platform", platform.name()])?;
        }
        if !args.build_only {
            emulation::check(&engine, *platform)?;
        }
    }
    if !args.platforms.is_empty() {
        return Ok(());
    }
    if !args.check_only {
        build(&engine, &args.profile, TAG, &[])?;
    }
    if args.build_only { Ok(()) } else { check(&engine, &args.profile) }
}

/// Builds the image of this machine's platform under [`TAG`] for other checks; nothing is compiled when nothing changed.
pub(crate) fn ensure(engine: &Engine, profile: &str) -> Result<()> {
    base::ensure(engine)?;
    build(engine, profile, TAG, &[])
}

fn build(engine: &Engine, profile: &str, tag: &str, options: &[&str]) -> Result<()> {
    let revision = run::quietly(
        Command::new("git").current_dir(run::root()).args(["rev-parse", "HEAD"]),
        "build in a clone",
    )?;
    let started = Instant::now();
    let mut docker = engine.docker(&["build", "--progress=plain", "--tag", tag]);
    docker.args(options).args(["--build-arg", &format!("PROFILE={profile}")]);
    docker.args(["--build-arg", &format!("MYHEALTH_REVISION={}", revision.trim())]).arg(".");
    eprintln!("building {tag} (profile {profile}); without cached layers this takes minutes");
    run::quietly(&mut docker, "look at the lines above; `docker build .` prints everything")?;
    println!("{tag}: built in {:.0} s", started.elapsed().as_secs_f32());
    Ok(())
}

/// Every check of the image of this machine's platform.
pub(crate) fn check(engine: &Engine, profile: &str) -> Result<()> {
    contents::check(engine, profile)?;
    runs::check(engine)?;
    refusals::check(engine)
}
