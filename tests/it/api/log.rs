//! The change log in pages and live.

use std::time::Duration;

use axum::{body::Body, http::Request};
use futures::StreamExt;
use serde_json::{Value, json};

use super::world::{KEY, TestHub};

async fn make(hub: &TestHub, name: &str) {
    hub.post("/v1/resources", json!({"name": name, "external_id": name})).await.expect(201);
}

fn names(items: &Value) -> Vec<String> {
    let items = items.as_array().unwrap().iter();
    items.map(|item| item["data"]["after"]["name"].as_str().unwrap_or("").to_owned()).collect()
}

#[tokio::test]
async fn the_log_is_read_on_from_a_cursor() {
    let hub = TestHub::new().await;
    let now = hub.get("/v1/changes?after=now").await.expect(200).body;
    assert_eq!(now["items"], json!([]));
    for name in ["a", "b", "c"] {
        make(&hub, name).await;
    }
    let path = |cursor: &Value| format!("/v1/changes?limit=2&after={}", cursor.as_str().unwrap());
    let first = hub.get(&path(&now["cursor"])).await.expect(200).body;
    assert_eq!(names(&first["items"]), ["a", "b"]);
    assert_eq!(first["items"][0]["type"], "resource.created");
    assert_eq!(first["items"][0]["actor"], "key:boot");
    assert_eq!(first["items"][0]["data"]["external_id"], "a");
    let second = hub.get(&path(&first["cursor"])).await.expect(200).body;
    assert_eq!(names(&second["items"]), ["c"]);
    let end = hub.get(&path(&second["cursor"])).await.expect(200).body;
    assert_eq!(end["items"], json!([]));
    assert_eq!(end["cursor"], second["cursor"]);
    let all = hub.get("/v1/changes").await.expect(200).body;
    assert_eq!(names(&all["items"]), ["a", "b", "c"]);
    let filtered = hub.get("/v1/changes?types=booking.created").await.expect(200).body;
    assert_eq!(filtered["items"], json!([]));
}

#[tokio::test]
async fn a_cursor_of_another_life_has_expired() {
    let hub = TestHub::new().await;
    hub.get("/v1/changes?after=e0123456789abcdef.0.1").await.problem(410, "cursor_expired");
    hub.get("/v1/changes?after=yesterday").await.problem(400, "invalid_parameter");
    hub.get("/v1/changes/stream?after=e0123456789abcdef.0.1").await.problem(410, "cursor_expired");
}

/// Reads a stream until it has given `count` events, as (id, type, data).
async fn events(
    hub: &TestHub,
    last_seen: Option<&str>,
    count: usize,
) -> Vec<(String, String, Value)> {
    let mut request =
        Request::get("/v1/changes/stream").header("authorization", format!("Bearer {KEY}"));
    if let Some(id) = last_seen {
        request = request.header("last-event-id", id);
    }
    let service = hub.routes.clone();
    let response =
        tower::ServiceExt::oneshot(service, request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut chunks = response.into_body().into_data_stream();
    let mut text = String::new();
    while text.matches("\n\n").count() < count {
        let chunk = tokio::time::timeout(Duration::from_secs(10), chunks.next()).await;
        text.push_str(
            std::str::from_utf8(&chunk.expect("no event came").unwrap().unwrap()).unwrap(),
        );
    }
    let field = |event: &str, name: &str| {
        let line = event.lines().find_map(|line| line.strip_prefix(name).map(str::trim_start));
        line.unwrap_or_else(|| panic!("no {name} in {event}")).to_owned()
    };
    text.split_terminator("\n\n")
        .map(|event| {
            let data = serde_json::from_str(&field(event, "data:")).unwrap();
            (field(event, "id:"), field(event, "event:"), data)
        })
        .collect()
}

#[tokio::test]
async fn a_live_reader_gets_each_entry_once_and_in_order_and_resumes() {
    let hub = TestHub::new().await;
    let start = hub.get("/v1/changes?after=now").await.body["cursor"].as_str().unwrap().to_owned();
    for name in ["a", "b", "c"] {
        make(&hub, name).await;
    }
    let all = events(&hub, Some(&start), 3).await;
    let seen: Vec<_> =
        all.iter().map(|(_, _, data)| data["data"]["after"]["name"].clone()).collect();
    assert_eq!(seen, ["a", "b", "c"]);
    assert!(all.iter().all(|(id, kind, data)| data["cursor"] == *id && kind == "resource.created"));
    let rest = events(&hub, Some(&all[0].0), 2).await;
    assert_eq!(rest, all[1..]);
}

#[tokio::test]
async fn a_live_reader_sees_what_happens_while_it_waits_and_ends_with_the_hub() {
    let hub = TestHub::new().await;
    let (seen, ()) = tokio::join!(events(&hub, None, 1), async {
        tokio::task::yield_now().await;
        make(&hub, "later").await;
    });
    assert_eq!(seen[0].2["data"]["after"]["name"], "later");

    let request =
        Request::get("/v1/changes/stream").header("authorization", format!("Bearer {KEY}"));
    let response =
        tower::ServiceExt::oneshot(hub.routes.clone(), request.body(Body::empty()).unwrap())
            .await
            .unwrap();
    let mut chunks = response.into_body().into_data_stream();
    hub.stop.send_replace(true);
    let ended = tokio::time::timeout(Duration::from_secs(10), chunks.next()).await;
    assert!(ended.expect("the stream did not end").is_none());
}
