//! What is in the image: one program, the certificates, two folders, and how large that is.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::{Result, bail};

use super::container::Container;
use super::engine::Engine;
use super::platform::TAG;
use crate::run;

/// Everything that the Dockerfile puts in; Docker adds places to mount things on.
const FILES: [&str; 4] = ["data/", "etc/ssl/certs/ca-certificates.crt", "tmp/", "usr/bin/myhealth"];
const ADDED: [&str; 8] =
    [".dockerenv", "dev/", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf", "proc/", "sys/"];

/// The most that a download may be, in bytes.
const COMPRESSED: u64 = 30_000_000;

/// `docker image inspect` of what a user relies on.
const SETTINGS: &str = "{{.Config.User}} {{json .Config.Entrypoint}} {{json .Config.Cmd}} {{json .Config.Volumes}} {{json .Config.Healthcheck.Test}} {{index .Config.Labels \"org.opencontainers.image.licenses\"}}";
const EXPECTED: &str = r#"65532:65532 ["/usr/bin/myhealth"] ["serve"] {"/data":{}} ["CMD","/usr/bin/myhealth","healthcheck","http://127.0.0.1:9872/-/ready"] MIT OR Apache-2.0"#;

pub(super) fn check(engine: &Engine, profile: &str) -> Result<()> {
    let settings = engine.quietly(&["image", "inspect", "--format", SETTINGS, TAG])?;
    if settings != EXPECTED {
        bail!("the image has other settings:\n{settings}\nexpected:\n{EXPECTED}");
    }
    let folder = tempfile::tempdir()?;
    let root = folder.path().join("root.tar");
    let container = Container::create(engine, TAG)?;
    engine.quietly(&["export", "--output", &root.display().to_string(), &container.id])?;
    let advice = "look at the lines above";
    let listed = run::quietly(Command::new("tar").arg("--list").arg("--file").arg(&root), advice)?;
    check_files(&listed)?;

    let image = folder.path().join("image.tar");
    engine.quietly(&["save", "--output", &image.display().to_string(), TAG])?;
    run::quietly(Command::new("gzip").arg("--keep").arg(&image), advice)?;
    let size = |path| fs::metadata(path).map(|file| file.len());
    let (plain, packed) = (size(image.clone())?, size(image.with_extension("tar.gz"))?);
    #[expect(clippy::cast_precision_loss, reason = "some millions")]
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    println!("{TAG} ({profile}): {:.1} MB, {:.1} MB by gzip", megabytes(plain), megabytes(packed));
    if profile == "dist" && packed > COMPRESSED {
        bail!("the image is larger than {} MB", COMPRESSED / 1_000_000);
    }
    Ok(())
}

/// No shell, no package manager, nothing that was left over.
fn check_files(listed: &str) -> Result<()> {
    let is_added = |path: &&str| !ADDED.iter().any(|added| path.starts_with(added));
    // A folder that only leads to a file is listed as well.
    let is_way = |path: &&str| !FILES.iter().any(|file| file.starts_with(path) && file != path);
    let found: BTreeSet<_> = listed.lines().filter(is_added).filter(is_way).collect();
    if found != BTreeSet::from(FILES) {
        bail!("the image has other files: {found:?}\nexpected: {FILES:?}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_files;

    #[test]
    fn unexpected_or_missing_file_is_found() {
        let files = ".dockerenv\ndata/\ndev/\ndev/console\netc/\netc/hosts\netc/ssl/\netc/ssl/certs/\n\
                     etc/ssl/certs/ca-certificates.crt\nproc/\ntmp/\nusr/\nusr/bin/\nusr/bin/myhealth\n";
        check_files(files).unwrap();
        assert!(check_files(&format!("{files}bin/sh\n")).is_err());
        assert!(check_files(&files.replace("tmp/\n", "")).is_err());
    }
}
