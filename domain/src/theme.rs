//! Kinds of health data to which access is granted: groups of collections.

use std::fmt;
use std::str::FromStr;

use crate::Collection;

/// A kind of health data to which access is granted as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Theme {
    /// Nights, naps and bedtimes.
    Sleep,
    /// Readiness and temperature.
    Readiness,
    /// Steps, energy, time by level.
    Activity,
    /// Heart rate round the clock.
    HeartRate,
    /// Stress, recovery and resilience.
    Stress,
    /// Blood oxygen.
    Spo2,
    /// Age of the blood vessels, aerobic capacity.
    HeartHealth,
    /// Exercise.
    Workouts,
    /// Breathing, meditation, moments.
    Sessions,
    /// What the wearer wrote down.
    Tags,
    /// Days of rest: illness, often.
    RestMode,
    /// The ring and its battery.
    Ring,
    /// Age, weight, height.
    Profile,
}

impl Theme {
    /// The collections of this kind.
    pub fn collections(self) -> impl Iterator<Item = Collection> {
        Collection::ALL.iter().copied().filter(move |collection| collection.theme() == self)
    }

    /// Every theme.
    pub const ALL: &[Self] = &[
        Self::Sleep,
        Self::Readiness,
        Self::Activity,
        Self::HeartRate,
        Self::Stress,
        Self::Spo2,
        Self::HeartHealth,
        Self::Workouts,
        Self::Sessions,
        Self::Tags,
        Self::RestMode,
        Self::Ring,
        Self::Profile,
    ];

    /// Its word, in lower case with hyphens.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sleep => "sleep",
            Self::Readiness => "readiness",
            Self::Activity => "activity",
            Self::HeartRate => "heart-rate",
            Self::Stress => "stress",
            Self::Spo2 => "spo2",
            Self::HeartHealth => "heart-health",
            Self::Workouts => "workouts",
            Self::Sessions => "sessions",
            Self::Tags => "tags",
            Self::RestMode => "rest-mode",
            Self::Ring => "ring",
            Self::Profile => "profile",
        }
    }
}

impl fmt::Display for Theme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No theme has this name.
#[derive(Debug, thiserror::Error)]
#[error("no kind of data is called {0:?}")]
pub struct UnknownTheme(String);

impl FromStr for Theme {
    type Err = UnknownTheme;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().copied().find(|theme| theme.name() == text);
        found.ok_or_else(|| UnknownTheme(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn themes_have_collections_and_unique_names() {
        let used: BTreeSet<Theme> = Collection::ALL.iter().map(|collection| collection.theme()).collect();
        assert_eq!(used, Theme::ALL.iter().copied().collect());
        for theme in Theme::ALL {
            assert_eq!(theme.name().parse::<Theme>().unwrap(), *theme);
        }
    }
}
