//! Values in place of gaps, for callers that want them. What is filled is marked, and never counted.

use crate::count;

/// A slot after gaps were filled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Filled {
    /// The value, measured or filled.
    pub value: Option<f64>,
    /// Whether it was filled.
    pub filled: bool,
}

fn measured(row: &[Option<f64>]) -> Vec<Filled> {
    row.iter().map(|value| Filled { value: *value, filled: false }).collect()
}

/// The last measured value stands until the next; before the first there is none.
pub fn carried(row: &[Option<f64>]) -> Vec<Filled> {
    let mut slots = measured(row);
    let mut last = None;
    for slot in &mut slots {
        match slot.value {
            Some(value) => last = Some(value),
            None => *slot = Filled { value: last, filled: last.is_some() },
        }
    }
    slots
}

/// A straight line from measured value to measured value; before the first and after the last there is none.
pub fn linear(row: &[Option<f64>]) -> Vec<Filled> {
    let mut slots = measured(row);
    let known: Vec<(usize, f64)> =
        row.iter().enumerate().filter_map(|(i, value)| Some((i, (*value)?))).collect();
    for ends in known.windows(2) {
        let ((first, left), (last, right)) = (ends[0], ends[1]);
        for (slot, filled) in slots.iter_mut().enumerate().take(last).skip(first + 1) {
            let share = count(slot - first) / count(last - first);
            *filled = Filled { value: Some(left + (right - left) * share), filled: true };
        }
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(slots: &[Filled]) -> Vec<(Option<f64>, bool)> {
        slots.iter().map(|slot| (slot.value, slot.filled)).collect()
    }

    #[test]
    fn gaps_are_filled_inside_and_marked() {
        let row = [None, Some(1.0), None, None, Some(4.0), None];
        let (measured, filled) = (|value| (Some(value), false), |value| (Some(value), true));
        assert_eq!(
            values(&carried(&row)),
            [(None, false), measured(1.0), filled(1.0), filled(1.0), measured(4.0), filled(4.0)]
        );
        assert_eq!(
            values(&linear(&row)),
            [(None, false), measured(1.0), filled(2.0), filled(3.0), measured(4.0), (None, false)]
        );
        assert_eq!(values(&linear(&[None])), [(None, false)]);
    }
}
