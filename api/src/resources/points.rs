//! Points within the day by the names people look for, page by page; `/series/{metric}` has them by metric and bare.

use axum::Json;
use axum::extract::State as With;
use domain::history::in_order;
use domain::{Day, Metric};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::access::PartialAccess;
use crate::cursor::{self, DayText};
use crate::error::{Error, Failures, Unknown};
use crate::extract::Query;
use crate::params;
use crate::policy::Policy;
use crate::resources::day_scan::DayScan;
use crate::routes::Routes;
use crate::state::State;

/// Days a question may span.
const MAX_DAYS: i64 = 31;
/// Most days read by one statement; bounds the memory.
const DAYS_AT_ONCE: i64 = 7;
/// Rows of a page: by default, and at most.
const DEFAULT_LIMIT: usize = 1000;
const MAX_LIMIT: usize = 10_000;

/// A row is a path with the metrics whose points it answers.
macro_rules! points {
    ($($operation:ident $id:tt $path:tt $summary:tt [$($key:tt)+];)+) => {
        pub(super) fn routes() -> Routes<State> {
            Routes::new()$(.add(Policy::READ, routes!($operation)))+
        }

        /// Every metric some path answers.
        #[cfg(test)]
        const KEYS: &[&str] = &[$($($key),+),+];

        $(
            #[utoipa::path(
                get, path = $path, operation_id = $id, tag = "history", params(Params),
                summary = $summary,
                description = "Oldest first, a row a point; what was not measured has no row. The newest page is the one \
                    without `next`.",
                responses((status = 200, description = "A page of points.", body = PointPage), Unknown, Failures),
            )]
            async fn $operation(
                With(state): With<State>,
                access: PartialAccess,
                Query(query): Query<Params>,
            ) -> Result<Json<PointPage>, Error> {
                answer(&state, access, &query, concat!("/api/v1", $path), &[$($key),+]).await
            }
        )+
    };
}

points! {
    list_heart_rate "list_heart_rate" "/heart-rate" "Heart rate round the clock, by what the wearer was doing."
        ["heart_rate_awake" "heart_rate_workout" "heart_rate_rest" "heart_rate_sleep" "heart_rate_live" "heart_rate_session" "heart_rate_other"];
    list_ring_battery "list_ring_battery" "/ring-battery" "The ring's battery, and whether it charges."
        ["ring_battery_level" "ring_charging" "ring_in_charger"];
    list_hrv "list_hrv" "/hrv" "Heart-rate variability during sleep, every five minutes." ["sleep_hrv"];
    list_sleep_heart_rate "list_sleep_heart_rate" "/sleep-heart-rate" "Heart rate during sleep, every five minutes." ["sleep_heart_rate"];
    list_sleep_phases "list_sleep_phases" "/sleep-phases" "Sleep phases every five minutes: 1 deep, 2 light, 3 REM, 4 awake." ["sleep_phase"];
    list_sleep_movement "list_sleep_movement" "/sleep-movement" "Movement during sleep, every thirty seconds: 1 none to 4 active." ["sleep_movement"];
    list_met "list_met" "/met" "Metabolic rate every minute, and the level of movement every five." ["activity_met" "activity_class"];
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Params {
    /// Whose points; needed only when there are several people.
    #[param(example = "me")]
    person: Option<String>,
    /// First day, as the documents are filed: a night under the day of waking up, heart rate and battery under the UTC
    /// day. With only one of `from` and `to`, that one day; with neither, today.
    #[param(value_type = DayText, required = false, inline, example = "2026-03-29")]
    from: Option<String>,
    /// Last day, included; at most 31 days in all.
    #[param(value_type = DayText, required = false, inline, example = "2026-03-29")]
    to: Option<String>,
    /// Rows a page has at most.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 10_000, default = 1000, example = 1000)]
    limit: Option<String>,
    /// Only what comes after; `next` of the page before sets it.
    #[param(value_type = cursor::PointText, required = false, inline, example = "2026-03-29.1774742400000.0")]
    after: Option<String>,
}

/// A page of points, oldest first.
#[derive(Debug, Serialize, ToSchema)]
struct PointPage {
    /// Whose.
    #[schema(example = "me")]
    person: String,
    /// First day asked for.
    #[schema(value_type = String, format = Date, example = "2026-03-29")]
    from: Day,
    /// Last day asked for.
    #[schema(value_type = String, format = Date, example = "2026-03-29")]
    to: Day,
    /// Points, oldest day first.
    points: Vec<PointRow>,
    /// The next page, ready to use; null on the last one.
    #[schema(
        required = true,
        format = "uri-reference",
        example = "/api/v1/heart-rate?person=me&from=2026-03-29&to=2026-03-29&limit=10&after=2026-03-29.1774742400000.0"
    )]
    next: Option<String>,
}

/// One point.
#[derive(Debug, Serialize, ToSchema)]
struct PointRow {
    /// When it was measured.
    #[schema(value_type = String, format = DateTime, example = "2026-03-29T05:00:00Z")]
    at: Timestamp,
    /// The day it is filed under.
    #[schema(value_type = String, format = Date, example = "2026-03-29")]
    day: Day,
    /// Metric id.
    #[schema(example = "heart_rate_awake")]
    metric: &'static str,
    /// In the metric's unit.
    #[schema(example = 61.0)]
    value: f64,
}

/// A point's place in the order of answers: day, Unix milliseconds, metric as the path lists it.
type Place = (Day, i64, usize);

async fn answer(
    state: &State,
    access: PartialAccess,
    query: &Params,
    path: &str,
    keys: &[&'static str],
) -> Result<Json<PointPage>, Error> {
    let metrics: Vec<&'static Metric> = keys.iter().filter_map(|key| Metric::by_key(key)).collect();
    let access = access.limited_to(metrics.iter().map(|metric| metric.collection))?;
    let after = cursor::read_point(query.after.as_deref())?;
    let person = params::person(&state.store, &access, query.person.as_deref()).await?;
    let from = params::day("from", query.from.as_deref())?;
    let to = params::day("to", query.to.as_deref())?;
    let today = state.today(&person)?;
    let range = params::ordered(from.or(to).unwrap_or(today), to.or(from).unwrap_or(today))?;
    params::at_most(range, MAX_DAYS)?;
    let limit = params::limit(query.limit.as_deref(), DEFAULT_LIMIT, MAX_LIMIT)?;
    let mut found: Vec<(Place, f64)> = Vec::new();
    let from = after.map_or(range.first(), |(day, ..)| day);
    let mut walk = DayScan::new(range, from, 1, DAYS_AT_ONCE);
    while let Some(days) = walk.next(found.len(), limit + 1) {
        let mut here = Vec::new();
        for stored in state.store.series_of(person.id, &metrics, days).await? {
            let metric =
                metrics.iter().position(|metric| *metric == stored.series.metric).unwrap_or_default();
            here.extend(stored.series.points().map(|(at, value)| ((stored.day, at, metric), value)));
        }
        here.retain(|(place, _)| after.is_none_or(|after| *place > after));
        // A place holds one point, or no cursor could tell two apart.
        in_order(&mut here);
        found.extend(here);
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let (from, to, name) = (range.first(), range.last(), person.name);
    let next = found.last().filter(|_| more).map(|(place, _)| {
        let after = cursor::write_point(*place);
        format!("{path}?person={name}&from={from}&to={to}&limit={limit}&after={after}")
    });
    let row = |((day, at, metric), value): (Place, f64)| {
        let at = Timestamp::from_millisecond(at).ok()?;
        Some(PointRow { at, day, metric: metrics.get(metric)?.key, value })
    };
    let points = found.into_iter().filter_map(row).collect();
    Ok(Json(PointPage { person: name.to_string(), from, to, points, next }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_points_path_names_metrics_with_points() {
        for key in KEYS {
            assert!(Metric::by_key(key).is_some_and(Metric::is_series), "{key}");
        }
    }
}
