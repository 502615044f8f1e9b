//! The settings of dashboards, rules and notifications, and their valid values.

mod notifications;

use domain::usual;
use serde::{Deserialize, Serialize};

pub use notifications::{Mail, Notifications, QuietHours, Receiver, Receivers};

/// The settings of the mixin. Durations are PromQL durations.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Matchers of the series that the exporter shows now.
    pub live: String,
    /// Matchers of history: remote read's, or those of imported blocks.
    pub history: String,
    /// Matchers of the services' own series.
    pub service: String,
    /// Where the runbook is; the alert's name is appended as an anchor. Every process serves it next to its gauges, so the
    /// default works on the machine itself; set an address that the receivers of the messages can reach.
    pub runbook: String,
    /// Matchers of kube-state-metrics and kubelet series.
    pub kubernetes: String,
    /// When health alerts fire.
    pub health: Health,
    /// When service alerts fire.
    pub services: Services,
    /// Who is notified, by which means, and when not.
    pub notifications: Notifications,
}

/// When a health alert fires. Baselines are the person's own last 28 days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// Skin temperature above the person's own average that counts as a sign of illness, in degrees Celsius.
    pub warm_celsius: f64,
    /// The same, when it alone is worth a message.
    pub hot_celsius: f64,
    /// Spreads from the median of the days before that count as a sign (`domain::usual`).
    pub deviations: f64,
    /// Signs of illness (of four) that make an alert.
    pub signs: u8,
    /// Readiness below which a day is bad.
    pub readiness: u8,
    /// Sleep a night should have, in hours, for everyone without a goal of their own (`--sleep-goal` of `serve`).
    pub sleep_hours: f64,
    /// Share of nights that should reach it: the objective.
    pub sleep_objective: f64,
    /// Sleep missing over 14 nights that makes an alert, in hours.
    pub sleep_debt_hours: f64,
    /// Spread (standard deviation) of bedtime over 14 nights that makes an alert, in minutes.
    pub bedtime_minutes: u16,
    /// Blood oxygen of three nights below which an alert is made.
    pub oxygen_ratio: f64,
    /// Fall of blood oxygen below the person's own mean that makes an alert.
    pub oxygen_fall_ratio: f64,
    /// Battery below which the ring may not last the night.
    pub battery_ratio: f64,
    /// How long before the usual bedtime the battery is looked at, in hours.
    pub battery_hours: u8,
    /// Days in a row without the movement goal that make an alert.
    pub movement_days: u8,
    /// Hours of a day without the ring that make a note.
    pub unworn_hours: u8,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            warm_celsius: 0.5,
            hot_celsius: 1.0,
            deviations: usual::DAY_WIDTH,
            signs: 3,
            readiness: 60,
            sleep_hours: 7.0,
            sleep_objective: 0.8,
            sleep_debt_hours: 12.0,
            bedtime_minutes: 90,
            oxygen_ratio: 0.92,
            oxygen_fall_ratio: 0.02,
            battery_ratio: 0.25,
            battery_hours: 3,
            movement_days: 5,
            unworn_hours: 12,
        }
    }
}

/// When a service alert fires.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Services {
    /// Share of answers that are server errors.
    pub error_ratio: f64,
    /// 95th percentile of answer times, in seconds.
    pub latency_seconds: f64,
    /// Without a successful read of Oura, in hours.
    pub sync_hours: u8,
    /// Without a new day from the ring, in days.
    pub data_days: u8,
    /// Requests to Oura in five minutes; Oura allows a token 5,000.
    pub oura_requests: u16,
    /// Hours before a webhook subscription's end at which its renewal has failed.
    pub webhook_hours: u8,
    /// Minutes before a token's end at which its renewal has failed.
    pub token_minutes: u8,
}

impl Default for Services {
    fn default() -> Self {
        Self {
            error_ratio: 0.05,
            latency_seconds: 1.0,
            sync_hours: 2,
            data_days: 2,
            oura_requests: 4000,
            webhook_hours: 48,
            token_minutes: 30,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            live: r#"source="""#.to_owned(),
            history: r#"source="history""#.to_owned(),
            service: r#"job=~"myhealth.*""#.to_owned(),
            runbook: "http://localhost:9872/runbook".to_owned(),
            kubernetes: r#"namespace=~"$namespace""#.to_owned(),
            health: Health::default(),
            services: Services::default(),
            notifications: Notifications::default(),
        }
    }
}

/// Why settings cannot be used.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum InvalidConfig {
    /// A number outside of its range.
    #[error("{name}: {value} is outside of {least} to {most}")]
    OutOfRange {
        /// Path of the setting.
        name: &'static str,
        /// What it was set to.
        value: f64,
        /// The least that it may be.
        least: f64,
        /// The most that it may be.
        most: f64,
    },
    /// A time of day that is none.
    #[error("notifications.quiet_hours: {0:?} is not a time of day; write HH:MM, from 00:00 to 23:59")]
    TimeOfDay(String),
    /// Quiet hours without an end.
    #[error("notifications.quiet_hours: they begin when they end; set them to null to have none")]
    NoQuietHours,
    /// A key that is no person's pseudonym.
    #[error("{name}: {person:?}: {source}")]
    Person {
        /// Path of the setting.
        name: &'static str,
        /// The key.
        person: String,
        /// What a pseudonym is.
        source: domain::InvalidPseudonym,
    },
    /// A person whose receiver would have the name of another.
    #[error(
        "notifications.receivers.people: {0} is the name of a receiver; a person of this name needs a route of your own"
    )]
    Reserved(String),
    /// A text that would end the line it stands in.
    #[error("{0}: control characters are not allowed")]
    ControlCharacter(&'static str),
}

impl Config {
    /// Fails on settings that rules or routes cannot be made of.
    pub fn check(&self) -> Result<(), InvalidConfig> {
        let h = &self.health;
        for (name, value, least, most) in [
            ("health.sleep_hours", h.sleep_hours, 1.0, 16.0),
            ("health.sleep_objective", h.sleep_objective, 0.01, 0.99),
            ("health.sleep_debt_hours", h.sleep_debt_hours, 1.0, 100.0),
            ("health.oxygen_ratio", h.oxygen_ratio, 0.5, 1.0),
            ("health.battery_ratio", h.battery_ratio, 0.0, 1.0),
            ("health.deviations", h.deviations, 0.1, 10.0),
            ("health.signs", h.signs.into(), 1.0, 4.0),
            ("health.movement_days", h.movement_days.into(), 1.0, 28.0),
            ("services.error_ratio", self.services.error_ratio, 0.0, 1.0),
            ("services.latency_seconds", self.services.latency_seconds, 0.001, 600.0),
        ] {
            if !(least..=most).contains(&value) {
                return Err(InvalidConfig::OutOfRange { name, value, least, most });
            }
        }
        self.notifications.check()
    }

    /// Whether the alerts' proofs hold: their series are made of the default selectors and thresholds. Goals, texts and
    /// notifications may differ.
    pub(crate) fn proofs_hold(&self) -> bool {
        let default = Self::default();
        let health = Health { sleep_hours: default.health.sleep_hours, ..self.health.clone() };
        health == default.health
            && self.services == default.services
            && (&self.live, &self.history, &self.service)
                == (&default.live, &default.history, &default.service)
    }
}
