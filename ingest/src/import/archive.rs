//! Which files an export has, and their bytes. Nothing is ever extracted, so names are never paths of this machine.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

use super::columns::{self, Table};

/// The most files looked at; real exports have about sixty.
const MAX_FILES: usize = 1_000;

/// The most bytes read of one file, far above ten years of heart rate. A file that unpacks to more is a bomb.
const MAX_FILE: u64 = 1 << 30;

/// The most bytes read of all files together, every reading of a file counting: some files are read several times.
const MAX_TOTAL: u64 = 4 << 30;

/// A ZIP may unpack to this many times its size. Tables of measurements shrink to a tenth, hardly ever to a fiftieth;
/// what shrinks to less is made to keep its reader busy.
const MAX_RATIO: u64 = 250;

/// A small ZIP may unpack to this much whatever its size.
const FREE: u64 = 64 << 20;

/// Folders below a folder that are looked into.
const MAX_DEPTH: usize = 5;

/// What a ZIP can be read from.
pub trait Input: Read + Seek + Send {}

impl<T: Read + Seek + Send> Input for T {}

/// An account export, opened: its files are known, none has been read.
pub struct Export {
    place: Place,
    entries: Vec<Entry>,
    /// Bytes that may still be read.
    left: u64,
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
    /// Whether it lies outside of the folder `App Data` of an export that has one.
    pub(super) is_elsewhere: bool,
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
    /// Opens a ZIP file, or a folder that holds the CSV files, at any depth as in the ZIP.
    pub fn open(path: &Path) -> Result<Self, Unreadable> {
        let refuse = |source| Unreadable::Path { path: path.to_owned(), source };
        if !fs::metadata(path).map_err(refuse)?.is_dir() {
            return Self::zip(File::open(path).map_err(refuse)?);
        }
        let (mut paths, mut entries) = (Vec::new(), Vec::new());
        let mut folders = vec![(path.to_owned(), Vec::new())];
        while let Some((folder, above)) = folders.pop() {
            for file in fs::read_dir(&folder).map_err(refuse)? {
                let file = file.map_err(refuse)?;
                let (_, name) = split(&file.file_name().to_string_lossy());
                if file.file_type().map_err(refuse)?.is_dir() {
                    if above.len() < MAX_DEPTH {
                        folders.push((file.path(), [above.as_slice(), &[name]].concat()));
                    }
                    continue;
                }
                let facts = fs::metadata(file.path()).map_err(refuse)?;
                // A pipe or a device has no end.
                if facts.is_file() {
                    entries.push((above.clone(), Entry::new(paths.len(), name, facts.len())));
                    paths.push(file.path());
                }
                if entries.len() > MAX_FILES {
                    return Err(Unreadable::Files(entries.len()));
                }
            }
        }
        Ok(Self::new(Place::Folder(paths), entries, MAX_TOTAL))
    }

    /// Opens a ZIP archive.
    pub fn zip(input: impl Input + 'static) -> Result<Self, Unreadable> {
        let mut input: Box<dyn Input> = Box::new(input);
        let unreadable = |error: &dyn std::fmt::Display| Unreadable::Archive(error.to_string());
        let size = input.seek(SeekFrom::End(0)).map_err(|error| unreadable(&error))?;
        let mut archive = ZipArchive::new(input).map_err(|error| unreadable(&error))?;
        if archive.len() > MAX_FILES {
            return Err(Unreadable::Files(archive.len()));
        }
        let mut entries = Vec::new();
        for place in 0..archive.len() {
            let entry = archive.by_index_raw(place).map_err(|error| unreadable(&error))?;
            if !entry.is_dir() {
                let name = entry.name().unwrap_or_else(|_| String::from_utf8_lossy(entry.name_raw()));
                let (folders, name) = split(&name);
                entries.push((folders, Entry::new(place, name, entry.size())));
            }
        }
        let most = size.saturating_mul(MAX_RATIO).clamp(FREE, MAX_TOTAL);
        Ok(Self::new(Place::Zip(Box::new(archive)), entries, most))
    }

    /// In order of name, so that every reading of an export is the same.
    fn new(place: Place, mut entries: Vec<(Vec<String>, Entry)>, left: u64) -> Self {
        let is_inside = |folders: &[String]| folders.iter().any(|folder| is_app_data(folder));
        let has_app_data = entries.iter().any(|(folders, _)| is_inside(folders));
        for (folders, entry) in &mut entries {
            entry.is_elsewhere = has_app_data && !is_inside(folders);
        }
        entries.sort_by(|(one_above, one), (other_above, other)| {
            (&one.name, one_above).cmp(&(&other.name, other_above))
        });
        Self { place, entries: entries.into_iter().map(|(_, entry)| entry).collect(), left }
    }

    /// Bytes of all files, unpacked, as they claim.
    pub fn size(&self) -> u64 {
        self.entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.size))
    }

    /// Whether one of its files, by its name, is a table that is stored.
    pub fn has_tables(&self) -> bool {
        let mut own = self.entries.iter().filter(|entry| !entry.is_elsewhere);
        own.any(|entry| matches!(columns::table(&entry.name), Some(Table::Of(_) | Table::Perhaps(_))))
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn entry(&self, index: usize) -> &Entry {
        &self.entries[index]
    }

    /// The bytes of a file from its start. One that unpacks to more than the limits ends with an error.
    pub(super) fn bytes(&mut self, index: usize) -> io::Result<Limited<'_, Box<dyn Read + '_>>> {
        let place = self.entries[index].place;
        let inner: Box<dyn Read> = match &mut self.place {
            Place::Zip(archive) => Box::new(archive.by_index(place).map_err(|error| match error {
                ZipError::Io(error) => error,
                other => io::Error::other(other),
            })?),
            Place::Folder(paths) => Box::new(File::open(&paths[place])?),
        };
        Ok(Limited { inner, left: MAX_FILE, left_in_all: &mut self.left })
    }
}

/// Fails where a plain `take` would end as if the file were complete.
pub(super) struct Limited<'a, R> {
    inner: R,
    left: u64,
    left_in_all: &'a mut u64,
}

impl<R: Read> Read for Limited<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let too_large = |reason: String| io::Error::new(io::ErrorKind::FileTooLarge, reason);
        let read = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| too_large(format!("it unpacks to more than {MAX_FILE} bytes")))?;
        *self.left_in_all = self.left_in_all.checked_sub(read as u64).ok_or_else(|| {
            too_large(format!(
                "the export unpacks to more than {MAX_RATIO} times its size, or {MAX_TOTAL} bytes"
            ))
        })?;
        Ok(read)
    }
}

impl Entry {
    fn new(place: usize, name: String, size: u64) -> Self {
        Self { place, is_elsewhere: false, name, size }
    }
}

fn is_app_data(folder: &str) -> bool {
    folder.chars().filter(char::is_ascii_alphanumeric).collect::<String>().eq_ignore_ascii_case("appdata")
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
    fn zip_bomb_is_stopped_and_reported_damaged() {
        let read = |left, mut left_in_all| {
            let left_in_all = &mut left_in_all;
            Limited { inner: io::repeat(0).take(1_000), left, left_in_all }.read_to_end(&mut Vec::new())
        };
        assert_eq!(read(1_000, 1_000).unwrap(), 1_000);
        for (left, left_in_all) in [(999, 1_000), (1_000, 999)] {
            assert_eq!(read(left, left_in_all).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        }
    }

    #[test]
    fn file_names_are_printable() {
        assert_eq!(split("App Data/x.csv"), (vec!["App Data".to_owned()], "x.csv".to_owned()));
        assert_eq!(split("../..\\\u{1b}[2Jx.csv").1, "[2Jx.csv");
    }
}
