//! When the phone app talks to the cloud. Nothing is known before.
//!
//! What belongs here: the only bridge between what happened and what Oura knows of it.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::calendar::{at, shift};
use super::person::Person;
use super::wear::Wear;
use crate::chance::Channel;

impl Person {
    /// The last sync at or before `now`; all that Oura knows is older. `None` before the first one.
    pub(crate) fn synced(&self, now: Timestamp) -> Option<Timestamp> {
        // No zone is more than a day from UTC, and a day that belongs to a wake-up reaches into the next.
        let today = TimeZone::UTC.to_datetime(now).date();
        (-3..=1).rev().map(|n| shift(today, n)).find_map(|day| self.sync_of(day, now))
    }

    /// The last sync at or before `now` among those of one day: in the night, on waking, then about every hour.
    fn sync_of(&self, day: Date, now: Timestamp) -> Option<Timestamp> {
        if day < self.life().first_day {
            return None;
        }
        let morning = self.morning(day);
        if now < morning {
            return self.night_sync(day).filter(|sync| *sync <= now);
        }
        let bedtime = self.night(shift(day, 1)).start;
        let mut chance = self.chance(day, Channel::Sync);
        let mut last = morning;
        for hour in 1..30 {
            let minutes = hour * 60 + chance.whole(0, 25);
            let missed = chance.happens(0.1);
            let sync = after(morning, minutes);
            if sync > now || sync >= bedtime {
                break;
            }
            if !missed {
                last = sync;
            }
        }
        Some(last)
    }

    /// The sync that brings the night of `day`: some 20 minutes after waking, once in fifty days hours late.
    pub(crate) fn morning(&self, day: Date) -> Timestamp {
        let mut chance = self.chance(day, Channel::Morning);
        let usual = chance.whole(12, 35);
        let late = if chance.happens(0.02) { chance.whole(120, 420) } else { 0 };
        // A flight east can bring the next bedtime before a late sync.
        after(self.night(day).end, usual + late).min(after(self.night(shift(day, 1)).start, -5))
    }

    /// A sync while the person sleeps, after midnight, which shows a night in progress. One night in sixteen.
    pub(crate) fn night_sync(&self, day: Date) -> Option<Timestamp> {
        let night = self.night(day);
        let mut chance = self.chance(day, Channel::NightSync);
        let happens = chance.happens(1.0 / 16.0);
        let midnight = at(day, 1, &self.zone(day));
        let sync = after(night.start.max(midnight), chance.whole(70, 150));
        (happens && self.wear(day) == Wear::Whole && after(sync, 90) < night.end).then_some(sync)
    }
}

/// `minutes` after an instant.
fn after(instant: Timestamp, minutes: i64) -> Timestamp {
    instant.saturating_add(SignedDuration::from_mins(minutes)).unwrap_or(Timestamp::MAX)
}
