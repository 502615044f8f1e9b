//! One person at a glance: the newest value of everything, and how far each collection has been read.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State as With;
use domain::{Cause, Collection, Reason};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use store::{Latest, Scope, SyncState};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::access::Access;
use crate::error::{Error, Failures, Unknown};
use crate::extract::Query;
use crate::params;
use crate::policy::Policy;
use crate::routes::Routes;
use crate::state::State;

pub(super) fn routes() -> Routes<State> {
    Routes::new().add(Policy::scope(Scope::Rest), routes!(get_dashboard))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Params {
    /// Whose numbers; needed only when there are several people.
    #[param(example = "me")]
    person: Option<String>,
}

/// One person at a glance.
#[derive(Debug, Serialize, ToSchema)]
struct Dashboard {
    /// Whose.
    #[schema(example = "me")]
    person: String,
    /// The zone that decides which day is today.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    /// The day on this person's calendar.
    #[schema(value_type = String, format = Date, example = "2026-03-29")]
    today: Date,
    /// The newest value of each metric by its id. A value may be old: compare its `day` with `today`.
    #[schema(example = json!({"sleep_score": {"value": 82.0, "day": "2026-03-29", "observed_at": "2026-03-29T00:00:00Z"}}))]
    values: BTreeMap<&'static str, NewestValue>,
    /// Every collection, with how far it has been read.
    collections: Vec<CollectionState>,
}

/// The newest value of one metric.
#[derive(Debug, Serialize, ToSchema)]
struct NewestValue {
    /// In the metric's unit.
    #[schema(example = 82.0)]
    value: f64,
    /// The day it belongs to.
    #[schema(value_type = String, format = Date, example = "2026-03-29")]
    day: Date,
    /// For a point when it was measured; for a number of a day 00:00 UTC of that day.
    #[schema(value_type = String, format = DateTime, example = "2026-03-29T00:00:00Z")]
    observed_at: Timestamp,
}

/// How far one collection has been read.
#[derive(Debug, Serialize, ToSchema)]
struct CollectionState {
    /// Oura's name of the collection.
    #[schema(example = "daily_sleep")]
    collection: &'static str,
    /// The newest day that has a document.
    #[schema(value_type = Option<String>, format = Date, required = true, example = "2026-03-29")]
    newest_day: Option<Date>,
    /// When it was last read without a failure; null means never.
    #[schema(value_type = Option<String>, format = DateTime, required = true, example = "2026-03-29T08:00:00Z")]
    last_success_at: Option<Timestamp>,
    /// Why the last attempt failed; null when it did not.
    #[schema(required = true, example = "scope")]
    failure: Option<&'static str>,
    /// What to do about the failure; null when there is none.
    #[schema(required = true, example = "give the consent again with this collection ticked")]
    advice: Option<&'static str>,
    /// Why it has nothing of today; null when it has.
    #[schema(required = true, example = "phone_not_synced")]
    absence: Option<&'static str>,
}

impl From<Latest> for NewestValue {
    fn from(latest: Latest) -> Self {
        Self { value: latest.value, day: latest.day.date(), observed_at: latest.observed_at }
    }
}

impl CollectionState {
    fn new(collection: Collection, state: Option<&SyncState>, absence: Option<Reason>) -> Self {
        let failure = state.and_then(|state| state.failure);
        Self {
            collection: collection.name(),
            newest_day: state.and_then(|state| state.newest_day).map(domain::Day::date),
            last_success_at: state.and_then(|state| state.last_success_at),
            failure: failure.map(Cause::word),
            advice: failure.map(Cause::advice),
            absence: absence.map(Reason::name),
        }
    }
}

/// One person at a glance: the newest values, and how far each collection has been read.
///
/// A metric without a newest value is not in `values`; `absence` in `collections` says why.
#[utoipa::path(
    get, path = "/dashboard", operation_id = "get_dashboard", tag = "days", params(Params),
    responses((status = 200, description = "The newest of everything.", body = Dashboard), Unknown, Failures),
)]
async fn get_dashboard(
    With(state): With<State>,
    access: Access,
    Query(query): Query<Params>,
) -> Result<Json<Dashboard>, Error> {
    let person = params::person(&state.store, &access, query.person.as_deref()).await?;
    let today = state.today(&person)?.date();
    let mine = state.store.latest_of(person.id).await?;
    let states = state.store.sync_states(person.id).await?;
    let ring = state.store.ring(person.id).await?;
    let absences = store::absence_reasons(&person, &states, &mine, ring.as_ref(), (state.now)());
    let collection = |collection| {
        let read = states.iter().find(|state| state.collection == collection);
        let absence = absences.iter().find(|(absent, _)| *absent == collection);
        CollectionState::new(collection, read, absence.map(|(_, reason)| *reason))
    };
    Ok(Json(Dashboard {
        person: person.name.to_string(),
        time_zone: person.time_zone,
        today,
        values: mine.into_iter().map(|latest| (latest.metric.key, latest.into())).collect(),
        collections: Collection::ALL.iter().copied().map(collection).collect(),
    }))
}
