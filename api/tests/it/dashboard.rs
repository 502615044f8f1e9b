use domain::Collection;

use crate::documents::{awake, night, score};
use crate::test_api::{TestApi, now};

#[tokio::test]
async fn dashboard_shows_newest_values_and_read_progress() {
    let api = TestApi::with(vec![
        score("2026-03-28", 75),
        score("2026-03-29", 82),
        night("2026-03-29", &[Some(50.0), Some(52.0)]),
        awake("2026-03-29", &[("06:00:00", 61), ("06:05:00.500", 64)]),
    ])
    .await;
    let me = api.person("me").await;
    api.store.note_failure(me.id, Collection::DailyActivity, domain::Cause::Scope, now()).await.unwrap();
    insta::assert_json_snapshot!(api.get("/api/v1/dashboard").await);
}

#[tokio::test]
async fn dashboard_today_is_the_persons_civil_day() {
    let api = TestApi::empty().await;
    for (name, zone, today) in [
        ("east", "Pacific/Kiritimati", "2026-03-30"),
        ("home", "Europe/Berlin", "2026-03-29"),
        ("west", "Pacific/Pago_Pago", "2026-03-28"),
    ] {
        api.store.ensure_person(&name.parse().unwrap(), zone, now()).await.unwrap();
        let value = api.get(&format!("/api/v1/dashboard?person={name}")).await;
        assert_eq!((value["today"].as_str(), value["time_zone"].as_str()), (Some(today), Some(zone)));
        let page = api.get(&format!("/api/v1/sleep?person={name}")).await;
        assert_eq!(page["to"], today, "{zone}");
    }
}
