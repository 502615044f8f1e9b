//! Subscriptions and deliveries, seen from both sides: the application that subscribes and the callback that is called.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator::{Application, Cloud, Deliveries};

use crate::support::{Answer, TOKEN, get, now, person, send};

/// Requests as they came: headers and body.
type Received = Arc<Mutex<Vec<(BTreeMap<String, String>, String)>>>;

/// A cloud, its clock, and a callback that answers as configured and records what it was sent.
struct Setup {
    cloud: Arc<Cloud>,
    /// Seconds since [`now`].
    clock: Arc<AtomicI64>,
    status: Arc<AtomicU16>,
    received: Received,
}

fn setup() -> Setup {
    let (clock, status) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicU16::new(200)));
    let received = Arc::new(Mutex::new(Vec::new()));
    let (read, answer, keep) = (clock.clone(), status.clone(), received.clone());
    let cloud = Cloud::new(move || now() + SignedDuration::from_secs(read.load(Ordering::Relaxed)))
        .with_person(TOKEN, person(1), simulator::SCOPES)
        .with_application(Application {
            id: "app".to_owned(),
            secret: "test-client-secret".to_owned(),
            redirect_uri: "http://localhost/".to_owned(),
            expires_in: 86_400,
            unticked: Vec::new(),
        })
        .with_callbacks(move |request| callback(request, answer.clone(), keep.clone()));
    Setup { cloud: Arc::new(cloud), clock, status, received }
}

async fn callback(request: Request<Body>, status: Arc<AtomicU16>, received: Received) -> Response {
    if request.method() == Method::GET {
        let query = request.uri().query().unwrap().to_owned();
        let challenge = query.split_once("challenge=").unwrap().1.to_owned();
        return if query.contains("verification_token=right&") {
            Json(json!({ "challenge": challenge })).into_response()
        } else {
            StatusCode::UNAUTHORIZED.into_response()
        };
    }
    let headers = request.headers().iter();
    let headers =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let body = to_bytes(request.into_body(), usize::MAX).await.unwrap();
    received.lock().unwrap().push((headers, String::from_utf8(body.to_vec()).unwrap()));
    StatusCode::from_u16(status.load(Ordering::Relaxed)).unwrap().into_response()
}

impl Setup {
    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("/v2/webhook/subscription{path}"))
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-client-id", "app")
            .header("x-client-secret", "test-client-secret");
        let body = body.map_or(Body::empty(), |body| Body::from(body.to_string()));
        send(&self.cloud.router(), request.body(body).unwrap()).await
    }

    async fn subscribe(&self, event_type: &str, data_type: &str) -> Value {
        let answer = self.ask("POST", "", Some(wanted("right", event_type, data_type))).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()
    }

    fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::Relaxed);
    }

    fn received(&self) -> Vec<Value> {
        let received = std::mem::take(&mut *self.received.lock().unwrap());
        received.iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect()
    }
}

fn wanted(token: &str, event_type: &str, data_type: &str) -> Value {
    json!({"callback_url": "https://callback.test/", "verification_token": token,
           "event_type": event_type, "data_type": data_type})
}

#[tokio::test]
async fn subscription_requires_the_challenge_echo() {
    let it = setup();
    let refused = it.ask("POST", "", Some(wanted("wrong", "create", "sleep"))).await;
    assert_eq!(refused.status, 422);
    assert_eq!(it.ask("POST", "", Some(wanted("right", "explode", "sleep"))).await.status, 422);
    assert_eq!(it.ask("POST", "", Some(wanted("right", "create", "heartrate"))).await.status, 422);
    assert_eq!(it.ask("GET", "", None).await.json(), json!([]));
    let made = it.subscribe("create", "vo2_max").await;
    let id = made["id"].as_str().unwrap();
    assert_eq!(it.ask("GET", &format!("/{id}"), None).await.json(), made);
    let list = it.ask("GET", "", None).await.json();
    let expires = made["expiration_time"].as_str().unwrap();
    assert_eq!(
        list[0]["expiration_time"],
        expires.strip_suffix('Z').unwrap(),
        "the list leaves the zone out"
    );
    let stranger = Request::get("/v2/webhook/subscription").header("x-client-id", "app");
    let stranger = send(&it.cloud.router(), stranger.body(Body::empty()).unwrap()).await;
    assert_eq!(stranger.status, 401);
    assert_eq!(it.ask("GET", "/nothing", None).await.status, 403);
}

#[tokio::test]
async fn subscriptions_change_end_and_renew() {
    let it = setup();
    let (kept, lost) = (it.subscribe("create", "sleep").await, it.subscribe("update", "sleep").await);
    let path = |made: &Value| format!("/{}", made["id"].as_str().unwrap());
    let changed = json!({"verification_token": "right", "data_type": "workout"});
    assert_eq!(it.ask("PUT", &path(&kept), Some(changed)).await.json()["data_type"], "workout");
    it.pass(80 * 86_400);
    assert_eq!(it.ask("PUT", &format!("/renew{}", path(&kept)), None).await.status, 200);
    it.pass(20 * 86_400);
    assert_eq!(it.ask("GET", &path(&kept), None).await.status, 200);
    assert_eq!(it.ask("PUT", &format!("/renew{}", path(&lost)), None).await.status, 403, "expired");
    assert_eq!(it.ask("DELETE", &path(&kept), None).await.status, 204);
    assert_eq!(it.ask("DELETE", &path(&kept), None).await.status, 403);
    assert_eq!(it.ask("GET", "", None).await.json(), json!([]));
}

#[tokio::test]
async fn changes_are_sent_as_signed_webhook_events() {
    let it = setup();
    for event in ["create", "update", "delete"] {
        it.subscribe(event, "daily_activity").await;
    }
    assert_eq!(it.cloud.deliver().await, Deliveries::default(), "the first look only looks");
    it.pass(30 * 3_600);
    let done = it.cloud.deliver().await;
    assert_eq!((done.refused, done.lost), (0, 0));
    let events = it.received();
    assert_eq!(events.len(), done.accepted);
    for event in ["create", "update"] {
        assert!(events.iter().any(|it| it["event_type"] == event), "a day and a half of a life: {events:?}");
    }
    let user = person(1).personal_info(now())["id"].clone();
    assert!(events.iter().all(|event| event["user_id"] == user && event["data_type"] == "daily_activity"));
    let id = events[0]["object_id"].as_str().unwrap().to_owned();
    assert_eq!(get(&it.cloud, &format!("daily_activity/{id}")).await.status, 200);

    it.cloud.delete(&id);
    it.cloud.deliver().await;
    let (headers, body) = it.received.lock().unwrap()[0].clone();
    assert!(body.contains("\"delete\"") && body.contains(&id), "{body}");
    assert_eq!(get(&it.cloud, &format!("daily_activity/{id}")).await.status, 404);
    let list = get(&it.cloud, "daily_activity?start_date=2026-11-01&end_date=2026-12-01").await;
    assert!(!list.text.contains(&id));
    assert!(
        headers["x-oura-signature"].len() == 64
            && headers["x-oura-signature"].to_uppercase() == headers["x-oura-signature"]
    );
    assert_eq!(headers["x-oura-timestamp"], (now().as_second() + 30 * 3_600).to_string());
}

#[tokio::test]
async fn refused_webhook_event_is_retried_ten_times_within_an_hour() {
    let it = setup();
    it.subscribe("create", "sleep").await;
    it.status.store(503, Ordering::Relaxed);
    it.cloud.announce("create", "sleep", "x");
    let mut lost_after = 0;
    for second in 0..2 * 3_600 {
        lost_after = second;
        if it.cloud.deliver().await.lost > 0 {
            break;
        }
        it.pass(1);
    }
    assert_eq!(it.received().len(), 11);
    assert!((3_000..4_000).contains(&lost_after), "{lost_after} seconds");
}

#[tokio::test]
async fn status_gone_cancels_the_subscription() {
    let it = setup();
    it.subscribe("create", "sleep").await;
    it.status.store(410, Ordering::Relaxed);
    it.cloud.announce("create", "sleep", "x");
    assert_eq!(it.cloud.deliver().await, Deliveries { cancelled: 1, ..Deliveries::default() });
    assert_eq!(it.ask("GET", "", None).await.json(), json!([]));
}
