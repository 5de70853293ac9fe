//! `kill -9` of the real process: at every named place, at random instants, on both engines.
//!
//! A cycle is one life: a person or an operator does something, the process freezes at a place and is killed,
//! and the next life must bring everything to where it would have been. Checked are the answers against what
//! the provider holds, a follower of the change log who kept its cursor across the crash, and the database's
//! own rows: every change of busy time has its entry, and no entry stands without its change.
//!
//! `scripts/crash` runs more of it; `CALHUB_CRASH_KILLS` and `CALHUB_CRASH_SEED` choose how much and which.

mod acts;
mod bookings;
mod follower;
mod ledger;
mod life;
mod provider;
mod restored;
mod site;
mod spans;

use std::collections::BTreeMap;

use calhub::drill::Point;
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore, SeedableRng},
};
use strum::IntoEnumIterator;

use self::site::{Death, Site};
use crate::support::engines::{create_database, drop_database, postgres_server};

/// Kills of one engine, in CI.
const KILLS: usize = 25;
/// Places that the hubs here do not pass: of their first run, of other commands, and of [`bookings`].
const ELSEWHERE: [Point; 12] = [
    Point::FirstRunWritten,
    Point::BackupWritten,
    Point::RestoreWritten,
    Point::SlotChecked,
    Point::HoldWritten,
    Point::HoldStored,
    Point::BookingWritten,
    Point::BookingStored,
    Point::BeforeSend,
    Point::AfterSend,
    Point::DeliveryWritten,
    Point::DeliveryStored,
];
/// Sites that are killed at the same time.
const TRACKS: usize = 3;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// What a run is to do.
#[derive(Clone, Copy)]
struct Plan {
    kills: usize,
    seed: u64,
    bugs: &'static [&'static str],
    /// Only these places, in turn, instead of all.
    only: &'static [Point],
}

impl Plan {
    fn of_environment() -> Self {
        let kills = number("CALHUB_CRASH_KILLS", KILLS as u64) as usize;
        Self { kills, seed: number("CALHUB_CRASH_SEED", 1), bugs: &[], only: &[] }
    }

    /// The places of a run, in the order of its chance: all of them before any a second time, and every fifth
    /// kill at no place but any instant.
    fn places(&self) -> Vec<(Option<Point>, usize)> {
        if !self.only.is_empty() {
            return self.only.iter().cycle().take(self.kills).map(|at| (Some(*at), 1)).collect();
        }
        let mut chance = ChaCha20Rng::seed_from_u64(self.seed);
        let mut left: Vec<Point> = Vec::new();
        let mut places = Vec::new();
        while places.len() < self.kills {
            if places.len() % 5 == 4 {
                places.push((None, 1));
                continue;
            }
            if left.is_empty() {
                left = Point::iter().filter(|point| !ELSEWHERE.contains(point)).collect();
            }
            let at = (chance.next_u64() % left.len() as u64) as usize;
            let point = left.swap_remove(at);
            let nth = 1 + (chance.next_u64() % acts::most_passed(point)) as usize;
            places.push((Some(point), nth));
        }
        places
    }
}

/// What a run came to.
#[derive(Default)]
struct Outcome {
    deaths: BTreeMap<String, usize>,
    faults: Vec<String>,
    entries: usize,
}

impl Outcome {
    fn note(&mut self, death: Death) {
        *self.deaths.entry(format!("{death:?}")).or_default() += 1;
    }

    fn kills(&self) -> usize {
        self.deaths.values().sum()
    }
}

/// Runs some cycles at one site.
async fn track(
    number: usize,
    plan: Plan,
    places: Vec<(Option<Point>, usize)>,
    url: Option<String>,
) -> Outcome {
    let mut site = Site::new(number, plan.seed * 1_000 + number as u64, url, plan.bugs).await;
    let mut outcome = Outcome::default();
    let (mut hub, death) = site.found().await;
    outcome.note(death);
    outcome.faults.extend(site.settle(&hub).await);
    for (point, nth) in places {
        let (next, death, faults) = site.cycle(hub, point, nth).await;
        hub = next;
        outcome.note(death);
        outcome.faults.extend(faults);
        if !outcome.faults.is_empty() {
            break;
        }
    }
    outcome.entries = site.follower.entries;
    outcome
}

/// Kills a hub often; `server` is a PostgreSQL server, or `None` for SQLite.
async fn kill_often(plan: Plan, server: Option<&str>) -> Outcome {
    let places = plan.places();
    let share = places.len().div_ceil(TRACKS);
    let tracks = places.chunks(share).enumerate().map(|(number, places)| async move {
        let url = match server {
            Some(server) => Some(create_database(server).await),
            None => None,
        };
        // A place of the founding counts too.
        let places = places.iter().skip(1).copied().collect();
        let outcome = tokio::spawn(track(number, plan, places, url.clone())).await;
        if let (Some(server), Some(url)) = (server, url) {
            drop_database(server, &url).await;
        }
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    });
    let mut all = Outcome::default();
    for outcome in futures::future::join_all(tracks).await {
        for (death, times) in outcome.deaths {
            *all.deaths.entry(death).or_default() += times;
        }
        all.faults.extend(outcome.faults);
        all.entries += outcome.entries;
    }
    all
}

async fn nothing_is_lost(server: Option<&str>) {
    let plan = Plan::of_environment();
    let began = std::time::Instant::now();
    let outcome = kill_often(plan, server).await;
    let (kills, entries) = (outcome.kills(), outcome.entries);
    let took = began.elapsed().as_secs();
    eprintln!("{kills} kills, seed {}, {entries} entries followed, {took} s", plan.seed);
    for (death, times) in &outcome.deaths {
        eprintln!("  {times:4} {death}");
    }
    assert!(outcome.faults.is_empty(), "seed {}:\n{}", plan.seed, outcome.faults.join("\n"));
    assert!(kills >= plan.kills);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_at_any_place_loses_nothing_on_sqlite() {
    nothing_is_lost(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_at_any_place_loses_nothing_on_postgres() {
    let Some(server) = postgres_server() else { return };
    nothing_is_lost(Some(&server)).await;
}

/// The kills within which a fault that was put back must show.
const SOON: usize = 18;

/// Kills a hub with a fault of old, which must show.
async fn is_caught(bug: &'static [&'static str], only: &'static [Point], server: Option<&str>) {
    let plan = Plan { kills: SOON, seed: 7, bugs: bug, only };
    let outcome = kill_often(plan, server).await;
    let (kills, faults) = (outcome.kills(), outcome.faults);
    eprintln!("{bug:?}: {} faults after {kills} kills: {:?}", faults.len(), faults.first());
    assert!(!faults.is_empty(), "{bug:?} was not seen in {kills} kills");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_that_is_saved_before_its_data_is_caught() {
    let places = &[Point::PageWritten, Point::Judged];
    is_caught(&["cursor_before_data"], places, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_is_committed_apart_from_its_data_is_caught() {
    let places = &[Point::EndWritten, Point::EndStored, Point::PageWritten, Point::PageStored];
    is_caught(&["log_outside_transaction"], places, None).await;
    let Some(server) = postgres_server() else { return };
    is_caught(&["log_outside_transaction"], places, Some(&server)).await;
}
