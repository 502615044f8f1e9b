//! Every route of the description, asked with every kind of credential. What is expected follows from one line a route;
//! a route without a line fails.

use axum::body::Body;
use axum::http::{Method, Request};
use data_encoding::{BASE64, HEXLOWER};
use domain::{METRICS, Theme};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use store::{DeclaredAccess, DeclaredToken, NewToken, Scope, Scopes};

use crate::documents::score;
use crate::login::{PASSWORD, account_with, log_in};
use crate::test_api::{DESCRIPTION, TestApi, now};

/// What a route opens to.
#[derive(Clone, Copy, Debug)]
enum Opens {
    /// Every client.
    Always,
    /// Any credential in force, whatever it opens.
    AnyCredential,
    /// Any token or log-in that reads something.
    Reading,
    /// What reads this kind of data.
    Data(Theme),
    /// What reads everything.
    Everything,
    /// The one scope, whoever has it.
    Only(Scope),
    /// People who logged in.
    People,
}

use Opens::{Always, AnyCredential, Data, Everything, Only, People, Reading};

/// The route, what it opens to, and whether it is about one person.
const EXPECTED: &[(&str, &str, Opens, bool)] = &[
    ("get", "/api/v1/health", Always, false),
    ("get", "/.well-known/jwks.json", Always, false),
    ("get", "/.well-known/openid-configuration", Always, false),
    ("post", "/api/v1/auth/login", Always, false),
    ("post", "/api/v1/auth/logout", People, false),
    ("get", "/api/v1/auth/methods", Always, false),
    ("get", "/api/v1/auth/sso", Always, false),
    ("get", "/api/v1/auth/sso/callback", Always, false),
    ("post", "/api/v1/auth/session", Always, false),
    ("get", "/api/v1/auth/session", AnyCredential, false),
    ("delete", "/api/v1/auth/session", People, false),
    ("get", "/api/v1/admin/audit", Only(Scope::Admin), false),
    ("post", "/api/v1/admin/people", Only(Scope::Admin), false),
    ("delete", "/api/v1/admin/people/{name}", Only(Scope::Admin), false),
    ("get", "/api/v1/admin/accounts", Only(Scope::Admin), false),
    ("post", "/api/v1/admin/accounts", Only(Scope::Admin), false),
    ("put", "/api/v1/admin/accounts/{name}/password", Only(Scope::Admin), false),
    ("delete", "/api/v1/admin/accounts/{name}", Only(Scope::Admin), false),
    ("get", "/api/v1/admin/tokens", Only(Scope::Admin), false),
    ("post", "/api/v1/admin/tokens", Only(Scope::Admin), false),
    ("delete", "/api/v1/admin/tokens/{number}", Only(Scope::Admin), false),
    ("get", "/api/v1/people", Reading, false),
    ("get", "/api/v1/metrics", Reading, false),
    ("get", "/api/v1/metrics/{id}", Reading, false),
    ("get", "/api/v1/dashboard", Everything, true),
    ("get", "/api/v1/sleep", Data(Theme::Sleep), true),
    ("get", "/api/v1/activity", Data(Theme::Activity), true),
    ("get", "/api/v1/readiness", Data(Theme::Readiness), true),
    ("get", "/api/v1/stress", Data(Theme::Stress), true),
    ("get", "/api/v1/resilience", Data(Theme::Stress), true),
    ("get", "/api/v1/spo2", Data(Theme::Spo2), true),
    ("get", "/api/v1/cardiovascular-age", Data(Theme::HeartHealth), true),
    ("get", "/api/v1/vo2-max", Data(Theme::HeartHealth), true),
    ("get", "/api/v1/sleep-time", Data(Theme::Sleep), true),
    ("get", "/api/v1/personal-info", Data(Theme::Profile), true),
    ("get", "/api/v1/workouts", Data(Theme::Workouts), true),
    ("get", "/api/v1/sessions", Data(Theme::Sessions), true),
    ("get", "/api/v1/tags", Data(Theme::Tags), true),
    ("get", "/api/v1/legacy-tags", Data(Theme::Tags), true),
    ("get", "/api/v1/rest-mode", Data(Theme::RestMode), true),
    ("get", "/api/v1/sleep-periods", Data(Theme::Sleep), true),
    ("get", "/api/v1/ring-configuration", Data(Theme::Ring), true),
    ("get", "/api/v1/heart-rate", Data(Theme::HeartRate), true),
    ("get", "/api/v1/ring-battery", Data(Theme::Ring), true),
    ("get", "/api/v1/hrv", Data(Theme::Sleep), true),
    ("get", "/api/v1/sleep-heart-rate", Data(Theme::Sleep), true),
    ("get", "/api/v1/sleep-phases", Data(Theme::Sleep), true),
    ("get", "/api/v1/sleep-movement", Data(Theme::Sleep), true),
    ("get", "/api/v1/met", Data(Theme::Activity), true),
    ("get", "/api/v1/trends", Data(Theme::Sleep), true),
    ("get", "/api/v1/correlations", Data(Theme::Sleep), true),
    // The tag and the number: two kinds of data at once.
    ("get", "/api/v1/effects/{tag}", Everything, true),
    ("get", "/api/v1/export", Everything, true),
    ("get", "/api/v1/series/{metric}", Data(Theme::Sleep), true),
    ("get", "/api/v1/trends/{metric}", Data(Theme::Sleep), true),
    ("post", "/api/v1/prometheus/read", Only(Scope::RemoteRead), false),
    ("post", "/api/v1/ingest", Only(Scope::Ingest), false),
    ("get", "/api/v1/jobs", Only(Scope::Jobs), true),
    ("post", "/api/v1/jobs", Only(Scope::Jobs), false),
    ("get", "/api/v1/jobs/{id}", Only(Scope::Jobs), false),
    ("delete", "/api/v1/jobs/{id}", Only(Scope::Jobs), false),
    ("get", "/api/v1/jobs/{id}/result", Only(Scope::Jobs), false),
    ("get", "/api/v1/jobs/{id}/events", Only(Scope::Jobs), false),
    ("get", "/api/v1/jobs/{id}/socket", Only(Scope::Jobs), false),
];

/// A client: its name, what it sends, what that holds, and whose numbers it opens.
struct Asker {
    name: &'static str,
    header: Option<String>,
    cookie: Option<String>,
    holds: Holds,
    /// `None`: everyone's.
    person: Option<&'static str>,
}

impl Asker {
    /// Logs in, as this client does: a browser keeps a cookie, a password comes with every request.
    async fn log_in(&mut self, api: &TestApi) {
        if self.name.starts_with("password") {
            let credentials = BASE64.encode(format!("{}:{PASSWORD}", self.name).as_bytes());
            self.header = Some(format!("Basic {credentials}"));
            return;
        }
        let token = log_in(api, self.name).await;
        if self.name.starts_with("browser") {
            self.cookie = Some(format!("myhealth-session={token}"));
        } else {
            self.header = Some(format!("Bearer {token}"));
        }
    }
}

#[derive(Clone, Debug)]
enum Holds {
    Nothing,
    Scopes(Vec<Scope>),
    LogIn(Vec<Scope>),
}

async fn askers(api: &TestApi) -> Vec<Asker> {
    let me = api.person("me").await.id;
    let other = api.person("other").await.id;
    let mut askers = Vec::new();
    let mut secret = 0;
    let mut made = Vec::new();
    for (name, person, owner, scopes, expires_at) in [
        ("token for everybody", None, None, vec![Scope::Rest, Scope::RemoteRead, Scope::Ingest], None),
        ("token of the person", Some(me), Some("me"), vec![Scope::Rest], None),
        ("token of another", Some(other), Some("other"), vec![Scope::Rest], None),
        ("token for sleep", Some(me), Some("me"), vec![Scope::Read(Theme::Sleep)], None),
        ("token for tags", Some(me), Some("me"), vec![Scope::Read(Theme::Tags)], None),
        ("token for remote read", None, None, vec![Scope::RemoteRead], None),
        ("token to send", None, None, vec![Scope::Ingest], None),
        ("token for jobs", Some(me), Some("me"), vec![Scope::Jobs], None),
        ("token of an operator", None, None, vec![Scope::Admin], None),
        ("token of an operator for a person", Some(me), Some("me"), vec![Scope::Admin], None),
        ("token that ended", None, None, vec![Scope::Rest, Scope::RemoteRead, Scope::Ingest], Some(now())),
        ("token that was revoked", None, None, vec![Scope::Rest, Scope::RemoteRead, Scope::Ingest], None),
    ] {
        secret += 1;
        let scopes_of = Scopes::new(scopes.clone());
        let new = NewToken { name: name.into(), person, scopes: scopes_of, expires_at };
        let text = api.store.create_token(&new, [secret; 32], now()).await.unwrap();
        let dead = expires_at.is_some() || name.contains("revoked");
        let holds = if dead { Holds::Nothing } else { Holds::Scopes(scopes) };
        made.push((name, text.clone()));
        askers.push(Asker {
            name,
            header: Some(format!("Bearer {text}")),
            cookie: None,
            holds,
            person: owner,
        });
    }
    assert!(api.store.revoke_token(i64::from(secret), now()).await.unwrap());
    let right = &made[0].1;
    let (head, hash) = right.rsplit_once('_').unwrap();
    let flipped = format!("{head}_{}{}", if hash.starts_with('0') { '1' } else { '0' }, &hash[1..]);
    for (name, header) in [
        ("nothing", None),
        ("wrong secret", Some(format!("Bearer {flipped}"))),
        ("unknown number", Some(format!("Bearer mh_999_{hash}"))),
        ("nonsense", Some("Bearer nonsense".to_owned())),
        ("another scheme", Some(format!("Digest {right}"))),
        ("empty", Some(String::new())),
    ] {
        askers.push(Asker { name, header, cookie: None, holds: Holds::Nothing, person: None });
    }
    let everything = vec![Scope::Rest, Scope::RemoteRead, Scope::Jobs];
    for (id, name, person, owner, scopes) in [
        (1, "log-in of the person", Some(me), Some("me"), everything.clone()),
        (2, "log-in of another", Some(other), Some("other"), everything.clone()),
        (3, "log-in for tags", Some(me), Some("me"), vec![Scope::Read(Theme::Tags)]),
        (4, "log-in of an operator", None, None, vec![Scope::Admin]),
        (5, "log-in to send", None, None, vec![Scope::Ingest]),
        (6, "log-in for everybody", None, None, everything.clone()),
        (7, "browser of the person", Some(me), Some("me"), everything.clone()),
        (8, "browser for tags", Some(me), Some("me"), vec![Scope::Read(Theme::Tags)]),
        (9, "password of the person", Some(me), Some("me"), everything),
    ] {
        account_with(api, (id, name), person, Scopes::of_account(scopes.clone()), None).await;
        let mut asker =
            Asker { name, header: None, cookie: None, holds: Holds::LogIn(scopes), person: owner };
        asker.log_in(api).await;
        askers.push(asker);
    }
    askers.extend(declared(api).await);
    let last = askers.iter().rfind(|asker| asker.name == "log-in for everybody");
    let signed = last.unwrap().header.clone().unwrap();
    let (message, _) = signed.rsplit_once('.').unwrap();
    let unsigned = Some(format!("{message}."));
    askers.push(Asker {
        name: "log-in without signature",
        header: unsigned,
        cookie: None,
        holds: Holds::Nothing,
        person: None,
    });
    askers
}

/// Tokens that a file declares: one in force, one that was there before, and texts that are near it.
async fn declared(api: &TestApi) -> Vec<Asker> {
    let text = |name: &str| format!("mh_{name}_0123456789abcdef0123456789abcdef");
    let token = |name: &str, scope| {
        let hash = HEXLOWER.encode(&Sha256::digest(text(name).as_bytes()));
        let scopes = Scopes::new(vec![scope]);
        DeclaredToken { name: name.to_owned(), hash, person: None, scopes, expires_at: None }
    };
    let (one, other) = (token("declared", Scope::Rest), token("removed", Scope::Rest));
    for tokens in [vec![one.clone(), other], vec![one.clone()]] {
        let declared = DeclaredAccess { tokens, ..DeclaredAccess::default() };
        api.store.reconcile_access(&declared, now()).await.unwrap();
    }
    let asker = |name, text: String, holds| Asker {
        name,
        header: Some(format!("Bearer {text}")),
        cookie: None,
        holds,
        person: None,
    };
    vec![
        asker("declared token", text("declared"), Holds::Scopes(vec![Scope::Rest])),
        asker("token removed from the file", text("removed"), Holds::Nothing),
        asker("hash of a declared token", one.hash, Holds::Nothing),
        asker("declared token cut short", text("declared")[..40].to_owned(), Holds::Nothing),
    ]
}

/// The status that somebody must get; `None`: the handler's own business, but neither 401 nor 403.
fn expected(asker: &Asker, opens: Opens, of_me: bool) -> Option<u16> {
    let reads = |scopes: &[Scope]| scopes.iter().any(|scope| matches!(scope, Scope::Rest | Scope::Read(_)));
    let (scopes, logged_in) = match &asker.holds {
        Holds::Nothing if matches!(opens, Always) => return None,
        Holds::Nothing => return Some(401),
        Holds::Scopes(scopes) => (scopes, false),
        Holds::LogIn(scopes) => (scopes, true),
    };
    let admitted = match opens {
        Always => return None,
        AnyCredential => true,
        People => logged_in,
        Reading => reads(scopes),
        Everything => scopes.contains(&Scope::Rest),
        Data(theme) => scopes.contains(&Scope::Rest) || scopes.contains(&Scope::Read(theme)),
        // About everyone, so not for one person.
        Only(Scope::Admin) => scopes.contains(&Scope::Admin) && asker.person.is_none(),
        Only(scope) => scopes.contains(&scope),
    };
    match (admitted, of_me, asker.person) {
        (false, ..) => Some(403),
        (true, true, Some("other")) => Some(404),
        (true, true, _) => Some(200),
        (true, false, _) => None,
    }
}

#[tokio::test]
async fn every_route_admits_exactly_the_expected_credentials() {
    let api = TestApi::edged(|_| (), api::Anonymous::Refused).await;
    let mut askers = askers(&api).await;
    let (collection, document) = score("2026-03-29", 82);
    api.put("me", collection, vec![document]).await;
    let mut asked = 0;
    for (path, item) in DESCRIPTION["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let found =
                EXPECTED.iter().find(|(one, other, ..)| (one, other) == (&method.as_str(), &path.as_str()));
            let (_, _, opens, of_me) = found.unwrap_or_else(|| {
                panic!("{method} {path} is new: say in this file to whom it opens");
            });
            assert_eq!(
                matches!(opens, Always),
                operation["security"] == serde_json::json!([{}]),
                "{path} says in its description whether it needs a token"
            );
            if let Only(scope) = opens {
                let schemes =
                    ["bearer", "basic"].map(|scheme| serde_json::json!({scheme: [scope.to_string()]}));
                assert_eq!(operation["security"], serde_json::json!(schemes), "{path} names its scope");
            }
            for asker in &askers {
                let mut request = Request::builder()
                    .method(Method::from_bytes(method.to_uppercase().as_bytes()).unwrap())
                    .uri(uri(path, operation, *of_me));
                if let Some(header) = &asker.header {
                    request = request.header("authorization", header);
                }
                if let Some(cookie) = &asker.cookie {
                    request = request.header("cookie", cookie).header("sec-fetch-site", "same-origin");
                }
                let answer = api.send(request.body(Body::empty()).unwrap()).await;
                let status = answer.status.as_u16();
                let what =
                    format!("{method} {path} by {}: {}", asker.name, String::from_utf8_lossy(&answer.body));
                match expected(asker, *opens, *of_me) {
                    Some(expected) => assert_eq!(status, expected, "{what}"),
                    None => assert!(!matches!(status, 401 | 403) && status < 500, "{status} {what}"),
                }
                asked += 1;
            }
            if matches!(opens, People) {
                // It has ended the log-ins that ask the others.
                for asker in askers.iter_mut().filter(|asker| matches!(asker.holds, Holds::LogIn(_))) {
                    asker.log_in(&api).await;
                }
            }
        }
    }
    assert_eq!(asked, EXPECTED.len() * askers.len(), "a line without a route");
}

/// The route with the examples of its path, about `me` where it is about somebody.
fn uri(path: &str, operation: &Value, of_me: bool) -> String {
    let mut uri = path.to_owned();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        if parameter["in"] == "path" {
            let name = format!("{{{}}}", parameter["name"].as_str().unwrap());
            uri = uri.replace(&name, parameter["example"].as_str().unwrap());
        }
    }
    let needed = match path {
        "/api/v1/export" => "&format=csv",
        "/api/v1/trends" | "/api/v1/correlations" => "&metrics=sleep_score,sleep_duration",
        "/api/v1/effects/{tag}" => "&metric=sleep_score",
        _ => "",
    };
    if of_me { format!("{uri}?person=me{needed}") } else { uri }
}

#[tokio::test]
async fn metric_is_readable_only_with_the_scope_of_its_theme() {
    let api = TestApi::edged(|_| (), api::Anonymous::Refused).await;
    api.person("me").await;
    let mut tokens = Vec::new();
    for (n, theme) in (1..).zip(Theme::ALL) {
        let scopes = Scopes::new(vec![Scope::Read(*theme)]);
        let new = NewToken { name: theme.name().into(), person: None, scopes, expires_at: None };
        tokens.push((*theme, api.store.create_token(&new, [n; 32], now()).await.unwrap()));
    }
    for metric in METRICS {
        let path = if metric.is_series() { "series" } else { "trends" };
        for (theme, token) in &tokens {
            let uri = format!("/api/v1/{path}/{}", metric.key);
            let status = crate::login::with(&api, Method::GET, &uri, token).await.status.as_u16();
            let mine = metric.collection.theme() == *theme;
            assert_eq!(status != 403, mine, "{} with read:{theme}: {status}", metric.key);
        }
    }
}
