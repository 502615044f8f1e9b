//! The base images that the Dockerfile names. A registry gives them; where none is reachable, they are made here under the same
//! names: a Debian of its packages, and the toolchain that rustup installs. Our certificates go into the base, never into the
//! Dockerfile, so that a build finds registries behind an authority of this machine.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::engine::Engine;
use crate::{apt, cache, programs, run};

const DEBIAN: &str = "docker.io/local/debian:bookworm";
const PACKAGES: &str = "ca-certificates,gcc,libc6-dev";
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Makes what no registry gives.
pub(super) fn ensure(engine: &Engine) -> Result<()> {
    let dockerfile = fs::read_to_string(run::root().join("Dockerfile"))?;
    let rust = rust_image(&dockerfile)?;
    if engine.has_image(rust)? || engine.docker(&["pull", "--quiet", rust]).output()?.status.success() {
        return Ok(());
    }
    let debian = debian(engine)?;
    let version = rust_version(rust)?;
    let toolchain = toolchain(version)?;
    eprintln!("making {rust}");
    let text = format!(
        "FROM {debian}\nENV RUSTUP_HOME=/usr/local/rustup CARGO_HOME=/usr/local/cargo PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n\
         COPY rustup /usr/local/rustup\nCOPY cargo /usr/local/cargo\nRUN rustc --version\n"
    );
    engine.build(rust, &text, &toolchain)
}

/// The name of a Debian image, made when it is missing.
pub(crate) fn debian(engine: &Engine) -> Result<&'static str> {
    if engine.has_image(DEBIAN)? {
        return Ok(DEBIAN);
    }
    if programs::find("mmdebstrap").is_none() {
        apt::install(&["mmdebstrap"])?;
    }
    let certificates = fs::read(CERTIFICATES).with_context(|| format!("cannot read {CERTIFICATES}"))?;
    let mut hash = DefaultHasher::new();
    (PACKAGES, certificates).hash(&mut hash);
    let folder = cache::folder("images", &format!("debian-bookworm-{:016x}", hash.finish()), |folder| {
        eprintln!("making a Debian of its packages; this takes a minute, once");
        let mut make = Command::new("mmdebstrap");
        make.args(["--variant=minbase", "--include", PACKAGES, "--dpkgopt=force-unsafe-io"]);
        make.arg(format!("--customize-hook=copy-in {CERTIFICATES} /etc/ssl/certs"));
        make.arg("bookworm").arg(folder.join("root.tar"));
        run::quietly(&mut make, "look at the lines above; it needs Debian's package mirror.").map(drop)
    })?;
    engine.quietly(&["import", &folder.join("root.tar").display().to_string(), DEBIAN])?;
    Ok(DEBIAN)
}

/// The folder with `rustup` and `cargo` as the official image has them below /usr/local.
fn toolchain(version: &str) -> Result<PathBuf> {
    let rustup =
        programs::find("rustup").context("rustup is missing.\nWhat to do: install it (https://rustup.rs)")?;
    cache::folder("images", &format!("rust-{version}"), |folder| {
        let bin = folder.join("cargo/bin");
        fs::create_dir_all(&bin)?;
        fs::copy(&rustup, bin.join("rustup"))?;
        for program in ["cargo", "rustc", "rustdoc"] {
            symlink("rustup", bin.join(program))?;
        }
        for arguments in [
            &["toolchain", "install", version, "--profile=minimal", "--no-self-update"][..],
            &["default", version],
        ] {
            let mut rustup = Command::new(&rustup);
            rustup.current_dir(folder).args(arguments).env_remove("RUSTUP_TOOLCHAIN");
            rustup.env("RUSTUP_HOME", folder.join("rustup")).env("CARGO_HOME", folder.join("cargo"));
            run::quietly(&mut rustup, "look at the lines above; it needs https://static.rust-lang.org.")?;
        }
        Ok(())
    })
}

/// The image of Rust that a Dockerfile starts from.
fn rust_image(dockerfile: &str) -> Result<&str> {
    let names = dockerfile.lines().filter_map(|line| line.strip_prefix("FROM "));
    let mut words = names.flat_map(str::split_whitespace).filter(|word| word.starts_with("rust:"));
    words.next().context("the Dockerfile starts from no image of Rust")
}

fn rust_version(image: &str) -> Result<&str> {
    let tag = image.strip_prefix("rust:").and_then(|tag| tag.split('-').next());
    tag.with_context(|| format!("{image} names no version"))
}

/// The version that a checkout is built with.
#[cfg(test)]
fn toolchain_of_the_repository(root: &std::path::Path) -> Result<String> {
    let text = fs::read_to_string(root.join("rust-toolchain.toml"))?;
    let channel = text.lines().find_map(|line| line.strip_prefix("channel = \"")?.strip_suffix('"'));
    Ok(channel.context("rust-toolchain.toml names no channel")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_is_built_with_the_toolchain_of_the_repository() {
        let dockerfile = fs::read_to_string(run::root().join("Dockerfile")).unwrap();
        let version = rust_version(rust_image(&dockerfile).unwrap()).unwrap();
        assert_eq!(version, toolchain_of_the_repository(run::root()).unwrap());
    }
}
