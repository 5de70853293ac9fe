//! What this process takes of its machine, under the names every Prometheus client uses. Linux tells it in
//! `/proc`; elsewhere the numbers stay 0.

use std::fs;

use prometheus::{Counter, Gauge};

use super::{Ledger, NAMED};

/// Clock ticks a second in `/proc`: fixed at 100 for every Linux that calhub is built for.
const TICKS: f64 = 100.0;

pub(super) struct Machine {
    cpu: Counter,
    resident: Gauge,
    started: Gauge,
    threads: Gauge,
    open_files: Gauge,
    most_files: Gauge,
}

impl Machine {
    pub(super) fn new(ledger: &mut Ledger) -> Self {
        let cpu = Counter::new("process_cpu_seconds_total", "Processor time this hub has used.")
            .expect(NAMED);
        ledger.add("counter", cpu.clone());
        Self {
            cpu,
            resident: ledger.gauge("process_resident_memory_bytes", "Memory this hub has in use."),
            started: ledger
                .gauge("process_start_time_seconds", "When this hub was started, in Unix time."),
            threads: ledger.gauge("process_threads", "Threads of this hub."),
            open_files: ledger.gauge("process_open_fds", "Files and sockets this hub has open."),
            most_files: ledger
                .gauge("process_max_fds", "Files and sockets this hub may have open (ulimit -n)."),
        }
    }

    pub(super) fn look(&self) {
        if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Stat::of)
        {
            self.cpu.inc_by((stat.ticks / TICKS - self.cpu.get()).max(0.0));
            self.threads.set(stat.threads);
            if let Some(booted) = number("/proc/stat", "btime") {
                self.started.set(booted + stat.started / TICKS);
            }
        }
        if let Some(kibibytes) = number("/proc/self/status", "VmRSS:") {
            self.resident.set(kibibytes * 1024.0);
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            self.open_files.set(open.count() as f64);
        }
        if let Some(most) = number("/proc/self/limits", "Max open files") {
            self.most_files.set(most);
        }
    }
}

struct Stat {
    ticks: f64,
    threads: f64,
    started: f64,
}

impl Stat {
    /// Reads `proc_pid_stat(5)`; the name in brackets may hold anything, also brackets.
    fn of(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // Field 3 of the manual is the first after the name.
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        Some(Self { ticks: field(14)? + field(15)?, threads: field(20)?, started: field(22)? })
    }
}

/// The first number after `name` in one of the kernel's tables.
fn number(path: &str, name: &str) -> Option<f64> {
    let text = fs::read_to_string(path).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_move_the_fields() {
        let text = "42 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 250 150 13 14 15 16 17 18 9000 20 21 22";
        let stat = Stat::of(text).unwrap();
        assert_eq!((stat.ticks, stat.threads, stat.started), (400.0, 17.0, 9000.0));
    }
}
