//! Long ranges and tokens, on both databases.

use domain::{Collection, DayRange};
use store::{NewToken, Scope, Scopes, Store, testing};

use crate::fixtures::{at, batch, day, me, now, put, score, sleep};

fn metric(key: &str) -> &'static domain::Metric {
    domain::Metric::by_key(key).unwrap()
}

async fn on_both(mut case: impl AsyncFnMut(Store)) {
    let (store, _folder) = testing::sqlite().await;
    case(store).await;
    case(testing::postgres().await).await;
}

#[tokio::test]
async fn columns_are_in_requested_order_per_person_and_metric() {
    on_both(async |store| {
        let ann = store.ensure_person(&"ann".parse().unwrap(), "UTC", now()).await.unwrap().id;
        let bob = store.ensure_person(&"bob".parse().unwrap(), "UTC", now()).await.unwrap();
        put(&store, Collection::DailySleep, vec![score("2026-03-02", 80), score("2026-03-01", 70)]).await;
        store
            .apply(
                &batch(&bob, Collection::DailySleep, vec![score("2026-03-01", 60), score("2026-02-28", 1)]),
                now(),
            )
            .await
            .unwrap();
        let (me, bob) = (me(&store).await.id, bob.id);
        let (first, second) = (day("2026-03-01"), day("2026-03-02"));
        let range = DayRange::new(first, second).unwrap();
        let metrics = ["sleep_score", "readiness_score", "sleep_contributor_timing"].map(metric);
        for people in [[bob, ann, me], [me, bob, ann], [ann, me, bob]] {
            let found = store.daily_of_people(&people, &metrics, range).await.unwrap();
            let expected = people.map(|person| match person {
                _ if person == me => {
                    [vec![(first, 70.0), (second, 80.0)], vec![], vec![(first, 70.0), (second, 70.0)]]
                }
                _ if person == bob => [vec![(first, 60.0)], vec![], vec![(first, 70.0)]],
                _ => [vec![], vec![], vec![]],
            });
            assert_eq!(found, expected);
            for (person, columns) in people.into_iter().zip(&found) {
                assert_eq!(store.daily_of(person, &metrics, range).await.unwrap(), *columns);
            }
            let firsts = found.iter().map(|columns| {
                columns.iter().map(|column| column.iter().copied().take(1).collect::<Vec<_>>()).collect()
            });
            assert_eq!(
                store.first_daily_of_people(&people, &metrics, range).await.unwrap(),
                firsts.collect::<Vec<Vec<_>>>()
            );
        }
        assert!(store.daily_of_people(&[], &metrics, range).await.unwrap().is_empty());
        let nothing = store.daily_of_people(&[me, ann], &[], range).await.unwrap();
        assert!(nothing.len() == 2 && nothing.iter().all(Vec::is_empty));
        assert_eq!(store.daily_extent(me, metrics[0]).await.unwrap(), Some(range));
        assert_eq!(store.daily_extent(me, metrics[1]).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn daily_value_round_trips_exactly() {
    on_both(async |store| {
        // Whole numbers, a few digits, and as many as a double has.
        let first = day("2000-01-01");
        let number = |n: i64| match n % 4 {
            0 => (n % 97).to_string(),
            1 => format!("-{}.{:02}", n % 7, n % 100),
            2 => format!(
                "{:?}",
                f64::from_bits(0x3fb9_9999_9999_999a + n.cast_unsigned() * 0x0000_1234_5678_9abd)
            ),
            _ => format!("0.00{}", n * 7_919_104_729),
        };
        let document = |n: i64| {
            let on = first.plus(n);
            let body = format!(
                "{{\"id\":\"{on}\",\"day\":\"{on}\",\"score\":80,\"temperature_deviation\":{}}}",
                number(n)
            );
            domain::Document::parse(Collection::DailyReadiness, &body).unwrap()
        };
        for part in 0..4 {
            put(&store, Collection::DailyReadiness, (0..500).map(|n| document(part * 500 + n)).collect())
                .await;
        }
        let me = me(&store).await.id;
        let range = DayRange::new(first, first.plus(2000)).unwrap();
        let metric = metric("temperature_deviation");
        let found = store.daily_of(me, &[metric], range).await.unwrap().remove(0);
        let rows = store.daily(me, metric, range).await.unwrap();
        assert!(rows.len() > 900, "{}", rows.len());
        let bits = |values: Vec<(_, f64)>| {
            values.into_iter().map(|(day, value)| (day, value.to_bits())).collect::<Vec<_>>()
        };
        assert_eq!(bits(found), bits(rows));
    })
    .await;
}

#[tokio::test]
async fn points_are_ordered_across_overlapping_documents() {
    on_both(async |store| {
        let items: Vec<Option<f64>> = (1..=12).map(|n| Some(f64::from(n))).collect();
        let mut nights: Vec<_> = (0..120)
            .map(|n| {
                let on = day("2026-01-01").plus(n).to_string();
                sleep(&format!("n{n}"), &on, "long_sleep", (1, 7), &items)
            })
            .collect();
        // The same hours again, under another id, and hours that lie between.
        nights.push(sleep("again", "2026-02-01", "late_nap", (1, 2), &items));
        put(&store, Collection::Sleep, nights).await;
        let me = me(&store).await.id;
        let range = DayRange::new(day("2000-01-01"), day("2199-01-01")).unwrap();
        let mut points = store.points(me, metric("sleep_hrv"), range).await.unwrap();
        let (mut all, mut read, mut pieces) = (Vec::new(), Vec::new(), 0);
        while points.next(&mut read).await.unwrap() {
            all.extend_from_slice(&read);
            pieces += 1;
        }
        assert_eq!(all.len(), 120 * 12);
        assert!(all.is_sorted_by(|a, b| a.0 < b.0) && pieces > 1);
        assert_eq!(all[0], (at("2026-01-01T01:00:00.250Z").as_millisecond(), 0.001));
    })
    .await;
}

#[tokio::test]
async fn token_is_valid_until_revoked_and_stored_as_hash() {
    on_both(async |store| {
        let me = me(&store).await.id;
        assert!(!store.has_tokens().await.unwrap());
        let new = NewToken {
            name: "grafana".to_owned(),
            person: Some(me),
            scopes: Scopes::new(vec![Scope::RemoteRead]),
            expires_at: None,
        };
        let text = store.create_token(&new, [7; 32], now()).await.unwrap();
        let other = store
            .create_token(&NewToken { person: None, scopes: Scopes::new(Vec::new()), ..new }, [8; 32], now())
            .await
            .unwrap();
        assert!(store.has_tokens().await.unwrap());
        let token = store.token(&text, now()).await.unwrap().unwrap();
        assert_eq!((token.person, token.last_used_at), (Some(me), None));
        assert!(token.scopes.has(Scope::RemoteRead) && !token.scopes.has(Scope::Rest));
        assert!(store.token(&other, now()).await.unwrap().unwrap().scopes.has(Scope::Rest));
        let (head, secret) = text.rsplit_once('_').unwrap();
        let stranger = other.rsplit_once('_').unwrap().1;
        for wrong in [
            "",
            "mh_",
            "mh_1_",
            head,
            secret,
            &format!("{head}_{stranger}"),
            &format!("mh_99_{secret}"),
            &text.to_uppercase(),
        ] {
            assert_eq!(store.token(wrong, now()).await.unwrap(), None, "{wrong}");
        }

        store.record_token_use(&token, now()).await.unwrap();
        let used = store.token(&text, now()).await.unwrap().unwrap();
        assert_eq!(used.last_used_at, Some(now()));
        store.record_token_use(&used, at("2026-06-01T08:30:00Z")).await.unwrap();
        assert_eq!(
            store.token(&text, now()).await.unwrap().unwrap().last_used_at,
            Some(now()),
            "to the hour"
        );

        assert!(store.revoke_token(token.id, now()).await.unwrap());
        assert!(!store.revoke_token(token.id, now()).await.unwrap());
        assert_eq!(store.token(&text, now()).await.unwrap(), None);
        let listed = store.tokens().await.unwrap();
        assert_eq!((listed.len(), listed[0].revoked_at), (2, Some(now())));
        assert!(!format!("{listed:?}").contains(secret));
    })
    .await;
}
