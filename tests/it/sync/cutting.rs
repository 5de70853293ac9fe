//! Rounds that end in the middle: the cursor moves only with its data.

use std::{sync::Arc, time::Duration};

use calhub::queue;
use simulators::{Act, Fault, Turn};

use crate::support::{
    engines::{on_each_engine, on_sqlite},
    stage::{Stage, hour_event},
};

async fn sixty_in_pages_of_ten(stage: &Stage) -> simulators::Calendar {
    let (account, work) = stage.anna();
    account.tune(|profile| profile.sync.page = Some(10));
    for n in 0..60 {
        work.put(&format!("{n}.ics"), hour_event(&n.to_string(), 1 + n % 28, 8 + n / 28));
    }
    stage.link(&account).await;
    work
}

#[tokio::test]
async fn a_cut_at_any_request_of_a_round_loses_nothing() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let work = sixty_in_pages_of_ten(&stage).await;
        for nth in 1..=9 {
            stage.world.fault(Fault::new(Act::DropBefore).turn(Turn::Nth(nth)));
            stage.pass_and_settle(2).await;
            stage.world.clear_faults();
        }
        stage.pass_and_settle(17).await;
        stage.pass_and_settle(17).await;
        let row = stage.calendar("work").await;
        assert_eq!(row.failures, 0);
        assert_eq!(stage.busy(&row.calendar_id).await.len(), work.resources().len());
    })
    .await;
}

#[tokio::test]
async fn pages_before_a_cut_are_kept_but_the_cursor_waits() {
    on_sqlite(async |bed| {
        let stage = Stage::new(&bed.store).await;
        sixty_in_pages_of_ten(&stage).await;
        let third = Fault::new(Act::DropBefore).report("calendar-multiget").turn(Turn::From(3));
        stage.world.fault(third);
        stage.settle().await;
        let row = stage.calendar("work").await;
        assert!(row.read_cursor.is_none(), "no cursor without its data");
        assert_eq!(row.initial_sync.as_str(), "pending");
        assert_eq!(stage.busy(&row.calendar_id).await.len(), 20);
        stage.world.clear_faults();
        stage.pass_and_settle(2).await;
        let row = stage.calendar("work").await;
        assert!(row.read_cursor.is_some());
        assert_eq!(stage.busy(&row.calendar_id).await.len(), 60);
    })
    .await;
}

/// The control: the same check does find the loss when a cursor is saved ahead of its data.
#[tokio::test]
async fn a_cursor_saved_before_its_data_would_lose_the_edit() {
    on_sqlite(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, work) = stage.anna();
        stage.link(&account).await;
        stage.settle().await;
        let row = stage.calendar("work").await;
        work.put("lost.ics", hour_event("lost", 2, 9));
        stage.pass_and_settle(17).await;
        let ahead = stage.calendar("work").await.read_cursor;
        assert_ne!(ahead, row.read_cursor);
        // The cursor of after the edit, and nothing of the edit.
        let mut tx = stage.store.begin().await.unwrap();
        let id = &row.calendar_id;
        let busy = tx.events().busy_of_calendar(&stage.tenant, id).await.unwrap();
        tx.events().busy_delete(&stage.tenant, id, &busy).await.unwrap();
        let items: Vec<String> =
            tx.events().versions(&stage.tenant, id).await.unwrap().into_keys().collect();
        tx.events().delete_many(&stage.tenant, id, &items).await.unwrap();
        tx.commit().await.unwrap();
        stage.pass_and_settle(17).await;
        assert!(stage.busy(id).await.is_empty(), "a delta cannot tell it again");
        // Which is why everything is listed once a day all the same.
        for _ in 0..100 {
            stage.pass_and_settle(17).await;
        }
        assert_eq!(stage.busy(id).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn workers_pull_what_a_nudge_makes_due() {
    on_sqlite(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, work) = stage.anna();
        work.put("a.ics", hour_event("a", 2, 9));
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let lanes = Arc::clone(&stage.engine);
        let queue = queue::start(lanes, async move {
            let _ = stopped.await;
        });
        let mut news = stage.store.bell();
        stage.link(&account).await;
        let patience = Duration::from_secs(20);
        tokio::time::timeout(patience, async {
            while !stage.kinds().await.contains(&"connection.healthy".to_owned()) {
                news.changed().await.unwrap();
            }
        })
        .await
        .unwrap();
        let id = stage.calendar("work").await.calendar_id;
        assert_eq!(stage.busy(&id).await.len(), 1);
        stop.send(()).unwrap();
        queue.ended().await;
    })
    .await;
}
