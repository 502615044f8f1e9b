//! Ranges, pages, fields and errors, as observed on the real API.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use simulator::{Cloud, Life, Person};

use crate::support::{
    Answer, DOCUMENTS, FIRST, TOKEN, at, cloud, days_from, get, get_as, now, person, send_as_is,
};

/// Three days in a row at home with every daily document and exactly one sleep document.
fn plain_days(person: &Person) -> [Date; 3] {
    let plain = |day: &Date| {
        let daily = DOCUMENTS.iter().all(|it| person.documents(it, *day, now()).len() == 1);
        let night = person.documents("sleep", *day, now());
        // Bed before midnight UTC, at home.
        let start =
            night.first().map(|it| it["bedtime_start"].as_str().unwrap().to_owned()).unwrap_or_default();
        let utc = start.parse().map(|start| TimeZone::UTC.to_datetime(start).date());
        daily && utc.is_ok_and(|date| date < *day) && start.ends_with("+02:00")
    };
    let days: Vec<_> = days_from(date(2025, 5, 1), 120).filter(plain).collect();
    let follows = |pair: &[Date]| pair[0].tomorrow().unwrap() == pair[1];
    let run = days.windows(3).find(|run| run.windows(2).all(follows));
    run.unwrap().try_into().unwrap()
}

#[tokio::test]
async fn date_bounds_are_inclusive_instants() {
    let cloud = Arc::new(cloud());
    let [first, second, third] = plain_days(&person(1));
    let check = async |collection: &str, query: String, expected: &[Date]| {
        let answer = get(&cloud, &format!("{collection}?{query}")).await;
        let expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
        assert_eq!(answer.days(), expected, "{collection} {query}");
    };
    let both = format!("start_date={first}&end_date={second}");
    check("daily_activity", both.clone(), &[first]).await;
    check("daily_readiness", both.clone(), &[first, second]).await;
    check("daily_sleep", both.clone(), &[first, second]).await;
    let three = format!("start_date={first}&end_date={third}");
    check("daily_sleep", three.clone(), &[first, second, third]).await;
    check("daily_activity", three, &[first, second]).await;
    // A night begins the evening before its day: the start looks exclusive, or the end.
    check("sleep", format!("start_date={second}&end_date={second}"), &[]).await;
    check("sleep", format!("start_date={first}&end_date={second}"), &[second]).await;
    // The end of a day by its last second.
    check("daily_activity", format!("start_date={second}&end_date={second}T23:59:59"), &[second]).await;
    // An offset counts, and needs its plus sign encoded: 04:00 local exactly is inside.
    let four = format!("{second}T04:00:00%2B02:00");
    check("daily_activity", format!("start_date={four}&end_date={four}"), &[second]).await;
    check("daily_activity", format!("start_date={second}T04:00:01%2B02:00&end_date={second}T23:00:00Z"), &[])
        .await;
    check("daily_sleep", format!("start_date={third}&end_date={first}"), &[]).await;
}

#[tokio::test]
async fn last_activity_day_is_excluded_west_of_utc_minus_four() {
    for (zone, offset, last) in [
        ("America/New_York", "-04:00", false),
        ("Europe/Berlin", "+02:00", false),
        ("Asia/Dubai", "+04:00", true),
        ("Asia/Tokyo", "+09:00", true),
    ] {
        let person = Person::new(Life { home: TimeZone::get(zone).unwrap(), ..Life::new(1, FIRST) });
        let at_home = |day: &Date| {
            let documents = person.documents("daily_activity", *day, now());
            documents.iter().any(|it| it["timestamp"].as_str().unwrap().ends_with(offset))
        };
        let day = days_from(date(2025, 5, 1), 90).find(at_home).unwrap();
        let before = day.yesterday().unwrap();
        let cloud = Arc::new(Cloud::new(now).with_person(TOKEN, person.clone(), &["daily"]));
        let days = get(&cloud, &format!("daily_activity?start_date={before}&end_date={day}")).await.days();
        assert_eq!(days.contains(&day.to_string()), last, "{zone}: {days:?}");
    }
}

#[tokio::test]
async fn heart_rate_requires_datetimes() {
    let cloud = Arc::new(cloud());
    let rows = async |query: &str| get(&cloud, &format!("heartrate?{query}")).await.data();
    assert!(rows("start_date=2026-02-01&end_date=2026-02-20").await.is_empty());
    assert!(rows("start_datetime=2026-02-01&end_datetime=2026-02-01").await.len() < 2);
    let day = rows("start_datetime=2026-11-20T12:00:00Z&end_datetime=2026-11-21T12:00:00Z").await;
    assert!(!day.is_empty());
    assert_eq!(rows("").await, day, "no dates: the last 24 hours");
    assert_eq!(rows("end_datetime=2026-11-21T12:00:00Z").await, day);
    let latest =
        rows("latest=true&start_datetime=2022-01-01T00:00:00Z&end_datetime=2022-01-02T00:00:00Z").await;
    assert_eq!(latest, day[day.len() - 1..], "dates are ignored");
    let whole = get(&cloud, "daily_sleep?latest=true").await;
    assert_eq!(whole.data().len(), 100, "latest means nothing here");
    assert!(whole.json()["next_token"].is_string());
}

#[tokio::test]
async fn dates_are_parsed_leniently() {
    let cloud = Arc::new(cloud());
    let check = async |query: &str, status: StatusCode| -> Answer {
        let answer = get(&cloud, &format!("daily_sleep?{query}")).await;
        assert_eq!(answer.status, status, "{query}: {}", answer.text);
        answer
    };
    assert_eq!(
        check("start_date=1&end_date=2", StatusCode::OK).await.json(),
        json!({"data": [], "next_token": null})
    );
    let early = check("start_date=0024-01-01&end_date=2026-11-01", StatusCode::OK).await;
    assert_eq!(early.days()[0][..4], *"2021");
    check("start_date=2026-11-01T00:00:00+02:00", StatusCode::UNPROCESSABLE_ENTITY).await;
    let refused = check("start_date=nonsense", StatusCode::UNPROCESSABLE_ENTITY).await.json();
    let locations: Vec<_> =
        refused["detail"].as_array().unwrap().iter().map(|it| it["loc"].clone()).collect();
    assert_eq!(
        json!(locations),
        json!([["query", "start_date", "datetime"], ["query", "start_date", "date"]])
    );
    for entry in refused["detail"].as_array().unwrap() {
        assert_eq!(entry["input"], "nonsense");
        assert!(entry["msg"].is_string() && entry["type"].is_string() && entry["ctx"].is_object());
    }
    let series = get(&cloud, "heartrate?start_datetime=nonsense").await;
    assert_eq!(series.json()["detail"][0]["loc"], json!(["query", "start_datetime"]));
}

/// Every document of a query, page by page, with the range again on each (or not).
async fn pages(cloud: &Arc<Cloud>, collection: &str, query: &str, with_range: bool) -> (Vec<Value>, usize) {
    let (mut documents, mut count, mut next) = (Vec::new(), 0, query.to_owned());
    loop {
        assert!(count < 10_000, "the pages of {collection} never end");
        let answer = get(cloud, &format!("{collection}?{next}")).await;
        documents.extend(answer.data());
        count += 1;
        match answer.json()["next_token"].as_str() {
            None => return (documents, count),
            Some(token) if with_range => next = format!("{query}&next_token={token}"),
            Some(token) => next = format!("next_token={token}"),
        }
    }
}

#[tokio::test]
async fn paging_returns_each_document_once_in_order() {
    let large = Arc::new(cloud().with_page_size(10_000));
    let small = Arc::new(cloud().with_page_size(3).with_row_page_size(30));
    for collection in DOCUMENTS {
        let query = "start_date=2026-01-20&end_date=2026-04-10";
        let (all, one) = pages(&large, collection, query, true).await;
        assert!(all.len() > 70 && one == 1, "{collection}: {} documents in {one} pages", all.len());
        for with_range in [true, false] {
            let (paged, many) = pages(&small, collection, query, with_range).await;
            assert_eq!(many, all.len().div_ceil(3), "{collection}");
            assert_eq!(paged, all, "{collection}");
        }
    }
    let query = "start_datetime=2026-02-01T00:00:00Z&end_datetime=2026-03-01T00:00:00Z";
    let all = person(1).heart_rate(at("2026-02-01T00:00:00Z"), at("2026-03-01T00:00:00Z"), now());
    let (large_pages, n) = pages(&large, "heartrate", query, true).await;
    assert_eq!((large_pages == all, n), (true, all.len().div_ceil(1_000)));
    let (small_pages, n) = pages(&small, "heartrate", query, false).await;
    assert_eq!((small_pages == all, n), (true, all.len().div_ceil(30)));
    // Two rows of one second, on either side of a page's end or both before it.
    let pair = all.windows(2).find(|pair| pair[0]["timestamp"] == pair[1]["timestamp"]).unwrap();
    let second = at(pair[0]["timestamp"].as_str().unwrap());
    let (from, to) = (second - 30.seconds(), second + 10.minutes());
    let around = person(1).heart_rate(from, to, now());
    let query = format!("start_datetime={from}&end_datetime={to}");
    for size in 1..=6 {
        let cloud = Arc::new(cloud().with_row_page_size(size));
        let (rows, n) = pages(&cloud, "heartrate", &query, true).await;
        assert_eq!((&rows, n), (&around, around.len().div_ceil(size)), "{size} rows a page");
    }
    assert_eq!(get(&small, "sleep?next_token=nonsense").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn oracle_equals_the_wire() {
    let cloud = Arc::new(cloud().with_page_size(10_000));
    for collection in DOCUMENTS {
        let wire =
            get(&cloud, &format!("{collection}?start_date=2025-12-25&end_date=2026-01-25")).await.data();
        let days = days_from(date(2025, 12, 26), 30);
        let expected: Vec<_> = days.flat_map(|day| person(1).documents(collection, day, now())).collect();
        let days: Vec<_> = expected.iter().map(|it| it["day"].clone()).collect();
        let inside: Vec<_> = wire.into_iter().filter(|it| days.contains(&it["day"])).collect();
        assert_eq!(inside, expected, "{collection}");
    }
}

#[tokio::test]
async fn fields_parameter_selects_fields() {
    let cloud = Arc::new(cloud());
    let keys = async |fields: &str| -> Vec<String> {
        let query = format!("daily_sleep?start_date=2026-02-02&end_date=2026-02-05&fields={fields}");
        let first = get(&cloud, &query).await.data().remove(0);
        let mut keys: Vec<_> = first.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    assert_eq!(keys("score").await, ["day", "id", "score", "timestamp"]);
    assert_eq!(keys("score,nothing").await, ["day", "id", "score", "timestamp"]);
    assert_eq!(keys("nothing").await, ["contributors", "day", "id", "score", "timestamp"]);
}

#[tokio::test]
async fn document_is_returned_by_id() {
    let cloud = Arc::new(cloud());
    for collection in DOCUMENTS {
        for document in
            get(&cloud, &format!("{collection}?start_date=2026-02-02&end_date=2026-02-12")).await.data()
        {
            let id = document["id"].as_str().unwrap();
            assert_eq!(get(&cloud, &format!("{collection}/{id}")).await.json(), document);
            let other = if collection == "sleep" { "daily_sleep" } else { "sleep" };
            assert_eq!(get(&cloud, &format!("{other}/{id}")).await.status, StatusCode::NOT_FOUND);
        }
    }
    for path in
        ["sleep/unknown", "sleep/00000000-0000-4000-8000-000000000000", "heartrate/1", "Sleep", "no_such"]
    {
        let answer = get(&cloud, path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.json()["detail"].is_string());
    }
}

#[tokio::test]
async fn tokens_scopes_and_membership_are_enforced() {
    let cloud = Cloud::new(now).with_person(TOKEN, person(1), &["daily"]).with_person(
        "other",
        person(2),
        &["heartrate", "personal"],
    );
    let cloud = Arc::new(cloud);
    let check = async |path: &str, token: Option<&str>, status: u16| {
        let answer = get_as(&cloud, path, token).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        answer.json()
    };
    assert!(check("sleep", None, 400).await["detail"].is_string());
    assert!(check("sleep", Some("unknown"), 401).await["detail"].is_string());
    let missing = check("heartrate", Some(TOKEN), 401).await;
    assert_eq!(missing, json!({"detail": "Token is not authorized access heartrate scope."}));
    check("heartrate", Some("other"), 200).await;
    check("sleep/some-id", Some("other"), 401).await;
    let id_only = check("personal_info", Some(TOKEN), 200).await;
    assert!(id_only["id"].is_string() && id_only["age"].is_null() && id_only["email"].is_null());
    let personal = check("personal_info", Some("other"), 200).await;
    assert!(personal["age"].is_i64() && personal["email"].is_null() && personal["id"] != id_only["id"]);
    cloud.set_lapsed(TOKEN, true);
    check("sleep", Some(TOKEN), 403).await;
    check("heartrate", Some("other"), 200).await;
    cloud.set_lapsed(TOKEN, false);
    check("sleep", Some(TOKEN), 200).await;
    cloud.revoke(TOKEN);
    check("sleep", Some(TOKEN), 401).await;
    assert_eq!(cloud.requests(), 11);
    assert_eq!(cloud.log()[2].path, "/v2/usercollection/heartrate");
}

#[tokio::test]
async fn request_without_a_user_agent_is_forbidden() {
    let cloud = Arc::new(cloud());
    for path in ["/v2/usercollection/daily_sleep", "/v2/webhook/subscription", "/oauth/token"] {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {TOKEN}"));
        let answer = send_as_is(&cloud.router(), request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(answer.text.contains("User-Agent"), "{path}: {}", answer.text);
    }
    assert_eq!(get(&cloud, "daily_sleep").await.status, StatusCode::OK);
}
