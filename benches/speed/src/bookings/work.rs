//! P7: rows of due work, noted and finished.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use calhub::{
    clock::SystemEntropy,
    store::{Claiming, Options, Share, Store},
};
use tokio::runtime::Runtime;

use super::Engine;
use crate::{
    Size,
    report::{Line, Report, figure},
    seed::Database,
    support::stage::Stage,
};

const LANE: &str = "clash";

pub(super) fn measure(
    engine: Engine<'_>,
    size: Size,
    runtime: &Runtime,
    report: &mut Report,
) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let url = runtime.block_on(engine.database(dir.path()))?;
    runtime.block_on(async {
        let store = Store::open(&url, &Options::default(), &SystemEntropy).await?;
        let stage = Stage::new(&store).await;
        let mut database = Database::open(&url).await?;
        if engine.server.is_none() {
            database.run("PRAGMA synchronous = FULL").await?;
        }
        database
            .run("CREATE TABLE bare (tenant_id TEXT, lane TEXT, subject TEXT, due_us BIGINT, PRIMARY KEY (tenant_id, lane, subject))")
            .await?;
        let (single, many) = size.pick((2_000, 20_000), (50, 200));
        enqueue(engine, (single, 1), &stage, &mut database, report).await?;
        finish(engine, (single, 1), &stage, report).await?;
        enqueue(engine, (many, 100), &stage, &mut database, report).await?;
        finish(engine, (many, 50), &stage, report).await?;
        store.close().await;
        Ok(())
    })
}

async fn enqueue(
    engine: Engine<'_>,
    (rows, batch): (usize, usize),
    stage: &Stage,
    database: &mut Database,
    report: &mut Report,
) -> Result<()> {
    let began = Instant::now();
    for at in (0..rows).step_by(batch) {
        database.run("BEGIN").await?;
        for n in at..rows.min(at + batch) {
            let row =
                format!("INSERT INTO bare VALUES ('ten', 'lane {batch}', 'subject {n}', {n})");
            database.run(&row).await?;
        }
        database.run("COMMIT").await?;
    }
    let limit = rows as f64 / began.elapsed().as_secs_f64();
    let began = Instant::now();
    for at in (0..rows).step_by(batch) {
        let mut tx = stage.store.begin().await?;
        for n in at..rows.min(at + batch) {
            let subject = format!("subject {n}");
            tx.work().nudge(&stage.tenant, LANE, &subject, None, stage.now()).await?;
        }
        tx.commit().await?;
    }
    let ours = rows as f64 / began.elapsed().as_secs_f64();
    let share = ours / limit;
    report.add(Line {
        name: format!("{}: note {rows} rows, {batch} a transaction", engine.name),
        limit: format!("{}/s", figure(limit)),
        ours: format!("{}/s", figure(ours)),
        ratio: format!("{share:.2}"),
        target: ">= 0.7 of the limit",
        met: Some(share >= 0.7),
    });
    Ok(())
}

async fn finish(
    engine: Engine<'_>,
    (rows, batch): (usize, usize),
    stage: &Stage,
    report: &mut Report,
) -> Result<()> {
    let began = Instant::now();
    let mut done = 0;
    loop {
        let mut tx = stage.store.begin().await?;
        let owner = format!("bench {done}");
        let ask = Claiming {
            share: Share::All,
            owner: &owner,
            limit: i64::try_from(batch)?,
            lease: Duration::from_secs(30),
            now: stage.now(),
            last: "",
        };
        let claimed = tx.work().claim(LANE, &ask).await?;
        tx.commit().await?;
        if claimed.is_empty() {
            break;
        }
        let mut tx = stage.store.begin().await?;
        for row in &claimed {
            ensure!(tx.work().finish(row, None, None).await?, "a row that was claimed is not ours");
            done += 1;
        }
        tx.commit().await?;
    }
    ensure!(done == rows, "{done} of {rows} rows");
    let ours = rows as f64 / began.elapsed().as_secs_f64();
    report.add(Line {
        name: format!("{}: claim and finish {rows} rows, {batch} a transaction", engine.name),
        limit: "-".to_owned(),
        ours: format!("{}/s", figure(ours)),
        ratio: "-".to_owned(),
        target: if batch > 1 { ">= 5,000/s" } else { "-" },
        met: (batch > 1).then_some(ours >= 5_000.0),
    });
    Ok(())
}
