//! Leases: work passes on when its holder dies, and a holder that was only frozen writes nothing stale.

use std::time::{Duration, Instant};

use super::{
    cell::{Cell, lease, put},
    site::Site,
};

/// Freezes a hub at a place of a pull that has the news of hour 1, while another hub cannot take it instead.
async fn freeze(cell: &Cell, site: &Site, drill: &str, place: &str) -> Frozen {
    let work = site.calendar("work");
    let other = cell.serve().await;
    let resource = other.link(cell, site).await;
    let holder = cell.serve_as(drill, &cell.url).await;
    other.signal("STOP");
    holder.freeze_at(place);
    put(&work, "one", 1);
    cell.nudge().await;
    let since = holder.frozen().await;
    other.signal("CONT");
    Frozen { holder, other, resource, work, since }
}

struct Frozen {
    holder: super::cell::Hub,
    other: super::cell::Hub,
    resource: String,
    work: simulators::Calendar,
    since: Instant,
}

async fn a_killed_hub_is_followed(place: &str) {
    let Some(cell) = Cell::open().await else { return };
    let site = Site::open().await;
    let Frozen { mut holder, other, resource, work, .. } = freeze(&cell, &site, "", place).await;
    holder.kill();
    let killed = Instant::now();
    other.shows(&resource, &[1]).await;
    let took = killed.elapsed();
    println!("killed at {place}: taken over after {took:.1?}, lease {:?}", lease());
    // The lease, the tick of a second, and the pull itself on a machine that does much else.
    assert!(took < lease() + Duration::from_secs(6), "taken over after {took:?}");
    cell.quiet().await;
    put(&work, "two", 3);
    cell.nudge().await;
    other.shows(&resource, &[1, 3]).await;
    cell.quiet().await;
    assert_eq!(cell.told().await, 2, "each change is told once");
    drop((holder, other));
    cell.close().await;
}

#[tokio::test]
async fn the_pull_of_a_killed_hub_is_taken_over_within_the_lease() {
    a_killed_hub_is_followed("page_read").await;
}

#[tokio::test]
async fn a_hub_killed_inside_its_transaction_holds_nobody_up() {
    a_killed_hub_is_followed("end_written").await;
}

/// A holder that is frozen at `place` for ten leases, while others pull what it was to pull, and more.
/// Answers the busy hours that everybody sees in the end, and what is told beyond what happened.
async fn after_a_long_sleep(drill: &str, place: &str) -> (Vec<String>, Vec<String>, i64) {
    let cell = Cell::open().await.unwrap();
    let site = Site::open().await;
    let Frozen { holder, other, resource, work, since } = freeze(&cell, &site, drill, place).await;
    other.shows(&resource, &[1]).await;
    let took = since.elapsed();
    assert!(took < lease() + Duration::from_secs(6), "taken over after {took:?}");
    assert!(work.delete("one.ics"));
    put(&work, "two", 3);
    cell.nudge().await;
    other.shows(&resource, &[3]).await;
    cell.quiet().await;
    let told = cell.told().await;
    tokio::time::sleep((lease() * 10).saturating_sub(since.elapsed())).await;
    holder.signal("CONT");
    holder.ready().await;
    // Whatever it is going to write, it writes before it claims and ends something new.
    let fence = "SELECT SUM(fence)::bigint FROM work WHERE lane = 'pull'";
    let before = cell.sql(fence).await;
    other.signal("STOP");
    cell.nudge().await;
    crate::support::hub::until("the holder to work again", || async {
        (cell.sql(fence).await > before).then_some(())
    })
    .await;
    cell.quiet().await;
    other.signal("CONT");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let seen = (
        other.busy(&resource).await.unwrap_or_default(),
        holder.busy(&resource).await.unwrap_or_default(),
        cell.told().await - told,
    );
    println!(
        "frozen at {place} {drill}: taken over after {took:.1?}, lease {:?}; woken after {:.0?}; {} entries too many",
        lease(),
        since.elapsed(),
        seen.2
    );
    drop((holder, other));
    cell.close().await;
    seen
}

async fn a_frozen_holder_writes_nothing_stale(place: &str) {
    if crate::support::engines::postgres_server().is_none() {
        return;
    }
    let right = vec![super::site::slot(3).to_string()];
    let (other, holder, doubles) = after_a_long_sleep("", place).await;
    assert_eq!((other, holder, doubles), (right.clone(), right, 0));
}

#[tokio::test]
async fn a_holder_frozen_after_its_page_came_writes_nothing_stale() {
    a_frozen_holder_writes_nothing_stale("page_read").await;
}

#[tokio::test]
async fn a_holder_frozen_with_a_page_written_writes_nothing_stale() {
    a_frozen_holder_writes_nothing_stale("page_written").await;
}

#[tokio::test]
async fn a_holder_frozen_after_judging_writes_nothing_stale() {
    a_frozen_holder_writes_nothing_stale("judged").await;
}

#[tokio::test]
async fn a_holder_frozen_with_its_end_written_writes_nothing_stale() {
    a_frozen_holder_writes_nothing_stale("end_written").await;
}

/// The heartbeat usually stops such work before it writes: here it does not, and the fence alone must do.
#[tokio::test]
async fn a_holder_that_does_not_notice_its_loss_writes_nothing_stale() {
    if crate::support::engines::postgres_server().is_none() {
        return;
    }
    let right = vec![super::site::slot(3).to_string()];
    let (other, holder, doubles) = after_a_long_sleep("bug=loss_unnoticed", "page_read").await;
    assert_eq!((other, holder, doubles), (right.clone(), right, 0));
}

#[tokio::test]
async fn without_the_fence_a_frozen_holder_does_write() {
    if crate::support::engines::postgres_server().is_none() {
        return;
    }
    let right = vec![super::site::slot(3).to_string()];
    let (other, _, doubles) = after_a_long_sleep("bug=fence_unchecked", "page_read").await;
    assert!(other != right || doubles > 0, "the test cannot see a stale write");
}

#[tokio::test]
async fn a_hub_that_stops_gives_back_what_it_claimed() {
    let Some(cell) = Cell::open().await else { return };
    let site = Site::open().await;
    for n in 0..6 {
        put(&site.calendar(&format!("c{n}")), &format!("e{n}"), n);
    }
    let mut hub = cell.serve().await;
    hub.link(&cell, &site).await;
    site.slow(300);
    cell.nudge().await;
    crate::support::hub::until("some work", || async {
        let leased = cell.sql("SELECT COUNT(*) FROM work WHERE lease_owner IS NOT NULL").await;
        (leased > Some(0)).then_some(())
    })
    .await;
    hub.stop().await;
    let left = "SELECT (SELECT COUNT(*) FROM work WHERE lease_owner IS NOT NULL) \
                + (SELECT COUNT(*) FROM hosts WHERE busy_until_us IS NOT NULL)";
    assert_eq!(cell.sql(left).await, Some(0), "others may go on at once");
    drop(hub);
    cell.close().await;
}
