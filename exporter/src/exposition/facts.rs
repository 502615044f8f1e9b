//! What is said in words: the ring in use, why a collection has nothing of today, and what Oura says that this version
//! does not know.

use std::collections::HashMap;

use jiff::Timestamp;
use store::Latest;

use super::Text;
use crate::snapshot::Snapshot;

pub(super) fn render(text: &mut Text, snapshot: &Snapshot, now: Timestamp) {
    rings(text, snapshot);
    absences(text, snapshot, now);
    drift(text, snapshot);
}

/// Pointers are made of plain names by [`domain::drift`], and the store bounds how many there are.
fn drift(text: &mut Text, snapshot: &Snapshot) {
    const NAME: &str = "myhealth_oura_drift_documents";
    if !snapshot.drift.is_empty() {
        text.head(NAME, "Documents with a field or word of Oura's that this version does not know.");
    }
    for (collection, pointer, documents) in &snapshot.drift {
        #[expect(clippy::cast_precision_loss, reason = "a count far below 2^53")]
        let documents = *documents as f64;
        text.sample(NAME, &[("collection", collection), ("pointer", pointer)], documents);
    }
}

/// The labels are words of Oura's, made safe and short by [`domain::Ring`]: one series a person.
fn rings(text: &mut Text, snapshot: &Snapshot) {
    let mut headed = false;
    for (person, _) in &snapshot.people {
        let Some(ring) = snapshot.rings.get(&person.id) else { continue };
        if !std::mem::replace(&mut headed, true) {
            text.head("oura_ring_info", "The ring in use, as Oura lists it; always 1.");
        }
        let labels = [
            ("person", person.name.as_str()),
            ("hardware_type", &ring.hardware_type),
            ("color", &ring.color),
            ("design", &ring.design),
            ("firmware_version", &ring.firmware_version),
            ("size", &ring.size),
        ];
        text.sample("oura_ring_info", &labels, 1.0);
    }
}

fn absences(text: &mut Text, snapshot: &Snapshot, now: Timestamp) {
    let mut latest: HashMap<i64, Vec<&Latest>> = HashMap::new();
    for value in &snapshot.latest {
        latest.entry(value.person).or_default().push(value);
    }
    let mut headed = false;
    for (person, states) in &snapshot.people {
        let mine = latest.get(&person.id).into_iter().flatten().copied();
        let reasons = store::absences(person, states, mine, snapshot.rings.get(&person.id), now);
        for (collection, reason) in reasons {
            if !std::mem::replace(&mut headed, true) {
                text.head(
                    "oura_absence_reason",
                    "Why the collection has nothing of today; no series where it has.",
                );
            }
            let labels = [
                ("person", person.name.as_str()),
                ("collection", collection.name()),
                ("reason", reason.word()),
            ];
            text.sample("oura_absence_reason", &labels, 1.0);
        }
    }
}
