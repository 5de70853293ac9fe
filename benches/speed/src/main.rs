//! Measures the hub against what limits it, in one run: every number stands beside its limit.
//!
//! `scripts/bench` builds this and the hub as released, and writes `docs/results/speed.md`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::large_futures,
    clippy::cast_precision_loss,
    reason = "a program that measures may stop where it stands, and prints"
)]

mod answers;
mod bookings;
mod children;
mod growth;
mod limit;
mod load;
mod lookups;
mod memory;
mod pages;
mod pulls;
mod reading;
mod report;
mod rules;
mod seed;
mod support;

use anyhow::{Context, Result};

use self::report::Report;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// A few seconds in all, to see that everything still runs.
    pub(crate) quick: bool,
}

impl Size {
    /// The full figure, or the one for a quick look.
    pub(crate) fn pick<T>(self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [role, body] = words.as_slice()
        && role == "limit"
    {
        return limit::serve(body.as_ref());
    }
    if let [role, address, body, connections, seconds] = words.as_slice()
        && role == "ask"
    {
        return answers::ask(address, body, connections.parse()?, seconds.parse()?);
    }
    if let [role, form, intervals] = words.as_slice()
        && role == "fill"
    {
        return memory::fill(form, intervals);
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let size = Size { quick: words.iter().any(|word| word == "--quick") };
    let only: Vec<&str> =
        words.iter().filter(|word| !word.starts_with("--")).map(String::as_str).collect();
    let wanted = |name: &str| only.is_empty() || only.contains(&name);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut report = Report::default();
    if wanted("answers") {
        answers::measure(size, &runtime, &mut report).context("answers")?;
    }
    if wanted("lookups") {
        lookups::measure(size, &runtime, &mut report).context("lookups")?;
    }
    if wanted("reading") {
        reading::measure(size, &mut report).context("reading")?;
        pages::measure(size, &mut report).context("pages")?;
    }
    if wanted("pulls") {
        pulls::measure(size, &runtime, &mut report).context("pulls")?;
    }
    if wanted("rules") {
        rules::measure(size, &mut report).context("rules")?;
    }
    if wanted("memory") {
        memory::measure(size, &mut report).context("memory")?;
    }
    if wanted("growth") {
        growth::measure(size, &runtime, &mut report).context("growth")?;
    }
    // A page of its own.
    if only.contains(&"bookings") {
        bookings::measure(size, &runtime, &mut report).context("bookings")?;
    }
    println!("{}", report.markdown());
    if let Ok(path) = std::env::var("BENCH_REPORT") {
        report.write(path.as_ref(), size)?;
    }
    Ok(())
}
