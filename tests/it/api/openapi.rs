//! The document, the page, and what answers 404.

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::Value;

use super::world::TestHub;

/// Everything `api.md` promises of this part.
const PROMISED: &[(&str, &str)] = &[
    ("post", "/v1/keys"),
    ("get", "/v1/keys"),
    ("delete", "/v1/keys/{id}"),
    ("post", "/v1/tenants"),
    ("get", "/v1/tenants"),
    ("post", "/v1/connections"),
    ("get", "/v1/connections"),
    ("get", "/v1/connections/{id}"),
    ("patch", "/v1/connections/{id}"),
    ("delete", "/v1/connections/{id}"),
    ("get", "/v1/calendars"),
    ("patch", "/v1/calendars/{id}"),
    ("post", "/v1/calendars/{id}/refresh"),
    ("post", "/v1/resources"),
    ("get", "/v1/resources"),
    ("get", "/v1/resources/{id}"),
    ("put", "/v1/resources/{id}"),
    ("patch", "/v1/resources/{id}"),
    ("delete", "/v1/resources/{id}"),
    ("post", "/v1/freebusy"),
    ("get", "/v1/resources/{id}/freebusy.ics"),
    ("post", "/v1/resources/{id}/feeds"),
    ("delete", "/v1/resources/{id}/feeds"),
    ("get", "/v1/changes"),
    ("get", "/v1/changes/stream"),
    ("get", "/healthz"),
    ("get", "/readyz"),
    ("get", "/metrics"),
    ("get", "/v1/ops/jobs"),
    ("post", "/v1/ops/sync"),
    ("get", "/v1/ops/quarantine"),
    ("get", "/v1/ops/unexpandable"),
];

fn routes(document: &Value) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            all.insert((method.clone(), path.clone()));
        }
    }
    all
}

#[tokio::test]
async fn the_document_names_every_promised_route_and_every_route_of_it_exists() {
    let hub = TestHub::new().await;
    let document = hub.get("/openapi.json").await.expect(200).body;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let routes = routes(&document);
    for (method, path) in PROMISED {
        assert!(routes.contains(&((*method).to_owned(), (*path).to_owned())), "{method} {path}");
    }
    for (method, path) in &routes {
        if path.ends_with("/stream") {
            continue;
        }
        let concrete = path
            .replace("{feed_id}", "fed_1")
            .replace("{calendar_id}", "cal_1")
            .replace("{secret}", "s")
            .replace("{id}", "x_1");
        let method: Method = method.to_uppercase().parse().unwrap();
        let answer = hub.call(method.clone(), &concrete, None, &[]).await;
        assert_ne!(answer.status.as_u16(), 405, "{method} {path}");
        let elsewhere = answer.text.contains("nothing at this address");
        assert!(!elsewhere && answer.status.as_u16() < 500, "{method} {path}: {}", answer.text);
    }
}

#[tokio::test]
async fn every_operation_is_described_and_every_body_has_an_example() {
    let hub = TestHub::new().await;
    let document = hub.get("/openapi.json").await.body;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(!operation["summary"].as_str().unwrap_or("").is_empty(), "{method} {path}");
            assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{method} {path}");
            let body = operation.pointer("/requestBody/content/application~1json/schema/$ref");
            if let Some(reference) = body.and_then(Value::as_str) {
                let schema = document.pointer(reference.trim_start_matches('#')).unwrap();
                assert!(schema.get("example").is_some(), "{method} {path}: {reference}");
            }
        }
    }
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "dangling {pointer}");
    }
}

/// A family whose tag the page does not know would be left out of it.
#[tokio::test]
async fn every_route_of_the_document_stands_on_the_page() {
    let hub = TestHub::new().await;
    let document = hub.get("/openapi.json").await.expect(200).body;
    let page = hub.get("/docs").await.expect(200).text;
    for path in document["paths"].as_object().unwrap().keys() {
        assert!(page.contains(&format!("<code>{path}</code>")), "{path} is not on the page");
    }
}

#[tokio::test]
async fn the_page_loads_nothing_from_anywhere() {
    let hub = TestHub::new().await;
    let page = hub.get("/docs").await.expect(200);
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    assert!(
        !page.text.contains("<script")
            && !page.text.contains("src=")
            && !page.text.contains("<link")
    );
    assert!(page.text.contains("/v1/freebusy"));
}

#[tokio::test]
async fn what_is_not_built_yet_answers_404() {
    let hub = TestHub::new().await;
    for path in ["/v1/slots", "/v1/nothing", "/nothing"] {
        hub.post(path, serde_json::json!({})).await.problem(404, "not_found");
    }
    hub.call(Method::PUT, "/v1/keys", None, &[]).await.problem(405, "method_not_allowed");
}
