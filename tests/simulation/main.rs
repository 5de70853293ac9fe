//! The seeded simulation: the real sync engine against simulated providers, stepped by one driver, with an
//! auditor outside. See `CONTRIBUTING.md` for how to replay a seed.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    unreachable_pub
)]
#![allow(clippy::disallowed_methods, reason = "tests may look at the environment")]

mod actions;
mod auditor;
mod chance;
mod converge;
mod events;
mod fleet;
mod follower;
mod hub;
mod run;
mod spans;
mod time;
mod trace;
mod truth;
mod wire;

use calhub::drill::Bug;

#[test]
fn every_seed_is_safe_and_converges() {
    let fleet = fleet::sail(1..31, &[], false);
    fleet.assert_sound();
}

#[test]
fn a_seed_repeats_itself_to_the_letter() {
    for seed in 1..6 {
        assert_eq!(fleet::one(seed, &[]).fingerprint, fleet::one(seed, &[]).fingerprint, "{seed}");
    }
}

#[test]
fn a_swallowed_410_is_found() {
    fleet::assert_found(Bug::SwallowedGone, 100);
}

#[test]
fn a_cursor_saved_before_its_data_is_found() {
    fleet::assert_found(Bug::CursorBeforeData, 100);
}

#[test]
fn a_sweep_before_the_last_page_is_found() {
    fleet::assert_found(Bug::SweepBeforeLastPage, 100);
}

/// By hand: `scripts/simulate`.
#[test]
#[ignore = "runs what CALHUB_SIM_SEEDS names"]
fn explore() {
    let seeds = std::env::var("CALHUB_SIM_SEEDS").unwrap_or_else(|_| "1..1001".to_owned());
    let (from, to) = seeds.split_once("..").unwrap_or((&seeds, ""));
    let from: u64 = from.parse().unwrap();
    let to = to.parse().unwrap_or(from + 1);
    if std::env::var_os("CALHUB_SIM_TRACE").is_some() {
        for line in fleet::one(from, &[]).trace {
            println!("{line}");
        }
    }
    fleet::sail(from..to, &[], true).assert_sound();
}
