//! The index in memory beside the same question asked of the database's own index.

use std::{hint::black_box, sync::Arc, time::Instant};

use anyhow::{Context, Result, ensure};
use calhub::{
    clock::{Clock, SystemClock, SystemEntropy},
    index::{
        Index, Tail,
        query::{Basis, Question, runs},
    },
    model::{ids::TenantId, interval::Span},
    store::{Options, Store},
};
use jiff::Timestamp;
use tokio::runtime::Runtime;

use crate::{
    Size,
    children::{self, HubOptions},
    report::{Line, Report, figure},
    rules::least,
    seed::{BASE, Database, Seed},
};

const END: &str = "2027-03-31T00:00:00Z";

pub(crate) fn measure(size: Size, runtime: &Runtime, report: &mut Report) -> Result<()> {
    report
        .part("P1 to P3: the index in memory beside the database's index, one core, without HTTP");
    let people: &[usize] = size.pick(&[1, 50, 500], &[1, 5]);
    let dir = tempfile::tempdir()?;
    runtime.block_on(one("SQLite", None, dir.path(), people, size, report))?;
    if let Ok(url) = std::env::var("TEST_POSTGRES_URL") {
        let dir = tempfile::tempdir()?;
        runtime.block_on(one("PostgreSQL", Some(&url), dir.path(), people, size, report))?;
    }
    Ok(())
}

async fn one(
    engine: &str,
    postgres: Option<&str>,
    dir: &std::path::Path,
    people: &[usize],
    size: Size,
    report: &mut Report,
) -> Result<()> {
    let url = match postgres {
        Some(url) => {
            let base = url.rsplit_once('/').map_or(url, |(base, _)| base);
            let mut server = Database::open(url).await?;
            server.run("DROP DATABASE IF EXISTS speed_lookups WITH (FORCE)").await?;
            server.run("CREATE DATABASE speed_lookups").await?;
            format!("{base}/speed_lookups")
        }
        None => format!("sqlite:{}", dir.join("calhub.db").display()),
    };
    let options = HubOptions { dir, database: postgres.map(|_| url.as_str()), cores: None };
    children::hub(options)?.0.stop()?;
    let most = people.iter().copied().max().unwrap_or(1);
    let mut database = Database::open(&url).await?;
    let calendars = (0, u32::try_from(most)?);
    database.seed(Seed { calendars, series: 19, times: 12, days: 30 }).await?;
    let store =
        Store::open(&url, &Options { exclusive: false, ..Options::default() }, &SystemEntropy)
            .await?;
    let index = Arc::new(Index::default());
    Tail::new(store.clone(), Arc::clone(&index), Arc::new(SystemClock)).catch_up().await?;
    let tenant: TenantId = {
        let mut tx = store.read().await?;
        tx.instance().get("tenant.default").await?.context("a tenant")?.parse()?
    };
    let window = Span::clamped(BASE.parse::<Timestamp>()?, END.parse::<Timestamp>()?);
    let now = SystemClock.now();
    let question = Question { window, max_staleness: None, now, is_current: true };
    for &count in people {
        let sql = format!(
            "SELECT calendar_id, start_us, end_us, CAST(class AS BIGINT) FROM busy WHERE tenant_id = '{tenant}' AND calendar_id IN ({}) \
             AND start_us < {} AND end_us > {} ORDER BY calendar_id, start_us",
            (0..count).map(|n| format!("'cal_0198c0000000{n:020}'")).collect::<Vec<_>>().join(","),
            window.end_us(),
            window.start_us()
        );
        let mut stored = f64::MAX;
        for _ in 0..size.pick(7, 1) {
            let began = Instant::now();
            let rows = database.rows(&sql).await?;
            stored = stored.min(began.elapsed().as_secs_f64());
            ensure!(rows == count * 228, "{rows} rows");
        }
        let mut found = 0;
        let ours = least(size.pick(7, 1), size.pick(20, 1), || {
            found = 0;
            for n in 0..count {
                let external_id = format!("person-{n}");
                let basis = index.read(&tenant, |part| {
                    part.resource_by_external_id(&external_id)
                        .map(|resource| Basis::of(part, &resource.links))
                });
                if let Some(basis) = basis.flatten() {
                    runs(&question, black_box(&basis), |run| {
                        black_box(run);
                        found += 1;
                    });
                }
            }
        });
        ensure!(found == count * 228, "{found} intervals");
        report.add(Line {
            name: format!("{count} people x 30 days"),
            limit: format!("{engine}, one statement over its index: {:.3} ms", stored * 1e3),
            ours: format!("{:.4} ms, {}/s", ours * 1e3, figure(1.0 / ours)),
            ratio: format!("{:.0} x", stored / ours),
            target: ">= 10 x",
            met: Some(stored >= 10.0 * ours),
        });
    }
    store.close().await;
    Ok(())
}
