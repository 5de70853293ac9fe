//! Delivery to a real Radicale and a real Xandikos by the built hub: what stands there is read by a plain client, which
//! edits it too.

use serde_json::{Value, json};

use crate::support::{
    hub::{HubProcess, until},
    servers::{Server, Software, python},
};

/// A plain client's view of the calendar.
async fn read(server: &Server, path: &str) -> Option<String> {
    let (status, body) = server.send("GET", path, &[], "").await.unwrap();
    (status == 200).then_some(body)
}

/// What another client makes of an event, after what it did.
async fn other_client(server: &Server, verb: &str, uid: &str, more: &[&str]) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/end_to_end/other_client.py");
    let mut command = tokio::process::Command::new(python().unwrap());
    let done = command
        .arg(script)
        .args([verb, &server.url, "work", uid])
        .args(more)
        .output()
        .await
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

fn uid(body: &str) -> String {
    let line = body.lines().find_map(|line| line.strip_prefix("UID:"));
    line.unwrap().trim().to_owned()
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

    let slot = json!({"resources": ["ext:anna"], "start": "2027-03-04T09:00:00Z", "end": "2027-03-04T10:00:00Z",
        "time_zone": "Europe/Berlin"});
    let (status, made) = hub.post("/v1/bookings", &slot).await;
    assert_eq!(status, 201, "{made}");
    let id = made["id"].as_str().unwrap();
    let found = until_it_is(&hub, id, |found| found["delivery"] == "written").await;
    let event = found["provider_events"][0]["event_id"].as_str().unwrap().to_owned();
    let body = read(&server, &event).await.unwrap();
    let uid = uid(&body);
    assert!(uid.ends_with("@calhub"), "{body}");
    let shown = other_client(&server, "show", &uid, &[]).await;
    let expected = json!({
        "uid": uid, "title": "Appointment", "class": "PRIVATE", "zone": "Europe/Berlin",
        "start": "2027-03-04T10:00:00+01:00", "end": "2027-03-04T11:00:00+01:00", "people": 0,
        "zones": ["Europe/Berlin"],
    });
    assert_eq!(shown, expected);

    // Moved by the platform.
    let moved = json!({"start": "2027-03-04T10:00:00Z", "end": "2027-03-04T11:00:00Z"});
    let request =
        hub.client().patch(format!("{}/v1/bookings/{id}", hub.url)).header("If-Match", "*");
    let (status, said) = hub.answer(request.json(&moved)).await;
    assert_eq!(status, 200, "{said}");
    until_it_is(&hub, id, |found| found["delivery"] == "written").await;
    let shown = other_client(&server, "show", &uid, &[]).await;
    assert_eq!(shown["start"], "2027-03-04T11:00:00+01:00", "{shown}");

    // Given another title by the person, with another client: that stays over a move.
    other_client(&server, "retitle", &uid, &["--title", "Mine"]).await;
    sync(&hub).await;
    let moved = json!({"start": "2027-03-04T11:00:00Z", "end": "2027-03-04T12:00:00Z"});
    let request =
        hub.client().patch(format!("{}/v1/bookings/{id}", hub.url)).header("If-Match", "*");
    assert_eq!(hub.answer(request.json(&moved)).await.0, 200);
    until_it_is(&hub, id, |found| found["delivery"] == "written").await;
    let shown = other_client(&server, "show", &uid, &[]).await;
    assert_eq!(
        (&shown["title"], &shown["start"]),
        (&json!("Mine"), &json!("2027-03-04T12:00:00+01:00"))
    );

    // Moved by the person: that stays, and is told; also when the platform moves it at the same moment, without
    // having seen that: its write is refused (412) and looked at.
    other_client(&server, "move", &uid, &["--to", "2027-03-04T16:00"]).await;
    let moved = json!({"start": "2027-03-04T10:00:00Z", "end": "2027-03-04T11:00:00Z", "max_staleness": "PT1H"});
    let request =
        hub.client().patch(format!("{}/v1/bookings/{id}", hub.url)).header("If-Match", "*");
    assert_eq!(hub.answer(request.json(&moved)).await.0, 200);
    let found = until_it_is(&hub, id, |found| found["delivery"] == "conflict").await;
    assert_eq!(found["conflicts"][0]["kind"], "moved");
    let tries = hub.get("/v1/ops/outbox").await.1;
    let tries = tries["items"][0]["attempts"].as_array().unwrap().clone();
    let outcomes: Vec<&str> = tries.iter().map(|one| one["outcome"].as_str().unwrap()).collect();
    assert!(outcomes.contains(&"version_conflict"), "{tries:?}");
    let shown = other_client(&server, "show", &uid, &[]).await;
    assert_eq!(shown["start"], "2027-03-04T16:00:00+01:00");
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
