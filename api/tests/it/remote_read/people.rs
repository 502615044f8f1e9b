//! Several people in zones a day apart, with days missing: however much is read together, the answer is one.

use std::collections::BTreeMap;

use domain::{Collection, Day, Document};

use super::{Hints, Matcher, Query, QueryResult, Sample, equal, ms, read};
use crate::documents::{Filed, night, readiness, score, steps};
use crate::test_api::{TestApi, now};

const DAY: i64 = 86_400_000;

/// Three months of three people; no two have the same days.
async fn house() -> TestApi {
    let api = TestApi::empty().await;
    let first: Day = "2026-01-01".parse().unwrap();
    for (name, zone, every) in
        [("ann", "Pacific/Kiritimati", 2), ("bob", "Etc/GMT+12", 3), ("me", "Europe/Berlin", 5)]
    {
        api.store.ensure_person(&name.parse().unwrap(), zone, now()).await.unwrap();
        let mut filed: BTreeMap<Collection, Vec<Document>> = BTreeMap::new();
        let mut file = |(collection, document): Filed| filed.entry(collection).or_default().push(document);
        for n in (0..89).filter(|n| n % every != 0) {
            let on = first.plus(n).to_string();
            file(score(&on, u8::try_from(n).unwrap()));
            if n % 7 < 3 {
                file(steps(&on, 1000 + u32::try_from(n).unwrap()));
            }
            if n > 40 {
                file(readiness(&on, 70, 0.25));
            }
            if n % 10 == 4 {
                file(night(&on, &[Some(50.0), None, Some(51.5)]));
            }
        }
        for (collection, documents) in filed {
            api.put(name, collection, documents).await;
        }
    }
    api
}

fn asked(start: i64, end: i64, range: i64, func: &str, matchers: Vec<Matcher>) -> Query {
    let hints = Hints { step: 60_000, func: func.to_owned(), start, end, range };
    Query { start, end, matchers, hints: Some(hints) }
}

async fn one(api: &TestApi, query: Query) -> QueryResult {
    read(api, vec![query]).await.remove(0)
}

#[tokio::test]
async fn batched_reading_does_not_change_the_response() {
    let api = house().await;
    let all = |start, end| asked(start, end, 1, "", vec![equal("source", "history")]);
    // A quarter: all metrics of everybody together. Twenty years: some. All there is: one of one person.
    let quarter = one(&api, all(ms("2025-12-01T00:00:00Z"), ms("2026-04-15T00:00:00Z"))).await;
    let decades = one(&api, all(ms("2007-01-01T00:00:00Z"), ms("2026-04-15T00:00:00Z"))).await;
    let ever = one(&api, all(i64::MIN, i64::MAX)).await;
    assert_eq!((&quarter, &quarter), (&decades, &ever));
    let labels = |series: &super::Series| -> Vec<(String, String)> {
        series.labels.iter().map(|label| (label.name.clone(), label.value.clone())).collect()
    };
    let found: Vec<_> = quarter.series.iter().map(labels).collect();
    assert!(found.is_sorted_by(|a, b| a < b), "{found:?}");
    let scores = quarter.series.iter().filter(|series| series.labels[0].value == "oura_sleep_score");
    let scores: Vec<usize> = scores.map(|series| series.samples.len()).collect();
    assert_eq!(scores, [44, 59, 71], "ann, bob and me");
    assert!(found.len() > 15, "{found:?}");
}

/// To know which series there are takes less than to know what they say, and finds the same.
#[tokio::test]
async fn series_listing_equals_the_series_of_the_response() {
    let api = house().await;
    let (begin, end) = (ms("2025-12-28T00:00:00Z"), ms("2026-04-05T00:00:00Z"));
    let mut listed = 0;
    let mut windows = vec![(i64::MIN, i64::MAX), (i64::MIN, begin), (end, i64::MAX), (begin, end)];
    for n in 0..40_i64 {
        let start = begin + (n * 7_919 * 3_600_000 + n * 997) % (end - begin);
        let length = [0, 1, DAY / 3, 2 * DAY, 9 * DAY, 60 * DAY][usize::try_from(n % 6).unwrap()];
        windows.push((start, start + length));
    }
    for (start, end) in windows {
        for range in [0, DAY] {
            let full = one(&api, asked(start, end, range, "", Vec::new())).await;
            let first =
                |series: super::Series| super::Series { samples: series.samples[..1].to_vec(), ..series };
            let expected: Vec<super::Series> = full.series.into_iter().map(first).collect();
            let found = one(&api, asked(start, end, range, "series", Vec::new())).await.series;
            assert_eq!(found, expected, "from {start} to {end}, range {range}");
            listed += found.len();
        }
    }
    assert!(listed > 500, "{listed}");
}

#[tokio::test]
async fn remote_read_selects_one_person_among_many() {
    let api = house().await;
    let of = |name| {
        asked(i64::MIN, i64::MAX, 1, "", vec![equal("__name__", "oura_sleep_score"), equal("person", name)])
    };
    for (name, zone) in [("ann", "2026-01-01T10:00:00.001Z"), ("bob", "2026-01-02T12:00:00.001Z")] {
        let [series] = one(&api, of(name)).await.series.try_into().unwrap();
        assert_eq!(series.labels[1].value, name);
        assert_eq!(series.samples[0], Sample { value: 1.0, at: ms(zone) });
    }
    assert!(one(&api, of("unknown")).await.series.is_empty());
}
