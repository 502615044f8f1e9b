//! Files that are there whole or not at all, and their owner's alone: they hold health data.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Writes a file beside its place and moves it there when it is whole; what was begun is removed when it fails.
pub(crate) async fn write<T>(
    path: &Path,
    fill: impl AsyncFnOnce(&mut BufWriter<File>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut name = path.file_name().with_context(|| format!("{} is no file", path.display()))?.to_owned();
    name.push(".part");
    let part = Part(path.with_file_name(name));
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let opened = options.open(&part.0).with_context(|| format!("cannot write {}", part.0.display()))?;
    let mut out = BufWriter::new(opened);
    let filled = fill(&mut out).await?;
    out.into_inner().context("cannot write the end")?.sync_all()?;
    std::fs::rename(&part.0, path).with_context(|| format!("cannot rename {}", part.0.display()))?;
    Ok(filled)
}

struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        // Once it is renamed there is nothing to remove.
        let _ = std::fs::remove_file(&self.0);
    }
}
