//! Laws of planning, on a database that is a map.

use std::collections::HashMap;

use domain::DayRange;
use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;

/// A stored document.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    day: Day,
    body: String,
    origin: Origin,
    changed_at: Timestamp,
    missing_since: Option<Timestamp>,
}

type Database = BTreeMap<String, Row>;

/// What `load` reads.
fn load(database: &Database, batch: &Batch) -> Stored {
    let known = |id: &String, row: &Row| {
        let other = batch.documents.iter().chain(&batch.nearby).rfind(|document| document.id == *id);
        let known = Known {
            day: row.day,
            changed_at: row.changed_at,
            origin: row.origin,
            missing_since: row.missing_since,
            differing_body: other.filter(|other| other.body != row.body).map(|_| row.body.clone()),
        };
        (id.clone(), known)
    };
    let is_read = |(id, row): &(&String, &Row)| {
        let covered = batch.complete_days().is_some_and(|days| days.contains(row.day));
        covered || batch.documents.iter().any(|document| document.id == **id)
    };
    let twins = database.iter().filter(|(_, row)| match batch.origin {
        Origin::Import => true,
        Origin::Api | Origin::Webhook => row.origin == Origin::Import,
        Origin::Push => false,
    });
    Stored {
        documents: database.iter().filter(is_read).map(|(id, row)| known(id, row)).collect(),
        twins: twins.map(|(id, row)| document(id, row.day, row.body.clone())).collect(),
        revisions: HashMap::new(),
        rejections: Vec::new(),
        zone: TimeZone::UTC,
    }
}

/// What `execute` writes.
fn execute(database: &Database, batch: &Batch, changes: &Changes<'_>, now: Timestamp) -> Database {
    let mut after = database.clone();
    for id in &changes.unconfirmed {
        after.get_mut(*id).unwrap().missing_since = Some(now);
    }
    for id in &changes.removed {
        after.remove(*id).unwrap();
    }
    for Write { document, .. } in &changes.written {
        let origin = after.get(&document.id).map(|row| row.origin).filter(|origin| origin.is_oura());
        let row = Row {
            day: document.day,
            body: document.body.clone(),
            origin: origin.unwrap_or(batch.origin),
            changed_at: now,
            missing_since: None,
        };
        after.insert(document.id.clone(), row);
    }
    for id in &changes.seen {
        let row = after.get_mut(*id).unwrap();
        (row.origin, row.missing_since) = (batch.origin, None);
    }
    after
}

fn document(id: &str, day: Day, body: String) -> Document {
    Document { id: id.to_owned(), day, body, not_before: day.midnight_utc() }
}

fn first() -> Day {
    Day::literal(2026, 3, 1)
}

/// A document of one of a few ids and days.
fn documents() -> impl Strategy<Value = Vec<Document>> {
    let one = ("[a-f]", 0_i64..5, 70..73_u8).prop_map(|(id, day, score)| {
        let day = first().plus(day);
        let body = format!(r#"{{"id":"{id}","day":"{day}","score":{score}}}"#);
        document(&id, day, body)
    });
    prop::collection::vec(one, 0..6)
}

/// A batch and the hours that have passed since the one before.
fn batches() -> impl Strategy<Value = (Batch, i64)> {
    let origin = prop::sample::select(&Origin::ALL);
    let covered = prop::option::of((0_i64..5, 1_i64..6));
    let collection = prop::sample::select(vec![Collection::DailySleep, Collection::Session]);
    (origin, covered, documents(), documents(), 0_i64..40, collection).prop_map(
        |(origin, covered, documents, nearby, hours, collection)| {
            let covered = covered
                .and_then(|(from, days)| DayRange::new(first().plus(from), first().plus(from + days)).ok());
            let nearby = if covered.is_some() { nearby } else { Vec::new() };
            let batch =
                Batch { person: 1, collection, covered, origin, documents, nearby, rejected: Vec::new() };
            (batch, hours)
        },
    )
}

/// Applies batches of one collection, one after the other, and checks each.
fn check_each(
    batches: Vec<(Batch, i64)>,
    check: impl Fn(&Database, &Batch, &Changes<'_>, &Database, Timestamp),
) {
    let mut now: Timestamp = "2026-03-20T00:00:00Z".parse().unwrap();
    let mut database = Database::new();
    let Some(collection) = batches.first().map(|(batch, _)| batch.collection) else { return };
    for (batch, hours) in batches {
        now += SignedDuration::from_hours(hours);
        let batch = Batch { collection, ..batch };
        let stored = load(&database, &batch);
        let changes = plan(&stored, &batch, now);
        let after = execute(&database, &batch, &changes, now);
        check(&database, &batch, &changes, &after, now);
        database = after;
    }
}

proptest! {
    #[test]
    fn batch_applied_again_changes_nothing(batches in prop::collection::vec(batches(), 1..8)) {
        check_each(batches, |_, batch, _, after, now| {
            let stored = load(after, batch);
            let again = plan(&stored, batch, now);
            assert!(again.written.is_empty() && again.removed.is_empty() && again.seen.is_empty(), "{again:?}");
            assert!(again.unconfirmed.is_empty() && again.days.is_empty(), "{again:?}");
        });
    }

    #[test]
    fn days_that_change_are_derived_again(batches in prop::collection::vec(batches(), 1..8)) {
        check_each(batches, |before, _, changes, after, _| {
            let of = |database: &Database, day| -> Vec<(String, String)> {
                let rows = database.iter().filter(|(_, row)| row.day == day);
                rows.map(|(id, row)| (id.clone(), row.body.clone())).collect()
            };
            for day in (0..5).map(|n| first().plus(n)) {
                assert_eq!(of(before, day) != of(after, day), changes.days.contains(&day), "{day}: {changes:?}");
            }
        });
    }

    #[test]
    fn only_complete_responses_and_precedence_remove_documents(batches in prop::collection::vec(batches(), 1..8)) {
        check_each(batches, |before, batch, changes, after, _| {
            for id in &changes.removed {
                let row = &before[*id];
                let gone = batch.complete_days().is_some_and(|days| days.contains(row.day)) && row.origin.is_oura();
                let superseded = batch.origin.is_oura() && row.origin == Origin::Import;
                assert!(gone || superseded, "{id}: {row:?}");
                assert!(!after.contains_key(*id) && !batch.documents.iter().any(|document| document.id == **id));
            }
            let rewritten = |id: &String, row: &Row| after.get(id).is_some_and(|now| now.body != row.body);
            if batch.origin.is_archive() {
                assert!(changes.removed.is_empty());
                // None of these bodies adds to another.
                assert!(!before.iter().any(|(id, row)| rewritten(id, row)), "an archive replaces nothing");
            }
        });
    }

    #[test]
    fn empty_response_removes_nothing_within_an_hour(batches in prop::collection::vec(batches(), 1..6)) {
        check_each(batches, |_, batch, _, after, now| {
            let covered = DayRange::new(first(), first().plus(9)).ok();
            let (documents, nearby) = (Vec::new(), Vec::new());
            let empty = Batch { covered, origin: Origin::Api, documents, nearby, ..batch.clone() };
            let seen: Database =
                after.iter().map(|(id, row)| (id.clone(), Row { missing_since: None, ..row.clone() })).collect();
            let stored = load(&seen, &empty);
            let later = now + SignedDuration::from_hours(2);
            assert!(plan(&stored, &empty, later).removed.is_empty());
            let missing = execute(&seen, &empty, &plan(&stored, &empty, later), later);
            let stored = load(&missing, &empty);
            assert!(plan(&stored, &empty, later + SignedDuration::from_mins(59)).removed.is_empty());
            let gone = plan(&stored, &empty, later + SignedDuration::from_mins(60)).removed;
            assert_eq!(gone.len(), after.values().filter(|row| row.origin.is_oura()).count(), "confirmed after an hour");
        });
    }

    #[test]
    fn counts_add_up(batches in prop::collection::vec(batches(), 1..8)) {
        check_each(batches, |before, batch, changes, _, _| {
            let Applied { new, changed, unchanged, .. } = changes.applied;
            let stored = load(before, batch);
            assert_eq!(new + changed + unchanged, batch.incoming(&stored.documents).len());
            assert_eq!(new + changed, changes.written.len());
        });
    }
}
