//! The person whose calendar it is: edits the hub's events in it, also between two requests of the hub, and sees
//! whether an edit is lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use bytes::Bytes;
use connectors::transport::{Cut, Service};
use http::{Request, Response, header};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore, SeedableRng},
};
use simulators::World;

use super::shelf::Shelf;
use crate::support::simulated::Simulated;

/// Between the hub and the world. Clones are the same person.
#[derive(Clone)]
pub struct Person(Arc<Mutex<Inner>>);

struct Inner {
    world: World,
    chance: ChaCha20Rng,
    shelf: Option<Shelf>,
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
            shelf: None,
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
    pub fn begins(&self, shelf: &Shelf) {
        let mut inner = self.inner();
        (inner.shelf, inner.interferes) = (Some(shelf.clone()), true);
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
        let shelf = self.inner().shelf.clone();
        let asked = shelf.as_ref().map(|shelf| shelf.asked(&request));
        let is_write = asked.as_ref().is_some_and(|asked| asked.writes);
        let reads_one = asked.as_ref().is_some_and(|asked| asked.reads_one);
        let name = asked.map(|asked| asked.name).unwrap_or_default();
        let (world, before) = {
            let mut inner = self.inner();
            if (is_write || reads_one) && inner.interferes && inner.below(8) == 0 {
                inner.interjected += 1;
                inner.act(Some(&name));
            }
            if inner.is_blind && is_write {
                request.headers_mut().remove(header::IF_MATCH);
                request.headers_mut().remove(header::IF_NONE_MATCH);
            }
            let is_unseen = is_write && inner.unseen.contains(&name);
            let before = shelf.as_ref().filter(|_| is_unseen).and_then(|it| it.version(&name));
            (inner.world.clone(), before)
        };
        let answer = Simulated(world).call(request).await;
        let mut inner = self.inner();
        if let (Some(shelf), true) = (&shelf, before.is_some())
            && shelf.version(&name) != before
            && !shelf.may_be_blind(&method, inner.world.account("anna").as_ref())
        {
            inner.faults.push(format!("blind overwrite: {method} {path}"));
        }
        if let (Ok(answer), Some(shelf)) = (&answer, &shelf) {
            let body = String::from_utf8_lossy(answer.body());
            if reads_one && answer.status() == 200 {
                inner.unseen.remove(&name);
            } else if answer.status().is_success() {
                inner.unseen.retain(|name| !shelf.shows(&body, name));
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

    /// Gives one of the hub's events another title or time, or deletes it; mostly the one that is `wanted`.
    fn act(&mut self, wanted: Option<&str>) {
        let Some(shelf) = self.shelf.clone() else { return };
        let papers = shelf.papers().into_iter();
        let ours: Vec<(String, String)> =
            papers.filter_map(|paper| Some((paper.name, paper.booking?))).collect();
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
                shelf.retitle(&name, &title);
                self.titles.insert(booking, title);
                self.unseen.insert(name);
            }
            2..=3 => {
                let minute = 1 + self.below(59);
                shelf.shift(&name, minute);
                self.unseen.insert(name);
            }
            _ => {
                shelf.delete(&name);
                self.titles.remove(&booking);
                self.unseen.remove(&name);
            }
        }
    }
}
