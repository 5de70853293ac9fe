//! The table as a page, held to the committed one.

use std::{fmt::Write as _, fs, path::PathBuf};

use super::{
    expected::{Expected, of},
    kinds::{Lasts, Phase, Provider},
    table::Cell,
};

/// What stands below is printed for whoever wants to know, and is not compared.
const MEASURED: &str = "## Measured\n";

const HEAD: &str = "\
# Faults never free time

Printed by `cargo test -p calhub --test it faults::` (`CALHUB_WRITE_RESULTS=1` writes it), which also fails when
the first table is not what it finds. One hub (SQLite) with its index and HTTP routes, simulated providers, simulated
time: `POST /v1/freebusy` is asked about every calendar at every minute of the first 25, then at every fifth. Every cell is a calendar of its own at a host of its own.

A lasting fault lasts three hours; *empty* and *half listing* are one listing: what a provider says twice, a minute apart, is
believed (`design.md`, rule 12). A delta is a sync REPORT from a token; for a feed, a conditional GET. A full pull lists everything
although there is a cursor; for a feed, an unconditional GET. Asserted for every cell, besides what stands in it:

- what was busy stays busy, and nothing is invented;
- nothing is called free before the first complete pull, and nothing that is older than 20 minutes is called known;
- no request comes before `Retry-After`; after the first hour an outage costs at most a tenth more than health plus five
  requests in two hours (twice health where 403, 410 or 500 may also mean an expired token);
- once the fault is over the calendar is right again by itself: within 17 minutes, 21 after 429, the wait that a provider asked for plus
  6 minutes, 66 minutes where only a person could have mended it (401, 403, 404, 410); each with at most 4 requests.

A cell says why the answer is *unknown* throughout, how the connection stands, and the calendar's `last_error`.

";

const NOTES: &str = "
(a) A first listing, or a delta, that leaves something out and says nothing of it cannot be told from an honest one. The next
poll after a first pull lists everything once more, and the daily listing finds what a delta has left out.

";

/// The page.
pub fn of_cells(cells: &[Cell]) -> String {
    let mut page = HEAD.to_owned();
    let columns =
        Provider::ALL.into_iter().flat_map(|p| Phase::ALL.into_iter().map(move |q| (p, q)));
    let columns: Vec<(Provider, Phase)> = columns.collect();
    let _ = write!(page, "| fault |");
    for (provider, phase) in &columns {
        let _ = write!(page, " {}, {} |", provider.name(), phase.name());
    }
    let _ = writeln!(page, "\n|---|{}", "---|".repeat(columns.len()));
    for row in cells.chunks(columns.len()) {
        let cells: Vec<String> = row.iter().map(in_short).collect();
        let name = row.first().map(|cell| cell.kind.name()).unwrap_or_default();
        let _ = writeln!(page, "| {name} | {} |", cells.join(" | "));
    }
    page + NOTES + MEASURED + &measured(cells)
}

fn in_short(cell: &Cell) -> String {
    match of(cell) {
        Expected::Right => "right all along".to_owned(),
        Expected::Passed => "right at the next poll".to_owned(),
        Expected::BeyondTelling => "(a)".to_owned(),
        Expected::Told(..) => {
            let reason = cell.seen.unknown.as_ref().map_or("-", |(_, reason)| reason.as_str());
            format!("{reason}; {}; {}", cell.seen.state, cell.seen.calendar_error)
        }
    }
}

fn measured(cells: &[Cell]) -> String {
    let mut text = "\nOne run on a shared 2-core machine; times are simulated. `unknown at` is the minute at which the answer \
        became unknown throughout.\n\n| fault | provider | pull | unknown at | requests in 3 h | right again after |\n\
        |---|---|---|---|---|---|\n"
        .to_owned();
    for cell in cells {
        let unknown = cell.seen.unknown.as_ref().map_or("-".to_owned(), |(at, _)| at.to_string());
        let (first, later) = cell.seen.requests;
        let requests = match cell.kind.lasts() {
            Lasts::ThreeHours if first + later > 0 => (first + later).to_string(),
            _ => "-".to_owned(),
        };
        let healed = cell.seen.healed.map_or("never".to_owned(), |(minutes, requests)| {
            format!("{minutes} min, {requests} requests")
        });
        let (kind, provider, phase) = (cell.kind.name(), cell.provider.name(), cell.phase.name());
        let _ =
            writeln!(text, "| {kind} | {provider} | {phase} | {unknown} | {requests} | {healed} |");
    }
    text
}

/// Holds the page to the committed one.
pub fn compare(report: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/results/faults.md");
    if std::env::var_os("CALHUB_WRITE_RESULTS").is_some() {
        fs::write(&path, report).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let upto = |page: &str| page.split(MEASURED).next().unwrap_or_default().to_owned();
    assert_eq!(
        upto(&kept),
        upto(report),
        "docs/results/faults.md is out of date: CALHUB_WRITE_RESULTS=1 writes it"
    );
}
