//! Derived numbers know the rules they were derived by. `derivation` keeps a fingerprint of catalogue and rules per person
//! and collection; after an upgrade that changes them, [`Store::rederive`] derives what is stale again, the newest days
//! first, some weeks a transaction, and continues where a process was killed.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use domain::derive::rules;
use domain::{Collection, Day, DayRange, Rejected};
use jiff::Timestamp;
use jiff_sqlx::{Date, ToSqlx};
use sha2::{Digest, Sha256};
use sqlx::QueryBuilder;

use super::owner::Owner;
use super::{derive, quarantine, rejected, retry};
use crate::Store;
use crate::backend::with_pool;
use crate::error::Result;
use crate::people::{self, Person};
use crate::sql::{change, read, row, run, select};
use crate::sync::{self, DateColumn};
use crate::time::stored;
use crate::transaction::{Tx, with_conn};

/// Days derived at a time: bounds the memory, and how long other writers wait.
const DAYS_PER_STEP: i64 = 60;

/// The rules of this version for a collection: the first 8 bytes of a SHA-256, never 0.
fn fingerprint(collection: Collection) -> i64 {
    static FINGERPRINTS: LazyLock<BTreeMap<Collection, i64>> = LazyLock::new(|| {
        let of = |collection: &Collection| {
            let mut hash = Sha256::new();
            let mut feed = |piece: &str| {
                hash.update(piece);
                hash.update([0]);
            };
            rules::describe(*collection, &mut feed);
            // How derived values become rows is a rule, too.
            rules::code(include_str!("derive.rs")).for_each(feed);
            let digest = hash.finalize();
            let (head, _) = digest.split_first_chunk().expect("BUG: SHA-256 has 32 bytes");
            (*collection, i64::from_be_bytes(*head) | 1)
        };
        Collection::ALL.iter().map(of).collect()
    });
    FINGERPRINTS[&collection]
}

/// How far deriving a collection again is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rederived {
    /// Its numbers are those of this version's rules.
    Current,
    /// Days up to this one are still to be derived.
    Until(Day),
}

row! {
    struct DerivationRow {
        rules: i64,
        target: Option<i64>,
        next_day: DateColumn,
    }
}

row! {
    struct StaleRow {
        person: i64,
        collection: String,
    }
}

impl Store {
    /// The collections whose numbers were not all derived by this version's rules, of one person or of anyone. At
    /// most two index probes a collection.
    pub async fn stale_collections(&self, person: Option<i64>) -> Result<Vec<Collection>> {
        if let Some(person) = person {
            let rows: Vec<(String, i64)> = read!(
                self,
                query_as.fetch_all,
                "select collection, rules from derivation where person = $1",
                person
            );
            let is_stale = |collection: &Collection| {
                let mut rows = rows.iter();
                rows.any(|(name, rules)| name == collection.name() && *rules != fingerprint(*collection))
            };
            return Ok(Collection::ALL.iter().copied().filter(is_stale).collect());
        }
        let mut stale = Vec::new();
        for &collection in Collection::ALL {
            let found: Option<i64> = read!(
                self,
                query_scalar.fetch_optional,
                "select person from derivation
                 where collection = $1 and (rules < $2 or rules > $2) limit 1",
                collection.name(),
                fingerprint(collection)
            );
            stale.extend(found.map(|_| collection));
        }
        Ok(stale)
    }

    /// Everyone's stale collections, by person and then in the order of [`Collection::ALL`].
    pub async fn stale_derivations(&self) -> Result<Vec<(i64, Collection)>> {
        let rows: Vec<StaleRow> = with_pool!(self, pool, Db => {
            let mut query = QueryBuilder::<Db>::new("select person, collection from derivation where ");
            let mut any = query.separated(" or ");
            for &collection in Collection::ALL {
                any.push("(collection = ").push_bind_unseparated(collection.name());
                any.push_unseparated(" and (rules < ").push_bind_unseparated(fingerprint(collection));
                any.push_unseparated(" or rules > ").push_bind_unseparated(fingerprint(collection));
                any.push_unseparated("))");
            }
            query.build_query_as().fetch_all(pool).await?
        });
        let known = |row: StaleRow| Some((row.person, row.collection.parse().ok()?));
        let mut stale: Vec<(i64, Collection)> = rows.into_iter().filter_map(known).collect();
        stale.sort_by_key(|(person, collection)| (*person, *collection as usize));
        Ok(stale)
    }

    /// Derives the next days of a stale collection again, in one transaction; first reads what was rejected again, which
    /// this version may be able to parse. Called until it returns [`Rederived::Current`].
    pub async fn rederive(&self, person: i64, collection: Collection, now: Timestamp) -> Result<Rederived> {
        let (owner, now) = (Owner { person, collection }, stored(now));
        let mut tx = self.begin().await?;
        tx.lock(person, owner.lock_name()).await?;
        let Some(row) = derivation(&mut tx, owner).await? else { return Ok(Rederived::Current) };
        let rules = fingerprint(collection);
        if row.rules == rules {
            return Ok(Rederived::Current);
        }
        let next = if row.target == Some(rules) {
            row.next_day.map(sync::day).transpose()?
        } else {
            reread(&mut tx, owner, now).await?;
            derive::newest_day(&mut tx, owner).await?
        };
        let next = match next {
            Some(last) => {
                let first = last.plus(1 - DAYS_PER_STEP);
                derive::refresh(&mut tx, owner, &DayRange::ending(last, DAYS_PER_STEP).days().collect(), now)
                    .await?;
                newest_day_before(&mut tx, owner, first).await?
            }
            None => None,
        };
        note(&mut tx, owner, next).await?;
        people::count_change(&mut tx, person).await?;
        tx.commit().await?;
        self.changes.notify();
        Ok(next.map_or(Rederived::Current, Rederived::Until))
    }

    /// Derives all numbers of one collection of one person again in one transaction, so that readers see the old numbers
    /// until the new ones are complete. Before that, what was rejected is read again by this version's parser. `progress`
    /// is called with the days done and in all. Returns how many rejected documents were accepted.
    pub async fn rebuild(
        &self,
        person: &Person,
        collection: Collection,
        now: Timestamp,
        mut progress: impl FnMut(i64, i64),
    ) -> Result<usize> {
        let (owner, now) = (Owner { person: person.id, collection }, stored(now));
        let mut tx = self.begin().await?;
        tx.lock(person.id, owner.lock_name()).await?;
        let accepted = reread(&mut tx, owner, now).await?;
        derive_all(&mut tx, owner, now, &mut progress).await?;
        people::count_change(&mut tx, person.id).await?;
        tx.commit().await?;
        self.changes.notify();
        Ok(accepted)
    }

    /// Removes the numbers of metrics that the catalogue no longer has.
    pub async fn delete_unknown_metrics(&self) -> Result<u64> {
        let mut tx = self.begin().await?;
        let mut removed = 0;
        for delete in ["delete from daily where", "delete from series where", "delete from latest where"] {
            removed += with_conn!(&mut tx, conn, Db => {
                let mut query = QueryBuilder::<Db>::new(delete);
                query.push(" metric not in (");
                let mut list = query.separated(", ");
                for metric in domain::METRICS {
                    list.push_bind(metric.key);
                }
                query.push(")").build().persistent(false).execute(conn).await?.rows_affected()
            });
        }
        tx.commit().await?;
        Ok(removed)
    }
}

/// Derives every day of a collection that has documents, and notes that this version's rules did. `progress` is called with
/// the days done and in all.
pub(crate) async fn derive_all(
    tx: &mut Tx,
    owner: Owner,
    now: Timestamp,
    mut progress: impl FnMut(i64, i64),
) -> Result<()> {
    if let Some(range) = documented(tx, owner).await? {
        let mut done = 0;
        for chunk in range.chunks(DAYS_PER_STEP) {
            derive::refresh(tx, owner, &chunk.days().collect(), now).await?;
            done += chunk.len();
            progress(done, range.len());
        }
    }
    note(tx, owner, None).await
}

/// Notes that days were derived by this version's rules: a collection that has not been derived before is current, and
/// one that other rules have derived is of several.
pub(super) async fn note_rules(tx: &mut Tx, owner: Owner) -> Result<()> {
    change!(
        tx,
        "insert into derivation (person, collection, rules) values ($1, $2, $3)
         on conflict (person, collection) do update set rules = 0, target = null, next_day = null
         where derivation.rules <> excluded.rules
           and (derivation.target is null or derivation.target <> excluded.rules)
           and (derivation.rules <> 0 or derivation.target is not null)",
        owner.person,
        owner.collection.name(),
        fingerprint(owner.collection)
    );
    Ok(())
}

/// Notes how far deriving again is: `next` is the newest day still to do.
async fn note(tx: &mut Tx, owner: Owner, next: Option<Day>) -> Result<()> {
    let rules = fingerprint(owner.collection);
    let (rules, target) = if next.is_some() { (0, Some(rules)) } else { (rules, None) };
    change!(
        tx,
        "insert into derivation (person, collection, rules, target, next_day) values ($1, $2, $3, $4, $5)
         on conflict (person, collection) do update
         set rules = excluded.rules, target = excluded.target, next_day = excluded.next_day",
        owner.person,
        owner.collection.name(),
        rules,
        target,
        next.map(|day| day.date().to_sqlx())
    );
    Ok(())
}

async fn derivation(tx: &mut Tx, owner: Owner) -> Result<Option<DerivationRow>> {
    Ok(run!(
        tx,
        query_as.fetch_optional,
        select::<DerivationRow>("from derivation where person = $1 and collection = $2"),
        owner.person,
        owner.collection.name()
    ))
}

/// Reads what was rejected again, and corrects what other versions noted about it. Returns how many documents were
/// accepted.
async fn reread(tx: &mut Tx, owner: Owner, now: Timestamp) -> Result<usize> {
    // Every day is derived after this, the days of accepted documents as well.
    let (_, accepted) = retry::retry(tx, owner, retry::Which::All, now).await?;
    let ahead = quarantine::stored_ahead(tx, owner, now).await?;
    let dated = date_rejected(tx, owner, now).await?;
    if accepted + dated > 0 || !ahead.is_empty() {
        let newest = derive::refresh(tx, owner, &ahead, now).await?;
        sync::note_newest(tx, owner, newest, now).await?;
    }
    Ok(accepted)
}

row! {
    struct UndatedRow {
        id: String,
        body: String,
    }
}

/// Notes the days of rejected documents that an earlier version kept without. Returns how many state one.
async fn date_rejected(tx: &mut Tx, owner: Owner, now: Timestamp) -> Result<usize> {
    let rows: Vec<UndatedRow> = run!(
        tx,
        query_as.fetch_all,
        select::<UndatedRow>("from rejected where person = $1 and collection = $2 and day is null"),
        owner.person,
        owner.collection.name()
    );
    let mut dated = 0;
    for UndatedRow { id, body } in rows {
        let row = Rejected { id, reason: String::new(), body };
        let Some(day) = rejected::claimed_day(owner, &row, now) else { continue };
        change!(
            tx,
            "update rejected set day = $1 where person = $2 and collection = $3 and id = $4",
            day.date().to_sqlx(),
            owner.person,
            owner.collection.name(),
            &row.id
        );
        dated += 1;
    }
    Ok(dated)
}

/// The newest day before this one that has documents; one index probe.
async fn newest_day_before(tx: &mut Tx, owner: Owner, day: Day) -> Result<Option<Day>> {
    let newest: DateColumn = run!(
        tx,
        query_scalar.fetch_one,
        "select max(day) from document where person = $1 and collection = $2 and day < $3",
        owner.person,
        owner.collection.name(),
        day.date().to_sqlx()
    );
    newest.map(sync::day).transpose()
}

/// From the first to the last day that has documents.
async fn documented(tx: &mut Tx, owner: Owner) -> Result<Option<DayRange>> {
    let first: Option<Date> = run!(
        tx,
        query_scalar.fetch_one,
        "select min(day) from document where person = $1 and collection = $2",
        owner.person,
        owner.collection.name()
    );
    let last = derive::newest_day(tx, owner).await?;
    let Some((first, last)) = first.zip(last) else { return Ok(None) };
    Ok(DayRange::new(sync::day(first)?, last).ok())
}
