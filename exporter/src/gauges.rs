//! Everybody's lines, kept so that a change costs what changed: one person's lines are written, the columns of his block
//! are copied, and the pieces that hold them are compressed. All else is shared with the body before.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use domain::Pseudonym;
use jiff::Timestamp;

use crate::block::{Block, PEOPLE, Room};
use crate::body::{Body, Piece, Place, address};
use crate::gzip::Press;
use crate::person::{Lines, Person, Record};
use crate::table::TABLE;

/// A piece is closed when it is this long: long enough to compress well, short enough to be made again for one person.
const PIECE: usize = 32 * 1024;

/// The gauges under construction; [`Gauges::body`] is what scrapes see.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    blocks: Vec<Block>,
    places: HashMap<i64, Place>,
    /// Places of persons who were removed.
    free: Vec<Place>,
    /// When the next value of each block stops being "now".
    expiries: Vec<Option<Timestamp>>,
    /// What a scrape may ask for by name; shared until people come or go.
    names: Arc<HashMap<Pseudonym, Place>>,
    names_are_old: bool,
    room: Room,
    press: Press,
    /// The pieces of the last body by where their first frame lies.
    pieces: HashMap<usize, Arc<Piece>>,
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

    /// Adds persons or replaces what was known of them.
    pub(crate) fn set(&mut self, records: &[Record], now: Timestamp) {
        let mut changes: BTreeMap<usize, BTreeMap<usize, &Record>> = BTreeMap::new();
        for record in records {
            let id = record.person.id;
            let place = self.places.get(&id).copied().unwrap_or_else(|| self.settle(id));
            let known = &mut self.blocks[place.block].people[place.slot];
            self.names_are_old |= known.as_ref().is_none_or(|known| known.name != record.person.name);
            *known = Some(Person::new(record));
            changes.entry(place.block).or_default().insert(place.slot, record);
        }
        for (block, records) in changes {
            let expiry = self.blocks[block]
                .write(&mut self.room, |slot, person| Some(person?.lines(records.get(&slot)?, now)));
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
            self.blocks[block].write(&mut self.room, |slot, _| gone.contains(&slot).then(Lines::nobody));
        }
    }

    /// Takes out the values whose time is up.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        for (block, expiry) in self.blocks.iter_mut().zip(&mut self.expiries) {
            if expiry.is_some_and(|at| at <= now) {
                *expiry = block.write(&mut self.room, |_, person| Some(person?.values(now)));
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
                    Some((person.as_ref()?.name.clone(), Place { block, slot }))
                })
            });
            self.names = Arc::new(people.collect());
        }
        let pieces = self.cut();
        self.pieces = pieces.iter().map(|piece| (piece.address(), piece.clone())).collect();
        Body::new(pieces, self.blocks.iter().map(|block| block.parts.clone()).collect(), self.names.clone())
    }

    fn settle(&mut self, id: i64) -> Place {
        let place = self.free.pop().unwrap_or_else(|| {
            if self.blocks.last().is_none_or(|block| block.people.len() == PEOPLE) {
                self.blocks.push(Block::new());
                self.expiries.push(None);
            }
            let block = self.blocks.len() - 1;
            self.blocks[block].people.push(None);
            Place { block, slot: self.blocks[block].people.len() - 1 }
        });
        self.places.insert(id, place);
        place
    }

    fn expires(&mut self, block: usize, at: Option<Timestamp>) {
        let known = &mut self.expiries[block];
        *known = known.iter().copied().chain(at).min();
    }

    /// The whole text in pieces; a piece of the last body that holds the same frames is taken as it is.
    fn cut(&mut self) -> Vec<Arc<Piece>> {
        let mut pieces = Vec::new();
        let mut frames: Vec<Bytes> = Vec::new();
        let mut length = 0;
        // The old piece keeps its frames alive, so the same place in memory is the same text.
        let mut piece = |frames: Vec<Bytes>| match self.pieces.get(&address(&frames)) {
            Some(known) if known.is_of(&frames) => known.clone(),
            _ => Arc::new(Piece::new(frames, &mut self.press)),
        };
        for frame in frames_of(&self.blocks) {
            length += frame.len();
            frames.push(frame);
            if length >= PIECE {
                pieces.push(piece(std::mem::take(&mut frames)));
                length = 0;
            }
        }
        if !frames.is_empty() {
            pieces.push(piece(frames));
        }
        pieces
    }
}

/// Heads and columns of everybody in the order of the text, without what is empty.
fn frames_of(blocks: &[Block]) -> impl Iterator<Item = Bytes> {
    let mut open = None;
    TABLE.columns.iter().enumerate().flat_map(move |(index, column)| {
        let texts =
            || blocks.iter().map(move |block| &block.parts[index].text).filter(|text| !text.is_empty());
        let opens = open != Some(column.family) && texts().next().is_some();
        if opens {
            open = Some(column.family);
        }
        opens.then(|| TABLE.heads[column.family].clone()).into_iter().chain(texts().cloned())
    })
}

#[cfg(test)]
mod tests;
