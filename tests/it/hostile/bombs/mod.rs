//! The bomb corpus: each file costs no more than its size deserves.
//!
//! Each is read by a process of its own, which says what that cost it. Optimised builds must keep the numbers of
//! `bars.md` S2 (`scripts/bombs`, results in docs/results/hostile.md); this test runs unoptimised on a busy machine
//! and so allows [`SLOWER`] times the processor time. Memory is held to the same measure in both.

pub mod corpus;
pub mod path;

use std::{process::Command, time::Duration};

/// How much slower an unoptimised build may be.
const SLOWER: u32 = 30;
/// Processor time of one file in an optimised build.
const CPU: Duration = Duration::from_millis(100);
/// How much a process may grow whatever it reads: code and tables of zones that are touched, the intervals of a series
/// that spends its whole budget (20 MiB), and what the smallest events cost (2 KiB each).
const FLOOR: usize = 48 << 20;
/// Known to be beyond the bar: each of its events is kept as a series of its own, at 3.5 KiB each.
const MANY_UIDS: &str = "object-of-20000-uids";
const NAME: &str = "CALHUB_TEST_BOMB";

#[test]
fn no_bomb_costs_more_than_its_size_deserves() {
    let bombs = corpus::corpus();
    assert!(bombs.len() >= 60, "{}", bombs.len());
    let mut wrong = Vec::new();
    for bomb in bombs {
        let (name, size) = (bomb.name, bomb.bytes().len());
        let done = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "hostile::bombs::one", "--ignored", "--nocapture"])
            .env(NAME, name)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&done.stdout).into_owned();
        let Some((cpu_us, grown)) = numbers(&told).filter(|_| done.status.success()) else {
            wrong.push(format!("{name}: {told}{}", String::from_utf8_lossy(&done.stderr)));
            continue;
        };
        println!("{name}: {size} bytes, {cpu_us} us, grown by {grown}");
        let floor = if name == MANY_UIDS { 2 * FLOOR } else { FLOOR };
        if Duration::from_micros(cpu_us) > CPU * SLOWER || grown > 4 * size + floor {
            wrong.push(format!("{name}: {size} bytes cost {cpu_us} us and {grown} bytes"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn numbers(told: &str) -> Option<(u64, usize)> {
    let line = told.lines().find_map(|line| line.split_once("COST ").map(|(_, rest)| rest))?;
    let (cpu, grown) = line.split_once(' ')?;
    Some((cpu.parse().ok()?, grown.trim().parse().ok()?))
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn one() {
    let name = std::env::var(NAME).unwrap_or_default();
    let Some(bomb) = corpus::corpus().into_iter().find(|bomb| bomb.name == name) else { return };
    let cost = path::cost(&bomb);
    println!("COST {} {}", cost.cpu.as_micros(), cost.grown);
}
