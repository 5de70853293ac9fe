//! Listings keep ids, pulls move cursor and age together, kept answers replay.

use calhub::{
    model::{interval::Span, states::InitialSync},
    store::{Begun, CalendarFilter, IdempotencyKey, PullOutcome},
};

use super::*;
use crate::support::engines::on_each_engine;

#[tokio::test]
async fn a_listing_keeps_the_ids_of_known_calendars() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let connection = connection_id("a");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        let mut renamed = listed("a");
        renamed.calendar_id = calendar_id("other");
        renamed.name = "Renamed".to_owned();
        let listing = [renamed, listed("b")];
        let mut calendars = tx.calendars();
        let written = calendars.upsert_listed(&tenant, &connection, &listing, at(9)).await.unwrap();
        assert_eq!(written, 2);
        let written =
            calendars.upsert_listed(&tenant, &connection, &listing, at(10)).await.unwrap();
        assert_eq!(written, 0, "an unchanged listing writes nothing");
        let rows = calendars.by_connection(&tenant, &connection).await.unwrap();
        let names: Vec<_> =
            rows.iter().map(|row| (row.calendar_id.as_str(), row.name.as_str())).collect();
        assert_eq!(names, [("cal_a", "Renamed"), ("cal_b", "b")]);
        assert_eq!(rows[0].touched_at, at(9));
    })
    .await;
}

#[tokio::test]
async fn a_calendar_that_is_no_longer_listed_stays_and_says_so() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let connection = connection_id("a");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        let mut calendars = tx.calendars();
        let listing = [listed("b")];
        calendars.upsert_listed(&tenant, &connection, &listing, at(1)).await.unwrap();
        let rows = calendars.by_connection(&tenant, &connection).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.listed).collect::<Vec<_>>(), [false, true]);
        let listing = [listed("a"), listed("b")];
        calendars.upsert_listed(&tenant, &connection, &listing, at(2)).await.unwrap();
        assert!(calendars.get(&tenant, &calendar_id("a")).await.unwrap().unwrap().listed);
    })
    .await;
}

#[tokio::test]
async fn a_finished_pull_moves_cursor_coverage_and_age_and_a_failed_one_does_not() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let calendar = calendar_id("a");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        let outcome = PullOutcome {
            cursor: Some("sync-1".to_owned()),
            generation: 3,
            synced_at: at(100),
            covered: Span::new(at(-10), at(10)).unwrap(),
            poll_every: Duration::from_mins(5),
            expected_max_age: Duration::from_mins(10),
            published_at: None,
            full_at: Some(at(100)),
            name: None,
            time_zone: Some("Asia/Tokyo".to_owned()),
        };
        let mut calendars = tx.calendars();
        assert!(
            calendars.finish_pull(&tenant, &calendar, &outcome, at(101)).await.unwrap().is_some()
        );
        assert!(calendars.fail_pull(&tenant, &calendar, "timeout", at(102)).await.unwrap());
        let row = calendars.get(&tenant, &calendar).await.unwrap().unwrap();
        assert_eq!(row.read_cursor.as_deref(), Some("sync-1"));
        assert_eq!((row.generation, row.synced_at), (3, Some(at(100))));
        assert_eq!((row.covered_from, row.covered_until), (Some(at(-10)), Some(at(10))));
        assert_eq!(row.initial_sync, InitialSync::Done);
        assert_eq!((row.failures, row.last_error.as_deref()), (1, Some("timeout")));
        assert_eq!((row.name.as_str(), row.time_zone.as_deref()), ("a", Some("Asia/Tokyo")));
        assert_eq!(row.revision, 1);
        assert_eq!(calendars.touched_since(at(102)).await.unwrap(), [row]);
        assert!(calendars.touched_since(at(103)).await.unwrap().is_empty());
        assert!(calendars.forget_cursor(&tenant, &calendar, at(104)).await.unwrap());
        let aside = json!({"missing": 7});
        calendars.set_quarantine(&tenant, &calendar, Some(&aside), at(105)).await.unwrap();
        let quarantined = calendars.quarantined(&tenant).await.unwrap();
        assert_eq!(quarantined[0].quarantine, Some(aside));
        assert_eq!(quarantined[0].read_cursor, None);
    })
    .await;
}

#[tokio::test]
async fn pages_of_calendars_meet_without_gap_or_overlap() {
    on_each_engine(async |bed| {
        let mut tx = bed.store.begin().await.unwrap();
        for name in ["t1", "t2"] {
            let tenant = tenant_id(name);
            seed(&mut tx, &tenant).await;
            let listing = [listed("a"), listed("b"), listed("c")];
            let connection = connection_id("a");
            tx.calendars().upsert_listed(&tenant, &connection, &listing, at(0)).await.unwrap();
        }
        let mut seen = Vec::new();
        loop {
            let last: Option<CalendarRow> = seen.last().cloned();
            let after = last.as_ref().map(|row| (&row.tenant_id, &row.calendar_id));
            let page = tx.calendars().all(after, 4).await.unwrap();
            if page.is_empty() {
                break;
            }
            seen.extend(page);
        }
        assert_eq!(seen.len(), 6);
        let filter =
            CalendarFilter { after: Some(calendar_id("a")), limit: 1, connection_id: None };
        let page = tx.calendars().list(&tenant_id("t2"), &filter).await.unwrap();
        assert_eq!(page[0].calendar_id, calendar_id("b"));
        let some = [calendar_id("c"), calendar_id("zzz"), calendar_id("a")];
        let many = tx.calendars().get_many(&tenant_id("t1"), &some).await.unwrap();
        assert_eq!(many.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_ones_answer() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let lease = Duration::from_secs(30);
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        let key = IdempotencyKey {
            tenant_id: tenant,
            route: "POST /v1/resources".to_owned(),
            key: "k".to_owned(),
        };
        let other_route = IdempotencyKey { route: "POST /v1/keys".to_owned(), ..key.clone() };
        let mut kept = tx.idempotency();
        assert_eq!(
            kept.begin(&key, b"h1", "hub", lease, at(0)).await.unwrap(),
            Begun::Fresh { since: at(0) }
        );
        assert_eq!(
            kept.begin(&other_route, b"h1", "hub", lease, at(0)).await.unwrap(),
            Begun::Fresh { since: at(0) }
        );
        assert_eq!(kept.begin(&key, b"h1", "hub", lease, at(1)).await.unwrap(), Begun::Running);
        assert_eq!(kept.begin(&key, b"h2", "hub", lease, at(1)).await.unwrap(), Begun::Mismatch);
        kept.take_over("hub").await.unwrap();
        let taken = kept.begin(&key, b"h1", "hub", lease, at(1)).await.unwrap();
        assert_eq!(taken, Begun::Fresh { since: at(0) }, "its hub started again");
        let after_lease = kept.begin(&key, b"h1", "hub", lease, at(31)).await.unwrap();
        assert_eq!(after_lease, Begun::Fresh { since: at(0) }, "its holder died");
        kept.finish(&key, 201, b"{}").await.unwrap();
        let replay = Begun::Replay { status: 201, answer: b"{}".to_vec() };
        assert_eq!(kept.begin(&key, b"h1", "hub", lease, at(500)).await.unwrap(), replay);
        assert_eq!(kept.begin(&key, b"h2", "hub", lease, at(500)).await.unwrap(), Begun::Mismatch);
        kept.give_up(&key).await.unwrap();
        assert_eq!(kept.begin(&key, b"h1", "hub", lease, at(500)).await.unwrap(), replay);
        kept.give_up(&other_route).await.unwrap();
        assert_eq!(
            kept.begin(&other_route, b"h2", "hub", lease, at(500)).await.unwrap(),
            Begun::Fresh { since: at(500) }
        );
        assert_eq!(kept.forget(at(1000)).await.unwrap(), 2);
    })
    .await;
}
