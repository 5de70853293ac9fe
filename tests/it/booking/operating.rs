//! What operators see of bookings: the story of one, and those that rest on calendars nobody can vouch for.

use std::time::Duration;

use serde_json::{Value, json};
use simulators::{Act, Fault};

use super::place::{Place, hour};
use crate::support::engines::on_each_engine;

#[tokio::test]
async fn a_bookings_story_leads_from_the_request_to_every_try() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let down = Act::Status { status: 503, retry_after_s: None, body: String::new() };
        place.world.fault(Fault::new(down).account("anna").method("PUT").once());
        let mut body = place.slot(9, 10);
        body["title"] = json!("Canary title");
        let id = place.hub.post("/v1/bookings", body).await.expect(201).id();
        place.settle().await;
        place.pass(Duration::from_secs(900)).await;
        place.drag("T090000Z", "T110000Z", "T100000Z", "T120000Z").await;
        let answer = place.hub.get(&format!("/v1/ops/timeline?id={id}")).await.expect(200);
        assert!(!answer.text.contains("Canary"), "{}", answer.text);
        let items = answer.body["items"].as_array().unwrap().clone();
        let kinds: Vec<&str> =
            items.iter().rev().map(|one| one["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds.first(), Some(&"created"), "{kinds:?}");
        let at = |kind: &str| kinds.iter().position(|one| *one == kind).unwrap();
        assert!(at("try") < at("delivered") && at("delivered") < at("conflict"), "{kinds:?}");
        let texts: Vec<&str> =
            items.iter().rev().map(|one| one["text"].as_str().unwrap()).collect();
        let says = |part: &str| texts.iter().any(|text| text.contains(part));
        let calendar = &place.calendar_id;
        for part in [
            &format!("booked: {} - {}", hour(9), hour(10)),
            "create the event: failed (unavailable",
            "create the event: done (",
            &format!("stands in {calendar}"),
            &format!("somebody moved its event in {calendar} to {}", hour(11)),
        ] {
            assert!(says(part), "{part:?} is not in {texts:#?}");
        }
        assert!(items.last().unwrap()["detail"]["actor"].as_str().unwrap().starts_with("key:"));
        place.hub.get("/v1/ops/timeline?id=bkg_0123").await.problem(404, "not_found");
    })
    .await;
}

#[tokio::test]
async fn bookings_of_the_next_day_that_rest_on_a_stale_calendar_are_listed() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let soon = place.book(9, 10).await.expect(201).id();
        let later = json!({"resources": ["ext:anna"], "start": "2026-03-06T09:00:00Z", "end": "2026-03-06T10:00:00Z"});
        let later = place.hub.post("/v1/bookings", later).await.expect(201).id();
        let cancelled = place.book(11, 12).await.expect(201).id();
        place.hub.post(&format!("/v1/bookings/{cancelled}/cancel"), json!({})).await.expect(200);
        place.settle().await;
        let ids = async |horizon: &str| -> Vec<String> {
            let path = format!("/v1/ops/impact{horizon}");
            let items = place.hub.get(&path).await.expect(200).body["items"].clone();
            items.as_array().unwrap().iter().map(|one| one["booking_id"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(ids("?horizon=P7D").await, [] as [String; 0], "all is well");

        let down = Act::Status { status: 503, retry_after_s: None, body: String::new() };
        place.world.fault(Fault::new(down).account("anna"));
        place.pass(Duration::from_secs(3 * 60 * 60)).await;
        assert_eq!(ids("?horizon=PT20H").await, [] as [String; 0], "tomorrow at nine is farther away");
        assert_eq!(ids("").await, std::slice::from_ref(&soon));
        // Made in the same instant: in the order of their ids.
        let mut both = [soon, later];
        both.sort();
        let [first, second] = both.clone();
        assert_eq!(ids("?horizon=P7D").await, both);
        let page = place.hub.get("/v1/ops/impact?horizon=P7D&limit=1").await.expect(200).body;
        let next = page["next"].as_str().unwrap();
        assert_eq!(ids(&format!("?horizon=P7D&after={next}")).await, [second]);
        let one: &Value = &page["items"][0];
        assert_eq!(one["booking_id"], json!(first));
        assert_eq!(one["calendars"][0]["calendar_id"], json!(place.calendar_id));
        let is = (&one["calendars"][0]["reason"], &one["calendars"][0]["blocks"]);
        assert_eq!(is, (&json!("stale"), &json!(true)), "{one}");
        place.hub.get("/v1/ops/impact?horizon=-PT1H").await.problem(400, "invalid_parameter");

        place.world.clear_faults();
        place.pass(Duration::from_secs(900)).await;
        assert_eq!(ids("?horizon=P7D").await, [] as [String; 0]);
    })
    .await;
}

/// As after a hub that went down between moving the booking and saying that the conflict is settled.
#[tokio::test]
async fn a_conflict_that_was_followed_already_is_accepted_all_the_same() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let id = place.book(9, 10).await.expect(201).id();
        place.settle().await;
        place.drag("T090000Z", "T110000Z", "T100000Z", "T120000Z").await;
        let found = place.booking(&id).await;
        let conflict = found["conflicts"][0]["id"].as_str().unwrap();
        let resolve = format!("/v1/bookings/{id}/conflicts/{conflict}/resolve");
        let to = json!({"start": hour(11), "end": hour(12), "allow_unverified": true});
        place.hub.patch(&format!("/v1/bookings/{id}"), to).await.expect(200);
        place.hub.post(&resolve, json!({"action": "revert"})).await.problem(409, "wrong_state");
        place.hub.post(&resolve, json!({"action": "accept"})).await.expect(200);
        place.hub.post(&resolve, json!({"action": "accept"})).await.problem(409, "wrong_state");
        assert!(place.kinds(&id).await.contains(&"conflict_resolved".to_owned()));
    })
    .await;
}
