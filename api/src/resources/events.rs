//! What happened, one row a document: workouts, sessions, tags, rest mode, sleep periods; and the rings.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State as With;
use domain::{Collection, Day, DayRange, Document, Event};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use store::{Person, Store, StoredDocument};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::access::PartialAccess;
use crate::cursor::{self, DayText};
use crate::error::{Error, Failures, Unknown};
use crate::extract::Query;
use crate::params;
use crate::policy::Policy;
use crate::routes::Routes;
use crate::state::State;

/// Days answered when the question names none.
const DEFAULT_DAYS: i64 = 30;
/// Rows of a page: by default, and at most.
const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

/// A row is a path with the collection whose documents it answers.
macro_rules! events {
    ($($operation:ident $id:tt $path:tt $summary:tt $collection:ident;)+) => {
        pub(super) fn routes() -> Routes<State> {
            Routes::new()$(.add(Policy::READ, routes!($operation)))+.add(Policy::READ, routes!(list_rings))
        }

        $(
            #[utoipa::path(
                get, path = $path, operation_id = $id, tag = "events", params(Params),
                summary = $summary,
                description = "Oldest first: in order of day, then of `start`; what has no `start` comes first on its \
                    day. What was not measured or not entered is left out. The newest page is the one without `next`.",
                responses((status = 200, description = "A page of events.", body = EventPage), Unknown, Failures),
            )]
            async fn $operation(
                With(state): With<State>,
                access: PartialAccess,
                Query(query): Query<Params>,
            ) -> Result<Json<EventPage>, Error> {
                answer(&state, access, &query, concat!("/api/v1", $path), Collection::$collection).await
            }
        )+
    };
}

events! {
    list_workouts "list_workouts" "/workouts" "Workouts: what, how hard, how long, energy and distance." Workout;
    list_sessions "list_sessions" "/sessions" "Guided and free moments: breathing, meditation, naps." Session;
    list_tags "list_tags" "/tags" "Tags with their times, codes and the wearer's own words." EnhancedTag;
    list_legacy_tags "list_legacy_tags" "/legacy-tags" "Tags of Oura's older kind." Tag;
    list_rest_mode "list_rest_mode" "/rest-mode" "Periods of rest mode; many have no end." RestModePeriod;
    list_sleep_periods "list_sleep_periods" "/sleep-periods" "Every sleep period: nights, naps, and detections that do not count." Sleep;
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Params {
    /// Whose events; needed only when there are several people.
    #[param(example = "me")]
    person: Option<String>,
    /// First day the events are filed under. Without it: 29 days before the last.
    #[param(value_type = DayText, required = false, inline, example = "2026-03-01")]
    from: Option<String>,
    /// Last day, included. Without it: today, as the person's calendar says.
    #[param(value_type = DayText, required = false, inline, example = "2026-03-29")]
    to: Option<String>,
    /// Rows a page has at most.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000, default = 100, example = 100)]
    limit: Option<String>,
    /// Only what comes after; `next` of the page before sets it.
    #[param(value_type = cursor::EventText, required = false, inline, example = "2026-03-01.1772348400000000000.612d31")]
    after: Option<String>,
}

/// A page of events, oldest first.
#[derive(Debug, Serialize, ToSchema)]
struct EventPage {
    /// Whose.
    #[schema(example = "me")]
    person: String,
    /// First day asked for.
    #[schema(value_type = String, format = Date, example = "2026-03-01")]
    from: Date,
    /// Last day asked for.
    #[schema(value_type = String, format = Date, example = "2026-03-29")]
    to: Date,
    /// Events, oldest first.
    events: Vec<EventRow>,
    /// The next page, ready to use; null on the last one.
    #[schema(
        required = true,
        format = "uri-reference",
        example = "/api/v1/workouts?person=me&from=2026-03-01&to=2026-03-29&limit=10&after=2026-03-01.1772348400000000000.612d31"
    )]
    next: Option<String>,
}

/// One event.
#[derive(Debug, Serialize, ToSchema)]
struct EventRow {
    /// Oura's id.
    #[schema(example = "a-1")]
    id: String,
    /// The day it is filed under.
    #[schema(value_type = String, format = Date, example = "2026-03-29")]
    day: Date,
    /// When it began, with the offset of the wearer's clock.
    #[schema(required = true, example = "2026-03-29T07:00:00+02:00")]
    start: Option<String>,
    /// When it ended; null while it goes on, and for what has no length.
    #[schema(required = true, example = "2026-03-29T07:45:00+02:00")]
    end: Option<String>,
    /// Its numbers in the units of `/api/v1/metrics`.
    #[schema(example = json!({"workout_duration": 2700.0, "workout_energy": 1_255_200.0}))]
    values: BTreeMap<&'static str, f64>,
    /// Its words, by Oura's name of the field.
    #[schema(example = json!({"activity": "running", "intensity": "moderate"}))]
    labels: BTreeMap<&'static str, String>,
}

impl EventRow {
    /// A stored body that cannot be read says nothing, and is still there.
    fn new(collection: Collection, id: String, day: Day, body: &str) -> Self {
        Self::of(Event::read(collection, day, body).unwrap_or_default(), id, day)
    }

    fn of(event: Event, id: String, day: Day) -> Self {
        let Event { start, end, values, labels } = event;
        Self { id, day: day.date(), start, end, values, labels }
    }
}

/// The first `most` events that come after a place. A day is read to its end, because documents come in order of id;
/// what is held is a page and a batch, however many events a day has.
async fn read(
    store: &Store,
    person: &Person,
    collection: Collection,
    range: DayRange,
    after: Option<&cursor::Event>,
    most: usize,
) -> Result<BTreeMap<cursor::Event, Event>, Error> {
    let mut page: BTreeMap<cursor::Event, Event> = BTreeMap::new();
    let batch = i64::try_from(most).unwrap_or(i64::MAX);
    // From the first document of the day on which the page before ended.
    let mut from: Option<(Day, String)> = after.map(|(day, ..)| (*day, String::new()));
    loop {
        let last = from.as_ref().map(|(day, id)| (*day, id.as_str()));
        let found = store.documents(person.id, collection, range, last, batch).await?;
        let at_end = found.len() < most;
        from = found.last().map(|document| (document.day, document.id.clone()));
        for StoredDocument { id, day, body, .. } in found {
            let event = Event::read(collection, day, &body).unwrap_or_default();
            let place = (day, event.started_at(), id);
            if after.is_none_or(|after| place > *after) {
                page.insert(place, event);
            }
        }
        while page.len() > most {
            page.pop_last();
        }
        // No document of a day after the last one's can come before it.
        let complete = page.len() == most
            && from.as_ref().zip(page.last_key_value()).is_some_and(|((day, _), ((last, ..), _))| last < day);
        if at_end || complete {
            return Ok(page);
        }
    }
}

async fn answer(
    state: &State,
    access: PartialAccess,
    query: &Params,
    path: &str,
    collection: Collection,
) -> Result<Json<EventPage>, Error> {
    let access = access.limited_to([collection])?;
    let after = cursor::read_event(query.after.as_deref())?;
    let person = params::person(&state.store, &access, query.person.as_deref()).await?;
    let today = state.today(&person)?;
    let range = params::range(query.from.as_deref(), query.to.as_deref(), today, DEFAULT_DAYS)?;
    let limit = params::limit(query.limit.as_deref(), DEFAULT_LIMIT, MAX_LIMIT)?;
    // One more than a page, to know whether another follows.
    let mut found = read(&state.store, &person, collection, range, after.as_ref(), limit + 1).await?;
    let more = found.len() > limit;
    if more {
        found.pop_last();
    }
    let (from, to, name) = (range.first().date(), range.last().date(), person.name);
    let next = found.last_key_value().filter(|_| more).map(|(place, _)| {
        let after = cursor::write_event(place);
        format!("{path}?person={name}&from={from}&to={to}&limit={limit}&after={after}")
    });
    let events = found.into_iter().map(|((day, _, id), event)| EventRow::of(event, id, day)).collect();
    Ok(Json(EventPage { person: name.to_string(), from, to, events, next }))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RingParams {
    /// Whose rings; needed only when there are several people.
    #[param(example = "me")]
    person: Option<String>,
}

/// The rings someone has set up.
#[derive(Debug, Serialize, ToSchema)]
struct Rings {
    /// Whose.
    #[schema(example = "me")]
    person: String,
    /// Every ring, the one set up first first; `start` is when.
    rings: Vec<EventRow>,
}

/// Every ring the wearer has set up, as Oura listed them last.
#[utoipa::path(
    get, path = "/ring-configuration", operation_id = "list_rings", tag = "events", params(RingParams),
    responses((status = 200, description = "The rings.", body = Rings), Unknown, Failures),
)]
async fn list_rings(
    With(state): With<State>,
    access: PartialAccess,
    Query(query): Query<RingParams>,
) -> Result<Json<Rings>, Error> {
    let collection = Collection::RingConfiguration;
    let access = access.limited_to([collection])?;
    let person = params::person(&state.store, &access, query.person.as_deref()).await?;
    let states = state.store.sync_states(person.id).await?;
    let newest =
        states.iter().find(|state| state.collection == collection).and_then(|state| state.newest_day);
    let found = match newest {
        Some(day) => state.store.documents_of(person.id, &[collection], DayRange::ending(day, 1)).await?,
        None => Vec::new(),
    };
    let mut rings = Vec::new();
    for observed in &found {
        for item in Document::items(&observed.body) {
            let id: Option<RingId> = serde_json::from_str(item).ok();
            let id = id.map_or_else(String::new, |ring| ring.id);
            rings.push(EventRow::new(collection, id, observed.day, item));
        }
    }
    rings.sort_by(|a, b| (&a.start, &a.id).cmp(&(&b.start, &b.id)));
    Ok(Json(Rings { person: person.name.to_string(), rings }))
}

/// What a ring is called.
#[derive(Deserialize)]
struct RingId {
    id: String,
}
