//! Why a value is absent: a pure function of what is known about a person's collections.
//!
//! A reason is a statement about the newest day a collection could have by now, made from the most certain evidence to
//! the least: Oura's response, then which days the other collections have, then what these show about the ring.

mod missing;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use crate::collection::{Cadence, Collection, Window};
use crate::day::Day;
use crate::failure::Cause;

pub use missing::{DayEvidence, WORN, WearLog, civil_day, missing_day_reason};

/// Why the newest day of a collection is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It has never been requested.
    NeverRead,
    /// It was last read on an earlier day: nothing that has come since is known here.
    NotRead,
    /// There is no log-in, or Oura does not accept the token.
    Unauthorized,
    /// The log-in has run out and could not be renewed yet.
    RenewalFailed,
    /// The consent leaves the collection out.
    Scope,
    /// The membership has lapsed.
    Membership,
    /// The phone app is too old.
    AppTooOld,
    /// Oura cannot be reached or has a fault of its own.
    OuraDown,
    /// Oura allows no more requests for now.
    RateLimited,
    /// The request or storing failed on this side.
    ReadFailed,
    /// Oura's answer has a document that this version cannot read.
    Rejected,
    /// This ring has no sensor for it.
    RingCannot,
    /// Oura has no document of any kind: a new account, or a phone that has never synced.
    NoData,
    /// Oura has never had one of these.
    NeverMeasured,
    /// Nothing of the kind has happened, or it was not entered.
    NoEvent,
    /// Oura makes one only now and then.
    Irregular,
    /// It is too early in the day.
    NotYet,
    /// Nothing of today has come: the phone has not synced.
    PhoneNotSynced,
    /// The ring was not on the finger.
    RingNotWorn,
    /// What the phone sends by itself has come, and what it sends once the app is opened has not.
    AppNotOpened,
    /// The data has come and Oura has not computed this from it.
    NotComputed,
}

impl Reason {
    /// Every reason.
    pub const ALL: &[Self] = &[
        Self::NeverRead,
        Self::NotRead,
        Self::Unauthorized,
        Self::RenewalFailed,
        Self::Scope,
        Self::Membership,
        Self::AppTooOld,
        Self::OuraDown,
        Self::RateLimited,
        Self::ReadFailed,
        Self::Rejected,
        Self::RingCannot,
        Self::NoData,
        Self::NeverMeasured,
        Self::NoEvent,
        Self::Irregular,
        Self::NotYet,
        Self::PhoneNotSynced,
        Self::RingNotWorn,
        Self::AppNotOpened,
        Self::NotComputed,
    ];

    /// The word: label value and API value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NeverRead => "never_read",
            Self::NotRead => "not_read",
            Self::Unauthorized => "unauthorized",
            Self::RenewalFailed => "renewal_failed",
            Self::Scope => "scope",
            Self::Membership => "membership",
            Self::AppTooOld => "app_too_old",
            Self::OuraDown => "oura_down",
            Self::RateLimited => "rate_limited",
            Self::ReadFailed => "read_failed",
            Self::Rejected => "rejected",
            Self::RingCannot => "ring_cannot",
            Self::NoData => "no_data",
            Self::NeverMeasured => "never_measured",
            Self::NoEvent => "no_event",
            Self::Irregular => "irregular",
            Self::NotYet => "not_yet",
            Self::PhoneNotSynced => "phone_not_synced",
            Self::RingNotWorn => "ring_not_worn",
            Self::AppNotOpened => "app_not_opened",
            Self::NotComputed => "not_computed",
        }
    }

    /// What a person can do about it.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::NeverRead => "run `myhealth sync`, or wait for the running one",
            Self::NotRead => "start `myhealth serve`, or run `myhealth sync`",
            Self::Unauthorized => "run `myhealth login`, or put a new token where the old one is",
            Self::RenewalFailed => {
                "nothing: it is tried again; if it lasts, `myhealth doctor` says what to check"
            }
            Self::Scope => "give the consent again with this collection ticked",
            Self::Membership => "check in the Oura app that the membership is active",
            Self::AppTooOld => "update the Oura app on the phone and let it sync",
            Self::OuraDown => "nothing: it is tried again; if it lasts, check this machine's network",
            Self::RateLimited => "nothing: it is tried again when Oura allows it",
            Self::ReadFailed => "see the log; `myhealth sync` shows the failure again",
            Self::Rejected => "nothing is lost: update myhealth, then run `myhealth rebuild`",
            Self::RingCannot => "nothing: a ring of the third generation or later measures it",
            Self::NoData => "wear the ring, and open the Oura app to let it sync",
            Self::NeverMeasured => "nothing: it comes when Oura has enough to say, or never",
            Self::NoEvent => "nothing: there was none",
            Self::Irregular => "nothing: it comes every few days or weeks",
            Self::NotYet => "nothing: nights come in the course of the morning",
            Self::PhoneNotSynced => "open the Oura app near the ring, with Bluetooth on",
            Self::RingNotWorn => "nothing: what was not measured stays absent",
            Self::AppNotOpened => "open the Oura app: nights are sent only then",
            Self::NotComputed => "nothing: Oura computes it later, or has too little data",
        }
    }

    /// Whether nothing is read any more, so that what has come since the last success is not known.
    const fn stops_reading(self) -> bool {
        !matches!(
            self,
            Self::Rejected
                | Self::RingCannot
                | Self::NoData
                | Self::NeverMeasured
                | Self::NoEvent
                | Self::Irregular
                | Self::NotYet
                | Self::PhoneNotSynced
                | Self::RingNotWorn
                | Self::AppNotOpened
                | Self::NotComputed
        )
    }
}

/// What is known about reading one collection.
#[derive(Clone, Copy, Debug)]
pub struct ReadingStatus {
    /// Which collection.
    pub collection: Collection,
    /// When it was last read to its end; `None` before the first time.
    pub last_success_at: Option<Timestamp>,
    /// Cause of the failure since the last success.
    pub failure: Option<Cause>,
    /// The newest day that has a document, as documents are filed: rows of a time series under their UTC day.
    pub newest_day: Option<Day>,
    /// The newest day on the person's calendar that has a number which [`crate::Metric::completes_its_day`].
    pub newest_value: Option<Day>,
    /// The newest day of a rejected document that says its day.
    pub rejected_day: Option<Day>,
    /// Whether the last successful reading of the newest days rejected a document that does not say its day.
    pub rejected_undated: bool,
}

impl ReadingStatus {
    /// The newest day that has anything, on the person's calendar as far as it is known.
    fn newest(&self) -> Option<Day> {
        match self.collection.window() {
            Window::Instants => self.newest_value.or(self.newest_day),
            Window::Days | Window::Whole => self.newest_day,
        }
    }

    fn is_rejected(&self, today: Day) -> bool {
        self.rejected_undated || self.rejected_day.is_some_and(|rejected| rejected >= today)
    }
}

/// Everything that is known about one person.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The current time.
    pub today: Today,
    /// Every collection that was ever tried.
    pub readings: &'a [ReadingStatus],
    /// The newest day of activity with the seconds the ring was off the finger.
    pub non_wear: Option<(Day, f64)>,
    /// Whether the ring is known to have no oxygen sensor.
    pub lacks_oxygen_sensor: bool,
}

/// The days that a moment belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Today {
    now: Timestamp,
    /// On the person's calendar.
    local: Day,
    /// When that day began.
    midnight: Timestamp,
    utc: Day,
    /// The hour by the person's clock.
    hour: i8,
}

impl Today {
    /// What day it is now in the zone of the person's calendar.
    pub fn at(now: Timestamp, zone: &TimeZone) -> Self {
        let hour = Zoned::new(now, zone.clone()).hour();
        let local = Day::at(now, zone);
        let first = zone.to_timestamp(local.date().at(0, 0, 0, 0));
        let midnight = first.unwrap_or_else(|_| local.midnight_utc());
        Self { now, local, midnight, utc: Day::at(now, &TimeZone::UTC), hour }
    }

    /// The day on the person's calendar.
    pub const fn day(self) -> Day {
        self.local
    }

    /// The newest day under which a document of the collection can be filed by now.
    fn filed(self, collection: Collection) -> Day {
        match collection.window() {
            Window::Instants => self.utc,
            Window::Days | Window::Whole => self.local,
        }
    }

    /// Whether what was last read at `at` cannot have anything of today, and has not been read for long.
    fn is_unread_since(self, at: Timestamp, longest: SignedDuration) -> bool {
        at < self.midnight && self.now.duration_since(at) >= longest
    }
}

/// The hour by which last night has usually come: Oura's own scoring lags until the middle of the morning.
const NIGHT_DUE_HOUR: i8 = 12;

/// Off the finger for so long, a ring has missed a night or most of a day.
const LONG_NON_WEAR: f64 = 6.0 * 3600.0;

/// Longest time between two readings of a service that runs; a few hours after midnight, last evening is still recent.
const READ_WITHIN: SignedDuration = SignedDuration::from_hours(6);

/// The same of what is asked once a day.
const OBSERVED_WITHIN: SignedDuration = SignedDuration::from_hours(36);

/// Why `collection` has nothing of today (a document with null counts as nothing); `None` when it has.
pub fn absence_reason(evidence: &Evidence<'_>, collection: Collection) -> Option<Reason> {
    let Some(reading) = evidence.of(collection) else { return Some(Reason::NeverRead) };
    let today = evidence.today.day();
    let observed = collection.info().cadence == Cadence::Observed;
    let is_filed = reading.newest_day.is_some_and(|newest| newest >= evidence.today.filed(collection));
    let has_value = reading.newest_value.is_some_and(|newest| newest >= today);
    if is_filed && (has_value || observed) {
        return None;
    }
    if is_filed && collection.window() == Window::Days {
        return Some(Reason::NotComputed);
    }
    if let Some(cause) = reading.failure {
        return Some(cause.reason());
    }
    let Some(read_at) = reading.last_success_at else { return Some(Reason::NeverRead) };
    if evidence.today.is_unread_since(read_at, if observed { OBSERVED_WITHIN } else { READ_WITHIN }) {
        return Some(Reason::NotRead);
    }
    // West of Greenwich the next UTC day begins in the evening, and its rows come with the next sync.
    if has_value {
        return Some(Reason::NotYet);
    }
    if reading.is_rejected(today) {
        return Some(Reason::Rejected);
    }
    let newest = reading.newest();
    if collection.info().needs_oxygen_sensor && evidence.lacks_oxygen_sensor {
        return Some(Reason::RingCannot);
    }
    let measured =
        |reading: &ReadingStatus| comes_from_the_ring(reading.collection) && reading.newest_day.is_some();
    if comes_from_the_ring(collection) && !evidence.readings.iter().any(measured) {
        return Some(Reason::NoData);
    }
    let early = evidence.today.hour < NIGHT_DUE_HOUR;
    let yesterday_came = newest.is_some_and(|newest| newest >= today.plus(-1));
    match collection.info().cadence {
        Cadence::Observed => Some(Reason::NotYet),
        Cadence::Event => Some(evidence.unsynced(early).unwrap_or(Reason::NoEvent)),
        Cadence::Irregular if newest.is_none() => Some(Reason::NeverMeasured),
        Cadence::Irregular => Some(Reason::Irregular),
        _ if newest.is_none() => Some(Reason::NeverMeasured),
        _ if early && yesterday_came => Some(Reason::NotYet),
        cadence => {
            Some(evidence.unsynced(early).or_else(|| evidence.not_worn(newest)).unwrap_or(
                if cadence == Cadence::Nightly { Reason::AppNotOpened } else { Reason::NotComputed },
            ))
        }
    }
}

/// Whether a document proves that a ring measured and a phone sent something.
fn comes_from_the_ring(collection: Collection) -> bool {
    !matches!(collection.info().cadence, Cadence::Observed)
}

impl Evidence<'_> {
    fn of(&self, collection: Collection) -> Option<&ReadingStatus> {
        self.readings.iter().find(|reading| reading.collection == collection)
    }

    /// Whether nothing at all of today has come, where some should have: the phone has not synced. In the early hours
    /// something of yesterday is enough.
    fn unsynced(&self, early: bool) -> Option<Reason> {
        let fresh = |reading: &ReadingStatus| {
            let enough = self.today.day().plus(if early { -1 } else { 0 });
            comes_from_the_ring(reading.collection) && reading.newest().is_some_and(|newest| newest >= enough)
        };
        (!self.readings.iter().any(fresh)).then_some(Reason::PhoneNotSynced)
    }

    /// Whether the other collections show that the ring was off: the activity of the days that are missing counts hours
    /// without it, or its battery reports and no heart does.
    fn not_worn(&self, newest: Option<Day>) -> Option<Reason> {
        let missing = |day: Day| newest.is_none_or(|newest| day > newest);
        let off = self.non_wear.is_some_and(|(day, seconds)| missing(day) && seconds >= LONG_NON_WEAR);
        let newest_of = |collection| self.of(collection).and_then(ReadingStatus::newest);
        let battery = newest_of(Collection::RingBatteryLevel);
        let heart = newest_of(Collection::HeartRate);
        let battery_alone =
            battery.is_some_and(|battery| missing(battery) && heart.is_none_or(|heart| heart < battery));
        (off || battery_alone).then_some(Reason::RingNotWorn)
    }
}

#[cfg(test)]
mod tests;
