//! The end of a connection into which bookings were written: its calendars keep what people put there, and nothing else if
//! that is asked for.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use simulators::{Act, Fault, Turn};

use super::place::{Place, event, hour};
use crate::{
    api::world::TestHub,
    support::{engines::on_each_engine, hub::until, simulated::transport},
};

async fn connection(place: &Place) -> String {
    let all = place.hub.get("/v1/connections").await.expect(200).body;
    all["items"][0]["id"].as_str().unwrap().to_owned()
}

async fn remove(place: &Place, how: &str) {
    let path = format!("/v1/connections/{}?{how}", connection(place).await);
    place.hub.delete(&path).await.expect(202);
}

async fn state(place: &Place) -> Option<String> {
    let all = place.hub.get("/v1/connections").await.expect(200).body;
    all["items"][0]["state"].as_str().map(str::to_owned)
}

/// What the change log tells at the end of the connection.
/// What the log says of the end of the connection, once whatever else runs on the server lets it.
async fn told(place: &Place) -> Value {
    until("the connection's end is in the log", async || {
        let log = place.hub.get("/v1/changes?types=connection.removed").await.expect(200).body;
        log["items"].get(0).map(|entry| entry["data"].clone())
    })
    .await
}

/// Time for whatever is due every second.
async fn seconds(place: &Place, count: usize) {
    for _ in 0..count {
        place.hub.hub.desk.cancel_unlinked().await.unwrap();
        place.pass(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn exactly_what_the_hub_wrote_is_taken_out_and_all_else_stays_byte_for_byte() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        place.calendar.put("own.ics", event("own", 6, 7));
        let id = place.book(9, 10).await.expect(201).id();
        let kept = place.book(10, 11).await.expect(201).id();
        let dragged = place.book(12, 13).await.expect(201).id();
        place.settle().await;
        let marked =
            event("copy", 20, 21).replace("SUMMARY:", &format!("X-HUB-BOOKING:{id}/0\r\nSUMMARY:"));
        place.calendar.put("copy.ics", marked);
        place.drag("T120000Z", "T160000Z", "T130000Z", "T170000Z").await;
        assert_eq!(place.booking(&dragged).await["delivery"], "conflict");
        assert_eq!(place.objects().len(), 5);

        remove(&place, "remove_events=true&future_bookings=keep").await;
        seconds(&place, 3).await;
        let left: Vec<String> = place.stored().into_iter().map(|(name, _)| name).collect();
        assert_eq!(left, ["copy.ics", "own.ics"]);
        assert!(place.objects().contains(&event("own", 6, 7)));
        assert_eq!(state(&place).await, None);
        assert_eq!(told(&place).await["events_left"], 0);
        let found = place.booking(&kept).await;
        assert_eq!(
            (&found["status"], &found["delivery"]),
            (&json!("confirmed"), &json!("not_applicable"))
        );
        let kinds = place.kinds(&kept).await;
        assert!(kinds.contains(&"unlinked".to_owned()), "{kinds:?}");
    })
    .await;
}

/// The provider is down, and so is the hub, in the middle of it.
#[tokio::test]
async fn taking_events_out_goes_on_after_an_outage_and_a_restart() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        for hour in 9..13 {
            place.book(hour, hour + 1).await.expect(201);
        }
        place.settle().await;
        assert_eq!(place.objects().len(), 4);
        let down = Act::Status { status: 503, retry_after_s: None, body: String::new() };
        place.world.fault(Fault::new(down).account("anna").method("DELETE").turn(Turn::From(3)));
        remove(&place, "remove_events=true&future_bookings=keep").await;
        seconds(&place, 3).await;
        assert_eq!(place.objects().len(), 2);
        assert_eq!(state(&place).await.as_deref(), Some("removing"));

        let store = bed.open_again().await;
        let hub = TestHub::beside(1, store, transport(&place.world), &[]).await;
        let place = place.with_hub(hub);
        place.pass(Duration::from_secs(900)).await;
        assert_eq!(place.objects().len(), 2);
        assert_eq!(state(&place).await.as_deref(), Some("removing"));
        place.world.clear_faults();
        place.pass(Duration::from_secs(900)).await;
        seconds(&place, 2).await;
        assert_eq!(place.objects(), [] as [String; 0]);
        assert_eq!(state(&place).await, None);
        place.hub.hub.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_the_provider_refuses_to_give_back_does_not_hold_up_the_end_and_is_told() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        place.book(9, 10).await.expect(201);
        place.settle().await;
        let refused = Act::Status { status: 403, retry_after_s: None, body: String::new() };
        place.world.fault(Fault::new(refused).account("anna").method("DELETE"));
        remove(&place, "remove_events=true&future_bookings=keep").await;
        seconds(&place, 3).await;
        assert_eq!(state(&place).await, None);
        assert_eq!(told(&place).await["events_left"], 1);
        assert_eq!(place.objects().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_second_word_ends_the_wait_for_a_provider_that_is_gone() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        place.book(9, 10).await.expect(201);
        place.settle().await;
        let down = Act::Status { status: 503, retry_after_s: None, body: String::new() };
        place.world.fault(Fault::new(down).account("anna"));
        remove(&place, "remove_events=true&future_bookings=keep").await;
        seconds(&place, 60).await;
        assert_eq!(state(&place).await.as_deref(), Some("removing"));
        remove(&place, "remove_events=false&future_bookings=keep").await;
        seconds(&place, 1).await;
        assert_eq!(state(&place).await, None);
        assert_eq!(place.objects().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn future_bookings_are_cancelled_with_the_connection_and_past_ones_stand() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let past = place.book(9, 10).await.expect(201).id();
        let future = place.book(20, 21).await.expect(201).id();
        let later = json!({"resources": ["ext:anna"], "start": "2026-03-05T09:00:00Z", "end": "2026-03-05T10:00:00Z"});
        let later = place.hub.post("/v1/bookings", later).await.expect(201).id();
        place.settle().await;
        place.pass(Duration::from_secs(36 * 60 * 60 - 1)).await;
        assert!(place.now().to_string() < hour(20) && place.now().to_string() > hour(10));
        remove(&place, "future_bookings=cancel").await;
        seconds(&place, 3).await;
        assert_eq!(state(&place).await, None);
        for (id, status) in [(&past, "confirmed"), (&future, "cancelled"), (&later, "cancelled")] {
            assert_eq!(place.booking(id).await["status"], status);
        }
        let objects = place.objects();
        assert!(objects.len() == 1 && objects[0].contains("T090000Z"), "{objects:?}");
        // Nothing is written there any more, and the resource can be booked all the same.
        let slot = json!({"resources": ["ext:anna"], "start": hour(20), "end": hour(21)});
        let made = place.hub.call(Method::POST, "/v1/bookings", Some(slot), &[]).await.expect(201);
        assert_eq!(made.body["delivery"], "not_applicable");
    })
    .await;
}
