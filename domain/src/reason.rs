//! Why a number that could be here is not: a pure function of what is known about a person's collections.
//!
//! A reason is a statement about the newest day a collection could have by now, made from the most certain evidence to
//! the least: what Oura answered, then which days its other collections have, then what they say about the ring.

mod missing;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::collection::{Collection, Window};
use crate::day::Day;

pub use missing::{Traces, Wear, missing};

/// Why the newest day of a collection is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It has never been asked for.
    NeverRead,
    /// Oura does not accept the token.
    Unauthorized,
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
    /// Asking or storing failed on this side.
    ReadFailed,
    /// Oura's answer has a document that this version cannot read.
    Rejected,
    /// This ring has no sensor for it.
    RingCannot,
    /// Oura has no document of any kind: a new account, or a phone that has never synced.
    NoData,
    /// Oura has never had one of these.
    NeverMeasured,
    /// Nothing of the kind has happened, or nobody entered it.
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
        Self::Unauthorized,
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
    pub const fn word(self) -> &'static str {
        match self {
            Self::NeverRead => "never_read",
            Self::Unauthorized => "unauthorized",
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
            Self::Unauthorized => "give the consent again, or put a new token where the old one is",
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

    /// What the kind of a failed attempt means; the kinds are those of the client.
    fn of_failure(kind: &str) -> Self {
        match kind {
            "unauthorized" | "wrong_account" => Self::Unauthorized,
            "scope" => Self::Scope,
            "forbidden" => Self::Membership,
            "app_too_old" => Self::AppTooOld,
            "network" | "timeout" | "server" | "malformed" => Self::OuraDown,
            "rate_limited" => Self::RateLimited,
            _ => Self::ReadFailed,
        }
    }
}

/// What is known about reading one collection.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// Which collection.
    pub collection: Collection,
    /// Whether it was ever read to its end.
    pub succeeded: bool,
    /// Kind of the failure since the last success.
    pub failure: Option<&'a str>,
    /// The newest day that has a document.
    pub newest_day: Option<Day>,
    /// Whether the last successful reading had to put something aside.
    pub rejected: bool,
}

/// Everything that is known about one person.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The moment the question is asked.
    pub today: Today,
    /// Every collection that was ever tried.
    pub readings: &'a [Reading<'a>],
    /// The newest day of activity with the seconds the ring was off the finger.
    pub non_wear: Option<(Day, f64)>,
    /// Whether the ring is known to have no oxygen sensor.
    pub lacks_oxygen_sensor: bool,
}

/// The days that a moment belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Today {
    /// On the person's calendar.
    local: Day,
    utc: Day,
    /// The hour by the person's clock.
    hour: i8,
}

impl Today {
    /// What day it is now in the zone of the person's calendar.
    pub fn at(now: Timestamp, zone: &TimeZone) -> Self {
        let hour = Zoned::new(now, zone.clone()).hour();
        Self { local: Day::at(now, zone), utc: Day::at(now, &TimeZone::UTC), hour }
    }

    /// On the calendar that the collection's days follow.
    pub fn of(self, collection: Collection) -> Day {
        match collection.window() {
            Window::Days => self.local,
            Window::Instants | Window::Whole => self.utc,
        }
    }
}

/// The hour by which last night has usually come: Oura's own scoring lags until the middle of the morning.
const NIGHTS_BY: i8 = 12;

/// Off the finger for so long, a ring has missed a night or most of a day.
const MUCH_OF_A_DAY: f64 = 6.0 * 3600.0;

/// Why `collection` has nothing of today; `None` when it has.
pub fn absence(evidence: &Evidence<'_>, collection: Collection) -> Option<Reason> {
    let Some(reading) = evidence.of(collection) else { return Some(Reason::NeverRead) };
    let today = evidence.today.of(collection);
    let newest = reading.newest_day;
    if newest.is_some_and(|newest| newest >= today) {
        return None;
    }
    if let Some(kind) = reading.failure {
        return Some(Reason::of_failure(kind));
    }
    if !reading.succeeded {
        return Some(Reason::NeverRead);
    }
    if reading.rejected {
        return Some(Reason::Rejected);
    }
    if collection == Collection::DailySpo2 && evidence.lacks_oxygen_sensor {
        return Some(Reason::RingCannot);
    }
    let measured =
        |reading: &Reading<'_>| comes_from_the_ring(reading.collection) && reading.newest_day.is_some();
    if comes_from_the_ring(collection) && !evidence.readings.iter().any(measured) {
        return Some(Reason::NoData);
    }
    let early = evidence.today.hour < NIGHTS_BY;
    let yesterday_came = newest.is_some_and(|newest| newest >= today.plus(-1));
    match habit(collection) {
        Habit::Observed => Some(Reason::NotYet),
        Habit::Events => Some(evidence.unsynced(early).unwrap_or(Reason::NoEvent)),
        Habit::Irregular if newest.is_none() => Some(Reason::NeverMeasured),
        Habit::Irregular => Some(Reason::Irregular),
        _ if newest.is_none() => Some(Reason::NeverMeasured),
        _ if early && yesterday_came => Some(Reason::NotYet),
        habit => Some(
            evidence
                .unsynced(early)
                .or_else(|| evidence.not_worn(newest))
                .unwrap_or(if habit == Habit::Nightly { Reason::AppNotOpened } else { Reason::NotComputed }),
        ),
    }
}

/// How a collection's documents come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// With the night, once the app is opened.
    Nightly,
    /// All day, by the phone alone.
    Background,
    /// Computed by Oura from days or weeks.
    Computed,
    /// Now and then.
    Irregular,
    /// When something happens.
    Events,
    /// Asked once a day, whatever the ring does.
    Observed,
}

const fn habit(collection: Collection) -> Habit {
    match collection {
        Collection::DailySleep
        | Collection::Sleep
        | Collection::DailyReadiness
        | Collection::DailySpo2
        | Collection::SleepTime => Habit::Nightly,
        Collection::DailyActivity
        | Collection::HeartRate
        | Collection::DailyStress
        | Collection::RingBatteryLevel => Habit::Background,
        Collection::DailyResilience => Habit::Computed,
        Collection::DailyCardiovascularAge | Collection::Vo2Max => Habit::Irregular,
        Collection::Workout
        | Collection::Session
        | Collection::EnhancedTag
        | Collection::Tag
        | Collection::RestModePeriod => Habit::Events,
        Collection::RingConfiguration | Collection::PersonalInfo => Habit::Observed,
    }
}

/// Whether a document proves that a ring measured and a phone sent something.
fn comes_from_the_ring(collection: Collection) -> bool {
    !matches!(habit(collection), Habit::Observed)
}

impl Evidence<'_> {
    fn of(&self, collection: Collection) -> Option<&Reading<'_>> {
        self.readings.iter().find(|reading| reading.collection == collection)
    }

    /// Whether nothing at all of today has come, where some should have: the phone has not synced. In the early hours
    /// something of yesterday is enough.
    fn unsynced(&self, early: bool) -> Option<Reason> {
        let fresh = |reading: &Reading<'_>| {
            let enough = self.today.of(reading.collection).plus(if early { -1 } else { 0 });
            comes_from_the_ring(reading.collection)
                && reading.newest_day.is_some_and(|newest| newest >= enough)
        };
        (!self.readings.iter().any(fresh)).then_some(Reason::PhoneNotSynced)
    }

    /// Whether the other collections say that the ring was off: the activity of the days that are missing counts hours
    /// without it, or its battery reports and no heart does.
    fn not_worn(&self, newest: Option<Day>) -> Option<Reason> {
        let missing = |day: Day| newest.is_none_or(|newest| day > newest);
        let off = self.non_wear.is_some_and(|(day, seconds)| missing(day) && seconds >= MUCH_OF_A_DAY);
        let newest_of = |collection| self.of(collection).and_then(|reading| reading.newest_day);
        let battery = newest_of(Collection::RingBatteryLevel);
        let heart = newest_of(Collection::HeartRate);
        let battery_alone =
            battery.is_some_and(|battery| missing(battery) && heart.is_none_or(|heart| heart < battery));
        (off || battery_alone).then_some(Reason::RingNotWorn)
    }
}

#[cfg(test)]
mod tests;
