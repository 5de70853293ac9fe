//! Seeded runs: a platform books, moves and cancels, a person edits in their own calendar, also at the very instant at
//! which the hub writes there, and the provider loses answers, refuses, sends away and cuts connections. Once the
//! faults stop, fifteen minutes later every booking has exactly the event it should have, nothing of the person's is
//! lost, and nothing was overwritten unseen. The servers are all the dialects of the simulators in turn.
//!
//! `scripts/deliveries` runs more of it; `CALHUB_DELIVERY_SEEDS` chooses how many, `CALHUB_DELIVERY_SEED` the first, and
//! `CALHUB_DELIVERY_TRACE` prints all that happened.

mod person;
mod run;
mod shelf;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use calhub::{
    clock::SeededEntropy,
    drill::{Bug, Drill},
    store::{Options, Store},
};

use self::run::{Outcome, run};
use crate::support::engines::on_postgres;

/// Seeds of one run on SQLite in CI, and where somebody waits.
const SEEDS: (u64, u64) = (1_000, 60);
/// The same on PostgreSQL.
const POSTGRES_SEEDS: (u64, u64) = (28, 6);
/// Seeds within which a fault that was put back must show.
const SOON: u64 = 60;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn usual((in_ci, otherwise): (u64, u64)) -> u64 {
    if std::env::var("CI").is_ok_and(|ci| ci == "true") { in_ci } else { otherwise }
}

/// Runs one seed on a thread's own, over a database in memory.
fn one(seed: u64, bugs: &[Bug], is_blind: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let drill = Drill::with_bugs(bugs);
    let running = async {
        let options = Options::default();
        let store = Store::open("sqlite::memory:", &options, &SeededEntropy::new(1)).await.unwrap();
        let outcome = drill.run(Box::pin(run(&store, seed, is_blind))).await.unwrap();
        store.close().await;
        outcome
    };
    let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(Box::pin(running))));
    ended.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
        Outcome { seed, faults: vec![format!("panic: {text}")], ..Outcome::default() }
    })
}

/// Where two runs of one seed part.
fn parting(one: &Outcome, other: &Outcome) -> Option<String> {
    let lines = one.trace.iter().zip(&other.trace).enumerate();
    let parting = lines.into_iter().find(|(_, (a, b))| a != b);
    let is_same = parting.is_none() && one.trace.len() == other.trace.len();
    (!is_same).then(|| format!("not repeatable: {parting:?}"))
}

#[derive(Default)]
struct Fleet {
    seeds: usize,
    bookings: usize,
    writes: usize,
    interjected: usize,
    failed: Vec<Outcome>,
}

/// Runs seeds on all cores, every twentieth a second time; hands out no more after a few failures.
fn sail(first: u64, count: u64) -> Fleet {
    let next = AtomicU64::new(first);
    let fleet = Mutex::new(Fleet::default());
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= first + count || fleet.lock().unwrap().failed.len() >= 10 {
                        return;
                    }
                    let mut outcome = one(seed, &[], false);
                    if seed.is_multiple_of(20) {
                        outcome.faults.extend(parting(&outcome, &one(seed, &[], false)));
                    }
                    let mut fleet = fleet.lock().unwrap();
                    fleet.seeds += 1;
                    fleet.bookings += outcome.bookings;
                    fleet.writes += outcome.writes;
                    fleet.interjected += outcome.interjected;
                    if fleet.seeds.is_multiple_of(1_000) {
                        eprintln!("{} seeds, {} failed", fleet.seeds, fleet.failed.len());
                    }
                    if !outcome.faults.is_empty() {
                        fleet.failed.push(outcome);
                    }
                }
            });
        }
    });
    fleet.into_inner().unwrap()
}

#[test]
fn no_fault_loses_doubles_or_overwrites_anything() {
    let first = number("CALHUB_DELIVERY_SEED", 1);
    let count = number("CALHUB_DELIVERY_SEEDS", usual(SEEDS));
    let began = std::time::Instant::now();
    let fleet = sail(first, count);
    let Fleet { seeds, bookings, writes, interjected, failed } = fleet;
    eprintln!(
        "{seeds} seeds from {first}: {bookings} bookings, {writes} writes, {interjected} edits at the same instant, \
         {} failed, {} s",
        failed.len(),
        began.elapsed().as_secs()
    );
    for outcome in &failed {
        eprintln!("seed {}: {}", outcome.seed, outcome.faults.join("\n    "));
        if std::env::var_os("CALHUB_DELIVERY_TRACE").is_some() {
            eprintln!("{}", outcome.trace.join("\n"));
        }
    }
    assert!(failed.is_empty(), "{} of {seeds} seeds failed", failed.len());
}

#[tokio::test]
async fn no_fault_loses_doubles_or_overwrites_anything_on_postgres() {
    for seed in 1..=usual(POSTGRES_SEEDS) {
        on_postgres(async |bed| {
            let faults = run(&bed.store, seed, false).await.faults;
            assert!(faults.is_empty(), "seed {seed}:\n{}", faults.join("\n"));
        })
        .await;
    }
}

fn is_found(bugs: &[Bug], is_blind: bool, says: &[&str]) {
    let mut left = says.to_vec();
    for seed in 1..=SOON {
        let faults = one(seed, bugs, is_blind).faults;
        left.retain(|says| {
            let found = faults.iter().find(|fault| fault.contains(says));
            found.inspect(|fault| eprintln!("seed {seed}: {fault}")).is_none()
        });
        if left.is_empty() {
            return;
        }
    }
    panic!("not seen: {left:?}");
}

/// A retry under another name makes a second event; the same runs must see it.
#[test]
fn control_a_fresh_name_on_retry_is_seen() {
    is_found(&[Bug::FreshNameOnRetry], false, &["two events"]);
}

/// A write without a condition overwrites what a person did meanwhile.
#[test]
fn control_an_unconditional_write_is_seen() {
    is_found(&[], true, &["blind overwrite", "title is lost"]);
}
