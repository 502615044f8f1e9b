//! What is absent and why, what is doubted, and what is new in Oura's answers: nothing of it is a fault of this machine.

use std::collections::BTreeMap;

use domain::Reason;
use jiff::Timestamp;
use store::{Person, Store};

fn note(text: &str, advice: &str) {
    outln!("  --    {text}\n        {advice}");
}

pub(super) async fn tell(store: &Store, person: &Person, now: Timestamp) -> anyhow::Result<()> {
    let states = store.sync_states(person.id).await?;
    let latest = store.latest_of(person.id).await?;
    let ring = store.ring(person.id).await?;
    let mut absent: BTreeMap<Reason, Vec<&str>> = BTreeMap::new();
    for (collection, reason) in store::absences(person, &states, &latest, ring.as_ref(), now) {
        absent.entry(reason).or_default().push(collection.name());
    }
    for (reason, collections) in absent {
        note(&format!("nothing of today ({}): {}", reason.word(), collections.join(", ")), reason.advice());
    }
    for doubt in store.doubts(person.id).await? {
        let (collection, documents, since) = (&doubt.collection, doubt.documents, doubt.since);
        note(
            &format!(
                "{collection:<16} {documents} documents are missing from Oura's answers since {since:.0}"
            ),
            "they stay until Oura has left them out for an hour; `myhealth sync` asks for recent days again, \
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
