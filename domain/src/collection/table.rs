//! The table of collections: one row each. A field that is left out is that of the row's base, such as [`DAILY`]; tests check
//! that every field is reachable.

use crate::collection::{Cadence, CollectionInfo, EventShape, Window};
use crate::theme::Theme;

/// A document a day, which comes with the night.
const DAILY: CollectionInfo = CollectionInfo {
    collection: Collection::DailySleep,
    name: "",
    path: None,
    window: Window::Days,
    cadence: Cadence::Nightly,
    is_once_a_day: true,
    is_single: false,
    is_of_the_night: false,
    accumulates: false,
    needs_oxygen_sensor: false,
    valid_days: 2,
    theme: Theme::Sleep,
    oura_scope: "daily",
    has_webhook: true,
    import_tables: &[],
    event: None,
    closed_sets: &[],
    fields: &[],
};

/// Any number of documents a day, each with its own start.
const EVENTS: CollectionInfo = CollectionInfo {
    cadence: Cadence::Event,
    is_once_a_day: false,
    // An event is no longer current two days later.
    valid_days: 1,
    ..DAILY
};

/// Rows of a time series.
const SERIES: CollectionInfo = CollectionInfo {
    window: Window::Instants,
    cadence: Cadence::Continuous,
    is_once_a_day: false,
    accumulates: true,
    has_webhook: false,
    ..DAILY
};

/// The current state, requested once a day.
const OBSERVED: CollectionInfo =
    CollectionInfo { window: Window::Whole, cadence: Cadence::Observed, has_webhook: false, ..DAILY };

/// Declares the enum, its order and its table from the rows below.
macro_rules! collections {
    ($($(#[$doc:meta])+ $variant:ident: $base:ident { $($field:ident: $value:expr,)+ },)+) => {
        /// A collection of Oura's API v2.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Collection {
            $($(#[$doc])+ $variant,)+
        }

        impl Collection {
            /// Every collection, in the order in which a first sync reads them: what is looked at first comes first.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];
        }

        pub(super) static COLLECTIONS: [CollectionInfo; Collection::ALL.len()] =
            [$(CollectionInfo { collection: Collection::$variant, $($field: $value,)+ ..$base },)+];
    };
}

collections! {
    /// The night's score and its contributors; no durations.
    DailySleep: DAILY {
        name: "daily_sleep",
        is_of_the_night: true,
        theme: Theme::Sleep,
        import_tables: &["dailysleep"],
        fields: FIELDS_DAILY_SLEEP,
    },
    /// Sleep periods: nights, naps, false detections; several a day.
    Sleep: DAILY {
        name: "sleep",
        is_once_a_day: false,
        is_of_the_night: true,
        theme: Theme::Sleep,
        import_tables: &["sleep", "sleepmodel"],
        event: Some(EventShape {
            start: "/bedtime_start",
            end: "/bedtime_end",
            labels: &["type", "sleep_algorithm_version"],
            tag_names: &[],
        }),
        closed_sets: &[
            ("/type", &["long_sleep", "sleep", "late_nap", "rest", "deleted"]),
            (
                "/sleep_analysis_reason",
                &[
                    "foreground_sleep_analysis",
                    "bedtime_edit",
                    "background_sleep_analysis",
                    "background_created_foreground_updated",
                ],
            ),
        ],
        fields: FIELDS_SLEEP,
    },
    /// Readiness score, contributors, temperature deviation.
    DailyReadiness: DAILY {
        name: "daily_readiness",
        is_of_the_night: true,
        theme: Theme::Readiness,
        import_tables: &["dailyreadiness"],
        fields: FIELDS_DAILY_READINESS,
    },
    /// Movement of 24 hours from 04:00 local.
    DailyActivity: DAILY {
        name: "daily_activity",
        cadence: Cadence::Continuous,
        accumulates: true,
        theme: Theme::Activity,
        import_tables: &["dailyactivity"],
        fields: FIELDS_DAILY_ACTIVITY,
    },
    /// Heart rate round the clock, irregular.
    HeartRate: SERIES {
        name: "heartrate",
        valid_days: 1,
        theme: Theme::HeartRate,
        oura_scope: "heartrate",
        import_tables: &["heartrate"],
        fields: FIELDS_HEARTRATE,
    },
    /// Time under stress and in recovery during the day.
    DailyStress: DAILY {
        name: "daily_stress",
        cadence: Cadence::Continuous,
        accumulates: true,
        theme: Theme::Stress,
        import_tables: &["dailystress"],
        fields: FIELDS_DAILY_STRESS,
    },
    /// How well the body copes with stress over weeks.
    DailyResilience: DAILY {
        name: "daily_resilience",
        cadence: Cadence::Computed,
        theme: Theme::Stress,
        oura_scope: "stress",
        import_tables: &["dailyresilience"],
        fields: FIELDS_DAILY_RESILIENCE,
    },
    /// Blood oxygen of the night; third-generation rings and later.
    DailySpo2: DAILY {
        name: "daily_spo2",
        is_of_the_night: true,
        needs_oxygen_sensor: true,
        theme: Theme::Spo2,
        oura_scope: "spo2",
        import_tables: &["dailyspo2"],
        fields: FIELDS_DAILY_SPO2,
    },
    /// The age of the blood vessels; appears irregularly.
    DailyCardiovascularAge: DAILY {
        name: "daily_cardiovascular_age",
        cadence: Cadence::Irregular,
        valid_days: 30,
        theme: Theme::HeartHealth,
        oura_scope: "heart_health",
        import_tables: &["dailycardiovascularage"],
        fields: FIELDS_DAILY_CARDIOVASCULAR_AGE,
    },
    /// Aerobic capacity; appears irregularly or never.
    Vo2Max: DAILY {
        name: "vo2_max",
        path: Some("vO2_max"),
        cadence: Cadence::Irregular,
        valid_days: 30,
        theme: Theme::HeartHealth,
        oura_scope: "heart_health",
        import_tables: &["vo2max"],
        fields: FIELDS_VO2_MAX,
    },
    /// The bedtime that Oura recommends.
    SleepTime: DAILY {
        name: "sleep_time",
        theme: Theme::Sleep,
        import_tables: &["sleeptime"],
        fields: FIELDS_SLEEP_TIME,
    },
    /// The ring's battery.
    RingBatteryLevel: SERIES {
        name: "ring_battery_level",
        theme: Theme::Ring,
        oura_scope: "ring_configuration",
        import_tables: &["ringbatterylevel"],
        fields: FIELDS_RING_BATTERY_LEVEL,
    },
    /// Exercise, detected or entered; its kind is free text.
    Workout: EVENTS {
        name: "workout",
        theme: Theme::Workouts,
        oura_scope: "workout",
        import_tables: &["workout"],
        event: Some(EventShape {
            start: "/start_datetime",
            end: "/end_datetime",
            labels: &["activity", "intensity", "source", "label"],
            tag_names: &[],
        }),
        closed_sets: &[(
            "/source",
            &[
                "manual",
                "autodetected",
                "confirmed",
                "workout_heart_rate",
                "live_third_party_heart_rate",
                "live_oura_heart_rate",
            ],
        )],
        fields: FIELDS_WORKOUT,
    },
    /// Guided or free moments: breathing, meditation, naps.
    Session: EVENTS {
        name: "session",
        theme: Theme::Sessions,
        oura_scope: "session",
        import_tables: &["session"],
        event: Some(EventShape {
            start: "/start_datetime",
            end: "/end_datetime",
            labels: &["type", "mood"],
            tag_names: &[],
        }),
        closed_sets: &[("/mood", &["bad", "worse", "same", "good", "great"])],
        fields: FIELDS_SESSION,
    },
    /// Tags with a time, a length and free text; filed under the day they start.
    EnhancedTag: EVENTS {
        name: "enhanced_tag",
        theme: Theme::Tags,
        oura_scope: "tag",
        import_tables: &["enhancedtag"],
        event: Some(EventShape {
            start: "/start_time",
            end: "/end_time",
            labels: &["tag_type_code", "custom_name", "comment"],
            tag_names: &["tag_type_code", "custom_name"],
        }),
        fields: FIELDS_ENHANCED_TAG,
    },
    /// The older kind of tags, which Oura keeps for old data.
    Tag: EVENTS {
        name: "tag",
        theme: Theme::Tags,
        oura_scope: "tag",
        import_tables: &["tag"],
        event: Some(EventShape {
            start: "/timestamp",
            end: "",
            labels: &["tags", "text"],
            tag_names: &["tags"],
        }),
        fields: FIELDS_TAG,
    },
    /// Days on which the wearer paused Oura's goals; filed under the day they start.
    RestModePeriod: EVENTS {
        name: "rest_mode_period",
        theme: Theme::RestMode,
        import_tables: &["restmodeperiod"],
        event: Some(EventShape { start: "/start_time", end: "/end_time", labels: &[], tag_names: &[] }),
        fields: FIELDS_REST_MODE_PERIOD,
    },
    /// Every ring the wearer ever set up.
    RingConfiguration: OBSERVED {
        name: "ring_configuration",
        theme: Theme::Ring,
        oura_scope: "ring_configuration",
        event: Some(EventShape {
            start: "/set_up_at",
            end: "",
            labels: &["hardware_type", "design", "color", "firmware_version"],
            tag_names: &[],
        }),
        closed_sets: &[("/hardware_type", &["gen1", "gen2", "gen2m", "gen3", "gen4", "or5"])],
        fields: FIELDS_RING_CONFIGURATION,
    },
    /// Age, weight and height, as the wearer entered them.
    PersonalInfo: OBSERVED {
        name: "personal_info",
        is_single: true,
        theme: Theme::Profile,
        oura_scope: "personal",
        fields: FIELDS_PERSONAL_INFO,
    },
}

#[rustfmt::skip] // a few fields a line
const FIELDS_DAILY_SLEEP: &[&str] = &[
    "/contributors", "/contributors/deep_sleep", "/contributors/efficiency", "/contributors/latency",
    "/contributors/rem_sleep", "/contributors/restfulness", "/contributors/timing",
    "/contributors/total_sleep", "/day", "/id", "/score", "/timestamp",
];

#[rustfmt::skip] // a few fields a line
const FIELDS_SLEEP: &[&str] = &[
    "/app_sleep_phase_5_min", "/average_breath", "/average_heart_rate", "/average_hrv", "/awake_time",
    "/bedtime_end", "/bedtime_start", "/day", "/deep_sleep_duration", "/efficiency", "/heart_rate",
    "/heart_rate/interval", "/heart_rate/items", "/heart_rate/timestamp", "/hrv", "/hrv/interval",
    "/hrv/items", "/hrv/timestamp", "/id", "/latency", "/light_sleep_duration", "/low_battery_alert",
    "/lowest_heart_rate", "/movement_30_sec", "/period", "/readiness", "/readiness/contributors",
    "/readiness/contributors/activity_balance", "/readiness/contributors/body_temperature",
    "/readiness/contributors/hrv_balance", "/readiness/contributors/previous_day_activity",
    "/readiness/contributors/previous_night", "/readiness/contributors/recovery_index",
    "/readiness/contributors/resting_heart_rate", "/readiness/contributors/sleep_balance",
    "/readiness/contributors/sleep_regularity", "/readiness/score",
    "/readiness/temperature_deviation", "/readiness/temperature_trend_deviation",
    "/readiness_score_delta", "/rem_sleep_duration", "/restless_periods", "/ring_id",
    "/sleep_algorithm_version", "/sleep_analysis_reason", "/sleep_phase_30_sec", "/sleep_phase_5_min",
    "/sleep_score_delta", "/time_in_bed", "/total_sleep_duration", "/type",
];

#[rustfmt::skip] // a few fields a line
const FIELDS_DAILY_READINESS: &[&str] = &[
    "/contributors", "/contributors/activity_balance", "/contributors/body_temperature",
    "/contributors/hrv_balance", "/contributors/previous_day_activity",
    "/contributors/previous_night", "/contributors/recovery_index",
    "/contributors/resting_heart_rate", "/contributors/sleep_balance",
    "/contributors/sleep_regularity", "/day", "/id", "/score", "/temperature_deviation",
    "/temperature_trend_deviation", "/timestamp",
];

#[rustfmt::skip] // a few fields a line
const FIELDS_DAILY_ACTIVITY: &[&str] = &[
    "/active_calories", "/average_met_minutes", "/class_5_min", "/contributors",
    "/contributors/meet_daily_targets", "/contributors/move_every_hour",
    "/contributors/recovery_time", "/contributors/stay_active", "/contributors/training_frequency",
    "/contributors/training_volume", "/day", "/equivalent_walking_distance",
    "/high_activity_met_minutes", "/high_activity_time", "/id", "/inactivity_alerts",
    "/low_activity_met_minutes", "/low_activity_time", "/medium_activity_met_minutes",
    "/medium_activity_time", "/met", "/met/interval", "/met/items", "/met/timestamp",
    "/meters_to_target", "/non_wear_time", "/resting_time", "/score", "/sedentary_met_minutes",
    "/sedentary_time", "/steps", "/target_calories", "/target_meters", "/timestamp",
    "/total_calories",
];

#[rustfmt::skip] // a few fields a line
const FIELDS_HEARTRATE: &[&str] = &[
    "/bpm", "/source", "/timestamp", "/timestamp_unix",
];

#[rustfmt::skip] // a few fields a line
const FIELDS_DAILY_STRESS: &[&str] = &[
    "/day", "/day_summary", "/id", "/recovery_high", "/stress_high",
];

#[rustfmt::skip] // a few fields a line
const FIELDS_DAILY_RESILIENCE: &[&str] = &[
    "/contributors", "/contributors/daytime_recovery", "/contributors/sleep_recovery",
    "/contributors/stress", "/day", "/id", "/level",
];

#[rustfmt::skip] // a few fields a line
const FIELDS_DAILY_SPO2: &[&str] = &[
    "/breathing_disturbance_index", "/day", "/id", "/spo2_percentage", "/spo2_percentage/average",
];

#[rustfmt::skip] // a few fields a line
const FIELDS_DAILY_CARDIOVASCULAR_AGE: &[&str] = &[
    "/day", "/id", "/pulse_wave_velocity", "/vascular_age",
];

#[rustfmt::skip] // a few fields a line
const FIELDS_VO2_MAX: &[&str] = &[
    "/day", "/id", "/timestamp", "/vo2_max",
];

#[rustfmt::skip] // a few fields a line
const FIELDS_SLEEP_TIME: &[&str] = &[
    "/day", "/id", "/optimal_bedtime", "/optimal_bedtime/day_tz", "/optimal_bedtime/end_offset",
    "/optimal_bedtime/start_offset", "/recommendation", "/status",
];

#[rustfmt::skip] // a few fields a line
const FIELDS_RING_BATTERY_LEVEL: &[&str] = &[
    "/charging", "/in_charger", "/level", "/timestamp", "/timestamp_unix",
];

#[rustfmt::skip] // a few fields a line
const FIELDS_WORKOUT: &[&str] = &[
    "/activity", "/calories", "/day", "/distance", "/end_datetime", "/id", "/intensity", "/label",
    "/source", "/start_datetime",
];

#[rustfmt::skip] // a few fields a line
const FIELDS_SESSION: &[&str] = &[
    "/day", "/end_datetime", "/heart_rate", "/heart_rate/interval", "/heart_rate/items",
    "/heart_rate/timestamp", "/heart_rate_variability", "/heart_rate_variability/interval",
    "/heart_rate_variability/items", "/heart_rate_variability/timestamp", "/id", "/mood",
    "/motion_count", "/motion_count/interval", "/motion_count/items", "/motion_count/timestamp",
    "/start_datetime", "/type",
];

#[rustfmt::skip] // a few fields a line
const FIELDS_ENHANCED_TAG: &[&str] = &[
    "/comment", "/custom_name", "/end_day", "/end_time", "/id", "/start_day", "/start_time",
    "/tag_type_code",
];

#[rustfmt::skip] // a few fields a line
const FIELDS_TAG: &[&str] = &[
    "/day", "/id", "/tags", "/text", "/timestamp",
];

#[rustfmt::skip] // a few fields a line
const FIELDS_REST_MODE_PERIOD: &[&str] = &[
    "/end_day", "/end_time", "/episodes", "/episodes/*/tags", "/episodes/*/timestamp", "/id",
    "/start_day", "/start_time",
];

#[rustfmt::skip] // a few fields a line
const FIELDS_RING_CONFIGURATION: &[&str] = &[
    "/color", "/design", "/firmware_version", "/hardware_type", "/id", "/set_up_at", "/size",
];

#[rustfmt::skip] // a few fields a line
const FIELDS_PERSONAL_INFO: &[&str] = &[
    "/age", "/biological_sex", "/email", "/height", "/id", "/weight",
];
