//! Faults never free time: every fault, on every kind of provider, at every kind of pull, up to the answer that
//! a booking platform gets. `docs/results/faults.md` is what this prints, and is held to it.

mod expected;
mod kinds;
mod operators;
mod report;
mod story;
mod table;
mod theatre;

use std::sync::Mutex;

use calhub::drill::{Bug, Drill};

use self::{expected::breaches, kinds::Kind, table::Cell, theatre::Theatre};
use crate::support::engines::{on_each_engine, on_sqlite};

/// Plays the table on fresh databases, one for the faults and one for each jump of the clock.
async fn whole_table() -> Vec<Cell> {
    let cells = Mutex::new(Vec::new());
    on_sqlite(async |bed| {
        let played = table::play(&Theatre::new(&bed.store).await, &Kind::ALL).await;
        cells.lock().unwrap().extend(played);
    })
    .await;
    for hours in Kind::CLOCKS {
        on_sqlite(async |bed| {
            let played = table::jump(&Theatre::new(&bed.store).await, hours).await;
            cells.lock().unwrap().extend(played);
        })
        .await;
    }
    cells.into_inner().unwrap()
}

#[tokio::test]
async fn no_fault_frees_time_and_every_fault_is_told_and_healed() {
    let cells = whole_table().await;
    let report = report::of_cells(&cells);
    println!("{report}");
    let found = breaches(&cells);
    assert!(found.is_empty(), "{}", found.join("\n"));
    report::compare(&report);
}

/// The clock and the listings again where hubs share a database.
#[tokio::test]
async fn a_clock_that_jumps_frees_nothing_on_either_engine() {
    on_each_engine(async |bed| {
        let cells = table::jump(&Theatre::new(&bed.store).await, -6).await;
        let found = breaches(&cells);
        assert!(found.is_empty(), "{}", found.join("\n"));
    })
    .await;
}

/// The control: with the fault put back that an empty or failed listing is believed at once, the same table
/// finds it, for every kind of provider and pull that has something to lose.
#[tokio::test]
async fn the_table_finds_a_hub_that_believes_an_empty_listing() {
    on_sqlite(async |bed| {
        let theatre = Theatre::new(&bed.store).await;
        let kinds = [Kind::EmptyListing, Kind::HalfListing, Kind::LoginPage];
        let drill = Drill::with_bugs(&[Bug::EmptyMeansGone]);
        let cells = drill.run(Box::pin(table::play(&theatre, &kinds))).await.unwrap();
        let freed = |cell: &&Cell| cell.seen.wrong.iter().any(|wrong| wrong.contains("freed"));
        let found: Vec<String> = cells.iter().filter(freed).map(Cell::title).collect();
        for needed in [
            "empty listing / ICS / delta",
            "empty listing / ICS / full",
            "half listing / CalDAV / full",
            "half listing / ICS / full",
            "HTML page with 200 / CalDAV / delta",
            "HTML page with 200 / ICS / full",
        ] {
            assert!(found.iter().any(|title| title == needed), "{needed} is not among {found:?}");
        }
        assert!(!breaches(&cells).is_empty());
    })
    .await;
}
