//! Which files an export has, and their bytes. Nothing is ever extracted, so names are never paths of this machine.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

/// The most files looked at; real exports have about sixty.
const MAX_FILES: usize = 1_000;

/// The most bytes read of one file, far above ten years of heart rate. A file that unpacks to more is a bomb.
const MAX_FILE: u64 = 1 << 30;

/// What a ZIP can be read from.
pub trait Input: Read + Seek + Send {}

impl<T: Read + Seek + Send> Input for T {}

/// An account export, opened: its files are known, none has been read.
pub struct Export {
    place: Place,
    entries: Vec<Entry>,
}

enum Place {
    Zip(Box<ZipArchive<Box<dyn Input>>>),
    Folder(Vec<PathBuf>),
}

/// A file of the export.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its place in the archive or folder.
    place: usize,
    /// The folders above it, the nearest last.
    pub(super) folders: Vec<String>,
    /// Its name without them, fit to be printed.
    pub(super) name: String,
    /// Bytes it claims to have, unpacked.
    pub(super) size: u64,
}

/// This is no export.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The file or folder cannot be read.
    #[error("cannot read {path}")]
    Path {
        /// What was named.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Not a ZIP archive.
    #[error(
        "this is no ZIP archive ({0}); request the export at membership.ouraring.com/data-export and name the \
         file it sends, or a folder with its CSV files"
    )]
    Archive(String),
    /// More files than any export has.
    #[error("it holds {0} files; an account export has about sixty, and more than {MAX_FILES} are not read")]
    Files(usize),
}

impl Export {
    /// Opens a ZIP file, or a folder that holds the CSV files or `App Data` with them.
    pub fn open(path: &Path) -> Result<Self, Unreadable> {
        let refuse = |source| Unreadable::Path { path: path.to_owned(), source };
        if !fs::metadata(path).map_err(refuse)?.is_dir() {
            return Self::zip(File::open(path).map_err(refuse)?);
        }
        let (mut paths, mut entries) = (Vec::new(), Vec::new());
        for folder in [path.to_owned(), path.join("App Data")] {
            if !folder.is_dir() {
                continue;
            }
            for file in fs::read_dir(&folder).map_err(refuse)? {
                let file = file.map_err(refuse)?;
                let facts = fs::metadata(file.path()).map_err(refuse)?;
                // A pipe or a device has no end.
                if facts.is_file() {
                    let (_, name) = split(&file.file_name().to_string_lossy());
                    entries.push(Entry { place: paths.len(), folders: Vec::new(), name, size: facts.len() });
                    paths.push(file.path());
                }
            }
        }
        Self::new(Place::Folder(paths), entries)
    }

    /// Opens a ZIP archive.
    pub fn zip(input: impl Input + 'static) -> Result<Self, Unreadable> {
        let input: Box<dyn Input> = Box::new(input);
        let mut archive = ZipArchive::new(input).map_err(|error| Unreadable::Archive(error.to_string()))?;
        if archive.len() > MAX_FILES {
            return Err(Unreadable::Files(archive.len()));
        }
        let mut entries = Vec::new();
        for place in 0..archive.len() {
            let entry =
                archive.by_index_raw(place).map_err(|error| Unreadable::Archive(error.to_string()))?;
            if !entry.is_dir() {
                let name = entry.name().unwrap_or_else(|_| String::from_utf8_lossy(entry.name_raw()));
                let (folders, name) = split(&name);
                entries.push(Entry { place, folders, name, size: entry.size() });
            }
        }
        Self::new(Place::Zip(Box::new(archive)), entries)
    }

    /// In order of name, so that every reading of an export is the same.
    fn new(place: Place, mut entries: Vec<Entry>) -> Result<Self, Unreadable> {
        if entries.len() > MAX_FILES {
            return Err(Unreadable::Files(entries.len()));
        }
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Self { place, entries })
    }

    /// Bytes of all files, unpacked, as they claim.
    pub fn size(&self) -> u64 {
        self.entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.size))
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn entry(&self, index: usize) -> &Entry {
        &self.entries[index]
    }

    /// The bytes of a file from its start. One that unpacks to more than the limit ends with an error.
    pub(super) fn bytes(&mut self, index: usize) -> io::Result<Limited<Box<dyn Read + '_>>> {
        let place = self.entries[index].place;
        let inner: Box<dyn Read> = match &mut self.place {
            Place::Zip(archive) => Box::new(archive.by_index(place).map_err(|error| match error {
                ZipError::Io(error) => error,
                other => io::Error::other(other),
            })?),
            Place::Folder(paths) => Box::new(File::open(&paths[place])?),
        };
        Ok(Limited { inner, left: MAX_FILE })
    }
}

/// Fails where a plain `take` would end as if the file were complete.
pub(super) struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::new(io::ErrorKind::FileTooLarge, format!("it unpacks to more than {MAX_FILE} bytes"))
        })?;
        Ok(read)
    }
}

/// Folders and name; what a terminal would act on is left out.
fn split(path: &str) -> (Vec<String>, String) {
    let plain = |part: &str| part.chars().filter(|c| !c.is_control()).take(80).collect::<String>();
    let mut parts: Vec<String> = path.split(['/', '\\']).filter(|part| !part.is_empty()).map(plain).collect();
    let name = parts.pop().unwrap_or_default();
    (parts, name)
}

impl std::fmt::Debug for Export {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Export").field("files", &self.entries.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_is_stopped_and_not_taken_for_a_whole_file() {
        let read = |left| Limited { inner: io::repeat(0).take(1_000), left }.read_to_end(&mut Vec::new());
        assert_eq!(read(1_000).unwrap(), 1_000);
        assert_eq!(read(999).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn names_are_fit_to_be_printed() {
        assert_eq!(split("App Data/x.csv"), (vec!["App Data".to_owned()], "x.csv".to_owned()));
        assert_eq!(split("../..\\\u{1b}[2Jx.csv").1, "[2Jx.csv");
    }
}
