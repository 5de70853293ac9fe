//! `kill -9` of a hub that is being booked: at every place that a booking and its delivery pass, and at random instants.
//!
//! Clients book, hold, confirm, move and cancel as fast as they can, each request under a key of its own that it is
//! repeated under when no answer came. After each kill the dead hub's tables are read, and once more when the next
//! life has come to rest: every yes is there, no booking is without its row of the outbox, and the calendars outside
//! hold exactly one event for each.

mod auditor;
mod chaos;
mod client;
mod site;

use std::{collections::BTreeMap, time::Duration};

use calhub::drill::Point;
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore, SeedableRng},
};

use super::{KILLS, TRACKS, number, site::Death};
use crate::support::engines::{create_database, drop_database, postgres_server};

/// The places that a request and what follows from it pass.
const PLACES: [Point; 14] = [
    Point::KeyTaken,
    Point::SlotChecked,
    Point::HoldWritten,
    Point::HoldStored,
    Point::BookingWritten,
    Point::BookingStored,
    Point::AnswerMade,
    Point::AnswerKept,
    Point::Claimed,
    Point::BeforeSend,
    Point::AfterSend,
    Point::DeliveryWritten,
    Point::DeliveryStored,
    Point::RowFinished,
];

/// One kill: where, at which passing, and after how much load.
type Kill = (Option<Point>, usize, Duration);

/// The kills of a run: at all places before any a second time, and every fifth at no place but any instant.
fn kills(seed: u64, count: usize, only: &[Point]) -> Vec<Kill> {
    let mut chance = ChaCha20Rng::seed_from_u64(seed);
    let mut left: Vec<Point> = Vec::new();
    let mut kills = Vec::new();
    while kills.len() < count {
        let wait = Duration::from_millis(50 + chance.next_u64() % 400);
        if only.is_empty() && kills.len() % 5 == 4 {
            kills.push((None, 1, wait));
            continue;
        }
        if left.is_empty() {
            left = if only.is_empty() { PLACES.to_vec() } else { only.to_vec() };
        }
        let at = (chance.next_u64() % left.len() as u64) as usize;
        kills.push((Some(left.swap_remove(at)), 1 + (chance.next_u64() % 4) as usize, wait));
    }
    kills
}

#[derive(Default)]
struct Outcome {
    deaths: BTreeMap<String, usize>,
    faults: Vec<String>,
    yes: usize,
    refused: usize,
    repeated: usize,
    bookings: usize,
    writes: usize,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        for (death, times) in other.deaths {
            *self.deaths.entry(death).or_default() += times;
        }
        self.faults.extend(other.faults);
        self.yes += other.yes;
        self.refused += other.refused;
        self.repeated += other.repeated;
        self.bookings += other.bookings;
        self.writes += other.writes;
    }
}

/// Kills one hub in a row.
async fn track(
    seed: u64,
    kills: Vec<Kill>,
    url: Option<String>,
    bugs: &'static [&'static str],
) -> Outcome {
    let (mut site, mut hub) = site::Site::found(seed, url, bugs).await;
    let mut outcome = Outcome::default();
    for (point, nth, wait) in kills {
        let (next, death, faults) = site.cycle(hub, point, nth, wait).await;
        hub = next;
        *outcome.deaths.entry(format!("{death:?}")).or_default() += 1;
        if let Death::Missed(_) = death {
            outcome.faults.push(format!("seed {seed}: {death:?}"));
        }
        outcome.faults.extend(faults);
        if !outcome.faults.is_empty() {
            break;
        }
    }
    outcome.bookings = site.bookings().await;
    outcome.writes = site.writes();
    let told = site.floor.told.lock().unwrap();
    (outcome.yes, outcome.refused, outcome.repeated) = (told.yes, told.refused, told.repeated);
    drop(told);
    outcome
}

/// Kills several hubs at a time; `server` is a PostgreSQL server, or `None` for SQLite.
async fn kill_often(
    seed: u64,
    kills: &[Kill],
    server: Option<&str>,
    bugs: &'static [&'static str],
) -> Outcome {
    let share = kills.len().div_ceil(TRACKS);
    let tracks = kills.chunks(share).enumerate().map(|(nth, kills)| async move {
        let url = match server {
            Some(server) => Some(create_database(server).await),
            None => None,
        };
        let seed = seed * 1_000 + nth as u64;
        let outcome = tokio::spawn(track(seed, kills.to_vec(), url.clone(), bugs)).await;
        if let (Some(server), Some(url)) = (server, url) {
            drop_database(server, &url).await;
        }
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    });
    let mut all = Outcome::default();
    for outcome in futures::future::join_all(tracks).await {
        all.add(outcome);
    }
    all
}

async fn nothing_is_lost(server: Option<&str>) {
    let seed = number("CALHUB_CRASH_SEED", 1);
    let count = number("CALHUB_CRASH_KILLS", KILLS as u64) as usize;
    let began = std::time::Instant::now();
    let outcome = kill_often(seed, &kills(seed, count, &[]), server, &[]).await;
    let Outcome { yes, refused, repeated, bookings, writes, .. } = outcome;
    eprintln!(
        "{count} kills of a hub that is booked, seed {seed}: {bookings} bookings, {yes} yes, {refused} refused, \
         {repeated} repeated, {writes} writes, {} faults, {} s",
        outcome.faults.len(),
        began.elapsed().as_secs()
    );
    for (death, times) in &outcome.deaths {
        eprintln!("  {times:4} {death}");
    }
    assert!(outcome.faults.is_empty(), "seed {seed}:\n{}", outcome.faults.join("\n"));
    assert_eq!(outcome.deaths.values().sum::<usize>(), count);
    assert!(yes > count && writes > count, "nothing was under way");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_no_booking_and_doubles_no_event_on_sqlite() {
    nothing_is_lost(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_no_booking_and_doubles_no_event_on_postgres() {
    let Some(server) = postgres_server() else { return };
    nothing_is_lost(Some(&server)).await;
}

/// The kills within which a fault that was put back must show.
const SOON: usize = 9;

async fn is_caught(bugs: &'static [&'static str], only: &[Point], says: &str) {
    let server = postgres_server();
    for server in [Some(None), server.as_deref().map(Some)].into_iter().flatten() {
        let outcome = kill_often(7, &kills(7, SOON, only), server, bugs).await;
        let found = outcome.faults.iter().find(|fault| fault.contains(says));
        eprintln!(
            "{bugs:?}: {} faults after {:?}: {found:?}",
            outcome.faults.len(),
            outcome.deaths
        );
        assert!(found.is_some(), "{bugs:?} was not seen: {:?}", outcome.faults);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outbox_row_that_is_committed_apart_from_its_booking_is_caught() {
    is_caught(&["outbox_apart"], &[Point::BookingStored], "outbox rows for").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_that_is_repeated_under_another_name_is_caught() {
    is_caught(&["fresh_name_on_retry"], &[Point::AfterSend], "second event").await;
}
