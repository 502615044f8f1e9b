//! Where exports and reports go. A file is there whole or not at all, and its owner's alone: it holds health data. What
//! is no file (standard output, a device, a pipe) is written in place, as the shell does, and never replaced.

use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::NamedTempFile;

/// As many symbolic links are followed as Linux follows.
const MAX_LINKS: usize = 40;

/// A place to write to, found out before there is anything to write.
#[derive(Debug)]
pub(crate) enum Target {
    /// `-`, or a name of this process's standard output.
    Stdout,
    /// Something that is no file, or an open file by its descriptor.
    InPlace(PathBuf),
    /// A file, or nothing yet; symbolic links have been followed.
    File(PathBuf),
}

/// The reader of a pipe has gone and takes no more: the end of the command, and no mistake.
#[derive(Debug, thiserror::Error)]
#[error("the reader has gone")]
pub(crate) struct ReaderGone;

/// What [`Target::write`] fills.
pub(crate) type Out = BufWriter<Sink>;

/// An open file, or a pipe whose reader may go.
pub(crate) struct Sink {
    file: File,
    reader_gone: bool,
}

impl Target {
    /// What `path` names. Fails where nothing can be written: at a folder, below a folder that is not there, at a file
    /// that may not be written.
    pub(crate) fn of(path: &Path) -> anyhow::Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Self::Stdout);
        }
        let target = resolve(path).and_then(|target| {
            // A rename needs no right to write the file itself, and would take a write-protected one away.
            if let Self::File(file) = &target
                && existing(file)?.is_some()
            {
                File::options().write(true).open(file)?;
            }
            Ok(target)
        });
        target.with_context(|| format!("cannot write {}", path.display()))
    }

    /// Prints a line about the writing: not between the bytes that are written.
    pub(crate) fn note(&self, text: &str) {
        match self {
            Self::File(_) => outln!("{text}"),
            Self::Stdout | Self::InPlace(_) => errln!("{text}"),
        }
    }

    /// Writes what `fill` makes. A file is written next to its place and moved there when it is whole, with the mode and
    /// the owner of the one it replaces; when `fill` fails, the file is as before.
    pub(crate) async fn write<T>(
        &self,
        fill: impl AsyncFnOnce(&mut Out) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        match self {
            Self::File(path) => replace(path, fill).await,
            Self::InPlace(path) => {
                let cannot = || format!("cannot write {}", path.display());
                // Behind what a file has already that is open elsewhere; a device knows no behind.
                let appends = fs::metadata(path).with_context(cannot)?.is_file();
                let opened = File::options().write(true).append(appends).open(path).with_context(cannot)?;
                pour(opened, fill).await
            }
            Self::Stdout => pour(stdout().context("cannot write standard output")?, fill).await,
        }
    }
}

/// Follows symbolic links to what is written.
fn resolve(path: &Path) -> io::Result<Target> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Some(facts) = existing(&path)? else {
            folder(&path).canonicalize()?;
            return if path.file_name().is_some() { Ok(Target::File(path)) } else { Err(no_file()) };
        };
        if !facts.is_symlink() {
            return match facts.file_type() {
                kind if kind.is_file() => Ok(Target::File(path)),
                kind if kind.is_dir() => Err(no_file()),
                _ => Ok(Target::InPlace(path)),
            };
        }
        let folder = folder(&path);
        // The links of /proc name open files, whatever their text is.
        let real = folder.canonicalize()?;
        if real.starts_with("/proc") {
            let own = Path::new("/proc/self/fd").canonicalize().is_ok_and(|own| own == real);
            let is_stdout = own && path.file_name().is_some_and(|name| name == "1");
            return Ok(if is_stdout { Target::Stdout } else { Target::InPlace(path) });
        }
        path = folder.join(fs::read_link(&path)?);
    }
    Err(io::Error::other("its symbolic links never end"))
}

fn no_file() -> io::Error {
    io::Error::new(io::ErrorKind::IsADirectory, "it is a folder; name a file in it")
}

/// The folder of a file named without one is the current one.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What stands there, links not followed; `None` where nothing does.
fn existing(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(facts) => Ok(Some(facts)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

async fn replace<T>(path: &Path, fill: impl AsyncFnOnce(&mut Out) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // What another user puts there meanwhile gets no say.
    let before = existing(path)?.filter(Metadata::is_file);
    // Only its owner may read it from the first byte on, and it goes when it is dropped.
    let part =
        tempfile::Builder::new().prefix(&format!(".{name}.")).suffix(".part").tempfile_in(folder(path));
    let part = part.with_context(|| format!("cannot write next to {}", path.display()))?;
    let filled = pour(part.as_file().try_clone()?, fill).await?;
    if let Some(before) = before {
        keep_rights(&part, &before).with_context(|| {
            format!(
                "{} belongs to another user and cannot be replaced; write another file, or remove it first",
                path.display()
            )
        })?;
    }
    part.as_file().sync_all().context("cannot write the end")?;
    part.persist(path).with_context(|| format!("cannot replace {}", path.display()))?;
    Ok(filled)
}

/// Gives the new file the owner, the group and the mode of the old one.
fn keep_rights(part: &NamedTempFile, before: &Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        let now = part.as_file().metadata()?;
        let owner = (now.uid() != before.uid()).then_some(before.uid());
        let group = (now.gid() != before.gid()).then_some(before.gid());
        if owner.is_some() || group.is_some() {
            fchown(part.as_file(), owner, group)?;
        }
    }
    part.as_file().set_permissions(before.permissions())
}

/// Fills an open file to its end.
async fn pour<T>(opened: File, fill: impl AsyncFnOnce(&mut Out) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let mut out = BufWriter::new(Sink { file: opened, reader_gone: false });
    let filled = match fill(&mut out).await {
        Ok(filled) => out.flush().context("cannot write the end").map(|()| filled),
        Err(error) => Err(error),
    };
    // What is left in the buffer of a failure is of no use.
    let (sink, _) = out.into_parts();
    if filled.is_err() && sink.reader_gone {
        return Err(ReaderGone.into());
    }
    filled
}

/// A descriptor of its own for standard output: dropping it does not close the process's.
fn stdout() -> io::Result<File> {
    #[cfg(unix)]
    let owned = std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned()?;
    #[cfg(windows)]
    let owned = std::os::windows::io::AsHandle::as_handle(&io::stdout()).try_clone_to_owned()?;
    Ok(owned.into())
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        self.reader_gone |= written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
