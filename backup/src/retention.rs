//! Which backups are kept, and a person's removal from all of them.

use std::collections::HashSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::error::Result;
use crate::listing::{Hash, Listing};
use crate::repository::{Repository, UNLISTED_FOR, listing_name, object_name};

/// How many backups are kept: the newest of a day, and the newest of a week. The newest of all is always kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Days that have a backup.
    pub daily: usize,
    /// Weeks, from Monday on in UTC, that have a backup.
    pub weekly: usize,
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Backups.
    pub backups: usize,
    /// Objects that no backup names any more.
    pub objects: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl Keep {
    /// Which of these backups are kept; they are in the order of time.
    fn kept(self, times: &[Timestamp]) -> Vec<bool> {
        let day = |at: &Timestamp| at.to_zoned(TimeZone::UTC).date();
        let week = |at: &Timestamp| {
            let day = day(at);
            day.checked_sub(i64::from(day.weekday().to_monday_zero_offset()).days()).unwrap_or(day)
        };
        let (mut days, mut weeks) = (HashSet::new(), HashSet::new());
        let is_first = |set: &mut HashSet<Date>, of: Date, most: usize| set.len() < most && set.insert(of);
        let newest_first = times.iter().enumerate().rev().map(|(index, at)| {
            let daily = is_first(&mut days, day(at), self.daily);
            let weekly = is_first(&mut weeks, week(at), self.weekly);
            daily || weekly || index + 1 == times.len()
        });
        let mut kept: Vec<bool> = newest_first.collect();
        kept.reverse();
        kept
    }
}

impl Repository {
    /// Removes backups that are not kept, and objects that no backup names and that were not written within a day: these may
    /// belong to one that is being made. Removes nothing when a listing cannot be read.
    pub async fn prune(&self, keep: Keep, now: Timestamp) -> Result<Pruned> {
        let listings = self.listings().await?;
        let times: Vec<Timestamp> = listings.iter().map(|(_, listing)| listing.created_at).collect();
        let mut pruned = Pruned::default();
        let mut left = Vec::new();
        for ((name, listing), kept) in listings.into_iter().zip(keep.kept(&times)) {
            if kept {
                left.push(listing);
            } else {
                self.remove(&name).await?;
                pruned.backups += 1;
            }
        }
        let named = objects(&left);
        for (object, bytes) in self.objects_before(now - UNLISTED_FOR).await? {
            if !named.contains(&object) {
                self.remove(&object_name(object)).await?;
                pruned.objects += 1;
                pruned.bytes += bytes;
            }
        }
        Ok(pruned)
    }

    /// Removes a person from every backup: the listings no longer name the person's objects, which are removed. The manifest of
    /// a backup keeps the name and the counts of rows.
    pub async fn erase(&self, person: i64) -> Result<Pruned> {
        let mut pruned = Pruned::default();
        let (mut left, mut erased) = (Vec::new(), HashSet::new());
        for (name, mut listing) in self.listings().await? {
            let theirs: Vec<_> = listing.parts.extract_if(.., |part| part.person == Some(person)).collect();
            if !theirs.is_empty() {
                erased.extend(
                    theirs.iter().flat_map(|part| &part.chunks).map(|chunk| (chunk.object, chunk.bytes)),
                );
                listing.erased.push(person);
                let text = listing.text();
                self.put(&listing_name(listing.created_at, &text), text.into()).await?;
                self.remove(&name).await?;
                pruned.backups += 1;
            }
            left.push(listing);
        }
        let named = objects(&left);
        for (object, bytes) in erased.into_iter().filter(|(object, _)| !named.contains(object)) {
            self.remove(&object_name(object)).await?;
            pruned.objects += 1;
            pruned.bytes += bytes;
        }
        Ok(pruned)
    }

    /// All listings with their names, the oldest first.
    pub async fn listings(&self) -> Result<Vec<(String, Listing)>> {
        let mut listings = Vec::new();
        for name in self.listing_names().await? {
            let listing = self.listing(&name).await?;
            listings.push((name, listing));
        }
        Ok(listings)
    }
}

fn objects(listings: &[Listing]) -> HashSet<Hash> {
    listings.iter().flat_map(Listing::objects).map(|object| object.object).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(days: &[&str]) -> Vec<Timestamp> {
        days.iter().map(|day| format!("{day}:00Z").parse().unwrap()).collect()
    }

    #[test]
    fn backups_are_kept_by_day_and_week() {
        // The 4th and the 11th of May 2026 are Mondays.
        let times = times(&[
            "2026-05-03T03:00",
            "2026-05-04T03:00",
            "2026-05-10T03:00",
            "2026-05-11T03:00",
            "2026-05-12T03:00",
            "2026-05-12T09:00",
        ]);
        let kept = |daily, weekly| Keep { daily, weekly }.kept(&times);
        assert_eq!(kept(2, 0), [false, false, false, true, false, true]);
        assert_eq!(kept(1, 3), [true, false, true, false, false, true]);
        assert_eq!(kept(0, 0), [false, false, false, false, false, true], "the newest stays");
        assert_eq!(kept(30, 52), [true, true, true, true, false, true]);
        assert_eq!(Keep { daily: 1, weekly: 1 }.kept(&[]), [false; 0]);
    }
}
