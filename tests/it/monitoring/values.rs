//! The numbers are right after scripted events.

use std::time::Duration;

use calhub::sync::Lane;
use simulators::{AccountSpec, Act, CalendarSpec, Fault};

use super::room::Room;
use crate::support::{
    engines::{on_each_engine, on_sqlite},
    stage::{event, hour_event},
};

#[tokio::test]
async fn calendars_and_connections_are_counted_by_what_answers_say_of_them() {
    on_each_engine(async |bed| {
        let room = Room::new(&bed.store).await;
        let anna = room.world.add_account(AccountSpec::new("anna", "right"));
        let work = anna.add_calendar(CalendarSpec::new("work"));
        anna.add_calendar(CalendarSpec::new("home"));
        for n in 0..12 {
            work.put(&format!("{n}.ics"), hour_event(&n.to_string(), 10 + n, 9));
        }
        room.link(&anna).await;
        let found = room.read().await;
        assert_eq!(found.of("calhub_calendars{state=\"never_synced\"}"), 2.0);
        assert_eq!(found.of("calhub_connections{provider=\"caldav\",state=\"syncing\"}"), 1.0);
        assert_eq!(found.of("calhub_work_rows{lane=\"pull\",state=\"ready\"}"), 2.0);
        assert_eq!(found.of("calhub_work_overdue_seconds{lane=\"pull\"}"), 5.0);

        room.settle().await;
        let found = room.read().await;
        assert_eq!(found.of("calhub_calendars{state=\"fresh\"}"), 2.0);
        assert_eq!(found.of("calhub_calendars{state=\"never_synced\"}"), 0.0);
        assert_eq!(found.of("calhub_connections{provider=\"caldav\",state=\"healthy\"}"), 1.0);
        assert_eq!(found.of("calhub_pulls_total{outcome=\"ok\",provider=\"caldav\"}"), 2.0);
        assert_eq!(found.of("calhub_index_intervals"), 12.0);
        assert_eq!(found.of("calhub_calendar_age_seconds_count"), 2.0);
        assert_eq!(found.of("calhub_calendar_age_seconds_bucket{le=\"60\"}"), 2.0);
        assert_eq!(found.of("calhub_calendar_oldest_age_seconds"), 5.0);
        assert_eq!(found.of("calhub_ready"), 1.0);

        // Nothing answers: busy time ages, and turns stale after 20 minutes.
        room.world.fault(Fault::new(Act::DropBefore));
        room.live(40).await;
        let found = room.read().await;
        assert_eq!(found.of("calhub_calendars{state=\"stale\"}"), 2.0);
        assert_eq!(found.of("calhub_calendar_age_seconds_bucket{le=\"1200\"}"), 0.0);
        assert_eq!(found.of("calhub_calendar_age_seconds_bucket{le=\"3600\"}"), 2.0);
        assert_eq!(found.of("calhub_calendars_failing{code=\"unavailable\"}"), 2.0);
        assert!(found.of("calhub_pulls_total{outcome=\"unavailable\",provider=\"caldav\"}") >= 4.0);

        // The password is revoked: nothing is stale any more, it is the login.
        room.world.clear_faults();
        anna.revoke_password();
        room.live(20).await;
        let found = room.read().await;
        assert_eq!(found.of("calhub_calendars{state=\"needs_reauth\"}"), 2.0);
        assert_eq!(found.of("calhub_connections{provider=\"caldav\",state=\"needs_reauth\"}"), 1.0);
        assert_eq!(
            found.of("calhub_connections_failing{code=\"unauthorized\",provider=\"caldav\"}"),
            1.0
        );
        assert_eq!(found.of("calhub_calendar_age_seconds_count"), 0.0, "a broken login is not age");
    })
    .await;
}

#[tokio::test]
async fn what_is_held_back_or_not_understood_is_counted() {
    on_each_engine(async |bed| {
        let room = Room::new(&bed.store).await;
        let anna = room.world.add_account(AccountSpec::new("anna", "right"));
        let work = anna.add_calendar(CalendarSpec::new("work"));
        for n in 0..12 {
            work.put(&format!("{n}.ics"), hour_event(&n.to_string(), 10 + n, 9));
        }
        let mad = "DTSTART:20270301T090000Z\nDTEND:20270301T090001Z\nRRULE:FREQ=FORTNIGHTLY";
        work.put("mad.ics", event("mad", mad));
        room.link(&anna).await;
        room.settle().await;
        let found = room.read().await;
        assert_eq!(found.of("calhub_unexpandable_spans"), 1.0);
        assert_eq!(found.of("calhub_quarantined_calendars"), 0.0);
        for n in 0..8 {
            work.delete(&format!("{n}.ics"));
        }
        room.pass(17 * 60);
        room.settle().await;
        let found = room.read().await;
        assert_eq!(found.of("calhub_quarantined_calendars"), 1.0);
        assert_eq!(found.of("calhub_quarantine_held_intervals"), 8.0);
        assert_eq!(found.of("calhub_calendars{state=\"quarantined\"}"), 1.0);
        assert_eq!(
            found.of("calhub_pulls_total{outcome=\"quarantined\",provider=\"caldav\"}"),
            1.0
        );
    })
    .await;
}

#[tokio::test]
async fn a_host_that_asks_for_room_is_told_until_when() {
    on_sqlite(async |bed| {
        let room = Room::new(&bed.store).await;
        let anna = room.world.add_account(AccountSpec::new("anna", "right"));
        anna.add_calendar(CalendarSpec::new("work"));
        room.link(&anna).await;
        room.settle().await;
        assert_eq!(room.read().await.of("calhub_throttled_hosts"), 0.0);
        let busy = Act::Status { status: 429, retry_after_s: Some(3600), body: String::new() };
        room.world.fault(Fault::new(busy));
        room.pass(17 * 60);
        room.settle().await;
        let asked = jiff_second(&room);
        let found = room.read().await;
        assert_eq!(found.of("calhub_throttled_hosts"), 1.0);
        assert_eq!(found.of("calhub_throttled_until_timestamp_seconds"), asked + 3600.0);
        room.world.clear_faults();
        room.live(120).await;
        assert_eq!(room.read().await.of("calhub_throttled_hosts"), 0.0);
    })
    .await;
}

fn jiff_second(room: &Room) -> f64 {
    use calhub::clock::Clock;
    room.clock.now().as_second() as f64
}

#[tokio::test]
async fn work_that_somebody_never_ended_is_counted_when_it_is_taken_over() {
    on_each_engine(async |bed| {
        let room = Room::new(&bed.store).await;
        let anna = room.world.add_account(AccountSpec::new("anna", "right"));
        anna.add_calendar(CalendarSpec::new("work"));
        room.link(&anna).await;
        let found = room.read().await;
        assert_eq!(found.of("calhub_work_leases_taken_over_total{lane=\"pull\"}"), 0.0);
        // Another hub claims the pull and is never heard of again.
        let mut tx = bed.store.begin().await.unwrap();
        let now = calhub::clock::Clock::now(&room.clock);
        // On PostgreSQL leases go by the database's clock, which nobody moves here: this one is over at once.
        let lease = Duration::ZERO;
        let ask = calhub::store::Claiming {
            share: calhub::store::Share::All,
            owner: "gone",
            limit: 8,
            lease,
            now,
            last: "",
        };
        let lost = tx.work().claim(Lane::Pull.as_str(), &ask).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(lost.len(), 1);
        room.settle().await;
        let found = room.read().await;
        assert_eq!(found.of("calhub_work_leases_taken_over_total{lane=\"pull\"}"), 1.0);
        assert_eq!(found.of("calhub_work_rows{lane=\"pull\",state=\"leased\"}"), 0.0);
        assert_eq!(found.of("calhub_calendars{state=\"fresh\"}"), 1.0);
    })
    .await;
}

/// The provider's own count is the witness.
#[tokio::test]
async fn a_day_of_requests_a_calendar_is_what_the_provider_saw() {
    on_sqlite(async |bed| {
        let room = Room::new(&bed.store).await;
        let anna = room.world.add_account(AccountSpec::new("anna", "right"));
        for name in ["work", "home", "club"] {
            anna.add_calendar(CalendarSpec::new(name));
        }
        room.link(&anna).await;
        room.settle().await;
        // From midnight to midnight, so that yesterday is one whole day.
        room.live(16 * 60).await;
        room.world.clear_log();
        room.live(24 * 60).await;
        let seen = room.world.log().len() as f64;
        let found = room.read().await;
        let tenant = room.tenant.as_str();
        let of = |quantile: &str| {
            found.of(&format!(
                "calhub_calendar_requests_per_day{{provider=\"caldav\",quantile=\"{quantile}\",tenant=\"{tenant}\"}}"
            ))
        };
        let each = seen / 3.0;
        assert!((of("0.5") - each).abs() <= each * 0.05, "{} against {each}", of("0.5"));
        assert!(of("0.95") >= of("0.5"));
        let bar = found.of(
            "calhub_calendar_requests_per_day_budget{provider=\"caldav\",quantile=\"0.5\"}",
        );
        assert!(of("0.5") < bar, "{} requests a day, {bar} allowed", of("0.5"));
        assert_eq!(
            found.of("calhub_calendar_requests_per_day_budget{provider=\"google\",quantile=\"0.95\"}"),
            40.0
        );
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_gone_is_a_number_and_no_error() {
    on_sqlite(async |bed| {
        let room = Room::new(&bed.store).await;
        let found = room.read().await;
        assert_eq!(found.of("calhub_database_up"), 1.0);
        assert!(found.of("calhub_database_size_bytes") > 10_000.0);
        bed.store.close().await;
        room.pass(5);
        let found = super::room::parse(&room.page("/metrics").await);
        assert_eq!(found.of("calhub_database_up"), 0.0);
        assert_eq!(found.of("calhub_ready"), 0.0);
        assert!(found.of("calhub_index_lag_seconds") > 3.0);
    })
    .await;
}
