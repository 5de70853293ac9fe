//! What a person does in their calendar arrives, once, and nothing else is fetched.

use std::time::Duration;

use calhub::{
    clock::Clock,
    store::{Claiming, Share},
    sync::Selector,
};
use simulators::{AccountSpec, CalendarSpec};

use crate::support::{
    engines::on_each_engine,
    stage::{Stage, event, hour, hour_event},
};

#[tokio::test]
async fn a_linked_account_is_read_and_its_edits_follow() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, work) = stage.anna();
        work.put("a.ics", hour_event("a", 2, 9));
        work.put("b.ics", hour_event("b", 2, 14));
        let connection = stage.link(&account).await;
        stage.settle().await;
        let id = stage.calendar("work").await.calendar_id;
        assert_eq!(stage.busy(&id).await, [hour(2, 9), hour(2, 14)]);
        assert_eq!(stage.state(&connection).await.as_str(), "healthy");

        work.put("a.ics", hour_event("a", 2, 10));
        work.delete("b.ics");
        work.put("c.ics", hour_event("c", 5, 8));
        stage.sync().await;
        assert_eq!(stage.busy(&id).await, [hour(2, 10), hour(5, 8)]);
        let kinds = stage.kinds().await;
        assert_eq!(
            kinds,
            [
                "busy.changed",
                "calendar.ready",
                "connection.healthy",
                "busy.changed",
                "busy.changed"
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn a_moved_occurrence_moves_alone() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, work) = stage.anna();
        let series = "DTSTART:20270302T090000Z\nDTEND:20270302T100000Z\nRRULE:FREQ=DAILY;COUNT=3";
        work.put("s.ics", event("s", series));
        stage.link(&account).await;
        stage.settle().await;
        let id = stage.calendar("work").await.calendar_id;
        assert_eq!(stage.busy(&id).await, [hour(2, 9), hour(3, 9), hour(4, 9)]);
        let moved = "BEGIN:VEVENT\r\nUID:s\r\nDTSTAMP:20270101T000000Z\r\nRECURRENCE-ID:20270303T090000Z\r\n\
                     DTSTART:20270303T150000Z\r\nDTEND:20270303T160000Z\r\nEND:VEVENT\r\nEND:VCALENDAR";
        work.edit_event("s.ics", |text| text.replace("END:VCALENDAR", moved)).unwrap();
        stage.sync().await;
        assert_eq!(stage.busy(&id).await, [hour(2, 9), hour(3, 15), hour(4, 9)]);
    })
    .await;
}

#[tokio::test]
async fn a_new_calendar_of_another_client_is_read_with_the_next_round() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let account = stage.world.add_account(AccountSpec::new("anna", "right"));
        stage.link(&account).await;
        stage.settle().await;
        assert!(stage.calendars().await.is_empty());
        let home = account.add_calendar(CalendarSpec::new("home"));
        home.put("h.ics", hour_event("h", 3, 18));
        stage.sync().await;
        let id = stage.calendar("home").await.calendar_id;
        assert_eq!(stage.busy(&id).await, [hour(3, 18)]);
    })
    .await;
}

#[tokio::test]
async fn nothing_unchanged_is_fetched_again() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, work) = stage.anna();
        for n in 0..40 {
            work.put(&format!("{n}.ics"), hour_event(&n.to_string(), 1 + n % 28, 9));
        }
        stage.link(&account).await;
        stage.settle().await;
        // The second poll lists everything once more, and fetches nothing.
        stage.world.clear_log();
        stage.pass_and_settle(17).await;
        assert!(
            stage
                .world
                .log()
                .iter()
                .all(|entry| entry.report.as_deref() != Some("calendar-multiget"))
        );
        stage.world.clear_log();
        let before = stage.changes().await.len();
        stage.pass_and_settle(17).await;
        let log = stage.world.log();
        assert_eq!(log.len(), 1, "one request a quiet poll: {log:#?}");
        assert!(log[0].bytes_out < 1_000, "{}", log[0].bytes_out);
        assert_eq!(stage.changes().await.len(), before, "nothing to tell");

        work.put("7.ics", hour_event("7", 8, 11));
        stage.world.clear_log();
        stage.pass_and_settle(17).await;
        let fetched = stage.world.count(|entry| {
            entry.method == "GET" || entry.report.as_deref() == Some("calendar-multiget")
        });
        assert_eq!(fetched, 1);
    })
    .await;
}

#[tokio::test]
async fn an_expired_cursor_is_followed_by_a_full_pull_in_the_same_run() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, work) = stage.anna();
        work.put("a.ics", hour_event("a", 2, 9));
        work.put("b.ics", hour_event("b", 2, 14));
        stage.link(&account).await;
        stage.settle().await;
        let before = stage.calendar("work").await;
        work.delete("b.ics");
        work.put("c.ics", hour_event("c", 2, 16));
        work.expire_cursors();
        stage.pass_and_settle(17).await;
        let after = stage.calendar("work").await;
        assert_eq!(stage.busy(&after.calendar_id).await, [hour(2, 9), hour(2, 16)]);
        assert!(after.generation > before.generation);
        assert_eq!(after.failures, 0);
    })
    .await;
}

#[tokio::test]
async fn an_untouched_event_slides_into_the_window() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, work) = stage.anna();
        work.put("far.ics", event("far", "DTSTART:20280420T090000Z\nDTEND:20280420T100000Z"));
        stage.link(&account).await;
        stage.settle().await;
        let row = stage.calendar("work").await;
        assert!(stage.busy(&row.calendar_id).await.is_empty());
        // The network is away for good: the window moves on all the same.
        account.revoke_password();
        for _ in 0..20 {
            stage.pass_and_settle(27 * 60).await;
        }
        let later = stage.calendar("work").await;
        assert!(later.covered_until > row.covered_until);
        assert_eq!(stage.busy(&row.calendar_id).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn another_zone_of_the_owner_moves_floating_events() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, work) = stage.anna();
        work.put("f.ics", event("f", "DTSTART:20270302T090000\nDTEND:20270302T100000"));
        stage.link(&account).await;
        stage.settle().await;
        let id = stage.calendar("work").await.calendar_id;
        assert_eq!(stage.busy(&id).await, [hour(2, 9)]);
        let mut tx = stage.store.begin().await.unwrap();
        let zone = Some("Asia/Tokyo");
        let now = stage.now();
        tx.calendars().set_time_zone(&stage.tenant, &id, None, zone, now).await.unwrap();
        stage.engine.reread(&mut tx, &stage.tenant, &id).await.unwrap();
        tx.commit().await.unwrap();
        stage.settle().await;
        assert_eq!(stage.busy(&id).await, [hour(2, 0)]);
    })
    .await;
}

#[tokio::test]
async fn a_nudge_during_a_pull_is_not_lost() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, work) = stage.anna();
        stage.link(&account).await;
        stage.settle().await;
        let id = stage.calendar("work").await.calendar_id;
        let mut tx = stage.store.begin().await.unwrap();
        let now = stage.now();
        tx.work().nudge(&stage.tenant, "pull", id.as_str(), None, now).await.unwrap();
        let minute = Duration::from_secs(60);
        let ask = Claiming {
            share: Share::All,
            owner: "another",
            limit: 1,
            lease: minute,
            now,
            last: "",
        };
        let claimed = tx.work().claim("pull", &ask).await.unwrap();
        tx.commit().await.unwrap();
        // While that one reads, the person edits and a hook nudges.
        work.put("late.ics", hour_event("late", 2, 9));
        stage.engine.refresh(&stage.tenant, &id).await.unwrap();
        let mut tx = stage.store.begin().await.unwrap();
        let later = now.saturating_add(Duration::from_secs(900)).unwrap();
        assert!(tx.work().finish(&claimed[0], Some(later), None).await.unwrap());
        tx.commit().await.unwrap();
        assert!(stage.settle().await >= 1, "due again at once");
        assert_eq!(stage.busy(&id).await, [hour(2, 9)]);
    })
    .await;
}

#[tokio::test]
async fn a_crash_between_transactions_repeats_and_changes_nothing_twice() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, work) = stage.anna();
        for n in 0..30 {
            work.put(&format!("{n}.ics"), hour_event(&n.to_string(), 1 + n, 9));
        }
        stage.link(&account).await;
        // As a crash after the first pages leaves it: rows without the cursor that covers them.
        stage.settle().await;
        let before = stage.calendar("work").await;
        let busy = stage.busy(&before.calendar_id).await;
        let mut tx = stage.store.begin().await.unwrap();
        let (tenant, id, now) = (&stage.tenant, &before.calendar_id, stage.now());
        tx.calendars().forget_cursor(tenant, id, now).await.unwrap();
        tx.commit().await.unwrap();
        let told = stage.changes().await.len();
        stage.sync().await;
        assert_eq!(stage.busy(&before.calendar_id).await, busy);
        assert_eq!(stage.changes().await.len(), told, "nothing is told twice");
        assert!(stage.calendar("work").await.read_cursor.is_some());
    })
    .await;
}

#[tokio::test]
async fn a_dry_run_tells_what_would_change_and_changes_nothing() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, work) = stage.anna();
        work.put("a.ics", hour_event("a", 2, 9));
        stage.link(&account).await;
        stage.settle().await;
        let before = stage.calendar("work").await;
        work.put("a.ics", hour_event("a", 2, 10));
        work.put("b.ics", hour_event("b", 3, 10));
        let all = Selector::All;
        let planned = stage.engine.dry_run(&stage.tenant, &all, false).await.unwrap().unwrap();
        let pulled = planned[0].outcome.as_ref().unwrap();
        assert_eq!((pulled.items_changed, pulled.added, pulled.removed), (2, 2, 1));
        assert_eq!(stage.calendar("work").await, before);
        assert_eq!(stage.busy(&before.calendar_id).await, [hour(2, 9)]);
    })
    .await;
}

#[tokio::test]
async fn pulling_now_makes_a_calendar_fresh() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, work) = stage.anna();
        stage.link(&account).await;
        stage.settle().await;
        let id = stage.calendar("work").await.calendar_id;
        work.put("a.ics", hour_event("a", 2, 9));
        stage.pass(Duration::from_secs(60));
        let patience = Duration::from_secs(5);
        let ids = std::slice::from_ref(&id);
        let fresh = stage.engine.pull_now(&stage.tenant, ids, patience).await;
        assert!(fresh[0].is_fresh);
        assert_eq!(stage.calendar("work").await.synced_at, Some(stage.clock.now()));
        assert_eq!(stage.busy(&id).await, [hour(2, 9)]);
    })
    .await;
}
