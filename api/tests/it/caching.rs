//! Responses from the cache, responses that are not sent again, and that neither reaches another principal.

use std::io::Read;

use axum::body::Body;
use axum::http::{Method, Request};
use domain::Theme;
use store::{NewToken, Scope, Scopes};

use crate::documents::score;
use crate::login::with;
use crate::test_api::{Answer, TestApi, now, problem};

const TREND: &str = "/api/v1/trends/sleep_score?person=me&from=2026-03-01&to=2026-03-29";

async fn ask(api: &TestApi, uri: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    api.send(request.body(Body::empty()).unwrap()).await
}

async fn token(api: &TestApi, secret: u8, person: Option<i64>, scopes: Vec<Scope>) -> String {
    let new = NewToken { name: "t".into(), person, scopes: Scopes::new(scopes), expires_at: None };
    api.store.create_token(&new, [secret; 32], now()).await.unwrap()
}

fn lookups(api: &TestApi) -> (u64, u64) {
    let of = |result| api.counted(&format!("api_cache_lookups_total{{result=\"{result}\"}}"));
    (of("hit"), of("miss"))
}

#[tokio::test]
async fn cache_serves_a_repeated_request_until_data_changes() {
    let api = TestApi::with(vec![score("2026-03-28", 80)]).await;
    let first = ask(&api, TREND, &[]).await;
    let again = ask(&api, TREND, &[]).await;
    assert_eq!((&first.body, first.header("etag")), (&again.body, again.header("etag")));
    assert_eq!(lookups(&api), (1, 1));
    let (collection, document) = score("2026-03-29", 90);
    api.put("me", collection, vec![document]).await;
    let changed = ask(&api, TREND, &[]).await;
    assert_ne!(changed.body, first.body);
    assert_eq!(lookups(&api), (1, 2));
    assert!(api.counted("api_cache_entries") <= 2);
}

#[tokio::test]
async fn cache_compresses_a_response_once() {
    let api = TestApi::with(vec![score("2026-03-28", 80)]).await;
    let plain = ask(&api, TREND, &[]).await;
    let gzip = [("accept-encoding", "gzip")];
    let answers = [ask(&api, TREND, &gzip).await, ask(&api, TREND, &gzip).await];
    assert_eq!((lookups(&api), api.counted("api_cache_entries")), ((2, 1), 2));
    assert!(api.counted("api_cache_size_bytes") > (plain.body.len() + answers[0].body.len()) as u64);
    let etag = plain.header("etag").unwrap();
    for answer in &answers {
        assert_eq!(answer.header("content-encoding"), Some("gzip"));
        assert_eq!(answer.header("etag"), Some(format!("W/{etag}").as_str()));
        assert_eq!(
            answer.headers.get_all("vary").iter().filter(|vary| *vary == "accept-encoding").count(),
            1
        );
        assert_eq!(unpacked(answer), plain.body);
    }
    assert_eq!(answers[0].body, answers[1].body);
    // Who takes no gzip is given none, and who knows the answer by either name is not sent it again.
    let refused = ask(&api, TREND, &[("accept-encoding", "gzip;q=0")]).await;
    assert_eq!((refused.header("content-encoding"), &refused.body), (None, &plain.body));
    let known = ask(&api, TREND, &[gzip[0], ("if-none-match", &format!("W/{etag}"))]).await;
    assert_eq!((known.status.as_u16(), known.body.len(), known.header("content-encoding")), (304, 0, None));
    // The first who asks may be one who takes gzip.
    let (collection, document) = score("2026-03-29", 90);
    api.put("me", collection, vec![document]).await;
    let changed = ask(&api, TREND, &gzip).await;
    assert_eq!(unpacked(&changed), ask(&api, TREND, &[]).await.body);
}

/// What a compressed answer says.
fn unpacked(answer: &Answer) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(answer.body.as_slice()).read_to_end(&mut plain).unwrap();
    plain
}

#[tokio::test]
async fn cache_misses_after_midnight() {
    let api = TestApi::with(vec![score("2026-03-28", 80)]).await;
    let uri = "/api/v1/trends/sleep_score";
    let sunday = ask(&api, uri, &[]).await.json();
    *api.clock.lock().unwrap() = "2026-03-30T10:00:00Z".parse().unwrap();
    let monday = ask(&api, uri, &[]).await.json();
    assert_eq!((&sunday["to"], &monday["to"]), (&"2026-03-29".into(), &"2026-03-30".into()));
}

#[tokio::test]
async fn cache_does_not_store_errors() {
    let api = TestApi::with(vec![score("2026-03-28", 80)]).await;
    for _ in 0..2 {
        problem(&ask(&api, "/api/v1/trends/sleep_score?bucket=x", &[]).await, 400, "bucket");
    }
    assert_eq!(lookups(&api).0, 0);
}

#[tokio::test]
async fn cache_is_separate_per_principal() {
    let api = TestApi::edged(|_| (), api::Anonymous::Refused).await;
    let me = api.person("me").await.id;
    let other = api.person("other").await.id;
    let (collection, document) = score("2026-03-28", 80);
    api.put("me", collection, vec![document]).await;
    let mine = token(&api, 1, Some(me), vec![Scope::Rest]).await;
    let theirs = token(&api, 2, Some(other), vec![Scope::Rest]).await;
    let tags = token(&api, 3, Some(me), vec![Scope::Read(Theme::Tags)]).await;
    let sleep = token(&api, 4, Some(me), vec![Scope::Read(Theme::Sleep)]).await;
    let kept = with(&api, Method::GET, TREND, &mine).await;
    assert_eq!(with(&api, Method::GET, TREND, &mine).await.body, kept.body);
    assert_eq!(lookups(&api).0, 1);
    problem(&with(&api, Method::GET, TREND, &theirs).await, 404, "another person");
    problem(&with(&api, Method::GET, TREND, &tags).await, 403, "another kind of data");
    assert_eq!(with(&api, Method::GET, TREND, &sleep).await.body, kept.body);
    // Not even that it exists: a tag that is known to be right opens no 304.
    let etag = kept.header("etag").unwrap();
    let bearer = format!("Bearer {theirs}");
    let probe = ask(&api, TREND, &[("authorization", &bearer), ("if-none-match", etag)]).await;
    problem(&probe, 404, "another person who knows the tag");
    problem(&ask(&api, TREND, &[("if-none-match", "*")]).await, 401, "anonymous");

    assert!(api.store.revoke_token(1, now()).await.unwrap());
    problem(&with(&api, Method::GET, TREND, &mine).await, 401, "revoked, though it is kept");
}

#[tokio::test]
async fn etag_match_returns_not_modified() {
    let api = TestApi::with(vec![score("2026-03-28", 80)]).await;
    for uri in [TREND, "/api/v1/sleep", "/api/v1/metrics", "/api/openapi.json", "/api/docs/"] {
        let full = ask(&api, uri, &[]).await;
        let etag = full.header("etag").unwrap_or_else(|| panic!("{uri}")).to_owned();
        assert_eq!(
            (full.status.as_u16(), full.header("cache-control")),
            (200, Some("private, no-cache")),
            "{uri}"
        );
        for sent in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
            let answer = ask(&api, uri, &[("if-none-match", &sent)]).await;
            assert_eq!((answer.status.as_u16(), answer.body.len()), (304, 0), "{uri} {sent}");
            assert_eq!(answer.header("etag"), Some(etag.as_str()), "{uri}");
            assert_eq!(answer.header("content-type"), None, "{uri}");
        }
        assert_eq!(ask(&api, uri, &[("if-none-match", "\"x\"")]).await.status, 200, "{uri}");
    }
}

#[tokio::test]
async fn large_response_is_compressed_when_accepted() {
    let api = TestApi::with(vec![score("2026-03-28", 80)]).await;
    let plain = ask(&api, "/api/v1/metrics", &[]).await;
    let small = ask(&api, "/api/v1/metrics", &[("accept-encoding", "gzip")]).await;
    assert_eq!(small.header("content-encoding"), Some("gzip"));
    let strong = plain.header("etag").unwrap();
    assert_eq!(small.header("etag"), Some(format!("W/{strong}").as_str()), "other bytes, the same content");
    assert!(small.headers.get_all("vary").iter().any(|vary| vary == "accept-encoding"));
    assert_eq!(unpacked(&small), plain.body);
    let tiny = ask(&api, "/api/v1/health", &[("accept-encoding", "gzip")]).await;
    assert_eq!(tiny.header("content-encoding"), None);
    let headers = [("accept-encoding", "gzip"), ("if-none-match", strong)];
    assert_eq!(ask(&api, "/api/v1/metrics", &headers).await.status, 304);
}

#[tokio::test]
async fn stream_is_compressed_to_its_end() {
    let api = TestApi::with(vec![score("2026-03-28", 80)]).await;
    let uri = "/api/v1/export?format=csv&metrics=sleep_score&from=2026-03-01";
    let plain = ask(&api, uri, &[]).await;
    let small = ask(&api, uri, &[("accept-encoding", "gzip")]).await;
    assert_eq!(small.header("content-encoding"), Some("gzip"));
    assert_eq!(unpacked(&small), plain.body);
}

#[tokio::test]
async fn query_string_over_the_limit_is_refused_on_every_route() {
    let api = TestApi::empty().await;
    for path in ["health", "sleep", "nowhere"] {
        api.problem(&format!("/api/v1/{path}?x={}", "9".repeat(2048)), 414).await;
    }
}
