//! Many seeds at once: each on a thread of its own, with a runtime of its own.

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use calhub::drill::Bug;

use super::run::{Outcome, Tally, run};

/// Runs one seed.
pub fn one(seed: u64, bugs: &[Bug]) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(Box::pin(run(seed, bugs)))));
    ended.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Outcome {
            seed,
            fingerprint: String::new(),
            faults: vec![format!("panic: {}", text.unwrap_or_default())],
            trace: Vec::new(),
            tally: Tally::default(),
        }
    })
}

/// Which seeds run a second time, to see that they repeat themselves to the letter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Twice {
    None,
    Tenth,
    All,
}

impl Twice {
    fn is_for(self, seed: u64) -> bool {
        self == Self::All || (self == Self::Tenth && seed.is_multiple_of(10))
    }
}

/// Where two runs of one seed part.
fn parting(one: &Outcome, other: &Outcome) -> String {
    let lines = one.trace.iter().zip(&other.trace);
    let parting = lines.enumerate().find(|(_, (a, b))| a != b);
    format!("not repeatable: {parting:?}")
}

/// How many seeds ended.
#[derive(Default)]
pub struct Fleet {
    pub ended: Vec<Tally>,
    pub failed: Vec<Outcome>,
}

/// Runs seeds on all cores; stops handing out new ones after a few failures.
pub fn sail(seeds: Range<u64>, bugs: &[Bug], twice: Twice, told: bool) -> Fleet {
    let next = AtomicU64::new(seeds.start);
    let fleet = Mutex::new(Fleet::default());
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    let enough = fleet.lock().unwrap().failed.len() >= 10;
                    if seed >= seeds.end || enough {
                        return;
                    }
                    let mut outcome = one(seed, bugs);
                    if twice.is_for(seed) {
                        let again = one(seed, bugs);
                        if again.fingerprint != outcome.fingerprint {
                            outcome.faults.push(parting(&outcome, &again));
                        }
                    }
                    let mut fleet = fleet.lock().unwrap();
                    fleet.ended.push(outcome.tally);
                    if told && fleet.ended.len() % 1_000 == 0 {
                        println!("{} seeds, {} failed", fleet.ended.len(), fleet.failed.len());
                    }
                    if !outcome.faults.is_empty() {
                        if told {
                            println!("seed {}: {}", outcome.seed, outcome.faults[0]);
                        }
                        fleet.failed.push(outcome);
                    }
                }
            });
        }
    });
    fleet.into_inner().unwrap()
}

impl Fleet {
    pub fn assert_sound(&self) {
        let sum = |of: fn(&Tally) -> usize| self.ended.iter().map(of).sum::<usize>();
        let most = |of: fn(&Tally) -> usize| self.ended.iter().map(of).max().unwrap_or(0);
        println!(
            "{} seeds: {} calendars, {} actions, {} steps, {} requests ({} with a fault, {} throttled), \
             {} notifications, {} crashes, {:.0} simulated hours; slowest convergence {} s, most requests {}",
            self.ended.len(),
            sum(|t| t.calendars),
            sum(|t| t.actions),
            sum(|t| t.steps),
            sum(|t| t.requests),
            sum(|t| t.faulted),
            sum(|t| t.throttled),
            sum(|t| t.told),
            sum(|t| t.crashes),
            self.ended.iter().map(|t| t.seconds).sum::<i64>() as f64 / 3600.0,
            self.ended.iter().map(|t| t.slowest).max().unwrap_or(0),
            most(|t| t.most_requests),
        );
        for outcome in &self.failed {
            println!(
                "seed {} failed; replay it: scripts/simulate --seed {} --trace",
                outcome.seed, outcome.seed
            );
            for fault in outcome.faults.iter().take(5) {
                println!("    {fault}");
            }
        }
        assert!(
            self.failed.is_empty(),
            "{} of {} seeds failed",
            self.failed.len(),
            self.ended.len()
        );
    }
}

/// Puts a fault back: some seed among the first `within` must notice.
pub fn assert_found(bug: Bug, within: u64) {
    assert_found_where(bug, within, |_| true);
}

/// The same, and they must notice it so.
pub fn assert_found_where(bug: Bug, within: u64, is_it: fn(&str) -> bool) {
    let notices = |seed: &u64| one(*seed, &[bug]).faults.iter().any(|fault| is_it(fault));
    let found = (1..=within).find(notices);
    let Some(seed) = found else { panic!("{bug:?} was not noticed by {within} seeds") };
    println!("{bug:?} is noticed by seed {seed}");
}
