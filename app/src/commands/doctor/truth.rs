//! What is absent and why, which deletions are unconfirmed, and what is new in Oura's responses: none of it is a fault of this
//! machine.

use std::collections::BTreeMap;

use domain::{Collection, Reason};
use jiff::Timestamp;
use store::{Person, Store, SyncState};

use super::Findings;

pub(super) async fn report(
    store: &Store,
    person: &Person,
    now: Timestamp,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let mut note = |text: &str, advice: &str| findings.note(text, Some(advice));
    let states = store.sync_states(person.id).await?;
    let latest = store.latest_of(person.id).await?;
    let ring = store.ring(person.id).await?;
    let mut absent: BTreeMap<Reason, Vec<Collection>> = BTreeMap::new();
    for (collection, reason) in store::absence_reasons(person, &states, &latest, ring.as_ref(), now) {
        absent.entry(reason).or_default().push(collection);
    }
    for (reason, collections) in absent {
        let of_these = |state: &&SyncState| collections.contains(&state.collection);
        let read_at = states.iter().filter(of_these).filter_map(|state| state.last_success_at).max();
        let since = match read_at.filter(|_| reason == Reason::NotRead) {
            Some(at) => format!(", not read since {at:.0}"),
            None => String::new(),
        };
        let names: Vec<&str> = collections.iter().map(|collection| collection.name()).collect();
        note(&format!("nothing of today ({}{since}): {}", reason.name(), names.join(", ")), reason.advice());
    }
    let stale = store.stale_collections(Some(person.id)).await?;
    if !stale.is_empty() {
        let names: Vec<&str> = stale.iter().map(|collection| collection.name()).collect();
        note(
            &format!("numbers derived by the rules of another version: {}", names.join(", ")),
            "`myhealth serve` with the role ingest derives them again in the background; `myhealth rebuild` does it now",
        );
    }
    for deletion in store.unconfirmed_deletions(person.id).await? {
        let (collection, documents, since) = (&deletion.collection, deletion.documents, deletion.since);
        note(
            &format!(
                "{collection:<16} {documents} documents are missing from Oura's responses since {since:.0}"
            ),
            "they stay until Oura has left them out for an hour; `myhealth sync` reads recent days again, \
             `--from` and `--to` for older ones",
        );
    }
    for seen in store.drift(person.id).await? {
        let (collection, pointer, documents) = (&seen.collection, &seen.drift.pointer, seen.documents);
        let first = seen.first_seen_at;
        let what = match seen.drift.word.as_str() {
            "" => format!("the unknown field {pointer}"),
            word => format!("the unknown word {word} in {pointer}"),
        };
        note(
            &format!("{collection:<16} {documents} documents have {what}, first at {first:.0}"),
            "nothing is lost: it is kept in the documents until a version knows it",
        );
    }
    Ok(())
}
