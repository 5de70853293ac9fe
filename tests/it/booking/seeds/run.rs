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
use simulators::{
    AccountSpec, Act, Fault, GoogleAccount, GoogleAccountSpec, GoogleClientSpec, Profile, Turn,
    World,
};

use super::{
    super::place::{Ground, Place},
    person::Person,
    shelf::{CLIENT, Paper, SCOPES, SECRET, Shelf, hub_with_google},
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
    place: Ground,
    shelf: Shelf,
    /// What the person has of their own.
    own: String,
    /// Whose calendar it is, where grants may be taken back.
    google: Option<GoogleAccount>,
    person: Person,
    chance: ChaCha20Rng,
    bookings: Vec<String>,
    /// Whether conflicts are settled by policies.
    has_policies: bool,
}

/// What resources may want done about a person's edits.
const POLICIES: [(&str, &str); 3] = [("flag", "flag"), ("follow", "cancel"), ("revert", "restore")];

/// Every third seed is at Google, the others at all dialects of CalDAV in turn.
fn home(seed: u64) -> &'static str {
    let names: Vec<&str> = Profile::names().collect();
    if seed.is_multiple_of(3) { "google" } else { names[seed as usize % names.len()] }
}

async fn at_google(
    store: &Store,
    (world, person): (&World, &Person),
    seed: u64,
    more: &Value,
) -> (Ground, Shelf, GoogleAccount) {
    world.add_google_client(GoogleClientSpec::new(CLIENT, SECRET));
    world.tune_google(|knobs| {
        knobs.strict = seed.is_multiple_of(12);
        knobs.duplicates_undetected = seed % 4 == 1;
        knobs.thin_deletions = seed % 4 == 2;
        knobs.lost_status = if seed.is_multiple_of(2) { 403 } else { 404 };
    });
    let spec = GoogleAccountSpec::new("anna@example.com");
    let account = world.add_google_account(spec);
    let observer = Arc::<calhub::sync::Traffic>::default();
    let hub =
        hub_with_google(store.clone(), transport_over(Arc::new(person.clone()), observer)).await;
    let login = json!({"provider": "google", "refresh_token": account.grant(CLIENT, &SCOPES)});
    let ground = Ground::linked(hub, world.clone(), login, more).await;
    (ground, Shelf::Google(account.primary()), account)
}

async fn at_caldav(
    store: &Store,
    (world, person): (&World, &Person),
    profile: &str,
    more: &Value,
) -> (Ground, Shelf) {
    let spec = AccountSpec::new("anna", "right").profile(Profile::named(profile).unwrap());
    let observer = Arc::<calhub::sync::Traffic>::default();
    let transport = transport_over(Arc::new(person.clone()), observer);
    let Place { ground, calendar, .. } =
        Place::over(store.clone(), transport, world.clone(), spec, more).await;
    (ground, Shelf::Caldav(calendar))
}

/// Runs a seed; `is_blind` has all conditions taken off what the hub sends.
pub async fn run(store: &Store, seed: u64, is_blind: bool) -> Outcome {
    let world = World::new(NOW.parse().unwrap());
    world.set_partition("https://p42.sim.example");
    let profile = home(seed);
    let person = Person::new(&world, seed, is_blind);
    let (on_move, on_delete) = POLICIES[(seed / 14 % 3) as usize];
    let more = json!({"on_provider_move": on_move, "on_provider_delete": on_delete});
    let with = (&world, &person);
    let (place, shelf, google) = if profile == "google" {
        let (place, shelf, account) = at_google(store, with, seed, &more).await;
        (place, shelf, Some(account))
    } else {
        let (place, shelf) = at_caldav(store, with, profile, &more).await;
        (place, shelf, None)
    };
    let own = shelf.begin();
    world.set_seed(seed);
    trouble(&world, google.is_some());
    person.begins(&shelf);
    let chance = ChaCha20Rng::seed_from_u64(seed);
    let has_policies = on_move != "flag";
    let bookings = Vec::new();
    let mut run = Run { place, shelf, own, google, person, chance, bookings, has_policies };
    for _ in 0..STEPS {
        run.step().await;
    }
    run.person.rests();
    run.place.world.clear_faults();
    run.allow_again().await;
    for _ in 0..5 {
        run.pass(3).await;
    }
    let faults = run.faults().await.into_iter().map(|fault| format!("{profile}: {fault}"));
    Outcome {
        seed,
        faults: faults.collect(),
        bookings: run.bookings.len(),
        writes: run.place.world.count(is_write),
        interjected: run.person.interjected(),
        trace: run.person.trace(),
    }
}

/// A request that changes an event.
fn is_write(entry: &simulators::Entry) -> bool {
    match entry.report.as_deref() {
        Some("events.insert" | "events.patch" | "events.delete") => true,
        Some(method) if method.contains('.') => false,
        _ => ["PUT", "DELETE"].contains(&entry.method.as_str()),
    }
}

fn trouble(world: &World, is_google: bool) {
    let status = |status| Act::Status { status, retry_after_s: None, body: String::new() };
    let busy = |status, reason: &str| Act::Status {
        status,
        retry_after_s: Some(40),
        body: reason.to_owned(),
    };
    let caldav = [
        (Act::DropAfterApply, "PUT", 5),
        (Act::DropAfterApply, "DELETE", 5),
        (Act::DropBefore, "PUT", 9),
        (status(503), "PUT", 9),
        (status(412), "PUT", 11),
        (busy(429, ""), "PUT", 13),
        (status(500), "DELETE", 9),
        (status(503), "GET", 9),
        (Act::TruncateBody { keep: 40 }, "GET", 11),
        (Act::DropBefore, "REPORT", 11),
        (Act::TruncateBody { keep: 40 }, "REPORT", 11),
        (busy(429, ""), "REPORT", 17),
    ];
    let google = [
        (Act::DropAfterApply, "events.insert", 5),
        (Act::DropAfterApply, "events.patch", 5),
        (Act::DropAfterApply, "events.delete", 5),
        (Act::StatusAfterApply { status: 503 }, "events.insert", 11),
        (Act::StatusAfterApply { status: 500 }, "events.patch", 11),
        (Act::DropBefore, "events.insert", 9),
        (status(503), "events.patch", 9),
        (status(412), "events.patch", 11),
        (status(409), "events.insert", 13),
        (busy(403, "userRateLimitExceeded"), "events.insert", 13),
        (busy(403, "rateLimitExceeded"), "events.patch", 13),
        (busy(429, "rateLimitExceeded"), "events.delete", 13),
        (status(500), "events.delete", 9),
        (status(503), "events.get", 9),
        (Act::TruncateBody { keep: 40 }, "events.get", 11),
        (Act::DropBefore, "events.list", 11),
        (Act::TruncateBody { keep: 40 }, "events.list", 11),
        (status(410), "events.list", 13),
        (busy(403, "userRateLimitExceeded"), "events.list", 17),
        (status(401), "events.patch", 13),
        (status(503), "oauth.token", 5),
        // In the middle of a delivery.
        (Act::RevokePassword, "events.insert", 23),
        (Act::RevokePassword, "events.patch", 23),
        (Act::RevokePassword, "events.delete", 23),
    ];
    if is_google {
        for (act, method, one_in) in google {
            world.fault(Fault::new(act).report(method).turn(Turn::OneIn(one_in)));
        }
    } else {
        for (act, method, one_in) in caldav {
            world.fault(Fault::new(act).account("anna").method(method).turn(Turn::OneIn(one_in)));
        }
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
            10 if self.google.is_some() && self.below(2) == 0 => self.allow_again().await,
            _ => {
                let minutes = self.below(20);
                self.person.note(format!("{minutes} minutes"));
                self.pass(minutes).await;
            }
        }
    }

    /// Where the grant was taken back, the person gives another one.
    async fn allow_again(&mut self) {
        let Some(account) = &self.google else { return };
        let found = self.place.hub.get("/v1/connections").await.expect(200).body;
        if found["items"][0]["state"] != "needs_reauth" {
            return;
        }
        let token = account.grant(CLIENT, &SCOPES);
        let asked = json!({"provider": "google", "refresh_token": token});
        let answer = self.place.hub.post("/v1/connections", asked).await;
        self.person.note(format!("a new grant: {}", answer.status));
        self.place.settle().await;
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
        let mut events: BTreeMap<String, Vec<Paper>> = BTreeMap::new();
        for paper in self.shelf.papers() {
            match paper.booking.clone() {
                Some(id) => events.entry(id).or_default().push(paper),
                None if self.shelf.is_own(&paper.name) && paper.body == self.own => {}
                None => faults.push(format!("not as the person left it: {paper:?}")),
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
            let papers = events.get(id).map(Vec::as_slice).unwrap_or_default();
            if let Some(fault) = wrong(&booking, papers) {
                faults.push(format!("{id}: {fault}: {papers:?} {booking}"));
            }
            if let (Some(title), [only]) = (titles.get(id), papers)
                && only.title != *title
            {
                faults.push(format!("{id}: the person's title is lost: {only:?}"));
            }
            let text = |name: &str| booking[name].as_str().unwrap().to_owned();
            let is_taken =
                busy.iter().any(|(start, end)| *start <= text("start") && text("end") <= *end);
            if text("status") == "confirmed" && !is_taken {
                faults.push(format!("{id}: its time is free: {busy:?} {booking}"));
            }
        }
        // A create at Google is one by the id that it gives.
        let blind = |entry: &simulators::Entry| {
            is_write(entry)
                && !entry.conditional
                && entry.report.as_deref() != Some("events.insert")
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
fn wrong(booking: &Value, papers: &[Paper]) -> Option<&'static str> {
    let start = booking["start"].as_str().unwrap().replace(['-', ':'], "");
    let is_there = |paper: &Paper| paper.start == start;
    let kinds: Vec<&str> = booking["conflicts"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["kind"].as_str())
        .filter(|kind| *kind != "busy")
        .collect();
    match (booking["status"].as_str().unwrap(), booking["delivery"].as_str().unwrap(), papers) {
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
