//! Consent, exchange, rotation.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::Body;
use axum::http::{Request, header};
use jiff::SignedDuration;
use serde_json::Value;
use simulator::{Application, Cloud};

use crate::support::{Answer, TOKEN, get_as, now, person, send};

const REDIRECT: &str = "http://localhost:8080/callback";

struct Setup {
    cloud: Arc<Cloud>,
    /// Seconds since [`now`].
    clock: Arc<AtomicI64>,
}

fn setup() -> Setup {
    let clock = Arc::new(AtomicI64::new(0));
    let read = Arc::clone(&clock);
    let cloud = Cloud::new(move || now() + SignedDuration::from_secs(read.load(Ordering::Relaxed)))
        .with_person(TOKEN, person(1), &["daily"])
        .with_application(application("app"))
        .with_portal_application(application("new"));
    Setup { cloud: Arc::new(cloud), clock }
}

fn application(id: &str) -> Application {
    Application {
        id: id.to_owned(),
        secret: "secret".to_owned(),
        redirect_uri: REDIRECT.to_owned(),
        expires_in: 86_400,
        unticked: vec!["heartrate".to_owned()],
    }
}

impl Setup {
    /// The code of a fresh consent.
    async fn consent(&self) -> String {
        self.consent_with("client_id=app").await
    }

    async fn consent_with(&self, more: &str) -> String {
        let query = format!(
            "response_type=code&{more}&scope=daily+extapi%3Aheartrate+personal+horoscope&state=a%26b"
        );
        let uri = format!("/oauth/authorize?{query}&redirect_uri=http%3A%2F%2Flocalhost%3A8080%2Fcallback");
        let answer = send(&self.cloud.router(), Request::get(uri).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 302, "{}", answer.text);
        let location = answer.headers[header::LOCATION].to_str().unwrap();
        let code = location.strip_prefix(REDIRECT).unwrap().strip_prefix("?code=").unwrap();
        code.strip_suffix("&state=a%26b").unwrap().to_owned()
    }

    async fn token(&self, form: &str, basic: Option<&str>) -> Answer {
        self.post("/oauth/token", form, basic).await
    }

    async fn post(&self, path: &str, form: &str, basic: Option<&str>) -> Answer {
        let mut request =
            Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(basic) = basic {
            request = request.header(header::AUTHORIZATION, format!("Basic {basic}"));
        }
        send(&self.cloud.router(), request.body(Body::from(form.to_owned())).unwrap()).await
    }

    async fn exchange(&self, code: &str) -> Answer {
        let form = format!("grant_type=authorization_code&code={code}&redirect_uri={REDIRECT}");
        self.token(&format!("{form}&client_id=app&client_secret=secret"), None).await
    }

    async fn refresh(&self, token: &str) -> Answer {
        // app:secret
        self.token(&format!("grant_type=refresh_token&refresh_token={token}"), Some("YXBwOnNlY3JldA==")).await
    }
}

fn pair(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let field = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
    (field("access_token"), field("refresh_token"))
}

fn error(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    answer.json()["error"].clone()
}

#[tokio::test]
async fn authorization_code_works_once_for_ten_minutes() {
    let it = setup();
    let code = it.consent().await;
    let answer = it.exchange(&code).await;
    let (access, _) = pair(&answer);
    assert_eq!(
        answer.json()["scope"],
        "extapi:daily extapi:personal",
        "unticked and unknown scopes are gone"
    );
    assert_eq!(answer.json()["expires_in"], 86_400);
    assert_eq!(get_as(&it.cloud, "sleep", Some(&access)).await.status, 200);
    assert_eq!(get_as(&it.cloud, "heartrate", Some(&access)).await.status, 401);
    assert_eq!(error(&it.exchange(&code).await, 400), "invalid_grant");
    let late = it.consent().await;
    it.clock.store(601, Ordering::Relaxed);
    assert_eq!(error(&it.exchange(&late).await, 400), "invalid_grant");
}

#[tokio::test]
async fn refresh_tokens_rotate_and_are_single_use() {
    let it = setup();
    let (old, first) = pair(&it.exchange(&it.consent().await).await);
    it.clock.store(86_400, Ordering::Relaxed);
    assert_eq!(get_as(&it.cloud, "sleep", Some(&old)).await.status, 401, "expired");
    let (access, second) = pair(&it.refresh(&first).await);
    assert_eq!(get_as(&it.cloud, "sleep", Some(&access)).await.status, 200);
    assert_eq!(error(&it.refresh(&first).await, 400), "invalid_grant", "spent");
    let (_, third) = pair(&it.refresh(&second).await);
    it.cloud.revoke(&access);
    assert_eq!(error(&it.refresh(&third).await, 400), "invalid_grant", "revoked");
}

#[tokio::test]
async fn unknown_clients_are_refused() {
    let it = setup();
    let wrong =
        it.token("grant_type=refresh_token&refresh_token=x&client_id=app&client_secret=no", None).await;
    assert_eq!(error(&wrong, 401), "invalid_client");
    let odd = it.token("grant_type=password&client_id=app&client_secret=secret", None).await;
    assert_eq!(error(&odd, 400), "unsupported_grant_type");
    let elsewhere =
        "/oauth/authorize?response_type=code&client_id=app&redirect_uri=http%3A%2F%2Fevil.example";
    let answer = send(&it.cloud.router(), Request::get(elsewhere).body(Body::empty()).unwrap()).await;
    assert_eq!(error(&answer, 400), "invalid_request");
}

#[tokio::test]
async fn reused_refresh_token_is_counted() {
    let it = setup();
    let (_, first) = pair(&it.exchange(&it.consent().await).await);
    pair(&it.refresh(&first).await);
    assert_eq!((it.cloud.refresh_reuses(), it.cloud.log_ins()), (0, 1));
    it.refresh(&first).await;
    it.refresh("never issued").await;
    assert_eq!(it.cloud.refresh_reuses(), 1);
}

#[tokio::test]
async fn application_works_only_at_its_own_front_end() {
    let it = setup();
    let own = "&client_id=new&client_secret=secret";
    let exchange = async |path: &str, code: &str| {
        let form = format!("grant_type=authorization_code&code={code}&redirect_uri={REDIRECT}{own}");
        it.post(path, &form, None).await
    };
    let code = it.consent_with("client_id=new").await;
    assert_eq!(error(&exchange("/oauth/token", &code).await, 401), "invalid_client");
    let (access, refresh) = pair(&exchange("/oauth/v2/ext/oauth-token", &code).await);
    let form = format!("grant_type=refresh_token&refresh_token={refresh}{own}");
    assert_eq!(error(&it.post("/oauth/token", &form, None).await, 400), "invalid_request");
    let (_, refresh) = pair(&it.post("/oauth/v2/ext/oauth-token", &form, None).await);
    let form = format!("token={refresh}{own}");
    assert_eq!(it.post("/oauth/v2/ext/oauth-revoke", &form, None).await.status, 200);
    assert_eq!(get_as(&it.cloud, "sleep", Some(&access)).await.status, 401, "the consent is forgotten");
    assert_eq!(it.cloud.log_ins(), 0);
    assert_eq!(get_as(&it.cloud, "sleep", Some(TOKEN)).await.status, 200, "another consent is not");
}

#[tokio::test]
async fn pkce_challenge_requires_its_verifier() {
    let it = setup();
    // RFC 7636, appendix B.
    let challenge = "client_id=app&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    for (verifier, status) in [
        ("", 400),
        ("&code_verifier=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", 400),
        ("&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", 200),
    ] {
        let code = it.consent_with(challenge).await;
        let answer = it.exchange(&format!("{code}{verifier}")).await;
        assert_eq!(answer.status.as_u16(), status, "{verifier}: {}", answer.text);
    }
}

#[tokio::test]
async fn consent_can_be_denied() {
    let it = setup();
    it.cloud.set_denies(true);
    let uri = "/oauth/authorize?response_type=code&client_id=app&state=s&redirect_uri=http%3A%2F%2Flocalhost%3A8080%2Fcallback";
    let answer = send(&it.cloud.router(), Request::get(uri).body(Body::empty()).unwrap()).await;
    assert_eq!(answer.headers[header::LOCATION], format!("{REDIRECT}?error=access_denied&state=s"));
}
