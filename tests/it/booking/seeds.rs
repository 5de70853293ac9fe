//! Seeded runs: a platform books, moves and cancels, a person edits in their own calendar, and the provider loses answers,
//! refuses and cuts connections. Once the faults stop, fifteen minutes later every booking has exactly the event it should
//! have, nothing of the person's is lost, and no write was unconditional.
//!
//! `CALHUB_DELIVERY_SEEDS` chooses how many, `CALHUB_DELIVERY_SEED` the first.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use axum::http::Method;
use calhub::drill::{Bug, Drill};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore, SeedableRng},
};
use serde_json::{Value, json};
use simulators::{Act, Fault, Turn};

use super::place::{Place, event};
use crate::support::engines::on_sqlite;

/// Seeds of one run in CI.
const SEEDS: u64 = 40;
const STEPS: usize = 40;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

struct Run<'a> {
    place: &'a Place,
    chance: ChaCha20Rng,
    bookings: Vec<String>,
    /// Titles that the person has given, by booking, for as long as the platform has not changed it since.
    titles: BTreeMap<String, String>,
}

impl Run<'_> {
    fn below(&mut self, most: u64) -> u64 {
        self.chance.next_u64() % most
    }

    fn one<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        if all.is_empty() {
            return None;
        }
        let at = self.below(all.len() as u64) as usize;
        all.get(at).cloned()
    }

    fn span(&mut self) -> (String, String) {
        let (day, hour) = (3 + self.below(5), 6 + self.below(12));
        (
            format!("2026-03-{day:02}T{hour:02}:00:00Z"),
            format!("2026-03-{day:02}T{:02}:00:00Z", hour + 1),
        )
    }

    async fn step(&mut self) {
        match self.below(12) {
            0..=3 => self.book().await,
            4 => self.move_one().await,
            5 => self.cancel_one().await,
            6 => self.retitle(),
            7 => self.drag(),
            8 => self.delete(),
            9 => self.place.sync().await,
            _ => {
                let minutes = self.below(20);
                self.place.pass(Duration::from_secs(60 * minutes)).await;
            }
        }
    }

    async fn book(&mut self) {
        let (start, end) = self.span();
        let body = json!({"resources": ["ext:anna"], "start": start, "end": end, "allow_unverified": true});
        let answer = self.place.hub.post("/v1/bookings", body).await;
        match answer.status.as_u16() {
            201 => self.bookings.push(answer.id()),
            409 => {}
            _ => panic!("{}", answer.text),
        }
    }

    async fn move_one(&mut self) {
        let all = self.bookings.clone();
        let Some(id) = self.one(&all) else { return };
        let (start, end) = self.span();
        let body = json!({"start": start, "end": end, "allow_unverified": true});
        let answer = self.place.hub.patch(&format!("/v1/bookings/{id}"), body).await;
        match answer.status.as_u16() {
            200 | 409 => {}
            _ => panic!("{}", answer.text),
        }
    }

    async fn cancel_one(&mut self) {
        let all = self.bookings.clone();
        let Some(id) = self.one(&all) else { return };
        let path = format!("/v1/bookings/{id}/cancel");
        self.place.hub.call(Method::POST, &path, Some(json!({})), &[]).await.expect(200);
        self.titles.remove(&id);
    }

    /// One of the hub's events with its booking.
    fn event(&mut self) -> Option<(String, String)> {
        let ours: Vec<(String, String)> = self
            .place
            .stored()
            .into_iter()
            .filter_map(|(name, body)| Some((name, owner(&body)?)))
            .collect();
        self.one(&ours)
    }

    fn retitle(&mut self) {
        let Some((name, id)) = self.event() else { return };
        let title = format!("Mine {}", self.below(1_000));
        let line = |line: &str| match line.starts_with("SUMMARY:") {
            true => format!("SUMMARY:{title}"),
            false => line.to_owned(),
        };
        let edit = |body: &str| body.lines().map(line).collect::<Vec<_>>().join("\r\n") + "\r\n";
        self.place.calendar.edit_event(&name, edit);
        self.titles.insert(id, title);
    }

    fn drag(&mut self) {
        let Some((name, _)) = self.event() else { return };
        let minute = 1 + self.below(59);
        self.place.calendar.edit_event(&name, |body| {
            let (from, to) = ("0000Z\r\nDTEND", format!("{minute:02}00Z\r\nDTEND"));
            body.replace(from, &to)
        });
    }

    fn delete(&mut self) {
        if let Some((name, id)) = self.event() {
            self.place.calendar.delete(&name);
            self.titles.remove(&id);
        }
    }

    /// What is not as it should be once everything has come to rest.
    async fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
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
        for id in &self.bookings {
            let booking = self.place.booking(id).await;
            let bodies = events.get(id).map(Vec::as_slice).unwrap_or_default();
            if let Some(fault) = wrong(&booking, bodies) {
                faults.push(format!("{id}: {fault}: {bodies:?} {booking}"));
            }
            if let (Some(title), [body]) = (self.titles.get(id), bodies)
                && !body.contains(&format!("SUMMARY:{title}"))
            {
                faults.push(format!("{id}: the person's title is lost: {body}"));
            }
        }
        let blind = |entry: &simulators::Entry| {
            ["PUT", "DELETE"].contains(&entry.method.as_str()) && !entry.conditional
        };
        let blind = self.place.world.count(blind);
        if blind > 0 {
            faults.push(format!("{blind} blind writes"));
        }
        faults
    }
}

/// The booking whose event a calendar object is.
fn owner(body: &str) -> Option<String> {
    let line = body.lines().find_map(|line| line.strip_prefix("X-HUB-BOOKING:"))?;
    Some(line.split('/').next().unwrap_or_default().to_owned())
}

/// Whether a booking and its events fit together.
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

fn trouble(place: &Place, seed: u64) {
    place.world.set_seed(seed);
    let status = |status| Act::Status { status, retry_after_s: None, body: String::new() };
    let troubles = [
        (Act::DropAfterApply, "PUT", 5),
        (Act::DropAfterApply, "DELETE", 5),
        (Act::DropBefore, "PUT", 9),
        (status(503), "PUT", 9),
        (status(412), "PUT", 11),
        (status(503), "GET", 9),
        (Act::DropBefore, "REPORT", 11),
        (Act::TruncateBody { keep: 40 }, "REPORT", 11),
    ];
    for (act, method, one_in) in troubles {
        let fault = Fault::new(act).account("anna").method(method).turn(Turn::OneIn(one_in));
        place.world.fault(fault);
    }
}

async fn run(seed: u64) -> Vec<String> {
    let faults = std::sync::Mutex::new(Vec::new());
    on_sqlite(async |bed| {
        let place = Place::new(bed).await;
        place.calendar.put("own.ics", event("own", 1, 2));
        trouble(&place, seed);
        let chance = ChaCha20Rng::seed_from_u64(seed);
        let mut run = Run { place: &place, chance, bookings: Vec::new(), titles: BTreeMap::new() };
        for _ in 0..STEPS {
            run.step().await;
        }
        place.world.clear_faults();
        place.pass(Duration::from_secs(15 * 60)).await;
        place.sync().await;
        *faults.lock().unwrap() = run.faults().await;
    })
    .await;
    faults.into_inner().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_loses_doubles_or_overwrites_anything() {
    let first = number("CALHUB_DELIVERY_SEED", 1);
    for seed in first..first + number("CALHUB_DELIVERY_SEEDS", SEEDS) {
        let faults = run(seed).await;
        assert!(faults.is_empty(), "seed {seed}:\n{}", faults.join("\n"));
    }
}

/// A retry under another name makes a second event; the same runs must see it.
#[tokio::test]
async fn control_a_fresh_name_on_retry_is_seen() {
    let drill = Drill::with_bugs(&[Bug::FreshNameOnRetry]);
    for seed in 1..=SEEDS {
        let faults = Box::pin(drill.run(run(seed))).await;
        if faults.iter().flatten().any(|fault| fault.contains("two events")) {
            return;
        }
    }
    panic!("nothing was seen");
}
