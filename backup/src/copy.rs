//! Copies one store into another, without a backup in between.

use jiff::Timestamp;
use store::{ROWS_PER_READ, Section, Snapshot, Store};

use crate::chunk::Chunker;
use crate::error::{Damage, Error, Result};
use crate::listing::{Manifest, PersonCounts};
use crate::make::Progress;

/// Copies everything that a backup has into an empty store, in one transaction, derives what is derived, and compares the rows
/// of both. Returns their counts.
pub async fn copy(from: &Store, to: &Store, now: Timestamp, progress: Progress<'_>) -> Result<Manifest> {
    let mut restore = to.begin_restore().await?;
    let mut snapshot = from.snapshot().await?;
    let copied = rows(&mut snapshot, Some(&mut restore), &mut *progress).await?;
    restore.derive(now, &mut *progress).await?;
    restore.commit().await?;
    let read_back = rows(&mut to.snapshot().await?, None, progress).await?;
    if read_back != copied {
        return Err(Error::damaged("the copy", Damage::Counts));
    }
    Ok(copied)
}

/// Counts and hashes of all rows of a state; writes them where they are to be restored.
async fn rows(
    snapshot: &mut Snapshot,
    mut restore: Option<&mut store::Restore>,
    progress: Progress<'_>,
) -> Result<Manifest> {
    let people = snapshot.people().await?;
    let mut manifest = Manifest { installation: std::collections::BTreeMap::new(), people: Vec::new() };
    for (done, person) in [None].into_iter().chain(people.iter().map(Some)).enumerate() {
        progress(done, people.len() + 1);
        let number = person.map(|person| person.id);
        let mut chunker = Chunker::new(number);
        for table in Snapshot::tables(number) {
            let columns: Vec<String> = table.columns().map(str::to_owned).collect();
            let section = Section::new(number, table.name(), &columns).map_err(store::Error::from)?;
            let keys = snapshot.keys(table, number).await?;
            for keys in keys.chunks(ROWS_PER_READ) {
                let rows = snapshot.rows(table, number, keys).await?;
                for row in &rows {
                    // Only its counts are wanted.
                    drop(chunker.push(table, None, row));
                }
                if let Some(restore) = restore.as_deref_mut() {
                    restore.insert(&section, &rows).await?;
                }
            }
        }
        let rows = chunker.counts.finish();
        match person {
            None => manifest.installation = rows,
            Some(person) => {
                let name = person.name.as_str().to_owned();
                manifest.people.push(PersonCounts { number: person.id, name, rows });
            }
        }
    }
    Ok(manifest)
}
