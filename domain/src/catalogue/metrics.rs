//! The table. Rows of a family stand together and share their help; the laws of the table are tests next door.

use super::Pick::{All, Counted, Each, Naps, Newest, Night, Only};
use super::Source::{Codes, Count, Number, Rows, Samples, Span, State};
use super::Until::{self, Last};
use super::{Label, Metric, Source};
use crate::collection::Collection::{
    self, DailyActivity, DailyCardiovascularAge, DailyReadiness, DailyResilience, DailySleep, DailySpo2,
    DailyStress, EnhancedTag, HeartRate, PersonalInfo, RestModePeriod, RingBatteryLevel, RingConfiguration,
    Session, Sleep, SleepTime, Tag, Vo2Max, Workout,
};
use crate::unit::Unit;

/// A number without a family.
const fn one(
    key: &'static str,
    collection: Collection,
    source: Source,
    unit: Unit,
    help: &'static str,
) -> Metric {
    Metric { key, label: None, collection, source, unit, help }
}

/// A number of a family, distinguished by its label.
const fn each(
    key: &'static str,
    (name, value): (&'static str, &'static str),
    collection: Collection,
    source: Source,
    unit: Unit,
    help: &'static str,
) -> Metric {
    Metric { key, label: Some(Label { name, value }), collection, source, unit, help }
}

const SLEEP_CONTRIBUTOR: &str =
    "What one aspect of the night gives to the sleep score; points, not a measurement.";
const SLEEP_STAGE_DURATION: &str =
    "Time of the night spent in each stage; the stages add up to the time in bed.";
const READINESS_CONTRIBUTOR: &str = "What one aspect gives to the readiness score; points, not a measurement (body_temperature and resting_heart_rate too).";
const ACTIVITY_CONTRIBUTOR: &str = "What one aspect gives to the activity score; points, not a measurement.";
const ACTIVITY_DURATION: &str =
    "Time of the day spent at each level of movement; the levels add up to the day.";
const ACTIVITY_LOAD: &str = "Metabolic load by level of movement: intensity multiplied by time.";
const RESILIENCE_CONTRIBUTOR: &str =
    "What one aspect gives to the resilience level; points, not a measurement.";
const WORKOUT_DURATION: &str = "Time of the day spent in workouts, by intensity.";
const SESSION_DURATION: &str = "Time of the day spent in sessions, by type.";
const HEART_RATE: &str =
    "Heart rate by what the wearer was doing; `other` is a context this version does not know.";

/// Every number a person has, in the order of the exposition.
#[rustfmt::skip] // a table: one row, one line, and its help below
pub const METRICS: &[Metric] = &[
    // --- daily_sleep: how well, never how long
    one("sleep_score", DailySleep, Number(Only, "/score"), Unit::Score,
        "Oura's score of the night."),
    each("sleep_contributor_deep_sleep", ("contributor", "deep_sleep"), DailySleep, Number(Only, "/contributors/deep_sleep"), Unit::Score, SLEEP_CONTRIBUTOR),
    each("sleep_contributor_efficiency", ("contributor", "efficiency"), DailySleep, Number(Only, "/contributors/efficiency"), Unit::Score, SLEEP_CONTRIBUTOR),
    each("sleep_contributor_latency", ("contributor", "latency"), DailySleep, Number(Only, "/contributors/latency"), Unit::Score, SLEEP_CONTRIBUTOR),
    each("sleep_contributor_rem_sleep", ("contributor", "rem_sleep"), DailySleep, Number(Only, "/contributors/rem_sleep"), Unit::Score, SLEEP_CONTRIBUTOR),
    each("sleep_contributor_restfulness", ("contributor", "restfulness"), DailySleep, Number(Only, "/contributors/restfulness"), Unit::Score, SLEEP_CONTRIBUTOR),
    each("sleep_contributor_timing", ("contributor", "timing"), DailySleep, Number(Only, "/contributors/timing"), Unit::Score, SLEEP_CONTRIBUTOR),
    each("sleep_contributor_total_sleep", ("contributor", "total_sleep"), DailySleep, Number(Only, "/contributors/total_sleep"), Unit::Score, SLEEP_CONTRIBUTOR),

    // --- sleep: the night, measured
    one("sleep_time_in_bed", Sleep, Number(Night, "/time_in_bed"), Unit::Seconds,
        "From getting into bed to getting up, for the night."),
    one("sleep_duration", Sleep, Number(Night, "/total_sleep_duration"), Unit::Seconds,
        "Time asleep during the night."),
    each("sleep_stage_duration_deep", ("stage", "deep"), Sleep, Number(Night, "/deep_sleep_duration"), Unit::Seconds, SLEEP_STAGE_DURATION),
    each("sleep_stage_duration_light", ("stage", "light"), Sleep, Number(Night, "/light_sleep_duration"), Unit::Seconds, SLEEP_STAGE_DURATION),
    each("sleep_stage_duration_rem", ("stage", "rem"), Sleep, Number(Night, "/rem_sleep_duration"), Unit::Seconds, SLEEP_STAGE_DURATION),
    each("sleep_stage_duration_awake", ("stage", "awake"), Sleep, Number(Night, "/awake_time"), Unit::Seconds, SLEEP_STAGE_DURATION),
    one("sleep_latency", Sleep, Number(Night, "/latency"), Unit::Seconds,
        "Time from getting into bed to falling asleep."),
    one("sleep_efficiency", Sleep, Number(Night, "/efficiency"), Unit::Percent,
        "Share of the time in bed spent asleep."),
    one("sleep_average_heart_rate", Sleep, Number(Night, "/average_heart_rate"), Unit::BeatsPerMinute,
        "Average heart rate of the night."),
    one("sleep_lowest_heart_rate", Sleep, Number(Night, "/lowest_heart_rate"), Unit::BeatsPerMinute,
        "Lowest heart rate of the night: what Oura's app calls the resting heart rate."),
    one("sleep_average_hrv", Sleep, Number(Night, "/average_hrv"), Unit::Hrv,
        "Average heart-rate variability (RMSSD) of the night."),
    one("sleep_breathing_rate", Sleep, Number(Night, "/average_breath"), Unit::BreathsPerMinute,
        "Average breathing rate of the night."),
    one("sleep_restless_periods", Sleep, Number(Night, "/restless_periods"), Unit::Count,
        "Restless periods during the night."),
    one("sleep_bedtime_start", Sleep, Number(Night, "/bedtime_start"), Unit::Timestamp,
        "When the night began."),
    one("sleep_bedtime_end", Sleep, Number(Night, "/bedtime_end"), Unit::Timestamp,
        "When the night ended."),
    one("sleep_bedtime_start_clock", Sleep, Number(Night, "/bedtime_start"), Unit::WallClock,
        "When the night began on the sleeper's own clock, from the midnight that begins its day; negative before it."),
    one("sleep_bedtime_end_clock", Sleep, Number(Night, "/bedtime_end"), Unit::WallClock,
        "When the night ended on the sleeper's own clock, from the midnight that begins its day; negative for a sleep that ends after 18:00, which belongs to the next day."),
    one("sleep_low_battery", Sleep, Number(Night, "/low_battery_alert"), Unit::Flag,
        "Whether the ring's battery was too low to measure the whole night."),
    one("sleep_algorithm", Sleep, State(Night, "/sleep_algorithm_version", &["v1", "v2"]), Unit::State,
        "Which of Oura's sleep algorithms scored the night; a change explains a step in other series."),
    one("sleep_naps", Sleep, Count(Naps), Unit::Count,
        "Sleep periods of the day besides the night, once Oura counts them."),
    one("sleep_nap_duration", Sleep, Number(Naps, "/total_sleep_duration"), Unit::Seconds,
        "Time asleep in naps."),
    one("sleep_nap_score_delta", Sleep, Number(Naps, "/sleep_score_delta"), Unit::ScoreDelta,
        "Points the day's naps added to the sleep score."),
    one("sleep_nap_readiness_delta", Sleep, Number(Naps, "/readiness_score_delta"), Unit::ScoreDelta,
        "Points the day's naps added to the readiness score."),
    one("sleep_heart_rate", Sleep, Samples(Counted, "/heart_rate", Last), Unit::BeatsPerMinute,
        "Heart rate during sleep, every five minutes."),
    one("sleep_hrv", Sleep, Samples(Counted, "/hrv", Last), Unit::Hrv,
        "Heart-rate variability (RMSSD) during sleep, every five minutes."),
    one("sleep_phase", Sleep, Codes { pick: Counted, pointer: "/sleep_phase_5_min", start: "/bedtime_start", step: 300 }, Unit::State,
        "Sleep phase every five minutes: 1 deep, 2 light, 3 REM, 4 awake."),
    one("sleep_phase_fine", Sleep, Codes { pick: Counted, pointer: "/sleep_phase_30_sec", start: "/bedtime_start", step: 30 }, Unit::State,
        "Sleep phase every thirty seconds: 1 deep, 2 light, 3 REM, 4 awake."),
    one("sleep_movement", Sleep, Codes { pick: Counted, pointer: "/movement_30_sec", start: "/bedtime_start", step: 30 }, Unit::State,
        "Movement every thirty seconds: 1 none, 2 restless, 3 tossing and turning, 4 active."),

    // --- daily_readiness
    one("readiness_score", DailyReadiness, Number(Only, "/score"), Unit::Score,
        "Oura's score of how ready the body is for the day."),
    each("readiness_contributor_activity_balance", ("contributor", "activity_balance"), DailyReadiness, Number(Only, "/contributors/activity_balance"), Unit::Score, READINESS_CONTRIBUTOR),
    each("readiness_contributor_body_temperature", ("contributor", "body_temperature"), DailyReadiness, Number(Only, "/contributors/body_temperature"), Unit::Score, READINESS_CONTRIBUTOR),
    each("readiness_contributor_hrv_balance", ("contributor", "hrv_balance"), DailyReadiness, Number(Only, "/contributors/hrv_balance"), Unit::Score, READINESS_CONTRIBUTOR),
    each("readiness_contributor_previous_day_activity", ("contributor", "previous_day_activity"), DailyReadiness, Number(Only, "/contributors/previous_day_activity"), Unit::Score, READINESS_CONTRIBUTOR),
    each("readiness_contributor_previous_night", ("contributor", "previous_night"), DailyReadiness, Number(Only, "/contributors/previous_night"), Unit::Score, READINESS_CONTRIBUTOR),
    each("readiness_contributor_recovery_index", ("contributor", "recovery_index"), DailyReadiness, Number(Only, "/contributors/recovery_index"), Unit::Score, READINESS_CONTRIBUTOR),
    each("readiness_contributor_resting_heart_rate", ("contributor", "resting_heart_rate"), DailyReadiness, Number(Only, "/contributors/resting_heart_rate"), Unit::Score, READINESS_CONTRIBUTOR),
    each("readiness_contributor_sleep_balance", ("contributor", "sleep_balance"), DailyReadiness, Number(Only, "/contributors/sleep_balance"), Unit::Score, READINESS_CONTRIBUTOR),
    each("readiness_contributor_sleep_regularity", ("contributor", "sleep_regularity"), DailyReadiness, Number(Only, "/contributors/sleep_regularity"), Unit::Score, READINESS_CONTRIBUTOR),
    one("temperature_deviation", DailyReadiness, Number(Only, "/temperature_deviation"), Unit::Celsius,
        "How far the night's skin temperature was from the sleeper's own average."),
    one("temperature_trend_deviation", DailyReadiness, Number(Only, "/temperature_trend_deviation"), Unit::Celsius,
        "The temperature deviation, smoothed by Oura over several nights."),

    // --- daily_activity: the running day is partial until it ends at 04:00 local
    one("activity_score", DailyActivity, Number(Only, "/score"), Unit::Score,
        "Oura's score of the day's movement."),
    each("activity_contributor_meet_daily_targets", ("contributor", "meet_daily_targets"), DailyActivity, Number(Only, "/contributors/meet_daily_targets"), Unit::Score, ACTIVITY_CONTRIBUTOR),
    each("activity_contributor_move_every_hour", ("contributor", "move_every_hour"), DailyActivity, Number(Only, "/contributors/move_every_hour"), Unit::Score, ACTIVITY_CONTRIBUTOR),
    each("activity_contributor_recovery_time", ("contributor", "recovery_time"), DailyActivity, Number(Only, "/contributors/recovery_time"), Unit::Score, ACTIVITY_CONTRIBUTOR),
    each("activity_contributor_stay_active", ("contributor", "stay_active"), DailyActivity, Number(Only, "/contributors/stay_active"), Unit::Score, ACTIVITY_CONTRIBUTOR),
    each("activity_contributor_training_frequency", ("contributor", "training_frequency"), DailyActivity, Number(Only, "/contributors/training_frequency"), Unit::Score, ACTIVITY_CONTRIBUTOR),
    each("activity_contributor_training_volume", ("contributor", "training_volume"), DailyActivity, Number(Only, "/contributors/training_volume"), Unit::Score, ACTIVITY_CONTRIBUTOR),
    one("activity_steps", DailyActivity, Number(Only, "/steps"), Unit::Count,
        "Steps of the day so far."),
    one("activity_active_energy", DailyActivity, Number(Only, "/active_calories"), Unit::Kilocalories,
        "Energy spent by moving."),
    one("activity_total_energy", DailyActivity, Number(Only, "/total_calories"), Unit::Kilocalories,
        "Energy spent in all, rest included."),
    one("activity_target_energy", DailyActivity, Number(Only, "/target_calories"), Unit::Kilocalories,
        "Energy Oura asks to spend by moving."),
    one("activity_walking_distance", DailyActivity, Number(Only, "/equivalent_walking_distance"), Unit::Meters,
        "The walk that would have cost the day's active energy."),
    one("activity_target_distance", DailyActivity, Number(Only, "/target_meters"), Unit::Meters,
        "The walking distance Oura asks for."),
    one("activity_remaining_distance", DailyActivity, Number(Only, "/meters_to_target"), Unit::Meters,
        "Distance left to the target; negative once it is passed."),
    each("activity_duration_high", ("level", "high"), DailyActivity, Number(Only, "/high_activity_time"), Unit::Seconds, ACTIVITY_DURATION),
    each("activity_duration_medium", ("level", "medium"), DailyActivity, Number(Only, "/medium_activity_time"), Unit::Seconds, ACTIVITY_DURATION),
    each("activity_duration_low", ("level", "low"), DailyActivity, Number(Only, "/low_activity_time"), Unit::Seconds, ACTIVITY_DURATION),
    each("activity_duration_sedentary", ("level", "sedentary"), DailyActivity, Number(Only, "/sedentary_time"), Unit::Seconds, ACTIVITY_DURATION),
    each("activity_duration_resting", ("level", "resting"), DailyActivity, Number(Only, "/resting_time"), Unit::Seconds, ACTIVITY_DURATION),
    each("activity_duration_non_wear", ("level", "non_wear"), DailyActivity, Number(Only, "/non_wear_time"), Unit::Seconds, ACTIVITY_DURATION),
    each("activity_load_high", ("level", "high"), DailyActivity, Number(Only, "/high_activity_met_minutes"), Unit::MetMinutes, ACTIVITY_LOAD),
    each("activity_load_medium", ("level", "medium"), DailyActivity, Number(Only, "/medium_activity_met_minutes"), Unit::MetMinutes, ACTIVITY_LOAD),
    each("activity_load_low", ("level", "low"), DailyActivity, Number(Only, "/low_activity_met_minutes"), Unit::MetMinutes, ACTIVITY_LOAD),
    each("activity_load_sedentary", ("level", "sedentary"), DailyActivity, Number(Only, "/sedentary_met_minutes"), Unit::MetMinutes, ACTIVITY_LOAD),
    one("activity_average_met", DailyActivity, Number(Only, "/average_met_minutes"), Unit::Met,
        "Average metabolic rate of the day as a multiple of rest."),
    one("activity_inactivity_alerts", DailyActivity, Number(Only, "/inactivity_alerts"), Unit::Count,
        "Reminders to move that Oura sent."),
    one("activity_met", DailyActivity, Samples(Only, "/met", Until::Codes("/class_5_min", 300)), Unit::Met,
        "Metabolic rate every minute as a multiple of rest."),
    one("activity_class", DailyActivity, Codes { pick: Only, pointer: "/class_5_min", start: "/timestamp", step: 300 }, Unit::State,
        "Level of movement every five minutes: 0 not worn, 1 rest, 2 inactive, 3 low, 4 medium, 5 high."),

    // --- heartrate. Oura calls the kind of a row `source`; that label is taken by history, so here it is `context`.
    each("heart_rate_awake", ("context", "awake"), HeartRate, Rows { value: "/bpm", kind: Some("/source") }, Unit::BeatsPerMinute, HEART_RATE),
    each("heart_rate_workout", ("context", "workout"), HeartRate, Rows { value: "/bpm", kind: Some("/source") }, Unit::BeatsPerMinute, HEART_RATE),
    each("heart_rate_rest", ("context", "rest"), HeartRate, Rows { value: "/bpm", kind: Some("/source") }, Unit::BeatsPerMinute, HEART_RATE),
    each("heart_rate_sleep", ("context", "sleep"), HeartRate, Rows { value: "/bpm", kind: Some("/source") }, Unit::BeatsPerMinute, HEART_RATE),
    each("heart_rate_live", ("context", "live"), HeartRate, Rows { value: "/bpm", kind: Some("/source") }, Unit::BeatsPerMinute, HEART_RATE),
    each("heart_rate_session", ("context", "session"), HeartRate, Rows { value: "/bpm", kind: Some("/source") }, Unit::BeatsPerMinute, HEART_RATE),
    each("heart_rate_other", ("context", "other"), HeartRate, Rows { value: "/bpm", kind: Some("/source") }, Unit::BeatsPerMinute, HEART_RATE),

    // --- daily_stress: seconds, though Oura's text says minutes; the running day is partial
    one("stress_high_duration", DailyStress, Number(Only, "/stress_high"), Unit::Seconds,
        "Time of the day under high stress."),
    one("recovery_high_duration", DailyStress, Number(Only, "/recovery_high"), Unit::Seconds,
        "Time of the day in high recovery."),
    one("stress_summary", DailyStress, State(Only, "/day_summary", &["restored", "normal", "stressful"]), Unit::State,
        "How Oura sums up the day."),

    // --- daily_resilience
    one("resilience_level", DailyResilience, State(Only, "/level", &["limited", "adequate", "solid", "strong", "exceptional"]), Unit::State,
        "How well the body has coped with stress in the last weeks."),
    each("resilience_contributor_sleep_recovery", ("contributor", "sleep_recovery"), DailyResilience, Number(Only, "/contributors/sleep_recovery"), Unit::Points, RESILIENCE_CONTRIBUTOR),
    each("resilience_contributor_daytime_recovery", ("contributor", "daytime_recovery"), DailyResilience, Number(Only, "/contributors/daytime_recovery"), Unit::Points, RESILIENCE_CONTRIBUTOR),
    each("resilience_contributor_stress", ("contributor", "stress"), DailyResilience, Number(Only, "/contributors/stress"), Unit::Points, RESILIENCE_CONTRIBUTOR),

    // --- daily_spo2: the night's average
    one("spo2_average", DailySpo2, Number(Only, "/spo2_percentage/average"), Unit::Saturation,
        "Average blood oxygen saturation of the night."),
    one("breathing_disturbance_index", DailySpo2, Number(Only, "/breathing_disturbance_index"), Unit::Index,
        "How often breathing was disturbed during the night, on Oura's scale of 0 to 100."),

    // --- daily_cardiovascular_age, vO2_max
    one("vascular_age", DailyCardiovascularAge, Number(Only, "/vascular_age"), Unit::Years,
        "How old the blood vessels seem."),
    one("pulse_wave_velocity", DailyCardiovascularAge, Number(Only, "/pulse_wave_velocity"), Unit::MetersPerSecond,
        "How fast the pulse travels along the vessels; stiffer vessels are faster."),
    one("vo2_max", Vo2Max, Number(Only, "/vo2_max"), Unit::OxygenUptake,
        "Estimated aerobic capacity in millilitres of oxygen per minute and kilogram."),

    // --- sleep_time: offsets from local midnight, negative before it
    one("optimal_bedtime_start", SleepTime, Number(Only, "/optimal_bedtime/start_offset"), Unit::Seconds,
        "When the window to go to bed opens, from local midnight; negative before it."),
    one("optimal_bedtime_end", SleepTime, Number(Only, "/optimal_bedtime/end_offset"), Unit::Seconds,
        "When the window to go to bed closes, from local midnight; negative before it."),
    one("bedtime_recommendation", SleepTime, State(Only, "/recommendation", &["improve_efficiency", "earlier_bedtime", "later_bedtime", "earlier_wake_up_time", "later_wake_up_time", "follow_optimal_bedtime"]), Unit::State,
        "What Oura recommends about bedtime."),
    one("bedtime_status", SleepTime, State(Only, "/status", &["not_enough_nights", "not_enough_recent_nights", "bad_sleep_quality", "only_recommended_found", "optimal_found"]), Unit::State,
        "Whether Oura knows enough to recommend a bedtime."),

    // --- ring_battery_level
    one("ring_battery_level", RingBatteryLevel, Rows { value: "/level", kind: None }, Unit::Percent,
        "How full the ring's battery is."),
    one("ring_charging", RingBatteryLevel, Rows { value: "/charging", kind: None }, Unit::Flag,
        "Whether the ring is charging."),
    one("ring_in_charger", RingBatteryLevel, Rows { value: "/in_charger", kind: None }, Unit::Flag,
        "Whether the ring is in its charger."),

    // --- workout: what it was is free text and stays in the document
    one("workouts", Workout, Count(All), Unit::Count,
        "Workouts of the day."),
    each("workout_duration_easy", ("intensity", "easy"), Workout, Span(Each("/intensity", "easy"), "/start_datetime", "/end_datetime"), Unit::Seconds, WORKOUT_DURATION),
    each("workout_duration_moderate", ("intensity", "moderate"), Workout, Span(Each("/intensity", "moderate"), "/start_datetime", "/end_datetime"), Unit::Seconds, WORKOUT_DURATION),
    each("workout_duration_hard", ("intensity", "hard"), Workout, Span(Each("/intensity", "hard"), "/start_datetime", "/end_datetime"), Unit::Seconds, WORKOUT_DURATION),
    one("workout_energy", Workout, Number(All, "/calories"), Unit::Kilocalories,
        "Energy spent in the day's workouts."),
    one("workout_distance", Workout, Number(All, "/distance"), Unit::Meters,
        "Distance covered in the day's workouts."),

    // --- session
    one("sessions", Session, Count(All), Unit::Count,
        "Sessions of the day."),
    each("session_duration_breathing", ("type", "breathing"), Session, Span(Each("/type", "breathing"), "/start_datetime", "/end_datetime"), Unit::Seconds, SESSION_DURATION),
    each("session_duration_meditation", ("type", "meditation"), Session, Span(Each("/type", "meditation"), "/start_datetime", "/end_datetime"), Unit::Seconds, SESSION_DURATION),
    each("session_duration_nap", ("type", "nap"), Session, Span(Each("/type", "nap"), "/start_datetime", "/end_datetime"), Unit::Seconds, SESSION_DURATION),
    each("session_duration_relaxation", ("type", "relaxation"), Session, Span(Each("/type", "relaxation"), "/start_datetime", "/end_datetime"), Unit::Seconds, SESSION_DURATION),
    each("session_duration_rest", ("type", "rest"), Session, Span(Each("/type", "rest"), "/start_datetime", "/end_datetime"), Unit::Seconds, SESSION_DURATION),
    each("session_duration_body_status", ("type", "body_status"), Session, Span(Each("/type", "body_status"), "/start_datetime", "/end_datetime"), Unit::Seconds, SESSION_DURATION),
    one("session_heart_rate", Session, Samples(All, "/heart_rate", Last), Unit::BeatsPerMinute,
        "Heart rate during sessions, every five seconds."),
    one("session_hrv", Session, Samples(All, "/heart_rate_variability", Last), Unit::Hrv,
        "Heart-rate variability (RMSSD) during sessions, every five seconds."),
    one("session_motion", Session, Samples(All, "/motion_count", Last), Unit::Count,
        "Movements during sessions, every five seconds."),

    // --- tags, rest mode: their words are private and stay in the documents
    one("tags", EnhancedTag, Count(All), Unit::Count,
        "Tags that start on the day."),
    one("legacy_tags", Tag, Count(All), Unit::Count,
        "Tags of Oura's older kind on the day."),
    one("rest_mode_periods", RestModePeriod, Count(All), Unit::Count,
        "Rest-mode periods that start on the day; many real ones have no length."),
    one("rest_mode_duration", RestModePeriod, Span(All, "/start_time", "/end_time"), Unit::Seconds,
        "Length of the rest-mode periods that start on the day, once they have ended."),

    // --- ring_configuration, personal_info: what held on the day they were observed
    one("ring_set_up", RingConfiguration, Number(Newest, "/set_up_at"), Unit::Timestamp,
        "When the ring in use was set up; a step in other series may be a new ring."),
    one("age", PersonalInfo, Number(Only, "/age"), Unit::Years,
        "The wearer's age."),
    one("body_weight", PersonalInfo, Number(Only, "/weight"), Unit::Kilograms,
        "The wearer's weight as entered in the Oura app."),
    one("body_height", PersonalInfo, Number(Only, "/height"), Unit::Meters,
        "The wearer's height as entered in the Oura app."),
];
