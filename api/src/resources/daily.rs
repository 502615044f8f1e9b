//! Numbers of a day, for one theme after the other. The themes are a table; which numbers a theme has follows from
//! the catalogue.

mod page;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State as With;
use domain::{Collection, Day, Metric};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::access::PartialAccess;
use crate::cursor::DayText;
use crate::error::{Error, Failures, Unknown};
use crate::extract::Query;
use crate::params;
use crate::policy::Policy;
use crate::routes::Routes;
use crate::state::State;

/// Days of a response to a request that names none.
const DEFAULT_DAYS: i64 = 30;
/// Days of a page: by default, and at most.
const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

/// A row is a path with the collections whose daily numbers it answers.
macro_rules! themes {
    ($($operation:ident $id:tt $path:tt $summary:tt [$($collection:ident)+];)+) => {
        pub(super) fn routes() -> Routes<State> {
            Routes::new()$(.add(Policy::READ, routes!($operation)))+
        }

        $(
            #[utoipa::path(
                get, path = $path, operation_id = $id, tag = "days", params(Params),
                summary = $summary,
                description = "Oldest first. A day without values is not listed, and neither is a value that was not \
                    measured. The newest page is the one without `next`.",
                responses((status = 200, description = "A page of days.", body = DailyPage), Unknown, Failures),
            )]
            async fn $operation(
                With(state): With<State>,
                access: PartialAccess,
                Query(query): Query<Params>,
            ) -> Result<Json<DailyPage>, Error> {
                answer(&state, access, &query, concat!("/api/v1", $path), &[$(Collection::$collection),+]).await
            }
        )+
    };
}

themes! {
    list_sleep "list_sleep" "/sleep" "Sleep, day by day: score, contributors, the night and the naps." [DailySleep Sleep];
    list_activity "list_activity" "/activity" "Activity, day by day: score, contributors, steps, energy, time by level." [DailyActivity];
    list_readiness "list_readiness" "/readiness" "Readiness, day by day: score, contributors, temperature." [DailyReadiness];
    list_stress "list_stress" "/stress" "Stress, day by day: time under stress and in recovery, Oura's summary." [DailyStress];
    list_resilience "list_resilience" "/resilience" "Resilience, day by day: level and contributors." [DailyResilience];
    list_spo2 "list_spo2" "/spo2" "Blood oxygen, night by night, and how often breathing was disturbed." [DailySpo2];
    list_cardiovascular_age "list_cardiovascular_age" "/cardiovascular-age" "The age of the blood vessels; it comes now and then." [DailyCardiovascularAge];
    list_vo2_max "list_vo2_max" "/vo2-max" "Aerobic capacity; it comes now and then." [Vo2Max];
    list_sleep_time "list_sleep_time" "/sleep-time" "When Oura would go to bed, day by day." [SleepTime];
    list_personal_info "list_personal_info" "/personal-info" "Age, weight and height, as they were on the days they were asked." [PersonalInfo];
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Params {
    /// Whose numbers; needed only when there are several people.
    #[param(example = "me")]
    person: Option<String>,
    /// First day. Without it: 29 days before the last.
    #[param(value_type = DayText, required = false, inline, example = "2026-03-01")]
    from: Option<String>,
    /// Last day, included. Without it: today, as the person's calendar says.
    #[param(value_type = DayText, required = false, inline, example = "2026-03-29")]
    to: Option<String>,
    /// Days a page has at most.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000, default = 100, example = 100)]
    limit: Option<String>,
    /// Only days after this one; `next` of the page before sets it.
    #[param(value_type = DayText, required = false, inline, example = "2026-03-01")]
    after: Option<String>,
}

/// A page of days, oldest first.
#[derive(Debug, Serialize, ToSchema)]
struct DailyPage {
    /// Whose.
    #[schema(example = "me")]
    person: String,
    /// First day asked for.
    #[schema(value_type = String, format = Date, example = "2026-03-01")]
    from: Day,
    /// Last day asked for.
    #[schema(value_type = String, format = Date, example = "2026-03-29")]
    to: Day,
    /// Days that have values, oldest first.
    days: Vec<DailyValues>,
    /// The next page, ready to use; null on the last one.
    #[schema(
        required = true,
        format = "uri-reference",
        example = "/api/v1/sleep?person=me&from=2026-03-01&to=2026-03-29&limit=10&after=2026-03-10"
    )]
    next: Option<String>,
}

/// The values of one day.
#[derive(Debug, Serialize, ToSchema)]
struct DailyValues {
    /// Which day.
    #[schema(value_type = String, format = Date, example = "2026-03-29")]
    day: Day,
    /// Whether Oura will most likely leave the day as it is. It changes days of the last week: bedtimes are edited, naps
    /// confirmed, phones sync late; today's activity is still running.
    #[schema(example = false)]
    settled: bool,
    /// What was measured, by metric id, in the metric's unit; a state as the index into its `states`.
    #[schema(example = json!({"sleep_score": 82.0, "sleep_duration": 27_300.0}))]
    values: BTreeMap<&'static str, f64>,
}

async fn answer(
    state: &State,
    access: PartialAccess,
    query: &Params,
    path: &str,
    collections: &[Collection],
) -> Result<Json<DailyPage>, Error> {
    let access = access.limited_to(collections.iter().copied())?;
    let person = params::person(&state.store, &access, query.person.as_deref()).await?;
    let today = state.today(&person)?;
    let range = params::range(query.from.as_deref(), query.to.as_deref(), today, DEFAULT_DAYS)?;
    let limit = params::limit(query.limit.as_deref(), DEFAULT_LIMIT, MAX_LIMIT)?;
    let after = params::day("after", query.after.as_deref())?;
    let metrics: Vec<&'static Metric> =
        collections.iter().flat_map(|each| Metric::of(*each)).filter(|metric| !metric.is_series()).collect();
    let page = page::read(&state.store, &person, &metrics, page::Wanted { range, after, limit }).await?;
    let (from, to) = (range.first(), range.last());
    let name = person.name;
    Ok(Json(DailyPage {
        next: page
            .more_after
            .map(|day| format!("{path}?person={name}&from={from}&to={to}&limit={limit}&after={day}")),
        person: name.to_string(),
        from,
        to,
        days: page
            .days
            .into_iter()
            .map(|(day, values)| DailyValues { day, settled: day.is_settled(today), values })
            .collect(),
    }))
}
