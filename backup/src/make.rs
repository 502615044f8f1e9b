//! Makes a backup of a snapshot.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use store::{ROWS_PER_READ, Snapshot, Store};

use crate::chunk::{Chunker, hash};
use crate::crypt::{self, Encryption, Recipient, blocking};
use crate::error::Result;
use crate::listing::{FORMAT, Hash, Listing, Manifest, Object, Part, PersonCounts, TableCounts};
use crate::repository::{KEY, Repository, listing_name, object_name};
use crate::tarball::ArchiveWriter;

/// Called with the persons done and in all.
pub type Progress<'a> = &'a mut (dyn FnMut(usize, usize) + Send);

/// A backup that has been made.
#[derive(Clone, Debug)]
pub struct Made {
    /// What it consists of.
    pub listing: Listing,
    /// Counts of its rows.
    pub manifest: Manifest,
    /// The objects that were written for it; the others were there from an earlier backup.
    pub written: HashSet<Hash>,
    /// Bytes of these.
    pub bytes_written: u64,
    /// Bytes of the unpacked text.
    pub bytes_read: u64,
}

/// Where the objects of a backup go.
enum Sink<'a, 'w> {
    Repository {
        repository: &'a Repository,
        /// Objects of the newest backup, by their content.
        known: HashMap<Hash, Object>,
    },
    Archive(&'a mut ArchiveWriter<'w>),
}

/// A backup on its way.
struct Making<'a, 'w> {
    sink: Sink<'a, 'w>,
    recipients: Arc<[Recipient]>,
    written: HashSet<Hash>,
    bytes_written: u64,
    bytes_read: u64,
}

/// Makes a backup in a repository, and verifies that it is there. `program` is the version of this program.
pub async fn back_up(
    store: &Store,
    repository: &Repository,
    encryption: Option<&Encryption>,
    (program, now): (&str, Timestamp),
    progress: Progress<'_>,
) -> Result<Made> {
    let recipients = repository.recipients(encryption).await?;
    let (known, newest) = reusable(repository, &recipients).await?;
    // Names are in the order of time, also after a clock was set back.
    let created_at = newest.map_or(now, |newest| now.max(newest + SignedDuration::from_secs(1)));
    let sink = Sink::Repository { repository, known };
    let made = Making::new(sink, recipients).make(store, None, (program, created_at), progress).await?;
    repository.verify(&made.listing, Some(&made.written)).await?;
    Ok(made)
}

impl ArchiveWriter<'_> {
    /// Makes a backup as one file or stream, of everything or of one person.
    pub async fn back_up(
        &mut self,
        store: &Store,
        only: Option<i64>,
        encryption: &Encryption,
        (program, now): (&str, Timestamp),
        progress: Progress<'_>,
    ) -> Result<Made> {
        let recipients = match encryption {
            Encryption::None => Vec::new(),
            Encryption::Recipients(recipients) => recipients.clone(),
            Encryption::Passphrase(passphrase) => {
                let passphrase = passphrase.clone();
                let (key, protected) = blocking(move || crypt::new_protected_key(&passphrase)).await?;
                self.put(KEY, &protected)?;
                vec![key]
            }
        };
        let made = Making::new(Sink::Archive(&mut *self), recipients)
            .make(store, only, (program, now), progress)
            .await?;
        self.finish()?;
        Ok(made)
    }
}

/// The objects of the newest backup that are there and were made for the same recipients; when that backup was made.
async fn reusable(
    repository: &Repository,
    recipients: &[Recipient],
) -> Result<(HashMap<Hash, Object>, Option<Timestamp>)> {
    let names = repository.listing_names().await?;
    let Some(name) = names.last() else { return Ok((HashMap::new(), None)) };
    let listing = repository.listing(name).await?;
    if listing.recipients != texts(recipients) {
        return Ok((HashMap::new(), Some(listing.created_at)));
    }
    let present = repository.present().await?;
    let there = listing.objects().filter(|object| present.get(&object.object) == Some(&object.bytes));
    let known = there.map(|object| (object.content, *object)).collect();
    Ok((known, Some(listing.created_at)))
}

fn texts(recipients: &[Recipient]) -> Vec<String> {
    recipients.iter().map(ToString::to_string).collect()
}

impl<'a, 'w> Making<'a, 'w> {
    fn new(sink: Sink<'a, 'w>, recipients: Vec<Recipient>) -> Self {
        Self { sink, recipients: recipients.into(), written: HashSet::new(), bytes_written: 0, bytes_read: 0 }
    }

    async fn make(
        mut self,
        store: &Store,
        only: Option<i64>,
        (program, created_at): (&str, Timestamp),
        progress: Progress<'_>,
    ) -> Result<Made> {
        let mut snapshot = store.snapshot().await?;
        let mut people = snapshot.people().await?;
        people.retain(|person| only.is_none_or(|only| only == person.id));
        let mut manifest =
            Manifest { installation: BTreeMap::new(), people: Vec::with_capacity(people.len()) };
        let mut parts = Vec::new();
        if only.is_none() {
            let (part, rows) = self.part(&mut snapshot, None).await?;
            parts.push(part);
            manifest.installation = rows;
        }
        for (done, person) in people.iter().enumerate() {
            progress(done, people.len());
            let (part, rows) = self.part(&mut snapshot, Some(person.id)).await?;
            parts.push(part);
            let name = person.name.as_str().to_owned();
            manifest.people.push(PersonCounts { number: person.id, name, rows });
        }
        progress(people.len(), people.len());
        drop(snapshot);
        let text = serde_json::to_vec(&manifest).expect("BUG: a manifest is JSON");
        let listing = Listing {
            format: FORMAT,
            created_at,
            program: program.to_owned(),
            schema: Store::schema(),
            recipients: texts(&self.recipients),
            manifest: self.put(text).await?,
            parts,
            erased: Vec::new(),
        };
        let text = listing.text();
        let name = listing_name(created_at, &text);
        match &mut self.sink {
            Sink::Repository { repository, .. } => repository.put(&name, text.into()).await?,
            Sink::Archive(archive) => archive.put(&name, &text)?,
        }
        let Self { written, bytes_written, bytes_read, .. } = self;
        Ok(Made { listing, manifest, written, bytes_written, bytes_read })
    }

    /// Writes the rows of a person, or of the installation.
    async fn part(
        &mut self,
        snapshot: &mut Snapshot,
        person: Option<i64>,
    ) -> Result<(Part, BTreeMap<String, TableCounts>)> {
        let mut chunker = Chunker::new(person);
        let mut chunks = Vec::new();
        let mut tables = Snapshot::tables(person).peekable();
        while let Some(table) = tables.next() {
            let keys = snapshot.keys(table, person).await?;
            for keys in keys.chunks(ROWS_PER_READ) {
                let day = table.day_column();
                for row in snapshot.rows(table, person, keys).await? {
                    let month = match day.and_then(|day| row.get(day)) {
                        Some(store::Cell::Text(day)) => day.get(..7),
                        _ => None,
                    };
                    if let Some(text) = chunker.push(table, month, &row) {
                        chunks.push(self.put(text).await?);
                    }
                }
            }
            // Rows in the order of days begin a chunk of their own, which the others, that change every day, do not move.
            if (table.day_column().is_some() || tables.peek().is_some_and(|next| next.day_column().is_some()))
                && let Some(text) = chunker.finish()
            {
                chunks.push(self.put(text).await?);
            }
        }
        if let Some(text) = chunker.finish() {
            chunks.push(self.put(text).await?);
        }
        Ok((Part { person, chunks }, chunker.counts.finish()))
    }

    /// Writes an object, unless it is there.
    async fn put(&mut self, text: Vec<u8>) -> Result<Object> {
        let content = hash(&text);
        self.bytes_read += text.len() as u64;
        if let Sink::Repository { known, .. } = &self.sink
            && let Some(object) = known.get(&content)
        {
            return Ok(*object);
        }
        let recipients = self.recipients.clone();
        let bytes = blocking(move || crypt::pack(&text, &recipients)).await?;
        let object = Object { object: hash(&bytes), bytes: bytes.len() as u64, content };
        let name = object_name(object.object);
        self.bytes_written += object.bytes;
        self.written.insert(object.object);
        match &mut self.sink {
            Sink::Repository { repository, known } => {
                repository.put(&name, bytes).await?;
                known.insert(content, object);
            }
            Sink::Archive(archive) => archive.put(&name, &bytes)?,
        }
        Ok(object)
    }
}
