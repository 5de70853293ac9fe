//! Health, meters, and what the hub says about itself.

use calhub::{
    config::DEFAULTS,
    model::{busy::BusyClass, states::Provider},
};
use serde_json::json;

use super::world::{KEY, TestHub};

#[tokio::test]
async fn health_needs_no_key() {
    let hub = TestHub::new().await;
    let open = [("authorization", "none")];
    let get = async |path: &str| hub.call(axum::http::Method::GET, path, None, &open).await;
    assert_eq!(get("/healthz").await.expect(200).body["status"], "ok");
    let ready = get("/readyz").await.expect(200).body;
    assert_eq!(ready["status"], "ready");
    assert!(ready["tzdb_version"].as_str().unwrap().starts_with("20"));
}

#[tokio::test]
async fn meters_count_and_name_nobody() {
    let hub = TestHub::new().await;
    let (connection, calendar) = hub.calendar(Provider::Caldav).await;
    let hour = [("2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z", BusyClass::Busy)];
    hub.busy(&calendar, &hour).await;
    hub.get(&format!("/v1/connections/{connection}")).await.expect(200);
    let meters = hub.get("/metrics").await.expect(200);
    let counted = "calhub_http_requests_total{method=\"GET\",route=\"/v1/connections/{id}\",status=\"200\"} 1";
    assert!(meters.text.contains(counted), "{}", meters.text);
    assert!(meters.text.contains("calhub_index_intervals 1"));
    for secret in [KEY, connection.as_str(), calendar.as_str(), hub.tenant.as_str(), "someone"] {
        assert!(!meters.text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn the_first_run_happens_once() {
    let hub = TestHub::new().await;
    assert!(calhub::serve::first_run(&hub.hub).await.unwrap().is_none());
    assert_eq!(hub.get("/v1/tenants").await.body["items"].as_array().unwrap().len(), 1);
    let keys = hub.get("/v1/keys").await.expect(200).body;
    assert_eq!(keys["items"][0]["scopes"], json!(["admin", "instance"]));
}

#[test]
fn every_setting_has_its_comment() {
    let mut commented = false;
    for line in DEFAULTS.lines() {
        if line.contains(" = ") && !line.starts_with('#') {
            assert!(commented, "{line}");
        } else {
            commented = line.starts_with('#');
        }
    }
}
