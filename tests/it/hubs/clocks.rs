//! Machines whose clocks are five minutes off, either way: nobody is asked too early, nothing waits too long, and
//! an answer tells its true age. The hubs go by the database's clock; where each goes by its own, all of it fails.

use std::time::{Duration, Instant};

use simulators::{Act, Fault};

use super::{
    cell::{Cell, Hub, NOW, put},
    site::Site,
};
use crate::support::{engines::postgres_server, hub::until};

const OFF: i64 = 300;
const AWAY: Duration = Duration::from_secs(8);
const CONTROL: &str = "bug=own_clock";

async fn serve(cell: &Cell, skew: i64, drill: &str) -> Hub {
    let drills = [format!("skew={skew}"), drill.to_owned()];
    let drills: Vec<String> = drills.into_iter().filter(|part| !part.is_empty()).collect();
    cell.serve_as(&drills.join(","), &cell.url).await
}

/// A host sends away a hub whose clock is behind, with another beside it whose clock is ahead. Answers how many
/// requests came before the time, and how long after it the next one came.
async fn too_early(drill: &str) -> (usize, Duration) {
    let cell = Cell::open().await.unwrap();
    let site = Site::open().await;
    put(&site.calendar("work"), "one", 1);
    let behind = serve(&cell, -OFF, drill).await;
    behind.link(&cell, &site).await;
    let ahead = serve(&cell, OFF, drill).await;
    ahead.signal("STOP");
    site.world.fault(Fault::new(Act::Status {
        status: 429,
        retry_after_s: Some(AWAY.as_secs()),
        body: String::new(),
    }));
    site.world.clear_log();
    // Due for everybody, whatever the clock.
    let long_ago = Duration::from_secs(3_600);
    cell.nudge_since(long_ago).await;
    until("the 429", || async { (site.requests() > 0).then_some(()) }).await;
    let told = Instant::now();
    until("the refusal to be noted", || async {
        let noted = "SELECT COUNT(*) FROM work WHERE last_error = 'throttled'";
        (cell.sql(noted).await > Some(0)).then_some(())
    })
    .await;
    site.world.clear_faults();
    let before = site.requests();
    cell.nudge_since(long_ago).await;
    ahead.signal("CONT");
    let left = AWAY.saturating_sub(told.elapsed() + Duration::from_millis(200));
    tokio::time::sleep(left).await;
    let early = site.requests() - before;
    until("the host to be asked again", || async { (site.requests() > before).then_some(()) })
        .await;
    let late = told.elapsed().saturating_sub(AWAY);
    drop((behind, ahead));
    cell.close().await;
    (early, late)
}

#[tokio::test]
async fn what_a_host_asked_for_is_kept_by_hubs_that_disagree_about_the_time() {
    if postgres_server().is_some() {
        let (early, late) = too_early("").await;
        assert_eq!(early, 0);
        assert!(late < Duration::from_secs(10), "asked again only {late:?} after the time");
    }
}

#[tokio::test]
async fn hubs_that_go_by_their_own_clocks_ask_too_early() {
    if postgres_server().is_some() {
        assert!(too_early(CONTROL).await.0 > 0, "the test cannot see it");
    }
}

/// What a hub whose clock is off makes of a calendar.
struct Kept {
    /// Whether the calendar was read within ten seconds of being due.
    is_read: bool,
    /// In how many seconds it is due again, by the database's clock.
    due: i64,
    /// How old its busy time is by the words of a hub whose clock is right, in seconds.
    age: f64,
}

async fn kept(skew: i64, drill: &str) -> Kept {
    let cell = Cell::open().await.unwrap();
    let site = Site::open().await;
    let work = site.calendar("work");
    let right = cell.serve().await;
    let resource = right.link(&cell, &site).await;
    let off = serve(&cell, skew, drill).await;
    right.signal("STOP");
    put(&work, "one", 1);
    site.world.clear_log();
    cell.nudge().await;
    let began = Instant::now();
    while site.requests() == 0 && began.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let is_read = site.requests() > 0;
    if !is_read {
        cell.nudge_since(Duration::from_secs(3_600)).await;
        until("the pull", || async { (site.requests() > 0).then_some(()) }).await;
    }
    cell.quiet().await;
    let due = format!("SELECT (MIN(due_us) - {NOW}) / 1000000 FROM work WHERE lane = 'pull'");
    let due = cell.sql(&due).await.unwrap();
    right.signal("CONT");
    right.shows(&resource, &[1]).await;
    let age = right.age(&resource).await;
    drop((right, off));
    cell.close().await;
    Kept { is_read, due, age }
}

#[tokio::test]
async fn a_hub_whose_clock_is_off_reads_in_time_and_tells_the_true_age() {
    if postgres_server().is_none() {
        return;
    }
    for skew in [-OFF, OFF] {
        let Kept { is_read, due, age } = kept(skew, "").await;
        assert!(is_read, "skew {skew}: the calendar waits");
        // A quarter of an hour, 8 to 15 % early.
        assert!((740..=830).contains(&due), "skew {skew}: due again in {due} s");
        assert!((0.0..20.0).contains(&age), "skew {skew}: {age} s old");
    }
}

#[tokio::test]
async fn a_hub_behind_that_goes_by_its_own_clock_lets_calendars_wait() {
    if postgres_server().is_some() {
        let Kept { is_read, due, age } = kept(-OFF, CONTROL).await;
        assert!(!is_read && due < 700 && age > 250.0, "the test cannot see it: {due} {age}");
    }
}

#[tokio::test]
async fn a_hub_ahead_that_goes_by_its_own_clock_makes_old_busy_time_look_fresh() {
    if postgres_server().is_some() {
        let Kept { due, age, .. } = kept(OFF, CONTROL).await;
        assert!(due > 1_000 && age < 1.0, "the test cannot see it: {due} {age}");
    }
}
