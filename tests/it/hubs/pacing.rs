//! Politeness: a host sees all hubs of a cell as one client.

use std::time::{Duration, Instant};

use simulators::{Act, Fault};

use super::{
    cell::{Cell, Hub, put},
    site::Site,
};
use crate::support::{engines::postgres_server, hub::until};

/// More than one hub claims at once, so that two always have something to do.
const CALENDARS: i64 = 24;

/// Two hubs and a site of several calendars that all were read once.
async fn two_hubs(drill: &str) -> (Cell, Site, [Hub; 2]) {
    let cell = Cell::open().await.unwrap();
    let site = Site::open().await;
    for n in 0..CALENDARS {
        put(&site.calendar(&format!("c{n}")), &format!("e{n}"), n);
    }
    let one = cell.serve_as(drill, &cell.url).await;
    let two = cell.serve_as(drill, &cell.url).await;
    one.link(&cell, &site).await;
    (cell, site, [one, two])
}

/// The most requests that a host answered at once while both hubs pulled all its calendars twice.
async fn most_at_once(drill: &str) -> usize {
    let (cell, site, hubs) = two_hubs(drill).await;
    site.slow(150);
    site.in_flight.forget();
    for _ in 0..2 {
        cell.nudge().await;
        cell.quiet().await;
    }
    let most = site.in_flight.most();
    drop(hubs);
    cell.close().await;
    most
}

#[tokio::test]
async fn two_hubs_together_hold_one_conversation_with_a_host() {
    if postgres_server().is_some() {
        assert_eq!(most_at_once("").await, 1);
    }
}

/// The host answers nobody until two ask at once: hubs that tell each other nothing surely do. A hub that knows nothing of
/// the other looks at all rows and puts those aside that find it talking already; so all are made due again until
/// the other one has looked.
#[tokio::test]
async fn hubs_that_are_polite_on_their_own_hold_several() {
    if postgres_server().is_none() {
        return;
    }
    let (cell, site, hubs) = two_hubs("bug=pacing_per_process").await;
    site.in_flight.forget();
    site.hold(true);
    until("both hubs to talk to the host", || async {
        cell.nudge().await;
        (site.in_flight.most() > 1).then_some(())
    })
    .await;
    site.hold(false);
    cell.quiet().await;
    assert_eq!(site.in_flight.most(), 2, "each is polite still");
    drop(hubs);
    cell.close().await;
}

const AWAY: Duration = Duration::from_secs(12);

/// How many requests came between a 429 and the instant that it named, with both hubs having much to ask.
async fn too_early(drill: &str) -> usize {
    let (cell, site, [one, mut two]) = two_hubs(drill).await;
    site.world.fault(Fault::new(Act::Status {
        status: 429,
        retry_after_s: Some(AWAY.as_secs()),
        body: String::new(),
    }));
    site.world.clear_log();
    cell.nudge().await;
    until("the 429", || async { (site.requests() > 0).then_some(()) }).await;
    let told = Instant::now();
    // The answer may still be on its way to the one; from then on everybody obeys.
    until("the closure", || async {
        let closed = "SELECT COUNT(*) FROM hosts WHERE closed_until_us IS NOT NULL";
        (cell.sql(closed).await > Some(0)).then_some(())
    })
    .await;
    site.world.clear_faults();
    let before = if drill.is_empty() { site.requests() } else { 1 };
    assert!(before == 1, "both asked at once: {before}");
    cell.nudge().await;
    two.kill();
    let again = cell.serve_as(drill, &cell.url).await;
    // Nor is a person's request passed on.
    let (status, refused) = one.post("/v1/connections", &site.login()).await;
    if drill.is_empty() {
        assert_eq!(status, 422, "{refused}");
        assert_eq!(refused["type"], "urn:calhub:problem:throttled", "{refused}");
        assert!((1..=AWAY.as_secs()).contains(&refused["retry_after"].as_u64().unwrap()));
    }
    // The one that was told is asleep: only the other can ask now.
    one.signal("STOP");
    cell.nudge().await;
    let left = AWAY.saturating_sub(told.elapsed() + Duration::from_millis(200));
    tokio::time::sleep(left).await;
    let early = site.requests() - before;
    one.signal("CONT");
    until("the host to be asked again", || async { (site.requests() > before).then_some(()) })
        .await;
    drop((one, two, again));
    cell.close().await;
    early
}

#[tokio::test]
async fn what_one_hub_was_told_all_obey_also_after_a_restart() {
    if postgres_server().is_some() {
        assert_eq!(too_early("").await, 0);
    }
}

#[tokio::test]
async fn hubs_that_do_not_tell_each_other_ask_too_early() {
    if postgres_server().is_some() {
        assert!(too_early("bug=pacing_per_process").await > 0, "the test cannot see it");
    }
}
