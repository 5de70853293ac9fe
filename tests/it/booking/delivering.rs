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

/// Somebody writes an event of their own over a booking.
#[tokio::test]
async fn a_foreign_event_on_top_of_a_booking_is_told_within_one_pull_and_not_again_once_dismissed()
{
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let id = place.book(9, 10).await.expect(201).id();
        place.settle().await;
        place.calendar.put("own.ics", event("own", 9, 11));
        place.sync().await;
        let found = place.booking(&id).await;
        let [conflict] = &found["conflicts"].as_array().unwrap()[..] else { panic!("{found}") };
        assert_eq!((&conflict["kind"], &conflict["likely_copy"]), (&json!("busy"), &json!(false)));
        assert_eq!(found["delivery"], "written", "the booking itself is where it should be");
        let path =
            format!("/v1/bookings/{id}/conflicts/{}/resolve", conflict["id"].as_str().unwrap());
        place.hub.post(&path, json!({"action": "revert"})).await.problem(409, "wrong_state");
        place.hub.post(&path, json!({"action": "dismiss"})).await.expect(200);
        for _ in 0..2 {
            place.sync().await;
            assert_eq!(place.booking(&id).await["conflicts"], json!([]));
        }
        // Another pair, and a copy by the looks of it.
        place.calendar.put("copy.ics", event("copy", 9, 10));
        place.sync().await;
        let found = place.booking(&id).await;
        assert_eq!(found["conflicts"][0]["likely_copy"], true, "{found}");
        place.calendar.delete("copy.ics");
        place.sync().await;
        assert_eq!(place.booking(&id).await["conflicts"], json!([]));
        let kinds = place.kinds(&id).await;
        let count = |kind: &str| kinds.iter().filter(|one| *one == kind).count();
        assert_eq!((count("conflict"), count("conflict_resolved")), (2, 2), "{kinds:?}");
    })
    .await;
}

#[tokio::test]
async fn a_move_can_be_accepted_or_written_back() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        for (action, busy, starts) in
            [("accept", "14-15", "T140000Z"), ("revert", "9-10", "T090000Z")]
        {
            let id = place.book(9, 10).await.expect(201).id();
            place.settle().await;
            place.drag("T090000Z", "T140000Z", "T100000Z", "T150000Z").await;
            let found = place.booking(&id).await;
            let conflict = found["conflicts"][0]["id"].as_str().unwrap().to_owned();
            let path = format!("/v1/bookings/{id}/conflicts/{conflict}/resolve");
            place.hub.post(&path, json!({"action": action})).await.expect(200);
            place.settle().await;
            place.sync().await;
            let found = place.booking(&id).await;
            assert_eq!(
                (&found["delivery"], &found["conflicts"]),
                (&json!("written"), &json!([])),
                "{found}"
            );
            assert_eq!(place.busy().await, [busy], "{action}");
            assert!(place.objects()[0].contains(starts), "{action}: {}", place.objects()[0]);
            let again = place.hub.post(&path, json!({"action": action})).await;
            again.problem(409, "wrong_state");
            place.hub.post(&format!("/v1/bookings/{id}/cancel"), json!({})).await.expect(200);
            place.settle().await;
        }
    })
    .await;
}

#[tokio::test]
async fn policies_follow_revert_cancel_and_restore_without_asking() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let policy = async |on_move: &str, on_delete: &str| {
            let body = json!({"on_provider_move": on_move, "on_provider_delete": on_delete});
            place.hub.patch("/v1/resources/ext:anna", body).await.expect(200);
        };
        policy("follow", "cancel").await;
        let id = place.book(9, 10).await.expect(201).id();
        place.settle().await;
        place.drag("T090000Z", "T140000Z", "T100000Z", "T150000Z").await;
        let found = place.booking(&id).await;
        assert_eq!(
            (&found["start"], &found["delivery"]),
            (&json!(hour(14)), &json!("written")),
            "{found}"
        );
        assert_eq!(place.busy().await, ["14-15"]);
        // Into a time that is taken nothing follows.
        let other = place.book(16, 17).await.expect(201).id();
        place.settle().await;
        place.drag("T140000Z", "T160000Z", "T150000Z", "T170000Z").await;
        let found = place.booking(&id).await;
        assert_eq!(
            (&found["start"], &found["delivery"]),
            (&json!(hour(14)), &json!("conflict")),
            "{found}"
        );
        assert_eq!(found["conflicts"][0]["kind"], "moved");
        assert_eq!(
            place.booking(&other).await["conflicts"][0]["kind"],
            "busy",
            "a conflict on both"
        );
        place.hub.post(&format!("/v1/bookings/{id}/cancel"), json!({})).await.expect(200);
        place.settle().await;
        place.sync().await;
        assert_eq!(place.booking(&other).await["conflicts"], json!([]));
        // Deleted by the person, cancelled by the policy.
        let (name, _) = place.stored().remove(0);
        place.calendar.delete(&name);
        place.sync().await;
        place.policies().await;
        assert_eq!(place.booking(&other).await["status"], "cancelled");
        assert!(place.busy().await.is_empty());
        policy("revert", "restore").await;
        let id = place.book(9, 10).await.expect(201).id();
        place.settle().await;
        place.drag("T090000Z", "T140000Z", "T100000Z", "T150000Z").await;
        assert!(place.objects()[0].contains("T090000Z"), "{}", place.objects()[0]);
        let (name, _) = place.stored().remove(0);
        place.calendar.delete(&name);
        place.sync().await;
        place.policies().await;
        assert_eq!(place.objects().len(), 1);
        assert_eq!(place.booking(&id).await["delivery"], "written");
        assert_eq!(place.busy().await, ["9-10"]);
    })
    .await;
}

/// What a provider refuses for good is a dead letter: nothing is repeated until an operator has a hand on it.
#[tokio::test]
async fn a_refused_event_is_a_dead_letter_with_every_try_and_is_retried_skipped_or_adopted_by_hand()
{
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let refuse = || {
            let refused =
                simulators::Act::Status { status: 415, retry_after_s: None, body: String::new() };
            place.world.fault(simulators::Fault::new(refused).account("anna").method("PUT"));
        };
        refuse();
        let id = place.book(9, 10).await.expect(201).id();
        place.settle().await;
        let puts = || place.world.count(|entry| entry.method == "PUT");
        let before = puts();
        for _ in 0..3 {
            place.pass(std::time::Duration::from_secs(900)).await;
        }
        assert_eq!(puts(), before, "given up");
        assert_eq!(place.booking(&id).await["delivery"], "failed");
        let found = place.hub.get("/v1/ops/outbox?state=failed").await.expect(200).body;
        let row = &found["items"][0];
        assert_eq!(
            (&row["booking_id"], &row["attempts"][0]["verb"]),
            (&json!(id), &json!("create"))
        );
        assert_eq!(
            (&row["attempts"][0]["outcome"], &row["attempts"][0]["status"]),
            (&json!("rejected"), &json!(415))
        );
        let path = format!("/v1/ops/outbox/{}", row["id"].as_str().unwrap());
        place.world.clear_faults();
        place.hub.post(&format!("{path}/retry"), json!({})).await.expect(202);
        place.settle().await;
        assert_eq!(place.booking(&id).await["delivery"], "written");
        // Left as it is.
        refuse();
        let other = place.book(11, 12).await.expect(201).id();
        place.settle().await;
        let path = format!("/v1/ops/outbox/{other}:{}", place.calendar_id);
        place.hub.post(&format!("{path}/skip"), json!({})).await.expect(202);
        place.settle().await;
        assert_eq!(place.booking(&other).await["delivery"], "not_applicable");
        assert_eq!(place.busy().await, ["9-10", "11-12"]);
        // Somebody has put it there by hand.
        place.world.clear_faults();
        place.calendar.put("by-hand.ics", event("by-hand", 11, 12));
        let href = place.calendar.href("by-hand.ics");
        place.hub.post(&format!("{path}/adopt"), json!({"event_id": href})).await.expect(202);
        place.settle().await;
        place.sync().await;
        let found = place.booking(&other).await;
        assert_eq!(
            (&found["delivery"], &found["conflicts"]),
            (&json!("written"), &json!([])),
            "{found}"
        );
        assert_eq!(place.objects().len(), 2);
        let nobody = format!("/v1/ops/outbox/{other}:cal_nobody/retry");
        place.hub.post(&nobody, json!({})).await.problem(404, "not_found");
    })
    .await;
}
