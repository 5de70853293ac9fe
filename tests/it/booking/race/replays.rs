//! Requests with an `Idempotency-Key`, repeated by many at once and by a hub that starts anew: one effect, one answer.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Instant,
};

use axum::http::Method;
use calhub::drill::{Drill, Point};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use serde_json::{Value, json};
use simulators::World;

use super::{chosen, seed, tables::Tables};
use crate::{
    api::world::{Answer, NOW, TestHub},
    support::{
        engines::{Bed, on_postgres, on_sqlite},
        simulated::transport,
    },
};

const AT_ONCE: u64 = 32;
const KEYS: u64 = 100;
/// The longest that a request keeps its key without an answer.
const LEASE_S: u64 = 61;

/// A hub on the database, the `nth` one that starts there.
async fn start(bed: &Bed, nth: u64) -> TestHub {
    let world = World::new(NOW.parse().unwrap());
    TestHub::beside(nth, bed.store.clone(), transport(&world), &[]).await
}

/// The request of a key. Two of the keys want each slot.
async fn ask(hub: &TestHub, resource: &str, key: u64) -> Answer {
    let hour = |hour: u64| format!("2026-03-{:02}T{:02}:00:00Z", 3 + hour / 24, hour % 24);
    let slot = key % (KEYS / 2);
    let body = json!({
        "resources": [resource], "start": hour(slot), "end": hour(slot + 1), "metadata": {"key": key.to_string()},
    });
    let name = format!("key {key}");
    hub.call(Method::POST, "/v1/bookings", Some(body), &[("idempotency-key", &name)]).await
}

/// What the requests of each key were answered, and how often.
#[derive(Default)]
struct Answers {
    by_key: BTreeMap<u64, BTreeMap<String, u64>>,
    /// Told to come again.
    running: u64,
    replayed: u64,
    taken: u64,
}

async fn repeat(hub: Arc<TestHub>, resource: String, times: u64, seed: u64) -> Answers {
    let left = Arc::new(AtomicI64::new(i64::try_from(times).unwrap()));
    let clients: Vec<_> = (0..AT_ONCE)
        .map(|nth| {
            let (hub, resource, left) = (Arc::clone(&hub), resource.clone(), Arc::clone(&left));
            tokio::spawn(async move {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream(nth);
                let mut answers = Answers::default();
                while left.fetch_sub(1, Ordering::Relaxed) > 0 {
                    let key = rng.next_u64() % KEYS;
                    let answer = ask(&hub, &resource, key).await;
                    answers.note(key, answer);
                }
                answers
            })
        })
        .collect();
    let mut all = Answers::default();
    for client in clients {
        all.add(client.await.unwrap());
    }
    all
}

impl Answers {
    fn note(&mut self, key: u64, answer: Answer) {
        match (answer.status.as_u16(), answer.body["code"].as_str()) {
            (201, _) => {
                self.replayed += u64::from(answer.header("idempotency-replayed").is_some());
                *self.by_key.entry(key).or_default().entry(answer.text).or_default() += 1;
            }
            (409, Some("idempotency_in_progress")) => self.running += 1,
            (409, Some("slot_taken")) => self.taken += 1,
            _ => panic!("key {key}: {} {}", answer.status, answer.text),
        }
    }

    fn add(&mut self, other: Self) {
        for (key, texts) in other.by_key {
            for (text, count) in texts {
                *self.by_key.entry(key).or_default().entry(text).or_default() += count;
            }
        }
        self.running += other.running;
        self.replayed += other.replayed;
        self.taken += other.taken;
    }
}

async fn replays(bed: &Bed) {
    let (times, seed) = (chosen("CALHUB_RACE_REPLAYS", 4_000), seed());
    println!("replays on {:?}: seed {seed}", bed.engine);
    let begun = Instant::now();
    let hub = Arc::new(start(bed, 0).await);
    let resource = hub.post("/v1/resources", json!({"name": "Anna"})).await.expect(201).id();
    let mut answers = repeat(Arc::clone(&hub), resource.clone(), times / 2, seed).await;
    drop(hub);
    let hub = Arc::new(start(bed, 1).await);
    answers.add(repeat(hub, resource, times - times / 2, seed + 1).await);
    println!(
        "replays on {:?}: {times} requests of {KEYS} keys in {:.1} s, {} replayed, {} told to come again, {} refused",
        bed.engine,
        begun.elapsed().as_secs_f64(),
        answers.replayed,
        answers.running,
        answers.taken
    );
    let made = Tables::read(bed).await.bookings;
    // Of the two keys that want a slot, one has it.
    assert_eq!(made.len() as u64, KEYS / 2);
    assert_eq!(answers.by_key.len(), made.len());
    for (key, texts) in &answers.by_key {
        assert_eq!(texts.len(), 1, "key {key} was answered {texts:?}");
    }
    assert!(answers.replayed > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_one_effect_and_one_answer_on_sqlite() {
    on_sqlite(replays).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_one_effect_and_one_answer_on_postgres() {
    on_postgres(replays).await;
}

/// The hub goes down between the effect and the answer, or before either: whoever asks again gets the one booking.
async fn cut_off(bed: &Bed) {
    let points = [Point::KeyTaken, Point::BookingWritten, Point::BookingStored, Point::AnswerMade];
    let hub = start(bed, 0).await;
    let resource = hub.post("/v1/resources", json!({"name": "Anna"})).await.expect(201).id();
    for (key, point) in points.into_iter().enumerate() {
        let drill = Drill::default();
        drill.stop_at(point, 1);
        assert!(drill.run(ask(&hub, &resource, key as u64)).await.is_none(), "{point:?}");
    }
    let made = Tables::read(bed).await.bookings;
    assert_eq!(made.len(), 2, "those of the last two points");
    drop(hub);
    let hub = start(bed, 1).await;
    hub.advance(LEASE_S).await;
    for key in 0..points.len() as u64 {
        let first = ask(&hub, &resource, key).await.expect(201);
        let again = ask(&hub, &resource, key).await.expect(201);
        assert_eq!(
            (first.text, again.header("idempotency-replayed")),
            (again.text.clone(), Some("true"))
        );
        assert_eq!(first.body["metadata"], json!({"key": key.to_string()}));
    }
    let all: Vec<Value> =
        Tables::read(bed).await.bookings.iter().map(|row| json!(row.id)).collect();
    assert_eq!(all.len(), points.len(), "{all:?}");
}

#[tokio::test]
async fn a_hub_that_went_down_before_it_answered_has_its_effect_once() {
    on_sqlite(cut_off).await;
    on_postgres(cut_off).await;
}

/// The same of a change: who asks again is told what became of it, not that somebody has changed it meanwhile, and
/// what others did since stays.
async fn changed_once(bed: &Bed) {
    let points = [Point::BookingWritten, Point::BookingStored, Point::AnswerMade];
    let hub = start(bed, 0).await;
    let resource = hub.post("/v1/resources", json!({"name": "Anna"})).await.expect(201).id();
    for (nth, point) in points.into_iter().enumerate() {
        let id = ask(&hub, &resource, nth as u64).await.expect(201).id();
        let (name, path) = (format!("change {nth}"), format!("/v1/bookings/{id}"));
        let headers = [("idempotency-key", name.as_str()), ("if-match", "\"r1\"")];
        let change = json!({"title": "Changed", "metadata": {"change": "1"}});
        let patch = async || hub.call(Method::PATCH, &path, Some(change.clone()), &headers).await;
        let drill = Drill::default();
        drill.stop_at(point, 1);
        assert!(drill.run(patch()).await.is_none(), "{point:?}");
        hub.advance(LEASE_S).await;
        if point != Point::BookingWritten {
            let others = json!({"metadata": {"change": "2"}});
            hub.call(Method::PATCH, &path, Some(others), &[("if-match", "\"r2\"")])
                .await
                .expect(200);
        }
        let first = patch().await.expect(200);
        let again = patch().await.expect(200);
        assert_eq!(
            (first.text, again.header("idempotency-replayed")),
            (again.text.clone(), Some("true"))
        );
        let is_alone = point == Point::BookingWritten;
        let (change, kinds) = if is_alone { ("1", 2) } else { ("2", 3) };
        let first: Value = serde_json::from_str(&again.text).unwrap();
        assert_eq!(first["metadata"]["change"], change, "{point:?}");
        assert_eq!(first["history"].as_array().unwrap().len(), kinds, "{point:?}");
    }
}

#[tokio::test]
async fn a_change_is_made_once_by_a_hub_that_went_down_before_it_answered() {
    on_sqlite(changed_once).await;
    on_postgres(changed_once).await;
}

/// And of a booking that is put under its external id: made, then changed.
async fn put_once(bed: &Bed) {
    let hub = start(bed, 0).await;
    let resource = hub.post("/v1/resources", json!({"name": "Anna"})).await.expect(201).id();
    for (nth, status) in [(0, 201), (1, 200)] {
        let body = json!({
            "resources": [resource], "start": format!("2026-03-03T{:02}:00:00Z", 9 + nth), "end": "2026-03-03T12:00:00Z",
        });
        let name = format!("put {nth}");
        let headers = [("idempotency-key", name.as_str())];
        let path = "/v1/bookings/ext:order-1";
        let put = async || hub.call(Method::PUT, path, Some(body.clone()), &headers).await;
        let drill = Drill::default();
        drill.stop_at(Point::BookingStored, 1);
        assert!(drill.run(put()).await.is_none());
        hub.advance(LEASE_S).await;
        let answer = put().await.expect(status);
        assert_eq!(answer.body["history"].as_array().unwrap().len(), 1 + nth);
    }
}

#[tokio::test]
async fn a_booking_is_put_once_by_a_hub_that_went_down_before_it_answered() {
    on_sqlite(put_once).await;
    on_postgres(put_once).await;
}
