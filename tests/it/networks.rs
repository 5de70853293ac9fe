//! Which private networks a tenant's connections may reach, through the built hub.

use serde_json::json;

use super::support::hub::{HubProcess, free_port};

#[tokio::test]
async fn a_tenant_narrowed_to_no_network_cannot_reach_what_the_hub_may() {
    let hub = HubProcess::start().await;
    let (status, tenant) =
        hub.post("/v1/tenants", &json!({"name": "narrow", "allow_net": []})).await;
    assert_eq!(status, 201, "{tenant}");
    // Nobody listens there: whoever may reach the address learns that, and no more.
    let url = format!("http://127.0.0.1:{}/", free_port());
    let login = json!({"provider": "caldav", "url": url, "username": "anna", "password": "x"});
    let (_, said) = hub.post("/v1/connections", &login).await;
    assert_eq!(said["code"], "unavailable", "{said}");

    let link = hub.client().post(format!("{}/v1/connections", hub.url)).json(&login);
    let narrow = tenant["id"].as_str().unwrap();
    let (status, said) = hub.answer(link.header("Calhub-Tenant", narrow)).await;
    assert_eq!((status, said["code"].as_str()), (422, Some("blocked_address")), "{said}");
}

#[tokio::test]
async fn what_is_asked_of_providers_is_counted_without_naming_anybody() {
    let hub = HubProcess::start().await;
    let url = format!("http://127.0.0.1:{}/secret-path/", free_port());
    let login = json!({"provider": "caldav", "url": url, "username": "anna", "password": "x"});
    hub.post("/v1/connections", &login).await;
    let (_, metrics) = hub.get("/metrics").await;
    let text = metrics.as_str().unwrap();
    let counted = text.lines().any(|line| {
        line.starts_with("calhub_provider_requests_total{answer=\"none\"")
            && line.contains("provider=\"caldav\"")
    });
    assert!(counted, "{text}");
    assert!(!text.contains("secret-path") && !text.contains("anna"), "{text}");
}
