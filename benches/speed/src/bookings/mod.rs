//! P11, P7 and the outbox: what a promise costs beside the bare insert and commit that it cannot do without, how fast rows
//! of due work are noted and finished, and how soon an event stands in its calendar.

mod confirm;
mod deliveries;
mod platform;
mod work;

use std::path::Path;

use anyhow::Result;
use tokio::runtime::Runtime;

use crate::{Size, report::Report, seed::Database};

/// One engine, with a database of its own for each measurement.
#[derive(Clone, Copy, Debug)]
struct Engine<'a> {
    name: &'static str,
    server: Option<&'a str>,
}

impl Engine<'_> {
    /// A fresh database: its URL, made in `dir` for SQLite.
    async fn database(self, dir: &Path) -> Result<String> {
        let Some(server) = self.server else {
            return Ok(format!("sqlite:{}", dir.join("calhub.db").display()));
        };
        let base = server.rsplit_once('/').map_or(server, |(base, _)| base);
        let mut database = Database::open(server).await?;
        database.run("DROP DATABASE IF EXISTS speed_bookings WITH (FORCE)").await?;
        database.run("CREATE DATABASE speed_bookings").await?;
        Ok(format!("{base}/speed_bookings"))
    }
}

pub(crate) fn measure(size: Size, runtime: &Runtime, report: &mut Report) -> Result<()> {
    let server = std::env::var("TEST_POSTGRES_URL").ok();
    let mut engines = vec![Engine { name: "SQLite", server: None }];
    if server.is_some() {
        engines.push(Engine { name: "PostgreSQL", server: server.as_deref() });
    }
    report.part(
        "P11: booking over HTTP, each under an Idempotency-Key, against the bare insert and commit",
    );
    for engine in &engines {
        confirm::measure(*engine, size, runtime, report)?;
    }
    report.note("A booking is one transaction that writes: claims, booking, history, outbox, due work, change log and the answer under its key; before it are a look for the key and one at the evidence, after it the index is brought up to it. Every booking is of a resource with a calendar that blocks it and one that it is written to; 500 resources, 32 connections, no two want the same time.");
    report.note("The limit is what this program can insert and commit, one row each time: one connection on SQLite (synchronous=FULL), 16 on PostgreSQL (fsync on). The server has core 0, who asks has core 1, PostgreSQL both.");
    report.note("Writing into calendars is paused by the operator's word, so that each delivery is claimed and put off beside the load; it is measured below. Bookings are allowed unverified; everything that verifies is asked all the same.");
    report.part("P7: rows of due work");
    for engine in &engines {
        work::measure(*engine, size, runtime, report)?;
    }
    report.note("In this process, one connection, one after the other; batches are 100 rows to note and 50 to finish. The limit is the same number of rows inserted into a table of the same shape, committed as often.");
    report.part("The outbox: from a booking to its event in a calendar over CalDAV");
    for engine in &engines {
        deliveries::measure(*engine, size, runtime, report)?;
    }
    report.note("A delivery is a PUT and the reading back of what stands there, with a transaction before and after. Eight hosts on loopback, simulated in this program on core 1; the hub talks to a host one thing at a time.");
    Ok(())
}
