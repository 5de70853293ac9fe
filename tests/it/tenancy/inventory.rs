//! The OpenAPI document lists every route that the router serves, and each with what it needs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::http::Method;
use calhub::http::{Api, described};
use serde_json::Value;

use crate::api::world::TestHub;

type Routes = BTreeSet<(String, String)>;

pub fn documented(document: &Value) -> Routes {
    let mut all = Routes::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            all.insert((method.to_uppercase(), path.clone()));
        }
    }
    all
}

/// What the router itself says that it serves, read from its debug form: axum tells it nowhere else.
fn served(hub: &TestHub) -> Routes {
    let (_stop, stopping) = tokio::sync::watch::channel(false);
    let text = described(&Api::new(Arc::clone(&hub.hub), stopping));
    let text = text.split("fallback_router").next().unwrap();
    let (routes, paths) = text.split_once("node: Node").unwrap();
    let mut path_of = BTreeMap::new();
    for part in paths.split("RouteId(").skip(1) {
        let (id, rest) = part.split_once(')').unwrap();
        if let Some(path) = rest.strip_prefix(": \"") {
            path_of.insert(id.to_owned(), path.split('"').next().unwrap().to_owned());
        }
    }
    let mut all = Routes::new();
    for part in routes.split("RouteId(").skip(1) {
        let Some((id, endpoint)) = part.split_once("): ") else { continue };
        let path = &path_of[id];
        assert!(endpoint.starts_with("MethodRouter("), "{path} is no plain route: {endpoint}");
        for method in
            ["get", "post", "put", "patch", "delete", "head", "options", "trace", "connect"]
        {
            let (_, slot) = endpoint.split_once(&format!("{method}: ")).unwrap();
            if !slot.starts_with("None") {
                all.insert((method.to_uppercase(), path.clone()));
            }
        }
    }
    all
}

#[tokio::test]
async fn the_document_lists_every_route_that_is_served_and_no_other() {
    let hub = TestHub::new().await;
    let document = hub.get("/openapi.json").await.expect(200).body;
    let documented = documented(&document);
    let served = served(&hub);
    assert!(served.len() > 35, "the router's debug form is read wrongly: {served:?}");
    let hidden: Vec<_> = served.difference(&documented).collect();
    let invented: Vec<_> = documented.difference(&served).collect();
    assert!(hidden.is_empty() && invented.is_empty(), "hidden {hidden:?}, invented {invented:?}");
}

#[tokio::test]
async fn a_path_takes_no_method_beyond_the_document() {
    let hub = TestHub::new().await;
    let document = hub.get("/openapi.json").await.expect(200).body;
    let documented = documented(&document);
    let paths: BTreeSet<_> = documented.iter().map(|(_, path)| path.clone()).collect();
    for path in paths {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"] {
            let concrete = path.replace(['{', '}'], "");
            let known = documented.contains(&(method.to_owned(), path.clone()));
            if known || path.starts_with("/v1/changes/stream") {
                continue;
            }
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = hub.call(method.clone(), &concrete, None, &[]).await;
            assert_eq!(answer.status.as_u16(), 405, "{method} {path}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn every_route_under_v1_names_the_scopes_it_needs() {
    let hub = TestHub::new().await;
    let document = hub.get("/openapi.json").await.expect(200).body;
    for (method, path) in documented(&document) {
        let security = &document["paths"][&path][method.to_lowercase()]["security"];
        let alternatives = security.as_array().unwrap_or_else(|| panic!("{method} {path}"));
        if path.starts_with("/v1/") {
            assert!(!alternatives.is_empty(), "{method} {path}");
            for one in alternatives {
                let scopes = one["key"].as_array().unwrap_or_else(|| panic!("{method} {path}"));
                assert_eq!(scopes.len(), 1, "{method} {path}: alternatives, not sums");
            }
        } else {
            assert_eq!(security.to_string(), "[{}]", "{method} {path} is open, or moves under /v1");
        }
    }
}
