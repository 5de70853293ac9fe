//! A removal that looks like a fault is held back (`design.md` rule 12).

use calhub::audit::By;
use calhub::sync::quarantine::Word;
use simulators::{Act, Calendar, Fault};

use crate::support::{
    engines::on_each_engine,
    stage::{Stage, hour, hour_event},
};

async fn twelve_hours(stage: &Stage) -> Calendar {
    let (account, work) = stage.anna();
    for n in 0..12 {
        work.put(&format!("{n}.ics"), hour_event(&n.to_string(), 10 + n, 9));
    }
    stage.link(&account).await;
    stage.settle().await;
    work
}

#[tokio::test]
async fn an_empty_listing_frees_nothing_and_a_full_one_clears_the_doubt() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let work = twelve_hours(&stage).await;
        let id = stage.calendar("work").await.calendar_id;
        work.expire_cursors();
        work.put("new.ics", hour_event("new", 25, 9));
        stage.world.fault(Fault::new(Act::EmptyRows).turn(simulators::Turn::Every));
        stage.pass_and_settle(17).await;
        assert_eq!(stage.busy(&id).await.len(), 12);
        stage.world.clear_faults();
        stage.pass_and_settle(2).await;
        assert_eq!(stage.busy(&id).await.len(), 13);
        assert!(stage.calendar("work").await.quarantine.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_mass_deletion_is_held_until_a_second_listing_misses_the_same() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let work = twelve_hours(&stage).await;
        let id = stage.calendar("work").await.calendar_id;
        for n in 0..8 {
            work.delete(&format!("{n}.ics"));
        }
        work.put("new.ics", hour_event("new", 25, 9));
        stage.pass_and_settle(17).await;
        let busy = stage.busy(&id).await;
        assert_eq!(busy.len(), 13, "additions are stored, removals wait");
        assert!(busy.contains(&hour(25, 9)));
        assert!(stage.calendar("work").await.quarantine.is_some());
        assert!(stage.kinds().await.contains(&"calendar.quarantined".to_owned()));
        let held = stage.engine.quarantined(&stage.tenant).await.unwrap();
        assert_eq!(held[0].held.lost, 8, "what is new elsewhere gives none of it back");

        stage.pass_and_settle(2).await;
        assert_eq!(stage.busy(&id).await.len(), 5);
        assert!(stage.calendar("work").await.quarantine.is_none());
    })
    .await;
}

#[tokio::test]
async fn an_operator_may_reject_and_later_confirm_a_removal() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let work = twelve_hours(&stage).await;
        let id = stage.calendar("work").await.calendar_id;
        for n in 0..8 {
            work.delete(&format!("{n}.ics"));
        }
        stage.pass_and_settle(17).await;
        let by = By::hub();
        let judge = |word| stage.engine.judge_quarantine(&by, &stage.tenant, &id, word);
        assert!(judge(Word::Rejected).await.unwrap());
        for _ in 0..4 {
            stage.pass_and_settle(17).await;
            assert_eq!(stage.busy(&id).await.len(), 12);
        }
        work.delete("9.ics");
        stage.pass_and_settle(17).await;
        assert_eq!(stage.busy(&id).await.len(), 11, "an everyday deletion goes through");
        assert!(judge(Word::Confirmed).await.unwrap());
        stage.settle().await;
        assert_eq!(stage.busy(&id).await.len(), 3);
        assert!(!judge(Word::Confirmed).await.unwrap(), "there is nothing left to judge");
    })
    .await;
}

#[tokio::test]
async fn a_few_deletions_are_believed_at_once() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let work = twelve_hours(&stage).await;
        let id = stage.calendar("work").await.calendar_id;
        work.delete("0.ics");
        work.delete("1.ics");
        stage.pass_and_settle(17).await;
        assert_eq!(stage.busy(&id).await.len(), 10);
    })
    .await;
}
