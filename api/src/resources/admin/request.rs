//! What requests of operators have in common: bodies, people, scopes, ends, and their entries in the audit trail.

use axum::http::Extensions;
use domain::Day;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use store::{AuditAction, AuditOutcome, Person, Role, Scope, Scopes};

use crate::access::Access;
use crate::administration;
use crate::audit::Origin;
use crate::error::{Error, shown};
use crate::state::State;

#[expect(clippy::needless_pass_by_value, reason = "errors and texts are given as they come")]
pub(super) fn refuse(parameter: &'static str, reason: impl ToString) -> Error {
    Error::Parameter { parameter, reason: reason.to_string() }
}

/// A body in JSON. What is wrong is described by its place: a body may hold a password.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        refuse(
            "body",
            format!("not the documented JSON (line {line}, column {column}); /api/docs has examples"),
        )
    })
}

/// The person of this name; `None` is everyone.
pub(super) async fn person(state: &State, name: Option<&str>) -> Result<Option<Person>, Error> {
    let Some(name) = name else { return Ok(None) };
    let known = state.primary.person(name).await?;
    known.map(Some).ok_or_else(|| Error::UnknownPerson(shown(name)))
}

/// What a role or a list of scopes opens; `None` where neither is given.
pub(super) fn scopes(role: Option<&str>, scopes: &[String]) -> Result<Option<Scopes>, Error> {
    match (role, scopes) {
        (None, []) => Ok(None),
        (Some(role), []) => Ok(Some(role.parse::<Role>().map_err(|error| refuse("role", error))?.scopes())),
        (None, words) => {
            let scopes: Result<Vec<Scope>, _> = words.iter().map(|word| word.parse()).collect();
            Ok(Some(Scopes::new(scopes.map_err(|error| refuse("scopes", error))?)))
        }
        (Some(_), _) => Err(refuse("role", "give either a role or scopes")),
    }
}

/// The end of the last day.
pub(super) fn expiry(last: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>, Error> {
    let Some(last) = last else { return Ok(None) };
    let day: Day = last.parse().map_err(|_| refuse("expires", "write the last day as YYYY-MM-DD"))?;
    let end = administration::end_of(day, now);
    end.map(Some).ok_or_else(|| refuse("expires", "that day is over"))
}

/// Records what was done, and by whom.
pub(super) fn record(
    state: &State,
    extensions: &Extensions,
    access: &Access,
    action: AuditAction,
    subject: String,
) {
    let what = (action, AuditOutcome::Accepted);
    let origin = Origin::of(extensions);
    state.audit.record(origin.entry((state.now)(), what, Some(access.principal_name()), Some(subject)));
}

/// The name of a person by number, for lists.
pub(super) fn name_of(people: &[Person], number: Option<i64>) -> Option<String> {
    let person = people.iter().find(|person| Some(person.id) == number)?;
    Some(person.name.to_string())
}
