//! What operators pause is left alone by every hub, without anything being lost or called free, and goes on at once.

use std::time::Duration;

use axum::http::Method;
use calhub::{
    drill::{Bug, Drill},
    store::{Claiming, Engine, Paused, Share, Target},
};
use serde_json::{Value, json};

use super::place::{Place, event, hour};
use crate::{
    api::world::{Answer, TestHub},
    support::{
        engines::on_each_engine,
        simulated::{ORIGIN, transport},
    },
};

/// Every request that the provider got, by whatever verb.
fn asked(place: &Place) -> usize {
    place.world.count(|_| true)
}

fn written(place: &Place) -> usize {
    place.world.count(|entry| matches!(entry.method.as_str(), "PUT" | "DELETE"))
}

async fn connection(place: &Place) -> Value {
    let found = place.hub.get("/v1/connections").await.expect(200).body;
    found["items"][0].clone()
}

/// Lets so many minutes pass, one at a time; answers how many rows of work ran.
async fn minutes(place: &Place, count: usize) -> usize {
    let mut ran = 0;
    for _ in 0..count {
        place.hub.clock.advance(Duration::from_secs(60));
        place.world.advance(Duration::from_secs(60));
        ran += place.hub.hub.engine.step().await.unwrap();
    }
    place.hub.settle().await;
    ran
}

/// The three things that can be paused, around Anna's connection.
async fn targets(place: &Place) -> [Value; 3] {
    let id = connection(place).await["id"].clone();
    [json!({"provider": "caldav"}), json!({"tenant": true}), json!({"connection": id})]
}

fn with(target: &Value, reads: bool, writes: bool) -> Value {
    let mut body = target.clone();
    body["reads"] = json!(reads);
    body["writes"] = json!(writes);
    body
}

async fn pause(place: &Place, target: &Value, reads: bool, writes: bool) -> Value {
    let body = with(target, reads, writes);
    place.hub.post("/v1/ops/pause", body).await.expect(200).body
}

async fn resume(place: &Place, target: &Value) -> Value {
    place.hub.post("/v1/ops/resume", target.clone()).await.expect(200).body
}

/// Asks for everything that would read the calendar.
async fn everything_that_reads(place: &Place) {
    let id = &place.calendar_id;
    place.hub.post(&format!("/v1/calendars/{id}/refresh"), json!({})).await.expect(202);
    place.hub.post("/v1/ops/sync", json!({"all": true, "full": true})).await.expect(202);
    place.hub.post("/v1/ops/sync", json!({"all": true, "dry_run": true})).await.expect(200);
    let ask = json!({"resources": [place.resource], "start": hour(0), "end": hour(23),
        "refresh": "if_stale", "max_staleness": "PT1S"});
    let wait = [("prefer", "wait=2")];
    place.hub.call(Method::POST, "/v1/freebusy", Some(ask), &wait).await.expect(200);
    place.settle().await;
}

#[tokio::test]
async fn while_reading_is_paused_nobody_is_asked_and_nothing_is_called_free() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        for target in targets(&place).await {
            place.sync().await;
            place.world.clear_log();
            let told = pause(&place, &target, true, false).await;
            assert_eq!((&told["reads"], &told["writes"]), (&json!(true), &json!(false)));
            place.calendar.put("new.ics", event("new", 12, 13));
            everything_that_reads(&place).await;
            let ran = minutes(&place, 60).await;
            assert_eq!(asked(&place), 0, "{target}: {:?}", place.world.log());
            assert!((1..60).contains(&ran), "{ran} rows looked in an hour");
            // Nobody is told that anything fails, nor that anything is free.
            let one = connection(&place).await;
            assert_eq!((&one["state"], &one["last_error"]), (&json!("healthy"), &Value::Null));
            assert_eq!(one["paused"], json!({"reads": true, "writes": false}));
            let jobs = place.hub.get("/v1/ops/jobs").await.expect(200).body;
            for job in jobs["items"].as_array().unwrap() {
                assert_ne!(job["state"], "failing", "{job}");
            }
            let ask = json!({"resources": [place.resource], "start": hour(0), "end": hour(23)});
            let found = place.hub.post("/v1/freebusy", ask).await.expect(200).body;
            let unknown = &found["resources"][&place.resource]["unknown"][0];
            assert_eq!((&unknown["reason"], &unknown["start"]), (&json!("stale"), &json!(hour(0))));
            place.book(12, 13).await.problem(409, "unverified");
            // A login cannot be checked without asking.
            let path = format!("/v1/connections/{}", one["id"].as_str().unwrap());
            place.hub.patch(&path, json!({"password": "right"})).await.problem(409, "paused");
            assert_eq!(asked(&place), 0, "{target}");
            // It goes on at once, with what was asked for meanwhile.
            let told = resume(&place, &target).await;
            assert_eq!((&told["reads"], &told["writes"]), (&json!(false), &json!(false)));
            assert!(told["woken"].as_u64().unwrap() >= 1, "{told}");
            place.settle().await;
            assert_eq!(place.busy().await, ["12-13"], "{target}");
            place.calendar.delete("new.ics");
        }
    })
    .await;
}

/// The control: hubs that do not hear of the pause are seen.
#[tokio::test]
async fn control_a_pause_that_is_not_heard_is_seen() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        place.sync().await;
        place.world.clear_log();
        pause(&place, &json!({"tenant": true}), true, true).await;
        let drill = Drill::with_bugs(&[Bug::PauseUnheard]);
        Box::pin(drill.run(everything_that_reads(&place))).await.unwrap();
        assert!(asked(&place) > 0, "the count counts nothing");
    })
    .await;
}

#[tokio::test]
async fn while_writing_is_paused_deliveries_wait_and_none_is_lost() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        for (n, target) in targets(&place).await.into_iter().enumerate() {
            let (cancelled, moved) = (place.book(9, 10).await.expect(201).id(), {
                place.book(11, 12).await.expect(201).id()
            });
            place.settle().await;
            place.world.clear_log();
            pause(&place, &target, false, true).await;
            // A create, a move and a cancellation wait; reading goes on.
            let created = place.book(14, 15).await.expect(201).id();
            let path = format!("/v1/bookings/{moved}");
            place.hub.patch(&path, json!({"start": hour(16), "end": hour(17)})).await.expect(200);
            let path = format!("/v1/bookings/{cancelled}/cancel");
            place.hub.post(&path, json!({})).await.expect(200);
            place.settle().await;
            let before = asked(&place);
            let ran = minutes(&place, 120).await;
            assert_eq!(written(&place), 0, "{target}: {:?}", place.world.log());
            assert!(asked(&place) > before, "reading goes on");
            assert!(ran < 200, "{ran} rows ran in two hours");
            let jobs = place.hub.get("/v1/ops/jobs?lane=deliver").await.expect(200).body;
            let jobs = jobs["items"].as_array().unwrap();
            assert_eq!(jobs.len(), 3, "{jobs:?}");
            for job in jobs {
                assert_eq!(
                    (&job["state"], &job["attempts"], &job["last_error"]),
                    (&json!("waiting"), &json!(0), &Value::Null)
                );
            }
            let outbox = place.hub.get("/v1/ops/outbox?state=pending").await.expect(200).body;
            assert_eq!(outbox["items"].as_array().unwrap().len(), 3);
            assert_eq!(place.booking(&created).await["delivery"], "pending");
            // What was agreed counts meanwhile.
            assert_eq!(place.busy().await, ["14-15", "16-17"], "{n}");
            assert_eq!(resume(&place, &target).await["woken"], 3);
            place.settle().await;
            let events = place.objects();
            assert_eq!(events.len(), 2, "{events:?}");
            for start in ["T140000Z", "T160000Z"] {
                let found = events.iter().filter(|body| body.contains(start)).count();
                assert_eq!(found, 1, "{start} in {events:?}");
            }
            assert_eq!(written(&place), 3, "each once: {:?}", place.world.log());
            for id in [&created, &moved] {
                assert_eq!(place.booking(id).await["delivery"], "written");
                place.hub.post(&format!("/v1/bookings/{id}/cancel"), json!({})).await.expect(200);
            }
            place.settle().await;
            assert!(place.objects().is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn pauses_lie_over_each_other_and_each_is_taken_back_by_itself() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let [provider, _, own] = targets(&place).await;
        pause(&place, &provider, false, true).await;
        pause(&place, &own, true, false).await;
        pause(&place, &own, false, true).await;
        let held = async || connection(&place).await["paused"].clone();
        assert_eq!(held().await, json!({"reads": true, "writes": true}));
        let listed = place.hub.get("/v1/ops/pauses").await.expect(200).body;
        assert_eq!(listed["items"].as_array().unwrap().len(), 2, "{listed}");
        assert_eq!(listed["items"][0]["provider"], "caldav");
        assert_eq!(listed["items"][1]["reads"], true);
        let metrics = place.hub.get("/metrics").await.expect(200).text;
        assert!(metrics.contains("calhub_pauses{scope=\"connection\"} 1"), "{metrics}");
        let left = place.hub.post("/v1/ops/resume", with(&own, true, false)).await.expect(200).body;
        assert_eq!((&left["reads"], &left["writes"]), (&json!(false), &json!(true)));
        assert_eq!(held().await, json!({"reads": false, "writes": true}));
        resume(&place, &own).await;
        assert_eq!(held().await, json!({"reads": false, "writes": true}), "the provider's holds");
        resume(&place, &provider).await;
        assert_eq!(held().await, json!({"reads": false, "writes": false}));
        assert_eq!(resume(&place, &provider).await["woken"], 0, "nothing was paused");
        // Both stand in the timeline and in the audit log.
        let id = own["connection"].as_str().unwrap();
        let told = place.hub.get(&format!("/v1/ops/timeline?id={id}")).await.expect(200).body;
        let texts: Vec<_> =
            told["items"].as_array().unwrap().iter().map(|one| &one["text"]).collect();
        assert!(texts.contains(&&json!("an operator paused reading")), "{texts:?}");
        let told = place.hub.get("/v1/ops/audit?verb=paused").await.expect(200).body;
        assert_eq!(told["items"].as_array().unwrap().len(), 3);
        let told = place.hub.get("/v1/ops/audit?verb=resumed").await.expect(200).body;
        assert_eq!(told["items"].as_array().unwrap().len(), 3);
        // A connection that is taken out takes its pause with it.
        pause(&place, &own, true, true).await;
        place.hub.delete(&format!("/v1/connections/{id}?future_bookings=keep")).await.expect(202);
        place.settle().await;
        let listed = place.hub.get("/v1/ops/pauses").await.expect(200).body;
        assert_eq!(listed["items"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_tenants_key_pauses_only_what_is_its_own() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let hub = &place.hub;
        let (other, admin) = hub.other_tenant().await;
        let [provider, whole, own] = targets(&place).await;
        let ask = async |body: &Value, path: &str| -> Answer {
            let headers = [("authorization", admin.as_str())];
            hub.call(Method::POST, path, Some(body.clone()), &headers).await
        };
        for path in ["/v1/ops/pause", "/v1/ops/resume"] {
            ask(&provider, path).await.problem(403, "insufficient_scope");
            ask(&own, path).await.problem(404, "not_found");
            ask(&json!({"tenant": hub.tenant}), path).await.problem(404, "not_found");
            for wrong in [
                json!({}),
                json!({"tenant": true, "provider": "caldav"}),
                json!({"tenant": 7}),
                json!({"tenant": true, "reads": false, "writes": false}),
            ] {
                ask(&wrong, path).await.problem(422, "invalid");
            }
        }
        ask(&whole, "/v1/ops/pause").await.expect(200);
        place.world.clear_log();
        place.sync().await;
        assert!(asked(&place) > 0, "another tenant's pause holds nobody else");
        // Whoever runs the hub sees and lifts it, by id or by acting for the tenant.
        let listed = hub.get("/v1/ops/pauses").await.expect(200).body;
        assert_eq!(listed["items"][0]["tenant_id"], other.as_str());
        hub.post("/v1/ops/resume", json!({"tenant": other})).await.expect(200);
        let listed = hub.get("/v1/ops/pauses").await.expect(200).body;
        assert_eq!(listed["items"], json!([]));
        // What holds a whole provider is told to those whom it holds.
        pause(&place, &provider, true, false).await;
        let headers = [("authorization", admin.as_str())];
        let told = hub.call(Method::GET, "/v1/ops/pauses", None, &headers).await.expect(200).body;
        assert_eq!(told["items"][0]["provider"], "caldav");
        let login = json!({"provider": "caldav", "url": format!("{ORIGIN}/x/"), "username": "u",
            "password": "p"});
        let refused = hub.call(Method::POST, "/v1/connections", Some(login), &headers).await;
        refused.problem(409, "paused");
    })
    .await;
}

/// A pause is the database's: another hub of the cell, or the next one, knows it before it asks anybody.
#[tokio::test]
async fn another_hub_of_the_cell_hears_of_it_at_once() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        let store =
            if bed.engine == Engine::Postgres { bed.open_again().await } else { bed.store.clone() };
        let other = TestHub::beside(1, store, transport(&place.world), &[]).await;
        place.sync().await;
        place.world.clear_log();
        let target = json!({"provider": "caldav"});
        pause(&place, &target, true, true).await;
        other.post("/v1/ops/sync", json!({"all": true})).await.expect(202);
        assert!(other.hub.engine.step().await.unwrap() > 0);
        assert_eq!(asked(&place), 0);
        other.post("/v1/ops/resume", target).await.expect(200);
        place.settle().await;
        assert!(asked(&place) > 0, "the first one was told that it is over");
    })
    .await;
}

/// A row that found itself paused just before the pause ended is due at once all the same.
#[tokio::test]
async fn who_steps_aside_while_the_pause_ends_is_woken_too() {
    on_each_engine(async |bed| {
        let place = Place::new(bed).await;
        place.sync().await;
        let store = &bed.store;
        let tenant = &place.hub.tenant;
        pause(&place, &json!({"tenant": true}), true, false).await;
        place.hub.post("/v1/ops/sync", json!({"all": true})).await.expect(202);
        let now = place.hub.hub.clock.now();
        let lease = Duration::from_secs(30);
        let ask = Claiming { share: Share::All, owner: "x", limit: 1, lease, now, last: "" };
        let mut tx = store.begin().await.unwrap();
        let rows = tx.work().claim("pull", &ask).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(rows.len(), 1);
        resume(&place, &json!({"tenant": true})).await;
        let mut tx = store.begin().await.unwrap();
        let later = now + Duration::from_secs(300);
        assert!(tx.work().finish(&rows[0], Some(later), None).await.unwrap());
        tx.commit().await.unwrap();
        place.world.clear_log();
        place.settle().await;
        assert!(asked(&place) > 0, "it waits for its next look");
        // Only what the pause held is woken.
        let mut tx = store.begin().await.unwrap();
        let nobody = Target::Tenant("ten_nobody".parse().unwrap());
        let (both, day) = (Paused { reads: true, writes: true }, Duration::from_secs(86_400));
        assert_eq!(tx.pauses().wake(&nobody, both, now, day).await.unwrap(), 0);
        let all = Target::Tenant(tenant.clone());
        assert!(tx.pauses().wake(&all, both, now, day).await.unwrap() > 0);
        tx.rollback().await.unwrap();
    })
    .await;
}
