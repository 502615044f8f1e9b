//! Everybody's lines, kept so that a change costs what changed: one person's lines are written, the columns of his block
//! that differ are copied and compressed. All else is shared with the body before.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use domain::Pseudonym;
use jiff::Timestamp;

use crate::block::{Block, PEOPLE_PER_BLOCK, Scratch};
use crate::body::{Body, Slot};
use crate::person::{CollectionStatuses, Columns, Lines, Person, Record};
use crate::text::Text;

/// The gauges under construction; [`Gauges::body`] is what scrapes see.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    blocks: Vec<Block>,
    places: HashMap<i64, Slot>,
    /// Places of persons who were removed.
    free: Vec<Slot>,
    /// The latest time at which lines were written or taken out.
    written: Timestamp,
    /// When the next value of each block stops being "now".
    expiries: Vec<Option<Timestamp>>,
    /// What a scrape may ask for by name; shared until people come or go.
    names: Arc<HashMap<Pseudonym, Slot>>,
    names_are_old: bool,
    room: Scratch,
    text: Text,
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

    /// Whether somebody's values are here.
    pub(crate) fn contains(&self, id: i64) -> bool {
        self.places.contains_key(&id)
    }

    /// Adds persons or replaces what was known of them. Only columns that differ are written again.
    pub(crate) fn set(&mut self, records: &[Record], now: Timestamp) {
        // What a clock that ran ahead has taken out comes back by writing everything.
        let back = now < self.written;
        self.written = self.written.max(now);
        let mut changes: BTreeMap<usize, Change<'_>> = BTreeMap::new();
        for record in records {
            let id = record.person.id;
            let place = self.places.get(&id).copied().unwrap_or_else(|| self.settle(id));
            let fresh = CollectionStatuses::new(record, now);
            let person = Person::new(record, &fresh);
            let known = &mut self.blocks[place.block].people[place.slot];
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
            let expiry = self.blocks[block].write(
                &mut self.room,
                &columns,
                |slot, person| Some(person?.lines(fresh.get(&slot)?, now)),
                |column, old, new| self.text.changed(block, column, old, new),
            );
            self.expires(block, expiry);
        }
    }

    /// Forgets persons.
    pub(crate) fn remove(&mut self, people: &[i64]) {
        let mut changes: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for id in people {
            let Some(place) = self.places.remove(id) else { continue };
            self.blocks[place.block].people[place.slot] = None;
            self.free.push(place);
            self.names_are_old = true;
            changes.entry(place.block).or_default().insert(place.slot);
        }
        for (block, gone) in changes {
            self.blocks[block].write(
                &mut self.room,
                &Columns::all(),
                |slot, _| gone.contains(&slot).then(Lines::empty),
                |column, old, new| self.text.changed(block, column, old, new),
            );
        }
    }

    /// Takes out the values whose time is up.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        self.written = self.written.max(now);
        for (n, (block, expiry)) in self.blocks.iter_mut().zip(&mut self.expiries).enumerate() {
            if expiry.is_some_and(|at| at <= now) {
                *expiry = block.write(
                    &mut self.room,
                    &Columns::all(),
                    |_, person| Some(person?.values(now)),
                    |column, old, new| self.text.changed(n, column, old, new),
                );
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
            let people = self.blocks.iter().enumerate().flat_map(|(block, it)| {
                it.people.iter().enumerate().filter_map(move |(slot, person)| {
                    Some((person.as_ref()?.name.clone(), Slot { block, slot }))
                })
            });
            self.names = Arc::new(people.collect());
        }
        let strips = self.text.segments(&self.blocks);
        let blocks = self.blocks.iter().map(|block| block.parts.clone()).collect();
        Body::new(strips, self.text.lines(), blocks, self.names.clone())
    }

    fn settle(&mut self, id: i64) -> Slot {
        let place = self.free.pop().unwrap_or_else(|| {
            if self.blocks.last().is_none_or(|block| block.people.len() == PEOPLE_PER_BLOCK) {
                self.blocks.push(Block::new());
                self.expiries.push(None);
            }
            let block = self.blocks.len() - 1;
            self.blocks[block].people.push(None);
            Slot { block, slot: self.blocks[block].people.len() - 1 }
        });
        self.places.insert(id, place);
        place
    }

    fn expires(&mut self, block: usize, at: Option<Timestamp>) {
        let known = &mut self.expiries[block];
        *known = known.iter().copied().chain(at).min();
    }
}

#[cfg(test)]
mod tests;
