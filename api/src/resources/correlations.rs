//! How numbers go together, and days with a tag compared with days without.

use axum::extract::{Path, State as With};
use axum::response::Response;
use domain::Theme;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::trends::range;
use crate::access::PartialAccess;
use crate::blocking;
use crate::cursor::DayText;
use crate::error::{Error, Failures, Unknown, shown};
use crate::extract::Query;
use crate::params;
use crate::policy::Policy;
use crate::routes::Routes;
use crate::state::State;
use crate::trends::correlate::{self, Correlations, Split, correlations};
use crate::trends::effect::{self, Effect, effect};

/// Metrics of one question about correlations.
const MAX_METRICS: usize = 8;
/// Furthest lag.
const MAX_LAG: i16 = 30;
/// Longest name of a tag read.
const MAX_TAG: usize = 100;
/// Most days: a person's life with a ring, many times over.
const MAX_DAYS: i64 = 15_000;

pub(super) fn routes() -> Routes<State> {
    Routes::new()
        .add(Policy::READ_CACHED, routes!(get_correlations))
        .add(Policy::READ_CACHED, routes!(get_effects))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CorrelationParams {
    /// Metric ids with commas, two to eight; every pair is looked at, the first of a pair on a day, the second `lag` days
    /// later.
    #[param(example = "activity_steps,sleep_score")]
    metrics: String,
    /// Whose numbers; needed only when there are several people.
    #[param(example = "me")]
    person: Option<String>,
    /// First day. Without it and without `period`: 89 days before the last.
    #[param(value_type = DayText, required = false, inline, example = "2026-01-01")]
    from: Option<String>,
    /// Last day, included. Without it: today, as the person's calendar says.
    #[param(value_type = DayText, required = false, inline, example = "2026-03-29")]
    to: Option<String>,
    /// In place of `from`: so many days, weeks, months or years that end with `to`.
    #[param(pattern = "^[0-9]{1,4}[dwmy]$", example = "1y")]
    period: Option<String>,
    /// One number of days, or a range from one to another, at most 30 either way. Without it 0.
    #[param(pattern = "^-?[0-9]{1,2}(\\.\\.-?[0-9]{1,2})?$", example = "-7..7")]
    lag: Option<String>,
    /// Which days of the first metric are looked at apart: `weekday`, `workout` (days with one and without), or `tag:`
    /// and its name.
    #[param(pattern = "^(weekday|workout|tag:.+)$", example = "workout")]
    split: Option<String>,
}

/// How numbers go together, day by day, with Pearson's and Spearman's coefficients.
///
/// What goes together need not hang together: a third thing may move both, and of many pairs some fit by chance.
#[utoipa::path(
    get, path = "/correlations", operation_id = "get_correlations", tag = "history", params(CorrelationParams),
    responses((status = 200, description = "One row per pair, lag and group.", body = Correlations), Unknown, Failures),
)]
async fn get_correlations(
    With(state): With<State>,
    access: PartialAccess,
    Query(query): Query<CorrelationParams>,
) -> Result<Response, Error> {
    let metrics = params::metrics("metrics", &query.metrics, 2, MAX_METRICS)?;
    let lags = lags(query.lag.as_deref())?;
    let split = split(query.split.as_deref())?;
    let access =
        access.limited_to(metrics.iter().map(|metric| metric.collection).chain(split.collections()))?;
    let person = params::person(&state.store, &access, query.person.as_deref()).await?;
    let today = state.today(&person)?;
    let range = range(query.from.as_deref(), query.to.as_deref(), query.period.as_deref(), today)?;
    params::at_most(range, MAX_DAYS)?;
    let question = correlate::CorrelationQuery { metrics, range, lags, split };
    let known = correlations(&state.store, &person, question).await?;
    blocking::json(known.room(), move || known.answer()).await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EffectParams {
    /// Metric id of kind `number` or `points`.
    #[param(example = "sleep_score")]
    metric: String,
    /// Whose numbers; needed only when there are several people.
    #[param(example = "me")]
    person: Option<String>,
    /// First day on which the tag may stand. Without it and without `period`: 89 days before the last.
    #[param(value_type = DayText, required = false, inline, example = "2026-01-01")]
    from: Option<String>,
    /// Last day, included. Without it: today, as the person's calendar says.
    #[param(value_type = DayText, required = false, inline, example = "2026-03-29")]
    to: Option<String>,
    /// In place of `from`: so many days, weeks, months or years that end with `to`.
    #[param(pattern = "^[0-9]{1,4}[dwmy]$", example = "1y")]
    period: Option<String>,
    /// How many days after the tag the number is looked at. Without it 1 for numbers of the night, which belongs to the
    /// day of waking up, and 0 for all others.
    #[param(value_type = Option<u8>, minimum = 0, maximum = 30, example = 1)]
    lag: Option<String>,
}

/// Days with a tag compared with days without: how a number differs, and how sure that is.
///
/// A tag stands under Oura's code (`tag_generic_alcohol`) or the name its wearer gave it, on every day from its start to
/// its end. Fewer than ten days on either side are `too_few`. It is a comparison, not an experiment.
#[utoipa::path(
    get, path = "/effects/{tag}", operation_id = "get_effects", tag = "history",
    params(("tag" = String, Path, description = "Code or name of a tag, upper and lower case alike.", example = "tag_generic_alcohol"), EffectParams),
    responses((status = 200, description = "The difference.", body = Effect), Unknown, Failures),
)]
async fn get_effects(
    With(state): With<State>,
    access: PartialAccess,
    tag: Result<Path<String>, axum::extract::rejection::PathRejection>,
    Query(query): Query<EffectParams>,
) -> Result<Response, Error> {
    let Path(tag) = tag.map_err(|_| Error::Path)?;
    let tag = self::tag("tag", &tag)?;
    let metric = params::metrics("metric", &query.metric, 1, 1)?;
    let lag = params::number("lag", query.lag.as_deref(), 0, 30)?;
    let access = access.limited_to(std::iter::once(metric[0].collection).chain(Theme::Tags.collections()))?;
    let person = params::person(&state.store, &access, query.person.as_deref()).await?;
    let today = state.today(&person)?;
    let range = range(query.from.as_deref(), query.to.as_deref(), query.period.as_deref(), today)?;
    params::at_most(range, MAX_DAYS)?;
    let lag = lag.and_then(|lag| i64::try_from(lag).ok());
    let question = effect::EffectQuery { tag, metric: metric[0], range, lag };
    let known = effect(&state.store, &person, question).await?;
    blocking::json(effect::ROOM, move || known.answer()).await
}

fn tag(parameter: &'static str, name: &str) -> Result<String, Error> {
    if name.is_empty() || name.chars().count() > MAX_TAG {
        let reason = format!("a tag has a name of 1 to {MAX_TAG} characters");
        return Err(Error::Parameter { parameter, reason });
    }
    Ok(name.to_owned())
}

fn lags(text: Option<&str>) -> Result<(i16, i16), Error> {
    let Some(text) = text else { return Ok((0, 0)) };
    let one = |text: &str| text.parse::<i16>().ok().filter(|lag| lag.abs() <= MAX_LAG);
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    one(first).zip(one(last)).filter(|(first, last)| first <= last).ok_or_else(|| Error::Parameter {
        parameter: "lag",
        reason: format!(
            "{:?} is neither a number of days nor a range such as -7..7, from -{MAX_LAG} to {MAX_LAG}",
            shown(text)
        ),
    })
}

fn split(text: Option<&str>) -> Result<Split, Error> {
    Ok(match text {
        None => Split::None,
        Some("weekday") => Split::Weekday,
        Some("workout") => Split::Workout,
        Some(other) => {
            let Some(name) = other.strip_prefix("tag:") else {
                let reason = format!("{:?} is none of weekday, workout and tag:NAME", shown(other));
                return Err(Error::Parameter { parameter: "split", reason });
            };
            Split::Tag(tag("split", name)?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_one_number_or_a_range() {
        let check =
            |text, expected: Option<(i16, i16)>| assert_eq!(lags(Some(text)).ok(), expected, "{text}");
        check("-7..7", Some((-7, 7)));
        check("3", Some((3, 3)));
        check("-30..-30", Some((-30, -30)));
        for text in ["", "..", "7..-7", "31", "1..99", "1...2", "a..b", "1.5", "99999999999"] {
            check(text, None);
        }
        assert_eq!(lags(None).unwrap(), (0, 0));
    }
}
