//! Faults occur when a test requests them, and only then.

use std::sync::Arc;

use jiff::civil::date;
use simulator::{Fault, Wrong};
use tokio::sync::Notify;

use crate::support::{cloud, get, now};

const RANGE: &str = "daily_sleep?start_date=2026-02-01&end_date=2026-02-10";

#[tokio::test]
async fn rate_limit_lasts_as_configured() {
    let cloud = Arc::new(cloud());
    cloud.faults().next("/v2/usercollection/daily_sleep", 2, &Fault::TooManyRequests { retry_after: 7 });
    assert_eq!(get(&cloud, "sleep").await.status, 200, "another path");
    for _ in 0..2 {
        let answer = get(&cloud, RANGE).await;
        assert_eq!(answer.status, 429);
        assert_eq!(answer.headers["retry-after"], "7");
        assert_eq!(answer.headers["x-ratelimit-reset"], (now().as_second() + 7).to_string().as_str());
        for name in ["limit", "window", "tier"] {
            assert!(answer.headers.contains_key(format!("x-ratelimit-{name}")), "{name}");
        }
    }
    let answer = get(&cloud, RANGE).await;
    assert_eq!(answer.status, 200);
    assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("x-ratelimit")), "only on 429");
}

#[tokio::test]
async fn response_faults_occur_in_every_way() {
    let cloud = Arc::new(cloud());
    let whole = get(&cloud, RANGE).await.text;
    let after = async |fault: Fault| {
        cloud.faults().next("/v2", 1, &fault);
        get(&cloud, RANGE).await
    };
    assert_eq!(after(Fault::Status(503)).await.status, 503);
    let cut = after(Fault::CutBody).await;
    assert_eq!((cut.status.as_u16(), cut.text.as_str()), (200, &whole[..whole.len() / 2]));
    let garbage = after(Fault::Garbage).await;
    assert!(serde_json::from_str::<serde_json::Value>(&garbage.text).is_err());
    assert_eq!(after(Fault::Lapsed).await.status, 403);
    assert_eq!(after(Fault::Revoked).await.status, 401);
    assert_eq!(get(&cloud, RANGE).await.text, whole);
}

#[tokio::test]
async fn shape_fault_affects_one_document() {
    let cloud = Arc::new(cloud());
    let whole = get(&cloud, RANGE).await.data();
    let day = date(2026, 2, 5);
    cloud.faults().always("/v2/usercollection/daily_sleep", Fault::WrongShape(day, Wrong::Text("score")));
    for _ in 0..2 {
        let wrong = get(&cloud, RANGE).await.data();
        let differ: Vec<_> = wrong.iter().zip(&whole).filter(|(a, b)| a != b).collect();
        assert_eq!(differ.len(), 1);
        assert!(differ[0].0["score"].is_string() && differ[0].0["day"] == "2026-02-05");
    }
    cloud.faults().clear();
    cloud.faults().next("/v2", 1, &Fault::WrongShape(day, Wrong::Missing("day")));
    let missing = get(&cloud, RANGE).await.data();
    assert_eq!(missing.iter().filter(|it| it.get("day").is_none()).count(), 1);
    assert_eq!(get(&cloud, RANGE).await.data(), whole);
}

#[tokio::test]
async fn held_response_waits() {
    let cloud = Arc::new(cloud());
    let release = Arc::new(Notify::new());
    cloud.faults().next("/v2", 1, &Fault::Hold(Arc::clone(&release)));
    let held = tokio::spawn({
        let cloud = Arc::clone(&cloud);
        async move { get(&cloud, RANGE).await.status }
    });
    while cloud.requests() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!held.is_finished());
    assert_eq!(get(&cloud, RANGE).await.status, 200, "others pass");
    release.notify_one();
    assert_eq!(held.await.unwrap(), 200);
}
