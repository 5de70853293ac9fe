//! Delivery to a real Radicale and a real Xandikos by the built hub: what stands there is read by a plain client, which
//! edits it too.

use serde_json::{Value, json};

use crate::support::{
    hub::{HubProcess, until},
    servers::{Server, Software},
};

/// A plain client's view of the calendar.
async fn read(server: &Server, path: &str) -> Option<String> {
    let (status, body) = server.send("GET", path, &[], "").await.unwrap();
    (status == 200).then_some(body)
}

/// Waits until a booking is as it should be.
async fn until_it_is(hub: &HubProcess, id: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let path = format!("/v1/bookings/{id}");
    until("the booking to get there", async || {
        let found = hub.get(&path).await.1;
        is_so(&found).then_some(found)
    })
    .await
}

async fn sync(hub: &HubProcess) {
    let (status, said) = hub.post("/v1/ops/sync", &json!({"all": true})).await;
    assert_eq!(status, 202, "{said}");
}

async fn a_booking_lives_in(software: Software) {
    let Some(server) = Server::start(software).await else { return };
    let home = server.make_calendar("work").await;
    let hub = HubProcess::start().await;
    let login = json!({"provider": "caldav", "url": server.url, "username": "anna",
        "password": "anna-password", "access": "read_write"});
    let (status, made_connection) = hub.post("/v1/connections", &login).await;
    assert_eq!(status, 201, "{made_connection}");
    let calendars = hub.synced(made_connection["id"].as_str().unwrap()).await;
    let calendar = calendars.iter().find(|one| one["name"] == "work").unwrap()["id"].clone();
    let resource = json!({"name": "Anna", "external_id": "anna", "write_to": calendar,
        "calendars": [{"calendar_id": calendar}]});
    assert_eq!(hub.post("/v1/resources", &resource).await.0, 201);
    let own = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//own//EN\r\nBEGIN:VEVENT\r\nUID:own\r\nDTSTAMP:20270101T000000Z\r\n\
        DTSTART:20270304T120000Z\r\nDTEND:20270304T130000Z\r\nSUMMARY:Own\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    server.put(&format!("{home}own.ics"), own).await;
    let own_as_stored = read(&server, &format!("{home}own.ics")).await.unwrap();

    let slot = json!({"resources": ["ext:anna"], "start": "2027-03-04T09:00:00Z", "end": "2027-03-04T10:00:00Z"});
    let (status, made) = hub.post("/v1/bookings", &slot).await;
    assert_eq!(status, 201, "{made}");
    let id = made["id"].as_str().unwrap();
    let found = until_it_is(&hub, id, |found| found["delivery"] == "written").await;
    let event = found["provider_events"][0]["event_id"].as_str().unwrap().to_owned();
    let body = read(&server, &event).await.unwrap();
    for line in ["SUMMARY:Appointment", "DTSTART:20270304T090000Z", "@calhub"] {
        assert!(body.contains(line), "{line} in {body}");
    }

    // Moved by the platform.
    let moved = json!({"start": "2027-03-04T10:00:00Z", "end": "2027-03-04T11:00:00Z"});
    let request =
        hub.client().patch(format!("{}/v1/bookings/{id}", hub.url)).header("If-Match", "*");
    let (status, said) = hub.answer(request.json(&moved)).await;
    assert_eq!(status, 200, "{said}");
    until_it_is(&hub, id, |found| found["delivery"] == "written").await;
    let body = read(&server, &event).await.unwrap();
    assert!(body.contains("DTSTART:20270304T100000Z"), "{body}");

    // Moved by the person, with another client: that stays, and is told.
    let edited = body.replace("T100000Z", "T150000Z").replace("T110000Z", "T160000Z");
    server.put(&event, &edited).await;
    sync(&hub).await;
    let found = until_it_is(&hub, id, |found| found["delivery"] == "conflict").await;
    assert_eq!(found["conflicts"][0]["kind"], "moved");
    assert!(read(&server, &event).await.unwrap().contains("DTSTART:20270304T150000Z"));
    let conflict = found["conflicts"][0]["id"].as_str().unwrap();
    let path = format!("/v1/bookings/{id}/conflicts/{conflict}/resolve");
    let (status, settled) = hub.post(&path, &json!({"action": "accept"})).await;
    assert_eq!((status, &settled["start"]), (200, &json!("2027-03-04T15:00:00Z")), "{settled}");

    // Cancelled: its event is gone, and nothing else was touched.
    let path = format!("/v1/bookings/{id}/cancel");
    assert_eq!(hub.post(&path, &json!({})).await.0, 200);
    until_it_is(&hub, id, |found| found["delivery"] == "written").await;
    assert_eq!(read(&server, &event).await, None);
    assert_eq!(read(&server, &format!("{home}own.ics")).await.unwrap(), own_as_stored);

    // Unlinked: what the hub wrote goes, and only that.
    let (status, again) = hub.post("/v1/bookings", &slot).await;
    assert_eq!(status, 201, "{again}");
    let id = again["id"].as_str().unwrap();
    let found = until_it_is(&hub, id, |found| found["delivery"] == "written").await;
    let event = found["provider_events"][0]["event_id"].as_str().unwrap().to_owned();
    assert!(read(&server, &event).await.is_some());
    let path = format!("/v1/connections/{}", made_connection["id"].as_str().unwrap());
    let gone = format!("{}{path}?remove_events=true&future_bookings=keep", hub.url);
    assert_eq!(hub.answer(hub.client().delete(gone)).await.0, 202);
    until("the connection to go", async || (hub.get(&path).await.0 == 404).then_some(())).await;
    assert_eq!(read(&server, &event).await, None);
    assert_eq!(read(&server, &format!("{home}own.ics")).await.unwrap(), own_as_stored);
}

#[tokio::test]
async fn a_booking_lives_in_radicale() {
    a_booking_lives_in(Software::Radicale).await;
}

#[tokio::test]
async fn a_booking_lives_in_xandikos() {
    a_booking_lives_in(Software::Xandikos).await;
}
