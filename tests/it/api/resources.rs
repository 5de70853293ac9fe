//! Resources, connections and calendars.

use axum::http::Method;
use calhub::model::states::Provider;
use serde_json::json;

use super::world::TestHub;

#[tokio::test]
async fn a_resource_shows_no_personal_detail_unless_told_to() {
    let hub = TestHub::new().await;
    let made = hub.post("/v1/resources", json!({"name": "A"})).await.expect(201).body;
    assert_eq!(
        made["event_template"],
        json!({"title": "Appointment", "visibility": "private", "description": false})
    );
    assert_eq!(made["on_provider_move"], "flag");
    assert_eq!(made["on_provider_delete"], "flag");
    assert_eq!(made["time_zone"], "UTC");
}

#[tokio::test]
async fn an_external_id_names_one_resource() {
    let hub = TestHub::new().await;
    let put =
        async |body| hub.call(Method::PUT, "/v1/resources/ext:doctor%20482", Some(body), &[]).await;
    let made = put(json!({"name": "A", "metadata": {"k": "v"}})).await.expect(201);
    assert_eq!(made.body["external_id"], "doctor 482");
    let again = put(json!({"name": "B"})).await.expect(200);
    assert_eq!(again.id(), made.id());
    assert_eq!(again.body["metadata"], json!({}));
    hub.post("/v1/resources", json!({"name": "C", "external_id": "doctor 482"}))
        .await
        .problem(409, "external_id_taken");
    let listed = hub.get("/v1/resources?external_id=doctor%20482").await.expect(200);
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
    hub.delete("/v1/resources/ext:doctor%20482").await.expect(204);
    hub.get("/v1/resources/ext:doctor%20482").await.problem(404, "not_found");
}

#[tokio::test]
async fn null_takes_away_and_what_is_left_out_stays() {
    let hub = TestHub::new().await;
    let (_, calendar) = hub.calendar(Provider::Caldav).await;
    let new = json!({"name": "A", "external_id": "a", "write_to": calendar, "metadata": {"x": "1", "y": "2"},
        "calendars": [{"calendar_id": calendar, "policy": {"tentative": "busy", "declined": "busy"}}]});
    hub.post("/v1/resources", new).await.expect(201);
    let patch = json!({"write_to": null, "metadata": {"x": null}});
    let after = hub.patch("/v1/resources/ext:a", patch).await.expect(200).body;
    assert_eq!(after["write_to"], json!(null));
    assert_eq!(after["metadata"], json!({"y": "2"}));
    assert_eq!(after["calendars"][0]["policy"], json!({"tentative": "busy", "declined": "busy"}));
    assert_eq!(after["calendars"][0]["blocks"], true);
    hub.patch("/v1/resources/ext:a", json!({"name": null})).await.problem(422, "invalid");
}

#[tokio::test]
async fn a_resource_writes_only_where_it_can() {
    let hub = TestHub::new().await;
    let (_, feed) = hub.calendar(Provider::Ics).await;
    let answer = hub
        .post("/v1/resources", json!({"name": "A", "write_to": feed}))
        .await
        .problem(422, "invalid");
    assert_eq!(answer.body["errors"][0]["code"], "not_writable");
    let twice = json!({"name": "A", "calendars": [{"calendar_id": feed}, {"calendar_id": feed}]});
    let answer = hub.post("/v1/resources", twice).await.problem(422, "invalid");
    assert_eq!(answer.body["errors"][0]["pointer"], "/calendars/1/calendar_id");
}

#[tokio::test]
async fn a_calendars_zone_can_be_set_and_given_back() {
    let hub = TestHub::new().await;
    let (_, calendar) = hub.calendar(Provider::Ics).await;
    let path = format!("/v1/calendars/{calendar}");
    let set = hub.patch(&path, json!({"time_zone": "europe/berlin"})).await.expect(200);
    assert_eq!(set.body["time_zone"], "Europe/Berlin");
    hub.patch(&path, json!({"time_zone": "Mars/Olympus"})).await.problem(422, "invalid");
    hub.patch(&path, json!({"name": "x"})).await.problem(422, "invalid");
    let back = hub.patch(&path, json!({"time_zone": null})).await.expect(200);
    assert_eq!(back.body["time_zone"], json!(null));
}

#[tokio::test]
async fn a_feed_never_shows_its_address() {
    let hub = TestHub::new().await;
    let (connection, calendar) = hub.calendar(Provider::Ics).await;
    let shown = hub.get(&format!("/v1/connections/{connection}")).await.expect(200);
    assert_eq!(shown.body["calendars"][0]["id"], calendar.as_str());
    assert_eq!(shown.body["calendars"][0]["provider_ref"], json!(null));
    assert_eq!(shown.body["calendars"][0]["source_lag"], "unknown");
}

#[tokio::test]
async fn a_refresh_is_queued_and_limited() {
    let hub = TestHub::with(&[("CALHUB_HTTP_REFRESHES_PER_MINUTE", "1")]).await;
    let (_, calendar) = hub.calendar(Provider::Caldav).await;
    let path = format!("/v1/calendars/{calendar}/refresh");
    hub.call(Method::POST, &path, None, &[]).await.expect(202);
    hub.call(Method::POST, &path, None, &[]).await.problem(429, "rate_limited");
    let jobs = hub.get("/v1/ops/jobs").await.expect(200);
    assert_eq!(jobs.body["items"][0]["id"], format!("pull:{calendar}"));
}

#[tokio::test]
async fn a_calendar_that_is_written_to_is_not_let_go_by_accident() {
    let hub = TestHub::new().await;
    let (connection, calendar) = hub.calendar(Provider::Caldav).await;
    let resource = hub
        .post("/v1/resources", json!({"name": "A", "write_to": calendar}))
        .await
        .expect(201)
        .id();
    let path = format!("/v1/connections/{connection}");
    let refused = hub.delete(&path).await.problem(409, "in_use");
    assert_eq!(refused.body["blocked_by"]["resources"], json!([resource]));
    hub.delete(&format!("{path}?future_bookings=perhaps")).await.problem(400, "invalid_parameter");
    let removing = hub.delete(&format!("{path}?future_bookings=keep")).await.expect(202);
    assert_eq!(removing.body["state"], "removing");
    hub.hub.engine.step().await.unwrap();
    hub.settle().await;
    hub.get(&path).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_connection_that_cannot_be_linked_is_diagnosed() {
    let hub = TestHub::new().await;
    let link = async |body| hub.post("/v1/connections", body).await;
    link(json!({"provider": "caldav", "url": "https://x.example"})).await.problem(422, "invalid");
    link(json!({"provider": "carrier pigeon"})).await.problem(422, "invalid");
    // This hub has no OAuth client.
    for provider in ["google", "microsoft"] {
        let refused = link(json!({"provider": provider, "refresh_token": "x"})).await;
        refused.problem(422, "wrong_client");
        link(json!({"provider": provider})).await.problem(422, "wrong_client");
    }
    let blocked = link(json!({"provider": "ics", "url": "https://127.0.0.1/secret.ics"})).await;
    let blocked = blocked.problem(422, "blocked_address");
    assert_eq!(blocked.body["provider"]["name"], "ics");
    assert!(!blocked.text.contains("secret.ics"), "{}", blocked.text);
    assert_eq!(hub.get("/v1/connections").await.body["items"], json!([]));
}
