//! P5d and small pulls: the real engine over a provider simulated in this process, into a durable store.

use std::{path::Path, time::Instant};

use anyhow::{Result, ensure};
use calhub::{
    clock::SystemEntropy,
    link::{LinkRequest, Linker},
    store::{Options, Store},
    sync::Login,
};
use simulators::{Calendar, FeedSpec};
use tokio::runtime::Runtime;

use crate::{
    Size,
    reading::{calendar, event},
    report::{Line, Report, figure},
    seed::Database,
    support::{simulated::ORIGIN, stage::Stage},
};

pub(crate) fn measure(size: Size, runtime: &Runtime, report: &mut Report) -> Result<()> {
    report.part("P5d and small pulls: into a durable store, one core");
    let dir = tempfile::tempdir()?;
    let mut urls = vec![("SQLite", format!("sqlite:{}", dir.path().join("pulls.db").display()))];
    if let Ok(url) = std::env::var("TEST_POSTGRES_URL") {
        let base = url.rsplit_once('/').map_or(url.as_str(), |(base, _)| base).to_owned();
        runtime.block_on(async {
            let mut server = Database::open(&url).await?;
            server.run("DROP DATABASE IF EXISTS speed_pulls WITH (FORCE)").await?;
            server.run("CREATE DATABASE speed_pulls").await
        })?;
        urls.push(("PostgreSQL", format!("{base}/speed_pulls")));
    }
    for (engine, url) in urls {
        runtime.block_on(one(engine, &url, dir.path(), size, report))?;
    }
    report.note("The provider is simulated in the same process and on the same core; its own time is part of the figures of whole pulls. SQLite commits with synchronous=FULL; CPU is that of this program, not PostgreSQL's.");
    Ok(())
}

/// What one settling of the engine took: seconds, of which the processor worked for some, requests, items written.
struct Pull {
    seconds: f64,
    cpu: f64,
    requests: usize,
    written: i64,
}

async fn pull(stage: &Stage, database: &mut Database) -> Result<Pull> {
    let before = marks(stage, database).await?;
    stage.world.clear_log();
    stage.pass(std::time::Duration::from_secs(1));
    let all = calhub::sync::Selector::All;
    let by = calhub::audit::By::hub();
    stage.engine.request_sync(&by, &stage.tenant, &all, false).await?;
    let (began, cpu) = (Instant::now(), cpu());
    stage.settle().await;
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), self::cpu() - cpu);
    let requests = stage.world.log().len();
    let written = touched(stage, database, before).await?;
    Ok(Pull { seconds, cpu, requests, written })
}

/// Seconds that this program's threads have worked, the simulated provider's part included.
fn cpu() -> f64 {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return f64::NAN };
    let worked = |thread: std::io::Result<std::fs::DirEntry>| {
        let told = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        told.split(' ').next()?.parse::<f64>().ok()
    };
    threads.filter_map(worked).sum::<f64>() / 1e9
}

/// The time on the stage's clock, in the database's unit.
async fn marks(stage: &Stage, _database: &mut Database) -> Result<i64> {
    Ok(stage.now().as_microsecond())
}

/// Items stored after a mark.
async fn touched(_stage: &Stage, database: &mut Database, after: i64) -> Result<i64> {
    database.number(&format!("SELECT count(*) FROM events WHERE touched_us > {after}")).await
}

async fn one(engine: &str, url: &str, _dir: &Path, size: Size, report: &mut Report) -> Result<()> {
    let events = size.pick(5_000, 60);
    let store = Store::open(url, &Options::default(), &SystemEntropy).await?;
    let mut database = Database::open(url).await?;
    let stage = Stage::new(&store).await;
    let (account, work) = stage.anna();
    for n in 0..events {
        work.put(&name(n), object(n));
    }
    let (began, worked) = (Instant::now(), cpu());
    stage.link(&account).await;
    stage.settle().await;
    let (first, worked) = (began.elapsed().as_secs_f64(), cpu() - worked);
    let stored = database.number("SELECT count(*) FROM events").await?;
    ensure!(stored == i64::try_from(events)?, "{stored} events stored");
    let busy = database.number("SELECT count(*) FROM busy").await?;
    report.add(Line {
        name: format!("{engine}: first pull of {events} events over CalDAV ({busy} intervals)"),
        limit: "-".to_owned(),
        ours: format!(
            "{first:.2} s ({worked:.2} s CPU), {} events/s",
            figure(f64::from(u32::try_from(events)?) / first)
        ),
        ratio: "-".to_owned(),
        target: "-",
        met: None,
    });
    one_change(engine, events, &stage, &work, &mut database, report).await?;
    feed(engine, events, &stage, &mut database, report).await?;
    raw(engine, &store, &stage, &mut database, size, report).await
}

fn name(n: usize) -> String {
    format!("{n:08}.ics")
}

fn object(n: usize) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//speed//EN\r\n{}END:VCALENDAR\r\n",
        event(n)
    )
}

async fn one_change(
    engine: &str,
    events: usize,
    stage: &Stage,
    work: &Calendar,
    database: &mut Database,
    report: &mut Report,
) -> Result<()> {
    let idle = pull(stage, database).await?;
    work.put(
        &name(7),
        object(7).replace("T3000", "T4500").replace("3000\r\nSUMMARY", "4500\r\nSUMMARY"),
    );
    let changed = pull(stage, database).await?;
    ensure!(changed.written == 1, "{} items written for one change", changed.written);
    ensure!(idle.written == 0, "{} items written for none", idle.written);
    report.add(Line {
        name: format!("{engine}: pull of one changed event among {events}, CalDAV"),
        limit: format!(
            "nothing changed: {:.1} ms ({:.1} ms CPU), {} requests",
            idle.seconds * 1e3,
            idle.cpu * 1e3,
            idle.requests
        ),
        ours: format!(
            "{:.1} ms ({:.1} ms CPU), {} requests, {} item written",
            changed.seconds * 1e3,
            changed.cpu * 1e3,
            changed.requests,
            changed.written
        ),
        ratio: format!("{:.2}", idle.seconds / changed.seconds),
        target: "1 item written",
        met: Some(true),
    });
    Ok(())
}

async fn feed(
    engine: &str,
    events: usize,
    stage: &Stage,
    database: &mut Database,
    report: &mut Report,
) -> Result<()> {
    let body = calendar(events);
    let feed = stage.world.add_feed(FeedSpec::new("plan", body.clone()));
    let login = Login::Ics { url: format!("{ORIGIN}{}", feed.path()).into() };
    let asked = LinkRequest { login, access: None, external_id: None, metadata: None };
    let began = Instant::now();
    Linker::new(std::sync::Arc::clone(&stage.engine)).link(&stage.tenant, asked).await?;
    stage.settle().await;
    let first = began.elapsed().as_secs_f64();
    let idle = pull(stage, database).await?;
    feed.set(body.replacen("T073000", "T074500", 1));
    let changed = pull(stage, database).await?;
    ensure!(changed.written == 1, "{} items written for one change of a feed", changed.written);
    feed.set(
        body.replace("DTSTAMP:20260901", "DTSTAMP:20261001").replacen("T073000", "T074500", 1),
    );
    let restamped = pull(stage, database).await?;
    ensure!(restamped.written == 0, "{} items written for a new stamp", restamped.written);
    report.add(Line {
        name: format!("{engine}: a feed of {events} events, {:.1} MB", body.len() as f64 / 1e6),
        limit: format!("not modified: {:.1} ms", idle.seconds * 1e3),
        ours: format!(
            "first {:.2} s; one event changed: {:.0} ms ({:.0} ms CPU), {} item written; only stamps changed: {:.0} ms ({:.0} ms CPU), {} written",
            first,
            changed.seconds * 1e3,
            changed.cpu * 1e3,
            changed.written,
            restamped.seconds * 1e3,
            restamped.cpu * 1e3,
            restamped.written
        ),
        ratio: "-".to_owned(),
        target: "unchanged events write 0 rows",
        met: Some(true),
    });
    Ok(())
}

/// The store's own statements, without a provider: items and their busy time in one transaction.
async fn raw(
    engine: &str,
    store: &Store,
    stage: &Stage,
    database: &mut Database,
    size: Size,
    report: &mut Report,
) -> Result<()> {
    let calendar = stage.calendar("work").await.calendar_id;
    let mut tx = store.read().await?;
    let bodies =
        tx.events().all_bodies(&stage.tenant, &calendar, None, size.pick(5_000, 60)).await?;
    drop(tx);
    let (mut best_new, mut best_same, mut limit) = (0.0_f64, 0.0_f64, 0.0_f64);
    for round in 0..size.pick(4, 1) {
        let mut rows = bodies.clone();
        for row in &mut rows {
            row.item = format!("{}-{round}", row.item);
            row.series = row.item.clone();
        }
        let count = rows.len() as f64;
        for (what, best) in [("new", &mut best_new), ("same", &mut best_same)] {
            let began = Instant::now();
            let mut written = 0;
            for page in rows.chunks(500) {
                let mut tx = store.begin().await?;
                written +=
                    tx.events().upsert_many(&stage.tenant, &calendar, page, stage.now()).await?;
                tx.commit().await?;
            }
            *best = best.max(count / began.elapsed().as_secs_f64());
            let expected = if what == "new" { rows.len() as u64 } else { 0 };
            ensure!(written == expected, "{written} rows written");
        }
        database
            .run("CREATE TABLE IF NOT EXISTS speed_raw (a TEXT, b TEXT, c TEXT, d BIGINT)")
            .await?;
        let values: Vec<String> = rows
            .iter()
            .map(|row| {
                format!(
                    "('{}', '{}', '{}', 1)",
                    row.item,
                    row.series,
                    serde_json::to_string(&row.events).unwrap_or_default().replace('\'', "")
                )
            })
            .collect();
        let began = Instant::now();
        for page in values.chunks(500) {
            database.run(&format!("INSERT INTO speed_raw VALUES {}", page.join(","))).await?;
        }
        limit = limit.max(count / began.elapsed().as_secs_f64());
    }
    report.add(Line {
        name: format!("P5d {engine}: items stored, 500 a transaction"),
        limit: format!("multi-row INSERT into a bare table, not synced: {} rows/s", figure(limit)),
        ours: format!(
            "{} events/s; unchanged ones {} events/s, 0 rows written",
            figure(best_new),
            figure(best_same)
        ),
        ratio: format!("{:.2}", best_new / limit),
        target: ">= 50,000 events/s; unchanged write 0 rows",
        met: Some(best_new >= 50_000.0),
    });
    Ok(())
}
