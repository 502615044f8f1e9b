//! What an announcement says. Pure, and the first thing to meet bytes from the internet after their signature.

use std::fmt;

use domain::{Change, Collection};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;

/// Longest id accepted; Oura's are UUIDs.
const MAX_ID: usize = 128;

/// News about one document.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened to it.
    pub change: Change,
    /// Of which collection; `None` for one that is not read here.
    pub collection: Option<Collection>,
    /// Oura's id of the document: letters, digits, `-` and `_`.
    pub object: String,
    /// When it happened.
    pub event_at: Timestamp,
    /// Oura's id of the person.
    pub user: String,
}

/// Without the ids, which must not appear in logs.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("change", &self.change)
            .field("collection", &self.collection)
            .finish_non_exhaustive()
    }
}

/// The bytes are no event. Says where, never what.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEvent {
    /// No JSON object with the fields of an event.
    #[error("no event (line {line}, column {column})")]
    Shape {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A field says what it cannot say.
    #[error("{0}: not a value of an event")]
    Field(&'static str),
}

#[derive(Deserialize)]
struct Wire {
    event_type: String,
    data_type: String,
    object_id: String,
    event_time: String,
    user_id: String,
}

/// Parses the body of a webhook event. Unknown fields are ignored, and so is an unknown `data_type`.
pub fn parse_event(raw: &[u8]) -> Result<Event, InvalidEvent> {
    let wire: Wire = serde_json::from_slice(raw)
        .map_err(|error| InvalidEvent::Shape { line: error.line(), column: error.column() })?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_id = |id: &str| (1..=MAX_ID).contains(&id.len()) && id.bytes().all(plain);
    // The id becomes part of an address.
    if !is_id(&wire.object_id) {
        return Err(InvalidEvent::Field("object_id"));
    }
    if wire.user_id.is_empty() || wire.user_id.len() > MAX_ID || wire.user_id.contains('\0') {
        return Err(InvalidEvent::Field("user_id"));
    }
    let collection =
        wire.data_type.parse().ok().filter(|collection: &Collection| collection.info().has_webhook);
    Ok(Event {
        change: wire.event_type.parse().map_err(|_| InvalidEvent::Field("event_type"))?,
        collection,
        object: wire.object_id,
        event_at: instant(&wire.event_time).ok_or(InvalidEvent::Field("event_time"))?,
        user: wire.user_id,
    })
}

/// An instant of these routes. Some are printed without their zone, which is UTC.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    let zoned = text.parse::<Timestamp>().ok();
    // A date alone is a date-time for jiff; it is no instant.
    let civil = || text.contains(':').then(|| text.parse::<DateTime>().ok()).flatten();
    zoned.or_else(|| TimeZone::UTC.to_timestamp(civil()?).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(event_type: &str, data_type: &str, object_id: &str, event_time: &str) -> String {
        format!(
            r#"{{"event_type":"{event_type}","data_type":"{data_type}","object_id":"{object_id}","event_time":"{event_time}","user_id":"u-1","new":[1]}}"#
        )
    }

    #[test]
    fn webhook_event_names_change_and_document() {
        let event =
            parse_event(body("delete", "vo2_max", "ab-1", "2026-03-01T08:00:00.5+00:00").as_bytes()).unwrap();
        assert_eq!((event.change, event.collection), (Change::Delete, Some(Collection::Vo2Max)));
        assert_eq!((event.object.as_str(), event.user.as_str()), ("ab-1", "u-1"));
        assert_eq!(event.event_at, "2026-03-01T08:00:00.5Z".parse().unwrap());
        assert!(!format!("{event:?}").contains("u-1") && !format!("{event:?}").contains("ab-1"));
    }

    #[test]
    fn webhook_times_are_read_with_and_without_zone() {
        let noon = "2026-03-01T12:00:00Z".parse().ok();
        for text in ["2026-03-01T12:00:00Z", "2026-03-01T12:00:00", "2026-03-01T13:00:00.000+01:00"] {
            assert_eq!(instant(text), noon, "{text}");
        }
        for text in ["", "2026-03-01", "12:00", "now", "1767225600"] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn webhook_event_of_an_unknown_type_is_parsed() {
        for data_type in ["meal", "heartrate", "something_new"] {
            let event = parse_event(body("update", data_type, "a", "2026-03-01T08:00:00Z").as_bytes());
            assert_eq!(event.unwrap().collection, None, "{data_type}");
        }
    }

    #[test]
    fn webhook_event_with_a_bad_field_names_it() {
        let check = |event_type, object_id, event_time, field| {
            let parsed = parse_event(body(event_type, "sleep", object_id, event_time).as_bytes());
            assert_eq!(parsed, Err(InvalidEvent::Field(field)));
        };
        check("explode", "a", "2026-03-01T08:00:00Z", "event_type");
        check("update", "", "2026-03-01T08:00:00Z", "object_id");
        check("update", "..", "2026-03-01T08:00:00Z", "object_id");
        check("update", "a/../../x", "2026-03-01T08:00:00Z", "object_id");
        check("update", "a", "yesterday", "event_time");
        assert!(matches!(parse_event(b"[]"), Err(InvalidEvent::Shape { .. })));
        assert!(matches!(parse_event(b""), Err(InvalidEvent::Shape { .. })));
    }

    proptest! {
        #[test]
        fn arbitrary_webhook_body_never_panics(raw in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse_event(&raw);
        }

        #[test]
        fn accepted_document_id_is_one_path_segment(id in ".{0,40}") {
            let text = serde_json::json!({
                "event_type": "update", "data_type": "sleep", "object_id": id,
                "event_time": "2026-03-01T08:00:00Z", "user_id": "u",
            });
            if let Ok(event) = parse_event(text.to_string().as_bytes()) {
                prop_assert!(!event.object.is_empty() && !event.object.contains(['/', '.', '?', '#', '%']));
            }
        }
    }
}
