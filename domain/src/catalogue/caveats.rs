//! What to know before drawing conclusions from a number; follows from its row, like its names.

use crate::catalogue::{Metric, Pick, Source};
use crate::collection::{Cadence, Window};
use crate::unit::Unit;

impl Metric {
    /// What to know before drawing conclusions, a sentence each.
    pub fn caveats(&self) -> Vec<&'static str> {
        let collection = self.collection;
        let rules = [
            (collection.is_of_the_night(), "It belongs to the day of waking up."),
            (collection.accumulates() && !self.is_series(), "Today's number is that of the day so far."),
            (
                collection.window() == Window::Instants,
                "Its points are filed under the UTC day they were measured on.",
            ),
            (
                collection.window() == Window::Whole,
                "It is what held on the day it was asked; there is no past before the first time.",
            ),
            (
                collection.info().cadence == Cadence::Irregular,
                "It comes every week or two, so most days have none.",
            ),
            (
                matches!(self.source, Source::Count(Pick::All) | Source::Span(..))
                    || matches!(self.source, Source::Number(Pick::All, _)),
                "Days on which nothing of the kind happened have no number, not a zero.",
            ),
            (
                self.unit == Unit::WallClock,
                "Its average is that of clock times; nights around noon would mislead it.",
            ),
            (self.unit == Unit::Timestamp, "It is an instant: averages and sums of it mean little."),
        ];
        rules.into_iter().filter(|(holds, _)| *holds).map(|(_, caveat)| caveat).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caveats_follow_from_the_catalogue() {
        let first = |key: &str| Metric::by_key(key).unwrap().caveats().first().copied().unwrap_or_default();
        assert!(first("sleep_score").contains("waking up"));
        assert!(first("activity_steps").contains("so far"));
        assert!(first("workouts").contains("not a zero"));
        assert!(first("heart_rate_awake").contains("UTC"));
        assert_eq!(first("stress_summary"), first("activity_steps"));
        assert_eq!(first("resilience_level"), "");
    }
}
