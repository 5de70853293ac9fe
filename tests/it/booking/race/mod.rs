//! Many clients want the same time: nobody gets what somebody else has. The controls put the faults back, and find it.
//!
//! `scripts/race` runs the full size; `CALHUB_RACE_ATTEMPTS` and `CALHUB_RACE_SEED` choose another.

mod auditor;
mod client;
mod field;
mod history;
mod mixed;
mod replays;
mod tables;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use calhub::drill::{Bug, Drill};

use self::{
    auditor::{Findings, audit},
    client::{Board, Client},
    field::{DENSE, FLASH, Field, HOT, Mix, WIDE},
    history::History,
    tables::{Tables, drop_the_rule, execute},
};
use crate::support::engines::{Bed, on_postgres, on_sqlite, postgres_server};

const CLIENTS: u64 = 64;
/// How often a control is tried: which client goes first is the machine's choice.
const ROUNDS: usize = 8;

/// A number from the environment, or the size that every run of the tests has.
fn chosen(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// What CI has time for; less where somebody waits.
fn usual() -> u64 {
    if std::env::var("CI").is_ok_and(|ci| ci == "true") { 20_000 } else { 2000 }
}

fn seed() -> u64 {
    chosen("CALHUB_RACE_SEED", 1)
}

/// Lets 64 clients make this many attempts, and answers all that they met.
async fn fight(field: &Arc<Field>, attempts: u64, seed: u64, bugs: &[Bug]) -> History {
    let board = Arc::new(Board::new(attempts));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|nth| {
            let client = Client::new(field, &board, seed, nth);
            let drill = Drill::with_bugs(bugs);
            tokio::spawn(async move { Box::pin(drill.run(client.run())).await.unwrap() })
        })
        .collect();
    let mut history = History::default();
    for client in clients {
        history.add(client.await.unwrap());
    }
    history
}

async fn judged(bed: &Bed, field: &Field, history: &History) -> Findings {
    audit(&Tables::read(bed).await, &history.told, field.now())
}

async fn race(bed: &Bed, mix: Mix) {
    let (attempts, seed) = (chosen("CALHUB_RACE_ATTEMPTS", usual()), seed());
    println!("race {} on {:?}: seed {seed}", mix.name, bed.engine);
    let field = Arc::new(Field::new(bed, mix).await);
    let begun = Instant::now();
    let history = fight(&field, attempts, seed, &[]).await;
    let took = begun.elapsed().as_secs_f64();
    let findings = judged(bed, &field, &history).await;
    let (calls, yes, all) = (history.calls, history.yes, history.attempts);
    let rate = calls as f64 / took;
    println!(
        "race {} on {:?}: {all} attempts in {calls} calls, {took:.1} s, {rate:.0} calls/s, {yes} yes, refused {:?}, \
         errors {:?}, overlaps {}",
        mix.name,
        bed.engine,
        history.refused,
        history.errors,
        findings.overlaps()
    );
    findings.assert_none();
    assert_eq!(history.robbed, 0, "a hold that lives lost its time");
    assert!(history.errors.is_empty(), "{:?}", history.errors);
    assert!(yes > all / 100 && history.refused.contains_key("slot taken"), "nobody fought");
    if let Ok(field) = Arc::try_unwrap(field) {
        field.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_booked_twice_where_few_are_wanted_by_all_on_sqlite() {
    on_sqlite(async |bed| race(bed, HOT).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_booked_twice_where_few_are_wanted_by_all_on_postgres() {
    on_postgres(async |bed| race(bed, HOT).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_booked_twice_among_a_thousand_on_sqlite() {
    on_sqlite(async |bed| race(bed, WIDE).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_booked_twice_among_a_thousand_on_postgres() {
    on_postgres(async |bed| race(bed, WIDE).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_booked_twice_in_a_flash_sale_on_sqlite() {
    on_sqlite(async |bed| race(bed, FLASH).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_booked_twice_in_a_flash_sale_on_postgres() {
    on_postgres(async |bed| race(bed, FLASH).await).await;
}

/// What the auditor finds where these faults are back and the database has no rule.
async fn without_rule(bed: &Bed, mix: Mix, bugs: &[Bug], attempts: u64) -> Findings {
    drop_the_rule(bed).await;
    let field = Arc::new(Field::new(bed, mix).await);
    let begun = Instant::now();
    let history = fight(&field, attempts, seed(), bugs).await;
    let findings = judged(bed, &field, &history).await;
    println!(
        "race without rule on {:?}, {bugs:?}: {attempts} attempts, {:.1} s, {} claims overlap, {} told twice",
        bed.engine,
        begun.elapsed().as_secs_f64(),
        findings.overlapping_claims,
        findings.told_twice
    );
    findings
}

/// Whether the auditor finds overlaps without rule, lock and check in one transaction.
async fn finds_overlaps(bed: &Bed) -> bool {
    let bugs = [Bug::CheckedApart, Bug::ClaimUnlocked];
    let findings = without_rule(bed, DENSE, &bugs, 500).await;
    findings.overlapping_claims > 0 && findings.told_twice > 0
}

#[tokio::test(flavor = "multi_thread")]
async fn without_rule_and_lock_the_auditor_finds_overlaps() {
    let found = AtomicBool::new(false);
    let control = async |bed: &Bed| {
        found.fetch_or(finds_overlaps(bed).await, Ordering::Relaxed);
    };
    let mut rounds = 0..ROUNDS;
    while !found.load(Ordering::Relaxed) {
        assert!(rounds.next().is_some(), "SQLite: nothing was found");
        on_sqlite(&control).await;
    }
    found.store(postgres_server().is_none(), Ordering::Relaxed);
    let mut rounds = 0..ROUNDS;
    while !found.load(Ordering::Relaxed) {
        assert!(rounds.next().is_some(), "PostgreSQL: nothing was found");
        on_postgres(&control).await;
    }
}

/// The locks alone are enough, and so is the rule alone: one may fail without harm.
#[tokio::test(flavor = "multi_thread")]
async fn the_locks_hold_without_the_rule_and_the_rule_without_the_locks() {
    on_postgres(async |bed| {
        let field = Arc::new(Field::new(bed, DENSE).await);
        let history = fight(&field, 1000, seed(), &[Bug::ClaimUnlocked]).await;
        let findings = judged(bed, &field, &history).await;
        println!(
            "race without locks: {} overlaps, errors {:?}",
            findings.overlaps(),
            history.errors
        );
        assert_eq!(findings.overlaps(), 0, "{findings:?}");
    })
    .await;
    let locks_alone = async |bed: &Bed| without_rule(bed, DENSE, &[], 1000).await.assert_none();
    on_sqlite(&locks_alone).await;
    on_postgres(&locks_alone).await;
}

/// A server may have been told to run everything in one snapshot: what is read under a lock would come from before it.
#[tokio::test(flavor = "multi_thread")]
async fn the_servers_own_isolation_level_is_not_relied_on() {
    const ONE_SNAPSHOT: &str = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET \
        default_transaction_isolation = ''repeatable read''', current_database()); END $$";
    on_postgres(async |bed| {
        execute(bed, ONE_SNAPSHOT).await;
        let bed = Bed { store: bed.open_again().await, engine: bed.engine, url: bed.url.clone() };
        let field = Arc::new(Field::new(&bed, FLASH).await);
        let history = fight(&field, 500, seed(), &[]).await;
        judged(&bed, &field, &history).await.assert_none();
        assert!(history.errors.is_empty(), "{:?}", history.errors);
        bed.store.close().await;
    })
    .await;
}
