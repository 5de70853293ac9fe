//! Events that are in a calendar already become bookings: claimed, marked, and otherwise as they are.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use simulators::{Act, Fault};

use super::place::{Place, event, hour};
use crate::{api::world::Answer, support::engines::on_each_engine};

async fn adopt(place: &Place, name: Value, more: Value) -> Answer {
    let mut adopt = json!({"calendar_id": place.calendar_id});
    adopt.as_object_mut().unwrap().extend(name.as_object().unwrap().clone());
    let mut body = json!({"adopt": adopt});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    place.hub.post("/v1/bookings", body).await
}

fn path(place: &Place, name: &str) -> Value {
    json!({"event_id": format!("{}{name}", place.calendar.path())})
}

#[tokio::test]
async fn an_event_is_taken_over_marked_and_moved_without_a_second_one() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let theirs = event("theirs", 9, 10).replace(
            "DTSTART:20260303T090000Z\r\nDTEND:20260303T100000Z",
            "DTSTART;TZID=Europe/Berlin:20260303T100000\r\nDURATION:PT1H\r\nX-COLOR:red",
        );
        place.calendar.put("theirs.ics", theirs.clone());
        place.sync().await;
        let more = json!({"title": "First visit", "external_id": "order_1"});
        let made = adopt(&place, path(&place, "theirs.ics"), more.clone()).await.expect(201);
        let id = made.id();
        let is = (&made.body["start"], &made.body["resources"][0]);
        assert_eq!(is, (&json!(hour(9)), &json!(place.resource)));
        place.settle().await;
        let [body] = &place.objects()[..] else { panic!("{:?}", place.objects()) };
        let marker = format!("X-HUB-BOOKING:{id}/0\r\n");
        let is_ours = |line: &&str| {
            !["DTSTAMP", "LAST-MODIFIED", "X-HUB-BOOKING"].iter().any(|name| line.starts_with(name))
        };
        let kept = |text: &str| text.lines().filter(is_ours).map(str::to_owned).collect::<Vec<_>>();
        assert!(body.contains(&marker), "{body}");
        assert_eq!(kept(body), kept(&theirs), "nothing else of it changes");
        assert_eq!(place.busy().await, ["9-10"]);
        assert_eq!(place.booking(&id).await["delivery"], "written");

        // The same again is the same booking, by whichever name; the time is taken.
        for name in [path(&place, "theirs.ics"), json!({"ical_uid": "theirs"})] {
            assert_eq!(adopt(&place, name, more.clone()).await.expect(201).id(), id);
        }
        place.book(9, 10).await.problem(409, "slot_taken");
        place.sync().await;
        assert_eq!(place.booking(&id).await["conflicts"], json!([]));

        let to = json!({"start": hour(12), "end": hour(13)});
        place.hub.patch(&format!("/v1/bookings/{id}"), to).await.expect(200);
        place.settle().await;
        let [body] = &place.objects()[..] else { panic!() };
        assert!(
            body.contains("DTSTART:20260303T120000Z") && body.contains("SUMMARY:Private"),
            "{body}"
        );
        assert_eq!(place.busy().await, ["12-13"]);
        place.hub.post(&format!("/v1/bookings/{id}/cancel"), json!({})).await.expect(200);
        place.settle().await;
        assert_eq!(place.objects(), [] as [String; 0]);
    })
    .await;
}

/// The hub has not read the calendar since the event came.
#[tokio::test]
async fn an_event_is_found_by_its_uid_before_any_pull_has_shown_it() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        place.calendar.put("some-name.ics", event("uid-of-theirs", 9, 10));
        let id =
            adopt(&place, json!({"ical_uid": "uid-of-theirs"}), json!({})).await.expect(201).id();
        place.sync().await;
        let found = place.booking(&id).await;
        assert_eq!((&found["delivery"], &found["conflicts"]), (&json!("written"), &json!([])));
        assert_eq!((place.objects().len(), place.busy().await), (1, vec!["9-10".to_owned()]));
    })
    .await;
}

/// Its booking was lost with a restored database, or was another hub's.
#[tokio::test]
async fn an_orphan_is_taken_over() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let orphan = event("orphan", 9, 10)
            .replace("SUMMARY:", "X-HUB-BOOKING:bkg_0123456789/0\r\nSUMMARY:");
        place.calendar.put("orphan.ics", orphan);
        place.sync().await;
        let drift = async || place.hub.get("/v1/ops/drift").await.expect(200).body["items"].clone();
        assert_eq!(drift().await[0]["drift"], "orphan");
        let name = json!({"event_id": drift().await[0]["event_id"]});
        let id = adopt(&place, name, json!({})).await.expect(201).id();
        place.sync().await;
        place.hub.post("/v1/ops/reconcile", json!({"all": true})).await.expect(200);
        assert_eq!(drift().await, json!([]));
        let [body] = &place.objects()[..] else { panic!() };
        assert!(
            body.contains(&format!("X-HUB-BOOKING:{id}/0")) && !body.contains("bkg_0123456789/0")
        );
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_a_booking_is_refused_and_left_alone() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let series = event("series", 9, 10).replace("SUMMARY:", "RRULE:FREQ=DAILY;COUNT=3\r\nSUMMARY:");
        place.calendar.put("series.ics", series);
        let free = event("free", 12, 13).replace("SUMMARY:", "TRANSP:TRANSPARENT\r\nSUMMARY:");
        place.calendar.put("free.ics", free);
        place.calendar.put("theirs.ics", event("theirs", 14, 15));
        place.sync().await;
        let before = place.objects();
        for name in ["series.ics", "free.ics"] {
            adopt(&place, path(&place, name), json!({})).await.problem(409, "wrong_state");
        }
        adopt(&place, path(&place, "none.ics"), json!({})).await.problem(404, "not_found");
        adopt(&place, json!({"ical_uid": "none"}), json!({})).await.problem(404, "not_found");
        let theirs = || path(&place, "theirs.ics");
        adopt(&place, json!({}), json!({})).await.problem(422, "invalid");
        let both = json!({"event_id": "/x.ics", "ical_uid": "x"});
        adopt(&place, both, json!({})).await.problem(422, "invalid");
        for more in [json!({"start": hour(9)}), json!({"hold_id": "hld_1"}), json!({"write_to": "cal_1"})] {
            adopt(&place, theirs(), more).await.problem(422, "invalid");
        }
        let other = json!({"name": "Room", "external_id": "room", "calendars": [{"calendar_id": place.calendar_id}],
            "write_to": place.calendar_id});
        place.hub.post("/v1/resources", other).await.expect(201);
        adopt(&place, theirs(), json!({})).await.problem(422, "invalid");

        // Somebody lies over it, or nobody can tell.
        place.calendar.put("over.ics", event("over", 14, 16));
        place.sync().await;
        let of_anna = || json!({"resources": ["ext:anna"]});
        adopt(&place, theirs(), of_anna()).await.problem(409, "slot_taken");
        place.calendar.delete("over.ics");
        place.sync().await;
        let down = Act::Status { status: 503, retry_after_s: None, body: String::new() };
        place.world.fault(Fault::new(down).account("anna"));
        adopt(&place, theirs(), of_anna()).await.problem(409, "unverified");
        place.world.clear_faults();
        assert_eq!(place.objects(), before);
        assert_eq!(place.hub.get("/v1/bookings").await.expect(200).body["items"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn under_a_key_it_is_taken_over_once_though_the_provider_is_asked_twice() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        place.calendar.put("theirs.ics", event("theirs", 9, 10));
        place.sync().await;
        place.pass(Duration::from_secs(120)).await;
        let adopt = json!({"calendar_id": place.calendar_id, "event_id": path(&place, "theirs.ics")["event_id"]});
        let body = json!({"adopt": adopt});
        let ask = async || {
            let headers = [("idempotency-key", "once")];
            place.hub.call(Method::POST, "/v1/bookings", Some(body.clone()), &headers).await
        };
        let first = ask().await.expect(201);
        let again = ask().await.expect(201);
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(first.text, again.text);
    })
    .await;
}
