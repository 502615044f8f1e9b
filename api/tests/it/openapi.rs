use axum::http::{Method, StatusCode};
use serde_json::Value;

use crate::conforms::check;
use crate::documents::{awake, night, score, steps};
use crate::test_api::{DESCRIPTION, TestApi};

#[test]
fn openapi_file_is_current() {
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let expected = format!("{}\n", api::openapi().to_pretty_json().unwrap());
    assert!(
        std::fs::read_to_string(committed).is_ok_and(|text| text == expected),
        "api/openapi.json is not what the handlers say; run `cargo xtask generate` and commit what changed"
    );
}

#[tokio::test]
async fn openapi_endpoint_serves_the_committed_file() {
    let answer = TestApi::empty().await.ask(Method::GET, "/api/openapi.json").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json(), *DESCRIPTION);
}

/// Questions too long or too secret for a query string, and the paths that write.
const POSTS: [&str; 4] =
    ["/api/v1/prometheus/read", "/api/v1/ingest", "/api/v1/auth/login", "/api/v1/auth/logout"];

/// Answers that are files; `export.rs` asks for them.
const FILES: [&str; 1] = ["/api/v1/export"];

/// Long work, which is asked for and cancelled; `jobs.rs` asks for it.
const JOBS: &str = "/api/v1/jobs";

/// What browsers follow to an identity provider and back.
const SINGLE_SIGN_ON: &str = "/api/v1/auth/sso";

/// What operators do and read; `admin.rs` and `audit.rs` ask for it.
const ADMIN: &str = "/api/v1/admin/";

fn operations() -> Vec<(&'static str, &'static Value)> {
    let paths = DESCRIPTION["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods: Vec<&str> = item.as_object().unwrap().keys().map(String::as_str).collect();
        let expected: &[&str] = match path.as_str() {
            path if POSTS.contains(&path) => &["post"],
            "/api/v1/jobs/{id}" => &["delete", "get"],
            "/api/v1/auth/session" => &["delete", "get", "post"],
            "/api/v1/admin/people" => &["post"],
            "/api/v1/jobs" | "/api/v1/admin/accounts" | "/api/v1/admin/tokens" => &["get", "post"],
            "/api/v1/admin/accounts/{name}/password" => &["put"],
            "/api/v1/admin/people/{name}"
            | "/api/v1/admin/accounts/{name}"
            | "/api/v1/admin/tokens/{number}" => &["delete"],
            _ => &["get"],
        };
        assert_eq!(methods, expected, "{path} is only read");
        methods.into_iter().map(move |method| (path.as_str(), &item[method]))
    });
    operations.collect()
}

#[test]
fn openapi_describes_every_operation() {
    for (path, operation) in operations() {
        let id = operation["operationId"].as_str().unwrap();
        assert!(
            ["get_", "list_", "read_", "ingest", "log_", "create_", "delete_", "set_", "watch_"]
                .iter()
                .any(|verb| id.starts_with(verb)),
            "{path}: {id}"
        );
        assert!(operation["summary"].as_str().is_some_and(|text| text.ends_with('.')), "{path}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string() && !parameter["example"].is_null(), "{parameter}");
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(
                response["description"].as_str().is_some_and(|text| text.ends_with('.')),
                "{path} {status}"
            );
        }
    }
}

#[tokio::test]
async fn openapi_examples_are_answered() {
    let day = "2026-03-29";
    let api = TestApi::with(vec![
        score(day, 82),
        night(day, &[Some(50.0)]),
        steps(day, 8000),
        awake(day, &[("06:00:00", 61)]),
    ])
    .await;
    for (path, operation) in operations()
        .into_iter()
        .filter(|(path, _)| !POSTS.contains(path) && !FILES.contains(path) && !path.starts_with(JOBS))
        .filter(|(path, _)| !path.starts_with(ADMIN) && !path.starts_with(SINGLE_SIGN_ON))
    {
        let (mut uri, mut query, mut bare) = (path.to_owned(), Vec::new(), true);
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            check(&DESCRIPTION, &parameter["schema"], &parameter["example"], path).unwrap();
            let name = parameter["name"].as_str().unwrap();
            let example = parameter["example"].to_string();
            let example = example.trim_matches('"');
            match parameter["in"].as_str() {
                Some("path") => uri = uri.replace(&format!("{{{name}}}"), example),
                _ => query.push(format!("{name}={example}")),
            }
            bare &= parameter["in"] == "path" || parameter["required"] != true;
        }
        if bare {
            api.get(&uri).await;
        }
        // A range begins with `from` or is as long as `period` says.
        if let Some(at) = query.iter().position(|pair| pair.starts_with("period=")) {
            let mut by_period = query.clone();
            by_period.retain(|pair| !pair.starts_with("from="));
            api.get(&format!("{uri}?{}", by_period.join("&"))).await;
            query.remove(at);
        }
        if !query.is_empty() {
            api.get(&format!("{uri}?{}", query.join("&"))).await;
        }
    }
}

#[test]
fn openapi_fields_have_descriptions_and_valid_examples() {
    for (name, schema) in DESCRIPTION["components"]["schemas"].as_object().unwrap() {
        assert!(schema["description"].is_string(), "{name}");
        if let Some(example) = schema.get("example") {
            check(&DESCRIPTION, schema, example, name).unwrap();
        }
        for (field, member) in schema["properties"].as_object().into_iter().flatten() {
            let at = format!("{name}.{field}");
            // An optional member that is an object of its own carries its words inside.
            let words = [member, &member["oneOf"][0]].iter().any(|place| place["description"].is_string());
            assert!(words, "{at}");
            if let Some(example) = member.get("example") {
                check(&DESCRIPTION, member, example, &at).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn swagger_ui_loads_nothing_from_other_hosts() {
    let api = TestApi::empty().await;
    let redirect = api.ask(Method::GET, "/api/docs").await;
    assert_eq!((redirect.status, redirect.header("location")), (StatusCode::SEE_OTHER, Some("/api/docs/")));
    let page = api.ask(Method::GET, "/api/docs/").await;
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self';") && policy.contains("connect-src 'self'"), "{policy}");
    let text = String::from_utf8(page.body).unwrap();
    assert!(!text.contains("http://") && !text.contains("https://"), "{text}");
    assert!(
        !text.contains("<script>") && !text.contains("onload="),
        "the policy forbids inline scripts: {text}"
    );
    let links: Vec<&str> = text
        .split('"')
        .filter(|part| part.rsplit_once('.').is_some_and(|(_, kind)| matches!(kind, "js" | "css" | "png")))
        .collect();
    assert!(links.len() >= 5, "{links:?}");
    for link in links {
        let answer = api.ask(Method::GET, &format!("/api/docs/{}", link.trim_start_matches("./"))).await;
        assert_eq!(answer.status, StatusCode::OK, "{link}");
        assert!(answer.body.len() > 50, "{link}");
    }
    let settings = api.ask(Method::GET, "/api/docs/swagger-initializer.js").await;
    let settings = String::from_utf8(settings.body).unwrap();
    assert!(
        settings.contains("../openapi.json") && settings.contains("\"validatorUrl\": \"none\""),
        "{settings}"
    );
    assert!(settings.contains("\"layout\": \"BaseLayout\""), "no field for other descriptions: {settings}");
}
