//! Names for events without an id, made of what they are: the same event of another export gets the same one, and where
//! the API has it under its own id the store finds both to be one.

use data_encoding::HEXLOWER;
use domain::{Collection, Day, Event};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// How such a name begins.
const PREFIX: &str = "import-";

/// A document of a collection with several a day, with an id if it has none and says when it was.
pub(super) fn with_id(collection: Collection, json: String) -> String {
    if collection.is_once_a_day() {
        return json;
    }
    let Ok(Value::Object(document)) = serde_json::from_str(&json) else { return json };
    if document.contains_key("id") {
        return json;
    }
    // The day matters to numbers alone.
    let event = Event::read(collection, Day::FIRST, &json);
    let Some((Some(start), end)) = event.map(|event| (event.start, event.end)) else { return json };
    let names = Event::tag_names(collection, &json);
    let content = format!("{collection} {start} {} {}", end.unwrap_or_default(), names.join(" "));
    let id = HEXLOWER.encode(&Sha256::digest(content)[..8]);
    // Before the fields that stand there, whose text is kept.
    let rest = json.trim_start().trim_start_matches('{');
    format!("{{\"id\":\"{PREFIX}{id}\",{rest}")
}
