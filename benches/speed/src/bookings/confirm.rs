//! P11: how many bookings a second, and how long one takes at half of that.

use std::{
    sync::atomic::AtomicU64,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde_json::json;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use tokio::runtime::Runtime;

use super::{Engine, platform};
use crate::{
    Size,
    children::{self, HubOptions, SERVER_CORE},
    report::{Line, Report, figure, median},
    seed::{Database, Seed},
};

const RESOURCES: u32 = 500;
const LINES: usize = 32;
/// 2027-03-10, after everything that is seeded.
const FIRST: i64 = 1_804_636_800;

pub(super) fn measure(
    engine: Engine<'_>,
    size: Size,
    runtime: &Runtime,
    report: &mut Report,
) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let url = runtime.block_on(engine.database(dir.path()))?;
    let database = engine.server.map(|_| url.as_str());
    let options = HubOptions { dir: dir.path(), database, cores: Some(SERVER_CORE) };
    children::hub(options)?.0.stop()?;
    runtime.block_on(async {
        let mut database = Database::open(&url).await?;
        let calendars = (0, RESOURCES);
        database.seed(Seed { calendars, series: 1, times: 1, days: 1 }).await?;
        database
            .run("UPDATE resources SET write_to = (SELECT calendar_id FROM resource_calendars AS link WHERE link.tenant_id = resources.tenant_id AND link.resource_id = resources.resource_id)")
            .await
    })?;
    let (hub, _) = children::hub(options)?;
    // What brings bookings into calendars is measured apart.
    let pause = r#"{"provider": "caldav", "writes": true}"#;
    let (status, said) =
        platform::Line::open(hub.address)?.ask("POST", "/v1/ops/pause", None, pause)?;
    ensure!(status == 200, "{status} {said}");
    let next = AtomicU64::new(0);
    let span = |seconds: f64| (Duration::from_secs_f64(seconds), u64::MAX);
    let (warm, long) = size.pick((2.0, 6.0), (0.2, 0.4));
    platform::book(hub.address, LINES, span(warm), None, &next, &wanted)?;
    let (mut limits, mut rates) = (Vec::new(), Vec::new());
    for _ in 0..size.pick(3, 1) {
        limits.push(runtime.block_on(raw(engine, &url, dir.path(), long / 2.0))?);
        rates.push(platform::book(hub.address, LINES, span(long), None, &next, &wanted)?.rate());
    }
    let (limit, rate) = (median(&limits), median(&rates));
    let half =
        platform::book(hub.address, LINES, span(long * 1.5), Some(rate / 2.0), &next, &wanted)?;
    let share = rate / limit;
    let (target, met) = match engine.server {
        Some(_) => (">= 0.1 of the limit", share >= 0.1),
        None => (">= 800/s", rate >= 800.0),
    };
    report.add(Line {
        name: format!("{}: bookings a second", engine.name),
        limit: format!("{}/s", figure(limit)),
        ours: format!("{}/s", figure(rate)),
        ratio: format!("{share:.2}"),
        target,
        met: Some(met),
    });
    let p99 = half.percentile(99.0) * 1e3;
    report.add(Line {
        name: format!("{}: one booking at half load ({}/s)", engine.name, figure(half.rate())),
        limit: "-".to_owned(),
        ours: format!("p50 {} ms, p99 {} ms", figure(half.percentile(50.0) * 1e3), figure(p99)),
        ratio: "-".to_owned(),
        target: if engine.server.is_some() { "p99 <= 15 ms" } else { "-" },
        met: engine.server.map(|_| p99 <= 15.0),
    });
    hub.stop()
}

/// The `nth` half hour that nobody else wants.
fn wanted(nth: u64) -> String {
    let (person, turn) = (nth % u64::from(RESOURCES), nth / u64::from(RESOURCES));
    let start = FIRST + 1_800 * i64::try_from(turn).unwrap_or_default();
    let at = |second| jiff::Timestamp::from_second(second).unwrap_or_default().to_string();
    json!({
        "resources": [format!("ext:person-{person}")], "start": at(start), "end": at(start + 1_800),
        "allow_unverified": true, "max_staleness": "PT240H", "title": "First visit", "external_id": format!("order-{nth}"),
    })
    .to_string()
}

/// Rows that are inserted and committed one by one, a second.
async fn raw(engine: Engine<'_>, url: &str, dir: &std::path::Path, seconds: f64) -> Result<f64> {
    const MAKE: &str = "CREATE TABLE IF NOT EXISTS bare (id TEXT PRIMARY KEY, words TEXT NOT NULL)";
    const INSERT: &str = "INSERT INTO bare VALUES ($1, $2)";
    let ends = Instant::now() + Duration::from_secs_f64(seconds);
    let began = Instant::now();
    if engine.server.is_none() {
        let file = format!("sqlite:{}?mode=rwc", dir.join("bare.db").display());
        let mut connection = SqliteConnection::connect(&file).await?;
        for word in ["PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", MAKE] {
            sqlx::query(word).execute(&mut connection).await?;
        }
        let (began, mut rows) = (Instant::now(), 0);
        while Instant::now() < ends {
            sqlx::query(INSERT)
                .bind(format!("0-{rows}-{ends:?}"))
                .bind("w".repeat(200))
                .execute(&mut connection)
                .await?;
            rows += 1;
        }
        return Ok(rows as f64 / began.elapsed().as_secs_f64());
    }
    sqlx::query(MAKE).execute(&mut PgConnection::connect(url).await?).await?;
    let line = |line: usize| {
        let url = url.to_owned();
        async move {
            let mut connection = PgConnection::connect(&url).await?;
            let mut rows = 0;
            while Instant::now() < ends {
                let id = format!("{line}-{rows}-{ends:?}");
                sqlx::query(INSERT).bind(id).bind("w".repeat(200)).execute(&mut connection).await?;
                rows += 1;
            }
            Ok::<usize, sqlx::Error>(rows)
        }
    };
    let mut all = tokio::task::JoinSet::new();
    for nth in 0..16 {
        all.spawn(line(nth));
    }
    let mut rows = 0;
    for done in all.join_all().await {
        rows += done?;
    }
    Ok(rows as f64 / began.elapsed().as_secs_f64())
}
