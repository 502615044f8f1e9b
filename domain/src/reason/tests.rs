use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use Collection::{
    DailyActivity, DailyReadiness, DailyResilience, DailySleep, DailySpo2, HeartRate, PersonalInfo, Vo2Max,
    Workout,
};

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// A collection read without a failure in the night of 29 March, with its newest day in March 2026; 0 is none.
fn read(collection: Collection, newest: i64) -> ReadingStatus {
    let newest_day = (newest > 0).then(|| day("2026-02-28").plus(newest));
    ReadingStatus {
        collection,
        last_success_at: Some("2026-03-28T23:05:00Z".parse().unwrap()),
        failure: None,
        newest_day,
        newest_value: newest_day,
        rejected_day: None,
        rejected_undated: false,
    }
}

/// What a person looks like on 29 March at this UTC time, in Berlin.
struct Case {
    at: &'static str,
    readings: Vec<ReadingStatus>,
    non_wear: Option<(i64, f64)>,
    lacks_oxygen_sensor: bool,
}

/// The afternoon of a day on which everything has come.
fn all_well() -> Case {
    let readings = Collection::ALL.iter().map(|collection| read(*collection, 29)).collect();
    Case { at: "15:00", readings, non_wear: None, lacks_oxygen_sensor: false }
}

impl Case {
    fn at(mut self, time: &'static str) -> Self {
        self.at = time;
        self
    }

    fn with(mut self, changed: ReadingStatus) -> Self {
        *self.readings.iter_mut().find(|reading| reading.collection == changed.collection).unwrap() = changed;
        self
    }

    fn all_read(mut self, newest: i64) -> Self {
        self.readings = Collection::ALL.iter().map(|collection| read(*collection, newest)).collect();
        self
    }

    fn reason(&self, collection: Collection) -> Option<Reason> {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let evidence = Evidence {
            today: Today::at(format!("2026-03-29T{}:00Z", self.at).parse().unwrap(), &zone),
            readings: &self.readings,
            non_wear: self.non_wear.map(|(newest, seconds)| (day("2026-02-28").plus(newest), seconds)),
            lacks_oxygen_sensor: self.lacks_oxygen_sensor,
        };
        absence_reason(&evidence, collection)
    }
}

fn read_at(at: &str, reading: ReadingStatus) -> ReadingStatus {
    ReadingStatus { last_success_at: Some(at.parse().unwrap()), ..reading }
}

fn rejected(reading: ReadingStatus, on: &str) -> ReadingStatus {
    ReadingStatus { rejected_day: Some(day(on)), ..reading }
}

#[test]
fn every_reason_follows_from_its_evidence() {
    let failing = |cause| ReadingStatus { failure: Some(cause), ..read(DailySleep, 28) };
    let cases = [
        (Reason::NeverRead, Case { readings: Vec::new(), ..all_well() }, DailySleep),
        (
            Reason::NeverRead,
            all_well().with(ReadingStatus { last_success_at: None, ..read(DailySleep, 0) }),
            DailySleep,
        ),
        (Reason::NotRead, all_well().with(read_at("2026-03-25T08:00:00Z", read(DailySleep, 25))), DailySleep),
        (Reason::NotRead, all_well().with(read_at("2026-03-28T08:00:00Z", read(Workout, 20))), Workout),
        (Reason::Unauthorized, all_well().with(failing(Cause::Unauthorized)), DailySleep),
        (Reason::Unauthorized, all_well().with(failing(Cause::LoginRequired)), DailySleep),
        (Reason::RenewalFailed, all_well().with(failing(Cause::RenewalFailed)), DailySleep),
        (Reason::Scope, all_well().with(failing(Cause::Scope)), DailySleep),
        (Reason::Membership, all_well().with(failing(Cause::Forbidden)), DailySleep),
        (Reason::AppTooOld, all_well().with(failing(Cause::AppTooOld)), DailySleep),
        (Reason::OuraDown, all_well().with(failing(Cause::Server)), DailySleep),
        (Reason::OuraDown, all_well().with(failing(Cause::Network)), DailySleep),
        (Reason::RateLimited, all_well().with(failing(Cause::RateLimited)), DailySleep),
        (Reason::ReadFailed, all_well().with(failing(Cause::Unexpected)), DailySleep),
        (Reason::Rejected, all_well().with(rejected(read(DailySleep, 28), "2026-03-29")), DailySleep),
        (
            Reason::Rejected,
            all_well().with(ReadingStatus { rejected_undated: true, ..read(DailySleep, 28) }),
            DailySleep,
        ),
        (
            Reason::RingCannot,
            Case { lacks_oxygen_sensor: true, ..all_well() }.with(read(DailySpo2, 0)),
            DailySpo2,
        ),
        (Reason::NoData, all_well().all_read(0), DailySleep),
        (Reason::NeverMeasured, all_well().with(read(Vo2Max, 0)), Vo2Max),
        (Reason::NeverMeasured, all_well().with(read(DailySpo2, 0)), DailySpo2),
        (Reason::NoEvent, all_well().with(read(Workout, 20)), Workout),
        (Reason::NoEvent, all_well().with(read(Workout, 0)), Workout),
        (Reason::Irregular, all_well().with(read(Vo2Max, 10)), Vo2Max),
        (Reason::NotYet, all_well().at("06:00").with(read(DailySleep, 28)), DailySleep),
        (Reason::NotYet, all_well().with(read(PersonalInfo, 28)), PersonalInfo),
        (Reason::PhoneNotSynced, all_well().all_read(28), DailySleep),
        (Reason::PhoneNotSynced, all_well().all_read(27).at("06:00"), DailyActivity),
        (Reason::PhoneNotSynced, all_well().all_read(27), Workout),
        (
            Reason::RingNotWorn,
            Case { non_wear: Some((29, 30_000.0)), ..all_well() }.with(read(DailySleep, 28)),
            DailySleep,
        ),
        (Reason::RingNotWorn, all_well().with(read(HeartRate, 27)).with(read(DailySleep, 28)), DailySleep),
        (Reason::RingNotWorn, all_well().with(read(HeartRate, 27)), HeartRate),
        (Reason::AppNotOpened, all_well().with(read(DailyReadiness, 28)), DailyReadiness),
        (
            Reason::AppNotOpened,
            Case { non_wear: Some((28, 30_000.0)), ..all_well() }.with(read(DailySleep, 28)),
            DailySleep,
        ),
        (Reason::NotComputed, all_well().with(read(DailyResilience, 27)), DailyResilience),
        (
            Reason::NotComputed,
            all_well().with(ReadingStatus { newest_value: Some(day("2026-03-28")), ..read(DailySleep, 29) }),
            DailySleep,
        ),
    ];
    for (expected, case, collection) in &cases {
        assert_eq!(case.reason(*collection), Some(*expected), "{collection}");
    }
    let tried: BTreeSet<Reason> = cases.iter().map(|(reason, ..)| *reason).collect();
    assert_eq!(tried, Reason::ALL.iter().copied().collect(), "a reason without a case");
}

#[test]
fn present_value_has_no_reason() {
    for collection in Collection::ALL {
        assert_eq!(all_well().reason(*collection), None, "{collection}");
    }
    let down = ReadingStatus { failure: Some(Cause::Server), ..read(DailySleep, 29) };
    assert_eq!(all_well().with(down).reason(DailySleep), None, "today was read before Oura failed");
}

#[test]
fn old_rejected_document_is_no_reason_of_today() {
    let case = all_well().with(rejected(read(DailySleep, 28), "2024-10-29"));
    assert_eq!(case.reason(DailySleep), Some(Reason::AppNotOpened));
    let case = all_well().with(rejected(read(DailySleep, 28), "2026-03-28"));
    assert_eq!(case.reason(DailySleep), Some(Reason::AppNotOpened));
}

#[test]
fn reading_of_last_evening_is_recent_in_the_small_hours() {
    let case = |at| all_well().at(at).with(read_at("2026-03-28T22:30:00Z", read(DailySleep, 28)));
    assert_eq!(case("04:00").reason(DailySleep), Some(Reason::NotYet));
    assert_eq!(case("04:30").reason(DailySleep), Some(Reason::NotRead));
    let observed = |at| all_well().with(read_at(at, read(PersonalInfo, 28))).reason(PersonalInfo);
    assert_eq!(observed("2026-03-28T03:01:00Z"), Some(Reason::NotYet), "it is asked once a day");
    assert_eq!(observed("2026-03-28T03:00:00Z"), Some(Reason::NotRead));
    let there = all_well().with(read_at("2026-03-25T08:00:00Z", read(DailySleep, 29)));
    assert_eq!(there.reason(DailySleep), None, "a webhook or an import may bring today");
}

/// Heart rate, alone, whose newest row is of this civil day and stands under this UTC day, at this moment in a zone.
fn heart_rate(zone: &str, at: &str, value: i64, filed: i64) -> Option<Reason> {
    let now: Timestamp = at.parse().unwrap();
    let readings = [ReadingStatus {
        last_success_at: Some(now),
        newest_value: Some(day("2026-02-28").plus(value)),
        ..read(HeartRate, filed)
    }];
    let evidence = Evidence {
        today: Today::at(now, &TimeZone::get(zone).unwrap()),
        readings: &readings,
        non_wear: None,
        lacks_oxygen_sensor: false,
    };
    absence_reason(&evidence, HeartRate)
}

#[test]
fn rows_are_of_the_civil_day_east_of_greenwich() {
    // Eight in the evening of the 30th on the wall, of which half is the UTC day before.
    let zone = "Pacific/Kiritimati";
    assert_eq!(heart_rate(zone, "2026-03-30T06:00:00Z", 30, 30), None);
    assert_eq!(heart_rate(zone, "2026-03-29T23:00:00Z", 30, 29), None, "UTC is not there yet");
    assert_eq!(heart_rate(zone, "2026-03-29T23:00:00Z", 29, 29), Some(Reason::PhoneNotSynced));
    assert_eq!(
        heart_rate(zone, "2026-03-29T18:00:00Z", 29, 29),
        Some(Reason::NotYet),
        "eight in the morning"
    );
}

#[test]
fn rows_of_an_evening_west_of_greenwich_are_not_late() {
    let zone = "America/New_York";
    assert_eq!(heart_rate(zone, "2026-03-29T23:00:00Z", 29, 29), None);
    assert_eq!(heart_rate(zone, "2026-03-30T01:00:00Z", 29, 30), None);
    assert_eq!(heart_rate(zone, "2026-03-30T01:00:00Z", 29, 29), Some(Reason::NotYet));
    assert_eq!(heart_rate(zone, "2026-03-30T01:00:00Z", 28, 29), Some(Reason::PhoneNotSynced));
}

#[test]
fn observation_under_the_utc_day_is_not_late_on_either_side_of_greenwich() {
    for (zone, newest) in [("America/New_York", 29), ("Pacific/Kiritimati", 30)] {
        let readings = [read(PersonalInfo, newest)];
        let evidence = Evidence {
            today: Today::at("2026-03-30T01:00:00Z".parse().unwrap(), &TimeZone::get(zone).unwrap()),
            readings: &readings,
            non_wear: None,
            lacks_oxygen_sensor: false,
        };
        assert_eq!(absence_reason(&evidence, PersonalInfo), None, "{zone}");
    }
}

#[test]
fn reason_names_are_unique_and_label_safe() {
    let words: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.name()).collect();
    assert_eq!(words.len(), Reason::ALL.len());
    assert!(words.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    assert!(Reason::ALL.iter().all(|reason| !reason.advice().is_empty()));
}

proptest! {
    /// For any evidence, an absence has one reason and a presence none.
    #[test]
    fn every_absence_has_a_reason(
        newest in proptest::collection::vec(0_i64..31, Collection::ALL.len()),
        failing in proptest::collection::vec(proptest::option::of(0..Cause::ALL.len()), Collection::ALL.len()),
        hour in 0_u8..24,
        non_wear in proptest::option::of((1_i64..31, 0.0_f64..90_000.0)),
    ) {
        let readings: Vec<ReadingStatus> = Collection::ALL
            .iter()
            .zip(newest.iter().zip(&failing))
            .map(|(collection, (newest, failing))| ReadingStatus {
                failure: failing.map(|at| Cause::ALL[at]),
                ..read(*collection, *newest)
            })
            .collect();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let evidence = Evidence {
            today: Today::at(format!("2026-03-29T{hour:02}:30:00Z").parse().unwrap(), &zone),
            readings: &readings,
            non_wear: non_wear.map(|(newest, seconds)| (day("2026-02-28").plus(newest), seconds)),
            lacks_oxygen_sensor: false,
        };
        for reading in &readings {
            let there = reading.newest_day.is_some_and(|newest| newest >= evidence.today.day());
            prop_assert_eq!(absence_reason(&evidence, reading.collection).is_none(), there);
        }
    }
}
