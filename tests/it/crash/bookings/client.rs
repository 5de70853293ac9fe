//! A platform that books: every request under a key of its own, repeated under the same one until it is answered.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore, SeedableRng},
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::super::{life::Home, spans::instant};
use crate::support::hub::KEY;

/// Bookings of one client that are open at most; then it cancels one.
const MOST: usize = 10;

/// What the clients may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The hub is dead.
    Down,
    /// What was begun is brought to its end, and nothing new begun.
    Ending,
    Load,
}

/// A booking or hold as its owner was last told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub status: String,
    pub start: String,
    pub end: String,
    pub revision: i64,
    pub resources: Vec<String>,
}

impl Standing {
    fn of(body: &Value, etag: &str) -> Self {
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let status = body.get("status").or_else(|| body.get("state"));
        let resources = body["resources"].as_array().into_iter().flatten();
        Self {
            status: status.and_then(Value::as_str).unwrap_or_default().to_owned(),
            start: text("start"),
            end: text("end"),
            revision: etag.trim_matches(['"', 'r']).parse().unwrap_or_default(),
            resources: resources.filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        }
    }
}

/// Everything that was said yes to, and what is wrong by the answers alone.
#[derive(Default)]
pub struct Told {
    pub bookings: BTreeMap<String, Standing>,
    pub holds: BTreeMap<String, Standing>,
    pub yes: usize,
    pub refused: usize,
    pub repeated: usize,
    pub faults: Vec<String>,
}

/// What all clients of a site share.
pub struct Floor {
    pub mode: watch::Sender<Mode>,
    pub told: Mutex<Told>,
    /// Requests that are on their way.
    pub asking: AtomicUsize,
    /// Clients in the middle of something.
    pub busy: AtomicUsize,
    /// By the hub's ids.
    pub resources: Vec<String>,
    /// Midnight some days from now.
    pub base: i64,
}

impl Floor {
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap()
    }
}

/// An answer that is final.
struct Answer {
    status: u16,
    etag: String,
    text: String,
    body: Value,
}

pub struct Client {
    floor: Arc<Floor>,
    http: reqwest::Client,
    url: String,
    name: String,
    chance: ChaCha20Rng,
    asked: usize,
    bookings: Vec<String>,
    holds: Vec<String>,
}

impl Client {
    pub fn new(floor: &Arc<Floor>, home: &Home, seed: u64, nth: u64) -> Self {
        let mut chance = ChaCha20Rng::seed_from_u64(seed);
        chance.set_stream(nth);
        Self {
            floor: Arc::clone(floor),
            http: home.client.clone(),
            url: format!("http://127.0.0.1:{}", home.port),
            name: format!("client {nth}"),
            chance,
            asked: 0,
            bookings: Vec::new(),
            holds: Vec::new(),
        }
    }

    /// Goes on until it is dropped.
    pub async fn run(mut self) {
        let mut mode = self.floor.mode.subscribe();
        loop {
            let _ = mode.wait_for(|mode| *mode == Mode::Load).await;
            let floor = Arc::clone(&self.floor);
            floor.busy.fetch_add(1, Ordering::SeqCst);
            self.act().await;
            floor.busy.fetch_sub(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(1 + self.below(10))).await;
        }
    }

    async fn act(&mut self) {
        if self.bookings.len() >= MOST {
            return self.cancel().await;
        }
        match self.below(20) {
            0..8 => self.book().await,
            8..12 => self.hold().await,
            12..15 => self.confirm().await,
            15 => self.release().await,
            16..18 => self.shift().await,
            _ => self.cancel().await,
        }
    }

    async fn book(&mut self) {
        let body = self.wish();
        let answer = self.ask(Method::POST, "/v1/bookings", Some(body)).await;
        self.booked(&answer);
    }

    async fn hold(&mut self) {
        let mut body = self.wish();
        body["ttl"] = json!("PT30M");
        body.as_object_mut().unwrap().remove("allow_unverified");
        let answer = self.ask(Method::POST, "/v1/holds", Some(body)).await;
        if let Some(id) = answer.body["id"].as_str().filter(|_| answer.status == 201) {
            self.holds.push(id.to_owned());
        }
    }

    async fn confirm(&mut self) {
        let Some(hold) = self.take_hold() else { return self.book().await };
        let body = json!({"allow_unverified": true});
        let answer = self.ask(Method::POST, &format!("/v1/holds/{hold}/confirm"), Some(body)).await;
        self.booked(&answer);
        if answer.status == 201
            && let Some(held) = self.floor.told().holds.get_mut(&hold)
        {
            "confirmed".clone_into(&mut held.status);
        }
    }

    async fn release(&mut self) {
        let Some(hold) = self.take_hold() else { return };
        let answer = self.ask(Method::DELETE, &format!("/v1/holds/{hold}"), None).await;
        if answer.status == 204
            && let Some(held) = self.floor.told().holds.get_mut(&hold)
        {
            "released".clone_into(&mut held.status);
        }
    }

    /// Moves a booking, half the time only if it is as it was told.
    async fn shift(&mut self) {
        let Some(id) = self.some_booking() else { return self.book().await };
        let mut body = self.wish();
        body.as_object_mut().unwrap().remove("resources");
        self.ask(Method::PATCH, &format!("/v1/bookings/{id}"), Some(body)).await;
    }

    async fn cancel(&mut self) {
        let Some(id) = self.some_booking() else { return self.book().await };
        let path = format!("/v1/bookings/{id}/cancel");
        let answer = self.ask(Method::POST, &path, Some(json!({"reason": "over"}))).await;
        if answer.status == 200 {
            self.bookings.retain(|one| *one != id);
        }
    }

    fn booked(&mut self, answer: &Answer) {
        if let Some(id) = answer.body["id"].as_str().filter(|_| answer.status == 201) {
            self.bookings.push(id.to_owned());
        }
    }

    /// Asks until there is a final answer, always under the same key; now and then once more.
    async fn ask(&mut self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.asked += 1;
        let key = format!("{} {}", self.name, self.asked);
        // Who is careful says which revision it saw.
        let seen = path
            .strip_prefix("/v1/bookings/")
            .and_then(|id| Some(self.floor.told().bookings.get(id)?.revision));
        let seen = match seen {
            Some(revision) if self.below(2) == 0 => format!("\"r{revision}\""),
            _ => "*".to_owned(),
        };
        let again = self.below(6) == 0;
        let mut mode = self.floor.mode.subscribe();
        loop {
            let _ = mode.wait_for(|mode| *mode != Mode::Down).await;
            let once = self.once(&method, path, &key, &seen, body.as_ref());
            let Some(answer) = once.await else {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            };
            if again && answer.status < 300 {
                self.repeat(&method, path, &key, &seen, body.as_ref(), &answer).await;
            }
            return answer;
        }
    }

    /// One try. What it says is noted before it counts as answered.
    async fn once(
        &self,
        method: &Method,
        path: &str,
        key: &str,
        seen: &str,
        body: Option<&Value>,
    ) -> Option<Answer> {
        self.floor.asking.fetch_add(1, Ordering::SeqCst);
        let answer = self.send(method, path, key, seen, body).await;
        if let Some(answer) = &answer {
            self.note(method, path, key, answer);
        }
        self.floor.asking.fetch_sub(1, Ordering::SeqCst);
        answer
    }

    async fn send(
        &self,
        method: &Method,
        path: &str,
        key: &str,
        seen: &str,
        body: Option<&Value>,
    ) -> Option<Answer> {
        let address = format!("{}{path}", self.url);
        let mut request = self.http.request(method.clone(), address).bearer_auth(KEY);
        request = request.header("Idempotency-Key", key).timeout(Duration::from_secs(20));
        if *method == Method::PATCH {
            request = request.header("If-Match", seen);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let etag = answer.headers().get("etag").and_then(|etag| etag.to_str().ok());
        let etag = etag.unwrap_or_default().to_owned();
        let text = answer.text().await.ok()?;
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        let waits = matches!(status, 429 | 503) || body["code"] == "idempotency_in_progress";
        (!waits).then_some(Answer { status, etag, text, body })
    }

    fn note(&self, method: &Method, path: &str, key: &str, answer: &Answer) {
        let mut told = self.floor.told();
        match (answer.status, answer.body["id"].as_str()) {
            (200 | 201, Some(id)) => {
                told.yes += 1;
                let known = if path == "/v1/holds" { &mut told.holds } else { &mut told.bookings };
                known.insert(id.to_owned(), Standing::of(&answer.body, &answer.etag));
            }
            (204, _) => told.yes += 1,
            (409, _) if is_refusal(&answer.body) => told.refused += 1,
            (status, _) => {
                told.faults.push(format!("{method} {path} ({key}): {status} {}", answer.text));
            }
        }
    }

    /// The key of a yes has no second effect, and gets the first answer. A no may become a yes.
    async fn repeat(
        &self,
        method: &Method,
        path: &str,
        key: &str,
        seen: &str,
        body: Option<&Value>,
        first: &Answer,
    ) {
        self.floor.asking.fetch_add(1, Ordering::SeqCst);
        let answer = self.send(method, path, key, seen, body).await;
        self.floor.asking.fetch_sub(1, Ordering::SeqCst);
        let Some(answer) = answer else { return };
        let mut told = self.floor.told();
        told.repeated += 1;
        if (answer.status, &answer.etag, &answer.text) != (first.status, &first.etag, &first.text) {
            let text = format!("{key}: first {}, then {}", first.text, answer.text);
            told.faults.push(text);
        }
    }

    /// Half an hour to an hour and a half of one or two resources, on two days.
    fn wish(&mut self) -> Value {
        let all = self.floor.resources.len() as u64;
        let first = self.below(all);
        let mut resources = vec![self.floor.resources[first as usize].clone()];
        if self.below(6) == 0 {
            let other = (first + 1 + self.below(all - 1)) % all;
            resources.push(self.floor.resources[other as usize].clone());
        }
        let start = self.floor.base + 1_800 * self.below(96) as i64;
        let end = start + 1_800 * (1 + self.below(3)) as i64;
        json!({
            "resources": resources, "start": instant(start), "end": instant(end), "allow_unverified": true,
        })
    }

    fn some_booking(&mut self) -> Option<String> {
        let at = self.chance.next_u64().checked_rem(self.bookings.len() as u64)?;
        self.bookings.get(at as usize).cloned()
    }

    fn take_hold(&mut self) -> Option<String> {
        let at = self.chance.next_u64().checked_rem(self.holds.len() as u64)?;
        Some(self.holds.swap_remove(at as usize))
    }

    fn below(&mut self, most: u64) -> u64 {
        self.chance.next_u64() % most
    }
}

/// A no that a client may get: somebody else has the time, or nobody can vouch for it just now.
fn is_refusal(body: &Value) -> bool {
    matches!(body["code"].as_str(), Some("slot_taken" | "unverified"))
}
