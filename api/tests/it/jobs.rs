//! Long work, from asking to its result.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request};
use futures_util::StreamExt as _;
use jobs::{Kind, Metrics, Worker};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use store::{NewToken, Scope, Scopes};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::documents::score;
use crate::login;
use crate::test_api::{Answer, TestApi, now, problem};

impl TestApi {
    async fn token(&self, scopes: Vec<Scope>, person: Option<i64>) -> String {
        let new = NewToken { name: "test".into(), person, scopes: Scopes::new(scopes), expires_at: None };
        self.store.create_token(&new, [7; 32], now()).await.unwrap()
    }

    async fn send_json(&self, token: &str, key: Option<&str>, body: &Value) -> Answer {
        let mut request = Request::post("/api/v1/jobs")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"));
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    async fn with_token(&self, token: &str, method: Method, uri: &str) -> Answer {
        let request = Request::builder().method(method).uri(uri);
        let request = request.header("authorization", format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// How many results there are.
    fn results(&self) -> usize {
        let files =
            |folder: &std::path::Path| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files(&self.folder.path().join("results")).map(|person| files(&person).count()).sum()
    }

    /// A worker for exports and reports, without a process around it.
    fn worker(&self) -> Worker {
        let metrics = Metrics::register(&mut Registry::default());
        let kinds = vec![Kind::Export, Kind::Report];
        Worker::new(self.desk.clone(), kinds, None, metrics, Arc::new(now), "test".into())
    }
}

fn export() -> Value {
    json!({"kind": "export", "format": "csv", "metrics": ["sleep_score"], "from": "2026-03-01"})
}

#[tokio::test]
async fn job_runs_and_its_result_is_downloaded() {
    let api = TestApi::with(vec![score("2026-03-29", 82)]).await;
    let token = api.token(vec![Scope::Jobs], None).await;
    let asked = api.send_json(&token, None, &export()).await;
    assert_eq!(asked.status, 202, "{:?}", String::from_utf8(asked.body));
    let location = asked.header("location").unwrap().to_owned();
    let job = asked.json();
    assert_eq!(
        (&job["state"], &job["kind"], &job["result"]),
        (&json!("queued"), &json!("export"), &Value::Null)
    );
    assert_eq!(location, format!("/api/v1/jobs/{}", job["id"].as_str().unwrap()));

    let early = api.with_token(&token, Method::GET, &format!("{location}/result")).await;
    assert!(problem(&early, 409, "early").contains("queued"));
    assert!(api.worker().step(&CancellationToken::new()).await.unwrap());

    let job = api.with_token(&token, Method::GET, &location).await.json();
    assert_eq!((&job["state"], &job["progress"]), (&json!("done"), &json!({"done": 1, "total": 1})));
    assert_eq!(job["expires_at"], "2026-04-05T10:00:00Z");
    let result = api.with_token(&token, Method::GET, job["result"]["href"].as_str().unwrap()).await;
    assert_eq!(result.header("content-type"), job["result"]["media_type"].as_str());
    assert_eq!(result.body.len(), usize::try_from(job["result"]["bytes"].as_i64().unwrap()).unwrap());
    let direct = "/api/v1/export?format=csv&metrics=sleep_score&from=2026-03-01";
    let reader = api.token(vec![Scope::Rest], None).await;
    assert_eq!(result.body, api.with_token(&reader, Method::GET, direct).await.body, "one writer for both");
    let all = api.with_token(&token, Method::GET, "/api/v1/jobs").await.json();
    assert_eq!(all["jobs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn report_result_forbids_scripts() {
    let api = TestApi::with(vec![score("2026-03-20", 82)]).await;
    let token = api.token(vec![Scope::Jobs], None).await;
    let work = json!({"kind": "report", "period": "week", "day": "2026-03-20"});
    let job = api.send_json(&token, None, &work).await.json();
    assert!(api.worker().step(&CancellationToken::new()).await.unwrap());
    let uri = format!("/api/v1/jobs/{}/result", job["id"].as_str().unwrap());
    let page = api.with_token(&token, Method::GET, &uri).await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'; style-src"));
    let name = "inline; filename=\"me-week-2026-03-16-2026-03-22.html\"";
    assert_eq!(page.header("content-disposition"), Some(name));
    assert!(String::from_utf8(page.body).unwrap().starts_with("<!DOCTYPE html>"));
}

#[tokio::test]
async fn idempotency_key_returns_the_same_job() {
    let api = TestApi::with(vec![score("2026-03-29", 82)]).await;
    let token = api.token(vec![Scope::Jobs], None).await;
    let first = api.send_json(&token, Some("k"), &export()).await;
    let again = api.send_json(&token, Some("k"), &export()).await;
    assert_eq!((again.status.as_u16(), again.json()["id"].clone()), (202, first.json()["id"].clone()));
    let other = json!({"kind": "report", "period": "week"});
    problem(&api.send_json(&token, Some("k"), &other).await, 422, "another request");
    let stranger = api.token(vec![Scope::Jobs], None).await;
    let strangers = api.send_json(&stranger, Some("k"), &export()).await;
    assert_ne!(strangers.json()["id"], first.json()["id"], "keys are their asker's own");
    let long = "x".repeat(256);
    problem(&api.send_json(&token, Some(&long), &export()).await, 400, "a long key");
}

#[tokio::test]
async fn jobs_require_scope_and_access_to_the_person() {
    let api = TestApi::with(vec![score("2026-03-29", 82)]).await;
    let ann = api.person("ann").await;
    let all = api.token(vec![Scope::Jobs], None).await;
    let anns = api.token(vec![Scope::Jobs], Some(ann.id)).await;
    let reader = api.token(vec![Scope::Rest], None).await;
    problem(&api.send_json(&reader, None, &export()).await, 403, "a token that only reads");
    let mine = json!({"kind": "export", "format": "csv", "person": "me"});
    let id = api.send_json(&all, None, &mine).await.json()["id"].as_str().unwrap().to_owned();
    problem(&api.send_json(&anns, None, &mine).await, 404, "about another person");
    for (method, path) in [
        (Method::GET, ""),
        (Method::DELETE, ""),
        (Method::GET, "/result"),
        (Method::GET, "/events"),
        (Method::GET, "/socket"),
    ] {
        let uri = format!("/api/v1/jobs/{id}{path}");
        problem(&api.with_token(&anns, method.clone(), &uri).await, 404, &uri);
        problem(&api.with_token(&reader, method, &uri).await, 403, &uri);
    }
    assert_eq!(api.with_token(&anns, Method::GET, "/api/v1/jobs").await.json(), json!({"jobs": []}));
    // Reading may be open to every client that reaches the address; requesting a job never is.
    let request = Request::post("/api/v1/jobs").header("content-type", "application/json");
    problem(&api.send(request.body(Body::from(mine.to_string())).unwrap()).await, 401, "without a token");
    problem(&api.ask(Method::DELETE, &format!("/api/v1/jobs/{id}")).await, 401, "without a token");
    assert_eq!(api.ask(Method::GET, &format!("/api/v1/jobs/{id}")).await.status, 200);
}

#[tokio::test]
async fn job_with_invalid_parameters_is_refused_when_created() {
    let api = TestApi::with(vec![score("2026-03-29", 82)]).await;
    let token = api.token(vec![Scope::Jobs], None).await;
    for (body, status, words) in [
        (json!({"kind": "export"}), 400, "format"),
        (json!({"kind": "export", "format": "xls"}), 400, "csv"),
        (json!({"kind": "export", "format": "csv", "metrics": ["sleep_skore"]}), 404, "did you mean"),
        (json!({"kind": "export", "format": "csv", "colour": "red"}), 400, "colour"),
        (json!({"kind": "report", "period": "year"}), 400, "week or month"),
        (json!({"kind": "backfill", "from": "2027-01-01", "to": "2027-01-02"}), 400, "still to come"),
        (json!({"kind": "dance"}), 400, "dance"),
        (json!([1]), 400, "body"),
    ] {
        let detail = problem(&api.send_json(&token, None, &body).await, status, &body.to_string());
        assert!(detail.contains(words), "{body}: {detail}");
    }
    let form = Request::post("/api/v1/jobs")
        .header("content-type", "text/plain")
        .header("authorization", format!("Bearer {token}"));
    problem(&api.send(form.body(Body::from(export().to_string())).unwrap()).await, 415, "a form of a page");
    for _ in 0..10 {
        assert_eq!(api.send_json(&token, None, &export()).await.status, 202);
    }
    let full = api.send_json(&token, None, &export()).await;
    problem(&full, 429, "full");
    assert!(full.header("retry-after").is_some());
}

#[tokio::test]
async fn job_watch_receives_every_state_and_the_end() {
    let api = TestApi::with(vec![score("2026-03-29", 82)]).await;
    let token = api.token(vec![Scope::Jobs], None).await;
    let id = api.send_json(&token, None, &export()).await.json()["id"].as_str().unwrap().to_owned();
    let request = Request::get(format!("/api/v1/jobs/{id}/events")).body(Body::empty()).unwrap();
    let response = api.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut events = response.into_body().into_data_stream();
    let first = String::from_utf8(events.next().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(
        first.contains("event: job") && first.contains("id: 1") && first.contains("\"queued\""),
        "{first}"
    );
    assert!(api.worker().step(&CancellationToken::new()).await.unwrap());
    let mut rest = String::new();
    while let Some(piece) = events.next().await {
        rest.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
    }
    assert!(rest.contains("\"state\":\"done\""), "{rest}");
    let version = rest.lines().filter_map(|line| line.strip_prefix("id: ")).next_back().unwrap();
    let again = Request::get(format!("/api/v1/jobs/{id}/events")).header("last-event-id", version);
    let answer = api.send(again.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 204, "there is nothing new, and will not be");
    problem(&api.ask(Method::GET, &format!("/api/v1/jobs/{id}/socket")).await, 426, "no socket");
}

#[tokio::test]
async fn job_without_a_worker_is_deleted_at_once() {
    let api = TestApi::with(vec![score("2026-03-29", 82)]).await;
    let token = api.token(vec![Scope::Jobs], None).await;
    let ask = async || {
        let job = api.send_json(&token, None, &export()).await.json();
        format!("/api/v1/jobs/{}", job["id"].as_str().unwrap())
    };
    let waits = ask().await;
    assert_eq!(api.with_token(&token, Method::DELETE, &waits).await.status, 204);
    problem(&api.with_token(&token, Method::DELETE, &waits).await, 404, "twice");
    assert!(!api.worker().step(&CancellationToken::new()).await.unwrap(), "no worker takes it");

    let ended = ask().await;
    assert!(api.worker().step(&CancellationToken::new()).await.unwrap());
    assert_eq!(api.results(), 1);
    assert_eq!(api.with_token(&token, Method::DELETE, &ended).await.status, 204);
    assert_eq!(api.results(), 0, "health data goes at once");
    for path in ["", "/result", "/events"] {
        problem(&api.with_token(&token, Method::GET, &format!("{ended}{path}")).await, 404, path);
    }

    let runs = ask().await;
    let until = now() + jiff::SignedDuration::from_secs(60);
    let job = api.store.claim_job(&["export"], "w", until, now()).await.unwrap().unwrap();
    for _ in 0..2 {
        let told = api.with_token(&token, Method::DELETE, &runs).await;
        assert_eq!(told.status, 202);
        assert_eq!((&told.json()["state"], &told.json()["cancelling"]), (&json!("running"), &json!(true)));
    }
    let ended = store::JobOutcome::Cancelled;
    assert!(api.store.finish_job(&job, "w", &ended, jobs::RETENTION, now()).await.unwrap());
    problem(&api.with_token(&token, Method::GET, &format!("{runs}/result")).await, 409, "cancelled");
    assert_eq!(api.with_token(&token, Method::DELETE, &runs).await.status, 204);
    problem(&api.ask(Method::GET, "/api/v1/jobs/unknown").await, 404, "unknown");
}

#[tokio::test]
async fn job_result_requires_the_scopes_of_its_data() {
    let api = TestApi::with(vec![score("2026-03-29", 82)]).await;
    let wide = api.token(vec![Scope::Jobs, Scope::Rest], None).await;
    let sleep = api.token(vec![Scope::Jobs, "read:sleep".parse().unwrap()], None).await;
    let everything = json!({"kind": "export", "format": "csv"});
    let documents =
        json!({"kind": "export", "format": "csv", "what": "documents", "collections": ["workout"]});
    let report = json!({"kind": "report", "period": "week"});
    for (work, scope) in [(&everything, "read:"), (&documents, "read:"), (&report, "rest")] {
        let detail = problem(&api.send_json(&sleep, None, work).await, 403, &work.to_string());
        assert!(detail.contains(scope), "{work}: {detail}");
        let job = api.send_json(&wide, None, work).await;
        assert_eq!(job.status, 202, "{work}");
        assert!(api.worker().step(&CancellationToken::new()).await.unwrap());
        let uri = format!("/api/v1/jobs/{}", job.json()["id"].as_str().unwrap());
        let result = format!("{uri}/result");
        problem(&api.with_token(&sleep, Method::GET, &result).await, 403, "made for another principal");
        problem(&api.with_token(&sleep, Method::DELETE, &uri).await, 403, "made for another principal");
        assert_eq!(api.with_token(&wide, Method::GET, &result).await.status, 200);
    }
    let own = api.send_json(&sleep, None, &export()).await;
    assert_eq!(own.status, 202, "{}", String::from_utf8_lossy(&own.body));
    assert!(api.worker().step(&CancellationToken::new()).await.unwrap());
    let result = format!("/api/v1/jobs/{}/result", own.json()["id"].as_str().unwrap());
    assert_eq!(api.with_token(&sleep, Method::GET, &result).await.status, 200);
    let backfill = json!({"kind": "backfill", "from": "2026-03-01", "to": "2026-03-02"});
    assert_eq!(api.send_json(&sleep, None, &backfill).await.status, 202, "it shows nothing");
}

#[tokio::test]
async fn job_of_a_removed_account_is_not_visible_to_its_namesake() {
    let api = TestApi::with(vec![score("2026-03-29", 82)]).await;
    login::account(&api, 7, "ann", None).await;
    let token = login::log_in(&api, "ann").await;
    let first = api.send_json(&token, Some("k"), &export()).await.json();
    assert!(api.store.remove_account("ann").await.unwrap());
    login::account(&api, 8, "ann", None).await;
    let token = login::log_in(&api, "ann").await;
    let second = api.send_json(&token, Some("k"), &export()).await;
    assert_eq!(second.status, 202, "{}", String::from_utf8_lossy(&second.body));
    assert_ne!(second.json()["id"], first["id"], "the key was the other's");
}

#[tokio::test]
async fn job_watch_ends_after_its_maximum_duration() {
    let api = TestApi::with(vec![score("2026-03-29", 82)]).await;
    let token = api.token(vec![Scope::Jobs], None).await;
    let id = api.send_json(&token, None, &export()).await.json()["id"].as_str().unwrap().to_owned();
    let request = Request::get(format!("/api/v1/jobs/{id}/events"));
    let request = request.header("authorization", format!("Bearer {token}"));
    let response = api.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let mut events = response.into_body().into_data_stream();
    assert!(events.next().await.is_some(), "the job as it is");
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_mins(5)).await;
    tokio::time::resume();
    // A heartbeat may come before the end.
    while let Some(piece) = events.next().await {
        assert_eq!(piece.unwrap().as_ref(), b":\n\n");
    }
    assert_eq!(api.with_token(&token, Method::GET, &format!("/api/v1/jobs/{id}")).await.status, 200);
}

#[tokio::test]
async fn job_watch_slots_are_shared_among_principals() {
    let api = TestApi::with(vec![score("2026-03-29", 82)]).await;
    let token = api.token(vec![Scope::Jobs], None).await;
    let id = api.send_json(&token, None, &export()).await.json()["id"].as_str().unwrap().to_owned();
    // Places are the process's: a name that no other test has.
    login::account(&api, 424_242, "crowd", None).await;
    let crowd = login::log_in(&api, "crowd").await;
    let watch = async |token: &str| {
        let request = Request::get(format!("/api/v1/jobs/{id}/events"));
        let request = request.header("authorization", format!("Bearer {token}"));
        api.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    };
    let mut watches = Vec::new();
    for _ in 0..16 {
        watches.push(watch(&crowd).await);
    }
    assert!(watches.iter().all(|watch| watch.status() == 200));
    assert_eq!(watch(&crowd).await.status(), 503);
    assert_eq!(api.counted("api_refused_requests_total{reason=\"busy\"}"), 1);
    assert_eq!(watch(&token).await.status(), 200);
    watches.pop();
    assert_eq!(watch(&crowd).await.status(), 200, "a place is given back");
}
