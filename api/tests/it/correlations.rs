use domain::{Collection, Day, Document};
use serde_json::{Value, json};

use crate::documents::{score, steps};
use crate::test_api::TestApi;

fn first() -> Day {
    "2026-01-01".parse().unwrap()
}

fn tag(on: Day, last: Day) -> (Collection, Document) {
    let value = json!({
        "id": format!("t-{on}"), "start_day": on.to_string(), "start_time": format!("{on}T20:00:00+01:00"),
        "end_day": last.to_string(), "custom_name": "Red Wine", "tag_type_code": "custom",
    });
    (Collection::EnhancedTag, Document::parse(Collection::EnhancedTag, &value.to_string()).unwrap())
}

/// Numbers without a pattern, the same at every run.
fn noise(day: i64) -> i64 {
    (day * 7919 + 104_729) % 61
}

/// Steps that follow no rule, and a score that is one more for every thousand of the day before.
async fn a_score_that_follows_the_steps() -> TestApi {
    let mut documents = Vec::new();
    for day in 0..88 {
        let on = first().plus(day);
        documents.push(steps(&on.to_string(), u32::try_from(noise(day)).unwrap() * 1000));
        documents.push(score(&on.plus(1).to_string(), u8::try_from(noise(day) + 20).unwrap()));
    }
    TestApi::with(documents).await
}

fn rows(answer: &Value) -> &Vec<Value> {
    answer["rows"].as_array().unwrap()
}

#[tokio::test]
async fn correlation_is_found_at_its_lag() {
    let api = a_score_that_follows_the_steps().await;
    let answer = api.get("/api/v1/correlations?metrics=activity_steps,sleep_score&lag=-3..3").await;
    assert_eq!(rows(&answer).len(), 7);
    for row in rows(&answer) {
        let (lag, found) = (row["lag"].as_i64().unwrap(), row["pearson"].as_f64().unwrap());
        assert_eq!(found > 0.999, lag == 1, "{row}");
    }
    let other = api.get("/api/v1/correlations?metrics=sleep_score,activity_steps&lag=-1").await;
    let (there, back) = (&rows(&answer)[4], &rows(&other)[0]);
    assert_eq!((there["a"].as_str(), there["lag"].as_i64()), (Some("activity_steps"), Some(1)));
    assert!((there["pearson"].as_f64().unwrap() - back["pearson"].as_f64().unwrap()).abs() < 1e-9);
    insta::assert_json_snapshot!("together", rows(&answer)[3]);
}

#[tokio::test]
async fn correlation_groups_partition_the_days() {
    let api = a_score_that_follows_the_steps().await;
    let uri = "/api/v1/correlations?metrics=activity_steps,sleep_score&from=2026-01-01";
    let n = |answer: &Value| rows(answer).iter().map(|row| row["n"].as_u64().unwrap()).sum::<u64>();
    let all = n(&api.get(uri).await);
    assert_eq!(all, 87, "steps of the first day have no score, and the last score no steps");
    for (split, groups) in [("weekday", 7), ("workout", 2), ("tag:wine", 2)] {
        let answer = api.get(&format!("{uri}&split={split}")).await;
        assert_eq!((rows(&answer).len(), n(&answer)), (groups, all), "{split}");
    }
    let answer = api.get(&format!("{uri}&split=tag:wine")).await;
    let with = &rows(&answer)[0];
    assert_eq!(
        (&with["group"], &with["too_few"], &with["pearson"]),
        (&json!("tag"), &json!(true), &Value::Null)
    );
}

#[tokio::test]
async fn correlation_with_too_many_rows_is_refused_before_computing() {
    let api = TestApi::with(Vec::new()).await;
    let metrics = "sleep_score,activity_steps,readiness_score,activity_score,sleep_duration";
    let uri = format!("/api/v1/correlations?metrics={metrics}&lag=-30..30&split=weekday");
    assert!(api.problem(&uri, 400).await.contains("4270 rows are too many"));
}

/// Every fifth evening has a tag, and the score of the morning after is 20 lower.
async fn tagged_evenings(effect: i64) -> TestApi {
    let mut documents = Vec::new();
    for day in 0..88 {
        let on = first().plus(day);
        let tagged = noise(day) % 5 == 0;
        if tagged {
            documents.push(tag(on, on));
        }
        let value = 60 + noise(day + 500) % 9 - if tagged { effect } else { 0 };
        documents.push(score(&on.plus(1).to_string(), u8::try_from(value).unwrap()));
    }
    TestApi::with(documents).await
}

#[tokio::test]
async fn effect_compares_nights_after_a_tag_with_others() {
    let api = tagged_evenings(20).await;
    let answer = api.get("/api/v1/effects/red%20WINE?metric=sleep_score&from=2026-01-01").await;
    assert_eq!((&answer["lag"], &answer["verdict"]), (&json!(1), &json!("lower")), "{answer}");
    let number = |name: &str| answer[name].as_f64().unwrap();
    assert_eq!(answer["n_with"].as_u64().unwrap() + answer["n_without"].as_u64().unwrap(), 88);
    assert!((number("difference") + 20.0).abs() < 3.0 && number("high") < 0.0 && number("shift_p") < 0.05);
    assert!((number("mean_with") - number("mean_without") - number("difference")).abs() < 1e-9);
    let same_day = api.get("/api/v1/effects/custom?metric=sleep_score&from=2026-01-01&lag=0").await;
    assert_eq!((&same_day["lag"], &same_day["verdict"]), (&json!(0), &json!("unclear")), "{same_day}");
}

#[tokio::test]
async fn effect_of_noise_or_few_days_is_inconclusive() {
    let api = tagged_evenings(0).await;
    let uri = "/api/v1/effects/red%20wine?metric=sleep_score";
    assert_eq!(api.get(&format!("{uri}&from=2026-01-01")).await["verdict"], json!("unclear"));
    let few = api.get(&format!("{uri}&from=2026-03-01")).await;
    assert_eq!(few["verdict"], json!("too_few"), "{few}");
    for silent in ["mean_with", "difference", "low", "median_difference", "shift_p"] {
        assert_eq!(few[silent], Value::Null, "{silent}");
    }
    let unknown = api.get("/api/v1/effects/nothing?metric=activity_steps").await;
    assert_eq!(
        (&unknown["n_with"], &unknown["verdict"], &unknown["lag"]),
        (&json!(0), &json!("too_few"), &json!(0))
    );
}

#[tokio::test]
async fn effect_includes_every_day_of_a_long_tag() {
    let mut documents = vec![tag(first(), first().plus(11))];
    documents.extend((0..40).map(|day| steps(&first().plus(day).to_string(), 1000)));
    let api = TestApi::with(documents).await;
    let answer =
        api.get("/api/v1/effects/red%20wine?metric=activity_steps&from=2026-01-05&to=2026-02-09").await;
    assert_eq!((&answer["n_with"], &answer["n_without"]), (&json!(8), &json!(28)));
}
