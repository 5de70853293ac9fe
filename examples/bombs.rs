//! Reads the bomb corpus the way a hub would, each file in a process of its own, and prints what each cost as a table;
//! for `scripts/bombs`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    unreachable_pub,
    clippy::disallowed_methods,
    reason = "a measuring program"
)]

#[path = "../tests/it/hostile/bombs/corpus/mod.rs"]
mod corpus;
#[path = "../tests/it/hostile/bombs/path.rs"]
mod path;

use std::{process::Command, time::Duration};

use calhub::model::{
    event::Moment,
    interval::Span,
    recurrence::{Budget, starts},
};
use corpus::Bomb;

fn main() {
    match std::env::args().nth(1) {
        Some(name) => {
            let bomb = corpus::corpus().into_iter().find(|bomb| bomb.name == name).unwrap();
            let cost = path::cost(&bomb);
            println!("{} {} {} {}", cost.cpu.as_micros(), cost.grown, cost.items, cost.intervals);
        }
        None => {
            let is_well = table() & secondly() & linear();
            std::process::exit(i32::from(!is_well));
        }
    }
}

fn table() -> bool {
    let mut is_well = true;
    println!(
        "| file | bytes | ms of CPU | memory grown by, KiB | times its size | items | intervals |\n|---|---:|---:|---:|---:|---:|---:|"
    );
    for bomb in corpus::corpus() {
        let (name, size) = (bomb.name, bomb.bytes().len());
        let done = Command::new(std::env::current_exe().unwrap()).arg(name).output().unwrap();
        let told = String::from_utf8_lossy(&done.stdout).into_owned();
        let numbers: Vec<usize> =
            told.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [cpu_us, grown, items, intervals] = numbers[..] else {
            println!("| {name} | {size} | **failed** | | | | |");
            is_well = false;
            continue;
        };
        // A process grows by some MiB whatever it reads: zone tables, arenas, buffers.
        let is_over = cpu_us > 100_000 || grown > 4 * size + (8 << 20);
        let mark = if is_over { "**" } else { "" };
        let times = if size < 1 << 20 {
            "-".to_owned()
        } else {
            format!("{:.1}", grown as f64 / size as f64)
        };
        println!(
            "| {mark}{name}{mark} | {size} | {:.1} | {} | {times} | {items} | {intervals} |",
            cpu_us as f64 / 1000.0,
            grown >> 10
        );
        is_well &= !is_over;
    }
    is_well
}

/// The least of several runs.
fn least(runs: usize, mut run: impl FnMut() -> Duration) -> Duration {
    (0..runs).map(|_| run()).min().unwrap()
}

fn secondly() -> bool {
    let at = Moment::Utc("2027-03-01T09:00:00Z".parse().unwrap());
    let window =
        Span::new("2027-01-25T00:00:00Z".parse().unwrap(), "2028-04-04T00:00:00Z".parse().unwrap())
            .unwrap();
    let took = least(20, || {
        let began = path::cpu();
        let found = starts(
            &at,
            "FREQ=SECONDLY;COUNT=1000000000",
            window,
            &jiff::tz::TimeZone::UTC,
            &mut Budget::default(),
        );
        assert!(found.is_err());
        path::cpu() - began
    });
    println!(
        "\n`SECONDLY;COUNT=1000000000` until its budget is spent: {:.1} ms",
        took.as_secs_f64() * 1e3
    );
    took < Duration::from_millis(10)
}

fn linear() -> bool {
    println!("\n| shape | 1 MiB, ms | 2 MiB, ms | ratio |\n|---|---:|---:|---:|");
    let mut is_well = true;
    for (name, kind, made) in corpus::growing() {
        let cost = |size: usize| {
            let made = std::rc::Rc::clone(&made);
            let bomb = Bomb::new(name, kind, move || made(size));
            least(9, || path::cost(&bomb).cpu)
        };
        let (once, twice) = (cost(1 << 20), cost(2 << 20));
        let ratio = twice.as_secs_f64() / once.as_secs_f64();
        println!(
            "| {name} | {:.1} | {:.1} | {ratio:.2} |",
            once.as_secs_f64() * 1e3,
            twice.as_secs_f64() * 1e3
        );
        is_well &= ratio <= 2.2;
    }
    is_well
}
