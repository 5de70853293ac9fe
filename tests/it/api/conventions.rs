//! Problems, idempotency, ETags, pages: what every route has in common.

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::json;

use super::world::{KEY, TestHub};

fn raw(body: impl Into<Body>) -> Request<Body> {
    Request::post("/v1/resources")
        .header("authorization", format!("Bearer {KEY}"))
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap()
}

#[tokio::test]
async fn no_body_however_broken_is_a_fault_of_the_hub() {
    let hub = TestHub::new().await;
    hub.send(raw("{")).await.problem(400, "invalid_json");
    hub.send(raw("[".repeat(200_000))).await.problem(400, "invalid_json");
    hub.send(raw(&b"{\"name\":\"\xff\xfe\"}"[..])).await.problem(400, "invalid_json");
    hub.send(raw(vec![b' '; (1 << 20) + 1])).await.problem(413, "body_too_large");
    hub.send(raw("")).await.problem(422, "invalid");
    hub.send(raw("[]")).await.problem(422, "invalid");
    hub.send(raw("null")).await.problem(422, "invalid");
    hub.send(raw("{\"name\": 5}")).await.problem(422, "invalid");
    hub.send(raw("{\"name\": \"x\\u0000y\"}")).await.problem(422, "invalid");
    hub.send(raw(format!("{{\"name\":\"{}\"}}", "x".repeat(10_000)))).await.problem(422, "invalid");
    for path in [
        "/v1/resources/%ff%fe",
        "/v1/resources/res_%00",
        "/v1/calendars/..%2f..",
        "/v1/resources/ext:%ff",
    ] {
        let answer = hub.get(path).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.text);
    }
    let wrong_kind = Request::post("/v1/resources")
        .header("authorization", format!("Bearer {KEY}"))
        .header("content-type", "text/xml")
        .body(Body::from("<x/>"))
        .unwrap();
    hub.send(wrong_kind).await.problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn what_is_wrong_is_named_by_its_place() {
    let hub = TestHub::new().await;
    let answer =
        hub.post("/v1/resources", json!({"name": "A", "calendars": [{"calendar": "x"}]})).await;
    let answer = answer.problem(422, "invalid");
    assert_eq!(answer.body["errors"][0]["pointer"], "/calendars/0/calendar");
    assert_eq!(answer.body["errors"][0]["code"], "unknown_field");
    let answer = hub.post("/v1/resources", json!({"name": "A", "time_zone": "Mars/Olympus"})).await;
    assert_eq!(answer.problem(422, "invalid").body["errors"][0]["pointer"], "/time_zone");
    hub.get("/v1/resources?limit=0").await.problem(400, "invalid_parameter");
    hub.get("/v1/resources?limit=x").await.problem(400, "invalid_parameter");
    hub.get("/v1/resources?after=!").await.problem(400, "invalid_parameter");
    hub.get("/v1/connections?state=broken").await.problem(400, "invalid_parameter");
}

#[tokio::test]
async fn a_callers_request_id_is_kept_when_it_is_a_plain_one() {
    let hub = TestHub::new().await;
    let answer = hub.call(Method::GET, "/v1/keys", None, &[("x-request-id", "abc-123")]).await;
    assert_eq!(answer.header("x-request-id"), Some("abc-123"));
    let answer = hub.call(Method::GET, "/v1/keys", None, &[("x-request-id", "a b\"c")]).await;
    assert!(answer.header("x-request-id").unwrap().starts_with("req_"));
}

#[tokio::test]
async fn limits_are_told_on_every_answer() {
    let hub =
        TestHub::with(&[("CALHUB_HTTP_BURST", "2"), ("CALHUB_HTTP_REQUESTS_PER_MINUTE", "60")])
            .await;
    let first = hub.get("/v1/keys").await.expect(200);
    assert_eq!(first.header("ratelimit-limit"), Some("2"));
    assert_eq!(first.header("ratelimit-remaining"), Some("1"));
    hub.get("/v1/keys").await.expect(200);
    let refused = hub.get("/v1/keys").await.problem(429, "rate_limited");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.body["retryable"], true);
    hub.advance(1).await;
    hub.get("/v1/keys").await.expect(200);
}

#[tokio::test]
async fn a_repeated_request_has_its_effect_once() {
    let hub = TestHub::new().await;
    let post = async |key: &str, body| {
        hub.call(Method::POST, "/v1/resources", Some(body), &[("idempotency-key", key)]).await
    };
    let first = post("k1", json!({"name": "A"})).await.expect(201);
    assert_eq!(first.header("idempotency-replayed"), None);
    let again = post("\"k1\"", json!({"name": "A"})).await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.text, first.text);
    assert_eq!(again.header("etag"), first.header("etag"));
    post("k1", json!({"name": "B"})).await.problem(422, "idempotency_mismatch");
    assert_eq!(hub.get("/v1/resources").await.body["items"].as_array().unwrap().len(), 1);

    // What is wrong with the request stays wrong; the answer is kept too.
    let wrong = post("k2", json!({"name": ""})).await.problem(422, "invalid");
    let again = post("k2", json!({"name": ""})).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.text, wrong.text);

    // Another route is another request.
    let elsewhere = hub
        .call(
            Method::POST,
            "/v1/keys",
            Some(json!({"name": "A", "scopes": ["ops"]})),
            &[("idempotency-key", "k1")],
        )
        .await
        .expect(201);
    let secret = elsewhere.body["key"].as_str().unwrap();
    let again = hub
        .call(
            Method::POST,
            "/v1/keys",
            Some(json!({"name": "A", "scopes": ["ops"]})),
            &[("idempotency-key", "k1")],
        )
        .await
        .expect(201);
    assert_eq!(again.body["key"], secret);
}

#[tokio::test]
async fn an_answer_that_may_change_is_not_kept() {
    let hub = TestHub::new().await;
    let patch = async |body| {
        let headers = [("idempotency-key", "k"), ("if-match", "*")];
        hub.call(Method::PATCH, "/v1/resources/ext:a", Some(body), &headers).await
    };
    patch(json!({"name": "B"})).await.problem(404, "not_found");
    hub.post("/v1/resources", json!({"name": "A", "external_id": "a"})).await.expect(201);
    patch(json!({"name": "B"})).await.expect(200);
}

#[tokio::test]
async fn a_replay_comes_before_the_precondition() {
    let hub = TestHub::new().await;
    let made =
        hub.post("/v1/resources", json!({"name": "A", "external_id": "a"})).await.expect(201);
    let tag = made.header("etag").unwrap().to_owned();
    let headers = [("idempotency-key", "k"), ("if-match", tag.as_str())];
    let patch = async || {
        hub.call(Method::PATCH, "/v1/resources/ext:a", Some(json!({"name": "B"})), &headers).await
    };
    patch().await.expect(200);
    let again = patch().await.expect(200);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
}

#[tokio::test]
async fn a_change_rests_on_what_was_read() {
    let hub = TestHub::new().await;
    let made = hub.post("/v1/resources", json!({"name": "A"})).await.expect(201);
    let path = format!("/v1/resources/{}", made.id());
    let tag = made.header("etag").unwrap();
    let patch = async |headers: &[(&str, &str)]| {
        hub.call(Method::PATCH, &path, Some(json!({"name": "B"})), headers).await
    };
    patch(&[]).await.problem(428, "precondition_required");
    let changed = patch(&[("if-match", tag)]).await.expect(200);
    assert_ne!(changed.header("etag"), Some(tag));
    patch(&[("if-match", tag)]).await.problem(412, "precondition_failed");
    patch(&[("if-match", "*")]).await.expect(200);
    let read = hub.get(&path).await.expect(200);
    let both = format!("\"other\", {}", read.header("etag").unwrap());
    patch(&[("if-match", &both)]).await.expect(200);
}

#[tokio::test]
async fn pages_hold_everything_once() {
    let hub = TestHub::new().await;
    for n in 0..5 {
        hub.post("/v1/resources", json!({"name": format!("R{n}")})).await.expect(201);
    }
    let mut names = Vec::new();
    let mut path = "/v1/resources?limit=2".to_owned();
    loop {
        let page = hub.get(&path).await.expect(200).body;
        names.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|r| r["name"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/resources?limit=2&after={next}"),
            None => break,
        }
    }
    names.sort();
    assert_eq!(names, ["R0", "R1", "R2", "R3", "R4"]);
}
