//! A store with a bit of everything, and what can be seen of it.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::{Arc, Mutex};

use backup::{ArchiveReader, ArchiveWriter, Encryption, Identities, Made, Selection, Source, Summary};
use domain::{Collection, Day, DayRange, Document, Rejected};
use jiff::Timestamp;
use store::{
    AuditAction, AuditEntry, AuditOutcome, Batch, NewUserAccount, Origin, Scope, Scopes, SealedTokens, Store,
};

pub(crate) fn now() -> Timestamp {
    "2026-06-01T08:00:00.123456Z".parse().unwrap()
}

fn batch(person: i64, collection: Collection, bodies: &[String]) -> Batch {
    let documents = bodies.iter().map(|body| Document::parse(collection, body).unwrap()).collect();
    Batch {
        person,
        collection,
        covered: None,
        origin: Origin::Api,
        documents,
        nearby: Vec::new(),
        rejected: Vec::new(),
    }
}

/// Days of a person: scores and nights. Ids are in another order than their days, and in letters of both cases.
pub(crate) async fn live(store: &Store, name: &str, days: i64) -> i64 {
    let person = store.ensure_person(&name.parse().unwrap(), "Europe/Berlin", now()).await.unwrap();
    let first: Day = "2026-01-01".parse().unwrap();
    let days = || (0..days).map(move |n| (n, first.plus(n)));
    let id = |n: i64| format!("{}{name}-{n}", if n % 2 == 0 { "a" } else { "B" });
    let nightly_score = |value: i64| {
        days().map(move |(n, day)| {
            format!(
                r#"{{"id":"{}","day":"{day}","score":{},"contributors":{{"timing":70}}}}"#,
                id(n),
                value + n % 7
            )
        })
    };
    for value in [70, 75] {
        let mut batch = batch(person.id, Collection::DailySleep, &nightly_score(value).collect::<Vec<_>>());
        batch
            .rejected
            .push(Rejected { id: "x".into(), reason: "no JSON: \"é\"".into(), body: "?\n".into() });
        store.apply(&batch, now()).await.unwrap();
    }
    let nights: Vec<String> = days()
        .map(|(n, day)| {
            format!(
                r#"{{"id":"{}","day":"{day}","type":"long_sleep","unknown":"word","bedtime_start":"{day}T00:10:00+00:00",
                "bedtime_end":"{day}T07:00:00+00:00","time_in_bed":24600,"total_sleep_duration":{},
                "hrv":{{"interval":300.0,"items":[50.0,null,{}.5],"timestamp":"{day}T00:10:00.250+00:00"}}}}"#,
                id(n),
                20_000 + n,
                40 + n % 9
            )
        })
        .collect();
    store.apply(&batch(person.id, Collection::Sleep, &nights), now()).await.unwrap();
    person.id
}

/// Two people, an account, tokens, an audit trail and a log-in.
pub(crate) async fn fill(store: &Store) {
    let ann = live(store, "ann", 40).await;
    live(store, "bob", 3).await;
    let account = NewUserAccount {
        id: 5,
        name: "ann".into(),
        person: Some(ann),
        password: String::from("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA").into(),
        scopes: Scopes::of_account(vec![Scope::Rest]),
        expires_at: None,
    };
    store.create_account(&account, now()).await.unwrap();
    let entry = |subject: &str| AuditEntry {
        at: now(),
        action: AuditAction::PersonAdd,
        outcome: AuditOutcome::Accepted,
        principal: Some("operator".into()),
        client: None,
        route: None,
        subject: Some(subject.into()),
    };
    store.record_audit(&[entry("b"), entry("A"), entry("a")]).await.unwrap();
    let sealed = SealedTokens {
        sealed: SEALED.into(),
        scopes: "daily".into(),
        token_url: "https://oura.invalid".into(),
        obtained_at: now(),
        expires_at: now(),
    };
    store.save_oura_grant(ann, &sealed, now()).await.unwrap();
}

/// A log-in that must not be in any backup.
pub(crate) const SEALED: &str = "c2VhbGVkLWxvZy1pbi1vZi1hbm4";

/// Everything derived, and the state of reading, in words.
pub(crate) async fn numbers(store: &Store) -> Vec<String> {
    let range = DayRange::new(Day::FIRST, Day::LAST).unwrap();
    let mut rows = Vec::new();
    for person in store.people().await.unwrap() {
        rows.push(format!("{person:?}"));
        for metric in domain::METRICS {
            let daily = store.daily(person.id, metric, range).await.unwrap();
            rows.extend(daily.iter().map(|(day, value)| format!("{} {day} {value:?}", metric.key)));
            let series = store.series(person.id, metric, range).await.unwrap();
            rows.extend(series.iter().map(|one| format!("{} {} {:?}", metric.key, one.day, one.series)));
        }
        for latest in store.latest_of(person.id).await.unwrap() {
            rows.push(format!(
                "{} {} {} {:?}",
                latest.metric.key, latest.day, latest.observed_at, latest.value
            ));
        }
        rows.extend(store.sync_states(person.id).await.unwrap().iter().map(|state| format!("{state:?}")));
        rows.push(format!("{:?}", store.rejections(person.id).await.unwrap()));
    }
    rows
}

/// A file that grows in memory.
#[derive(Clone, Default)]
struct Bytes(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A backup as a file.
pub(crate) async fn archive(store: &Store, encryption: &Encryption) -> (Vec<u8>, Made) {
    archive_of(store, None, encryption).await
}

/// A backup of one person, or of everything, as a file.
pub(crate) async fn archive_of(store: &Store, only: Option<i64>, encryption: &Encryption) -> (Vec<u8>, Made) {
    let bytes = Bytes::default();
    let mut writer = ArchiveWriter::new(bytes.clone());
    let made = writer.back_up(store, only, encryption, ("0.0.0", now()), &mut |_, _| {}).await.unwrap();
    drop(writer);
    let bytes = std::mem::take(&mut *bytes.0.lock().unwrap());
    (bytes, made)
}

pub(crate) fn source(bytes: Vec<u8>, identities: Identities) -> Source {
    Source::Archive(ArchiveReader::new(Cursor::new(bytes)), identities)
}

pub(crate) async fn restore(
    bytes: Vec<u8>,
    identities: Identities,
    store: &Store,
) -> backup::Result<Summary> {
    let everything = Selection::Everything;
    backup::restore(source(bytes, identities), &everything, store, now(), &mut |_, _| {}).await
}

/// Rows of every table about people, without those that a backup leaves out.
pub(crate) async fn rows(store: &Store) -> BTreeMap<(String, i64), i64> {
    let mut rows = store::testing::rows_by_person(store).await;
    rows.retain(|(table, _), _| !["credential", "lease"].contains(&table.as_str()));
    rows
}
