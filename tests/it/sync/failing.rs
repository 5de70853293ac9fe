//! Faults never free time, and cost little.

use std::time::Duration;

use calhub::sync::Removal;
use simulators::{Act, Fault};

use crate::support::{
    engines::{on_each_engine, on_sqlite},
    stage::{Stage, event, hour, hour_event},
};

#[tokio::test]
async fn no_fault_frees_time_and_the_first_good_answer_heals() {
    let faults = [
        Act::Status { status: 401, retry_after_s: None, body: String::new() },
        Act::Status { status: 403, retry_after_s: None, body: String::new() },
        Act::Status { status: 404, retry_after_s: None, body: String::new() },
        Act::Status { status: 410, retry_after_s: None, body: String::new() },
        Act::Status { status: 500, retry_after_s: None, body: String::new() },
        Act::Status { status: 503, retry_after_s: Some(30), body: String::new() },
        Act::Body { body: "<html>sign in</html>".into(), content_type: "text/html".into() },
        Act::Body { body: String::new(), content_type: "application/xml".into() },
        Act::TruncateBody { keep: 40 },
        Act::DropBefore,
    ];
    on_sqlite(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, work) = stage.anna();
        for n in 0..6 {
            work.put(&format!("{n}.ics"), hour_event(&n.to_string(), 2 + n, 9));
        }
        let connection = stage.link(&account).await;
        stage.settle().await;
        let id = stage.calendar("work").await.calendar_id;
        let busy = stage.busy(&id).await;
        for act in &faults {
            stage.world.fault(Fault::new(act.clone()));
            for _ in 0..6 {
                stage.pass_and_settle(17).await;
                assert_eq!(stage.busy(&id).await, busy, "{act:?}");
            }
            stage.world.clear_faults();
            for _ in 0..8 {
                stage.pass_and_settle(17).await;
            }
            let row = stage.calendar("work").await;
            assert_eq!(row.failures, 0, "{act:?}: {row:?}");
            assert_eq!(stage.state(&connection).await.as_str(), "healthy", "{act:?}");
            assert!(row.quarantine.is_none(), "{act:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_refused_login_needs_the_person_and_costs_no_more_than_a_healthy_one() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, work) = stage.anna();
        work.put("a.ics", hour_event("a", 2, 9));
        let connection = stage.link(&account).await;
        stage.settle().await;
        account.revoke_password();
        stage.pass_and_settle(17).await;
        assert_eq!(stage.state(&connection).await.as_str(), "needs_reauth");
        for _ in 0..60 {
            stage.pass_and_settle(1).await;
        }
        stage.world.clear_log();
        for _ in 0..(6 * 60) {
            stage.pass_and_settle(1).await;
        }
        let asked = stage.world.log().len();
        assert!(asked <= 27, "{asked} requests in six hours of a refused login");
        let id = stage.calendar("work").await.calendar_id;
        assert_eq!(stage.busy(&id).await, [hour(2, 9)]);

        account.set_password("new");
        let asked = Stage::caldav(&account, "new");
        let linked = stage.linker.link(&stage.tenant, asked).await.unwrap();
        assert!(!linked.created);
        assert_eq!(linked.connection_id, connection);
        stage.settle().await;
        assert_eq!(stage.state(&connection).await.as_str(), "healthy");
        let told = stage.kinds().await;
        assert_eq!(told.iter().filter(|kind| *kind == "connection.needs_reauth").count(), 1);
        assert_eq!(told.iter().filter(|kind| *kind == "connection.healthy").count(), 2);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_sent_before_retry_after() {
    on_sqlite(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, _) = stage.anna();
        stage.link(&account).await;
        stage.settle().await;
        let away = Act::Status { status: 429, retry_after_s: Some(45 * 60), body: String::new() };
        stage.world.fault(Fault::new(away).once());
        stage.pass_and_settle(17).await;
        stage.world.clear_log();
        for _ in 0..44 {
            stage.pass_and_settle(1).await;
        }
        assert_eq!(stage.world.log().len(), 0);
        stage.pass_and_settle(8).await;
        assert!(!stage.world.log().is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_outage_makes_hardly_more_traffic_than_health() {
    on_sqlite(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, _) = stage.anna();
        stage.link(&account).await;
        stage.settle().await;
        let six_hours = async |stage: &Stage| {
            stage.world.clear_log();
            for _ in 0..(6 * 60) {
                stage.pass_and_settle(1).await;
            }
            stage.world.log().len()
        };
        let healthy = six_hours(&stage).await;
        stage.world.fault(Fault::new(Act::Status {
            status: 502,
            retry_after_s: None,
            body: String::new(),
        }));
        let outage = six_hours(&stage).await;
        assert!(
            outage * 10 <= healthy * 11 + 20,
            "{outage} requests in an outage, {healthy} in health"
        );
    })
    .await;
}

#[tokio::test]
async fn a_broken_item_spoils_nothing_but_itself() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, work) = stage.anna();
        work.put("a.ics", hour_event("a", 2, 9));
        work.put("poison.ics", event("p", "DTSTART:gibberish\nRRULE:FREQ=SOMETIMES"));
        let endless = "DTSTART:20270302T120000Z\nDTEND:20270302T120001Z\nRRULE:FREQ=SECONDLY";
        work.put("endless.ics", event("e", endless));
        work.put("b.ics", hour_event("b", 2, 11));
        let connection = stage.link(&account).await;
        stage.settle().await;
        let row = stage.calendar("work").await;
        let busy = stage.busy(&row.calendar_id).await;
        assert!(busy.contains(&hour(2, 9)) && busy.contains(&hour(2, 11)));
        assert_eq!(row.initial_sync.as_str(), "done");
        assert_eq!(stage.state(&connection).await.as_str(), "healthy");
        let mut tx = stage.store.read().await.unwrap();
        assert!(!tx.events().unexpandable(&stage.tenant, 10).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_calendar_is_gone_only_when_listing_and_pull_agree() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, work) = stage.anna();
        work.put("a.ics", hour_event("a", 2, 9));
        let connection = stage.link(&account).await;
        stage.settle().await;
        let id = stage.calendar("work").await.calendar_id;
        work.remove();
        for _ in 0..6 {
            stage.pass_and_settle(30).await;
        }
        let row = stage.calendar("work").await;
        assert!(!row.listed);
        assert_eq!(stage.busy(&id).await, [hour(2, 9)], "its busy time is kept");
        assert_eq!(stage.state(&connection).await.as_str(), "degraded");
    })
    .await;
}

#[tokio::test]
async fn a_removed_connection_leaves_nothing() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, work) = stage.anna();
        work.put("a.ics", hour_event("a", 2, 9));
        let connection = stage.link(&account).await;
        stage.settle().await;
        assert!(stage.linker.remove(&stage.tenant, &connection, Removal::PLAIN).await.unwrap());
        assert_eq!(stage.state(&connection).await.as_str(), "removing");
        stage.settle().await;
        assert!(stage.calendars().await.is_empty());
        let mut tx = stage.store.read().await.unwrap();
        assert!(tx.connections().get(&stage.tenant, &connection).await.unwrap().is_none());
        assert!(tx.work().list(&stage.tenant, None, None, 10).await.unwrap().is_empty());
        drop(tx);
        let kinds = stage.kinds().await;
        assert_eq!(kinds[kinds.len() - 2..], ["calendar.removed", "connection.removed"]);
        stage.pass(Duration::from_secs(1));
        assert!(!stage.linker.remove(&stage.tenant, &connection, Removal::PLAIN).await.unwrap());
    })
    .await;
}
