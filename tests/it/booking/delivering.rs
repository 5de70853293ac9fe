//! Writing bookings into the person's calendar, and what the person does there.

use serde_json::json;

use super::place::{Place, event, hour};
use crate::support::engines::on_each_engine;

#[tokio::test]
async fn a_booking_becomes_one_event_that_shows_nothing_personal_and_invites_nobody() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let mut asked = place.slot(9, 10);
        asked["title"] = json!("Therapy of Bert");
        asked["description"] = json!("secret");
        asked["attendees"] = json!([{"email": "bert@example.org"}]);
        let id = place.hub.post("/v1/bookings", asked).await.expect(201).id();
        assert_eq!(place.booking(&id).await["delivery"], "pending");
        place.settle().await;
        let [object] = &place.objects()[..] else { panic!("{:?}", place.objects()) };
        assert!(object.contains("DTSTART:20260303T090000Z"), "{object}");
        assert!(
            object.contains("SUMMARY:Appointment") && object.contains("CLASS:PRIVATE"),
            "{object}"
        );
        for word in ["Therapy", "secret", "bert", "ATTENDEE", "ORGANIZER", "METHOD"] {
            assert!(!object.contains(word), "{word} in {object}");
        }
        let found = place.booking(&id).await;
        assert_eq!(found["delivery"], "written", "{found}");
        assert_eq!(found["provider_events"][0]["calendar_id"], place.calendar_id.as_str());
        assert!(found["provider_events"][0]["event_id"].is_string());
    })
    .await;
}

/// The event of a booking is no second busy time, however often it is read.
#[tokio::test]
async fn an_echo_is_neither_a_second_busy_time_nor_a_conflict() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let id = place.book(9, 10).await.expect(201).id();
        for _ in 0..3 {
            place.sync().await;
            assert_eq!(place.busy().await, ["9-10"]);
            assert_eq!(place.booking(&id).await["delivery"], "written");
        }
        let path = format!("/v1/bookings/{id}");
        place.hub.patch(&path, json!({"start": hour(9), "end": hour(11)})).await.expect(200);
        assert_eq!(place.busy().await, ["9-11"], "before it is delivered");
        place.settle().await;
        place.sync().await;
        assert_eq!(place.busy().await, ["9-11"]);
        assert_eq!(place.objects().len(), 1);
        assert!(place.objects()[0].contains("DTEND:20260303T110000Z"), "{}", place.objects()[0]);
        place.hub.post(&format!("{path}/cancel"), json!({})).await.expect(200);
        assert!(
            place.busy().await.is_empty(),
            "a cancelled booking never blocks until its event is gone"
        );
        place.book(9, 10).await.expect(201);
        place.settle().await;
        place.sync().await;
        assert_eq!(place.objects().len(), 1);
        assert_eq!(place.busy().await, ["9-10"]);
    })
    .await;
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_found_and_not_repeated() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let lost =
            simulators::Fault::new(simulators::Act::DropAfterApply).account("anna").method("PUT");
        place.world.fault(lost.once());
        let id = place.book(9, 10).await.expect(201).id();
        place.settle().await;
        assert_eq!(place.booking(&id).await["delivery"], "pending");
        for _ in 0..4 {
            place.pass(std::time::Duration::from_secs(600)).await;
        }
        assert_eq!(place.booking(&id).await["delivery"], "written");
        assert_eq!(place.objects().len(), 1);
        assert_eq!(place.busy().await, ["9-10"]);
    })
    .await;
}

/// The person's move stays in the calendar; the booking keeps its time and says that they differ.
#[tokio::test]
async fn a_persons_move_wins_in_the_calendar_and_is_told() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let id = place.book(9, 10).await.expect(201).id();
        place.settle().await;
        let (name, body) = place.stored().remove(0);
        let moved = body.replace("T090000Z", "T140000Z").replace("T100000Z", "T150000Z");
        place.calendar.put(&name, moved);
        place.sync().await;
        place.settle().await;
        let found = place.booking(&id).await;
        assert_eq!(found["delivery"], "conflict", "{found}");
        assert_eq!(found["conflicts"][0]["kind"], "moved");
        assert!(place.objects()[0].contains("DTSTART:20260303T140000Z"));
        assert_eq!(place.busy().await, ["9-10", "14-15"], "both are taken until it is settled");
        let told =
            found["history"].as_array().unwrap().iter().filter(|row| row["kind"] == "conflict");
        assert_eq!(told.count(), 1, "{found}");
    })
    .await;
}

#[tokio::test]
async fn a_persons_other_words_are_kept() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let id = place.book(9, 10).await.expect(201).id();
        place.settle().await;
        let (name, body) = place.stored().remove(0);
        place.calendar.put(&name, body.replace("SUMMARY:Appointment", "SUMMARY:Bert"));
        place.sync().await;
        place.settle().await;
        assert_eq!(place.booking(&id).await["delivery"], "written");
        assert!(place.objects()[0].contains("SUMMARY:Bert"));
        assert_eq!(place.busy().await, ["9-10"]);
    })
    .await;
}

#[tokio::test]
async fn an_event_that_the_person_deleted_is_told_and_never_restored_by_itself() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let id = place.book(9, 10).await.expect(201).id();
        place.settle().await;
        let (name, _) = place.stored().remove(0);
        place.calendar.delete(&name);
        for _ in 0..3 {
            place.sync().await;
        }
        let found = place.booking(&id).await;
        assert_eq!(
            (&found["delivery"], &found["status"]),
            (&json!("conflict"), &json!("confirmed"))
        );
        assert_eq!(found["conflicts"][0]["kind"], "deleted");
        assert!(place.objects().is_empty());
        assert_eq!(place.busy().await, ["9-10"], "what was agreed still holds");
    })
    .await;
}

#[tokio::test]
async fn a_calendar_that_cannot_be_reached_is_tried_until_it_can() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let down =
            simulators::Act::Status { status: 503, retry_after_s: None, body: String::new() };
        place.world.fault(simulators::Fault::new(down).account("anna").method("PUT"));
        let id = place.book(9, 10).await.expect(201).id();
        for _ in 0..3 {
            place.pass(std::time::Duration::from_secs(900)).await;
            assert_eq!(place.booking(&id).await["delivery"], "pending");
        }
        place.world.clear_faults();
        place.pass(std::time::Duration::from_secs(900)).await;
        assert_eq!(place.booking(&id).await["delivery"], "written");
        assert_eq!(place.objects().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn foreign_events_beside_ours_are_never_touched() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        place.calendar.put("own.ics", event("own", 6, 7));
        let before = place.objects();
        let id = place.book(9, 10).await.expect(201).id();
        place.settle().await;
        place.hub.post(&format!("/v1/bookings/{id}/cancel"), json!({})).await.expect(200);
        place.settle().await;
        assert_eq!(place.objects(), before);
    })
    .await;
}
