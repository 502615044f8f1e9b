use axum::http::Method;

use crate::documents::score;
use crate::test_api::{TestApi, problem};

/// Path, status, and what the detail must say.
const TABLE: &[(&str, u16, &str)] = &[
    ("/api/v1/trends/sleep_scor", 404, "did you mean sleep_score"),
    ("/api/v1/trends/oura_sleep_score", 404, "did you mean sleep_score"),
    ("/api/v1/trends/bitcoin", 404, "no metric is called \"bitcoin\"; /api/v1/metrics lists every one"),
    ("/api/v1/series/%FF", 400, "UTF-8"),
    ("/api/v1/trends/%01%0A", 404, "no metric is called \"\\u{1}\\n\""),
    ("/api/v1/trends/%00%0A", 400, "the character NUL"),
    ("/api/v1/sleep?from=2026-03-02&to=2026-03-01", 400, "swap the two"),
    ("/api/v1/trends/sleep_score?from=2026-03-02&to=2026-03-01", 400, "swap the two"),
    ("/api/v1/series/sleep_hrv?from=2026-03-02&to=2026-03-01", 400, "swap the two"),
    ("/api/v1/sleep?from=0024-01-01", 400, "from: 0024-01-01 is outside 2000-01-01 to 2199-12-31"),
    ("/api/v1/sleep?to=1", 400, "to: \"1\" is not a date; write it as YYYY-MM-DD"),
    ("/api/v1/sleep?from=", 400, "from: \"\" is not a date"),
    ("/api/v1/sleep?from=2026-02-30", 400, "from: \"2026-02-30\" is not a date"),
    ("/api/v1/sleep?from=-02026-01", 400, "is not a date"),
    ("/api/v1/sleep?from=2026-03-30", 400, "from: 2026-03-30 is later than today, 2026-03-29"),
    ("/api/v1/sleep?after=soon", 400, "after: \"soon\" is not a date"),
    ("/api/v1/sleep?from=%FF%FE", 400, "is not a date"),
    ("/api/v1/sleep?person=%FF", 404, "no person is called"),
    ("/api/v1/sleep?form=2026-03-01", 400, "unknown field `form`, expected one of `person`, `from`"),
    ("/api/v1/people?x", 400, "unknown field `x`"),
    ("/api/v1/sleep?from=2026-03-01&from=2026-03-02", 400, "duplicate field `from`"),
    ("/api/v1/sleep?limit=0", 400, "limit: \"0\" is not a whole number from 1 to 1000"),
    ("/api/v1/sleep?limit=99999", 400, "limit: \"99999\" is not"),
    ("/api/v1/sleep?limit=-1", 400, "limit: \"-1\" is not"),
    ("/api/v1/sleep?limit=1e2", 400, "limit: \"1e2\" is not"),
    ("/api/v1/sleep?limit=99999999999999999999999", 400, "is not a whole number"),
    (
        "/api/v1/trends/sleep_score?bucket=fortnight",
        400,
        "unknown variant `fortnight`, expected one of `day`",
    ),
    ("/api/v1/trends/sleep_score?aggregate=mode", 400, "aggregate: \"mode\" is none of mean, sum"),
    ("/api/v1/trends/sleep_score?aggregate=p0", 400, "aggregate: \"p0\" is none of mean"),
    (
        "/api/v1/trends/sleep_score?period=90",
        400,
        "period: \"90\" is no period; write it as 90d, 13w, 6m or 2y",
    ),
    ("/api/v1/trends/sleep_score?period=90d&from=2026-01-01", 400, "leave one of them out"),
    (
        "/api/v1/trends/sleep_score?bucket=week&rolling_mean=7",
        400,
        "bucket: rolling numbers, ewma and baseline",
    ),
    (
        "/api/v1/trends/sleep_score?rolling_mean=1",
        400,
        "rolling_mean: \"1\" is not a whole number from 2 to 366",
    ),
    ("/api/v1/trends/sleep_score?baseline_width=2", 400, "there is no band without `baseline`"),
    ("/api/v1/trends/sleep_score?baseline=30&baseline_width=nan", 400, "is not a number from 0 to 10"),
    ("/api/v1/trends/sleep_score?min_count=3", 400, "nothing has a minimum without"),
    (
        "/api/v1/trends/sleep_score?rolling_mean=7&min_count=8",
        400,
        "8 values never fit into a window of 7 days",
    ),
    ("/api/v1/trends/sleep_score?aggregate=deviation", 400, "one number has no deviation"),
    ("/api/v1/trends/sleep_score?aggregate=count&gaps=carry", 400, "a count has no gaps"),
    ("/api/v1/trends/sleep_score?compare=oura&bucket=quarter", 400, "not quarters"),
    ("/api/v1/trends/sleep_score?compare=year,year", 400, "compare: year is there twice"),
    ("/api/v1/trends/sleep_score?compare=", 400, "compare: \"\" is none of"),
    ("/api/v1/trends/sleep_score?max_points=2", 400, "max_points: \"2\" is not a whole number from 3"),
    ("/api/v1/trends/sleep_score?from=2000-01-01&to=2199-12-31", 400, "more than 15000 rows are too many"),
    ("/api/v1/trends", 400, "missing field `metrics`"),
    ("/api/v1/trends?metrics=", 404, "no metric is called \"\""),
    ("/api/v1/trends?metrics=sleep_score,sleep_scor", 404, "did you mean sleep_score"),
    ("/api/v1/trends?metrics=sleep_score,sleep_score", 400, "metrics: sleep_score is there twice"),
    ("/api/v1/trends?metrics=sleep_score,stress_summary", 400, "stress_summary is a state"),
    ("/api/v1/correlations?metrics=sleep_score", 400, "at least 2 are needed"),
    ("/api/v1/correlations?metrics=sleep_score,activity_steps&lag=7..-7", 400, "lag: \"7..-7\" is neither"),
    (
        "/api/v1/correlations?metrics=sleep_score,activity_steps&split=moon",
        400,
        "none of weekday, workout and tag:NAME",
    ),
    ("/api/v1/correlations?metrics=sleep_score,activity_steps&split=tag:", 400, "1 to 100 characters"),
    ("/api/v1/effects/wine?metric=sleep_score,activity_steps", 400, "more than 1 are too many"),
    ("/api/v1/effects/wine?metric=sleep_score&lag=-1", 400, "lag: \"-1\" is not a whole number from 0 to 30"),
    ("/api/v1/effects/wine", 400, "missing field `metric`"),
    ("/api/v1/effects/%FF?metric=sleep_score", 400, "UTF-8"),
    ("/api/v1/workouts?after=x", 400, "after: it is not what `next` of a page said"),
    ("/api/v1/heart-rate?after=2026-03-29", 400, "after: it is not what"),
    ("/api/v1/heart-rate?from=2026-01-01&to=2026-02-01", 400, "32 days are too many; ask for at most 31"),
    ("/api/v1/metrics?person=eve", 404, "no person is called \"eve\""),
    ("/api/v1/dashboard?person=", 404, "no person is called \"\""),
    ("/api/v1/nothing", 404, "/api/docs"),
    ("/api/v1/health/", 404, "/api/docs"),
    ("/api/v1", 404, "/api/docs"),
    ("/api/v1/sleep/2026-03-01", 404, "/api/docs"),
    ("/api/docs/nothing.js", 404, "/api/docs"),
    ("/", 404, "/api/docs"),
];

#[tokio::test]
async fn bad_parameter_error_names_value_and_expectation() {
    let api = TestApi::with(vec![score("2026-03-29", 82)]).await;
    for (uri, status, says) in TABLE {
        let answer = api.ask(Method::GET, uri).await;
        let detail = problem(&answer, *status, uri);
        assert!(detail.contains(says), "{uri}: {detail}");
    }
}

#[tokio::test]
async fn bad_parameter_value_is_truncated_in_the_error() {
    let api = TestApi::with(Vec::new()).await;
    let long = "9".repeat(1500);
    for uri in [
        format!("/api/v1/sleep?person={long}"),
        format!("/api/v1/sleep?from={long}"),
        format!("/api/v1/sleep?limit={long}"),
        format!("/api/v1/sleep?{long}=1"),
        format!("/api/v1/trends/sleep_score?bucket={long}"),
        format!("/api/v1/trends/{long}"),
    ] {
        let answer = api.ask(Method::GET, &uri).await;
        let status = answer.status.as_u16();
        assert!(matches!(status, 400 | 404), "{status}");
        problem(&answer, status, &uri);
    }
    let huge = api.problem(&format!("/api/v1/sleep?person={}", "9".repeat(60_000)), 414).await;
    assert_eq!(huge, "the query is longer than 2048 bytes");
}

#[tokio::test]
async fn unsupported_method_lists_the_allowed_ones() {
    let api = TestApi::with(Vec::new()).await;
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let answer = api.ask(method.clone(), "/api/v1/sleep").await;
        problem(&answer, 405, method.as_str());
        assert_eq!(answer.header("allow"), Some("GET,HEAD"), "{method}");
    }
    problem(&api.ask(Method::POST, "/api/v1/nothing").await, 404, "method and path");
}
