//! Pages out of a real embedded store.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use domain::{Collection, Day, Document};
use jiff::Timestamp;
use report::{Period, report};
use store::{Batch, Origin, Person, Store};

fn now() -> Timestamp {
    "2026-04-20T10:00:00Z".parse().unwrap()
}

async fn put(store: &Store, person: &Person, collection: Collection, bodies: &[String]) {
    let documents = bodies.iter().map(|body| Document::parse(collection, body).unwrap()).collect();
    let batch = Batch {
        person: person.id,
        collection,
        covered: None,
        origin: Origin::Api,
        documents,
        nearby: Vec::new(),
        rejected: Vec::new(),
    };
    store.apply(&batch, now()).await.unwrap();
}

async fn page(store: &Store, person: &Person, period: Period) -> String {
    let days = period.around(Day::literal(2026, 3, 10));
    report(store, person, period, days, now()).await.unwrap()
}

/// The text of a page between its tags, in one line.
fn words(page: &str) -> String {
    let body = page.split_once("<body>").unwrap().1;
    let text: Vec<&str> =
        body.split('<').filter_map(|piece| piece.split_once('>').map(|(_, text)| text.trim())).collect();
    text.join(" ").replace(['\u{a0}', '\u{202f}'], " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn report_without_data_states_it_and_draws_nothing() {
    let (store, _folder) = store::testing::sqlite().await;
    let me = store.ensure_person(&"me".parse().unwrap(), "Europe/Berlin", now()).await.unwrap();
    let page = page(&store, &me, Period::Month).await;
    let text = words(&page);
    assert!(text.contains("Nothing was measured in this month.") && !page.contains("<svg"), "{text}");
    assert!(text.contains("0 of 31 not read from Oura yet") && text.contains("No workouts."), "{text}");
}

#[tokio::test]
async fn report_compares_with_the_week_before() {
    let (store, _folder) = store::testing::sqlite().await;
    let me = store.ensure_person(&"me".parse().unwrap(), "Europe/Berlin", now()).await.unwrap();
    let filed =
        |(day, score): (i8, i64)| format!(r#"{{"id":"s{day}","day":"2026-03-{day:02}","score":{score}}}"#);
    // 2 to 8 March, then 9 to 15 with a gap.
    let scores = [(2, 70), (4, 80), (9, 90), (10, 60), (12, 84)].map(filed);
    put(&store, &me, Collection::DailySleep, &scores).await;
    let page = page(&store, &me, Period::Week).await;
    let text = words(&page);
    assert!(text.contains("Week 11 of 2026 me · 9 March 2026 to 15 March 2026"), "{text}");
    assert!(text.contains("Sleep score 78 +3.0 against the week before"), "{text}");
    assert!(text.contains("Best nights: Mon 9 Mar, score 90; Thu 12 Mar, score 84"), "{text}");
    assert!(text.contains("Worst nights: Tue 10 Mar, score 60"), "{text}");
    assert!(text.contains("Wed 11 Mar –"), "a day without a score has none: {text}");
    // The line is broken at the gap: two days, then one by itself.
    let path = page.split("<path class=\"line\" d=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!((path.matches('M').count(), path.matches('L').count()), (2, 1), "{path}");
    assert_eq!(page.matches("<svg").count(), 1, "only what was measured is drawn");
    let by_keyboard =
        page.matches("<div class=\"scroll\" role=\"group\" tabindex=\"0\" aria-label=\"").count();
    assert_eq!(page.matches("<table").count(), by_keyboard, "what is wider than a screen can be scrolled");
}

#[tokio::test]
async fn report_states_the_usual_range_of_the_28_days_before() {
    let (store, _folder) = store::testing::sqlite().await;
    let me = store.ensure_person(&"me".parse().unwrap(), "Europe/Berlin", now()).await.unwrap();
    let monday = Day::literal(2026, 3, 9);
    let night = |before: i64, score: i64| {
        let day = monday.plus(-before);
        format!(r#"{{"id":"s{day}","day":"{day}","score":{score}}}"#)
    };
    // Seven of 70, fourteen of 80, seven of 90: quartiles 77.5 and 82.5, a spread of 5 / 1.349 = 3.7, so that the mean of a
    // week is usual from 76.3 to 83.7. The day before these is not used.
    let mut scores: Vec<String> =
        (1..=28).zip([70, 80, 90, 80].into_iter().cycle()).map(|(n, value)| night(n, value)).collect();
    scores.push(night(29, 1));
    put(&store, &me, Collection::DailySleep, &scores).await;
    let verdict = async |value: i64| {
        put(&store, &me, Collection::DailySleep, &[night(0, value)]).await;
        let text = words(&page(&store, &me, Period::Week).await);
        text.split("against the week before ").nth(1).unwrap().chars().take(24).collect::<String>()
    };
    assert!(verdict(80).await.starts_with("as usual (76 to 84)"));
    assert!(verdict(84).await.starts_with("above usual (76 to 84)"));
    assert!(verdict(76).await.starts_with("below usual (76 to 84)"));
    // Thirteen values are too few.
    let few = store.ensure_person(&"few".parse().unwrap(), "Europe/Berlin", now()).await.unwrap();
    let scores: Vec<String> = (0..=13).map(|n| night(n, 80)).collect();
    put(&store, &few, Collection::DailySleep, &scores).await;
    assert!(!words(&page(&store, &few, Period::Week).await).contains("as usual"));
}

#[tokio::test]
async fn report_shows_user_text_verbatim_and_loads_nothing() {
    let (store, _folder) = store::testing::sqlite().await;
    let me = store.ensure_person(&"me".parse().unwrap(), "Europe/Berlin", now()).await.unwrap();
    let tag = r#"{"id":"t","start_day":"2026-03-10","day":"2026-03-10","start_time":"2026-03-10T10:00:00+01:00","custom_name":"<script>alert(1)</script>"}"#;
    put(&store, &me, Collection::EnhancedTag, &[tag.to_owned()]).await;
    let workout = r#"{"id":"w","day":"2026-03-11","activity":"<b>","intensity":"hard","start_datetime":"2026-03-11T10:00:00+01:00","end_datetime":"2026-03-11T11:30:00+01:00"}"#;
    put(&store, &me, Collection::Workout, &[workout.to_owned()]).await;
    let page = page(&store, &me, Period::Month).await;
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;: Tue 10 Mar"), "{page}");
    assert!(page.contains("&lt;b&gt;</td><td>1\u{a0}h\u{a0}30"), "{page}");
    for barred in ["<script", "<b>alert", "http://", "https://", "src=", "url(", "@import"] {
        assert!(!page.contains(barred), "{barred}");
    }
}
