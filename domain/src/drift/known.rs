//! The fields this version knows, as JSON pointers in order, list positions written as `*`. A law test holds the table to
//! the fixtures, so that a field is made known by giving the fixture one.

use crate::collection::Collection;

/// Every field of a collection's documents or rows.
#[rustfmt::skip] // a table: a few fields a line
pub(super) const fn fields(collection: Collection) -> &'static [&'static str] {
    match collection {
        Collection::DailySleep => &[
            "/contributors", "/contributors/deep_sleep", "/contributors/efficiency", "/contributors/latency",
            "/contributors/rem_sleep", "/contributors/restfulness", "/contributors/timing",
            "/contributors/total_sleep", "/day", "/id", "/score", "/timestamp",
        ],
        Collection::Sleep => &[
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
        ],
        Collection::DailyReadiness => &[
            "/contributors", "/contributors/activity_balance", "/contributors/body_temperature",
            "/contributors/hrv_balance", "/contributors/previous_day_activity",
            "/contributors/previous_night", "/contributors/recovery_index",
            "/contributors/resting_heart_rate", "/contributors/sleep_balance",
            "/contributors/sleep_regularity", "/day", "/id", "/score", "/temperature_deviation",
            "/temperature_trend_deviation", "/timestamp",
        ],
        Collection::DailyActivity => &[
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
        ],
        Collection::HeartRate => &[
            "/bpm", "/source", "/timestamp", "/timestamp_unix",
        ],
        Collection::DailyStress => &[
            "/day", "/day_summary", "/id", "/recovery_high", "/stress_high",
        ],
        Collection::DailyResilience => &[
            "/contributors", "/contributors/daytime_recovery", "/contributors/sleep_recovery",
            "/contributors/stress", "/day", "/id", "/level",
        ],
        Collection::DailySpo2 => &[
            "/breathing_disturbance_index", "/day", "/id", "/spo2_percentage", "/spo2_percentage/average",
        ],
        Collection::DailyCardiovascularAge => &[
            "/day", "/id", "/pulse_wave_velocity", "/vascular_age",
        ],
        Collection::Vo2Max => &[
            "/day", "/id", "/timestamp", "/vo2_max",
        ],
        Collection::SleepTime => &[
            "/day", "/id", "/optimal_bedtime", "/optimal_bedtime/day_tz", "/optimal_bedtime/end_offset",
            "/optimal_bedtime/start_offset", "/recommendation", "/status",
        ],
        Collection::RingBatteryLevel => &[
            "/charging", "/in_charger", "/level", "/timestamp", "/timestamp_unix",
        ],
        Collection::Workout => &[
            "/activity", "/calories", "/day", "/distance", "/end_datetime", "/id", "/intensity", "/label",
            "/source", "/start_datetime",
        ],
        Collection::Session => &[
            "/day", "/end_datetime", "/heart_rate", "/heart_rate/interval", "/heart_rate/items",
            "/heart_rate/timestamp", "/heart_rate_variability", "/heart_rate_variability/interval",
            "/heart_rate_variability/items", "/heart_rate_variability/timestamp", "/id", "/mood",
            "/motion_count", "/motion_count/interval", "/motion_count/items", "/motion_count/timestamp",
            "/start_datetime", "/type",
        ],
        Collection::EnhancedTag => &[
            "/comment", "/custom_name", "/end_day", "/end_time", "/id", "/start_day", "/start_time",
            "/tag_type_code",
        ],
        Collection::Tag => &[
            "/day", "/id", "/tags", "/text", "/timestamp",
        ],
        Collection::RestModePeriod => &[
            "/end_day", "/end_time", "/episodes", "/episodes/*/tags", "/episodes/*/timestamp", "/id",
            "/start_day", "/start_time",
        ],
        Collection::RingConfiguration => &[
            "/color", "/design", "/firmware_version", "/hardware_type", "/id", "/set_up_at", "/size",
        ],
        Collection::PersonalInfo => &[
            "/age", "/biological_sex", "/email", "/height", "/id", "/weight",
        ],
    }
}
