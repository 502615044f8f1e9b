//! Every answer fits Oura's own OpenAPI document, where a copy lies next to the project. It is Oura's and not ours to
//! publish, so without the copy the test says that it did nothing.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use simulator::{COLLECTIONS, Shape};

use crate::support::{DOCUMENTS, cloud, get};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/oura/openapi-1.43.json");

/// Where a value and its schema differ, as JSON-pointer-like paths with reasons.
fn differences(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.trim_start_matches('#')).unwrap();
        return differences(root, target, value, at, found);
    }
    if let Some(options) = schema["anyOf"].as_array() {
        let tries = options.iter().map(|option| {
            let mut inner = Vec::new();
            differences(root, option, value, at, &mut inner);
            inner
        });
        let best = tries.min_by_key(Vec::len).unwrap();
        return found.extend(best);
    }
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        other => panic!("{at}: the schema has type {other:?}"),
    };
    if !fits {
        return found.push(format!("{at}: {value} is not {}", schema["type"]));
    }
    if let Some(allowed) = schema["enum"].as_array().filter(|allowed| !allowed.contains(value)) {
        found.push(format!("{at}: {value} is none of {allowed:?}"));
    }
    let properties = schema["properties"].as_object();
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            found.push(format!("{at}: no {name}"));
        }
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        match properties.and_then(|properties| properties.get(name)) {
            Some(schema) => differences(root, schema, member, &format!("{at}.{name}"), found),
            None => found.push(format!("{at}: {name} is not in the schema")),
        }
    }
    for item in value.as_array().into_iter().flatten() {
        differences(root, &schema["items"], item, &format!("{at}[]"), found);
    }
}

#[tokio::test]
async fn year_of_documents_fits_the_openapi_schemas() {
    if !Path::new(DOCUMENT).exists() {
        eprintln!("skipped: no copy of Oura's OpenAPI document");
        return;
    }
    let root: Value = serde_json::from_str(&std::fs::read_to_string(DOCUMENT).unwrap()).unwrap();
    let cloud = Arc::new(cloud().with_page_size(1_000));
    let check = |path: &str, answer: &Value| {
        let content = "responses/200/content/application~1json/schema";
        let pointer = format!("/paths/~1v2~1usercollection~1{path}/get/{content}");
        let mut found = Vec::new();
        differences(&root, root.pointer(&pointer).unwrap(), answer, path, &mut found);
        found.sort();
        found.dedup();
        assert!(found.is_empty(), "{}", found[..found.len().min(20)].join("\n"));
    };
    for collection in DOCUMENTS {
        let answer =
            get(&cloud, &format!("{collection}?start_date=2025-11-21&end_date=2026-11-21")).await.json();
        let documents = answer["data"].as_array().unwrap();
        assert!(documents.len() > 300, "{collection}: {}", documents.len());
        check(collection, &answer);
        check(&format!("{collection}~1{{document_id}}"), &documents[0]);
    }
    // What the document requires of the others exists since 2026: `timestamp_unix`, an id of the cardiovascular age.
    for collection in COLLECTIONS.iter().filter(|collection| !DOCUMENTS.contains(&collection.name)) {
        let mut query = match collection.shape {
            Shape::Documents => "start_date=2026-01-03&end_date=2026-11-21".to_owned(),
            Shape::Series => {
                "start_datetime=2026-01-03T00:00:00Z&end_datetime=2026-11-21T00:00:00Z".to_owned()
            }
            Shape::Whole => String::new(),
        };
        let mut documents = 0;
        loop {
            let page = get(&cloud, &format!("{}?{query}", collection.name)).await.json();
            documents += page["data"].as_array().unwrap().len();
            check(collection.name, &page);
            let Some(token) = page["next_token"].as_str() else { break };
            query = format!("next_token={token}");
        }
        // Tags of the older kind ended before the shapes of this document began; rest mode is rare.
        let least = match collection.name {
            "tag" => 0,
            "rest_mode_period" => 1,
            "ring_configuration" => 2,
            _ => 25,
        };
        assert!(documents >= least, "{}: {documents}", collection.name);
    }
    check("personal_info", &get(&cloud, "personal_info").await.json());
}
