//! P10: ten times the calendars must cost ten times, not more; and a hub that restarts must soon be ready.

use std::fs;

use anyhow::Result;
use tokio::runtime::Runtime;

use crate::{
    Size,
    children::{self, HubOptions},
    report::{Line, Report, figure},
    seed::{Database, Seed},
};

pub(crate) fn measure(size: Size, runtime: &Runtime, report: &mut Report) -> Result<()> {
    report.part("P10: growth and restart, 600 intervals a calendar in 90 days, both cores");
    let sqlite: &[u32] = size.pick(&[1_000, 10_000, 100_000], &[50, 200]);
    decades(sqlite, None, runtime, report)?;
    match std::env::var("TEST_POSTGRES_URL") {
        Ok(url) => decades(size.pick(&[1_000, 10_000], &[50, 200]), Some(&url), runtime, report)?,
        Err(_) => report.note("No TEST_POSTGRES_URL: PostgreSQL is left out."),
    }
    report.note("Busy rows are written straight into the database; ready means that /readyz answers 200, which it does when the index is loaded.");
    report.note("CPU is the hub's alone; PostgreSQL's own is not in it.");
    Ok(())
}

/// What a decade cost, a calendar.
struct Cost {
    calendars: f64,
    cpu: f64,
    memory: f64,
    disk: f64,
}

fn decades(
    sizes: &[u32],
    postgres: Option<&str>,
    runtime: &Runtime,
    report: &mut Report,
) -> Result<()> {
    let engine = if postgres.is_some() { "PostgreSQL" } else { "SQLite" };
    let dir = tempfile::tempdir()?;
    let url = match postgres {
        Some(url) => {
            let base = url.rsplit_once('/').map_or(url, |(base, _)| base);
            runtime.block_on(async {
                let mut server = Database::open(url).await?;
                server.run("DROP DATABASE IF EXISTS speed WITH (FORCE)").await?;
                server.run("CREATE DATABASE speed").await
            })?;
            format!("{base}/speed")
        }
        None => format!("sqlite:{}", dir.path().join("calhub.db").display()),
    };
    let options =
        HubOptions { dir: dir.path(), database: postgres.map(|_| url.as_str()), cores: None };
    children::hub(options)?.0.stop()?;
    let (mut from, mut before): (u32, Option<Cost>) = (0, None);
    for &to in sizes {
        let seed = Seed { calendars: (from, to), series: 20, times: 30, days: 90 };
        runtime.block_on(async { Database::open(&url).await?.seed(seed).await })?;
        from = to;
        let disk = match postgres {
            None => fs::metadata(dir.path().join("calhub.db"))?.len() as f64,
            Some(_) => runtime.block_on(async {
                let mut server = Database::open(&url).await?;
                anyhow::Ok(server.number("SELECT pg_database_size('speed')").await? as f64)
            })?,
        };
        let mut best = f64::MAX;
        let mut cost = None;
        for _ in 0..if to > 20_000 { 2 } else { 3 } {
            let (hub, took) = children::hub(options)?;
            if took.as_secs_f64() < best {
                best = took.as_secs_f64();
                let n = f64::from(to);
                let (memory, _) = hub.memory();
                cost = Some((
                    Cost { calendars: n, cpu: hub.cpu() / n, memory: memory / n, disk: disk / n },
                    hub.memory(),
                ));
            }
            hub.stop()?;
        }
        let Some((cost, (resident, most))) = cost else { continue };
        let ratio = before.as_ref().map_or("-".to_owned(), |before| {
            format!(
                "a calendar, to a tenth: CPU {:.2}, memory {:.2}, disk {:.2}",
                cost.cpu / before.cpu,
                cost.memory / before.memory,
                cost.disk / before.disk
            )
        });
        let is_linear = before.as_ref().is_none_or(|before| {
            cost.cpu <= 1.3 * before.cpu
                && cost.memory <= 1.3 * before.memory
                && cost.disk <= 1.3 * before.disk
        });
        report.add(Line {
            name: format!("{engine}, {} calendars, {} M busy rows", figure(cost.calendars), figure(cost.calendars * 600.0 / 1e6)),
            limit: "linear".to_owned(),
            ours: format!(
                "ready after {:.2} s; {:.0} µs CPU, {:.1} KB in memory, {:.1} KB on disk a calendar; {:.0} MB resident ({:.0} MB at most)",
                best, cost.cpu * 1e6, cost.memory / 1e3, cost.disk / 1e3, resident / 1e6, most / 1e6
            ),
            ratio,
            target: if to >= 100_000 { "each within 1.3 x a calendar; ready <= 10 s" } else { "each within 1.3 x a calendar" },
            met: Some(is_linear && (to < 100_000 || best <= 10.0)),
        });
        before = Some(cost);
    }
    Ok(())
}
