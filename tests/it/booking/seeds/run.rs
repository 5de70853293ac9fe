//! One seed from its beginning to its end.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use axum::http::Method;
use calhub::store::Store;
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore, SeedableRng},
};
use serde_json::{Value, json};
use simulators::{AccountSpec, Act, Fault, Profile, Turn, World};

use super::{
    super::place::{Place, event},
    person::{Person, owner},
};
use crate::{api::world::NOW, support::simulated::transport_over};

const STEPS: usize = 24;

/// How one seed ended.
#[derive(Debug, Default)]
pub struct Outcome {
    pub seed: u64,
    pub faults: Vec<String>,
    pub trace: Vec<String>,
    pub bookings: usize,
    pub writes: usize,
    pub interjected: usize,
}

struct Run {
    place: Place,
    person: Person,
    chance: ChaCha20Rng,
    bookings: Vec<String>,
    /// Whether conflicts are settled by policies.
    has_policies: bool,
}

/// What resources may want done about a person's edits.
const POLICIES: [(&str, &str); 3] = [("flag", "flag"), ("follow", "cancel"), ("revert", "restore")];

/// Runs a seed; `is_blind` has all conditions taken off what the hub sends.
pub async fn run(store: &Store, seed: u64, is_blind: bool) -> Outcome {
    let world = World::new(NOW.parse().unwrap());
    world.set_partition("https://p42.sim.example");
    let names: Vec<&str> = Profile::names().collect();
    let profile = names[seed as usize % names.len()];
    let spec = AccountSpec::new("anna", "right").profile(Profile::named(profile).unwrap());
    let person = Person::new(&world, seed, is_blind);
    let observer = Arc::<calhub::sync::Traffic>::default();
    let transport = transport_over(Arc::new(person.clone()), observer);
    let (on_move, on_delete) = POLICIES[seed as usize / names.len() % POLICIES.len()];
    let more = json!({"on_provider_move": on_move, "on_provider_delete": on_delete});
    let place = Place::over(store.clone(), transport, world, spec, &more).await;
    place.calendar.put("own.ics", event("own", 1, 2));
    trouble(&place, seed);
    person.begins(&place.calendar);
    let chance = ChaCha20Rng::seed_from_u64(seed);
    let has_policies = on_move != "flag";
    let mut run = Run { place, person, chance, bookings: Vec::new(), has_policies };
    for _ in 0..STEPS {
        run.step().await;
    }
    run.person.rests();
    run.place.world.clear_faults();
    for _ in 0..5 {
        run.pass(3).await;
    }
    let faults = run.faults().await.into_iter().map(|fault| format!("{profile}: {fault}"));
    let writes = |entry: &simulators::Entry| ["PUT", "DELETE"].contains(&entry.method.as_str());
    Outcome {
        seed,
        faults: faults.collect(),
        bookings: run.bookings.len(),
        writes: run.place.world.count(writes),
        interjected: run.person.interjected(),
        trace: run.person.trace(),
    }
}

fn trouble(place: &Place, seed: u64) {
    place.world.set_seed(seed);
    let status = |status| Act::Status { status, retry_after_s: None, body: String::new() };
    let busy = Act::Status { status: 429, retry_after_s: Some(40), body: String::new() };
    let troubles = [
        (Act::DropAfterApply, "PUT", 5),
        (Act::DropAfterApply, "DELETE", 5),
        (Act::DropBefore, "PUT", 9),
        (status(503), "PUT", 9),
        (status(412), "PUT", 11),
        (busy.clone(), "PUT", 13),
        (status(500), "DELETE", 9),
        (status(503), "GET", 9),
        (Act::TruncateBody { keep: 40 }, "GET", 11),
        (Act::DropBefore, "REPORT", 11),
        (Act::TruncateBody { keep: 40 }, "REPORT", 11),
        (busy, "REPORT", 17),
    ];
    for (act, method, one_in) in troubles {
        let fault = Fault::new(act).account("anna").method(method).turn(Turn::OneIn(one_in));
        place.world.fault(fault);
    }
}

impl Run {
    fn below(&mut self, most: u64) -> u64 {
        self.chance.next_u64() % most
    }

    fn some_booking(&mut self) -> Option<String> {
        let at = self.chance.next_u64().checked_rem(self.bookings.len() as u64)?;
        self.bookings.get(at as usize).cloned()
    }

    fn span(&mut self) -> (String, String) {
        let (day, hour) = (3 + self.below(5), 6 + self.below(12));
        (
            format!("2026-03-{day:02}T{hour:02}:00:00Z"),
            format!("2026-03-{day:02}T{:02}:00:00Z", hour + 1),
        )
    }

    /// Lets minutes pass; what is due runs, and what policies say is done.
    async fn pass(&self, minutes: u64) {
        self.place.pass(Duration::from_secs(60 * minutes)).await;
        if self.has_policies {
            self.place.hub.hub.desk.follow_policies().await.unwrap();
            self.place.settle().await;
        }
    }

    async fn step(&mut self) {
        match self.below(12) {
            0..=3 => self.book().await,
            4..=5 => self.shift().await,
            6 => self.cancel().await,
            7..=8 => self.person.acts(),
            9 => self.place.sync().await,
            _ => {
                let minutes = self.below(20);
                self.person.note(format!("{minutes} minutes"));
                self.pass(minutes).await;
            }
        }
    }

    async fn book(&mut self) {
        let (start, end) = self.span();
        let body = json!({"resources": ["ext:anna"], "start": start, "end": end, "allow_unverified": true});
        let answer = self.place.hub.post("/v1/bookings", body).await;
        self.person.note(format!("book {start}: {}", answer.status));
        match answer.status.as_u16() {
            201 => self.bookings.push(answer.id()),
            409 => {}
            _ => panic!("{}", answer.text),
        }
    }

    async fn shift(&mut self) {
        let Some(id) = self.some_booking() else { return };
        let (start, end) = self.span();
        let body = json!({"start": start, "end": end, "allow_unverified": true});
        let answer = self.place.hub.patch(&format!("/v1/bookings/{id}"), body).await;
        self.person.note(format!("move {id} to {start}: {}", answer.status));
        match answer.status.as_u16() {
            200 | 409 => {}
            _ => panic!("{}", answer.text),
        }
    }

    async fn cancel(&mut self) {
        let Some(id) = self.some_booking() else { return };
        let path = format!("/v1/bookings/{id}/cancel");
        self.place.hub.call(Method::POST, &path, Some(json!({})), &[]).await.expect(200);
        self.person.note(format!("cancel {id}"));
        self.person.forget(&id);
    }

    /// What is not as it should be once everything has come to rest.
    async fn faults(&self) -> Vec<String> {
        let mut faults = self.person.faults();
        let mut events: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, body) in self.place.stored() {
            match owner(&body) {
                Some(id) => events.entry(id).or_default().push(body),
                None if name == "own.ics" && body == event("own", 1, 2) => {}
                None => faults.push(format!("{name} is not as the person left it: {body}")),
            }
        }
        let known: BTreeSet<&String> = self.bookings.iter().collect();
        faults.extend(
            events.keys().filter(|id| !known.contains(id)).map(|id| format!("an event of {id}")),
        );
        let titles = self.person.titles();
        let busy = self.busy().await;
        for id in &self.bookings {
            let booking = self.place.booking(id).await;
            let bodies = events.get(id).map(Vec::as_slice).unwrap_or_default();
            if let Some(fault) = wrong(&booking, bodies) {
                faults.push(format!("{id}: {fault}: {bodies:?} {booking}"));
            }
            if let (Some(title), [body]) = (titles.get(id), bodies)
                && !body.contains(&format!("SUMMARY:{title}"))
            {
                faults.push(format!("{id}: the person's title is lost: {body}"));
            }
            let text = |name: &str| booking[name].as_str().unwrap().to_owned();
            let is_taken =
                busy.iter().any(|(start, end)| *start <= text("start") && text("end") <= *end);
            if text("status") == "confirmed" && !is_taken {
                faults.push(format!("{id}: its time is free: {busy:?} {booking}"));
            }
        }
        let blind = |entry: &simulators::Entry| {
            ["PUT", "DELETE"].contains(&entry.method.as_str()) && !entry.conditional
        };
        let blind = self.place.world.count(blind);
        if blind > 0 {
            faults.push(format!("{blind} writes without a condition"));
        }
        faults
    }

    /// Anna's busy time, as instants.
    async fn busy(&self) -> Vec<(String, String)> {
        let ask = json!({
            "resources": ["ext:anna"], "start": "2026-03-03T00:00:00Z", "end": "2026-03-10T00:00:00Z",
        });
        let found = self.place.hub.post("/v1/freebusy", ask).await.expect(200).body;
        let spans = found["resources"]["ext:anna"]["busy"].as_array().unwrap().clone();
        let text = |at: &Value| at.as_str().unwrap().to_owned();
        spans.iter().map(|span| (text(&span["start"]), text(&span["end"]))).collect()
    }
}

/// Whether a booking and its events do not fit together.
fn wrong(booking: &Value, bodies: &[String]) -> Option<&'static str> {
    let start = booking["start"].as_str().unwrap().replace(['-', ':'], "");
    let is_there = |body: &String| body.contains(&format!("DTSTART:{start}"));
    let kinds: Vec<&str> = booking["conflicts"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["kind"].as_str())
        .filter(|kind| *kind != "busy")
        .collect();
    match (booking["status"].as_str().unwrap(), booking["delivery"].as_str().unwrap(), bodies) {
        ("cancelled", "written" | "not_applicable", []) => None,
        ("cancelled", _, []) => Some("cancelled, and not settled"),
        ("cancelled", ..) => Some("cancelled, and its event is there"),
        ("confirmed", "written", [only]) if is_there(only) && kinds.is_empty() => None,
        ("confirmed", "conflict", []) if kinds == ["deleted"] => None,
        ("confirmed", "conflict", [only]) if !is_there(only) && kinds == ["moved"] => None,
        ("confirmed", _, [_, _, ..]) => Some("two events of one booking"),
        _ => Some("booking and calendar do not fit"),
    }
}
