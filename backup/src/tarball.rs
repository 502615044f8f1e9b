//! A backup as one file or stream: a tar archive whose members have the names of a repository, so that unpacking it gives one.
//! The members come in the order of a restore, and the listing last.

use std::fmt;
use std::io::{Read, Write};

use tar::{EntryType, Header};

use crate::error::{Damage, Error, Result};

const BLOCK: usize = 512;

/// The longest member; objects are much shorter. Bounds the memory of a restore.
const MEMBER_MAX: u64 = 256 * 1024 * 1024;

/// Writes members.
pub struct ArchiveWriter<'a>(Box<dyn Write + Send + 'a>);

impl fmt::Debug for ArchiveWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ArchiveWriter").finish()
    }
}

impl<'a> ArchiveWriter<'a> {
    /// Writes to a file or pipe.
    pub fn new(out: impl Write + Send + 'a) -> Self {
        Self(Box::new(out))
    }

    pub(crate) fn put(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut header = Header::new_ustar();
        header.set_path(name)?;
        header.set_entry_type(EntryType::Regular);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(0);
        header.set_cksum();
        self.0.write_all(header.as_bytes())?;
        self.0.write_all(bytes)?;
        self.0.write_all(&[0; BLOCK][..padding(bytes.len())])?;
        Ok(())
    }

    pub(crate) fn finish(&mut self) -> Result<()> {
        self.0.write_all(&[0; 2 * BLOCK])?;
        Ok(self.0.flush()?)
    }
}

/// Bytes from the end of a member to the next block.
const fn padding(length: usize) -> usize {
    (BLOCK - length % BLOCK) % BLOCK
}

/// Reads members.
pub struct ArchiveReader(Box<dyn Read + Send>);

impl fmt::Debug for ArchiveReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ArchiveReader").finish()
    }
}

impl ArchiveReader {
    /// Reads from a file or pipe.
    pub fn new(input: impl Read + Send + 'static) -> Self {
        Self(Box::new(input))
    }

    /// The next member; `None` at the end, which is marked.
    pub(crate) fn next(&mut self) -> Result<Option<(String, Vec<u8>)>> {
        let damaged = |damage| Error::damaged("the backup file", damage);
        let mut block = [0; BLOCK];
        self.fill(&mut block)?;
        if block == [0; BLOCK] {
            self.fill(&mut block)?;
            // Whatever follows was not made here.
            let mut rest = [0; BLOCK];
            while block == [0; BLOCK] {
                match self.0.read(&mut rest)? {
                    0 => return Ok(None),
                    read => block[..read].copy_from_slice(&rest[..read]),
                }
            }
            return Err(damaged(Damage::Format));
        }
        let header = Header::from_byte_slice(&block);
        let mut expected = header.clone();
        expected.set_cksum();
        if header.cksum().ok() != expected.cksum().ok() || header.entry_type() != EntryType::Regular {
            return Err(damaged(Damage::Format));
        }
        let name =
            String::from_utf8(header.path_bytes().into_owned()).map_err(|_| damaged(Damage::Format))?;
        let length = header.entry_size().map_err(|_| damaged(Damage::Format))?;
        if length > MEMBER_MAX {
            return Err(damaged(Damage::Format));
        }
        let mut bytes = Vec::new();
        let read = (&mut self.0).take(length).read_to_end(&mut bytes)?;
        if read as u64 != length {
            return Err(damaged(Damage::Truncated));
        }
        self.fill(&mut block[..padding(read)])?;
        if block[..padding(read)].iter().any(|byte| *byte != 0) {
            return Err(damaged(Damage::Format));
        }
        Ok(Some((name, bytes)))
    }

    fn fill(&mut self, block: &mut [u8]) -> Result<()> {
        self.0.read_exact(block).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Error::damaged("the backup file", Damage::Truncated),
            _ => error.into(),
        })
    }
}
