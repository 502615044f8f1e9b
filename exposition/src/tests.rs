//! Any sequence of writes against the text written naively, plain, compressed, and by slot.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;

use proptest::prelude::*;

use super::*;

/// Three families: one column, three, two.
const FAMILIES: [usize; 6] = [0, 1, 1, 1, 2, 2];

fn schema() -> Arc<Schema> {
    let heads = (0..3).map(|family| Bytes::from(format!("# TYPE f{family} gauge\n"))).collect();
    Arc::new(Schema { heads, families: FAMILIES.to_vec() })
}

/// The value of a slot in each column; `None` has no line.
type Values = [Option<u16>; FAMILIES.len()];

struct Written<'a> {
    slot: usize,
    values: &'a Values,
}

impl Lines for Written<'_> {
    fn columns(&self) -> usize {
        FAMILIES.len()
    }

    fn write(&mut self, column: usize, text: &mut Vec<u8>) {
        if let Some(value) = self.values[column] {
            text.extend_from_slice(line(column, self.slot, value).as_bytes());
        }
    }
}

fn line(column: usize, slot: usize, value: u16) -> String {
    format!("f{}{{column=\"{column}\",slot=\"{slot}\"}} {value}\n", FAMILIES[column])
}

/// The text of the slots that `shown` accepts, family by family.
fn naive(slots: &BTreeMap<usize, Values>, shown: impl Fn(usize, usize) -> bool) -> String {
    let mut text = String::new();
    let mut open = None;
    for (column, family) in FAMILIES.into_iter().enumerate() {
        for (slot, values) in slots.iter().filter(|(slot, _)| shown(**slot, column)) {
            let Some(value) = values[column] else { continue };
            if open.replace(family) != Some(family) {
                writeln!(text, "# TYPE f{family} gauge").unwrap();
            }
            text += &line(column, *slot, value);
        }
    }
    text
}

fn gunzip(stream: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(stream).read_to_string(&mut text).unwrap();
    text
}

fn values() -> impl Strategy<Value = Values> {
    prop::array::uniform6(prop::option::weighted(0.7, any::<u16>()))
}

/// Slots in one block or three, and what is written to some of them, one after the other.
fn writes() -> impl Strategy<Value = (usize, Vec<(usize, Values)>)> {
    prop_oneof![1..4_usize, 2 * SLOTS_PER_BLOCK..3 * SLOTS_PER_BLOCK].prop_flat_map(|slots| {
        let write = (0..slots, values());
        (Just(slots), prop::collection::vec(write, 0..40))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn text_after_any_writes_equals_the_naive_text((slots, writes) in writes()) {
        let mut exposition = Exposition::new(schema());
        let places: Vec<Slot> = (0..slots).map(|_| exposition.add_slot()).collect();
        let mut expected: BTreeMap<usize, Values> = BTreeMap::new();
        for (slot, values) in writes {
            let Slot { block, slot: within } = places[slot];
            exposition.write(block, 0..FAMILIES.len(), &mut [(within, Written { slot, values: &values })]);
            expected.insert(slot, values);
            let snapshot = exposition.snapshot();
            let text = naive(&expected, |_, _| true);
            prop_assert_eq!(&String::from_utf8(snapshot.plain()).unwrap(), &text);
            prop_assert_eq!(gunzip(&snapshot.gzip()), text);
        }
        let snapshot = exposition.snapshot();
        let lines = expected.values().flatten().flatten().count();
        prop_assert_eq!(snapshot.lines(), lines);
        prop_assert_eq!(snapshot.bytes().0, snapshot.plain().len());
        for (slot, place) in places.into_iter().enumerate().step_by(97) {
            let own = snapshot.slot(place, |column| column > 1).concat();
            prop_assert_eq!(String::from_utf8(own).unwrap(), naive(&expected, |one, column| one == slot && column > 1));
        }
        let some = snapshot.columns(|column| column != 2).concat();
        prop_assert_eq!(String::from_utf8(some).unwrap(), naive(&expected, |_, column| column != 2));
    }
}

#[test]
fn write_of_the_same_lines_shares_the_whole_text() {
    let mut exposition = Exposition::new(schema());
    for _ in 0..3 {
        exposition.add_slot();
    }
    let mut write = |value| {
        let values = [Some(value); FAMILIES.len()];
        let mut lines: Vec<_> = (0..3).map(|slot| (slot, Written { slot, values: &values })).collect();
        exposition.write(0, 0..FAMILIES.len(), &mut lines);
        exposition.snapshot()
    };
    let (first, same, other) = (write(1), write(1), write(2));
    assert_eq!(same.unshared_bytes(&first), 0);
    assert_eq!(other.unshared_bytes(&first), other.bytes().0);
}
