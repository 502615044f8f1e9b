//! A FHIR R5 Bundle of type `collection`, one Observation a row. Codes are LOINC's where LOINC has the very quantity, and
//! always the project's own; units are UCUM. The subject is an identifier, the pseudonym.

use domain::{Day, Metric, Theme, Unit};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::block::{Block, Encode, Subject, instant, time, word};
use crate::Error;

const LOINC: &str = "http://loinc.org";
const UCUM: &str = "http://unitsofmeasure.org";
const CATEGORIES: &str = "http://terminology.hl7.org/CodeSystem/observation-category";

/// The project's own names: metrics by their id, people by their pseudonym.
const METRIC: &str = "urn:myhealth:metric";
const PERSON: &str = "urn:myhealth:person";

/// Codes of the same quantity, by metric. LOINC has heart-rate variability as SDNN only, and Oura measures RMSSD: none.
const CODES: [(&str, &str, &str); 17] = [
    ("activity_steps", "41950-7", "Number of steps in 24 hour Measured"),
    ("age", "30525-0", "Age"),
    ("body_height", "8302-2", "Body height"),
    ("body_weight", "29463-7", "Body weight"),
    ("heart_rate_awake", HEART_RATE.0, HEART_RATE.1),
    ("heart_rate_live", HEART_RATE.0, HEART_RATE.1),
    ("heart_rate_other", HEART_RATE.0, HEART_RATE.1),
    ("heart_rate_rest", HEART_RATE.0, HEART_RATE.1),
    ("heart_rate_session", HEART_RATE.0, HEART_RATE.1),
    ("heart_rate_sleep", HEART_RATE.0, HEART_RATE.1),
    ("heart_rate_workout", HEART_RATE.0, HEART_RATE.1),
    ("sleep_average_heart_rate", HEART_RATE.0, HEART_RATE.1),
    ("sleep_breathing_rate", "9279-1", "Respiratory rate"),
    ("sleep_duration", "93832-4", "Sleep duration"),
    ("sleep_heart_rate", HEART_RATE.0, HEART_RATE.1),
    ("sleep_lowest_heart_rate", "40443-4", "Heart rate --resting"),
    ("spo2_average", "59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry"),
];

const HEART_RATE: (&str, &str) = ("8867-4", "Heart rate");

pub(super) struct Fhir {
    now: Timestamp,
    begun: bool,
}

impl Fhir {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { now, begun: false }
    }

    fn begin(&mut self, into: &mut Vec<u8>) {
        let head = format!(
            r#"{{"resourceType":"Bundle","type":"collection","timestamp":"{}","entry":["#,
            time(self.now)
        );
        into.extend_from_slice(head.as_bytes());
    }

    fn entry(&mut self, entry: &Entry<'_>, into: &mut Vec<u8>) -> Result<(), Error> {
        if std::mem::replace(&mut self.begun, true) {
            into.extend_from_slice(b",\n");
        } else {
            self.begin(into);
            into.push(b'\n');
        }
        serde_json::to_writer(into, entry).map_err(std::io::Error::from)?;
        Ok(())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    full_url: String,
    resource: Observation<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Observation<'a> {
    resource_type: &'static str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<[Concept<'a>; 1]>,
    code: &'a Concept<'a>,
    subject: Reference<'a>,
    #[serde(flatten)]
    effective: Effective,
    #[serde(flatten)]
    value: Value,
}

#[derive(Serialize)]
struct Concept<'a> {
    coding: Vec<Coding<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

#[derive(Serialize)]
struct Coding<'a> {
    system: &'static str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    display: Option<&'static str>,
}

#[derive(Serialize)]
struct Reference<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    identifier: Identifier<'a>,
}

#[derive(Serialize)]
struct Identifier<'a> {
    system: &'static str,
    value: &'a str,
}

#[derive(Serialize)]
enum Effective {
    #[serde(rename = "effectivePeriod")]
    Period { start: String, end: String },
    #[serde(rename = "effectiveDateTime")]
    Instant(String),
}

#[derive(Serialize)]
enum Value {
    #[serde(rename = "valueQuantity")]
    Quantity { value: f64, unit: &'static str, system: &'static str, code: &'static str },
    #[serde(rename = "valueBoolean")]
    Boolean(bool),
    #[serde(rename = "valueDateTime")]
    DateTime(String),
    #[serde(rename = "valueString")]
    Text(&'static str),
    #[serde(rename = "valueInteger")]
    Integer(i64),
}

impl Encode for Fhir {
    fn block(&mut self, block: &Block<'_>, into: &mut Vec<u8>) -> Result<(), Error> {
        let (subject, metric) = match block {
            Block::Days { subject, metric, .. } | Block::Points { subject, metric, .. } => (subject, metric),
            Block::Documents { .. } => unreachable!("refused when the table is made"),
        };
        let code = code(metric);
        let observation = |day: Day, effective, value| Observation {
            resource_type: "Observation",
            status: if day.is_settled(subject.today) { "final" } else { "preliminary" },
            category: category(metric).map(|code| [Concept { coding: vec![code], text: None }]),
            code: &code,
            subject: Reference {
                kind: "Patient",
                identifier: Identifier { system: PERSON, value: subject.name },
            },
            effective,
            value,
        };
        match block {
            Block::Days { rows, .. } => {
                for (day, value) in *rows {
                    let full_url = name(subject, metric, &day.to_string());
                    let resource = observation(*day, period(*day, &subject.zone), quantity(metric, *value));
                    self.entry(&Entry { full_url, resource }, into)?;
                }
            }
            Block::Points { rows, .. } => {
                for (at, value) in *rows {
                    let at = instant(*at);
                    let full_url = name(subject, metric, &time(at).to_string());
                    let effective = Effective::Instant(time(at).to_string());
                    let resource =
                        observation(Day::at(at, &subject.zone), effective, quantity(metric, *value));
                    self.entry(&Entry { full_url, resource }, into)?;
                }
            }
            Block::Documents { .. } => {}
        }
        Ok(())
    }

    fn end(&mut self, into: &mut Vec<u8>) -> Result<(), Error> {
        if self.begun {
            into.extend_from_slice(b"\n]}\n");
        } else {
            // FHIR has no empty lists.
            self.begin(into);
            into.truncate(into.len() - r#","entry":["#.len());
            into.extend_from_slice(b"}\n");
        }
        Ok(())
    }
}

/// The same row has the same name in every export, so that a receiver can tell it is the same: a UUID of a hash.
fn name(subject: &Subject<'_>, metric: &Metric, when: &str) -> String {
    let hash = Sha256::new().chain_update(subject.name).chain_update([0]).chain_update(metric.key);
    let hash = hash.chain_update([0]).chain_update(when).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    let bits = u128::from_be_bytes(bytes);
    // Version 8 and the variant of RFC 9562.
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | (0x8 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!("urn:uuid:{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn code(metric: &'static Metric) -> Concept<'static> {
    let loinc = CODES.iter().find(|(key, ..)| *key == metric.key);
    let loinc = loinc.map(|(_, code, display)| Coding { system: LOINC, code, display: Some(display) });
    let own = Coding { system: METRIC, code: metric.key, display: None };
    Concept { coding: loinc.into_iter().chain([own]).collect(), text: Some(metric.help) }
}

/// Vital signs as FHIR's profiles define them; there is no category for sleep.
fn category(metric: &Metric) -> Option<Coding<'static>> {
    let vital = ["8867-4", "9279-1", "59408-5", "8302-2", "29463-7"];
    let is_vital = CODES.iter().any(|(key, code, _)| *key == metric.key && vital.contains(code));
    let code = match metric.collection.theme() {
        _ if is_vital => "vital-signs",
        Theme::Activity | Theme::Workouts => "activity",
        _ => return None,
    };
    Some(Coding { system: CATEGORIES, code, display: None })
}

/// A civil day where the person lives, from its first to its last second.
fn period(day: Day, zone: &TimeZone) -> Effective {
    let midnight = |day: Day| day.date().to_datetime(Time::midnight()).to_zoned(zone.clone());
    let written = |at: jiff::Zoned| at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    match (midnight(day), midnight(day.plus(1))) {
        (Ok(start), Ok(next)) => {
            let last = next.saturating_sub(SignedDuration::from_secs(1));
            Effective::Period { start: written(start), end: written(last) }
        }
        // No accepted day is at the edge of the calendar.
        _ => Effective::Instant(day.to_string()),
    }
}

fn quantity(metric: &Metric, value: f64) -> Value {
    let of = |value: f64, unit: &'static str, code: &'static str| Value::Quantity {
        value,
        unit,
        system: UCUM,
        code,
    };
    match metric.unit {
        Unit::Flag => Value::Boolean(value > 0.5),
        Unit::State => match word(metric, value) {
            Some(word) => Value::Text(word),
            #[expect(clippy::cast_possible_truncation, reason = "a code is a digit")]
            None => Value::Integer(value as i64),
        },
        Unit::Timestamp => {
            #[expect(clippy::cast_possible_truncation, reason = "saturates")]
            let at = Timestamp::from_millisecond((value * 1000.0).round() as i64).unwrap_or_default();
            Value::DateTime(time(at).to_string())
        }
        Unit::Score | Unit::Points | Unit::ScoreDelta => of(value, "points", "{score}"),
        Unit::Count if metric.key == "activity_steps" => of(value, "steps per day", "{steps}/d"),
        Unit::Count | Unit::Index => of(value, metric.unit.name(), "1"),
        Unit::Seconds | Unit::WallClock | Unit::Hrv => of(value, "seconds", "s"),
        // The vital signs of FHIR are percent; the digits stay Oura's.
        Unit::Percent | Unit::Saturation => of((value * 1e8).round() / 1e6, "%", "%"),
        Unit::BeatsPerMinute => of(value, "beats per minute", "/min"),
        Unit::BreathsPerMinute => of(value, "breaths per minute", "/min"),
        Unit::Celsius => of(value, "degrees Celsius", "Cel"),
        Unit::Kilocalories => of(value, "joules", "J"),
        // As FHIR's profile of the body height requires.
        Unit::Meters if metric.key == "body_height" => of((value * 1e4).round() / 1e2, "centimeters", "cm"),
        Unit::Meters => of(value, "meters", "m"),
        Unit::Met => of(value, "MET", "[MET]"),
        Unit::MetMinutes => of(value, "MET-seconds", "[MET].s"),
        Unit::Kilograms => of(value, "grams", "g"),
        Unit::Years => of(value, "years", "a"),
        Unit::MetersPerSecond => of(value, "meters per second", "m/s"),
        Unit::OxygenUptake => of(value, "mL/kg/min", "mL/min/kg"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fhir_codes_belong_to_metrics() {
        for (key, _, _) in CODES {
            assert!(Metric::by_key(key).is_some(), "{key}");
        }
    }

    #[test]
    fn fhir_period_is_the_local_civil_day() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let on = |day: &str| serde_json::to_string(&period(day.parse().unwrap(), &berlin)).unwrap();
        assert_eq!(
            on("2026-03-29"),
            r#"{"effectivePeriod":{"start":"2026-03-29T00:00:00+01:00","end":"2026-03-29T23:59:59+02:00"}}"#
        );
    }

    #[test]
    fn fhir_entry_uuid_is_stable() {
        let subject = Subject { name: "me", zone: TimeZone::UTC, today: Day::literal(2026, 3, 29) };
        let metric = Metric::by_key("sleep_score").unwrap();
        let one = name(&subject, metric, "2026-03-29");
        assert_eq!(one, name(&subject, metric, "2026-03-29"));
        assert_ne!(one, name(&subject, metric, "2026-03-28"));
        assert_eq!((one.len(), &one[23..24]), (45, "8"), "{one}");
        assert!("89ab".contains(&one[28..29]), "{one}");
    }

    #[test]
    fn fhir_ratio_is_percent_without_rounding() {
        let metric = Metric::by_key("spo2_average").unwrap();
        let text = serde_json::to_string(&quantity(metric, 0.970_12)).unwrap();
        assert!(text.contains(r#""value":97.012,"#), "{text}");
    }
}
