//! `personal_info`: the one answer that is not a list. `id` for any token, the rest by scope.

use jiff::Timestamp;
use serde::Serialize;

use super::wire;
use crate::life::Person;
use crate::math::parts;

#[derive(Debug, Serialize)]
struct Wire {
    id: String,
    age: Option<i64>,
    weight: Option<f64>,
    height: Option<f64>,
    biological_sex: Option<&'static str>,
    email: Option<String>,
}

/// The JSON for a token of which `allows` says whether it has a scope.
pub(crate) fn personal_info(person: &Person, now: Timestamp, allows: impl Fn(&str) -> bool) -> String {
    let constitution = person.constitution();
    let today = person.life().home.to_datetime(now).date();
    let personal = allows("personal");
    let body = Wire {
        id: wire::id(person, "personal_info", person.life().first_day, 0),
        age: personal.then(|| person.age(today)),
        weight: personal.then(|| parts(constitution.weight, 10.0)),
        height: personal.then(|| parts(constitution.height, 100.0)),
        biological_sex: personal.then_some(if constitution.female { "female" } else { "male" }),
        email: allows("email").then(|| format!("person-{}@example.org", person.life().seed)),
    };
    serde_json::to_string(&body).expect("BUG: a wire struct has only string keys")
}
