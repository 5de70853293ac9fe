//! What calendars hold against what bookings want: told, settled where nobody has decided otherwise, and left alone where
//! somebody has.

use std::time::Duration;

use axum::http::Method;
use calhub::{
    clock::SeededEntropy,
    store::{Backup, Engine, Options, Store, back_up, restore},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use simulators::{Act, Fault};

use super::place::{Place, event, hour};
use crate::{
    api::world::TestHub,
    support::{
        engines::{Bed, create_database, on_each_engine, postgres_server},
        simulated::transport,
    },
};

/// Compares everything; `ask` holds what is not usual.
async fn reconcile(place: &Place, ask: Value) -> Value {
    let mut body = json!({"all": true});
    body.as_object_mut().unwrap().extend(ask.as_object().unwrap().clone());
    let answer = place.hub.post("/v1/ops/reconcile", body).await.expect(200).body;
    place.settle().await;
    answer
}

/// Kinds of differences with what is done about them, as one calendar's comparison told them.
fn told(answer: &Value) -> Vec<(String, Value, bool)> {
    let [calendar] = &answer["calendars"].as_array().unwrap()[..] else { panic!("{answer}") };
    let all = calendar["differences"].as_array().unwrap().iter();
    all.map(|one| {
        let kind = one["drift"].as_str().unwrap().to_owned();
        (kind, one["act"].clone(), one["done"].as_bool().unwrap())
    })
    .collect()
}

/// Kinds of what is listed as drift.
async fn drift(place: &Place) -> Vec<String> {
    let items = place.hub.get("/v1/ops/drift").await.expect(200).body["items"].clone();
    items.as_array().unwrap().iter().map(|one| one["drift"].as_str().unwrap().to_owned()).collect()
}

/// The hub forgets that there is anything to deliver for a booking.
async fn lose_work(place: &Place, booking: &str) {
    let path = format!("/v1/ops/jobs/deliver:{booking}%2F{}", place.calendar_id);
    place.hub.delete(&path).await.expect(204);
}

/// An event that says it is of a booking.
fn marked(uid: &str, marker: &str, from: u8, to: u8) -> String {
    event(uid, from, to).replace("SUMMARY:", &format!("X-HUB-BOOKING:{marker}\r\nSUMMARY:"))
}

#[tokio::test]
async fn lost_work_is_found_by_the_timer_within_the_hour_and_at_once_when_asked() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        place.book(7, 8).await.expect(201);
        place.settle().await;
        let lost = place.book(9, 10).await.expect(201).id();
        lose_work(&place, &lost).await;
        place.settle().await;
        assert_eq!(place.objects().len(), 1);

        let looked = reconcile(&place, json!({"dry_run": true})).await;
        assert_eq!(told(&looked), [("undelivered".to_owned(), json!("deliver"), false)]);
        assert_eq!(place.objects().len(), 1, "a dry run changes nothing");
        assert_eq!(drift(&place).await, [] as [String; 0], "and keeps nothing");
        let none = reconcile(&place, json!({"limit": 0})).await;
        assert_eq!((&none["differences"], &none["done"]), (&json!(1), &json!(0)));
        assert_eq!(drift(&place).await, ["undelivered"]);

        let settled = reconcile(&place, json!({})).await;
        assert_eq!((&settled["differences"], &settled["done"]), (&json!(1), &json!(1)));
        assert_eq!(place.objects().len(), 2);
        assert_eq!(place.booking(&lost).await["delivery"], "written");

        let again = place.book(10, 11).await.expect(201).id();
        lose_work(&place, &again).await;
        place.pass(Duration::from_secs(60 * 60)).await;
        assert_eq!(place.booking(&again).await["delivery"], "written");
        let clean = reconcile(&place, json!({})).await;
        assert_eq!(clean["differences"], 0, "{clean}");
        assert_eq!(drift(&place).await, [] as [String; 0]);
        assert_eq!(place.objects().len(), 3);
    })
    .await;
}

#[tokio::test]
async fn what_a_person_removed_is_told_and_never_put_back() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let id = place.book(9, 10).await.expect(201).id();
        place.settle().await;
        let [(name, body)] = &place.stored()[..] else { panic!() };
        place.calendar.delete(name);
        place.sync().await;
        for _ in 0..2 {
            let found = reconcile(&place, json!({})).await;
            assert_eq!(told(&found), [("missing".to_owned(), Value::Null, false)]);
            place.pass(Duration::from_secs(60 * 60)).await;
        }
        assert_eq!(place.objects(), [] as [String; 0]);
        assert_eq!(place.booking(&id).await["delivery"], "conflict");

        // Taken back out of the bin: it is the booking's again, and nothing is left to decide.
        place.calendar.put(name, body.clone());
        place.sync().await;
        let found = place.booking(&id).await;
        assert_eq!((&found["delivery"], &found["conflicts"]), (&json!("written"), &json!([])));
        assert_eq!(&place.objects(), std::slice::from_ref(body));
        assert_eq!(place.busy().await, ["9-10"]);
        let kinds = place.kinds(&id).await;
        assert_eq!(
            kinds.iter().filter(|kind| *kind == "conflict_resolved").count(),
            1,
            "{kinds:?}"
        );
        reconcile(&place, json!({})).await;
        assert_eq!(drift(&place).await, [] as [String; 0]);
    })
    .await;
}

#[tokio::test]
async fn an_event_that_only_says_it_is_ours_is_busy_time_and_drift_and_stays() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        place.calendar.put("who.ics", marked("who", "bkg_0123456789/0", 12, 13));
        place.sync().await;
        assert_eq!(drift(&place).await, ["orphan"], "told right after the pull that shows it");
        assert_eq!(place.busy().await, ["12-13"]);
        place.book(12, 13).await.problem(409, "slot_taken");
        let found = reconcile(&place, json!({})).await;
        assert_eq!(told(&found), [("orphan".to_owned(), Value::Null, false)]);
        assert_eq!(place.objects().len(), 1);
        place.calendar.delete("who.ics");
        reconcile(&place, json!({})).await;
        assert_eq!(drift(&place).await, [] as [String; 0]);
    })
    .await;
}

/// Another tool copies our event: with its marker under a new UID, or with its UID alone.
#[tokio::test]
async fn a_copy_of_our_event_is_told_as_one_whatever_its_time() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let id = place.book(9, 11).await.expect(201).id();
        place.settle().await;
        place.calendar.put("copy.ics", marked("copy", &format!("{id}/0"), 10, 12));
        place.sync().await;
        assert_eq!(drift(&place).await, ["copy"]);
        let found = place.booking(&id).await;
        let [conflict] = &found["conflicts"].as_array().unwrap()[..] else { panic!("{found}") };
        assert_eq!((&conflict["kind"], &conflict["likely_copy"]), (&json!("busy"), &json!(true)));
        assert_eq!(place.busy().await, ["9-12"], "unknown to be ours, it is busy time");
        place.hub.post(&format!("/v1/bookings/{id}/cancel"), json!({})).await.expect(200);
        place.settle().await;
        let objects = place.objects();
        assert!(objects.len() == 1 && objects[0].contains("UID:copy"), "{objects:?}");
        reconcile(&place, json!({})).await;
        assert_eq!(drift(&place).await, ["leftover"]);
        assert_eq!(place.objects(), objects);
    })
    .await;
}

#[tokio::test]
async fn a_dead_letter_whose_event_is_there_is_adopted() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let refused = Act::Status { status: 403, retry_after_s: None, body: String::new() };
        place.world.fault(Fault::new(refused).account("anna").method("PUT"));
        let id = place.book(9, 10).await.expect(201).id();
        place.settle().await;
        assert_eq!(place.booking(&id).await["delivery"], "failed");
        // Somebody helped themselves, with the same words.
        place.world.clear_faults();
        place.calendar.put("by-hand.ics", marked("by-hand", &format!("{id}/0"), 9, 10));
        place.sync().await;
        let found = place.booking(&id).await;
        assert_eq!((&found["delivery"], &found["conflicts"]), (&json!("written"), &json!([])));
        assert_eq!(place.objects().len(), 1);
        assert_eq!(place.busy().await, ["9-10"]);
        reconcile(&place, json!({})).await;
        assert_eq!(drift(&place).await, [] as [String; 0]);
    })
    .await;
}

/// A hub of yesterday's backup over the same calendars.
async fn restored(bed: &Bed, file: &std::path::Path, place: Place) -> (Place, Option<String>) {
    let (url, database) = match bed.engine {
        Engine::Sqlite => (format!("sqlite:{}", file.with_extension("db").display()), None),
        Engine::Postgres => {
            let url = create_database(&postgres_server().unwrap()).await;
            (url.clone(), Some(url))
        }
    };
    let entropy = SeededEntropy::new(7);
    let store = Store::open(&url, &Options::default(), &entropy).await.unwrap();
    let backup = Backup::check(file).unwrap();
    restore(&store, &backup, false, &entropy, place.now(), &mut |_, _| {}).await.unwrap();
    let hub = TestHub::beside(1, store, transport(&place.world), &[]).await;
    let late: Timestamp = place.now();
    hub.clock.advance(
        Duration::try_from(late.duration_since(calhub::clock::Clock::now(&hub.clock))).unwrap(),
    );
    (place.with_hub(hub), database)
}

#[tokio::test]
async fn a_day_old_backup_converges_without_a_duplicate_and_without_a_write() {
    on_each_engine(async |bed| {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("backup");
        let place = Place::new(bed).await;
        let policies = json!({"on_provider_move": "follow", "on_provider_delete": "cancel"});
        place.hub.patch("/v1/resources/ext:anna", policies).await.expect(200);
        let moved = place.book(9, 10).await.expect(201).id();
        let cancelled = place.book(10, 11).await.expect(201).id();
        let dragged = place.book(12, 13).await.expect(201).id();
        place.settle().await;
        let down = Act::Status { status: 503, retry_after_s: None, body: String::new() };
        place.world.fault(Fault::new(down).account("anna").method("PUT"));
        let pending = place.book(13, 14).await.expect(201).id();
        place.settle().await;
        back_up(&bed.url, &file, false, place.now(), &mut |_, _| {}).await.unwrap();

        // A day of the hub that is lost.
        place.world.clear_faults();
        let to = json!({"start": hour(15), "end": hour(16), "allow_unverified": true});
        place.hub.patch(&format!("/v1/bookings/{moved}"), to).await.expect(200);
        place.hub.post(&format!("/v1/bookings/{cancelled}/cancel"), json!({})).await.expect(200);
        place.sync().await;
        place.book(16, 17).await.expect(201);
        place.pass(Duration::from_secs(60 * 60)).await;
        place.drag("T120000Z", "T180000Z", "T130000Z", "T190000Z").await;
        place.pass(Duration::from_secs(23 * 60 * 60)).await;
        assert_eq!(place.booking(&dragged).await["start"], hour(18));
        let before = place.objects();
        assert_eq!(before.len(), 4);

        let (place, database) = restored(bed, &file, place).await;
        for _ in 0..3 {
            place.pass(Duration::from_secs(5 * 60)).await;
            place.policies().await;
        }
        assert_eq!(place.objects(), before, "nothing is written twice, put back or taken out");
        for (id, start) in [(&moved, 15), (&dragged, 18), (&pending, 13)] {
            let found = place.booking(id).await;
            let is = (&found["start"], &found["delivery"], &found["conflicts"]);
            assert_eq!(is, (&json!(hour(start)), &json!("written"), &json!([])), "{found}");
        }
        assert_eq!(place.booking(&cancelled).await["status"], "cancelled");
        assert_eq!(drift(&place).await, ["orphan"], "the booking that nobody remembers");
        assert_eq!(place.busy().await, ["13-14", "15-17", "18-19"]);
        let slot = json!({"resources": ["ext:anna"], "start": hour(16), "end": hour(17)});
        place.hub.post("/v1/bookings", slot).await.problem(409, "slot_taken");

        place.hub.hub.store.close().await;
        if let Some(url) = database {
            crate::support::engines::drop_database(&postgres_server().unwrap(), &url).await;
        }
    })
    .await;
}

#[tokio::test]
async fn only_what_is_selected_is_compared_and_wrong_asks_are_refused() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        place.book(9, 10).await.expect(201);
        place.settle().await;
        let ask = |body: Value| place.hub.call(Method::POST, "/v1/ops/reconcile", Some(body), &[]);
        let one = ask(json!({"calendar_id": place.calendar_id})).await.expect(200).body;
        assert_eq!(one["calendars"][0]["calendar_id"], json!(place.calendar_id));
        assert!(one["calendars"][0]["as_of"].is_string(), "{one}");
        ask(json!({})).await.problem(422, "invalid");
        ask(json!({"calendar_id": "cal_0123"})).await.problem(404, "not_found");
        let wrong = |query: &str| format!("/v1/ops/drift?{query}");
        place.hub.get(&wrong("kind=nothing")).await.problem(400, "invalid_parameter");
        place.hub.get(&wrong("after=nothing")).await.problem(400, "invalid_parameter");
    })
    .await;
}
