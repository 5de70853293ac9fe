//! The person whose calendar it is: edits the hub's events in it, also between two requests of the hub, and sees
//! whether an edit is lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use bytes::Bytes;
use connectors::transport::{Cut, Service};
use http::{Method, Request, Response, header};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore, SeedableRng},
};
use simulators::{Calendar, World};

use crate::support::simulated::Simulated;

/// Between the hub and the world. Clones are the same person.
#[derive(Clone)]
pub struct Person(Arc<Mutex<Inner>>);

struct Inner {
    world: World,
    chance: ChaCha20Rng,
    calendar: Option<Calendar>,
    /// Whether edits fall between the hub's requests.
    interferes: bool,
    /// A fault to put into the hub: what it sends carries no condition.
    is_blind: bool,
    /// Titles that the person has given, by booking, as long as the event stands.
    titles: BTreeMap<String, String>,
    /// Edits that the hub was not shown yet.
    unseen: BTreeSet<String>,
    interjected: usize,
    faults: Vec<String>,
    trace: Vec<String>,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Person")
    }
}

impl Person {
    pub fn new(world: &World, seed: u64, is_blind: bool) -> Self {
        let mut chance = ChaCha20Rng::seed_from_u64(seed);
        chance.set_stream(1);
        Self(Arc::new(Mutex::new(Inner {
            world: world.clone(),
            chance,
            calendar: None,
            interferes: false,
            is_blind,
            titles: BTreeMap::new(),
            unseen: BTreeSet::new(),
            interjected: 0,
            faults: Vec::new(),
            trace: Vec::new(),
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// From now on the calendar is hers, and she is quick.
    pub fn begins(&self, calendar: &Calendar) {
        let mut inner = self.inner();
        (inner.calendar, inner.interferes) = (Some(calendar.clone()), true);
    }

    /// From now on she leaves everything as it is.
    pub fn rests(&self) {
        self.inner().interferes = false;
    }

    /// Edits one of the hub's events.
    pub fn acts(&self) {
        self.inner().act(None);
    }

    pub fn note(&self, line: String) {
        self.inner().trace.push(line);
    }

    /// The event of a booking is gone, and its title with it.
    pub fn forget(&self, booking: &str) {
        self.inner().titles.remove(booking);
    }

    pub fn titles(&self) -> BTreeMap<String, String> {
        self.inner().titles.clone()
    }

    pub fn faults(&self) -> Vec<String> {
        self.inner().faults.clone()
    }

    pub fn interjected(&self) -> usize {
        self.inner().interjected
    }

    pub fn trace(&self) -> Vec<String> {
        self.inner().trace.clone()
    }
}

#[async_trait]
impl Service for Person {
    async fn call(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, Cut> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        let is_write = method == Method::PUT || method == Method::DELETE;
        let (world, before) = {
            let mut inner = self.inner();
            if (is_write || method == Method::GET) && inner.interferes && inner.below(8) == 0 {
                inner.interjected += 1;
                inner.act(Some(&name));
            }
            if inner.is_blind && is_write {
                request.headers_mut().remove(header::IF_MATCH);
                request.headers_mut().remove(header::IF_NONE_MATCH);
            }
            let before = inner.etag(&name).filter(|_| is_write && inner.unseen.contains(&name));
            (inner.world.clone(), before)
        };
        let answer = Simulated(world).call(request).await;
        let mut inner = self.inner();
        if before.is_some() && inner.etag(&name) != before && !inner.may_be_blind(&method) {
            inner.faults.push(format!("blind overwrite: {method} {path}"));
        }
        if let Ok(answer) = &answer {
            let body = String::from_utf8_lossy(answer.body());
            if method == Method::GET && answer.status() == 200 {
                inner.unseen.remove(&name);
            } else if body.contains("BEGIN:VCALENDAR") {
                inner.unseen.retain(|name| !body.contains(name.as_str()));
            }
        }
        let said = match &answer {
            Ok(answer) => answer.status().to_string(),
            Err(cut) => format!("{cut:?}"),
        };
        inner.trace.push(format!("{method} {path}: {said}"));
        answer
    }
}

impl Inner {
    fn below(&mut self, most: u64) -> u64 {
        self.chance.next_u64() % most
    }

    fn etag(&self, name: &str) -> Option<String> {
        Some(self.calendar.as_ref()?.get(name)?.etag)
    }

    /// Some servers take out what they were told to take out, whatever has become of it.
    fn may_be_blind(&self, method: &Method) -> bool {
        let write = self.world.account("anna").map(|account| account.profile().write);
        method == Method::DELETE && write.is_some_and(|write| !write.delete_honours_if_match)
    }

    /// Gives one of the hub's events another title or time, or deletes it; mostly the one that is `wanted`.
    fn act(&mut self, wanted: Option<&str>) {
        let Some(calendar) = self.calendar.clone() else { return };
        let ours: Vec<(String, String)> = calendar
            .resources()
            .into_iter()
            .filter_map(|(name, one)| Some((name, owner(&one.text())?)))
            .collect();
        let wanted = ours.iter().position(|(name, _)| Some(name.as_str()) == wanted);
        let at = match (wanted, ours.len() as u64) {
            (_, 0) => return,
            (Some(at), _) if self.below(4) > 0 => at,
            (_, count) => self.below(count) as usize,
        };
        let (name, booking) = ours[at].clone();
        self.trace.push(format!("a person at {name}"));
        match self.below(5) {
            0..=1 => {
                let title = format!("Mine {}", self.below(1_000));
                let line = |line: &str| match line.starts_with("SUMMARY:") {
                    true => format!("SUMMARY:{title}"),
                    false => line.to_owned(),
                };
                calendar.edit_event(&name, |body| {
                    body.lines().map(line).collect::<Vec<_>>().join("\r\n") + "\r\n"
                });
                self.titles.insert(booking, title);
                self.unseen.insert(name);
            }
            2..=3 => {
                let minute = 1 + self.below(59);
                calendar.edit_event(&name, |body| shifted(body, minute));
                self.unseen.insert(name);
            }
            _ => {
                calendar.delete(&name);
                self.titles.remove(&booking);
                self.unseen.remove(&name);
            }
        }
    }
}

/// The same event, so many minutes after the hour.
fn shifted(body: &str, minute: u64) -> String {
    let line = |line: &str| match line.strip_prefix("DTSTART:") {
        Some(at) => format!("DTSTART:{}{minute:02}00Z", &at[..11]),
        None => line.to_owned(),
    };
    body.lines().map(line).collect::<Vec<_>>().join("\r\n") + "\r\n"
}

/// The booking whose event a calendar object is.
pub fn owner(body: &str) -> Option<String> {
    let line = body.lines().find_map(|line| line.strip_prefix("X-HUB-BOOKING:"))?;
    Some(line.split('/').next().unwrap_or_default().to_owned())
}
