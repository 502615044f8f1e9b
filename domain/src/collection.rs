//! Oura's collections: where each is read, how its window is asked for, and how its days behave.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use crate::day::Day;

/// A collection of Oura's API v2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Collection {
    /// The night's score and its contributors; no durations.
    DailySleep,
    /// Sleep periods: nights, naps, false detections; several a day.
    Sleep,
    /// Readiness score, contributors, temperature deviation.
    DailyReadiness,
    /// Movement of 24 hours from 04:00 local.
    DailyActivity,
    /// Heart rate round the clock, irregular.
    HeartRate,
    /// Time under stress and in recovery during the day.
    DailyStress,
    /// How well the body copes with stress over weeks.
    DailyResilience,
    /// Blood oxygen of the night; third-generation rings and later.
    DailySpo2,
    /// The age of the blood vessels; appears irregularly.
    DailyCardiovascularAge,
    /// Aerobic capacity; appears irregularly or never.
    Vo2Max,
    /// When Oura would go to bed.
    SleepTime,
    /// The ring's battery.
    RingBatteryLevel,
    /// Exercise, noticed or entered; its kind is free text.
    Workout,
    /// Guided or free moments: breathing, meditation, naps.
    Session,
    /// Tags with a time, a length and free text; filed under the day they start.
    EnhancedTag,
    /// The tags of before, which Oura keeps for old data.
    Tag,
    /// Days on which the wearer asked Oura for less; filed under the day they start.
    RestModePeriod,
    /// Every ring the wearer ever set up.
    RingConfiguration,
    /// Age, weight and height, as the wearer entered them.
    PersonalInfo,
}

/// How a collection is asked for a window, and what comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// `start_date`/`end_date`; documents with an id and a `day`.
    Days,
    /// `start_datetime`/`end_datetime`; bare rows with a `timestamp`, gathered here into one document per UTC day.
    Instants,
    /// Nothing: the answer is what holds at the moment, without a day and without a past. It is filed here as one
    /// document of the day it was observed on, by the person's calendar, so that history shows what changed and when.
    Whole,
}

impl Collection {
    /// Every collection, in the order in which a first sync fills the house: what people look at first comes first.
    pub const ALL: &[Self] = &[
        Self::DailySleep,
        Self::Sleep,
        Self::DailyReadiness,
        Self::DailyActivity,
        Self::HeartRate,
        Self::DailyStress,
        Self::DailyResilience,
        Self::DailySpo2,
        Self::DailyCardiovascularAge,
        Self::Vo2Max,
        Self::SleepTime,
        Self::RingBatteryLevel,
        Self::Workout,
        Self::Session,
        Self::EnhancedTag,
        Self::Tag,
        Self::RestModePeriod,
        Self::RingConfiguration,
        Self::PersonalInfo,
    ];

    /// The name Oura gives it, in lower case: label value and SQL key.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DailySleep => "daily_sleep",
            Self::Sleep => "sleep",
            Self::DailyReadiness => "daily_readiness",
            Self::DailyActivity => "daily_activity",
            Self::HeartRate => "heartrate",
            Self::DailyStress => "daily_stress",
            Self::DailyResilience => "daily_resilience",
            Self::DailySpo2 => "daily_spo2",
            Self::DailyCardiovascularAge => "daily_cardiovascular_age",
            Self::Vo2Max => "vo2_max",
            Self::SleepTime => "sleep_time",
            Self::RingBatteryLevel => "ring_battery_level",
            Self::Workout => "workout",
            Self::Session => "session",
            Self::EnhancedTag => "enhanced_tag",
            Self::Tag => "tag",
            Self::RestModePeriod => "rest_mode_period",
            Self::RingConfiguration => "ring_configuration",
            Self::PersonalInfo => "personal_info",
        }
    }

    /// The last segment of its path in Oura's API, where one capital letter matters.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Vo2Max => "vO2_max",
            _ => self.name(),
        }
    }

    /// Whether a day has at most one document, so that the day can stand in for an id. Documents of the cardiovascular
    /// age had none before 2026.
    pub const fn is_once_a_day(self) -> bool {
        !matches!(
            self,
            Self::Sleep
                | Self::HeartRate
                | Self::RingBatteryLevel
                | Self::Workout
                | Self::Session
                | Self::EnhancedTag
                | Self::Tag
                | Self::RestModePeriod
        )
    }

    /// How its window is asked for.
    pub const fn window(self) -> Window {
        match self {
            Self::HeartRate | Self::RingBatteryLevel => Window::Instants,
            Self::RingConfiguration | Self::PersonalInfo => Window::Whole,
            _ => Window::Days,
        }
    }

    /// Days asked for in one request: Oura advises one to three months; time series answer in pages of a thousand rows.
    pub const fn window_days(self) -> i64 {
        match self.window() {
            Window::Days => 30,
            Window::Instants => 7,
            Window::Whole => 1,
        }
    }

    /// Whether the answer is the bare object, without the list and the token of the others.
    pub const fn is_single(self) -> bool {
        matches!(self, Self::PersonalInfo)
    }

    /// Whether its days tell of the night that ended on them. What somebody does on one day, such days show on the next.
    pub const fn is_of_the_night(self) -> bool {
        matches!(self, Self::DailySleep | Self::Sleep | Self::DailyReadiness | Self::DailySpo2)
    }

    /// The first moment at which a document of `day` can exist: when the day begins in the first zone on earth. A night
    /// that ends after 18:00 counts for the day that follows. Of a time series, whose days are UTC's, when that begins.
    pub fn first_moment(self, day: Day) -> Timestamp {
        day.midnight_utc() - self.lead()
    }

    /// How long before 00:00 UTC of a day its documents can exist.
    pub(crate) const fn lead(self) -> SignedDuration {
        match self.window() {
            Window::Instants => SignedDuration::ZERO,
            _ if self.is_of_the_night() => SignedDuration::from_hours(14 + 6),
            _ => SignedDuration::from_hours(14),
        }
    }

    /// Whether a document of this collection grows while its day goes on. Its states before the day has ended are
    /// progress, not corrections, so they are replaced without keeping a revision.
    pub const fn accumulates(self) -> bool {
        matches!(self, Self::DailyActivity | Self::DailyStress | Self::HeartRate | Self::RingBatteryLevel)
    }

    /// How many days after the end of its day a value may still be called "now". Beyond it the gauge disappears.
    pub const fn valid_days(self) -> i64 {
        match self {
            // What happened on a day is no news two days later.
            Self::HeartRate
            | Self::Workout
            | Self::Session
            | Self::EnhancedTag
            | Self::Tag
            | Self::RestModePeriod => 1,
            // These come every week or two, when Oura has enough to say.
            Self::DailyCardiovascularAge | Self::Vo2Max => 30,
            _ => 2,
        }
    }
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No collection has this name.
#[derive(Debug, thiserror::Error)]
#[error("no collection is called {0:?}; the names are those of Oura's API, for example daily_sleep")]
pub struct UnknownCollection(String);

impl FromStr for Collection {
    type Err = UnknownCollection;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|collection| collection.name() == text)
            .ok_or_else(|| UnknownCollection(text.chars().take(64).collect()))
    }
}
