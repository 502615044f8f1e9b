//! The lines of all persons, kept so that a change costs what changed: one person's lines are written, the columns of its block
//! that differ are copied and compressed. All else is shared with the body before.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use domain::Pseudonym;
use exposition::{Exposition, Slot};
use jiff::Timestamp;

use crate::body::Body;
use crate::person::{CollectionStatuses, Columns, Lines, Person, Record};
use crate::table::TABLE;

/// The gauges under construction; [`Gauges::body`] is what scrapes see.
#[derive(Debug)]
pub(crate) struct Gauges {
    /// By block and slot; a slot is empty after its person was removed.
    people: Vec<Vec<Option<Person>>>,
    places: HashMap<i64, Slot>,
    /// Places of persons who were removed.
    free: Vec<Slot>,
    /// The latest time at which lines were written or removed.
    written: Timestamp,
    /// When the next value of each block expires.
    expiries: Vec<Option<Timestamp>>,
    /// What a scrape may ask for by name; shared until people come or go.
    names: Arc<HashMap<Pseudonym, Slot>>,
    names_are_old: bool,
    exposition: Exposition,
}

impl Default for Gauges {
    fn default() -> Self {
        Self {
            people: Vec::new(),
            places: HashMap::new(),
            free: Vec::new(),
            written: Timestamp::default(),
            expiries: Vec::new(),
            names: Arc::default(),
            names_are_old: false,
            exposition: Exposition::new(TABLE.schema()),
        }
    }
}

/// What is to be written in one block.
#[derive(Default)]
struct Change<'a> {
    columns: Columns,
    /// By slot.
    fresh: BTreeMap<usize, CollectionStatuses<'a>>,
}

impl Gauges {
    /// How many persons there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The keys of everyone, in no order.
    pub(crate) fn people(&self) -> impl Iterator<Item = i64> {
        self.places.keys().copied()
    }

    /// Whether this person's values are here.
    pub(crate) fn contains(&self, id: i64) -> bool {
        self.places.contains_key(&id)
    }

    /// Adds persons or replaces what is stored of them. Only columns that differ are written again.
    pub(crate) fn set(&mut self, records: &[Record], now: Timestamp) {
        // What a clock that ran ahead has removed comes back by writing everything.
        let back = now < self.written;
        self.written = self.written.max(now);
        let mut changes: BTreeMap<usize, Change<'_>> = BTreeMap::new();
        for record in records {
            let id = record.person.id;
            let place = self.places.get(&id).copied().unwrap_or_else(|| self.add(id));
            let fresh = CollectionStatuses::new(record, now);
            let person = Person::new(record, &fresh);
            let known = &mut self.people[place.block][place.slot];
            let change = changes.entry(place.block).or_default();
            match known.as_ref().filter(|known| known.name == person.name) {
                Some(known) if !back => person.differs(known, &mut change.columns),
                Some(_) => change.columns = Columns::all(),
                None => {
                    change.columns = Columns::all();
                    self.names_are_old = true;
                }
            }
            *known = Some(person);
            change.fresh.insert(place.slot, fresh);
        }
        for (block, Change { columns, fresh }) in changes {
            let people = &self.people[block];
            let lines = fresh
                .iter()
                .filter_map(|(slot, fresh)| Some((*slot, people[*slot].as_ref()?.lines(fresh, now))));
            let mut lines: Vec<(usize, Lines<'_>)> = lines.collect();
            self.exposition.write(block, columns.iter(), &mut lines);
            let expiry = first_expiry(&lines);
            self.expires(block, expiry);
        }
    }

    /// Removes persons.
    pub(crate) fn remove(&mut self, people: &[i64]) {
        let mut changes: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for id in people {
            let Some(place) = self.places.remove(id) else { continue };
            self.people[place.block][place.slot] = None;
            self.free.push(place);
            self.names_are_old = true;
            changes.entry(place.block).or_default().insert(place.slot);
        }
        for (block, gone) in changes {
            let mut lines: Vec<(usize, Lines<'_>)> =
                gone.into_iter().map(|slot| (slot, Lines::empty())).collect();
            self.exposition.write(block, Columns::all().iter(), &mut lines);
        }
    }

    /// Removes the values that have expired.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        self.written = self.written.max(now);
        for (block, (people, expiry)) in self.people.iter().zip(&mut self.expiries).enumerate() {
            if expiry.is_some_and(|at| at <= now) {
                let people = people.iter().enumerate();
                let lines = people.filter_map(|(slot, person)| Some((slot, person.as_ref()?.values(now))));
                let mut lines: Vec<(usize, Lines<'_>)> = lines.collect();
                self.exposition.write(block, Columns::all().iter(), &mut lines);
                *expiry = first_expiry(&lines);
            }
        }
    }

    /// When [`Gauges::expire`] will next have something to do; what was read again meanwhile can make it early.
    pub(crate) fn next_expiry(&self) -> Option<Timestamp> {
        self.expiries.iter().flatten().min().copied()
    }

    /// What scrapes see from now on.
    pub(crate) fn body(&mut self) -> Body {
        if std::mem::take(&mut self.names_are_old) {
            let people = self.people.iter().enumerate().flat_map(|(block, people)| {
                people.iter().enumerate().filter_map(move |(slot, person)| {
                    Some((person.as_ref()?.name.clone(), Slot { block, slot }))
                })
            });
            self.names = Arc::new(people.collect());
        }
        Body::new(self.exposition.snapshot(), self.names.clone())
    }

    fn add(&mut self, id: i64) -> Slot {
        let place = self.free.pop().unwrap_or_else(|| {
            let place = self.exposition.add_slot();
            if place.block == self.people.len() {
                self.people.push(Vec::new());
                self.expiries.push(None);
            }
            self.people[place.block].push(None);
            place
        });
        self.places.insert(id, place);
        place
    }

    fn expires(&mut self, block: usize, at: Option<Timestamp>) {
        let known = &mut self.expiries[block];
        *known = known.iter().copied().chain(at).min();
    }
}

/// When the first of the written values stops being current.
fn first_expiry(lines: &[(usize, Lines<'_>)]) -> Option<Timestamp> {
    lines.iter().filter_map(|(_, lines)| lines.expiry()).min()
}

#[cfg(test)]
mod tests;
