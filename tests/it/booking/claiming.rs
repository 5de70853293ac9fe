//! Taking time: who gets it, who is told what, and what becomes of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::place::{Place, event, hour};
use crate::support::engines::on_each_engine;

#[tokio::test]
async fn a_booked_slot_is_taken_and_a_cancelled_one_is_free_at_once() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let made = place.book(9, 10).await.expect(201);
        assert_eq!(made.body["status"], "confirmed");
        assert_eq!(place.busy().await, ["9-10"]);
        let refused = place.book(9, 11).await.problem(409, "slot_taken");
        assert_eq!(refused.body["blocked_by"][0]["id"], made.body["id"]);
        place.book(10, 11).await.expect(201);
        let id = made.id();
        let path = format!("/v1/bookings/{id}/cancel");
        place.hub.post(&path, json!({"reason": "ill"})).await.expect(200);
        assert_eq!(place.booking(&id).await["reason"], "ill");
        assert_eq!(place.busy().await, ["10-11"]);
        place.book(9, 10).await.expect(201);
        place.hub.post(&path, json!({})).await.expect(200);
        let path = format!("/v1/bookings/{id}/complete");
        place.hub.post(&path, json!({})).await.problem(409, "wrong_state");
        let kinds: Vec<Value> = place.booking(&id).await["history"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["kind"].clone())
            .collect();
        assert_eq!(kinds, ["created", "cancelled"]);
    })
    .await;
}

#[tokio::test]
async fn what_stands_in_the_persons_calendar_is_in_the_way() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        place.calendar.put("a.ics", event("a", 9, 10));
        place.sync().await;
        let refused = place.book(8, 10).await.problem(409, "slot_taken");
        let blocker = &refused.body["blocked_by"][0];
        assert_eq!(
            (&blocker["kind"], &blocker["calendar_id"]),
            (&json!("busy"), &json!(place.calendar_id))
        );
        assert!(!refused.text.contains("Private"), "{}", refused.text);
        place.book(10, 11).await.expect(201);
    })
    .await;
}

/// A calendar that was read too long ago is read once more before a slot of it is promised.
#[tokio::test]
async fn a_stale_calendar_is_read_again_before_it_is_booked_over() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        place.hub.clock.advance(Duration::from_secs(300));
        place.world.advance(Duration::from_secs(300));
        place.calendar.put("a.ics", event("a", 9, 10));
        place.book(9, 10).await.problem(409, "slot_taken");
        place.book(11, 12).await.expect(201);
    })
    .await;
}

#[tokio::test]
async fn unknown_is_never_free_and_is_refused_unless_the_caller_allows_it() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        place.hub.clock.advance(Duration::from_secs(300));
        place.world.advance(Duration::from_secs(300));
        let down =
            simulators::Act::Status { status: 503, retry_after_s: None, body: String::new() };
        place.world.fault(simulators::Fault::new(down).account("anna"));
        let refused = place.book(9, 10).await.problem(409, "unverified");
        assert_eq!(refused.body["retryable"], true);
        assert_eq!(refused.body["blocked_by"][0]["calendar_id"], place.calendar_id.as_str());
        assert_eq!(refused.body["blocked_by"][0]["reason"], "stale");
        let mut asked = place.slot(9, 10);
        asked["allow_unverified"] = json!(true);
        let made = place.hub.post("/v1/bookings", asked).await.expect(201);
        assert_eq!(made.body["verified"], false);
    })
    .await;
}

#[tokio::test]
async fn a_hold_keeps_its_time_until_its_end_and_no_longer() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let mut asked = place.slot(9, 10);
        asked["ttl"] = json!("PT5M");
        let hold = place.hub.post("/v1/holds", asked.clone()).await.expect(201);
        assert_eq!(place.busy().await, ["9-10"]);
        place.book(9, 10).await.problem(409, "slot_taken");
        place.hub.post("/v1/holds", asked.clone()).await.problem(409, "slot_taken");
        let path = format!("/v1/holds/{}", hold.id());
        let none = place.hub.patch(&path, json!({"ttl": "PT2H"})).await;
        none.problem(422, "invalid");
        if bed.engine == calhub::store::Engine::Sqlite {
            // There the clock that decides is the one that was passed in.
            place.hub.clock.advance(Duration::from_secs(301));
            place.hub.hub.desk.sweep().await.unwrap();
            place.hub.settle().await;
            assert_eq!(place.busy().await, Vec::<String>::new());
            let kinds = place.hub.get("/v1/changes?types=hold.expired").await.expect(200);
            assert_eq!(kinds.body["items"].as_array().unwrap().len(), 1);
            let late = place.hub.post("/v1/bookings", json!({"hold_id": hold.id()})).await;
            late.expect(201);
        } else {
            place.hub.delete(&path).await.expect(204);
            place.book(9, 10).await.expect(201);
            let confirm = format!("{path}/confirm");
            place.hub.post(&confirm, json!({})).await.problem(409, "wrong_state");
        }
    })
    .await;
}

#[tokio::test]
async fn a_hold_becomes_a_booking_once_and_only_its_own_time() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let hold = place.hub.post("/v1/holds", place.slot(9, 10)).await.expect(201).id();
        let confirm = format!("/v1/holds/{hold}/confirm");
        let made = place.hub.post(&confirm, json!({"title": "Visit"})).await.expect(201);
        assert_eq!((&made.body["start"], &made.body["title"]), (&json!(hour(9)), &json!("Visit")));
        place.hub.post(&confirm, json!({})).await.problem(409, "wrong_state");
        let held = place.hub.get(&format!("/v1/holds/{hold}")).await.expect(200);
        assert_eq!(
            (&held.body["state"], &held.body["booking_id"]),
            (&json!("confirmed"), &made.body["id"])
        );
        assert_eq!(place.busy().await, ["9-10"]);
    })
    .await;
}

#[tokio::test]
async fn a_booking_moves_over_its_own_time_and_never_over_anybody_elses() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let made = place.book(9, 11).await.expect(201);
        place.book(13, 14).await.expect(201);
        let path = format!("/v1/bookings/{}", made.id());
        let to = |from, until| json!({"start": hour(from), "end": hour(until)});
        place.hub.patch(&path, to(10, 12)).await.expect(200);
        assert_eq!(place.busy().await, ["10-12", "13-14"]);
        place.hub.patch(&path, to(12, 14)).await.problem(409, "slot_taken");
        assert_eq!(place.busy().await, ["10-12", "13-14"], "the old span is kept");
        place.hub.patch(&path, json!({"title": "New"})).await.expect(200);
        let stale = place.hub.call(
            axum::http::Method::PATCH,
            &path,
            Some(json!({"title": "x"})),
            &[("if-match", "\"r1\"")],
        );
        stale.await.problem(412, "precondition_failed");
    })
    .await;
}

#[tokio::test]
async fn several_resources_are_claimed_all_or_none() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let room = json!({"name": "Room", "external_id": "room"});
        place.hub.post("/v1/resources", room).await.expect(201);
        let both = |from, to| {
            json!({"resources": ["ext:room", "ext:anna"], "start": hour(from), "end": hour(to)})
        };
        place.book(9, 10).await.expect(201);
        place.hub.post("/v1/bookings", both(9, 10)).await.problem(409, "slot_taken");
        let room = json!({"resources": ["ext:room"], "start": hour(9), "end": hour(10)});
        place.hub.post("/v1/bookings", room).await.expect(201);
        place.hub.post("/v1/bookings", both(11, 12)).await.expect(201);
        let nobody = json!({"resources": ["ext:nobody"], "start": hour(9), "end": hour(10)});
        place.hub.post("/v1/bookings", nobody).await.problem(422, "invalid");
    })
    .await;
}

/// Seats are given anew where that makes room.
#[tokio::test]
async fn a_free_seat_is_never_refused() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let class = json!({"name": "Class", "external_id": "class", "capacity": 2});
        place.hub.post("/v1/resources", class).await.expect(201);
        let seat = async |from: u8, to: u8| {
            let asked = json!({"resources": ["ext:class"], "start": hour(from), "end": hour(to)});
            place.hub.post("/v1/bookings", asked).await
        };
        // 8-9 sits first, 8-11 second; then 9-12 takes the first seat again, and 11-13 the second.
        seat(8, 9).await.expect(201);
        let long = seat(8, 11).await.expect(201);
        seat(9, 12).await.expect(201);
        seat(11, 13).await.expect(201);
        // Now 12-15 sits first. Once 8-11 has left, 8-10 and 10-14 fit only if others sit closer.
        seat(13, 15).await.expect(201);
        let path = format!("/v1/bookings/{}/cancel", long.id());
        place.hub.post(&path, json!({})).await.expect(200);
        seat(9, 11).await.expect(201);
        seat(9, 10).await.problem(409, "slot_taken");
        seat(12, 16).await.expect(201);
        seat(12, 13).await.problem(409, "slot_taken");
    })
    .await;
}

#[tokio::test]
async fn an_upsert_by_external_id_makes_one_booking_and_then_changes_it() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let put = async |from, to| {
            let body = place.slot(from, to);
            let path = "/v1/bookings/ext:order-1";
            place.hub.call(axum::http::Method::PUT, path, Some(body), &[]).await
        };
        let first = put(9, 10).await.expect(201);
        let second = put(10, 11).await.expect(200);
        assert_eq!(first.body["id"], second.body["id"]);
        assert_eq!(place.busy().await, ["10-11"]);
    })
    .await;
}

#[tokio::test]
async fn a_repeated_request_books_once() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let book = async |key: &str| {
            let headers = [("idempotency-key", key)];
            let body = Some(place.slot(9, 10));
            place.hub.call(axum::http::Method::POST, "/v1/bookings", body, &headers).await
        };
        let first = book("one").await.expect(201);
        let again = book("one").await.expect(201);
        assert_eq!(first.body, again.body);
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        book("two").await.problem(409, "slot_taken");
    })
    .await;
}

/// Whoever looks for another time for a booking does not find it in its own way.
#[tokio::test]
async fn free_busy_leaves_out_the_bookings_it_is_told_to() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        place.calendar.put("a.ics", event("a", 14, 15));
        place.sync().await;
        let first = place.book(9, 10).await.expect(201).id();
        let mut other = place.slot(9, 12);
        other["start"] = json!(hour(10));
        other["external_id"] = json!("order-2");
        place.hub.post("/v1/bookings", other).await.expect(201);
        place.settle().await;
        place.sync().await;
        let ask = async |excluded: Value| {
            let ask = json!({"resources": ["ext:anna"], "calendars": [place.calendar_id], "start": hour(0),
                "end": hour(23), "exclude_bookings": excluded});
            let found = place.hub.post("/v1/freebusy", ask).await.expect(200).body;
            let starts = |part: &Value| -> Vec<Value> {
                part["busy"].as_array().unwrap().iter().map(|span| span["start"].clone()).collect()
            };
            let parts = [&found["resources"]["ext:anna"], &found["calendars"][&place.calendar_id]];
            assert_eq!(starts(parts[0]), starts(parts[1]));
            starts(parts[0])
        };
        assert_eq!(ask(json!([])).await, [hour(9), hour(14)]);
        assert_eq!(ask(json!([first])).await, [hour(10), hour(14)]);
        assert_eq!(ask(json!([first, "ext:order-2", "bkg_nobody"])).await, [hour(14)]);
    })
    .await;
}

/// Whoever sits on a seat that is taken away would be seen by nobody who looks for a free one.
#[tokio::test]
async fn seats_that_are_taken_away_are_cleared_first() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let class = json!({"name": "Class", "external_id": "class", "capacity": 2});
        let class = place.hub.post("/v1/resources", class).await.expect(201).id();
        let path = format!("/v1/resources/{class}");
        // By the database's clock too, this is still to come.
        let slot = json!({"resources": [class], "start": "2199-03-03T09:00:00Z", "end": "2199-03-03T10:00:00Z"});
        let first = place.hub.post("/v1/bookings", slot.clone()).await.expect(201).id();
        place.hub.post("/v1/bookings", slot.clone()).await.expect(201);
        place.hub.patch(&path, json!({"capacity": 1})).await.problem(409, "in_use");
        let cancel = format!("/v1/bookings/{first}/cancel");
        place.hub.post(&cancel, json!({})).await.expect(200);
        place.hub.patch(&path, json!({"capacity": 1})).await.expect(200);
        place.hub.post("/v1/bookings", slot).await.problem(409, "slot_taken");
    })
    .await;
}

/// A class of two has a calendar of its own, into which its bookings are written and which blocks it.
#[tokio::test]
async fn a_seat_that_is_taken_does_not_make_the_class_busy_and_a_foreign_event_does() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let class = json!({"name": "Class", "external_id": "class", "capacity": 2,
            "calendars": [{"calendar_id": place.calendar_id}], "write_to": place.calendar_id});
        let class = place.hub.post("/v1/resources", class).await.expect(201).id();
        let busy = async || -> Vec<String> {
            let ask = json!({"resources": [class], "start": hour(0), "end": hour(23)});
            let found = place.hub.post("/v1/freebusy", ask).await.expect(200).body;
            let spans = found["resources"][&class]["busy"].as_array().unwrap().clone();
            spans.iter().map(|span| span["start"].as_str().unwrap()[11..13].to_owned()).collect()
        };
        let seat = async || {
            let slot = json!({"resources": [class], "start": hour(9), "end": hour(10)});
            let answer = place.hub.post("/v1/bookings", slot).await;
            place.settle().await;
            answer
        };
        seat().await.expect(201);
        place.sync().await;
        assert_eq!(place.objects().len(), 1);
        assert_eq!(busy().await, [] as [String; 0], "one seat is left");
        let file = format!("/v1/resources/{class}/freebusy.ics?start={}&end={}", hour(0), hour(23));
        let told = place.hub.get(&file).await.expect(200).text;
        assert!(!told.contains("FBTYPE=BUSY"), "{told}");
        // Somebody else's booking in the same calendar is not the class's own.
        place.book(11, 12).await.expect(201);
        place.settle().await;
        assert_eq!(busy().await, ["11"]);
        seat().await.expect(201);
        assert_eq!(busy().await, ["09", "11"]);
        seat().await.problem(409, "slot_taken");
        place.calendar.put("own.ics", event("own", 14, 15));
        place.sync().await;
        assert_eq!(busy().await, ["09", "11", "14"]);
    })
    .await;
}
