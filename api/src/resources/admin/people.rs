//! People, as operators add and erase them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State as With};
use axum::http::{Extensions, StatusCode};
use domain::Pseudonym;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use store::AuditAction;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::request::{parse, record, refuse};
use crate::access::Access;
use crate::error::{Error, Failures, Unknown, shown};
use crate::extract::Query;
use crate::policy::Policy;
use crate::routes::Routes;
use crate::state::State;

pub(super) fn routes(write: Policy) -> Routes<State> {
    Routes::new().add(write, routes!(add_person)).add(write, routes!(erase_person))
}

/// A person who can be read from then on.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPerson {
    /// A pseudonym: letters, digits, `-` and `_`.
    #[schema(example = "ann")]
    name: String,
    /// Where the person's days begin and end, an IANA name.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Confirmation {
    /// The name again: what is erased does not come back.
    #[param(required = true, example = "ann")]
    confirm: Option<String>,
}

/// Adds a person.
///
/// As `myhealth person add`; 409 where the name is taken.
#[utoipa::path(
    post, path = "/admin/people", operation_id = "create_person", tag = "administration",
    request_body(content = NewPerson, content_type = "application/json"),
    responses((status = 201, description = "Added.", body = NewPerson), Failures),
)]
async fn add_person(
    With(state): With<State>,
    extensions: Extensions,
    access: Access,
    body: Bytes,
) -> Result<(StatusCode, Json<NewPerson>), Error> {
    let new: NewPerson = parse(&body)?;
    let name: Pseudonym = new.name.parse().map_err(|error| refuse("name", error))?;
    TimeZone::get(&new.time_zone)
        .map_err(|_| refuse("time_zone", "no such time zone; use an IANA name such as Europe/Berlin"))?;
    if state.primary.person(name.as_str()).await?.is_some() {
        return Err(Error::Taken("a person"));
    }
    let person = state.primary.ensure_person(&name, &new.time_zone, (state.now)()).await?;
    record(&state, &extensions, &access, AuditAction::PersonAdd, format!("person {}", person.name));
    Ok((StatusCode::CREATED, Json(new)))
}

/// Erases a person and everything stored about them, permanently.
///
/// As `myhealth person remove`: documents, superseded versions, derived numbers, accounts and tokens of this person. Oura keeps its
/// own copy.
#[utoipa::path(
    delete, path = "/admin/people/{name}", operation_id = "delete_person", tag = "administration",
    params(("name" = String, Path, description = "The person.", example = "nora"), Confirmation),
    responses((status = 204, description = "Erased."), Failures, Unknown),
)]
async fn erase_person(
    With(state): With<State>,
    extensions: Extensions,
    access: Access,
    Path(name): Path<String>,
    Query(query): Query<Confirmation>,
) -> Result<StatusCode, Error> {
    if query.confirm.as_deref() != Some(&*name) {
        return Err(refuse("confirm", "repeat the person's name: what is erased does not come back"));
    }
    let person = state.primary.person(&name).await?.ok_or_else(|| Error::UnknownPerson(shown(&name)))?;
    state.primary.remove_person(person.id).await?;
    record(&state, &extensions, &access, AuditAction::PersonRemove, format!("person {name}"));
    Ok(StatusCode::NO_CONTENT)
}
