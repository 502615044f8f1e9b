//! Reads a backup: every byte, row and count of it is checked before anything that was restored becomes visible.

use std::collections::BTreeMap;

use jiff::Timestamp;
use store::{Cell, Restore, Store};

use crate::chunk::{self, Rows, hash};
use crate::crypt::{self, Identities, blocking};
use crate::error::{Damage, Error, Result};
use crate::listing::{Counts, Hash, Listing, Manifest, Object, Part, TableCounts};
use crate::make::Progress;
use crate::repository::{KEY, LISTINGS, OBJECTS, Reader, parse_listing, parse_manifest};
use crate::tarball::ArchiveReader;

/// What is restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Everything.
    Everything,
    /// The person of this name, with what belongs to that person.
    Person(String),
}

/// A backup to read.
#[derive(Debug)]
pub enum Source {
    /// Of a repository.
    Repository(Box<Reader>),
    /// A file or stream, and the keys that may open it.
    Archive(ArchiveReader, Identities),
}

/// What was checked or restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// What the backup consists of.
    pub listing: Listing,
    /// Counts of what is in it.
    pub manifest: Manifest,
    /// Names of the persons who were read.
    pub people: Vec<String>,
}

/// Checks a whole backup and writes nothing.
pub async fn check(source: Source, progress: Progress<'_>) -> Result<Summary> {
    Reading::new(&Selection::Everything, None).read(source, progress).await
}

/// Restores a backup into an empty store, in one transaction, and derives what is derived.
pub async fn restore(
    source: Source,
    selection: &Selection,
    store: &Store,
    now: Timestamp,
    progress: Progress<'_>,
) -> Result<Summary> {
    let mut restore = store.begin_restore().await?;
    let summary = Reading::new(selection, Some(&mut restore)).read(source, progress).await?;
    restore.derive(now, &mut *progress).await?;
    restore.commit().await?;
    Ok(summary)
}

/// A part that is being read, or has been.
struct SeenPart {
    person: Option<i64>,
    /// The name and the content of each chunk.
    chunks: Vec<(Hash, Hash)>,
    counts: Counts,
    selected: bool,
}

/// A backup that is being read.
struct Reading<'a> {
    selection: &'a Selection,
    restore: Option<&'a mut Restore>,
    parts: Vec<SeenPart>,
    people: Vec<String>,
}

impl<'a> Reading<'a> {
    fn new(selection: &'a Selection, restore: Option<&'a mut Restore>) -> Self {
        Self { selection, restore, parts: Vec::new(), people: Vec::new() }
    }

    async fn read(self, source: Source, progress: Progress<'_>) -> Result<Summary> {
        match source {
            Source::Repository(reader) => self.read_repository(*reader, progress).await,
            Source::Archive(archive, identities) => self.read_archive(archive, identities, progress).await,
        }
    }

    async fn read_repository(mut self, reader: Reader, progress: Progress<'_>) -> Result<Summary> {
        let Reader { repository, listing, identities } = reader;
        let manifest = repository.manifest(&listing, &identities).await?;
        let only = match self.selection {
            Selection::Everything => None,
            Selection::Person(name) => Some(number_of(&manifest, name)?),
        };
        let is_wanted = |part: &&Part| only.is_none_or(|number| part.person == Some(number));
        let wanted: Vec<&Part> = listing.parts.iter().filter(is_wanted).collect();
        for (done, part) in wanted.iter().enumerate() {
            progress(done, wanted.len());
            for Object { object, .. } in &part.chunks {
                let bytes = repository.object(*object).await?;
                self.chunk(*object, bytes.into(), &identities).await?;
            }
        }
        progress(wanted.len(), wanted.len());
        self.finish(listing, manifest, only)
    }

    async fn read_archive(
        mut self,
        mut archive: ArchiveReader,
        mut identities: Identities,
        progress: Progress<'_>,
    ) -> Result<Summary> {
        let damaged = |damage| Error::damaged("the backup file", damage);
        // The last object is the manifest, which only the listing behind it states.
        let mut held: Option<(Hash, Vec<u8>)> = None;
        loop {
            let Some((name, bytes)) = archive.next()? else { return Err(damaged(Damage::Truncated)) };
            match name.split_once('/') {
                None if name == KEY => identities.unlock(&bytes)?,
                Some((OBJECTS, rest)) => {
                    let object = rest.rsplit('/').next().unwrap_or(rest).parse();
                    let object: Hash = object.map_err(|_| damaged(Damage::Format))?;
                    if hash(&bytes) != object {
                        return Err(Error::damaged(format!("the object {object}"), Damage::Hash));
                    }
                    if let Some((object, bytes)) = held.replace((object, bytes)) {
                        self.chunk(object, bytes, &identities).await?;
                        progress(self.parts.len(), 0);
                    }
                }
                Some((LISTINGS, _)) => {
                    let listing = parse_listing(&name, &bytes)?;
                    let Some((object, bytes)) = held else { return Err(damaged(Damage::Order)) };
                    if object != listing.manifest.object || archive.next()?.is_some() {
                        return Err(damaged(Damage::Order));
                    }
                    let manifest = parse_manifest(&bytes, &identities)?;
                    if let Selection::Person(name) = self.selection {
                        number_of(&manifest, name)?;
                    }
                    return self.finish(listing, manifest, None);
                }
                _ => return Err(damaged(Damage::Format)),
            }
        }
    }

    /// Reads a chunk, and restores its rows where they are selected.
    async fn chunk(&mut self, object: Hash, bytes: Vec<u8>, identities: &Identities) -> Result<()> {
        let mut part = self.parts.pop();
        let identities = identities.clone();
        let (content, person, rows, part) = blocking(move || {
            let name = object.to_string();
            let text = crypt::unpack(&bytes, &name, &identities)?;
            let person = chunk::person_of(&text, &name)?;
            let mut current = part.take_if(|part| part.person == person).unwrap_or_else(|| SeenPart {
                person,
                chunks: Vec::new(),
                counts: Counts::default(),
                selected: false,
            });
            let rows = chunk::parse(&text, &name, &mut current.counts)?;
            Ok((hash(&text), person, rows, (part, current)))
        })
        .await?;
        let (before, mut current) = part;
        self.parts.extend(before);
        if current.chunks.is_empty() {
            current.selected = self.selects(person, &rows);
        }
        current.chunks.push((object, content));
        let selected = current.selected;
        self.parts.push(current);
        if let Some(restore) = self.restore.as_deref_mut().filter(|_| selected) {
            for Rows { section, rows } in &rows {
                restore.insert(section, rows).await?;
            }
        }
        Ok(())
    }

    /// Whether a part that begins with these rows is restored. The first row of a person's is the person.
    fn selects(&mut self, person: Option<i64>, rows: &[Rows]) -> bool {
        if person.is_none() {
            return *self.selection == Selection::Everything;
        }
        let Some(name) = rows.first().and_then(|rows| rows.text("name")) else { return false };
        let selected = match self.selection {
            Selection::Everything => true,
            Selection::Person(wanted) => wanted == name,
        };
        if selected {
            self.people.push(name.to_owned());
        }
        selected
    }

    /// Compares what was read with what the backup was made of; `only` is the person whose part alone was read.
    fn finish(self, listing: Listing, manifest: Manifest, only: Option<i64>) -> Result<Summary> {
        let damaged = |damage| Error::damaged("the backup", damage);
        let wanted =
            listing.parts.iter().filter(|part| only.is_none_or(|number| part.person == Some(number)));
        let wanted: Vec<_> = wanted.map(|part| (part.person, named(&part.chunks))).collect();
        let seen: Vec<_> = self.parts.iter().map(|part| (part.person, part.chunks.clone())).collect();
        if wanted != seen {
            return Err(damaged(Damage::Order));
        }
        let mut counted: BTreeMap<Option<i64>, &BTreeMap<String, TableCounts>> =
            manifest.people.iter().map(|person| (Some(person.number), &person.rows)).collect();
        if !manifest.installation.is_empty() {
            counted.insert(None, &manifest.installation);
        }
        for part in self.parts {
            if counted.remove(&part.person) != Some(&part.counts.finish()) {
                return Err(damaged(Damage::Counts));
            }
        }
        let missing = |person: &&Option<i64>| !person.is_some_and(|number| listing.erased.contains(&number));
        if only.is_none() && counted.keys().any(|person| missing(&person)) {
            return Err(damaged(Damage::Counts));
        }
        Ok(Summary { listing, manifest, people: self.people })
    }
}

fn named(chunks: &[Object]) -> Vec<(Hash, Hash)> {
    chunks.iter().map(|chunk| (chunk.object, chunk.content)).collect()
}

fn number_of(manifest: &Manifest, name: &str) -> Result<i64> {
    let person = manifest.people.iter().find(|person| person.name == name);
    person.map(|person| person.number).ok_or_else(|| Error::NoPerson {
        name: name.to_owned(),
        known: manifest.people.iter().map(|person| person.name.as_str()).collect::<Vec<_>>().join(", "),
    })
}

impl Rows {
    /// The text of a column in the first row.
    fn text(&self, column: &str) -> Option<&str> {
        match self.rows.first()?.get(self.section.position(column)?)? {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }
}
